"""The one entry to persistent homology."""

from __future__ import annotations

import math

import numpy as np

from toposcope import _check
from toposcope._errors import InputError, UnavailableError
from toposcope._types import Array, Float64, Floats
from toposcope.cloud.metrics import METRICS, pairwise_distances
from toposcope.cloud.scale import scale_rule, scale_value
from toposcope.diagram import Filtration, PersistenceDiagram
from toposcope.representation import Representation
from toposcope.rips.engine import persistence

_LARGEST_FIELD = 46337
"""Largest prime whose square fits the engine's 32-bit coefficients."""


def vietoris_rips(
    points: Array | Representation,
    max_degree: int = 1,
    metric: str = "euclidean",
    scale: str | float | None = None,
    field: int = 2,
    threshold: float | None = None,
    threads: int | None = None,
    representatives: bool = False,
) -> PersistenceDiagram:
    """Persistent homology of the Vietoris–Rips filtration of a cloud, exact in every degree up to `max_degree`.

    points: (n, d) array or Representation; with metric="precomputed" an (n, n) symmetric matrix of distances, in which
    `inf` means no edge. max_degree: highest homology degree. scale: what distances are divided by before homology
    (None: nothing; "q0.9": that quantile of this cloud's own distances; a number: itself). field: prime p,
    coefficients in Z/p. threshold: largest filtration value, inclusive, after scaling; classes alive there are
    essential. threads: of the computation; the present engine uses one.

    A filtration value is a diameter: an edge enters at its length. Computation is in the precision of the input,
    float32 or float64. No points give an empty diagram. Time and memory grow like n^(max_degree+2) in the worst case.

    Source: Bauer 2021, Ripser. Raises InputError for unusable arguments, ActivationError for points that are not
    finite, UnavailableError for representatives=True, which the present engine does not give.
    """
    degree = _check.integer(max_degree, "max_degree", at_least=0)
    rule = scale_rule(scale)
    prime = _prime(field)
    limit = math.inf if threshold is None else _check.real(threshold, "threshold", at_least=0.0)
    if threads is not None:
        _check.integer(threads, "threads", at_least=1)
    if representatives:
        raise UnavailableError(
            "representatives=True: the present engine computes bars without their simplices; "
            "call vietoris_rips without it"
        )
    _check.choice(metric, (*METRICS, "precomputed"), "metric")
    if metric == "precomputed":
        if isinstance(points, Representation):
            raise InputError("metric='precomputed' needs a matrix of distances, not a Representation of points")
        distances = _check.distance_matrix(points)
    else:
        distances = pairwise_distances(points, metric)
    value = scale_value(distances, rule)
    if value != 1.0:
        distances = distances / distances.dtype.type(value)
    bars = _bars(distances, degree, limit, prime, threads or 1)
    filtration = Filtration(
        metric=metric,
        scale=rule,
        threshold=None if threshold is None else limit,
        field=prime,
        n_points=len(distances),
        max_degree=degree,
        scale_value=value,
    )
    degrees = np.repeat(np.arange(degree + 1), [len(part) for part in bars])
    return PersistenceDiagram(np.concatenate(bars), degrees, filtration)


def _bars(distances: Floats, max_degree: int, threshold: float, field: int, threads: int) -> list[Float64]:
    """Bars per degree without those of zero length; the smallest clouds need no engine."""
    n = len(distances)
    if n == 0:
        return [np.empty((0, 2)) for _ in range(max_degree + 1)]
    parts = persistence(distances, max_degree, threshold, field, threads)
    return [part[part[:, 0] < part[:, 1]] for part in parts]


def _prime(field: int) -> int:
    p = _check.integer(field, "field", at_least=2)
    if p > _LARGEST_FIELD or any(p % q == 0 for q in range(2, math.isqrt(p) + 1)):
        raise InputError(f"field={field} must be a prime of at most {_LARGEST_FIELD}: coefficients are in Z/p")
    return p
