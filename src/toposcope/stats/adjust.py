"""Many tests at once: p-values adjusted so that the chance of any false rejection stays at the level."""

from __future__ import annotations

import numpy as np

from toposcope._types import Float64


def step_down_max_t(statistics: Float64) -> Float64:
    """Adjusted p-values by the step-down maximum (Westfall and Young 1993, algorithm 2.8).

    statistics: (relabellings, tests), the same relabelling of the draws along a row, row 0 the observed one, each
    column studentised so that the tests weigh alike. Returns (tests,). Family-wise error in the strong sense where the
    relabellings carry the joint law of the tests; dependence between tests costs nothing.
    """
    slack = 1e-9 * np.abs(statistics).max(initial=1.0)
    order = np.argsort(-statistics[0], kind="stable")
    # Row-wise maxima over the test itself and all that are less extreme.
    running = np.maximum.accumulate(statistics[:, order[::-1]], axis=1)[:, ::-1]
    raw = (running >= statistics[0, order] - slack).mean(axis=0)
    adjusted = np.empty(statistics.shape[1])
    adjusted[order] = np.maximum.accumulate(raw)
    return adjusted


def holm(p_values: Float64) -> Float64:
    """Holm's step-down adjustment of (m,) p-values; valid under any dependence. Source: Holm 1979."""
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p, kind="stable")
    steps = (len(p) - np.arange(len(p))) * p[order]
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted
