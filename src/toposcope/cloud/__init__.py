"""From a representation to a point cloud and its distances: draws, metrics, scale, outliers."""

from __future__ import annotations

from toposcope.cloud import metrics
from toposcope.cloud.components import principal_components
from toposcope.cloud.controls import (
    Control,
    ControlExcess,
    GaussianControl,
    ShuffledControl,
    control_excess,
    gaussian_control,
    shuffled_control,
)
from toposcope.cloud.metrics import METRICS, CloudMetric, metric_named, pairwise_distances
from toposcope.cloud.outliers import (
    Hubs,
    forest_outliers,
    hubs,
    local_outliers,
    norm_outliers,
    random_removal,
)
from toposcope.cloud.sampling import disjoint_draws
from toposcope.cloud.scale import scale_rule, scale_value
from toposcope.cloud.summary import duplicate_rows, effective_dimension
from toposcope.cloud.tokens import NORMAL_RATE, TokenOutliers, token_outliers

__all__ = [
    "METRICS",
    "NORMAL_RATE",
    "CloudMetric",
    "Control",
    "ControlExcess",
    "GaussianControl",
    "Hubs",
    "ShuffledControl",
    "TokenOutliers",
    "control_excess",
    "disjoint_draws",
    "duplicate_rows",
    "effective_dimension",
    "forest_outliers",
    "gaussian_control",
    "hubs",
    "local_outliers",
    "metric_named",
    "metrics",
    "norm_outliers",
    "pairwise_distances",
    "principal_components",
    "random_removal",
    "scale_rule",
    "scale_value",
    "shuffled_control",
    "token_outliers",
]
