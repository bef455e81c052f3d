"""What a monitor reports of every check, one number at a time; `DEFINITIONS` says what each means.

A signal of a layer is a mean over disjoint draws of equal size, of the same inputs at every check, with Student's t
interval over the draws. Intervals of one layer at different checks share their draws: that two overlap does not show
that nothing changed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from toposcope._errors import InputError
from toposcope._types import Array, Float64
from toposcope.diagram import PersistenceDiagram
from toposcope.distances import descriptors
from toposcope.stats import UnpairedCell, energy_bounds, mean_interval

COLUMNS = ["step", "probe", "layer", "degree", "signal", "value", "low", "high", "draws"]
"""Columns of `tables/signals.csv`, in order. layer and degree are empty where a signal has none."""

DEFINITIONS: dict[str, str] = {
    "bars": "bars that die",
    "essential": "bars that never die",
    "total_persistence": "sum of bar lengths, in units of the scale; in degree 0 the length of the spanning tree",
    "maximal_persistence": "length of the longest bar that dies",
    "mean_birth": "mean birth of the bars that die",
    "mean_death": "mean death of the bars that die",
    "entropy": "persistence entropy, normalised to 0 to 1",
    "dispersion": "standard deviation of the deaths in degree 0 over their mean: 0 for a lattice, large for clusters",
    "scale": "what the distances of a draw were divided by",
    "p_eff": "trace of the covariance over its largest eigenvalue",
    "effective_rank": "exp of the entropy of the singular values as shares of their sum (Roy and Vetterli 2007)",
    "noise": "mean distance between the diagrams of two draws at this check",
    "travelled": "mean over draws of the distance from their diagram here to theirs at the first check",
    "moved": "the same to the check before",
    "divergence": "2·AB - AA - BB of the diagrams of the train (A) and validation (B) draws; bounds of energy_bounds",
    "change_point": "change of level and slope at this check, in units of the noise of the series; see changes.py",
    "retained_rank": "effective rank over its largest value so far",
}
"""Every signal. What `step` is told, a loss say, is a signal of its own, without a layer."""

CHANGING = (("total_persistence", 0), ("total_persistence", 1), ("effective_rank", None), ("moved", 0), ("moved", 1))
"""Series in which change points are looked for: signal and degree."""

FALLING = (("effective_rank", None), ("p_eff", None), ("total_persistence", 0))
"""Series whose fall to half of what they were is an early warning of collapse."""


def effective_rank(points: Array) -> float:
    """exp of the entropy of the singular values of the centred (n, d) cloud, as shares of their sum; 0 if constant.

    Between 1 and min(n - 1, d). Source: Roy and Vetterli 2007; as a signal of collapse, RankMe (Garrido et al. 2023).
    """
    return _rank_of(_spectrum(points))


def _spectrum(points: Array) -> Float64:
    """Singular values of the centred cloud, largest first."""
    centred = np.asarray(points, dtype=np.float64)
    centred = centred - centred.mean(axis=0)
    values: Float64 = np.linalg.svd(centred, compute_uv=False)
    return values


def _rank_of(values: Float64) -> float:
    total = float(values.sum())
    if total == 0:
        return 0.0
    share = values[values > 0] / total
    return float(np.exp(-(share * np.log(share)).sum()))


def of_cloud(points: Array) -> dict[str, float]:
    """`p_eff` and `effective_rank` of one draw, from one decomposition. points: (n, d)."""
    values = _spectrum(points)
    square = values**2
    largest = float(square.max(initial=0.0))
    return {"p_eff": float(square.sum()) / largest if largest else 0.0, "effective_rank": _rank_of(values)}


def of_diagram(diagram: PersistenceDiagram, max_degree: int) -> dict[tuple[str, int | None], float]:
    """Descriptors of one draw by (signal, degree), with its scale and the dispersion of degree 0."""
    found: dict[tuple[str, int | None], float] = {}
    for degree in range(max_degree + 1):
        found.update({(name, degree): value for name, value in descriptors(diagram, degree).items()})
    deaths = diagram.finite(0)[:, 1]
    mean = float(deaths.mean()) if len(deaths) else 0.0
    found["dispersion", 0] = float(deaths.std()) / mean if mean else 0.0
    found["scale", None] = float(diagram.filtration.scale_value)
    return found


def over_draws(values: Sequence[float] | Array, confidence: float) -> dict[str, Any]:
    """value, low, high, draws: the mean with its interval; without one for fewer than two draws or infinite values."""
    draws: Float64 = np.asarray(values, dtype=np.float64)
    value = float(draws.mean()) if len(draws) else math.nan
    low = high = math.nan
    if len(draws) > 1 and np.isfinite(draws).all():
        interval = mean_interval(draws, confidence)
        low, high = interval.low, interval.high
    return {"value": value, "low": low, "high": high, "draws": len(draws)}


def divergence(within_a: Float64, within_b: Float64, between: Float64, confidence: float) -> dict[str, Any]:
    """2·AB - AA - BB of the two probes' draws in one degree, with its bounds; NaN where there are too few draws."""
    draws = len(between)
    try:
        cell = UnpairedCell("train and validation", within_a, within_b, between)
        value, low, high = energy_bounds(cell, (1 + confidence) / 2)
    except InputError:
        if draws < 2 or not np.isfinite(between).all():
            return {"value": math.nan, "low": math.nan, "high": math.nan, "draws": draws}
        off = draws * (draws - 1)
        value, low, high = 2 * between.mean() - (within_a.sum() + within_b.sum()) / off, math.nan, math.nan
    return {"value": float(value), "low": float(low), "high": float(high), "draws": draws}


Series = Mapping[tuple[str, str, str, int | None], list[dict[str, Any]]]
"""(probe, layer, signal, degree) → its rows in order of their steps."""


def series(rows: Sequence[Mapping[str, Any]]) -> Series:
    """Rows of the table, put together by what they follow."""
    found: dict[tuple[str, str, str, int | None], list[dict[str, Any]]] = {}
    for row in sorted(rows, key=lambda row: row["step"]):
        key = (str(row["probe"]), str(row["layer"]), str(row["signal"]), row["degree"])
        found.setdefault(key, []).append(dict(row))
    return found


def retained(of: Series) -> list[dict[str, Any]]:
    """Rows of `retained_rank`."""
    rows = []
    for (_probe, _layer, signal, _degree), members in of.items():
        if signal != "effective_rank":
            continue
        largest = 0.0
        for row in members:
            largest = max(largest, row["value"])
            value = row["value"] / largest if largest else math.nan
            rows.append({**row, "signal": "retained_rank", "value": value, "low": math.nan, "high": math.nan})
    return rows
