"""One diagram: its bars as points above the diagonal, and as bars."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from toposcope import _check
from toposcope.diagram import PersistenceDiagram
from toposcope.plot.axes import HEADROOM, INK, QUIET, axes, colour, degrees_of, expect, frame, points, top_of, unit

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from toposcope._types import Float64


def diagram(
    diagram: PersistenceDiagram,
    degrees: int | Sequence[int] | None = None,
    ax: Axes | None = None,
    alpha: float | None = None,
) -> Axes:
    """A persistence diagram: each bar a point at its birth and death, essential bars on the line at infinity.

    degrees: one or several; None draws all that were computed. alpha: also draw, for every degree of at least 1, the
    line above which a bar is significant under the universal null at this level (`ts.bar_significance`), and ring those
    bars. One marker stands for one bar, so equal bars lie on each other; the legend counts them.

    Raises InputError for another noun, a degree that was not computed, and where `bar_significance` raises it.
    """
    found = expect(diagram, PersistenceDiagram, "diagram")
    asked = degrees_of(found, degrees)
    lines = {} if alpha is None else {k: _least_ratio(found, k, alpha) for k in asked if k > 0}
    ax = axes(ax)
    infinity = frame(ax, [found], asked)
    for k in asked:
        bars = found.in_degree(k)
        points(ax, bars, k, infinity, f"H{k}: {len(bars)} bar{'' if len(bars) == 1 else 's'}")
        ratio = lines.get(k)
        if ratio is None:
            continue
        over = bars[bars[:, 1] >= ratio * bars[:, 0]]
        births = np.array([ax.get_xlim()[0], infinity / ratio])
        ax.plot(births, births * ratio, color=colour(k), linewidth=1, linestyle=(0, (5, 3)), zorder=1, scaley=False)
        ax.scatter(
            over[:, 0],
            over[:, 1],
            s=110,
            facecolors="none",
            edgecolors=colour(k),
            linewidths=1.2,
            label=f"H{k}: {len(over)} significant at {alpha:g} (universal null)",
            zorder=4,
        )
    ax.legend(loc="lower right", frameon=False, fontsize="small")
    return ax


def _least_ratio(diagram: PersistenceDiagram, degree: int, alpha: float) -> float | None:
    """The death / birth from which a bar of this diagram is significant; None where there are no bars."""
    from toposcope.stats import bar_significance

    found = bar_significance(diagram, degree, alpha)
    if len(found) == 0:
        return None
    # p <= alpha / k of the left-skewed Gumbel law, solved for the ratio of a bar among these k.
    mean = float(np.log(np.log(found.ratio)).mean())
    threshold = float(np.log(-np.log(found.alpha / len(found))))
    return float(np.exp(np.exp(threshold + mean + np.euler_gamma)))


def barcode(
    diagram: PersistenceDiagram,
    degrees: int | Sequence[int] | None = None,
    ax: Axes | None = None,
    longest: int | None = None,
) -> Axes:
    """A barcode: each bar a line from its birth to its death, degree by degree, in order of birth.

    Essential bars end in an arrow at infinity, at the top of their degree. degrees: one or several; None draws all.
    longest: draw only so many of each degree, and say how many there are.

    Raises InputError for another noun and a degree that was not computed.
    """
    found = expect(diagram, PersistenceDiagram, "barcode")
    asked = degrees_of(found, degrees)
    most = None if longest is None else _check.integer(longest, "longest", at_least=1)
    ax = axes(ax)
    top = top_of([found], asked)
    infinity = top * HEADROOM
    drawn = [_longest(found.in_degree(k), most) for k in asked]
    width = _width(ax, sum(map(len, drawn)))
    row, ticks = 0, []
    for k, bars in zip(asked, drawn, strict=True):
        bars = bars[np.argsort(np.isinf(bars[:, 1]), kind="stable")]
        rows = row + np.arange(len(bars))
        ends = np.where(np.isinf(bars[:, 1]), infinity, bars[:, 1])
        ax.hlines(rows, bars[:, 0], ends, color=colour(k), linewidth=width, label=f"H{k}")
        lasting = np.isinf(bars[:, 1])
        ax.scatter(ends[lasting], rows[lasting], marker=">", s=28, color=colour(k), clip_on=False, zorder=3)
        total = len(found.in_degree(k))
        count = f"{total}" if len(bars) == total else f"longest\n{len(bars)} of {total}"
        ticks.append((row + max(len(bars) - 1, 0) / 2, f"H{k}\n{count}"))
        row += len(bars) + max(2, len(bars) // 12)
        if k != asked[-1]:
            ax.axhline(row - max(2, len(bars) // 12) / 2 - 0.5, color=QUIET, linewidth=0.5)
    ax.set_yticks([place for place, _text in ticks], [text for _place, text in ticks])
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    ax.set_xlim(0, infinity * 1.02)
    ax.set_ylim(-1.5, row)
    if any(len(found.essential(k)) for k in asked):
        ax.annotate("∞", (infinity, 1), xycoords=("data", "axes fraction"), xytext=(0, 2), textcoords="offset points",
                    ha="center", va="bottom", color=INK)  # fmt: skip
    ax.set_xlabel(unit(found.filtration))
    return ax


def _longest(bars: Float64, most: int | None) -> Float64:
    """The longest bars, in the order they had."""
    if most is None or len(bars) <= most:
        return bars
    kept = np.argsort(-(bars[:, 1] - bars[:, 0]), kind="stable")[:most]
    return bars[np.sort(kept)]


def _width(ax: Axes, bars: int) -> float:
    """Of a line, in points, so that bars stay apart as long as the paper allows."""
    room = 72 * ax.get_position().height * ax.figure.get_figheight()  # type: ignore[union-attr]
    return float(np.clip(0.6 * room / max(bars, 1), 0.4, 3.5))
