"""Bars and Betti curves of every draw as the page carries them: coarse beyond sight, and counted where left out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from toposcope._errors import ToposcopeError
from toposcope._types import Float64
from toposcope.report.holes import words
from toposcope.report.index import Index
from toposcope.report.markup import plain
from toposcope.report.numbers import packed

if TYPE_CHECKING:
    from toposcope.diagram import PersistenceDiagram
    from toposcope.study.results import Results

CURVE_POINTS = (161, 81)
"""Filtration values at which Betti curves are drawn; the second for more than `MANY_CURVES` of them."""
MANY_CURVES = 240
BAR_BYTES = 16 / 3
"""Two 16-bit numbers in base64."""
FIRST_BARS = 3000
"""So many bars of each degree of a first draw are there in any case: they are matched, and lead to their inputs."""
FEWEST_BARS = 8
"""So many bars of every diagram are drawn in any case."""
LEVELS = 65_534
"""Coordinates of bars are rounded to this fraction of the axis, far below a pixel; the value above it is infinity."""

Draws = Sequence["list[PersistenceDiagram] | None"]
"""For each layer the diagrams of its draws, None where they are gone."""


def read_diagrams(results: Results, index: Index) -> tuple[Draws, tuple[str, ...]]:
    """The diagrams of every layer, and the names of layers that have none."""
    read: list[list[PersistenceDiagram] | None] = []
    gone = []
    for network, layer in index.layers:
        name = index.networks[network]
        try:
            draws = len(results.keys.get(name, {}).get(layer, ()))
            read.append([results.diagram(name, layer, draw) for draw in range(draws)] or None)
        except ToposcopeError:
            read.append(None)
        if read[-1] is None:
            gone.append(f"{plain(name)} / {plain(layer)}")
    return read, tuple(gone)


def largest_value(read: Draws) -> float:
    """The largest finite birth or death, where axes end."""
    ends = [diagram.pairs[np.isfinite(diagram.pairs)] for draws in read if draws for diagram in draws]
    return float(np.concatenate(ends).max(initial=0.0)) if ends and any(len(part) for part in ends) else 1.0


def diagrams(read: Draws, degrees: Sequence[int], spare: int) -> tuple[dict[str, Any], int, int, int]:
    """Every draw's bars, coarse beyond sight. Returns them, bars left out, bars in all, and bars kept per diagram.

    spare: bytes that the draws after the first may take.
    """
    top = largest_value(read)
    first = [len(draws[0].in_degree(k)) for draws in read if draws for k in degrees]
    counts = [len(diagram.in_degree(k)) for draws in read if draws for diagram in draws[1:] for k in degrees]
    cap = _cap(counts, int(spare - sum(min(count, FIRST_BARS) for count in first) * BAR_BYTES))
    layers = [
        None
        if draws is None
        else [
            [packed_bars(diagram.in_degree(k), top, cap if draw else FIRST_BARS) for draw, diagram in enumerate(draws)]
            for k in degrees
        ]
        for draws in read
    ]
    left = sum(max(0, count - cap) for count in counts) + sum(max(0, count - FIRST_BARS) for count in first)
    return {"top": top, "levels": LEVELS, "layers": layers}, left, sum(first) + sum(counts), cap


def curves(results: Results, read: Draws, degrees: Sequence[int]) -> tuple[int, list[list[dict[str, Any]] | None]]:
    """How many filtration values Betti curves are drawn at, and the curves of every layer and degree."""
    points = CURVE_POINTS[len(read) * len(degrees) > MANY_CURVES]
    values = np.linspace(0.0, largest_value(read), points)
    level = results.plan.test.confidence
    return points, [None if draws is None else [_curve(draws, values, k, level) for k in degrees] for draws in read]


def _cap(counts: Sequence[int], spare: int) -> int:
    """The largest number of bars per diagram and degree that fits into `spare` bytes, and at least `FEWEST_BARS`."""
    each, around = BAR_BYTES, 36  # and the keys beside them
    low, high = FEWEST_BARS, max(counts, default=FEWEST_BARS)
    while low < high:
        middle = (low + high + 1) // 2
        fits = sum(around + each * min(count, middle) for count in counts) <= spare
        low, high = (middle, high) if fits else (low, middle - 1)
    return low


def packed_bars(bars: Float64, top: float, cap: int) -> dict[str, Any]:
    """Births and deaths as 16-bit fractions of `top`, the longest `cap` bars; LEVELS + 1 is infinity."""
    if len(bars) > cap:
        longest = np.argsort(bars[:, 0] - bars[:, 1], kind="stable")[:cap]
        kept = bars[np.sort(longest)]
    else:
        kept = bars
    finite = np.isfinite(kept)
    levels = np.full(kept.shape, LEVELS + 1)
    levels[finite] = np.rint(np.clip(kept[finite] / top, 0, 1) * LEVELS).astype(np.int64)
    born_at_zero = bool((levels[:, 0] == 0).all())
    numbers = levels[:, 1] if born_at_zero else levels.ravel()
    return {"zero": born_at_zero, "of": len(bars), "bars": words(numbers)}


def _curve(draws: Sequence[PersistenceDiagram], values: Float64, degree: int, level: float) -> dict[str, Any]:
    """Mean Betti curve and its pointwise t interval over draws, cut at 0; no interval of one draw."""
    from scipy.special import stdtrit

    counts = np.stack([diagram.betti(values, degree) for diagram in draws]).astype(np.float64)
    mean = counts.mean(axis=0)
    k = len(counts)
    half = np.zeros_like(mean)
    if k > 1:
        half = float(stdtrit(k - 1, (1 + level) / 2)) * counts.std(axis=0, ddof=1) / k**0.5
    top = float((mean + half).max(initial=0.0)) or 1.0
    parts = {"mean": mean} if k < 2 else {"mean": mean, "low": np.maximum(mean - half, 0.0), "high": mean + half}
    return {
        "top": packed(top, 6),
        "draws": k,
        **{key: words(np.rint(part / top * LEVELS).astype(np.int64)) for key, part in parts.items()},
    }
