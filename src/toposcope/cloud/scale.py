"""The scale of a cloud: the number its distances are divided by, so that shapes of different size compare."""

from __future__ import annotations

import itertools
import re

import numpy as np

from toposcope import _check
from toposcope._errors import InputError
from toposcope._types import Floats

_QUANTILE = re.compile(r"q(0(?:\.\d+)?|1(?:\.0+)?|\.\d+)")


def scale_rule(scale: str | float | None) -> str | float | None:
    """`scale` if it is a rule: None, a positive number, or "qX" with 0 < X <= 1. Raises InputError."""
    if scale is None:
        return None
    if isinstance(scale, str):
        match = _QUANTILE.fullmatch(scale)
        if match is None or float(match.group(1)) <= 0:
            raise InputError(f"scale={scale!r} is not known; use 'q0.9' (a quantile), a positive number or None")
        return scale
    number = _check.real(scale, "scale", above=0.0)
    if not np.isfinite(number):
        raise InputError(f"scale={scale!r} must be finite")
    return number


def scale_value(distances: Floats, scale: str | float | None) -> float:
    """The number that a rule gives for one cloud.

    distances: (n, n). scale: None gives 1; a number gives itself; "q0.9" gives the 0.9-quantile (linear interpolation)
    of the n(n-1)/2 distances between different points of this cloud. Returns a positive float in the units of the
    metric. Fewer than two points have no distances: 1.

    Raises InputError for an unknown rule, and when the quantile is zero or infinite (most points are duplicates, or
    are not connected), which no rescaling mends.
    """
    rule = scale_rule(scale)
    if rule is None:
        return 1.0
    if not isinstance(rule, str):
        return rule
    n = len(distances)
    if n < 2:
        return 1.0
    # Row by row into half the size of the matrix, and ordered there: a mask or two lists of places would take more.
    upper = np.empty(n * (n - 1) // 2, dtype=distances.dtype)
    for row, end in enumerate(itertools.accumulate(range(n - 1, 0, -1))):
        upper[end - (n - 1 - row) : end] = distances[row, row + 1 :]
    below, share = quantile_place(len(upper), quantile_of(rule))
    upper.partition((below, min(below + 1, len(upper) - 1)))
    return between(upper[below], upper[min(below + 1, len(upper) - 1)], share, rule)


def quantile_of(rule: str) -> float:
    """The share that a rule such as "q0.9" names."""
    return float(rule[1:])


def quantile_place(count: int, quantile: float) -> tuple[int, float]:
    """Between which of `count` numbers in order a quantile lies: the place of the lower one, and how far beyond it."""
    place = (count - 1) * quantile
    return int(place), place - int(place)


def between(below: float, above: float, share: float, rule: str) -> float:
    """The scale that lies so far between two distances. Raises InputError where nothing can be divided by it."""
    with np.errstate(invalid="ignore"):  # between two infinities there is nothing to interpolate: NaN, caught below
        value = float(np.quantile(np.array([below, above], dtype=np.float64), share, method="linear"))
    if not 0 < value < np.inf:
        raise InputError(
            f"scale={rule!r}: that quantile of the distances is {value:g}, so nothing can be divided by it; "
            "remove duplicate points, choose a higher quantile or pass scale=None"
        )
    return value
