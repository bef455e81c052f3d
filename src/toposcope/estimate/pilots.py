"""Tasks of a plan, performed on a few of its layers to see what they cost."""

from __future__ import annotations

import dataclasses
import itertools
import time
from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from typing import ClassVar, TypeVar

import numpy as np

from toposcope.diagram import PersistenceDiagram
from toposcope.distances import distances_of_pairs
from toposcope.pools import Limits
from toposcope.pools.work import attempt
from toposcope.store import Store, key_of
from toposcope.study.beside import Likeness
from toposcope.study.plan import Cloud, DistanceChoice, Study
from toposcope.study.tasks import Diagram, Layer, Side, Task, read_diagram_of, read_layer
from toposcope.study.treatments import OfClass

T = TypeVar("T")

_LEAST, _MOST = 3, 16
"""Pilots of one kind: so many even where they take long, and no more even where they are quick."""
SECONDS = 4.0
"""Seconds that the pilots of one stage may take together, where the least number of them allows it."""


@dataclasses.dataclass(frozen=True)
class Cost:
    """Of one task: seconds of one core, and bytes that it keeps."""

    seconds: float = 0.0
    bytes: float = 0.0


@dataclasses.dataclass(frozen=True)
class _Nothing:
    """A task that is nothing but its being a task."""

    uses_torch: ClassVar[bool] = False
    number: int

    @property
    def key(self) -> str:
        return key_of("nothing", number=self.number)

    @property
    def title(self) -> str:
        return "nothing"

    def perform(self, store: Store, progress: Callable[[int, int | None], None] | None = None) -> None:
        store.write(self.key, {"value": np.zeros(1)})


class Pilots:
    """A store that holds some layers of a plan, and what tasks on them cost. sampled: keys of the real ones."""

    def __init__(self, store: Store, plan: Study, sampled: set[str]) -> None:
        self._store, self._plan, self._sampled = store, plan, sampled
        self._diagrams: dict[Cloud, list[PersistenceDiagram]] = defaultdict(list)
        attempt(_Nothing(0), store, Limits())  # loads what every task needs
        start = time.process_time()
        for number in range(20):
            attempt(_Nothing(number), store, Limits())
        self.overhead = (time.process_time() - start) / 20

    def cost(self, tasks: Sequence[Task], budget: float = SECONDS, least: int = _LEAST) -> Cost | None:
        """The mean over a few of equal kind; None where none of them could be performed."""
        seconds: list[float] = []
        sizes: list[int] = []
        for task in tasks[:_MOST]:
            if len(seconds) >= least and sum(seconds) > budget:
                break
            start = time.process_time()
            outcome = attempt(task, self._store, Limits())
            took = time.process_time() - start
            if outcome.fault is None:
                seconds.append(took)
                sizes.append(self._store.size(task.key))
        return Cost(float(np.mean(seconds)), float(np.mean(sizes))) if seconds else None

    def reading(self, layers: Sequence[Layer]) -> float:
        """Seconds per number of reading a layer."""
        some = [layer for layer in layers if layer.key in self._sampled][:3]
        start = time.process_time()
        values = sum(read_layer(self._store, layer.key).points.size for layer in some)
        return (time.process_time() - start) / max(values, 1)

    def diagrams(self, sides: Sequence[Side]) -> dict[str, Cost]:
        """Of one diagram of every side, by its key: sides of one making, in other layers or classes, cost the same."""
        groups: dict[Hashable, list[Side]] = defaultdict(list)
        for side in sides:
            groups[_making(side)].append(side)
        found: dict[str, Cost] = {}
        for members in groups.values():
            some = self.some(members)
            costs = []
            for side in some:
                read_layer(self._store, side.layer.key)  # once for all draws of a layer: counted apart
                draws = [
                    Diagram(side, d, self._plan.seed, self._plan.homology) for d in range(min(2, side.cloud.draws))
                ]
                if (cost := self.cost(draws)) is not None:
                    costs.append(cost)
                    self._diagrams[side.cloud] += [
                        read_diagram_of(self._store, task.key) for task in draws if task.key in self._store
                    ]
                if len(costs) >= _LEAST and 2 * sum(one.seconds for one in costs) > SECONDS / len(groups):
                    break
            mean = _mean(costs)
            found |= {side.key: mean for side in members}
        return found

    def distance(self, choice: DistanceChoice, cloud: Cloud) -> float:
        """Seconds of one pair of diagrams in all degrees."""
        known = self._diagrams[cloud] or next((some for some in self._diagrams.values() if some), [])
        pairs = list(itertools.combinations(range(len(known)), 2))
        np.random.default_rng(0).shuffle(pairs)
        measure, degrees = choice.measure(), range(self._plan.homology.max_degree + 1)

        def measured(some: Sequence[tuple[int, int]]) -> float:
            start = time.process_time()
            for degree in degrees:
                distances_of_pairs(known, np.array(some, dtype=np.int64).reshape(-1, 2), measure, degree, threads=1)
            return time.process_time() - start

        if not pairs:
            return 0.0
        measured(pairs[:1])  # loads what is needed
        few = measured(pairs[:4]) / len(pairs[:4])
        more = pairs[4 : 4 + int(min(64.0, SECONDS / 4 / max(few, 1e-6)))]
        return measured(more) / len(more) if more else few

    def likeness(self, groups: Sequence[Sequence[Layer]], measures: tuple[str, ...]) -> tuple[float, float]:
        """Seconds of making one layer of one draw ready, and of all measures of one pair of layers."""
        group = max(groups, key=lambda layers: sum(layer.key in self._sampled for layer in layers))
        some = [layer for layer in group if layer.key in self._sampled][:6]
        some += [layer for layer in group if layer not in some][: max(0, 2 - len(some))]
        cloud, seed = self._plan.cloud, self._plan.seed
        for layer in some:
            read_layer(self._store, layer.key)

        def taken(layers: Sequence[Layer], draw: int) -> float:
            task = Likeness(tuple(layers), cloud.size, cloud.draws, draw, seed, measures)
            cost = self.cost([task])
            return 0.0 if cost is None else cost.seconds

        taken(some[:2], cloud.draws - 1)  # loads what is needed
        two = taken(some[:2], 0)
        if len(some) < 3:
            return two / 4, two / 2
        all_of_them, count = taken(some, 0), len(some)
        pairs = count * (count - 1) // 2
        # two = 2 ready + pair; all = count ready + pairs · pair.
        pair = max(0.0, (all_of_them - two * count / 2) / (pairs - count / 2))
        return max(0.0, (all_of_them - pairs * pair) / count), pair

    def some(self, tasks: Sequence[T]) -> list[T]:
        """Sides, or tasks on sides, of real layers in random order, so that a few stand for all; any where none is."""

        def is_real(one: T) -> bool:
            side = one if isinstance(one, Side) else getattr(one, "side", None)
            return side is not None and side.layer.key in self._sampled

        real = [one for one in tasks if is_real(one)] or list(tasks)
        order = np.random.default_rng(0).permutation(len(real))
        return [real[k] for k in order[:_MOST]]


def _making(side: Side) -> Hashable:
    """What decides the cost of a side's clouds beside the layer."""
    treatment = "class" if isinstance(side.treatment, OfClass) else repr(side.treatment)
    return side.cloud, treatment


def _mean(costs: Sequence[Cost]) -> Cost:
    if not costs:
        return Cost()
    return Cost(float(np.mean([one.seconds for one in costs])), float(np.mean([one.bytes for one in costs])))
