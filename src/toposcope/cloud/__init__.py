"""From a representation to a point cloud and its distances: draws, metrics, scale, outliers."""

from __future__ import annotations

from toposcope.cloud import metrics
from toposcope.cloud.metrics import METRICS, CloudMetric, metric_named, pairwise_distances
from toposcope.cloud.outliers import local_outliers
from toposcope.cloud.sampling import disjoint_draws
from toposcope.cloud.scale import scale_rule, scale_value
from toposcope.cloud.summary import duplicate_rows, effective_dimension

__all__ = [
    "METRICS",
    "CloudMetric",
    "disjoint_draws",
    "duplicate_rows",
    "effective_dimension",
    "local_outliers",
    "metric_named",
    "metrics",
    "pairwise_distances",
    "scale_rule",
    "scale_value",
]
