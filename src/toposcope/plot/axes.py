"""What all drawings share: one import of matplotlib, the colours, the words of an axis, checks of nouns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from toposcope._errors import InputError, MissingDependencyError
from toposcope.diagram import Filtration, PersistenceDiagram

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from toposcope._types import Float64

COLOURS = ("#0072b2", "#d55e00", "#008a65", "#b8558f", "#a87400", "#3a8fc0", "#4a4f57", "#857c00")
"""Of degrees and groups, those of the report: told apart in all common kinds of colour blindness."""
MARKERS = ("o", "^", "s", "D", "v", "P", "X", "*")
INK, QUIET = "#1b1f24", "#59616b"
HEADROOM = 1.12
"""Where infinity is drawn, in units of the range of finite values."""

Noun = TypeVar("Noun")

_MAKERS = {
    "PersistenceDiagram": "ts.vietoris_rips(points) makes one",
    "Comparison": "ts.compare(diagrams, 'wasserstein') makes one",
    "Representation": "ts.Representation(points=X, sample_ids=ids) or ts.extract makes one",
    "Results": "ts.run(study) makes them",
}


def axes(ax: Axes | None) -> Axes:
    """The axes to draw on: those given, or new ones. Raises MissingDependencyError without matplotlib."""
    try:
        from matplotlib import pyplot
        from matplotlib.axes import Axes
    except ImportError:
        raise MissingDependencyError("matplotlib", "toposcope.plot", "plot") from None
    if ax is None:
        _figure, ax = pyplot.subplots(figsize=(5.0, 4.4), layout="constrained")
    if not isinstance(ax, Axes):
        raise InputError(f"ax is a {type(ax).__name__}, not matplotlib Axes; pass one of plt.subplots(), or nothing")
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set_color(QUIET)
    ax.tick_params(colors=QUIET, labelcolor=INK)
    ax.title.set_fontsize("medium")
    return ax


def expect(value: Any, noun: type[Noun], name: str) -> Noun:
    """`value` if it is such a noun. Raises InputError that says how to make one."""
    if isinstance(value, noun):
        return value
    raise InputError(f"plot.{name} takes a {noun.__name__}, and got a {type(value).__name__}; {_MAKERS[noun.__name__]}")


def expect_all(value: Any, name: str) -> list[PersistenceDiagram]:
    """One diagram, or several of equal make, as a list. Raises InputError."""
    if isinstance(value, PersistenceDiagram):
        return [value]
    if not isinstance(value, Sequence) or isinstance(value, str):
        expect(value, PersistenceDiagram, name)
    found = [expect(one, PersistenceDiagram, name) for one in value]
    if not found:
        raise InputError(f"plot.{name} got no diagram; pass at least one")
    for other in found[1:]:
        different = found[0].filtration.differences(other.filtration)
        if different:
            raise InputError(f"the diagrams of one plot.{name} differ in {', '.join(different)}; draw them apart")
    return found


def degrees_of(diagram: PersistenceDiagram, degrees: int | Sequence[int] | None) -> list[int]:
    """The degrees to draw: those asked for, or all that were computed. Raises InputError for one that was not."""
    top = max(diagram.filtration.max_degree, int(diagram.degrees.max(initial=0)))
    if degrees is None:
        return list(range(top + 1))
    asked = [degrees] if isinstance(degrees, int) else list(degrees)
    for degree in asked:
        if not 0 <= degree <= top:
            raise InputError(
                f"degree {degree} was not computed, only 0 to {top}; compute the diagram with max_degree={degree}"
            )
    return asked


def unit(filtration: Filtration) -> str:
    """What a filtration value is: a diameter, and what it was divided by."""
    if filtration.scale is None:
        return "diameter"
    if isinstance(filtration.scale, str):
        return f"diameter / {filtration.scale[1:]}-quantile of distances"
    return f"diameter / {filtration.scale:g}"


def colour(place: int) -> str:
    """Of a degree or a group; past the last, the first again (their shapes differ then)."""
    return COLOURS[place % len(COLOURS)]


def marker(place: int) -> str:
    """Shape of a degree or a group: with its colour, unlike those of the 63 before."""
    return MARKERS[(place + place // len(COLOURS)) % len(MARKERS)]


def top_of(diagrams: Sequence[PersistenceDiagram], degrees: Sequence[int]) -> float:
    """The largest finite filtration value among bars, 1 where there is none."""
    ends = [
        bars[np.isfinite(bars)].max(initial=0.0) for one in diagrams for bars in (one.in_degree(k) for k in degrees)
    ]
    return float(max(ends, default=0.0)) or 1.0


def frame(ax: Axes, diagrams: Sequence[PersistenceDiagram], degrees: Sequence[int]) -> float:
    """The diagonal, the line at infinity where a bar never dies, the words of both axes. Returns where infinity is."""
    bars = np.concatenate([one.in_degree(k) for one in diagrams for k in degrees])
    top = top_of(diagrams, degrees)
    low = float(bars[:, 0].min(initial=top)) if len(bars) else 0.0
    margin = 0.04 * (top - low)
    infinity = top + (HEADROOM - 1) * (top - low)
    essential = bool(np.isinf(bars[:, 1]).any())
    ax.plot([low, infinity], [low, infinity], color=QUIET, linewidth=0.8, zorder=1, gid="diagonal")
    if essential:
        ax.axhline(infinity, color=QUIET, linewidth=0.8, linestyle=":", zorder=1)
        ax.annotate("∞", (1, infinity), xycoords=("axes fraction", "data"), xytext=(4, 0), textcoords="offset points",
                    va="center", color=INK)  # fmt: skip
    ax.set_xlim(low - margin, infinity + margin)
    ax.set_ylim(low - margin, infinity + margin)
    ax.set_aspect("equal", adjustable="box")
    ax.set_xlabel(f"birth ({unit(diagrams[0].filtration)})")
    ax.set_ylabel(f"death ({unit(diagrams[0].filtration)})")
    return infinity


def points(ax: Axes, bars: Float64, place: int, infinity: float, label: str, filled: bool = True) -> None:
    """Bars as points, essential ones at infinity; a shape and a colour of their own."""
    at = np.where(np.isinf(bars[:, 1]), infinity, bars[:, 1])
    ax.scatter(
        bars[:, 0],
        at,
        s=26,
        marker=marker(place),
        facecolors=colour(place) if filled else "none",
        edgecolors=colour(place),
        linewidths=0.8 if not filled else 0.0,
        alpha=0.75 if filled else 1.0,
        label=label,
        clip_on=False,
        zorder=3,
    )
