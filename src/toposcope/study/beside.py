"""What stands beside the distances of a study: measures of similarity, CKA first, and other distances of diagrams.

They are measured between all layers on the plan's own draws, and nothing is tested with them: a reader sees where
topology agrees with what others would have looked at, and where it does not.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from toposcope._errors import FileError, InputError
from toposcope._types import Array, Float64
from toposcope.distances import distances_of_pairs
from toposcope.distances.measures import DISTANCES, distance_named
from toposcope.similarity.cka import cka_of_all
from toposcope.similarity.pairs import aligned
from toposcope.similarity.prepared import Prepared
from toposcope.store import Store, key_of
from toposcope.study.columns import COLUMNS
from toposcope.study.measures import SIMILARITIES
from toposcope.study.performer import Performer
from toposcope.study.tasks import Extracted, Layer, Side, engine_versions, read_diagram_of, read_layer
from toposcope.study.treatments import PLAIN

if TYPE_CHECKING:
    import pandas as pd

    from toposcope.study.plan import Study
    from toposcope.study.verdicts import SameInputs

SCHEMA = 2

_ALL_AT_ONCE = {"cka": False, "cka-unbiased": True}
"""Measures that are made for all pairs together: by name, whether they are unbiased."""


@dataclasses.dataclass(frozen=True)
class Likeness:
    """Measures between every two of some layers that hold the same inputs, on one draw of them."""

    uses_torch: ClassVar[bool] = False

    layers: tuple[Layer, ...]
    size: int
    draws: int
    draw: int
    seed: int
    measures: tuple[str, ...]

    @functools.cached_property
    def key(self) -> str:
        """Of the values: the representations, the draw, and the measures."""
        return key_of(
            "likeness",
            schema=SCHEMA,
            layers=[layer.key for layer in self.layers],
            size=self.size,
            draws=self.draws,
            draw=self.draw,
            seed=self.seed,
            measures=self.measures,
            versions=engine_versions(),
        )

    @property
    def title(self) -> str:
        """For progress and failures."""
        return f"{', '.join(self.measures)} between {len(self.layers)} layers, draw {self.draw}"

    def perform(self, store: Store, progress: Callable[[int, int | None], None] | None = None) -> None:
        """Take the draw of every layer, measure every pair, keep (measures, pairs); NaN where one is not defined."""
        drawn = [
            PLAIN.cloud(read_layer(store, layer.key), self.size, self.draws, self.draw, self.seed)
            for layer in self.layers
        ]
        points = [aligned(drawn[0], one)[1] for one in drawn]
        pairs = list(itertools.combinations(range(len(points)), 2))
        values = np.full((len(self.measures), len(pairs)), np.nan)
        notes = [""] * len(self.measures)
        title = dict(enumerate(layer.title for layer in self.layers))
        for row, name in enumerate(self.measures):
            if name in _ALL_AT_ONCE:
                matrix, why = cka_of_all(points, _ALL_AT_ONCE[name])
                values[row] = [matrix[pair] for pair in pairs]
                if why:
                    i, j = pairs[int(np.argmax(np.isnan(values[row])))]
                    notes[row] = f"{title[i]} and {title[j]}: {why}"
        others = [(row, name) for row, name in enumerate(self.measures) if name not in _ALL_AT_ONCE]
        # Every measure is blind to rotations, so as many coordinates as inputs say all there is.
        clouds = [Prepared(one.features) for one in points] if others else []
        for column, (i, j) in enumerate(pairs if others else ()):
            for row, name in others:
                try:
                    values[row, column] = SIMILARITIES[name].of(clouds[i], clouds[j])
                except InputError as error:
                    notes[row] = notes[row] or f"{title[i]} and {title[j]}: {error}"
            if progress is not None and column % 256 == 255:
                progress(column + 1, len(pairs))
        store.write(self.key, {"values": values, "notes": np.array(notes, dtype=np.str_)})


@dataclasses.dataclass(frozen=True)
class OtherDistances:
    """One more distance between the diagrams of every two layers in one draw, in every degree.

    diagrams: keys of the draw's diagrams, layer by layer.
    """

    uses_torch: ClassVar[bool] = False

    name: str
    diagrams: tuple[str, ...]
    draw: int
    max_degree: int

    @functools.cached_property
    def key(self) -> str:
        """Of the values: the diagrams and the distance."""
        return key_of(
            "likeness",
            schema=SCHEMA,
            diagrams=self.diagrams,
            max_degree=self.max_degree,
            distance=self.name,
            versions=engine_versions(),
        )

    @property
    def title(self) -> str:
        """For progress and failures."""
        return f"{self.name} distances of {len(self.diagrams)} layers, draw {self.draw}"

    def perform(self, store: Store, progress: Callable[[int, int | None], None] | None = None) -> None:
        """Measure every pair, keep (degrees, pairs)."""
        diagrams = [read_diagram_of(store, key) for key in self.diagrams]
        pairs = np.array(list(itertools.combinations(range(len(diagrams)), 2)), dtype=np.int64).reshape(-1, 2)
        measure = distance_named(self.name)
        degrees = range(self.max_degree + 1)
        values = np.array([distances_of_pairs(diagrams, pairs, measure, degree, threads=1) for degree in degrees])
        store.write(self.key, {"values": values, "notes": np.array([""] * len(values), dtype=np.str_)})


@dataclasses.dataclass(frozen=True, eq=False)
class Beside:
    """What was measured beside the distances, one row for each pair of layers, measure and draw; see `COLUMNS`."""

    rows: tuple[tuple[object, ...], ...] = ()
    warnings: tuple[str, ...] = ()

    def tables(self, confidence: float) -> dict[str, pd.DataFrame]:
        """`similarity`, draw by draw, and `similarity_means` with Student's t intervals over disjoint draws."""
        import pandas as pd

        from toposcope.stats import mean_interval

        table = pd.DataFrame(list(self.rows), columns=COLUMNS["similarity"])
        groups: dict[tuple[object, ...], list[float]] = {}
        for *names, _draw, value in self.rows:
            groups.setdefault(tuple(names), []).append(float(str(value)))
        means = []
        for group, values in groups.items():
            known_values = np.array(values)
            low, high = np.nan, np.nan
            if len(values) > 1 and np.isfinite(known_values).all():
                interval = mean_interval(known_values, confidence)
                low, high = interval.low, interval.high
            means.append((*group, float(known_values.mean()), low, high, len(values)))
        return {"similarity": table, "similarity_means": pd.DataFrame(means, columns=COLUMNS["similarity_means"])}


