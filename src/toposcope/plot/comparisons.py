"""A comparison as a heatmap, and as a map in the plane."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from toposcope._errors import InputError
from toposcope.comparison import Comparison
from toposcope.plot.axes import INK, QUIET, axes, colour, expect, marker

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MOST_NUMBERS = 12
"""Things of which every pair still gets its number written."""


def heatmap(comparison: Comparison, ax: Axes | None = None, numbers: bool | None = None) -> Axes:
    """All pairs of a comparison as a heatmap; near is light, far is dark, and the bar beside it names the measure.

    Where larger is more similar, near is still light. numbers: write every value; None does for up to 12 things. An
    infinite distance (different counts of essential bars) is hatched, and a value that is only a lower bound, because
    it was not asked for, is marked ≥.

    Raises InputError for another noun and an empty comparison.
    """
    found = _some(comparison, "heatmap")
    write = len(found) <= _MOST_NUMBERS if numbers is None else bool(numbers)
    ax = axes(ax)
    finite = np.isfinite(found.values)
    shown = np.where(finite, found.values, np.nan)
    colours = "viridis" if found.larger_is_more_similar else "viridis_r"
    image = ax.imshow(shown, cmap=colours, interpolation="nearest")
    figure = ax.get_figure()
    assert figure is not None
    bar = figure.colorbar(image, ax=ax, shrink=0.8)
    sense = "larger is more similar" if found.larger_is_more_similar else "smaller is more similar"
    bar.set_label(f"{found.measure} ({sense})")
    bar.outline.set_visible(False)
    from matplotlib.patches import Rectangle

    for i, j in np.argwhere(~finite):
        ax.add_patch(Rectangle((j - 0.5, i - 0.5), 1, 1, fill=False, hatch="////", edgecolor=QUIET, linewidth=0))
    if write:
        share = np.asarray(image.norm(np.where(finite, found.values, 0.0)), dtype=np.float64)
        dark = share < 0.55 if found.larger_is_more_similar else share > 0.45
        for i, j in np.ndindex(found.values.shape):
            text = f"{found.values[i, j]:.3g}" if finite[i, j] else "∞"
            text = text if found.computed[i, j] else f"≥{text}"
            ink = "white" if dark[i, j] and finite[i, j] else INK
            ax.text(j, i, text, ha="center", va="center", color=ink, fontsize="x-small")
    slanted = max(len(label) for label in found.labels) > 4
    ax.set_xticks(range(len(found)), found.labels, rotation=45 if slanted else 0, ha="right" if slanted else "center",
                  rotation_mode="anchor")  # fmt: skip
    ax.set_yticks(range(len(found)), found.labels)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    return ax


def map(
    comparison: Comparison,
    ax: Axes | None = None,
    groups: Sequence[str] | None = None,
    paths: bool = False,
    names: bool = True,
) -> Axes:
    """A map: things that are near under the measure lie near in the plane, as far as a plane allows.

    Metric multidimensional scaling, the one of the report, the same on every run. The title states its stress
    (Kruskal's stress-1): 0 is faithful, and above about 0.2 distances on the map say little. Axes have no meaning, and
    so no numbers; the line below is a length in the units of the measure. groups: one name per thing, told apart by
    colour and shape. paths: join the things of a group in the order they have, such as layers along depth. names: write
    them.

    Raises InputError for another noun, an empty comparison, a similarity, groups that do not fit.
    """
    from toposcope.report.embedding import embed

    found = _some(comparison, "map")
    if found.larger_is_more_similar:
        raise InputError(
            f"plot.map takes distances, and {found.measure} is larger for what is more similar; draw plot.heatmap"
        )
    if groups is not None and len(groups) != len(found):
        raise InputError(f"groups has {len(groups)} names for {len(found)} things; give one each, or none")
    places, stress = embed(np.where(found.computed, found.values, np.nan))
    ax = axes(ax)
    of = np.array([""] * len(found) if groups is None else [str(name) for name in groups])
    for place, group in enumerate(dict.fromkeys(of.tolist())):
        some = places[of == group]
        if paths:
            ax.plot(some[:, 0], some[:, 1], color=colour(place), linewidth=1, alpha=0.7, zorder=2)
        ax.scatter(some[:, 0], some[:, 1], s=44, color=colour(place), marker=marker(place), label=group, zorder=3)
    if names:
        for name, (x, y) in zip(found.labels, places, strict=True):
            if np.isfinite([x, y]).all():
                ax.annotate(name, (x, y), xytext=(5, 5), textcoords="offset points", fontsize="small", color=INK)
    lost = int(np.isnan(places).any(axis=1).sum())
    said = f"; {lost} at no finite distance from the others left out" if lost else ""
    ax.set_title(f"{found.measure}, stress {stress:.2f}{said}")
    ax.set_aspect("equal", adjustable="datalim")
    ax.margins(0.15)
    ax.set_xticks([])
    ax.set_yticks([])
    ax.spines[:].set_visible(False)
    _ruler(ax)
    if groups is not None:
        ax.legend(frameon=False, fontsize="small")
    return ax


def _ruler(ax: Axes) -> None:
    """A line of a round length, with its number: what a distance on the map is."""
    low, high = ax.get_xlim()
    wish = (high - low) / 4
    power = 10.0 ** np.floor(np.log10(wish)) if wish > 0 else 1.0
    length = max(power * step for step in (1, 2, 5) if power * step <= max(wish, power))
    bottom = ax.get_ylim()[0]
    ax.plot([low, low + length], [bottom, bottom], color=QUIET, linewidth=2, solid_capstyle="butt", gid="ruler")
    ax.annotate(f"{length:g}", (low, bottom), xytext=(0, 5), textcoords="offset points", color=QUIET, fontsize="small")


def _some(comparison: Comparison, name: str) -> Comparison:
    found = expect(comparison, Comparison, name)
    if len(found) == 0:
        raise InputError(f"plot.{name} got a comparison of nothing; compare at least one diagram")
    return found
