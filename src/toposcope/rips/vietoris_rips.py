"""The one entry to persistent homology."""

from __future__ import annotations

import math

import numpy as np

from toposcope import _check
from toposcope._errors import InputError
from toposcope._types import Array
from toposcope.cloud.metrics import METRICS, CloudMetric, metric_named, pairwise_distances
from toposcope.cloud.scale import scale_rule, scale_value
from toposcope.diagram import Filtration, PersistenceDiagram
from toposcope.representation import Representation
from toposcope.rips import _native
from toposcope.rips.births import with_births
from toposcope.rips.components import components, scale_of
from toposcope.rips.engine import persistence, streams
from toposcope.rips.estimate import check_budget

_LARGEST_FIELD = 46337
"""Largest prime whose square fits gudhi's 32-bit coefficients."""


def vietoris_rips(
    points: Array | Representation,
    max_degree: int = 1,
    metric: str | CloudMetric = "euclidean",
    scale: str | float | None = None,
    field: int = 2,
    threshold: float | None = None,
    threads: int | None = None,
    representatives: bool = False,
    memory: float | None = None,
) -> PersistenceDiagram:
    """Persistent homology of the Vietoris–Rips filtration of a cloud, exact in every degree up to `max_degree`.

    points: (n, d) array or Representation; with metric="precomputed" an (n, n) symmetric matrix of distances, in which
    `inf` means no edge. max_degree: highest homology degree. metric: as `pairwise_distances` takes it, with parameters
    as an object of `ts.metrics` or as text; under `DTM` points have births, and bars of degree 0 start there. scale:
    what distances are divided by before homology (None: nothing; "q0.9": that quantile of this cloud's own distances; a
    number: itself). field: prime p, coefficients in Z/p. threshold: largest filtration value, inclusive, after scaling;
    classes alive there are essential. In float32 it is the float32 nearest to it, so that distances which were rounded
    from it are included. threads: of this diagram (None: one); the result is the same to the bit for every number.
    memory: budget in bytes; a request that may exceed it is refused before any work.

    representatives: also say which points make each bar, as `diagram.representatives`: the simplices of its birth and
    death, for degree 1 a short loop, for degree 0 the components that merge. They are not unique: another order of
    equal lengths, or another loop around the same hole, is as good.

    A filtration value is a diameter: an edge enters at its length. Computation is in the precision of the input,
    float32 or float64. No points give an empty diagram. Degrees 0 to 2 over Z/2 are the native kernel's; other fields
    and degrees go to gudhi, without representatives. Degree 0 alone, of more than 4096 points, needs no matrix of
    distances (unless representatives are asked for, or the metric is one of the whole cloud).

    Sources: the sweep over edges and their lunes is told in native/sweep.hpp, after Koyama, Mémoli, Robins and Turner
    2023, Kapulkin and Kershaw 2026, Boissonnat, Dey and Maria 2015, and Bauer 2021. Raises InputError for unusable
    arguments and an exceeded budget, ActivationError for points that are not finite, UnavailableError for
    representatives outside the kernel, MissingDependencyError when gudhi is needed and absent, MemoryError.
    """
    degree = _check.integer(max_degree, "max_degree", at_least=0)
    rule = scale_rule(scale)
    prime = prime_field(field)
    limit = math.inf if threshold is None else _check.real(threshold, "threshold", at_least=0.0)
    workers = 1 if threads is None else _check.integer(threads, "threads", at_least=1)
    budget = math.inf if memory is None else _check.real(memory, "memory", above=0.0)
    if isinstance(metric, str) and "(" not in metric:
        _check.choice(metric, (*METRICS, "precomputed"), "metric")
    kind = metric if metric == "precomputed" else metric_named(metric)
    of_the_cloud = isinstance(kind, CloudMetric)
    if metric == "precomputed" and isinstance(points, Representation):
        raise InputError("metric='precomputed' needs a matrix of distances, not a Representation of points")
    if metric == "precomputed":
        cloud = _check.distance_matrix(points, is_sound=_native.is_distances)
    else:
        cloud = _check.points(points)

    if metric != "precomputed" and not representatives and streams(len(cloud), degree, prime, of_the_cloud):
        if math.isfinite(budget):
            check_budget(len(cloud), cloud.shape[1], cloud.dtype.itemsize, degree, workers, budget, of_the_cloud)
        value = scale_of(cloud, str(kind), rule) if isinstance(rule, str) else scale_value(cloud, rule)
        bars = components(cloud, str(kind), limit, value)
    else:
        if math.isfinite(budget):
            dimension = 0 if metric == "precomputed" else cloud.shape[1]
            check_budget(len(cloud), dimension, cloud.dtype.itemsize, degree, workers, budget, of_the_cloud)
        distances = cloud if metric == "precomputed" else pairwise_distances(cloud, kind, threads=workers)
        value = scale_value(distances, rule)
        if value != 1.0:
            # In place, unless the distances are the caller's.
            divisor = distances.dtype.type(value)
            distances = np.divide(distances, divisor, out=None if metric == "precomputed" else distances)
        births = np.diagonal(distances).copy()
        if births.any():
            np.fill_diagonal(distances, 0)
        bars = persistence(distances, degree, limit, prime, workers, representatives)
        if births.any():
            bars = with_births(bars, distances, births, limit)
    filtration = Filtration(
        metric=str(kind),
        scale=rule,
        threshold=limit if math.isfinite(limit) else None,
        field=prime,
        n_points=len(cloud),
        max_degree=degree,
        scale_value=value,
    )
    return PersistenceDiagram(bars.pairs, bars.degrees, filtration, bars.representatives)


def prime_field(field: int) -> int:
    """`field` if it is a prime that every engine takes. Raises InputError."""
    p = _check.integer(field, "field", at_least=2)
    if p > _LARGEST_FIELD or any(p % q == 0 for q in range(2, math.isqrt(p) + 1)):
        raise InputError(f"field={field} must be a prime of at most {_LARGEST_FIELD}: coefficients are in Z/p")
    return p
