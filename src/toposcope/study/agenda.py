"""What a plan asks to be measured once its layers are known: clouds, planned comparisons, and pairs of draws."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence

from toposcope.study import controls
from toposcope.study.plan import Study
from toposcope.study.recipes import RECIPES
from toposcope.study.tasks import Extracted, Side, Task
from toposcope.study.verdicts import Planned, SameInputs


@dataclasses.dataclass(frozen=True)
class Agenda:
    """plain: the plan's own clouds of every layer. sides: all that are needed, those first. comparisons: what the
    recipe planned. pairs: two sides, and which of their draws are measured against each other. measurements: the
    recipe's own tasks, and those of the controls.
    """

    plain: Sequence[Side]
    sides: Sequence[Side]
    comparisons: Sequence[Planned]
    pairs: Sequence[tuple[Side, Side, tuple[tuple[int, int], ...]]]
    measurements: Sequence[Task]


def agenda(plan: Study, networks: Sequence[Extracted], same_inputs: SameInputs, planned_alone: bool = False) -> Agenda:
    """What the plan's recipe needs.

    planned_alone: leave out pairs of layers that no comparison plans; verdicts do not read them.
    Raises PlanError where the inputs cannot give what the recipe needs.
    """
    recipe = RECIPES[plan.recipe]
    plain = [Side.of(plan, layer) for network in networks for layer in network.layers]
    comparisons = recipe.planned(plan, networks, same_inputs)
    beside = controls.planned(plan, networks, same_inputs, comparisons)
    compared = (side for one in (*comparisons, *beside) for side in (one.a, one.b))
    needed = [*plain, *recipe.sides(plan, networks), *controls.sides(plan, networks), *compared]
    sides = list({side.key: side for side in needed}.values())
    layers = [] if planned_alone else plain
    pairs = _pairs(plan, layers, sides, [*comparisons, *beside])
    measurements = [*recipe.measurements(plan, networks), *controls.measurements(plan, networks)]
    return Agenda(plain, sides, comparisons, pairs, measurements)


def _pairs(
    plan: Study, plain: Sequence[Side], sides: Sequence[Side], comparisons: Sequence[Planned]
) -> list[tuple[Side, Side, tuple[tuple[int, int], ...]]]:
    """Draw i of every layer against draw i of every other; all draws of each side, and of every planned pair."""
    same_draw = tuple((i, i) for i in range(plan.cloud.draws))
    planned = {(comparison.a.key, comparison.b.key): (comparison.a, comparison.b) for comparison in comparisons}
    within = [(side, side, tuple(itertools.combinations(range(side.cloud.draws), 2))) for side in sides]
    whole = [(a, b, tuple(itertools.product(range(a.cloud.draws), range(b.cloud.draws)))) for a, b in planned.values()]
    others = [
        (a, b, same_draw)
        for a, b in itertools.combinations(plain, 2)
        if (a.key, b.key) not in planned and (b.key, a.key) not in planned
    ]
    return [*within, *whole, *others]
