"""Distances between persistence diagrams, and the features that stand for one."""

from __future__ import annotations

from toposcope.distances.bottleneck import bottleneck
from toposcope.distances.compare import compare, distances_of_pairs
from toposcope.distances.features import (
    bars_above,
    betti_curve,
    descriptors,
    entropy_curve,
    landscape,
    persistence_entropy,
    persistence_image,
    silhouette,
    total_persistence,
)
from toposcope.distances.landscapes import Landscape, exact_landscape
from toposcope.distances.measures import Bottleneck, Bulk, Distance, SlicedWasserstein, Wasserstein, distance_named
from toposcope.distances.sliced import sliced_wasserstein
from toposcope.distances.wasserstein import wasserstein

__all__ = [
    "Bottleneck",
    "Bulk",
    "Distance",
    "Landscape",
    "SlicedWasserstein",
    "Wasserstein",
    "bars_above",
    "betti_curve",
    "bottleneck",
    "compare",
    "descriptors",
    "distance_named",
    "distances_of_pairs",
    "entropy_curve",
    "exact_landscape",
    "landscape",
    "persistence_entropy",
    "persistence_image",
    "silhouette",
    "sliced_wasserstein",
    "total_persistence",
    "wasserstein",
]
