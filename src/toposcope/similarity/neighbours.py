"""Nearest neighbours: who they are in two layers, how often a point is one, and how far they lie."""

from __future__ import annotations

import numpy as np

from toposcope import _check
from toposcope._errors import InputError
from toposcope._types import Array, Float64, Ints
from toposcope.similarity.pairs import Points, aligned, prepared
from toposcope.similarity.prepared import Prepared

METRICS = ("euclidean", "cosine")

_BLOCK = 1 << 22
"""Squared distances held at once."""


def mutual_knn(a: Points, b: Points, k: int = 10, metric: str = "euclidean") -> float:
    """Share of the k nearest neighbours that two representations have in common, on average; 1 is most similar.

    a, b: (n, d) arrays or Representations (matched by sample_ids). k: at most n - 1; a point is not its own neighbour.
    metric: "euclidean", or "cosine" as in the source. Returns a float in [0, 1]; two unrelated representations score
    k / (n - 1) in the mean.

    Raises InputError when there are not more points than k, or a row is 0 under "cosine"; IncomparableError when rows
    do not match. Source: Huh et al. 2024.
    """
    k = _check.integer(k, "k", at_least=1)
    _check.choice(metric, METRICS, "metric")
    return mutual_knn_prepared(*aligned(a, b), k, metric)


def mutual_knn_prepared(x: Prepared, y: Prepared, k: int, metric: str) -> float:
    """Of two clouds with matching rows."""
    n = len(x)
    own = np.arange(n)[:, None] * n
    common = np.intersect1d(own + nearest(x, k, metric)[1], own + nearest(y, k, metric)[1])
    return len(common) / (n * k)


def hubness(a: Points, k: int = 10) -> float:
    """Skewness of the number of times a point is among the k nearest neighbours of another.

    a: (n, d) array or Representation. Returns a float; 0 for counts spread evenly around k, large where a few hubs are
    neighbours of very many, as in high dimension. It is one number for a layer; which rows are hubs, or nobody's
    neighbour, `ts.hubs` says. Raises InputError when there are not more points than k. Source:
    Radovanović, Nanopoulos and Ivanović 2010.
    """
    k = _check.integer(k, "k", at_least=1)
    return hubness_prepared(prepared(a), k)


def hubness_prepared(x: Prepared, k: int) -> float:
    """Of one cloud."""
    counts = np.bincount(nearest(x, k)[1].ravel(), minlength=len(x)) - float(k)
    spread = float(np.sqrt((counts**2).mean()))
    return float((counts**3).mean() / spread**3) if spread > 0 else 0.0


def nearest(x: Prepared, k: int, metric: str = "euclidean") -> tuple[Float64, Ints]:
    """(n, k) distances to the k nearest other points, sorted, and their rows; in blocks, without an (n, n) matrix.

    Candidates come from expanded squares, and their distances from differences: those are exact, and near-duplicates
    keep their order. Of equally near points the same are taken every time. Raises InputError for too few points.
    """
    if len(x) <= k:
        raise InputError(f"k={k} neighbours need more than {k} points, and there are {len(x)}; take a smaller k")
    most = max(k, min(len(x) - 1, 32))
    distances, rows = x.once(("nearest", most, metric), lambda: _nearest(_vectors(x, metric), most))
    return distances[:, :k], rows[:, :k]


def _vectors(x: Prepared, metric: str) -> Float64:
    if metric == "euclidean":
        return x.features
    vectors: Float64 = x.points.astype(np.float64)
    norms = np.linalg.norm(vectors, axis=1)
    if (norms == 0).any():
        raise InputError(
            f"a layer has {int((norms == 0).sum())} zero row(s), first row {int(np.flatnonzero(norms == 0)[0])}, where "
            "metric='cosine' is not defined; remove them or use metric='euclidean'"
        )
    return np.asarray(vectors / norms[:, None])


def _nearest(vectors: Float64, k: int) -> tuple[Float64, Ints]:
    n, d = vectors.shape
    norms = np.einsum("ij,ij->i", vectors, vectors)
    distances, rows = np.empty((n, k)), np.empty((n, k), dtype=np.int64)
    wanted = min(n - 1, k + 8)
    step = max(1, min(_BLOCK // n, _BLOCK // max(1, d * wanted)))
    for start in range(0, n, step):
        squares = norms - 2 * (vectors[start : start + step] @ vectors.T)
        own = np.arange(start, start + len(squares))
        squares[np.arange(len(squares)), own] = np.inf
        found: Array = np.sort(np.argpartition(squares, wanted - 1, axis=1)[:, :wanted], axis=1)
        apart = np.sqrt(((vectors[own][:, None, :] - vectors[found]) ** 2).sum(axis=2))
        order = np.argsort(apart, axis=1, kind="stable")[:, :k]
        distances[start : start + step] = np.take_along_axis(apart, order, axis=1)
        rows[start : start + step] = np.take_along_axis(found, order, axis=1)
    return distances, rows
