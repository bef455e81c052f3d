"""What topology stands beside: similarity of representations, and the geometry of one."""

from __future__ import annotations

from toposcope.similarity.cca import cca, pwcca, svcca
from toposcope.similarity.cka import cka
from toposcope.similarity.cross_barcode import cross_barcode, mtopdiv
from toposcope.similarity.dimension import mle_dimension, p_eff, participation_ratio, ph_dimension, two_nn
from toposcope.similarity.gulp import gulp
from toposcope.similarity.imd import imd
from toposcope.similarity.magnitude import (
    magnitude,
    magnitude_area,
    magnitude_difference,
    magnitude_function,
    magnitude_scale,
)
from toposcope.similarity.matrix import similarity_matrix
from toposcope.similarity.measures import DESCRIPTORS, MEASURES, Descriptor, Measure, diagram_distance
from toposcope.similarity.neighbours import hubness, mutual_knn
from toposcope.similarity.procrustes import procrustes, shape_distance
from toposcope.similarity.rsa import rsa
from toposcope.similarity.rtd import RTDScores, rtd, rtd_barcodes, rtd_lite
from toposcope.similarity.spread import anisotropy
from toposcope.similarity.table import Agreement, SimilarityTable, similarity_table

__all__ = [
    "DESCRIPTORS",
    "MEASURES",
    "Agreement",
    "Descriptor",
    "Measure",
    "RTDScores",
    "SimilarityTable",
    "anisotropy",
    "cca",
    "cka",
    "cross_barcode",
    "diagram_distance",
    "gulp",
    "hubness",
    "imd",
    "magnitude",
    "magnitude_area",
    "magnitude_difference",
    "magnitude_function",
    "magnitude_scale",
    "mle_dimension",
    "mtopdiv",
    "mutual_knn",
    "p_eff",
    "participation_ratio",
    "ph_dimension",
    "procrustes",
    "pwcca",
    "rsa",
    "rtd",
    "rtd_barcodes",
    "rtd_lite",
    "shape_distance",
    "similarity_matrix",
    "similarity_table",
    "svcca",
    "two_nn",
]
