"""What a recipe is asked for, what it may read, and what it answers."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

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
    """A comparison that was fixed before anything was computed.

    tested: False where all draws are to be measured, and no test is asked for. controlled: whether the same is to be
    measured between the control clouds of both sides, where the plan asks for any.
    """

    claim: str
    a: Side
    b: Side
    paired: bool
    tested: bool = True
    controlled: bool = False


@dataclasses.dataclass(frozen=True)
class Verdict:
    """The answer to one question, with the numbers that its sentence is built from; NaN where there is none.

    where: the layers or networks it is about. effect: with its bounds `low` and `high`. margin: what "the same" was
    held against. null: what was rejected, or how the bounds were made. controls: what of it the controls show too, and
    what is beyond them. audit: in how many other settings the answer is the same. sentence: all of it in words.
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
    controls: str = ""
    audit: str = ""

    def beside(self, controls: str) -> Verdict:
        """The verdict with what its controls say; itself where that is nothing."""
        if not controls:
            return self
        said = f"{self.sentence} Controls: {controls}."
        return dataclasses.replace(self, sentence=said, controls=controls)


def claimed(sentence: str, controls: str, audit: str) -> str:
    """A verdict's sentence without what its controls and its audit say."""
    return sentence.removesuffix(f" Audit: the verdict {audit}.").removesuffix(f" Controls: {controls}.")


@dataclasses.dataclass(frozen=True)
class Control:
    """One number of a layer, or of two, beside the same number of its controls.

    control: the kind. quantity: "total persistence" of a layer's draws (excess: relative to the controls', with the
    bounds of its mean over draws); "effect" of a comparison of a and b beside that between their controls; "2·AB - AA -
    BB" between a network and its control networks beside that between two of those. p, p_adjusted: two-sided, paired
    over draws. calibration: share of stand-ins told from controls of their own. calibrated: whether an excess may be
    called one.
    """

    control: str
    quantity: str
    network_a: str
    layer_a: str
    network_b: str = ""
    layer_b: str = ""
    degree: int | None = None
    value: float = math.nan
    control_value: float = math.nan
    excess: float = math.nan
    low: float = math.nan
    high: float = math.nan
    p: float = math.nan
    p_adjusted: float = math.nan
    calibration: float = math.nan
    calibrated: bool = False


@dataclasses.dataclass(frozen=True, eq=False)
class Evidence:
    """All that a recipe's verdicts may read.

    diagrams: the draws of every side, by its key. distances: (degrees, draws of a, draws of b) of every pair of sides
    of which all draws were measured, by their keys. tests: the table of tests. same_inputs: by names of two networks.
    store: artefacts of the recipe's own measurements. controls: layers and comparisons beside their controls.
    """

    plan: Study
    networks: Sequence[Extracted]
    diagrams: Mapping[str, Sequence[PersistenceDiagram]]
    distances: Mapping[tuple[str, str], Float64]
    tests: pd.DataFrame
    same_inputs: Mapping[tuple[str, str], bool]
    store: Store
    controls: Sequence[Control] = ()

    def tested(self, claim: str) -> list[dict[str, Any]]:
        """The rows of the tests of one claim."""
        rows = self.tests[self.tests["claim"] == claim].to_dict("records")
        return [{str(key): value for key, value in row.items()} for row in rows]

    def side(self, layer: Layer) -> Side:
        """The plain clouds of a layer."""
        return Side.of(self.plan, layer)


@dataclasses.dataclass(frozen=True)
class Quantity:
    """A number that a recipe computed on the way, with its bounds; NaN where there are none.

    at: what it is a function of, such as the size of the clouds or the number of layers. clouds: how they were taken or
    measured, where a recipe holds several ways against each other.
    """

    quantity: str
    value: float
    low: float = math.nan
    high: float = math.nan
    network_a: str = ""
    layer_a: str = ""
    network_b: str = ""
    layer_b: str = ""
    degree: int | None = None
    at: float = math.nan
    clouds: str = ""


SameInputs = Mapping[tuple[str, str], bool]
"""For two names of networks, whether they hold the same inputs."""


def _anything(plan: Study) -> None:
    """Any plan will do."""


def _as_it_is(plan: Study) -> Study:
    return plan


def _nothing(plan: Study, networks: Sequence[Extracted]) -> Sequence[Any]:
    return ()


@dataclasses.dataclass(frozen=True)
class Recipe:
    """One question, as a value that a module of `toposcope.study.recipes` holds.

    template: a commented plan. planned: the comparisons that are tested, each on every pair of draws. answer: the
    verdicts, the headline first, and the quantities behind them. check: raises PlanError where a plan cannot answer,
    saying which data would. sides: clouds that are needed beside the plain ones of every layer. measurements: tasks of
    the recipe's own; `Evidence.store` holds what they made. expand: the plan with the networks and comparisons that the
    recipe adds; expanding twice adds nothing.
    """

    template: str
    planned: Callable[[Study, Sequence[Extracted], SameInputs], list[Planned]]
    answer: Callable[[Evidence], tuple[list[Verdict], list[Quantity]]]
    check: Callable[[Study], None] = _anything
    sides: Callable[[Study, Sequence[Extracted]], Sequence[Side]] = _nothing
    measurements: Callable[[Study, Sequence[Extracted]], Sequence[Task]] = _nothing
    expand: Callable[[Study], Study] = _as_it_is
