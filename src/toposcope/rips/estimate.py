"""What a diagram will cost in memory and operations, before any work starts."""

from __future__ import annotations

import dataclasses

import numpy as np

from toposcope import _check
from toposcope._errors import InputError
from toposcope._types import Array
from toposcope.cloud.metrics import METRICS, CloudMetric, metric_named, pairwise_distances
from toposcope.representation import Representation
from toposcope.rips import _native
from toposcope.rips.engine import KERNEL_DEGREE, MOST_POINTS, streams

_SAMPLE = 256
"""Points of the sample that is swept; half of it is swept as well, to see how counts grow."""


@dataclasses.dataclass(frozen=True)
class RipsEstimate:
    """The forecast cost of one diagram.

    n_points, max_degree: the request. matrix_bytes: distances and what computing them takes. kernel_bytes: at most, on
    top of that, unless very many distances are equal. operations: of one core, roughly; some 10⁹ of them take a second.
    distance_operations: those of the distances alone, included in `operations`.
    """

    n_points: int
    max_degree: int
    matrix_bytes: int
    kernel_bytes: int
    operations: float
    distance_operations: float

    @property
    def bytes(self) -> int:
        """Memory in all, without the points themselves."""
        return self.matrix_bytes + self.kernel_bytes


def estimate_rips(
    points: Array | Representation,
    max_degree: int = 1,
    metric: str | CloudMetric = "euclidean",
    n_points: int | None = None,
    threads: int | None = None,
) -> RipsEstimate:
    """Memory and operations of `vietoris_rips` on a cloud like this one, over Z/2.

    points: (n, d) array or Representation, or an (n, n) matrix for metric="precomputed"; only a sample of at most 256
    rows is looked at. n_points: of the cloud that is planned (None: n). Memory is an upper bound by size and degree.
    Operations are extrapolated from sweeps over the sample and its half, and may be several times off: how long loops
    live in a large cloud is not seen in a small one.

    Raises InputError for a degree above 2, which is gudhi's and not forecast.
    """
    degree = _check.integer(max_degree, "max_degree")
    if degree > KERNEL_DEGREE:
        raise InputError(f"max_degree={degree} is not forecast; the native kernel goes up to {KERNEL_DEGREE}")
    if isinstance(metric, str) and "(" not in metric:
        _check.choice(metric, (*METRICS, "precomputed"), "metric")
    name = metric if metric == "precomputed" else metric_named(metric)
    of_the_cloud = isinstance(name, CloudMetric)
    cloud = _check.floats(getattr(points, "points", points), "points")
    if cloud.ndim != 2:
        raise InputError(f"points has shape {cloud.shape}, but a cloud is (n, d), one row per input")
    n = len(cloud) if n_points is None else _check.integer(n_points, "n_points")
    workers = 1 if threads is None else _check.integer(threads, "threads", at_least=1)
    dimension = 0 if name == "precomputed" else cloud.shape[1]
    rows = np.unique(np.linspace(0, max(0, len(cloud) - 1), min(len(cloud), _SAMPLE)).astype(np.int64))
    sample = (
        cloud[np.ix_(rows, rows)]
        if name == "precomputed"
        else pairwise_distances(cloud[rows], "euclidean" if of_the_cloud else name)
    )
    distance_operations = 0.5 * n * n * dimension / 4 + (float(n) ** 3 if of_the_cloud else 0.0)
    return RipsEstimate(
        n_points=n,
        max_degree=degree,
        matrix_bytes=distance_bytes(
            n, dimension, cloud.dtype.itemsize, degree, of_the_cloud, given=name == "precomputed"
        ),
        kernel_bytes=kernel_bytes(n, degree, workers),
        operations=distance_operations + _sweep_operations(np.ascontiguousarray(sample), n, degree),
        distance_operations=distance_operations,
    )


