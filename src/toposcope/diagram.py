"""PersistenceDiagram: the bars of a filtration, and Filtration: how it was made."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from toposcope import _io
from toposcope._errors import FileError, InputError
from toposcope._types import Array, Float64, Ints

HIGHEST_DEGREE = 100
"""No homology above it can be computed by anybody; a file that speaks of more is damaged."""


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
class Representatives:
    """The points behind the bars of a diagram, row by row in the order of its `pairs`.

    birth_simplices, death_simplices: (k, 3) and (k, 4) rows of the cloud, filled up with -1: the simplex that brought
    the bar, whose diameter is its birth, and the one that ended it (none if nothing did). In degree 0 the death simplex
    is the edge that joined two components, in degree 1 the birth simplex is the edge that closed a loop.
    cycle_vertices, cycle_ends: a loop for every bar of degree 1, one after the other, and the end of each (k,).
    merges: (m, 2) edges of the minimum spanning forest, in order of length.

    Representatives are not unique. Equal lengths are ordered by the rows of the points, another order gives other
    simplices; and every bar of degree 1 has many loops, of which this is a short one. Bars are unique: they do not
    depend on any of this.
    """

    birth_simplices: Ints
    death_simplices: Ints
    cycle_vertices: Ints
    cycle_ends: Ints
    merges: Ints

    def __post_init__(self) -> None:
        k = len(self.birth_simplices)
        shapes = {"birth_simplices": (k, 3), "death_simplices": (k, 4), "cycle_ends": (k,)}
        for field in dataclasses.fields(self):
            given = np.asarray(getattr(self, field.name))
            if given.size and given.dtype.kind not in "iu":
                raise InputError(f"{field.name} must be integers, not {given.dtype}")
            array = given.astype(np.int64)
            if array.shape != shapes.get(field.name, array.shape):
                raise InputError(f"{field.name} {array.shape} must be {shapes[field.name]}, one row per bar")
            array.flags.writeable = False
            object.__setattr__(self, field.name, array)
        if k and int(self.cycle_ends[-1]) != len(self.cycle_vertices):
            raise InputError(f"cycle_ends end at {self.cycle_ends[-1]}, not at {len(self.cycle_vertices)} vertices")

    def birth_simplex(self, row: int) -> Ints:
        """Vertices of the simplex that brought a bar, one more than its degree."""
        return _used(self.birth_simplices[row])

    def death_simplex(self, row: int) -> Ints:
        """Vertices of the simplex that ended a bar, two more than its degree; none for an essential bar."""
        return _used(self.death_simplices[row])

    def cycle(self, row: int) -> Ints:
        """Vertices of a loop for a bar of degree 1, in order; the last is joined to the first. Empty in other degrees.

        The loop is born with the bar, by the edge between its first and last vertex, and is no boundary until the bar
        dies. Of the loops that this edge closes it has the fewest edges, and then the least length.
        """
        start = int(self.cycle_ends[row - 1]) if row > 0 else 0
        vertices: Ints = self.cycle_vertices[start : int(self.cycle_ends[row])]
        return vertices

    def components(self, row: int) -> tuple[Ints, Ints]:
        """The components that the end of a bar of degree 0 joins: the one that lives on, and the one that dies.

        An essential component has nothing to join: it is given whole, beside an empty one. Raises InputError in other
        degrees.
        """
        from scipy.sparse import coo_array
        from scipy.sparse.csgraph import connected_components

        born, edge = self.birth_simplex(row), self.death_simplex(row)
        if len(born) != 1:
            raise InputError(f"bar {row} is of degree {len(born) - 1}; components merge in degree 0")
        joined = self.merges
        if len(edge):
            joined = joined[: int(np.flatnonzero((joined == edge).all(axis=1))[0])]
        n = 1 + int(max(self.merges.max(initial=0), self.birth_simplices.max(initial=0)))
        places = joined.T.astype(np.int32)  # older releases of scipy know no wider ones
        graph = coo_array((np.ones(len(joined)), (places[0], places[1])), shape=(n, n))
        labels = np.asarray(connected_components(graph, directed=False)[1])
        dying = np.flatnonzero(labels == labels[born[0]])
        if not len(edge):
            return dying, dying[:0]
        other = edge[1] if labels[edge[0]] == labels[born[0]] else edge[0]
        return np.flatnonzero(labels == labels[other]), dying


def _reordered(representatives: Representatives, order: Ints) -> Representatives:
    """The same rows in another order."""
    if np.array_equal(order, np.arange(len(order))):
        return representatives
    cycles = [representatives.cycle(int(row)) for row in order]
    return Representatives(
        birth_simplices=representatives.birth_simplices[order],
        death_simplices=representatives.death_simplices[order],
        cycle_vertices=np.concatenate([*cycles, np.empty(0, dtype=np.int64)]),
        cycle_ends=np.cumsum([len(cycle) for cycle in cycles], dtype=np.int64),
        merges=representatives.merges,
    )


def _used(vertices: Ints) -> Ints:
    used: Ints = vertices[vertices >= 0]
    return used


@dataclasses.dataclass(frozen=True, eq=False)
class PersistenceDiagram:
    """Persistent homology of a filtration: one row per bar.

    pairs: (k, 2) float64 birth and death; a filtration value is a diameter (an edge length), after division by
    the scale. A bar that never dies has death `inf`. degrees: (k,) homology degrees. Rows are sorted by degree, birth,
    death. No bar has zero length and nothing is padded. representatives: the points behind the bars, if they were asked
    for; not compared by `==`.

    Raises InputError when a birth is not below its death, or shapes do not fit.
    """

    pairs: Float64
    degrees: Ints
    filtration: Filtration = Filtration()
    representatives: Representatives | None = None

    def __post_init__(self) -> None:
        pairs = np.asarray(self.pairs)
        if pairs.dtype.kind not in "fiub":
            raise InputError(f"pairs have dtype {pairs.dtype}; births and deaths are numbers")
        pairs = pairs.astype(np.float64, copy=False)
        degrees = np.asarray(self.degrees)
        pairs = pairs.reshape(0, 2) if pairs.size == 0 else pairs
        if pairs.ndim != 2 or pairs.shape[1] != 2 or degrees.shape != (len(pairs),):
            raise InputError(f"pairs {pairs.shape} and degrees {degrees.shape} must be (k, 2) and (k,)")
        if degrees.size and (degrees.dtype.kind not in "iu" or degrees.min() < 0 or degrees.max() > HIGHEST_DEGREE):
            raise InputError(f"degrees must be integers of at least 0 and at most {HIGHEST_DEGREE}")
        wrong = ~(pairs[:, 0] < pairs[:, 1]) | ~np.isfinite(pairs[:, 0])
        if wrong.any():
            row = int(np.flatnonzero(wrong)[0])
            raise InputError(
                f"bar {row} is ({pairs[row, 0]:g}, {pairs[row, 1]:g}); a birth is finite and below its death"
            )
        order = np.lexsort((pairs[:, 1], pairs[:, 0], degrees))
        if self.representatives is not None:
            if len(self.representatives.birth_simplices) != len(pairs):
                count = len(self.representatives.birth_simplices)
                raise InputError(f"representatives of {count} bars do not fit {len(pairs)} bars")
            object.__setattr__(self, "representatives", _reordered(self.representatives, order))
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

    def _repr_html_(self) -> str:
        """For notebooks: a small picture, and what each degree holds."""
        from toposcope import _html

        rows = []
        for k in range(max(self.filtration.max_degree, int(self.degrees.max(initial=0))) + 1):
            finite, essential = self.finite(k), self.essential(k)
            lengths = finite[:, 1] - finite[:, 0]
            longest = "" if len(lengths) == 0 else _html.number(float(lengths.max()))
            rows.append((f"{'●▲■◆'[k % 4]} H{k}", len(finite), len(essential), longest))
        how = dataclasses.asdict(self.filtration)
        how["threshold"] = how["threshold"] if how["threshold"] is not None else "none"
        how["scale"] = how["scale"] if how["scale"] is not None else "none"
        how["scale_value"] = _html.number(self.filtration.scale_value)
        facts = {name.replace("_", " "): value for name, value in how.items() if name != "max_degree"}
        counts = _html.table(["degree", "bars that die", "essential", "longest"], rows)
        return _html.card("persistence diagram", _html.bars(self.pairs, self.degrees), counts, _html.facts(facts))

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write `pairs`, `degrees`, `filtration` and `source` to an `.npz`, atomically."""
        target = Path(path)
        if target.suffix != ".npz":
            raise InputError(f"cannot save a diagram as {target.name!r}; use .npz")
        _io.write_arrays(target, self.to_arrays())
        return target

    def to_arrays(self, source: str = "") -> dict[str, Array]:
        """The arrays of the `.npz`: `pairs`, `degrees`, JSON text `filtration` and `source`, any representatives."""
        filtration = json.dumps(dataclasses.asdict(self.filtration), sort_keys=True)
        return {
            "pairs": self.pairs,
            "degrees": self.degrees,
            "filtration": np.array(filtration),
            "source": np.array(source),
            **(vars(self.representatives) if self.representatives is not None else {}),
        }

    @classmethod
    def from_arrays(cls, arrays: dict[str, Array], where: str = "the diagram") -> PersistenceDiagram:
        """The diagram of the arrays that `to_arrays` gives. Raises FileError when they are not one."""
        missing = {"pairs", "degrees"} - set(arrays)
        if missing:
            raise FileError(f"{where} has no {sorted(missing)}; it is not a persistence diagram")
        try:
            fields = json.loads(str(arrays["filtration"])) if "filtration" in arrays else {}
            filtration = Filtration(**{key: _fact(key, fields[key]) for key in fields if key in _KINDS})
            parts = [field.name for field in dataclasses.fields(Representatives)]
            behind = Representatives(**{name: arrays[name] for name in parts}) if set(parts) <= set(arrays) else None
            return cls(arrays["pairs"], arrays["degrees"], filtration, behind)
        except (ValueError, TypeError, AttributeError, KeyError, RecursionError) as error:
            raise FileError(f"{where} is not a persistence diagram: {error}") from error


_KINDS: dict[str, tuple[type, ...]] = {
    "metric": (str,),
    "scale": (str, int, float, type(None)),
    "threshold": (int, float, type(None)),
    "field": (int,),
    "n_points": (int, type(None)),
    "max_degree": (int,),
    "scale_value": (int, float),
}


def _fact(name: str, value: Any) -> Any:
    """A field of a Filtration as it stands in a file. Raises ValueError."""
    if type(value) not in _KINDS[name] or (name == "max_degree" and not 0 <= value <= HIGHEST_DEGREE):
        raise ValueError(f"its filtration gives {name!r} as {str(value)[:60]!r}")
    return value


def read_diagram(path: str | os.PathLike[str]) -> PersistenceDiagram:
    """Read a diagram that `PersistenceDiagram.save` wrote. Raises FileError."""
    return PersistenceDiagram.from_arrays(_io.read_arrays(path), str(path))
