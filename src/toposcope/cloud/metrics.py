"""Distances between points, safe in float32 input: near-duplicates, large offsets and distant clusters included."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from toposcope import _check
from toposcope._errors import InputError
from toposcope._types import Float64, Floats
from toposcope.representation import Representation

METRICS = ("euclidean", "sqeuclidean", "cosine", "correlation", "manhattan", "chebyshev")
"""Names that `pairwise_distances` and `vietoris_rips` take; `vietoris_rips` also takes "precomputed"."""

_CANCELLED = 1e-6
"""Squared distances below this share of |x|² + |y|² have lost digits in the expansion and are computed again."""

_BLOCK_BYTES = 1 << 25
"""Temporary float64 memory of one block of rows."""


def pairwise_distances(
    points: Floats | Representation, metric: str = "euclidean", dtype: DTypeLike | None = None
) -> Floats:
    """All distances between the rows of a cloud.

    points: (n, d) floats or a Representation. metric: one of `METRICS`. dtype: of the result; None keeps float32 or
    float64 of the input (float16 gives float32, integers float64). Returns (n, n), symmetric to the bit, zero diagonal.

    Every distance is computed in float64 and rounded once: the relative error against exact arithmetic is below 1e-6
    for float32 and about 1e-9 for float64, also for near-duplicates and for clusters far apart. Euclidean distances
    expand |x-y|² = |x|² + |y|² - 2x·y on centred data, and pairs in which that cancels are computed from differences.

    Raises InputError for an unknown metric, for a shape that is not (n, d) and for a zero or constant row under
    "cosine" or "correlation" (the angle is not defined); ActivationError for values that are not finite.
    """
    cloud = _check.points(points)
    name = _check.choice(metric, METRICS, "metric")
    if dtype is not None and np.dtype(dtype) not in (np.dtype(np.float32), np.dtype(np.float64)):
        raise InputError(f"dtype={dtype!r} is not known; use float32, float64 or None for that of the points")
    out = np.dtype(dtype) if dtype is not None else cloud.dtype
    if name in ("euclidean", "sqeuclidean"):
        return _euclidean(cloud, out, squared=name == "sqeuclidean")
    if name in ("cosine", "correlation"):
        return _angular(cloud, out, centred=name == "correlation")
    return _by_definition(cloud, out, {"manhattan": "cityblock"}.get(name, name))


def _euclidean(cloud: Floats, out: np.dtype[Any], squared: bool) -> Floats:
    n, d = cloud.shape
    distances = np.zeros((n, n), dtype=out)
    if n == 0 or d == 0:
        return distances
    # Every pair of equal rows would be computed again from differences, and a dead layer has nothing else.
    first: dict[bytes, int] = {}
    group = np.array([first.setdefault(row.tobytes(), len(first)) for row in cloud])
    if len(first) < n:
        chosen = np.unique(group, return_index=True)[1]
        apart = _euclidean(cloud[chosen], out, squared)
        expanded: Floats = np.ascontiguousarray(apart[group][:, group])
        return expanded
    centred = cloud.astype(np.float64)
    centred -= centred.mean(axis=0)
    norms = np.einsum("ij,ij->i", centred, centred)
    rows = max(1, _BLOCK_BYTES // (8 * n))
    for start in range(0, n, rows):
        stop = min(n, start + rows)
        # Only the triangle at and right of this block; the other half is its mirror image, equal to the bit.
        sums = norms[start:stop, None] + norms[None, start:]
        block = centred[start:stop] @ centred[start:].T
        block *= -2
        block += sums
        lost = np.argwhere(block < _CANCELLED * sums)
        for i, j in _in_chunks(lost, max(1, _BLOCK_BYTES // (8 * d))):
            difference = cloud[start + i].astype(np.float64) - cloud[start + j].astype(np.float64)
            block[i, j] = np.einsum("ij,ij->i", difference, difference)
        if not squared:
            np.sqrt(block, out=block)
        distances[start:stop, start:] = block
        within = distances[start:stop, start:stop]
        within[...] = np.triu(within, 1) + np.triu(within, 1).T
        distances[stop:, start:stop] = distances[start:stop, stop:].T
    return distances


def _in_chunks(pairs: Any, size: int) -> Any:
    for start in range(0, len(pairs), size):
        yield pairs[start : start + size].T


def _angular(cloud: Floats, out: np.dtype[Any], centred: bool) -> Floats:
    """1 - cos of the angle: half the squared distance of unit vectors, which does not cancel at small angles."""
    vectors = cloud.astype(np.float64)
    if centred:
        vectors -= vectors.mean(axis=1, keepdims=True)
    # Dividing by the largest entry first keeps the norm from under- and overflowing.
    largest = np.abs(vectors).max(axis=1, initial=0.0)
    tiny = np.abs(np.asarray(cloud, dtype=np.float64)).max(axis=1, initial=0.0) * (1e-14 if centred else 0.0)
    undefined = np.flatnonzero(largest <= tiny)
    if len(undefined):
        kind, metric = ("constant", "correlation") if centred else ("zero", "cosine")
        raise InputError(
            f"points has {len(undefined)} {kind} row(s), first row {undefined[0]}, where metric={metric!r} is not "
            "defined; remove them or use metric='euclidean'"
        )
    vectors /= largest[:, None]
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    squares = _euclidean(vectors, np.dtype(np.float64), squared=True)
    return (squares / 2).astype(out)


def _by_definition(cloud: Floats, out: np.dtype[Any], scipy_name: str) -> Floats:
    from scipy.spatial.distance import cdist

    n, d = cloud.shape
    distances = np.zeros((n, n), dtype=out)
    if d == 0:
        return distances
    exact: Float64 = cloud.astype(np.float64)
    rows = max(1, _BLOCK_BYTES // (8 * max(n, 1)))
    for start in range(0, n, rows):
        stop = min(n, start + rows)
        block = cdist(exact[start:stop], exact[start:], scipy_name)  # type: ignore[call-overload]
        distances[start:stop, start:] = block
        distances[start:, start:stop] = block.T
    return distances
