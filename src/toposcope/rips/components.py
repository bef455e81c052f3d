"""Degree 0 from points alone: the minimum spanning tree of a cloud, block by block, without a matrix of distances."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from toposcope._types import Float64, Floats, Ints
from toposcope.cloud.metrics import pairwise_distances
from toposcope.rips import _native
from toposcope.rips.engine import Bars

_BLOCK_BYTES = 1 << 26
"""Coordinates of one block of points, as float64."""


def components(points: Floats, metric: str, threshold: float, scale: float = 1.0, block: int | None = None) -> Bars:
    """Bars of degree 0 of a cloud, in the memory of a few blocks.

    points: (n, d). metric: of `pairwise_distances`. threshold: inclusive, after division by `scale`, rounded to the
    precision of the points. block: most points whose distances are computed at once (None: by d).

    The minimum spanning tree of a graph lies in the union of the trees of parts that cover it. The parts are the
    complete graphs on some of the points; each goes through `pairwise_distances`, and only its tree is kept. The bars
    are those of the whole matrix to the bit, since a distance depends on its two points only.
    """
    n = len(points)
    edges = np.empty((0, 2), dtype=np.int64)
    lengths = np.empty(0)
    for rows in _lines(n, block or _block_of(points.shape[1])):
        distances = pairwise_distances(points[rows], metric)
        if scale != 1.0:
            distances /= distances.dtype.type(scale)
        tree = _native.forest(distances, threshold)
        edges = np.concatenate([edges, rows[tree]])
        lengths = np.concatenate([lengths, distances[tree[:, 0], tree[:, 1]].astype(np.float64)])
        if len(edges) > 4 * n:
            edges, lengths = _spanning_forest(n, edges, lengths)
    edges, lengths = _spanning_forest(n, edges, lengths)
    deaths = np.concatenate([lengths[lengths > 0], np.full(n - len(edges), np.inf)])
    return Bars(np.column_stack([np.zeros(len(deaths)), deaths]), np.zeros(len(deaths), dtype=np.int64))


def _block_of(dimension: int) -> int:
    return int(np.clip(_BLOCK_BYTES // (8 * max(1, dimension)), 128, 4096))


def _lines(n: int, block: int) -> Iterator[Ints]:
    """Sets of at most about `block` rows that together hold every pair of n rows, and hardly any pair twice.

    The rows are dealt out to the q × q points of an affine plane over a prime field, and the sets are its lines: any
    two points lie on exactly one.
    """
    q = -(-n // block)
    if q <= 1:
        yield np.arange(n)
        return
    while any(q % factor == 0 for factor in range(2, math.isqrt(q) + 1)):
        q += 1
    at = np.arange(q)
    point = np.arange(n) % (q * q)
    lines = [at * q + (slope * at + start) % q for slope in range(q) for start in range(q)]
    lines += [column * q + at for column in range(q)]
    for line in lines:
        rows = np.flatnonzero(np.isin(point, line))
        if len(rows) > 1:
            yield rows


def _spanning_forest(n: int, edges: Ints, lengths: Float64) -> tuple[Ints, Float64]:
    order = np.lexsort((edges[:, 1], edges[:, 0], lengths))
    kept = order[_native.forest_of_edges(n, np.ascontiguousarray(edges[order]))]
    return edges[kept], lengths[kept]