def look_beside(
    plan: Study,
    networks: Sequence[Extracted],
    same_inputs: SameInputs,
    keys: Mapping[str, tuple[str, ...]],
    driver: Performer,
) -> Beside:
    """Measure what `[similarity]` names. keys: of the diagrams of every side that has them all, by the side's key."""
    paired, others = asked_for(plan)
    rows: list[tuple[object, ...]] = []
    warnings: list[str] = []
    cloud = plan.cloud
    if paired:
        tasks = [
            Likeness(layers, cloud.size, cloud.draws, draw, plan.seed, paired)
            for layers in groups_of(networks, same_inputs)
            for draw in range(cloud.draws)
        ]
        present = driver.perform("similarity", tasks)
        for task in tasks:
            if task.key in present:
                values, notes = _read(driver.store, task.key)
                rows += _rows(task.layers, [(None, SIMILARITIES[name].name) for name in paired], task.draw, values)
                warnings += [f"not defined: {name} of {note}" for name, note in zip(paired, notes, strict=True) if note]
    if others:
        layers = tuple(layer for network in networks for layer in network.layers if Side.of(plan, layer).key in keys)
        drawn = list(zip(*(keys[Side.of(plan, layer).key] for layer in layers), strict=True))
        more = [
            OtherDistances(name, diagrams, draw, plan.homology.max_degree)
            for name in others
            for draw, diagrams in enumerate(drawn)
            if len(layers) > 1
        ]
        present = driver.perform("similarity", more)
        for other in more:
            if other.key in present:
                values, _notes = _read(driver.store, other.key)
                titles = [(degree, other.name) for degree in range(len(values))]
                rows += _rows(layers, titles, other.draw, values)
    return Beside(tuple(rows), tuple(dict.fromkeys(warnings)))


def asked_for(plan: Study) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Measures between layers of the same inputs, and distances of diagrams, that `[similarity]` names and that add
    something. A measure needs four inputs, and the plan's own distance is there already."""
    wanted = dict.fromkeys(plan.similarity.measures)
    paired = tuple(name for name in wanted if name in SIMILARITIES) if plan.cloud.size >= 4 else ()
    return paired, tuple(name for name in wanted if name in DISTANCES and name != plan.distance.name)


def groups_of(networks: Sequence[Extracted], same_inputs: SameInputs) -> list[tuple[Layer, ...]]:
    """Layers that hold the same inputs, all of their networks together; alone, a layer has nothing beside it."""
    groups: list[list[Extracted]] = []
    for network in networks:
        for group in groups:
            if same_inputs[group[0].network, network.network]:
                group.append(network)
                break
        else:
            groups.append([network])
    layers = [tuple(layer for network in group for layer in network.layers) for group in groups]
    return [group for group in layers if len(group) > 1]


def _rows(
    layers: Sequence[Layer], titles: Sequence[tuple[int | None, str]], draw: int, values: Float64
) -> list[tuple[object, ...]]:
    pairs = list(itertools.combinations(layers, 2))
    return [
        (a.network, a.layer, b.network, b.layer, degree, name, draw, value)
        for (degree, name), row in zip(titles, values.tolist(), strict=True)
        for (a, b), value in zip(pairs, row, strict=True)
    ]


def _read(store: Store, key: str) -> tuple[Float64, list[str]]:
    arrays: dict[str, Array] = store.read(key)
    if not {"values", "notes"} <= set(arrays):
        raise FileError(f"{store.path(key)} does not hold similarities; remove it and run again")
    return arrays["values"], [str(note) for note in arrays["notes"].tolist()]
