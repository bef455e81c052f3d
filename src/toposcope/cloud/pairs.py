"""Distances that depend on two points only, by the native kernel: from differences, so that nothing cancels."""

from __future__ import annotations

from typing import Any

import numpy as np

from toposcope._errors import InputError
from toposcope._types import Float64, Floats
from toposcope.cloud import _pairs

BETWEEN_TWO = ("euclidean", "sqeuclidean", "cosine", "correlation", "manhattan", "chebyshev")
"""Metrics in which the distance of two points does not depend on the others."""

_BLOCK_BYTES = 1 << 22
"""Temporary float64 memory of one block of rows."""


def between_two(cloud: Floats, metric: str, out: np.dtype[Any], condensed: bool = False, threads: int = 1) -> Floats:
    """Distances of a cloud under one of `BETWEEN_TWO`.

    cloud: (n, d) float32 or float64, of any strides. out: float32 or float64. Returns (n, n), or (n(n-1)/2,).
    """
    n = len(cloud)
    distances = np.empty(n * (n - 1) // 2 if condensed else n * n, dtype=out)
    aligned = np.require(cloud, requirements=["ALIGNED"])
    if metric in ("cosine", "correlation"):
        # 1 - cos is half the squared distance of unit vectors, which does not cancel at small angles.
        shift, scale = unit_rows(cloud, centred=metric == "correlation")
        _pairs.distances(aligned, distances, "sqeuclidean", threads, shift, scale * np.sqrt(0.5))
    else:
        _pairs.distances(aligned, distances, metric, threads)
    return distances if condensed else distances.reshape(n, n)


def unit_rows(cloud: Floats, centred: bool) -> tuple[Float64, Float64]:
    """(n,) shift and (n,) scale with which every (row - shift) · scale has length 1; centred: and mean 0.

    Raises InputError where a row has no direction: all zeros (below 1e-300), or all equal if centred.
    """
    n, d = cloud.shape
    shift, scale = np.zeros(n), np.empty(n)
    undefined: list[int] = []
    step = max(1, _BLOCK_BYTES // (8 * max(d, 1)))
    for start in range(0, n, step):
        rows = slice(start, start + step)
        block = cloud[rows].astype(np.float64)
        most = np.abs(block).max(axis=1, initial=0.0)
        if centred and d:
            shift[rows] = block.mean(axis=1)
            block -= shift[rows, None]
        largest = np.abs(block).max(axis=1, initial=0.0)
        none = largest <= np.maximum(most * (1e-14 if centred else 0.0), 1e-300)
        undefined += (start + np.flatnonzero(none)).tolist()
        # Dividing by the largest entry first keeps the norm from under- and overflowing.
        largest[none] = 1.0
        block /= largest[:, None]
        with np.errstate(divide="ignore"):
            scale[rows] = 1.0 / (largest * np.sqrt(np.einsum("ij,ij->i", block, block)))
    if undefined:
        kind, metric = ("constant", "correlation") if centred else ("zero", "cosine")
        raise InputError(
            f"points has {len(undefined)} {kind} row(s), first row {undefined[0]}, where metric={metric!r} is not "
            "defined; remove them or use metric='euclidean'"
        )
    return shift, scale
