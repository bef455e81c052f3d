"""Distances as values: small frozen objects that carry their parameters and declare what they promise.

The law tests are generated from what each one declares.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Protocol, runtime_checkable

import numpy as np

from toposcope import _check
from toposcope._types import Float64, Ints
from toposcope.diagram import PersistenceDiagram
from toposcope.distances import _native
from toposcope.distances.bottleneck import bottleneck
from toposcope.distances.sliced import sliced_wasserstein
from toposcope.distances.wasserstein import finite_order, ground_norm, wasserstein

_RIPS_INVARIANCES = ("permutation of points", "isometry", "zero padding")


class Distance(Protocol):
    """A distance between two diagrams in one degree."""

    @property
    def name(self) -> str:
        """What tables call it, parameters included: "W1", "bottleneck"."""

    @property
    def parameters(self) -> Mapping[str, Any]:
        """Every parameter that is not the degree."""

    @property
    def is_metric(self) -> bool:
        """Zero on equals, symmetric, triangle inequality."""

    larger_is_more_similar: ClassVar[bool]
    invariances: ClassVar[tuple[str, ...]]

    def __call__(self, a: PersistenceDiagram, b: PersistenceDiagram, degree: int) -> float:
        """The distance. Raises IncomparableError."""


Prepared = _native.Prepared
"""The bars of one degree of a diagram, sorted and indexed."""


@runtime_checkable
class Bulk(Protocol):
    """A distance that measures many pairs at once, and bounds them from below."""

    def pairs(
        self,
        diagrams: Sequence[Prepared],
        pairs: Ints,
        threads: int = 1,
        progress: Callable[[int], None] | None = None,
    ) -> Float64:
        """(m,) distances of (m, 2) pairs of positions in diagrams; the same bits for any number of threads.

        progress is told how many are done, about ten times a second.
        """

    def lower_bounds(self, diagrams: Sequence[Prepared], pairs: Ints) -> Float64:
        """(m,) values that the distances don't fall below, but for rounding."""


@dataclasses.dataclass(frozen=True)
class Wasserstein:
    """`wasserstein` with its order and ground norm."""

    order: float = 1
    ground: float = np.inf
    is_metric: ClassVar[bool] = True
    larger_is_more_similar: ClassVar[bool] = False
    invariances: ClassVar[tuple[str, ...]] = _RIPS_INVARIANCES

    def __post_init__(self) -> None:
        finite_order(self.order)
        ground_norm(self.ground)

    @property
    def name(self) -> str:
        """W1, W2, … and the ground norm where it is not L-infinity."""
        return f"W{self.order:g}" + ("" if self.ground == np.inf else f" (L{self.ground:g})")

    @property
    def parameters(self) -> Mapping[str, Any]:
        """Order and ground norm."""
        return {"order": self.order, "ground": self.ground}

    def __call__(self, a: PersistenceDiagram, b: PersistenceDiagram, degree: int) -> float:
        """The distance. Raises IncomparableError."""
        return wasserstein(a, b, degree, self.order, self.ground)

    def pairs(
        self,
        diagrams: Sequence[Prepared],
        pairs: Ints,
        threads: int = 1,
        progress: Callable[[int], None] | None = None,
    ) -> Float64:
        """(m,) distances of (m, 2) pairs of positions."""
        return _native.distances(diagrams, pairs, self.order, self.ground, threads, progress)

    def lower_bounds(self, diagrams: Sequence[Prepared], pairs: Ints) -> Float64:
        """(m,) distances of the bars' distances to the diagonal, matched in order: no bar changes its own by more than
        it moves.
        """
        return _native.lower_bounds(diagrams, pairs, self.order, self.ground)


@dataclasses.dataclass(frozen=True)
class Bottleneck:
    """`bottleneck`."""

    name: ClassVar[str] = "bottleneck"
    parameters: ClassVar[Mapping[str, Any]] = {}
    is_metric: ClassVar[bool] = True
    larger_is_more_similar: ClassVar[bool] = False
    invariances: ClassVar[tuple[str, ...]] = _RIPS_INVARIANCES

    def __call__(self, a: PersistenceDiagram, b: PersistenceDiagram, degree: int) -> float:
        """The distance. Raises IncomparableError."""
        return bottleneck(a, b, degree)

    def pairs(
        self,
        diagrams: Sequence[Prepared],
        pairs: Ints,
        threads: int = 1,
        progress: Callable[[int], None] | None = None,
    ) -> Float64:
        """(m,) distances of (m, 2) pairs of positions."""
        return _native.distances(diagrams, pairs, np.inf, np.inf, threads, progress)

    def lower_bounds(self, diagrams: Sequence[Prepared], pairs: Ints) -> Float64:
        """(m,) largest differences of half the lengths, matched in order."""
        return _native.lower_bounds(diagrams, pairs, np.inf, np.inf)


@dataclasses.dataclass(frozen=True)
class SlicedWasserstein:
    """`sliced_wasserstein` with its order and number of directions."""

    order: float = 1
    directions: int = 50
    larger_is_more_similar: ClassVar[bool] = False
    invariances: ClassVar[tuple[str, ...]] = _RIPS_INVARIANCES

    def __post_init__(self) -> None:
        finite_order(self.order)
        _check.integer(self.directions, "directions", at_least=1)

    @property
    def is_metric(self) -> bool:
        """With order 1. With higher ones the triangle inequality can fail."""
        return self.order == 1

    @property
    def name(self) -> str:
        """SW1, SW2, … with the number of directions: the mean over finitely many approximates the integral."""
        return f"SW{self.order:g} ({self.directions} directions)"

    @property
    def parameters(self) -> Mapping[str, Any]:
        """Order and number of directions."""
        return {"order": self.order, "directions": self.directions}

    def __call__(self, a: PersistenceDiagram, b: PersistenceDiagram, degree: int) -> float:
        """The distance. Raises IncomparableError."""
        return sliced_wasserstein(a, b, degree, self.order, self.directions)

    def pairs(
        self,
        diagrams: Sequence[Prepared],
        pairs: Ints,
        threads: int = 1,
        progress: Callable[[int], None] | None = None,
    ) -> Float64:
        """(m,) distances of (m, 2) pairs of positions."""
        return _native.sliced_distances(diagrams, pairs, self.order, self.directions, threads, progress)

    def lower_bounds(self, diagrams: Sequence[Prepared], pairs: Ints) -> Float64:
        """(m,) differences of the distances to the empty diagram, by the triangle inequality; 0 where it may fail."""
        if not self.is_metric:
            return np.zeros(len(pairs))
        return _native.sliced_lower_bounds(diagrams, pairs, self.directions)


_NAMED: dict[str, type[Wasserstein] | type[Bottleneck] | type[SlicedWasserstein]] = {
    "wasserstein": Wasserstein,
    "bottleneck": Bottleneck,
    "sliced_wasserstein": SlicedWasserstein,
}
DISTANCES = tuple(_NAMED)
"""Names that `distance_named`, `compare` and a plan take."""


def distance_named(distance: str | Distance, /, **parameters: Any) -> Distance:
    """The distance of a name and its parameters; a distance stays as it is. Raises InputError for an unknown name."""
    if not isinstance(distance, str):
        return distance
    kind = _NAMED[_check.choice(distance, _NAMED, "distance")]
    known = {field.name for field in dataclasses.fields(kind)}
    return kind(**{key: value for key, value in parameters.items() if key in known})
