"""Degree 0 of a filtration in which points have births of their own."""

from __future__ import annotations

import dataclasses

import numpy as np

from toposcope._types import Floats, Ints
from toposcope.diagram import Representatives
from toposcope.rips import _native
from toposcope.rips.engine import Bars


def with_births(bars: Bars, distances: Floats, births: Floats, threshold: float) -> Bars:
    """`bars` of the same distances with points born at 0, with degree 0 as these births make it.

    distances: (n, n), zero diagonal, each at least the births of its two points. births: (n,). threshold: inclusive;
    points born beyond it are not there.

    An edge enters after its points, so it closes a loop here just where it does with points born at 0: degrees from 1
    up stay as they are, and the spanning forest as well. Where its edges join two components, the younger one dies.
    """
    forest = _native.forest(distances, threshold)
    parent = np.arange(len(births))

    def oldest(point: int) -> int:
        while parent[point] != point:
            parent[point] = parent[parent[point]]
            point = parent[point]
        return point

    pairs, points, edges = [], [], []
    for a, b in forest.tolist():
        elder, younger = sorted((oldest(a), oldest(b)), key=lambda point: (births[point], point))
        parent[younger] = elder
        if births[younger] < distances[a, b]:
            pairs.append((float(births[younger]), float(distances[a, b])))
            points.append(younger)
            edges.append((a, b))
    roots = [int(point) for point in np.flatnonzero((parent == np.arange(len(births))) & (births <= threshold))]
    pairs += [(float(births[root]), np.inf) for root in roots]
    above = bars.degrees > 0
    behind = bars.representatives
    if behind is not None:
        behind = _replaced(behind, above, points + roots, edges, forest)
    return Bars(
        np.concatenate([np.array(pairs).reshape(-1, 2), bars.pairs[above]]),
        np.concatenate([np.zeros(len(pairs), dtype=np.int64), bars.degrees[above]]),
        behind,
    )


def _replaced(
    behind: Representatives, above: np.ndarray, points: list[int], edges: list[tuple[int, int]], forest: Ints
) -> Representatives:
    """The rows of the degrees above 0, after those of degree 0: a point each, and the edge that ended it."""
    k = len(points)
    born, died = np.full((k, 3), -1), np.full((k, 4), -1)
    born[:, 0] = points
    if edges:
        died[: len(edges), :2] = edges
    return dataclasses.replace(
        behind,
        birth_simplices=np.concatenate([born, behind.birth_simplices[above]]),
        death_simplices=np.concatenate([died, behind.death_simplices[above]]),
        cycle_ends=np.concatenate([np.zeros(k, dtype=np.int64), behind.cycle_ends[above]]),
        merges=forest,
    )
