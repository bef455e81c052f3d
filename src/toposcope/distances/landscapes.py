"""Persistence landscapes as what they are, piecewise linear functions, with exact norms and distances."""

from __future__ import annotations

import bisect
import dataclasses
from itertools import zip_longest

import numpy as np

from toposcope import _check
from toposcope._errors import InputError
from toposcope._types import Array, Float64
from toposcope.diagram import PersistenceDiagram
from toposcope.distances.bars import bars_of

_NOTHING = np.empty((0, 2))


@dataclasses.dataclass(frozen=True, eq=False)
class Landscape:
    """A persistence landscape: level k is the k-th largest of all tents min(t - birth, death - t) at each t.

    levels: one (m, 2) array for each level, the points (t, height) where its slope changes, in order of t; between them
    it is linear, before the first and after the last it is 0. t and height are filtration values.

    Raises InputError for arrays that are not (m, 2) with ascending t.
    """

    levels: tuple[Float64, ...]

    def __post_init__(self) -> None:
        levels = []
        for k, level in enumerate(self.levels):
            corners = (
                np.array(level, dtype=np.float64).reshape(-1, 2) if np.size(level) == 0 else np.array(level, float)
            )
            if corners.ndim != 2 or corners.shape[1] != 2 or not (np.diff(corners[:, 0]) >= 0).all():
                raise InputError(f"levels[{k}] has shape {corners.shape} and must be (m, 2): t in order, and heights")
            corners.flags.writeable = False
            levels.append(corners)
        object.__setattr__(self, "levels", tuple(levels))

    def __len__(self) -> int:
        return len(self.levels)

    def __call__(self, values: Array) -> Float64:
        """(levels, v) heights at (v,) filtration values, exact."""
        at = np.asarray(values, dtype=np.float64)
        heights = np.zeros((len(self.levels), len(at)))
        for row, level in zip(heights, self.levels, strict=True):
            row[:] = _heights(level, at)
        return heights

    def norm(self, order: float = 2) -> float:
        """(sum over levels of the integral of height^order)^(1/order), exact; order=inf gives the largest height."""
        return self.distance(Landscape(()), order)

    def distance(self, other: Landscape, order: float = 2) -> float:
        """The norm of the difference, level by level, exact; a level that one of them lacks is 0.

        For order=inf it is at most the bottleneck distance of the diagrams, if both have all their levels.
        Source: Bubenik 2015, section 2.3 and theorem 13.
        """
        p = _check.real(order, "order", at_least=1)
        differences = []
        for a, b in zip_longest(self.levels, other.levels, fillvalue=_NOTHING):
            at = np.union1d(a[:, 0], b[:, 0])
            differences.append((at, _heights(a, at) - _heights(b, at)))
        largest = max((float(np.abs(gaps).max(initial=0.0)) for _, gaps in differences), default=0.0)
        if p == np.inf or largest == 0:
            return largest
        integral = sum(_integral(at, gaps / largest, p) for at, gaps in differences)
        return float(largest * integral ** (1 / p))


def exact_landscape(diagram: PersistenceDiagram | Array, degree: int = 1, levels: int | None = None) -> Landscape:
    """The persistence landscape of the bars that die, at every point where a slope changes.

    diagram: PersistenceDiagram or (k, 2) array. levels: the first so many (None: all that are not 0 everywhere, at most
    one for each bar). Takes up to k operations for each level.
    Source: Bubenik and Dłotko 2017, algorithm 1.
    """
    most = None if levels is None else _check.integer(levels, "levels", at_least=1)
    # By birth, and the longer first: (birth, -death).
    waiting = sorted((birth, -death) for birth, death in bars_of(diagram, degree, "diagram").finite.tolist())
    found: list[Float64] = []
    while waiting and len(found) != most:
        found.append(_upper_envelope(waiting))
    return Landscape(tuple(found))


def _upper_envelope(waiting: list[tuple[float, float]]) -> Float64:
    """The corners of the largest tent at every t, which leaves in `waiting` the bars whose tents give the rest."""
    birth, late = waiting.pop(0)
    death = -late
    corners = [(birth, 0.0), _peak(birth, death)]
    start = 0
    while True:
        # The next tent that rises above the falling side of this one: the first to outlive it.
        start = next((k for k in range(start, len(waiting)) if -waiting[k][1] > death), len(waiting))
        if start == len(waiting):
            corners.append((death, 0.0))
            return np.array(corners)
        birth, late = waiting.pop(start)
        if birth >= death:
            corners += [(death, 0.0), (birth, 0.0)] if birth > death else [(birth, 0.0)]
        else:
            # They cross; below the crossing lies the tent of a bar from the later birth to the earlier death.
            corners.append(_peak(birth, death))
            bisect.insort(waiting, (birth, -death), lo=start)
        death = -late
        corners.append(_peak(birth, death))


def _peak(birth: float, death: float) -> tuple[float, float]:
    return birth / 2 + death / 2, (death - birth) / 2


def _heights(level: Float64, at: Float64) -> Float64:
    if len(level) == 0:
        return np.zeros(len(at))
    heights: Float64 = np.interp(at, level[:, 0], level[:, 1], left=0.0, right=0.0)
    return heights


def _integral(at: Float64, heights: Float64, p: float) -> float:
    """The integral of |f|^p, f linear between (at, heights)."""
    width, left, right = np.diff(at), heights[:-1], heights[1:]
    one_sign = left * right >= 0
    a, b = np.abs(left), np.abs(right)
    high, low = np.maximum(a, b), np.minimum(a, b)
    with np.errstate(divide="ignore", invalid="ignore"):
        # Between heights h and (1 - g)h: h^p (1 - (1 - g)^(p+1)) / ((p + 1) g), which tends to h^p with g to 0.
        gap = (high - low) / high
        mean = np.where(gap > 0, -np.expm1((p + 1) * np.log1p(-gap)) / ((p + 1) * gap), 1.0)
        # Through 0: a triangle on each side, of widths as a to b.
        sides = (a * a**p + b * b**p) / ((p + 1) * (a + b))
    return float(np.sum(width * np.where(one_sign, np.where(high > 0, high**p * mean, 0.0), sides)))
