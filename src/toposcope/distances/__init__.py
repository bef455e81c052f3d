"""Distances between persistence diagrams, and the features that stand for one."""

from __future__ import annotations

from toposcope.distances.bottleneck import bottleneck
from toposcope.distances.compare import compare, distances_of_pairs
from toposcope.distances.features import (
    betti_curve,
    descriptors,
    landscape,
    persistence_entropy,
    persistence_image,
    total_persistence,
)
from toposcope.distances.measures import Bottleneck, Bulk, Distance, SlicedWasserstein, Wasserstein, distance_named
from toposcope.distances.sliced import sliced_wasserstein
from toposcope.distances.wasserstein import wasserstein

__all__ = [
    "Bottleneck",
    "Bulk",
    "Distance",
    "SlicedWasserstein",
    "Wasserstein",
    "betti_curve",
    "bottleneck",
    "compare",
    "descriptors",
    "distance_named",
    "distances_of_pairs",
    "landscape",
    "persistence_entropy",
    "persistence_image",
    "sliced_wasserstein",
    "total_persistence",
    "wasserstein",
]