def distance_bytes(
    n: int, dimension: int, itemsize: int, max_degree: int, of_the_cloud: bool = False, given: bool = False
) -> int:
    """Distances and what computing them takes: all in a matrix, or a block of them at a time. given: as a matrix."""
    if not given and streams(n, max_degree, of_the_cloud=of_the_cloud):
        return _streamed_bytes(n, dimension, itemsize)
    return matrix_bytes(n, dimension, itemsize, of_the_cloud)


def _streamed_bytes(n: int, dimension: int, itemsize: int) -> int:
    """At most what degree 0 takes without a matrix: distances of a block and what is done with them, edges, counts."""
    return 4 * itemsize * 4096**2 + 300 * n + 8 * 4096 * dimension + (1 << 27)


def matrix_bytes(n: int, dimension: int, itemsize: int, of_the_cloud: bool = False) -> int:
    """The matrix of distances and what computing it takes: little, but for a metric of the whole cloud."""
    working = 0 if dimension == 0 else (1 << 25) + (64 * n * n if of_the_cloud else 0)
    return n * n * itemsize + working


def kernel_bytes(n: int, max_degree: int, threads: int = 1) -> int:
    """At most what the kernel takes on top of the matrix: the graph as bits for every thread, windows of edges, what it
    remembers of edges and triangles. Where very many distances are equal, windows cannot be cut and take more.
    """
    if max_degree == 0:
        return 64 * n
    words = -(-n // 256) * 4
    edges = 48 * max(1 << 16, n * n // 64)
    triangles = 100 << 20 if max_degree > 1 else 0
    return threads * 8 * n * words + _window_bytes(n, threads) + edges + triangles + (1 << 20)


def _window_bytes(n: int, threads: int) -> int:
    """The windows of one pass over the matrix and two copies of one to sort it, as native/windows.hpp cuts them."""
    each = max(1 << 16, n * n // 40)
    windows = 1 if n < 1500 else min(4, max(1, (1 << 21) // each))
    slack = 8 * n * windows * (1 if threads == 1 else 4 * threads)
    return 8 * each * (windows + 2) * 5 // 4 + slack


def check_budget(
    n: int,
    dimension: int,
    itemsize: int,
    max_degree: int,
    threads: int,
    memory: float,
    of_the_cloud: bool = False,
) -> None:
    """Raise InputError when a diagram may take more than `memory` bytes, saying how many points would fit."""

    def needed(points: int) -> int:
        distances = distance_bytes(points, dimension, itemsize, max_degree, of_the_cloud, given=dimension == 0)
        return distances + kernel_bytes(points, max_degree, threads)

    if needed(n) <= memory:
        return
    low, high = 0, n if streams(n, max_degree, of_the_cloud=of_the_cloud) else min(n, MOST_POINTS)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if needed(middle) <= memory else (low, middle - 1)
    fits = f"{low} points would fit" if low > 0 else "not even one point would fit"
    raise InputError(
        f"{n} points in degrees up to {max_degree} may take {_readable(needed(n))} of memory, and the budget is "
        f"{_readable(memory)}; {fits}"
    )


def _sweep_operations(sample: Array, n: int, max_degree: int) -> float:
    """Operations of a sweep over n points, from those over the sample and its half by a power law."""
    if len(sample) < 8 or max_degree == 0:
        return 4.0 * n * n
    half = np.ascontiguousarray(sample[::2, ::2])
    small, large = (_operations(distances, max_degree) for distances in (half, sample))
    growth = float(np.clip(np.log2(large / small), 2.0, 4.0 if max_degree > 1 else 3.0))
    return float(large * (n / len(sample)) ** growth)


def _operations(distances: Array, max_degree: int) -> float:
    counts = _native.persistence(distances, max_degree, np.inf)[-1]
    n = len(distances)
    lunes = counts["edges"] * (30 + n / 16)
    relations = 500.0 * counts["extra_components"] + 5000.0 * counts["loops"]
    return float(4.0 * n * n + lunes + relations)


def _readable(size: float) -> str:
    unit, power = ("GB", 30) if size >= 1 << 30 else ("MB", 20)
    return f"{size / (1 << power):.1f} {unit}"
