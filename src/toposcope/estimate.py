"""What a run will cost, before it starts: counts that are exact, and times measured on pilot tasks."""

from __future__ import annotations

import dataclasses
import itertools
import time
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from toposcope._errors import ToposcopeWarning
from toposcope.representation import Source, read_representation
from toposcope.rips import vietoris_rips
from toposcope.study.agenda import Agenda, agenda
from toposcope.study.audit import settings
from toposcope.study.beside import asked_for, cost, groups_of
from toposcope.study.plan import Cloud, DistanceChoice, Network, Study
from toposcope.study.recipes import RECIPES
from toposcope.study.tasks import Extracted, Import, Layer, Side, label_counts
from toposcope.study.verdicts import SameInputs

_PILOTS = 3


@dataclasses.dataclass(frozen=True)
class NetworkForecast:
    """One network: its layers (names), inputs held, the length of its longest vector, seconds of its extraction."""

    name: str
    layers: tuple[str, ...]
    inputs: int | None
    dimension: int
    seconds: float
    labels: tuple[tuple[str, int], ...] = ()


@dataclasses.dataclass(frozen=True)
class Forecast:
    """What a plan asks for, its audit included. extraction, homology, distances, similarity: seconds of one core,
    measured on a few inputs of each network and on Gaussian clouds of every size; real clouds may take a few times more
    or less. alike: pairs of layers and measures of `[similarity]`."""

    recipe: str
    networks: tuple[NetworkForecast, ...]
    needed: int
    diagrams: int
    pairs: int
    settings: int
    homology: float
    distances: float
    alike: int = 0
    similarity: float = 0.0

    def lines(self) -> list[str]:
        """The plan as a person reads it."""
        lines = []
        for network in self.networks:
            held = "unknown" if network.inputs is None else str(network.inputs)
            short = "" if network.inputs is None or network.inputs >= self.needed else "  TOO FEW"
            lines.append(
                f"{network.name}: {len(network.layers)} layers, up to {network.dimension} dimensions; "
                f"{self.needed} inputs needed, {held} held{short}"
            )
        seconds = sum(network.seconds for network in self.networks)
        lines.append(f"extraction  {len(self.networks)} networks, about {seconds:.0f} s of one core")
        lines.append(f"homology    {self.diagrams} diagrams, about {self.homology:.0f} s of one core")
        lines.append(f"distances   {self.pairs} pairs of clouds, about {self.distances:.0f} s of one core")
        if self.alike:
            lines.append(f"similarity  {self.alike} pairs of layers, about {self.similarity:.0f} s of one core")
        if self.settings:
            lines.append(f"audit       {self.settings} settings, counted above")
        return lines

    def to_json(self) -> dict[str, Any]:
        """The same as JSON values."""
        return dataclasses.asdict(self)


def forecast(study: Study) -> Forecast:
    """Count the tasks of a plan and time pilots. Loads every network, and runs one input through it to find its layers.

    Raises what `ts.run` would raise for networks or inputs that cannot be loaded, and for plans that cannot answer.
    """
    plan = RECIPES[study.recipe].expand(study)
    RECIPES[plan.recipe].check(plan)
    networks = tuple(_network(plan, network) for network in plan.network)
    varied = settings(plan)
    # Settings share what they can: a diagram or a distance that two of them need is made once.
    sides: dict[str, Side] = {}
    values: dict[tuple[str, str, DistanceChoice], tuple[Cloud, int]] = {}
    for one in (plan, *(setting.plan for setting in varied)):
        asked = _agenda(one, networks, planned_alone=one is not plan)
        sides |= {side.key: side for side in asked.sides}
        values |= {(a.key, b.key, one.distance): (a.cloud, len(draws)) for a, b, draws in asked.pairs}
    dimension = max(network.dimension for network in networks)
    pilots = {cloud: _pilots(plan, cloud, dimension) for cloud in {side.cloud for side in sides.values()}}
    each = {
        (cloud, choice): _distance_cost(plan, choice, pilots[cloud][1])
        for cloud, choice in {(cloud, choice) for (_a, _b, choice), (cloud, _count) in values.items()}
    }
    return Forecast(
        plan.recipe,
        networks,
        plan.cloud.size * plan.cloud.draws,
        sum(side.cloud.draws for side in sides.values()),
        len(values),
        len(varied),
        sum(side.cloud.draws * pilots[side.cloud][0] for side in sides.values()),
        sum(count * each[cloud, choice] for (_a, _b, choice), (cloud, count) in values.items()),
        *_beside(plan, networks, pilots[plan.cloud][1] if plan.cloud in pilots else []),
    )


