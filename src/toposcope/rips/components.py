"""Degree 0 from points alone: the minimum spanning tree of a cloud, block by block, without a matrix of distances."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from toposcope._types import Array, Float64, Floats, Ints
from toposcope.cloud.metrics import pairwise_distances
from toposcope.cloud.scale import between, quantile_of, quantile_place
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


_DIGITS = 16
"""Bits of a distance that one pass over all of them tells."""


def scale_of(points: Floats, metric: str, rule: str, block: int | None = None) -> float:
    """The scale that a quantile rule gives, as `scale_value` finds it in the matrix, in the memory of a few blocks.

    points: (n, d), n at least 2. metric, block: as for `components`. Every pass over all distances tells some more bits
    of the two between which the quantile lies: two passes in float32, four in float64.
    """
    n = len(points)
    below, share = quantile_place(n * (n - 1) // 2, quantile_of(rule))
    ranks = [below, min(below + 1, n * (n - 1) // 2 - 1)]
    size = points.dtype.itemsize
    whole: Any = np.uint32 if size == 4 else np.uint64
    known = [0, 0]  # the first bits of either distance; as they are not negative, their bits are in their order
    left = 8 * size
    while left > 0:
        width = min(_DIGITS, left)
        left -= width
        counts = {first: np.zeros(1 << width, dtype=np.int64) for first in known}
        for distances, times in _every_pair(points, metric, block or _block_of(points.shape[1])):
            bits = distances.view(whole)
            for first, count in counts.items():
                some = bits if left + width == 8 * size else bits[bits >> whole(left + width) == whole(first)]
                digits = (some >> whole(left)) & whole((1 << width) - 1)
                count += times * np.bincount(digits.astype(np.int64), minlength=1 << width)
        for number, first in enumerate(list(known)):
            up_to = np.cumsum(counts[first])
            digit = int(np.searchsorted(up_to, ranks[number], side="right"))
            ranks[number] -= int(up_to[digit - 1]) if digit else 0
            known[number] = first << width | digit
    found = np.array(known, dtype=whole).view(points.dtype)
    return between(float(found[0]), float(found[1]), share, rule)


def _every_pair(points: Floats, metric: str, block: int) -> Iterator[tuple[Array, int]]:
    """Distances of pairs, and how often these count: in all, every pair once.

    Pairs within one point of the plane of `_lines` lie on all of its lines.
    """
    n = len(points)
    order, point = _plane(n, block)
    for rows in _lines(n, block):
        yield pairwise_distances(points[rows], metric, condensed=True), 1
    for one in range(order * order if order > 1 else 0):
        rows = np.flatnonzero(point == one)
        if len(rows) > 1:
            yield pairwise_distances(points[rows], metric, condensed=True), -order


def _block_of(dimension: int) -> int:
    return int(np.clip(_BLOCK_BYTES // (8 * max(1, dimension)), 128, 4096))


def _lines(n: int, block: int) -> Iterator[Ints]:
    """Sets of at most about `block` rows that together hold every pair of n rows, and hardly any pair twice.

    The rows are dealt out to the q × q points of an affine plane over a prime field, and the sets are its lines: any
    two points lie on exactly one.
    """
    q, point = _plane(n, block)
    if q <= 1:
        yield np.arange(n)
        return
    at = np.arange(q)
    lines = [at * q + (slope * at + start) % q for slope in range(q) for start in range(q)]
    lines += [column * q + at for column in range(q)]
    for line in lines:
        rows = np.flatnonzero(np.isin(point, line))
        if len(rows) > 1:
            yield rows


def _plane(n: int, block: int) -> tuple[int, Ints]:
    """The order q of the plane, a prime (1: all rows fit in a block), and the point to which each row is dealt."""
    q = -(-n // block)
    while q > 1 and any(q % factor == 0 for factor in range(2, math.isqrt(q) + 1)):
        q += 1
    return q, np.arange(n) % (q * q)


def _spanning_forest(n: int, edges: Ints, lengths: Float64) -> tuple[Ints, Float64]:
    order = np.lexsort((edges[:, 1], edges[:, 0], lengths))
    kept = order[_native.forest_of_edges(n, np.ascontiguousarray(edges[order]))]
    return edges[kept], lengths[kept]
