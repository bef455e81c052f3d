"""What a recipe is asked for, what it may read, and what it answers."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal, Protocol

from toposcope._types import Float64
from toposcope.diagram import PersistenceDiagram
from toposcope.store import Store
from toposcope.study.plan import Study
from toposcope.study.tasks import Extracted, Layer, Side, Task

if TYPE_CHECKING:
    import pandas as pd

Answer = Literal["yes", "no", "undecided", "not checkable"]
"""`undecided`: the data are of the right kind, and too few or too noisy. `not checkable`: other data are needed."""


@dataclasses.dataclass(frozen=True)
class Planned:
    """A comparison that was fixed before anything was computed."""

    claim: str
    a: Side
    b: Side
    paired: bool


@dataclasses.dataclass(frozen=True)
class Verdict:
    """The answer to one question, with the numbers that its sentence is built from; NaN where there is none.

    where: the layers or networks it is about. effect: with its bounds `low` and `high`. margin: what "the same" was
    held against. null: what was rejected, or how the bounds were made. sentence: all of it in words.
    """

    question: str
    answer: Answer
    sentence: str
    where: str = ""
    degree: int | None = None
    effect: float = math.nan
    low: float = math.nan
    high: float = math.nan
    p_adjusted: float = math.nan
    margin: float = math.nan
    null: str = ""


@dataclasses.dataclass(frozen=True, eq=False)
class Evidence:
    """All that a recipe's verdicts may read.

    diagrams: the draws of every side, by its key. distances: (degrees, draws of a, draws of b) of every pair of sides
    of which all draws were measured, by their keys. tests: the table of tests. same_inputs: by names of two networks.
    store: artefacts of the recipe's own measurements.
    """

    plan: Study
    networks: Sequence[Extracted]
    diagrams: Mapping[str, Sequence[PersistenceDiagram]]
    distances: Mapping[tuple[str, str], Float64]
    tests: pd.DataFrame
    same_inputs: Mapping[tuple[str, str], bool]
    store: Store

    def side(self, layer: Layer) -> Side:
        """The plain clouds of a layer."""
        return Side(layer, self.plan.cloud)


class Recipe(Protocol):
    """One question, as a module of `toposcope.study.recipes`."""

    TEMPLATE: str
    """A commented plan."""

    def check(self, plan: Study) -> None:
        """Whether a plan can answer the question at all. Raises PlanError, saying which data would."""

    def sides(self, plan: Study, networks: Sequence[Extracted]) -> Sequence[Side]:
        """Clouds that are needed beside the plain ones of every layer. Raises PlanError where inputs are too few."""

    def measurements(self, plan: Study, networks: Sequence[Extracted]) -> Sequence[Task]:
        """Tasks of the recipe's own; `Evidence.store` holds what they made."""

    def planned(
        self, plan: Study, networks: Sequence[Extracted], same_inputs: Mapping[tuple[str, str], bool]
    ) -> list[Planned]:
        """The comparisons that are tested, each on every pair of draws."""

    def verdicts(self, evidence: Evidence) -> list[Verdict]:
        """The answers, the headline first."""
