"""Wasserstein distances between diagrams, exact."""

from __future__ import annotations

import numpy as np

from toposcope import _check
from toposcope._errors import InputError
from toposcope._types import Array, Float64
from toposcope.diagram import PersistenceDiagram
from toposcope.distances.bars import Bars, born_together, comparable, diagonal_distances, ground_distances


def wasserstein(
    a: PersistenceDiagram | Array,
    b: PersistenceDiagram | Array,
    degree: int = 1,
    order: float = 1,
    ground: float = np.inf,
    check: bool = True,
) -> float:
    """The Wasserstein distance of two diagrams, exact up to rounding.

    a, b: PersistenceDiagram or (k, 2) array of births and deaths. order: p >= 1. ground: norm of the plane, 1, 2 or
    inf. The result is (min over matchings of the sum of cost^p)^(1/p), in units of the filtration; a bar may be matched
    to the diagonal. Essential bars are matched among themselves by birth; different counts of them give inf. Two empty
    diagrams are at distance 0. It is a metric on diagrams.

    Raises InputError for bad bars, order or ground; IncomparableError unless check=False.
    Source: Cohen-Steiner, Edelsbrunner, Harer and Mileyko 2010.
    """
    p = _check.real(order, "order", at_least=1)
    if not np.isfinite(p):
        raise InputError("order=inf is the bottleneck distance; call bottleneck")
    q = ground_norm(ground)
    first, second = comparable(a, b, degree, check)
    if len(first.births) != len(second.births):
        return float("inf")
    essential = np.abs(first.births - second.births)
    moved = _moved_in_one_dimension if born_together(first, second) else _moved_in_the_plane
    return _norm(np.concatenate([moved(first, second, p, q), essential]), p)


def ground_norm(ground: float) -> float:
    """`ground` if it is 1, 2 or inf. Raises InputError."""
    if ground not in (1, 2, np.inf):
        raise InputError(f"ground={ground!r} is not known; use 1, 2 or inf (numpy.inf)")
    return float(ground)


def _norm(costs: Float64, p: float) -> float:
    """(sum of costs^p)^(1/p) without over- or underflow."""
    largest = float(costs.max(initial=0.0))
    if largest == 0 or p == 1:
        return float(costs.sum())
    return float(largest * np.sum((costs / largest) ** p) ** (1 / p))


def _moved_in_the_plane(a: Bars, b: Bars, p: float, q: float) -> Float64:
    """What each bar of an optimal matching moves.

    Relative to sending everything to the diagonal, matching a_i to b_j saves A_i^p + B_j^p - cost^p. An optimum never
    uses a pair that saves nothing, so a k × l assignment of the savings decides; no diagonal points are needed.
    """
    from scipy.optimize import linear_sum_assignment

    to_diagonal_a, to_diagonal_b = diagonal_distances(a, q), diagonal_distances(b, q)
    costs = ground_distances(a.finite, b.finite, q)
    unit = max(float(to_diagonal_a.max(initial=0.0)), float(to_diagonal_b.max(initial=0.0))) or 1.0
    alone = (to_diagonal_a[:, None] / unit) ** p + (to_diagonal_b[None, :] / unit) ** p
    # A cost that saves nothing is cut off, so that far bars cannot overflow at high orders.
    saved = np.maximum(alone - np.minimum(costs / unit, 2.0) ** p, 0.0)
    rows, columns = linear_sum_assignment(saved, maximize=True)
    used = saved[rows, columns] > 0
    rows, columns = rows[used], columns[used]
    return np.concatenate([costs[rows, columns], np.delete(to_diagonal_a, rows), np.delete(to_diagonal_b, columns)])


def _moved_in_one_dimension(a: Bars, b: Bars, p: float, q: float) -> Float64:
    """The same for bars born together, where only lengths matter and some optimum is a matching without crossings.

    f(i, j), the least cost of the first i lengths of a and the first j of b, both ascending, is the minimum of
    f(i-1, j-1) + |a_i - b_j|^p, f(i-1, j) + A_i^p and f(i, j-1) + B_j^p. Along a row the last choice is a running
    minimum of f less the cost of sending b_1…b_j to the diagonal, so each row is one vector operation.
    """
    x, y = np.sort(a.lengths), np.sort(b.lengths)
    if sorting_is_optimal(x, y, p, q):
        return np.abs(x - y)
    share = 0.5 if q == np.inf else 2 ** (1 / q - 1)
    unit = float(max(x.max(initial=0.0), y.max(initial=0.0))) or 1.0
    alone_x, alone_y = (share * x / unit) ** p, (share * y / unit) ** p
    all_y = np.concatenate([[0.0], np.cumsum(alone_y)])
    row = all_y
    for length, alone in zip(x / unit, alone_x, strict=True):
        after = row + alone
        after[1:] = np.minimum(after[1:], row[:-1] + np.abs(length - y / unit) ** p)
        row = np.minimum.accumulate(after - all_y) + all_y
    return np.array([unit * max(float(row[-1]), 0.0) ** (1 / p)])


def sorting_is_optimal(x: Float64, y: Float64, p: float, q: float) -> bool:
    """Whether matching sorted lengths in order is surely optimal: as many on both sides, and none much longer.

    Pairing x with y never costs more than both to the diagonal when |x - y|^p <= (κx)^p + (κy)^p, which holds for every
    pair once it holds for the shortest with the longest; and in order is best among full matchings, the cost being
    convex. κ is the share of a length that leads to the diagonal.
    """
    if len(x) != len(y):
        return False
    if len(x) == 0:
        return True
    share = 0.5 if q == np.inf else 2 ** (1 / q - 1)
    low, high = min(x[0], y[0]), max(x[-1], y[-1])
    if high <= 0:
        return True
    ratio = float(low / high)
    return bool((1 - ratio) ** p <= (share * ratio) ** p + share**p)
