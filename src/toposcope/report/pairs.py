"""Two layers' first draws bar by bar: the optimal matching of their diagrams, for the planned comparisons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from toposcope._errors import ToposcopeError
from toposcope._types import Array, Float64
from toposcope.distances import bottleneck, wasserstein
from toposcope.report.holes import levels_of, words
from toposcope.report.numbers import packed

if TYPE_CHECKING:
    from toposcope.comparison import Matching
    from toposcope.diagram import PersistenceDiagram
    from toposcope.study.plan import DistanceChoice

PAIR_BYTES = 350_000
"""What matchings may weigh; pairs of the largest effects come first."""
ROW_BYTES = 5 * 2 * 4 / 3
"""Five 16-bit words in base64: birth and death of both bars, and what the move costs."""


def matchings(
    claims: Sequence[Mapping[str, Any]],
    first: Sequence[PersistenceDiagram | None],
    degrees: Sequence[int],
    choice: DistanceChoice,
    top: float,
    levels: int,
) -> dict[str, Any]:
    """Matched bars of the first draws of every pair that was planned, as far as they fit.

    claims: as in the page. first: the first draw's diagram of every layer. choice: the plan's distance; a sliced one
    has no matching, and that of its unsliced kin stands for it. Values are whole `levels` of `top`; a bar at (0, 0) is
    the diagonal. Returns the `name` of the distance, how many pairs were `of`, and for each held one `a`, `b`, and by
    degree the `value` of the distance and its `rows` of birth and death of a, of b, and cost.
    """
    pairs = _planned(claims)
    held: list[dict[str, Any]] = []
    spent = 0.0
    for a, b in pairs:
        x, y = first[a], first[b]
        if x is None or y is None:
            continue
        cost = sum(len(x.in_degree(k)) + len(y.in_degree(k)) for k in degrees) * ROW_BYTES
        if held and spent + cost > PAIR_BYTES:
            continue
        try:
            found = [_matched(x, y, k, choice, top, levels) for k in degrees]
        except ToposcopeError:  # diagrams of unequal make
            continue
        spent += cost
        held.append({"a": a, "b": b, "degrees": found})
    return {"name": _name(choice), "of": len(pairs), "held": held}


def _planned(claims: Sequence[Mapping[str, Any]]) -> list[tuple[int, int]]:
    """Pairs of layers, claim by claim those of the largest effect first."""
    found: dict[tuple[int, int], None] = {}
    for claim in claims:
        cells = [cell for cell in claim["cells"] if cell["a"] != cell["b"]]
        for cell in sorted(cells, key=lambda cell: -cell["effect"] if isinstance(cell["effect"], (int, float)) else 0):
            found.setdefault((cell["a"], cell["b"]))
    return list(found)


def _name(choice: DistanceChoice) -> str:
    return "bottleneck" if choice.name == "bottleneck" else f"W{choice.order:g}"


def _matched(
    a: PersistenceDiagram, b: PersistenceDiagram, degree: int, choice: DistanceChoice, top: float, levels: int
) -> dict[str, Any]:
    value: float
    matching: Matching
    if choice.name == "bottleneck":
        value, matching = bottleneck(a, b, degree, matching=True)
    else:
        value, matching = wasserstein(a, b, degree, choice.order, choice.ground, matching=True)
    columns = [
        _bars(a.in_degree(degree), matching.pairs[:, 0], top, levels),
        _bars(b.in_degree(degree), matching.pairs[:, 1], top, levels),
        levels_of(matching.costs[:, None], top, levels),
    ]
    most_first = np.argsort(-matching.costs, kind="stable")
    return {"value": packed(value), "rows": words(np.hstack(columns)[most_first])}


def _bars(bars: Float64, rows: Array, top: float, levels: int) -> Array:
    """Births and deaths as levels; a death is at least 1, so that (0, 0) is left for the diagonal."""
    found = np.zeros((len(rows), 2), dtype=np.int64)
    held = rows >= 0
    found[held] = levels_of(bars[rows[held]], top, levels)
    found[held, 1] = np.maximum(found[held, 1], 1)
    return found
