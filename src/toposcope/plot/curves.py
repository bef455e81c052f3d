"""Curves with their spread over draws: Betti curves along the filtration, descriptors along depth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from toposcope import _check
from toposcope._errors import InputError
from toposcope._types import Array
from toposcope.diagram import PersistenceDiagram
from toposcope.plot.axes import axes, colour, degrees_of, expect_all, marker, top_of, unit

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from toposcope.study import Results

_GRID = 400
"""Filtration values of a curve over several diagrams, as many as a printed figure can show."""


def betti(
    diagrams: PersistenceDiagram | Sequence[PersistenceDiagram],
    degree: int = 1,
    ax: Axes | None = None,
    values: Array | None = None,
    label: str | None = None,
    level: float = 0.95,
) -> Axes:
    """A Betti curve: how many bars of one degree are alive at each filtration value, essential ones included.

    diagrams: one, or those of the disjoint draws of one layer. Of several, the mean is drawn, within a band: from 8
    draws on the simultaneous confidence band of the mean (`ts.confidence_band`), of fewer the range of all draws; the
    legend says which. values: (v,) filtration values; None takes those where a single curve is exact, or 400 of them.
    label: of this curve. Call it again with the same `ax` for another layer.

    Raises InputError for another noun, diagrams of different make, and a degree that was not computed.
    """
    found = expect_all(diagrams, "betti")
    (k,) = degrees_of(found[0], degree)
    if values is None:
        ends = found[0].in_degree(k)
        exact = np.unique(np.concatenate([[0.0], ends[np.isfinite(ends)]]))
        at = exact if len(found) == 1 else np.linspace(0.0, top_of(found, [k]), _GRID)
    else:
        at = np.asarray(values, dtype=np.float64)
        if at.ndim != 1 or len(at) == 0 or not np.isfinite(at).all():
            raise InputError(f"values has shape {at.shape}; give filtration values (v,), all finite")
    curves = np.stack([one.betti(at, k) for one in found]).astype(np.float64)
    low = high = None
    band = ""
    if len(found) > 1:
        low, high, band = curves.min(axis=0), curves.max(axis=0), f"range of {len(found)} draws"
        from toposcope.stats.bands import FEWEST_DRAWS, confidence_band

        if len(found) >= FEWEST_DRAWS:
            certain = confidence_band(found, "betti", k, at, level=level)
            low, high = certain.low, certain.high
            band = f"mean of {len(found)} draws, {level:.0%} band"
    ax = axes(ax)
    place = len([line for line in ax.lines if line.get_gid() == "betti"])
    name = " · ".join(part for part in (label or f"H{k}", band) if part)
    # A curve is constant from each value up to the next.
    ax.plot(at, curves.mean(axis=0), drawstyle="steps-post", color=colour(place), label=name, gid="betti", zorder=3)
    if low is not None and high is not None:
        ax.fill_between(at, low, high, step="post", color=colour(place), alpha=0.2, linewidth=0, zorder=2)
    ax.set_xlabel(unit(found[0].filtration))
    ax.set_ylabel(f"Betti number of H{k}")
    # Limits stay open upwards: the next curve may be higher.
    ax.set_xlim(left=0, auto=True)
    ax.set_ylim(bottom=0, auto=True)
    ax.legend(frameon=False, fontsize="small")
    return ax


def depth(
    layers: Results | Mapping[str, Sequence[PersistenceDiagram]],
    descriptor: str = "total_persistence",
    degree: int = 1,
    ax: Axes | None = None,
    networks: Sequence[str] | None = None,
    level: float = 0.95,
) -> Axes:
    """A descriptor of every layer along depth: the mean over disjoint draws, with Student's interval.

    layers: the Results of a run, every network a line along relative depth (0 to 1), with the interval of the run's
    tables; or layer → diagrams of its draws, in order of execution. descriptor: a name of `ts.descriptors`. networks:
    of the results; None draws all. level: of the interval, where it is computed here.

    Raises InputError for another noun, a name that is not known, a layer without diagrams.
    """
    from toposcope.study import Results

    lines: dict[str, tuple[Array, Array, Array, Array]]
    if isinstance(layers, Results):
        lines, ticks = _of_results(layers, descriptor, degree, networks), None
    elif isinstance(layers, Mapping) and layers:
        lines, ticks = {"": _of_draws(layers, descriptor, degree, level)}, list(layers)
    else:
        raise InputError(
            f"plot.depth takes Results or a mapping of layer → diagrams of its draws, and got "
            f"{'an empty one' if isinstance(layers, Mapping) else f'a {type(layers).__name__}'}; ts.run makes Results"
        )
    ax = axes(ax)
    for place, (name, (x, mean, low, high)) in enumerate(lines.items()):
        bars = np.stack([mean - low, high - mean])
        ax.errorbar(
            x,
            mean,
            yerr=np.where(np.isfinite(bars), bars, 0.0),
            color=colour(place),
            marker=marker(place),
            markersize=5,
            linewidth=1.4,
            elinewidth=1,
            capsize=2,
            label=name or None,
        )
    if ticks is None:
        ax.set_xlabel("depth (0: first layer, 1: last)")
    else:
        ax.set_xticks(range(len(ticks)), ticks, rotation=30 if sum(map(len, ticks)) > 40 else 0, ha="center")
        ax.set_xlabel("layer, in order of execution")
    ax.set_ylabel(f"{descriptor.replace('_', ' ')} of H{degree}")
    if any(lines):
        ax.legend(frameon=False, fontsize="small")
    return ax


def _of_results(
    results: Results, descriptor: str, degree: int, networks: Sequence[str] | None
) -> dict[str, tuple[Array, Array, Array, Array]]:
    table = results.tables["descriptor_means"]
    _check.choice(descriptor, sorted(set(table["descriptor"])), "descriptor")
    table = table[(table["descriptor"] == descriptor) & (table["degree"] == degree) & (table["clouds"] == "plain")]
    if table.empty:
        raise InputError(f"the results hold nothing in degree {degree}; run the plan with max_degree = {degree}")
    known = list(dict.fromkeys(table["network"]))
    lines = {}
    for network in known if networks is None else networks:
        rows = table[table["network"] == _check.choice(network, known, "network")].sort_values("depth", kind="stable")
        x, mean, low, high = (rows[name].to_numpy(dtype=np.float64) for name in ("depth", "mean", "low", "high"))
        lines[network] = (x, mean, low, high)
    return lines


def _of_draws(
    layers: Mapping[str, Sequence[PersistenceDiagram]], descriptor: str, degree: int, level: float
) -> tuple[Array, Array, Array, Array]:
    from toposcope.distances import descriptors
    from toposcope.stats import mean_interval

    rows = []
    for name, given in layers.items():
        try:
            found = expect_all(given, "depth")
        except InputError as error:
            raise InputError(f"layer {name!r}: {error}") from None
        degrees_of(found[0], degree)
        known = [descriptors(one, degree) for one in found]
        _check.choice(descriptor, known[0], "descriptor")
        values = np.array([one[descriptor] for one in known])
        interval = mean_interval(values, level) if len(values) > 1 else None
        rows.append((values.mean(), *((np.nan, np.nan) if interval is None else (interval.low, interval.high))))
    mean, low, high = np.array(rows).T
    return np.arange(len(rows), dtype=np.float64), mean, low, high
