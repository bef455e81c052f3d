"""What a run will cost, before it starts: counts that are exact, and times measured on pilot tasks."""

from __future__ import annotations

import dataclasses
import itertools
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from toposcope._errors import ToposcopeWarning
from toposcope.rips import vietoris_rips
from toposcope.study.plan import Network, Study
from toposcope.study.tasks import Import

_PILOTS = 3


@dataclasses.dataclass(frozen=True)
class NetworkForecast:
    """One network: its layers (names), inputs held, the length of its longest vector, seconds of its extraction."""

    name: str
    layers: tuple[str, ...]
    inputs: int | None
    dimension: int
    seconds: float


@dataclasses.dataclass(frozen=True)
class Forecast:
    """What a plan asks for. extraction, homology, distances: seconds of one core, measured on a few inputs of each
    network and on Gaussian clouds of the plan's size; real clouds may take a few times more or less."""

    networks: tuple[NetworkForecast, ...]
    needed: int
    diagrams: int
    pairs: int
    homology: float
    distances: float

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
        lines.append(f"distances   {self.pairs} pairs of layers, about {self.distances:.0f} s of one core")
        return lines

    def to_json(self) -> dict[str, Any]:
        """The same as JSON values."""
        return dataclasses.asdict(self)


def forecast(plan: Study) -> Forecast:
    """Count the tasks of a plan and time pilots. Loads every network, and runs one input through it to find its layers.

    Raises what `ts.run` would raise for networks or inputs that cannot be loaded.
    """
    networks = tuple(_network(plan, network) for network in plan.network)
    layers = sum(len(network.layers) for network in networks)
    draws = plan.cloud.draws
    dimension = max(network.dimension for network in networks)
    homology, distance = _pilots(plan, dimension)
    planned = sum(len(network.layers) - 1 for network in networks)
    counts = {network.name: len(network.layers) for network in networks}
    planned += sum(min(counts[pair.a], counts[pair.b]) for pair in plan.compare)
    pairs = layers * (layers + 1) // 2
    values = (pairs - layers) * draws + layers * draws * (draws - 1) // 2 + planned * draws * (draws - 1)
    return Forecast(
        networks, plan.cloud.size * draws, layers * draws, pairs, layers * draws * homology, values * distance
    )


def _network(plan: Study, network: Network) -> NetworkForecast:
    if network.representations is not None:
        from toposcope.representation import read_representation

        read = [read_representation(path) for path, _digest in Import.planned(network).files]
        return NetworkForecast(
            network.name,
            tuple(one.source.layer or "layer" for one in read),
            min(len(np.unique(one.sample_ids)) for one in read),
            max(one.dimension for one in read),
            0.0,
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
    )


def _pilots(plan: Study, dimension: int) -> tuple[float, float]:
    """Seconds of one diagram, and of one pair of diagrams in all degrees."""
    generator = np.random.default_rng(0)
    size = plan.cloud.size
    clouds = [generator.normal(size=(size, dimension)).astype(np.float32) for _ in range(_PILOTS)]

    def homology(cloud: Any) -> Any:
        return vietoris_rips(
            cloud,
            plan.homology.max_degree,
            plan.cloud.metric,
            plan.cloud.scale,
            plan.homology.field,
            plan.homology.threshold,
            threads=1,
        )

    vietoris_rips(clouds[0][:10])  # the first call imports the engine
    per_diagram, diagrams = _timed(homology, clouds)
    measure = plan.distance.measure()
    degrees = range(plan.homology.max_degree + 1)
    pairs = list(itertools.combinations(diagrams, 2))
    measure(pairs[0][0], pairs[0][1], 0)
    per_pair, _ = _timed(lambda pair: [measure(pair[0], pair[1], degree) for degree in degrees], pairs)
    return per_diagram, per_pair


def _timed(function: Callable[[Any], Any], arguments: list[Any]) -> tuple[float, list[Any]]:
    start = time.process_time()
    results = [function(argument) for argument in arguments]
    return (time.process_time() - start) / len(arguments), results
