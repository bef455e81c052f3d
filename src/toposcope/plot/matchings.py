"""Two diagrams in one picture, and which bar goes where."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from toposcope._errors import InputError
from toposcope.diagram import PersistenceDiagram
from toposcope.distances import Bottleneck, Distance, Wasserstein, bottleneck, distance_named, wasserstein
from toposcope.plot.axes import QUIET, axes, degrees_of, expect, frame, points

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from toposcope._types import Float64, Ints


def matching(
    a: PersistenceDiagram,
    b: PersistenceDiagram,
    degree: int = 1,
    ax: Axes | None = None,
    distance: str | Distance = "wasserstein",
    labels: tuple[str, str] = ("a", "b"),
) -> Axes:
    """Two diagrams of one degree and an optimal matching of them: who moves where, and what the distance adds up.

    distance: "wasserstein", "bottleneck", `ts.Wasserstein(...)` or `ts.Bottleneck()`. A line joins matched bars; a
    dotted one goes to the diagonal, where a bar has no partner; for the bottleneck the longest move is drawn thick.
    Of several optimal matchings one is drawn.

    Raises InputError for other nouns and a distance that has no matching, IncomparableError for diagrams of different
    make.
    """
    first, second = expect(a, PersistenceDiagram, "matching"), expect(b, PersistenceDiagram, "matching")
    (k,) = degrees_of(first, degree)
    degrees_of(second, degree)
    chosen = distance_named(distance)
    if isinstance(chosen, Wasserstein):
        value, found = wasserstein(first, second, k, chosen.order, chosen.ground, matching=True)
    elif isinstance(chosen, Bottleneck):
        value, found = bottleneck(first, second, k, matching=True)
    else:
        raise InputError(
            f"{getattr(chosen, 'name', chosen)} has no matching to draw; take 'wasserstein' or 'bottleneck'"
        )
    ax = axes(ax)
    infinity = frame(ax, [first, second], [k])
    starts, ends = _ends(first.in_degree(k), second.in_degree(k), found.pairs, infinity)
    most = int(np.argmax(found.costs)) if isinstance(chosen, Bottleneck) and len(found) else -1
    for row, (start, end) in enumerate(zip(starts, ends, strict=True)):
        if not np.isfinite([start, end]).all():
            continue
        ax.plot(
            [start[0], end[0]],
            [start[1], end[1]],
            color=QUIET,
            linewidth=2.4 if row == most else 0.9,
            linestyle=(0, (1, 2)) if found.to_diagonal[row] else "-",
            zorder=2,
        )
    points(ax, first.in_degree(k), 0, infinity, f"{labels[0]}: {len(first.in_degree(k))} bars")
    points(ax, second.in_degree(k), 1, infinity, f"{labels[1]}: {len(second.in_degree(k))} bars", filled=False)
    alone = int(found.to_diagonal.sum())
    ax.set_title(f"{chosen.name} in H{k}: {value:.4g}; {len(found) - alone} pairs, {alone} to the diagonal")
    ax.legend(loc="lower right", frameon=False, fontsize="small")
    return ax


def _ends(a: Float64, b: Float64, pairs: Ints, infinity: float) -> tuple[Float64, Float64]:
    """Where each line starts and ends (m, 2): a bar, or its foot on the diagonal; NaN for an essential bar alone."""
    sides = []
    for bars, rows in ((a, pairs[:, 0]), (b, pairs[:, 1])):
        places = np.full((len(rows), 2), np.nan)
        places[rows >= 0] = bars[rows[rows >= 0]]
        sides.append(places)
    for side, other in ((sides[0], sides[1]), (sides[1], sides[0])):
        foot = np.isnan(side).any(axis=1)
        middle = other[foot].mean(axis=1, keepdims=True)
        side[foot] = np.where(np.isfinite(middle), middle, np.nan)
    return tuple(np.where(np.isposinf(side), infinity, side) for side in sides)  # type: ignore[return-value]
