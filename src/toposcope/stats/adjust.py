"""Many tests at once: p-values adjusted so that wrong rejections stay rare over all of them.

`step_down_max_t` and `holm` keep the chance of *any* wrong rejection at the level. `benjamini_yekutieli` and
`benjamini_hochberg` keep the expected *share* of wrong ones among the rejections at the level, which is a weaker
promise.
"""

from __future__ import annotations

import numpy as np

from toposcope import _check
from toposcope._types import Float64

ADJUSTMENTS = {
    "max-t": "step-down max-T",
    "holm": "Holm",
    "by": "Benjamini–Yekutieli (share of wrong rejections)",
    "bh": "Benjamini–Hochberg (share of wrong rejections, if the tests depend positively)",
    "none": "none",
}
"""Names that `permutation_tests` takes, and what a result calls them."""


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


def benjamini_hochberg(p_values: Float64) -> Float64:
    """Step-up adjustment of (m,) p-values for the false discovery rate; needs positive dependence between the tests
    (PRDS), which layers of one network, tested on the same draws, are not known to have. Source: Benjamini and
    Hochberg 1995; Benjamini and Yekutieli 2001 for the condition."""
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(-p, kind="stable")
    steps = len(p) / np.arange(len(p), 0, -1) * p[order]
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(np.minimum.accumulate(steps), 1.0)
    return adjusted


def benjamini_yekutieli(p_values: Float64) -> Float64:
    """Step-up adjustment of (m,) p-values for the false discovery rate under any dependence: Benjamini and Hochberg's
    times 1 + 1/2 + … + 1/m. Source: Benjamini and Yekutieli 2001."""
    return np.minimum(harmonic(len(p_values)) * benjamini_hochberg(p_values), 1.0)


def multiplier(adjust: str, tests: int) -> float:
    """What the smallest of `tests` p-values is multiplied by when it is the only small one."""
    _check.choice(adjust, ADJUSTMENTS, "adjust")
    if adjust in ("holm", "bh"):
        return float(tests)
    return tests * harmonic(tests) if adjust == "by" else 1.0


def harmonic(tests: int) -> float:
    """1 + 1/2 + … + 1/tests."""
    return float((1 / np.arange(1, tests + 1)).sum())
