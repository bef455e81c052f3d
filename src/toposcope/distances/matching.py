"""The matching that attains a distance, in rows of the diagrams."""

from __future__ import annotations

import numpy as np

from toposcope._types import Float64, Ints
from toposcope.comparison import Matching
from toposcope.distances import _native
from toposcope.distances.bars import Bars


def matching_of(a: Bars, b: Bars, order: float, ground: float) -> Matching:
    """An optimal matching for order p; infinite p is the bottleneck distance. Every row of both is in it once.

    An essential bar that is left over when the counts differ goes to the diagonal at infinite cost, a row of no length
    at none.
    """
    pairs, costs, *_proof = _native.matching(a.prepared(), b.prepared(), order, ground)
    parts = [
        (_rows(a.finite_rows, pairs[:, 0]), _rows(b.finite_rows, pairs[:, 1]), costs),
        *_of_essential(a, b),
        (a.empty_rows, np.full(len(a.empty_rows), -1), np.zeros(len(a.empty_rows))),
        (np.full(len(b.empty_rows), -1), b.empty_rows, np.zeros(len(b.empty_rows))),
    ]
    of_a, of_b, cost = (np.concatenate(column) for column in zip(*parts, strict=True))
    order_of_rows = np.lexsort((of_b, of_a, of_a < 0))
    return Matching(np.stack([of_a, of_b], axis=1)[order_of_rows], cost[order_of_rows])


def _rows(rows: Ints, found: Ints) -> Ints:
    """Rows of the diagram, -1 for the diagonal."""
    if len(rows) == 0:
        return np.full(len(found), -1)
    named: Ints = np.where(found < 0, -1, rows[found])
    return named


def _of_essential(a: Bars, b: Bars) -> list[tuple[Ints, Ints, Float64]]:
    """By birth, in order; what is left over at infinite cost."""
    m = min(len(a.births), len(b.births))
    matched = (a.essential_rows[:m], b.essential_rows[:m], np.abs(a.births[:m] - b.births[:m]))
    more_a, more_b = a.essential_rows[m:], b.essential_rows[m:]
    return [
        matched,
        (more_a, np.full(len(more_a), -1), np.full(len(more_a), np.inf)),
        (np.full(len(more_b), -1), more_b, np.full(len(more_b), np.inf)),
    ]
