"""What is done to the rows of a draw before their homology: nothing, or what a question needs.

Every treatment gives clouds of the size that was asked for, because diagrams of unequal clouds are never compared, and
takes draw i of every layer and treatment from the same inputs, so that two treatments of a draw are paired.
"""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar, Protocol

from toposcope.cloud import disjoint_draws
from toposcope.representation import Representation


class Treatment(Protocol):
    """A frozen value with its parameters."""

    @property
    def name(self) -> str:
        """What tables call the treated clouds."""

    def to_json(self) -> dict[str, Any]:
        """The kind and every parameter: part of the keys of artefacts."""

    def cloud(self, representation: Representation, size: int, draws: int, draw: int, seed: int) -> Representation:
        """`size` rows: draw `draw` of `draws` disjoint ones. Raises InputError where there are too few."""


@dataclasses.dataclass(frozen=True)
class Plain:
    """The draw as it is."""

    name: ClassVar[str] = "plain"

    def to_json(self) -> dict[str, Any]:
        """The kind alone."""
        return {"kind": self.name}

    def cloud(self, representation: Representation, size: int, draws: int, draw: int, seed: int) -> Representation:
        """The rows of the draw."""
        return representation.take(disjoint_draws(representation.sample_ids, size, draws, seed)[draw])


PLAIN = Plain()
