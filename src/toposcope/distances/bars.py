"""What every distance between diagrams reads: the bars of one degree, split into those that die and those that do not.

A bar is matched to another bar or to the diagonal; an essential bar only to an essential bar.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from toposcope import _check
from toposcope._errors import IncomparableError, InputError
from toposcope._types import Array, Float64
from toposcope.diagram import PersistenceDiagram

_REMEDY = {
    "n_points": "compute both from clouds of the same number of points (ts.disjoint_draws gives equal draws)",
    "metric": "compute both with the same metric",
    "scale": "compute both with the same scale rule",
    "threshold": "compute both with the same threshold",
    "field": "compute both with the same field",
}


@dataclasses.dataclass(frozen=True, eq=False)
class Bars:
    """finite: (k, 2) births and deaths. births: (e,) sorted births of the essential bars."""

    finite: Float64
    births: Float64

    @property
    def lengths(self) -> Float64:
        """(k,) death - birth."""
        lengths: Float64 = self.finite[:, 1] - self.finite[:, 0]
        return lengths


def bars_of(a: PersistenceDiagram | Array, degree: int, name: str = "a") -> Bars:
    """The bars of one degree of a diagram, or of a (k, 2) array. Raises InputError."""
    if isinstance(a, PersistenceDiagram):
        if degree > a.filtration.max_degree and not (a.degrees == degree).any():
            raise InputError(
                f"{name} was computed up to degree {a.filtration.max_degree}, so degree={degree} is not in it; "
                f"compute it with max_degree={degree}"
            )
        pairs = a.in_degree(degree)
    else:
        pairs = np.asarray(_check.floats(a, name), dtype=np.float64)
        pairs = pairs.reshape(0, 2) if pairs.size == 0 else pairs
        if pairs.ndim != 2 or pairs.shape[1] != 2:
            raise InputError(f"{name} has shape {pairs.shape}, but bars are (k, 2): birth, death")
        wrong = ~(pairs[:, 0] <= pairs[:, 1]) | ~np.isfinite(pairs[:, 0])
        if wrong.any():
            row = int(np.flatnonzero(wrong)[0])
            raise InputError(f"{name} row {row} is ({pairs[row, 0]:g}, {pairs[row, 1]:g}); a birth is finite, <= death")
        pairs = pairs[pairs[:, 0] < pairs[:, 1]]
    dies = np.isfinite(pairs[:, 1])
    return Bars(pairs[dies], np.sort(pairs[~dies, 0]))


def comparable(
    a: PersistenceDiagram | Array, b: PersistenceDiagram | Array, degree: int, check: bool
) -> tuple[Bars, Bars]:
    """The bars of both, once it is sure that comparing them means something.

    Raises IncomparableError, saying what to do, when two diagrams come from clouds of different size, or under another
    metric, scale rule, threshold or field; `check=False` compares them all the same.
    """
    degree = _check.integer(degree, "degree")
    if check and isinstance(a, PersistenceDiagram) and isinstance(b, PersistenceDiagram):
        different = a.filtration.differences(b.filtration)
        if different:
            first = different[0].split(" ")[0]
            raise IncomparableError(
                f"the diagrams differ in {', '.join(different)}, so their distance would mix that with their shape; "
                f"{_REMEDY[first]}, or pass check=False"
            )
    return bars_of(a, degree, "a"), bars_of(b, degree, "b")


def ground_distances(a: Float64, b: Float64, ground: float) -> Float64:
    """(k, l) distances in the plane under the L_ground norm."""
    births = np.abs(a[:, None, 0] - b[None, :, 0])
    deaths = np.abs(a[:, None, 1] - b[None, :, 1])
    if ground == np.inf:
        return np.maximum(births, deaths)
    if ground == 1:
        return births + deaths
    return np.hypot(births, deaths) if ground == 2 else (births**ground + deaths**ground) ** (1 / ground)


def diagonal_distances(bars: Bars, ground: float) -> Float64:
    """(k,) distance of each bar to the diagonal: its length times 2^(1/q - 1), half of it for L-infinity."""
    distances: Float64 = bars.lengths * (0.5 if ground == np.inf else 2 ** (1 / ground - 1))
    return distances


def born_together(a: Bars, b: Bars) -> bool:
    """Whether every bar of both is born at one value, as all of H0 is: then the problem is one-dimensional."""
    births = np.concatenate([a.finite[:, 0], b.finite[:, 0]])
    return births.size == 0 or bool((births == births[0]).all())
