"""The bottleneck distance between diagrams, exact."""

from __future__ import annotations

import numpy as np

from toposcope._types import Array, Float64
from toposcope.diagram import PersistenceDiagram
from toposcope.distances.bars import Bars, born_together, comparable, diagonal_distances, ground_distances


def bottleneck(
    a: PersistenceDiagram | Array, b: PersistenceDiagram | Array, degree: int = 1, check: bool = True
) -> float:
    """The bottleneck distance of two diagrams under the L-infinity ground norm, exact: one of the distances between
    bars, or half the length of a bar.

    a, b: PersistenceDiagram or (k, 2) array. Units of the filtration. Essential bars are matched among themselves by
    birth; different counts of them give inf. Two empty diagrams are at distance 0. It is a metric, and at most twice
    the Gromov–Hausdorff distance of the clouds (a filtration value is a diameter).

    Raises InputError for bad bars; IncomparableError unless check=False.
    Source: Cohen-Steiner, Edelsbrunner and Harer 2007; Chazal, de Silva and Oudot 2014.
    """
    first, second = comparable(a, b, degree, check)
    if len(first.births) != len(second.births):
        return float("inf")
    essential = float(np.abs(first.births - second.births).max(initial=0.0))
    if born_together(first, second):
        return max(essential, _in_one_dimension(np.sort(first.lengths), np.sort(second.lengths)))
    return max(essential, _in_the_plane(first, second))


def _in_one_dimension(x: Float64, y: Float64) -> float:
    """Bars born together: the recurrence of Wasserstein with max for +.

    y ascends, so sending y_k…y_j to the diagonal costs what y_j costs, and each row is one vector operation.
    """
    row = np.concatenate([[0.0], y / 2])
    for length in x:
        after = np.maximum(row, length / 2)
        after[1:] = np.minimum(after[1:], np.maximum(row[:-1], np.abs(length - y)))
        best_before = np.minimum.accumulate(after)[:-1]
        after[1:] = np.minimum(after[1:], np.maximum(best_before, y / 2))
        row = after
    return float(row[-1])


def _in_the_plane(a: Bars, b: Bars) -> float:
    """The least of the possible values at which a matching exists, by binary search."""
    costs = ground_distances(a.finite, b.finite, np.inf)
    to_diagonal_a, to_diagonal_b = diagonal_distances(a, np.inf), diagonal_distances(b, np.inf)
    # No optimum needs a pair that is farther apart than both of its bars are from the diagonal.
    useful = costs[costs <= np.maximum(to_diagonal_a[:, None], to_diagonal_b[None, :])]
    candidates = np.unique(np.concatenate([[0.0], useful, to_diagonal_a, to_diagonal_b]))
    low, high = 0, len(candidates) - 1
    while low < high:
        middle = (low + high) // 2
        if _matches_within(costs, to_diagonal_a, to_diagonal_b, candidates[middle]):
            high = middle
        else:
            low = middle + 1
    return float(candidates[low])


def _matches_within(costs: Float64, to_diagonal_a: Float64, to_diagonal_b: Float64, radius: float) -> bool:
    """Whether every bar farther than `radius` from the diagonal finds a partner within it.

    If some matching serves those of a, and some matching those of b, then one matching serves both
    (Mendelsohn and Dulmage 1958), so the two sides are asked apart and the diagonal needs no vertices.
    """
    near = costs <= radius
    return _all_rows_matched(near[to_diagonal_a > radius]) and _all_rows_matched(near[:, to_diagonal_b > radius].T)


def _all_rows_matched(near: np.ndarray[tuple[int, int], np.dtype[np.bool_]]) -> bool:
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import maximum_bipartite_matching

    if len(near) == 0:
        return True
    if near.shape[1] < len(near) or not near.any(axis=1).all():
        return False
    return bool((maximum_bipartite_matching(csr_array(near), perm_type="column") >= 0).all())
