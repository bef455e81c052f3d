"""PersistenceDiagram: the bars of a filtration, and Filtration: how it was made."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path

import numpy as np

from toposcope import _io
from toposcope._errors import FileError, InputError
from toposcope._types import Array, Float64, Ints


@dataclasses.dataclass(frozen=True)
class Filtration:
    """How a diagram was computed: what must agree before two diagrams may be compared.

    metric: distance between points. scale: the rule the distances were divided by ("q0.9", a number, None for none).
    threshold: largest filtration value that was looked at, inclusive, None for no limit. field: prime p of the
    coefficients Z/p. n_points: size of the cloud. max_degree: highest degree computed.
    scale_value: the number that the rule gave for this cloud, in the units of the metric (not compared).
    """

    metric: str = "euclidean"
    scale: str | float | None = None
    threshold: float | None = None
    field: int = 2
    n_points: int | None = None
    max_degree: int = 1
    scale_value: float = 1.0

    def differences(self, other: Filtration) -> list[str]:
        """Names of the fields that make two diagrams incomparable, with both values."""
        return [
            f"{name} ({getattr(self, name)!r} and {getattr(other, name)!r})"
            for name in ("n_points", "metric", "scale", "threshold", "field")
            if getattr(self, name) != getattr(other, name)
        ]


@dataclasses.dataclass(frozen=True, eq=False)
class PersistenceDiagram:
    """Persistent homology of a filtration: one row per bar.

    pairs: (k, 2) float64 birth and death; a filtration value is a diameter (an edge length), after division by
    the scale. A bar that never dies has death `inf`. degrees: (k,) homology degrees. Rows are sorted by degree, birth,
    death. No bar has zero length and nothing is padded.

    Raises InputError when a birth is not below its death, or shapes do not fit.
    """

    pairs: Float64
    degrees: Ints
    filtration: Filtration = Filtration()

    def __post_init__(self) -> None:
        pairs = np.asarray(self.pairs, dtype=np.float64)
        degrees = np.asarray(self.degrees)
        pairs = pairs.reshape(0, 2) if pairs.size == 0 else pairs
        if pairs.ndim != 2 or pairs.shape[1] != 2 or degrees.shape != (len(pairs),):
            raise InputError(f"pairs {pairs.shape} and degrees {degrees.shape} must be (k, 2) and (k,)")
        if degrees.size and (degrees.dtype.kind not in "iu" or degrees.min() < 0):
            raise InputError("degrees must be integers of at least 0")
        wrong = ~(pairs[:, 0] < pairs[:, 1]) | ~np.isfinite(pairs[:, 0])
        if wrong.any():
            row = int(np.flatnonzero(wrong)[0])
            raise InputError(
                f"bar {row} is ({pairs[row, 0]:g}, {pairs[row, 1]:g}); a birth is finite and below its death"
            )
        order = np.lexsort((pairs[:, 1], pairs[:, 0], degrees))
        object.__setattr__(self, "pairs", pairs[order])
        object.__setattr__(self, "degrees", degrees[order].astype(np.int64))
        self.pairs.flags.writeable = False
        self.degrees.flags.writeable = False

    def in_degree(self, degree: int) -> Float64:
        """Bars of one degree, (k, 2), sorted by birth, then death; essential bars have death `inf`."""
        bars: Float64 = self.pairs[self.degrees == degree]
        return bars

    def finite(self, degree: int) -> Float64:
        """Bars of one degree that die, (k, 2)."""
        bars = self.in_degree(degree)
        return bars[np.isfinite(bars[:, 1])]

    def essential(self, degree: int) -> Float64:
        """Bars of one degree that never die, (k, 2)."""
        bars = self.in_degree(degree)
        return bars[np.isinf(bars[:, 1])]

    def betti(self, values: Array, degree: int) -> Ints:
        """Betti number at each filtration value: bars with birth <= value < death. values: any shape."""
        bars = self.in_degree(degree)
        at = np.asarray(values, dtype=np.float64)
        born = np.searchsorted(bars[:, 0], at, side="right")
        dead = np.searchsorted(np.sort(bars[:, 1]), at, side="right")
        return np.asarray(born - dead, dtype=np.int64)

    def __len__(self) -> int:
        return len(self.pairs)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, PersistenceDiagram)
            and np.array_equal(self.pairs, other.pairs)
            and np.array_equal(self.degrees, other.degrees)
            and self.filtration == other.filtration
        )

    __hash__ = None  # type: ignore[assignment]  # holds arrays

    def __repr__(self) -> str:
        top = max(self.filtration.max_degree, int(self.degrees.max(initial=0)))
        counts = ", ".join(f"{len(self.in_degree(k))} in H{k}" for k in range(top + 1))
        points = "" if self.filtration.n_points is None else f" of {self.filtration.n_points} points"
        return f"<PersistenceDiagram{points}: {counts}>"

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write `pairs`, `degrees`, `filtration` and `source` to an `.npz`, atomically."""
        target = Path(path)
        if target.suffix != ".npz":
            raise InputError(f"cannot save a diagram as {target.name!r}; use .npz")
        _io.write_arrays(target, self.to_arrays())
        return target

    def to_arrays(self, source: str = "") -> dict[str, Array]:
        """The arrays of the `.npz`: `pairs`, `degrees`, and JSON text `filtration` and `source`."""
        filtration = json.dumps(dataclasses.asdict(self.filtration), sort_keys=True)
        return {
            "pairs": self.pairs,
            "degrees": self.degrees,
            "filtration": np.array(filtration),
            "source": np.array(source),
        }

    @classmethod
    def from_arrays(cls, arrays: dict[str, Array], where: str = "the diagram") -> PersistenceDiagram:
        """The diagram of the arrays that `to_arrays` gives. Raises FileError when they are not one."""
        missing = {"pairs", "degrees"} - set(arrays)
        if missing:
            raise FileError(f"{where} has no {sorted(missing)}; it is not a persistence diagram")
        try:
            fields = json.loads(str(arrays["filtration"])) if "filtration" in arrays else {}
            names = {field.name for field in dataclasses.fields(Filtration)}
            filtration = Filtration(**{key: value for key, value in fields.items() if key in names})
            return cls(arrays["pairs"], arrays["degrees"], filtration)
        except (ValueError, TypeError, AttributeError) as error:
            raise FileError(f"{where} is not a persistence diagram: {error}") from error


def read_diagram(path: str | os.PathLike[str]) -> PersistenceDiagram:
    """Read a diagram that `PersistenceDiagram.save` wrote. Raises FileError."""
    return PersistenceDiagram.from_arrays(_io.read_arrays(path), str(path))
