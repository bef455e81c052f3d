"""Intervals over independent draws."""

from __future__ import annotations

import numpy as np

from toposcope import _check
from toposcope._errors import InputError
from toposcope._types import Array
from toposcope.result import Interval


def mean_interval(values: Array, level: float = 0.95) -> Interval:
    """Student's t interval for the mean of independent draws.

    values: (k,) one number per disjoint draw, k >= 2. The draws must share no inputs: then their values are independent
    and the interval covers the mean over draws of this size from the same source (not the value at another size).
    It is made for laws that are not very skewed: at 4 to 16 draws it covers 93 to 96 % for total persistence and the
    longest bar of draws of trained layers (skewness up to 1.5), and 86 to 89 % for a lognormal law with sigma 0.8
    (benchmarks/coverage.md). Raises InputError for fewer than two draws or values that are not finite.
    """
    from scipy.stats import t

    draws = np.asarray(values, dtype=np.float64)
    confidence = _check.real(level, "level", above=0.0)
    if confidence >= 1:
        raise InputError(f"level={level!r} must be below 1")
    if draws.ndim != 1 or len(draws) < 2:
        raise InputError(f"an interval needs at least 2 disjoint draws, and there are {draws.size}; give more inputs")
    if not np.isfinite(draws).all():
        raise InputError(
            "an interval needs finite values; a distance is infinite where essential bars differ in number"
        )
    k = len(draws)
    half = float(t.ppf((1 + confidence) / 2, k - 1)) * float(draws.std(ddof=1)) / k**0.5
    mean = float(draws.mean())
    return Interval(mean - half, mean + half, confidence, f"Student t over {k} disjoint draws")