def _beside(plan: Study, networks: Sequence[NetworkForecast], diagrams: Sequence[Any]) -> tuple[int, float]:
    """Pairs of layers and seconds of `[similarity]`."""
    imagined = _imagined(networks)
    # Saved activations say whose inputs they hold when they are read; until then equally many count as the same.
    inputs = {
        network.name: (network.model and plan.source_of(network)) or str(found.inputs)
        for network, found in zip(plan.network, networks, strict=True)
    }
    same = {(a, b): inputs[a] == inputs[b] for a in inputs for b in inputs}
    groups = [len(group) for group in groups_of(imagined, same)]
    pairs, seconds = cost(plan, max(network.dimension for network in networks), groups)
    others = asked_for(plan)[1]
    layers = sum(len(network.layers) for network in imagined)
    every = layers * (layers - 1) // 2
    for name in others if diagrams else ():
        pairs += every
        seconds += plan.cloud.draws * every * _distance_cost(plan, DistanceChoice(name=name), diagrams)
    return pairs, seconds


def _imagined(networks: Sequence[NetworkForecast]) -> list[Extracted]:
    """Networks that were not extracted: their layers by name, nothing in them."""
    return [
        Extracted(
            network.name,
            tuple(
                Layer(network.name, layer, f"{network.name}/{layer}", Source(layer=layer), inputs, inputs, 1, 0, 1.0)
                for layer in network.layers
            ),
            data="",
            ids="",
            origin="",
            labels=network.labels,
            checkpoint=None,
            accuracy=None,
            judged=0,
            warnings=(),
            broken=(),
        )
        for network in networks
        for inputs in [network.inputs or 10**9]
    ]


def _same_inputs(plan: Study) -> SameInputs:
    sources = {network.name: plan.source_of(network) or network.representations for network in plan.network}
    return {(a, b): sources[a] == sources[b] for a in sources for b in sources}


def _agenda(plan: Study, networks: Sequence[NetworkForecast], planned_alone: bool) -> Agenda:
    """What the plan would ask of them."""
    return agenda(plan, _imagined(networks), _same_inputs(plan), planned_alone)


def _network(plan: Study, network: Network) -> NetworkForecast:
    if network.representations is not None:
        read = [read_representation(path) for path, _digest in Import.planned(network).files]
        return NetworkForecast(
            network.name,
            tuple(one.source.layer or "layer" for one in read),
            min(len(np.unique(one.sample_ids)) for one in read),
            max(one.dimension for one in read),
            0.0,
            label_counts(read[0].sample_ids, read[0].labels),
        )
    from toposcope.extract import extract, load_inputs, load_network

    assert network.model is not None
    inputs = load_inputs(plan.source_of(network), limit=plan.inputs.limit)
    loaded = load_network(network.model, seed=network.seed)
    few = min(plan.extract.batch_size, inputs.count or plan.extract.batch_size)
    start = time.process_time()
    with warnings.catch_warnings():
        # So few inputs say nothing about constant layers; the run itself will.
        warnings.simplefilter("ignore", ToposcopeWarning)
        found = extract(
            loaded,
            load_inputs(plan.source_of(network), limit=few),
            layers=list(network.layers),
            reduce=network.reduce,
            batch_size=plan.extract.batch_size,
            device=plan.extract.device,
            precision=plan.extract.precision,
        )
    each = (time.process_time() - start) / few
    return NetworkForecast(
        network.name,
        tuple(found),
        inputs.count,
        max(representation.dimension for representation in found.values()),
        each * (inputs.count or 0),
        label_counts(inputs.ids, inputs.labels),
    )


def _pilots(plan: Study, cloud: Cloud, dimension: int) -> tuple[float, list[Any]]:
    """Seconds of one diagram of a Gaussian cloud, and a few such diagrams."""
    generator = np.random.default_rng(0)
    clouds = [generator.normal(size=(cloud.size, dimension)).astype(np.float32) for _ in range(_PILOTS)]

    def homology(points: Any) -> Any:
        return vietoris_rips(
            points,
            plan.homology.max_degree,
            cloud.metric,
            cloud.scale,
            plan.homology.field,
            plan.homology.threshold,
            threads=1,
        )

    vietoris_rips(clouds[0][:10])  # the first call imports the engine
    return _timed(homology, clouds)


def _distance_cost(plan: Study, choice: DistanceChoice, diagrams: Sequence[Any]) -> float:
    """Seconds of one pair of diagrams in all degrees."""
    measure = choice.measure()
    degrees = range(plan.homology.max_degree + 1)
    pairs = list(itertools.combinations(diagrams, 2))
    measure(pairs[0][0], pairs[0][1], 0)
    return _timed(lambda pair: [measure(pair[0], pair[1], degree) for degree in degrees], pairs)[0]


def _timed(function: Callable[[Any], Any], arguments: list[Any]) -> tuple[float, list[Any]]:
    start = time.process_time()
    results = [function(argument) for argument in arguments]
    return (time.process_time() - start) / len(arguments), results
