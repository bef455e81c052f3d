"""What every distance between diagrams reads: the bars of one degree, split into those that die and those that do not.

A bar is matched to another bar or to the diagonal; an essential bar only to an essential bar.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from toposcope import _check
from toposcope._errors import IncomparableError, InputError
from toposcope._types import Array, Float64, Ints
from toposcope.diagram import PersistenceDiagram
from toposcope.distances import _native

_REMEDY = {
    "n_points": "compute both from clouds of the same number of points (ts.disjoint_draws gives equal draws)",
    "metric": "compute both with the same metric",
    "scale": "compute both with the same scale rule",
    "threshold": "compute both with the same threshold",
    "field": "compute both with the same field",
}


@dataclasses.dataclass(frozen=True, eq=False)
class Bars:
    """finite: (k, 2) births and deaths. births: (e,) sorted births of the essential bars. finite_rows, essential_rows:
    where they stood. empty_rows: rows of no length, which an array may have; they are no bars.
    """

    finite: Float64
    births: Float64
    finite_rows: Ints
    essential_rows: Ints
    empty_rows: Ints

    @property
    def lengths(self) -> Float64:
        """(k,) death - birth."""
        lengths: Float64 = self.finite[:, 1] - self.finite[:, 0]
        return lengths

    def prepared(self) -> _native.Prepared:
        """The same, sorted and indexed to be measured against many others."""
        return _native.Prepared(np.ascontiguousarray(self.finite), np.ascontiguousarray(self.births))


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
    dies = np.isfinite(pairs[:, 1])
    lives = pairs[:, 0] < pairs[:, 1]
    finite, essential = np.flatnonzero(dies & lives), np.flatnonzero(~dies)
    essential = essential[np.argsort(pairs[essential, 0], kind="stable")]
    return Bars(pairs[finite], pairs[essential, 0], finite, essential, np.flatnonzero(~lives))


def check_comparable(a: PersistenceDiagram | Array, b: PersistenceDiagram | Array) -> None:
    """Raise IncomparableError, saying what to do, when two diagrams come from clouds of different size, or under
    another metric, scale rule, threshold or field. Arrays don't say, and are let through.
    """
    if isinstance(a, PersistenceDiagram) and isinstance(b, PersistenceDiagram):
        different = a.filtration.differences(b.filtration)
        if different:
            first = different[0].split(" ")[0]
            raise IncomparableError(
                f"the diagrams differ in {', '.join(different)}, so their distance would mix that with their shape; "
                f"{_REMEDY[first]}, or pass check=False"
            )


def comparable(
    a: PersistenceDiagram | Array, b: PersistenceDiagram | Array, degree: int, check: bool
) -> tuple[Bars, Bars]:
    """The bars of both, once it is sure that comparing them means something; `check=False` compares them all the same.

    Raises InputError and IncomparableError.
    """
    degree = _check.integer(degree, "degree")
    if check:
        check_comparable(a, b)
    return bars_of(a, degree, "a"), bars_of(b, degree, "b")
