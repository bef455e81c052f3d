"""From a representation to a point cloud and its distances: draws, metrics, scale, outliers."""

from __future__ import annotations

from toposcope.cloud.metrics import METRICS, pairwise_distances
from toposcope.cloud.outliers import local_outliers
from toposcope.cloud.sampling import disjoint_draws
from toposcope.cloud.scale import scale_value

__all__ = ["METRICS", "disjoint_draws", "local_outliers", "pairwise_distances", "scale_value"]
