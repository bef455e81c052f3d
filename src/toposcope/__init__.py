"""toposcope: the shape of what neural networks learn.

Activations of any network's layers become point clouds; their Vietoris–Rips persistent homology is compared between
layers, architectures, checkpoints and data sets. See https://arxiv.org/abs/2407.06286 for the study it grew from.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from toposcope._errors import (
    ActivationError,
    FileError,
    IncomparableError,
    InputError,
    LayerError,
    MissingDependencyError,
    PlanError,
    TaskError,
    ToposcopeError,
    ToposcopeWarning,
    UnavailableError,
    WeightsError,
)
from toposcope._version import __version__
from toposcope.cloud import (
    ControlExcess,
    GaussianControl,
    Hubness,
    ShuffledControl,
    control_excess,
    disjoint_draws,
    forest_outliers,
    gaussian_control,
    hubness,
    local_outliers,
    norm_outliers,
    pairwise_distances,
    random_removal,
    shuffled_control,
)
from toposcope.comparison import Comparison
from toposcope.diagram import Filtration, PersistenceDiagram, Representatives, read_diagram
from toposcope.distances import (
    Bottleneck,
    Distance,
    SlicedWasserstein,
    Wasserstein,
    betti_curve,
    bottleneck,
    compare,
    descriptors,
    distance_named,
    landscape,
    persistence_entropy,
    persistence_image,
    sliced_wasserstein,
    total_persistence,
    wasserstein,
)
from toposcope.extract import extract
from toposcope.report import report
from toposcope.representation import Representation, Source, read_representation
from toposcope.result import Interval, TestResult
from toposcope.rips import LuneCounts, RipsEstimate, estimate_rips, lune_counts, vietoris_rips
from toposcope.run import run
from toposcope.stats import (
    BarSignificance,
    ConfidenceBand,
    EquivalenceResult,
    FasyBand,
    Margin,
    PowerPlan,
    PowerRow,
    bar_significance,
    confidence_band,
    fasy_band,
    plan_power,
    seed_twin_margin,
    test_equivalence,
)

if TYPE_CHECKING:
    from toposcope.study import Results, Study

__all__ = [
    "ActivationError",
    "BarSignificance",
    "Bottleneck",
    "Comparison",
    "ConfidenceBand",
    "ControlExcess",
    "Distance",
    "EquivalenceResult",
    "FasyBand",
    "FileError",
    "Filtration",
    "GaussianControl",
    "Hubness",
    "IncomparableError",
    "InputError",
    "Interval",
    "LayerError",
    "LuneCounts",
    "Margin",
    "MissingDependencyError",
    "PersistenceDiagram",
    "PlanError",
    "PowerPlan",
    "PowerRow",
    "Representation",
    "Representatives",
    "Results",
    "RipsEstimate",
    "ShuffledControl",
    "SlicedWasserstein",
    "Source",
    "Study",
    "TaskError",
    "TestResult",
    "ToposcopeError",
    "ToposcopeWarning",
    "UnavailableError",
    "Wasserstein",
    "WeightsError",
    "__version__",
    "bar_significance",
    "betti_curve",
    "bottleneck",
    "compare",
    "confidence_band",
    "control_excess",
    "descriptors",
    "disjoint_draws",
    "distance_named",
    "estimate_rips",
    "extract",
    "fasy_band",
    "forest_outliers",
    "gaussian_control",
    "hubness",
    "landscape",
    "local_outliers",
    "lune_counts",
    "norm_outliers",
    "pairwise_distances",
    "persistence_entropy",
    "persistence_image",
    "plan_power",
    "random_removal",
    "read_diagram",
    "read_representation",
    "report",
    "run",
    "seed_twin_margin",
    "shuffled_control",
    "sliced_wasserstein",
    "test_equivalence",
    "total_persistence",
    "vietoris_rips",
    "wasserstein",
]


def __getattr__(name: str) -> Any:
    """Plans come when they are asked for: their validation is the larger half of what an import would cost."""
    if name in ("Results", "Study"):
        from toposcope import study

        return getattr(study, name)
    raise AttributeError(f"module 'toposcope' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
