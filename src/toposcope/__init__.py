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
from toposcope.cloud import disjoint_draws, local_outliers, pairwise_distances
from toposcope.comparison import Comparison, Matching
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

if TYPE_CHECKING:
    from toposcope.study import Results, Study

__all__ = [
    "ActivationError",
    "Bottleneck",
    "Comparison",
    "Distance",
    "FileError",
    "Filtration",
    "IncomparableError",
    "InputError",
    "Interval",
    "LayerError",
    "LuneCounts",
    "Matching",
    "MissingDependencyError",
    "PersistenceDiagram",
    "PlanError",
    "Representation",
    "Representatives",
    "Results",
    "RipsEstimate",
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
    "betti_curve",
    "bottleneck",
    "compare",
    "descriptors",
    "disjoint_draws",
    "distance_named",
    "estimate_rips",
    "extract",
    "landscape",
    "local_outliers",
    "lune_counts",
    "pairwise_distances",
    "persistence_entropy",
    "persistence_image",
    "read_diagram",
    "read_representation",
    "report",
    "run",
    "sliced_wasserstein",
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
