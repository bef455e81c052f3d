"""What the networks of a plan will give, from a few of their real inputs."""

from __future__ import annotations

import dataclasses
import math
import time
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from toposcope._errors import ToposcopeWarning
from toposcope._types import Array
from toposcope.cloud import disjoint_draws, duplicate_rows, effective_dimension
from toposcope.representation import Representation, read_representation
from toposcope.store import Store, key_of
from toposcope.study.plan import Network, Study
from toposcope.study.tasks import Extracted, Import, Layer, Task, label_counts

SAMPLED_LAYERS = 4
SAMPLED_NETWORKS = 3
EXTRACTION_SECONDS = 6.0
"""Seconds that running networks over pilot inputs may take, all of them together."""


@dataclasses.dataclass(frozen=True)
class NetworkForecast:
    """One network: its layers (names), inputs held, the length of its longest vector, seconds of its extraction.

    labels: each label of its inputs, with how many inputs have it. values: numbers in all of its layers together.
    bytes: of the same. largest: bytes of its largest layer.
    """

    name: str
    layers: tuple[str, ...]
    inputs: int | None
    dimension: int
    seconds: float
    labels: tuple[tuple[str, int], ...] = ()
    values: int = 0
    bytes: int = 0
    largest: int = 0


@dataclasses.dataclass(frozen=True, eq=False)
class Sampled:
    """A network as a run would extract it, and a few of its layers by position: (rows of all inputs, d)."""

    told: NetworkForecast
    extracted: Extracted
    layers: Mapping[int, Representation]


def sample(plan: Study, tasks: Mapping[str, Task]) -> list[Sampled]:
    """Every network of a plan. tasks: their extractions. Networks of equal making are run once.

    Raises what `ts.run` would raise for networks and inputs that cannot be loaded.
    """
    found: list[Sampled] = []
    makings: dict[str, Sampled] = {}
    models = {_making(plan, network) for network in plan.network if network.model is not None}
    chosen = _spread(len(plan.network), SAMPLED_NETWORKS)
    for number, network in enumerate(plan.network):
        making = _making(plan, network)
        if network.representations is not None:
            task = tasks[network.name]
            assert isinstance(task, Import)
            found.append(_saved(task, keep=number in chosen))
        elif making in makings:
            found.append(_alike(makings[making], network.name))
        else:
            makings[making] = _run(plan, network, EXTRACTION_SECONDS / len(models))
            found.append(makings[making])
    return found


def keep(store: Store, networks: Sequence[Sampled]) -> tuple[list[Extracted], set[str], float]:
    """Write the sampled layers, and let every other layer be one of them, so that every task can be performed.

    Returns the networks with the keys of their layers, the keys of sampled layers, and seconds per number kept.
    """
    extracted: list[Extracted] = []
    sampled: set[str] = set()
    seconds, values = 0.0, 0
    first = next(network for network in networks if network.layers)
    for network in networks:
        own = network.layers or first.layers
        layers = []
        for position, layer in enumerate(network.extracted.layers):
            key = key_of("representation", network=network.told.name, layer=layer.layer, position=position)
            if position in network.layers:
                held = network.layers[position]
                start = time.process_time()
                duplicate_rows(held)
                effective_dimension(held)
                arrays: dict[str, Array] = {"points": held.points, "sample_ids": held.sample_ids}
                if held.labels is not None:
                    arrays["labels"] = held.labels
                store.write(key, {**arrays, "source": np.array(held.source.to_json())})
                seconds, values = seconds + time.process_time() - start, values + held.points.size
                sampled.add(key)
            layers.append(dataclasses.replace(layer, key=key))
        for position, layer in enumerate(layers):
            if position not in network.layers:
                nearest = min(own, key=lambda other: abs(other - position))
                of = layers[nearest] if network.layers else extracted[networks.index(first)].layers[nearest]
                place = store.path(layer.key)
                place.parent.mkdir(parents=True, exist_ok=True)
                place.hardlink_to(store.path(of.key))
        extracted.append(dataclasses.replace(network.extracted, layers=tuple(layers)))
    return extracted, sampled, seconds / max(values, 1)


def _making(plan: Study, network: Network) -> str:
    """What decides the shapes of its layers: everything but its weights."""
    model = str(network.model).partition("@")[0]
    return repr((model, network.layers, network.reduce, plan.source_of(network), network.representations))


def _spread(count: int, most: int) -> set[int]:
    """At most so many of `count` places, evenly."""
    return {int(place) for place in np.linspace(0, count - 1, min(count, most)).round()}


def _alike(of: Sampled, name: str) -> Sampled:
    told = dataclasses.replace(of.told, name=name)
    layers = tuple(dataclasses.replace(layer, network=name) for layer in of.extracted.layers)
    return Sampled(told, dataclasses.replace(of.extracted, network=name, layers=layers), {})


def _saved(task: Import, keep: bool) -> Sampled:
    """Saved representations, every one read once."""
    name = task.network.name
    start = time.process_time()
    places = _spread(len(task.files), SAMPLED_LAYERS) if keep else set()
    facts: list[tuple[int, str, str | None, Layer]] = []
    kept: dict[int, Representation] = {}
    labels: tuple[tuple[str, int], ...] = ()
    size = largest = 0
    for number, (path, _digest) in enumerate(task.files):
        read = read_representation(path)
        position = number if read.source.position is None else read.source.position
        inputs = len(np.unique(read.sample_ids))
        layer = Layer(name, "", "", read.source, inputs, len(read), read.dimension, 0, 1.0)
        facts.append((position, Path(path).stem, read.source.layer, layer))
        labels = labels or label_counts(read.sample_ids, read.labels)
        size, largest = size + read.points.nbytes, max(largest, read.points.nbytes)
        if number in places:
            kept[number] = read
    order = sorted(range(len(facts)), key=lambda number: facts[number][0])
    names = [fact[2] for fact in facts]
    layers = tuple(
        dataclasses.replace(facts[k][3], layer=(names[k] if names.count(names[k]) == 1 else facts[k][1]) or "layer")
        for k in order
    )
    seconds = time.process_time() - start
    told = _told(name, layers, min(layer.inputs for layer in layers), seconds, labels, size, largest)
    return Sampled(told, _imagined(told, layers), {order.index(k): one for k, one in kept.items()})


def _run(plan: Study, network: Network, budget: float) -> Sampled:
    """A network, over as many inputs as two draws need, or fewer where that would take too long."""
    from toposcope.extract import extract, load_inputs, load_network

    assert network.model is not None
    source = plan.source_of(network)
    start = time.process_time()
    loaded = load_network(network.model, seed=network.seed)
    loading = time.process_time() - start
    start = time.process_time()
    inputs = load_inputs(source, limit=plan.inputs.limit)
    inputs.digest()
    loading += time.process_time() - start

    def over(count: int) -> tuple[dict[str, Representation], float]:
        start = time.process_time()
        with warnings.catch_warnings():
            # So few inputs say nothing about constant layers; the run itself will.
            warnings.simplefilter("ignore", ToposcopeWarning)
            found = extract(
                loaded,
                load_inputs(source, limit=count),
                layers=list(network.layers),
                reduce=network.reduce,
                batch_size=plan.extract.batch_size,
                device=plan.extract.device,
                precision=plan.extract.precision,
            )
        return dict(found), time.process_time() - start

    held = inputs.count or plan.cloud.size * plan.cloud.draws
    found, _first = over(min(2, held))  # the first pass through a network is slow
    _found, fixed = over(min(2, held))
    few = min(plan.extract.batch_size, held)
    found, seconds = over(few)
    each = max(seconds - fixed, 0.0) / few
    most = min(held, max(few, int(budget / max(each, 1e-9))), 2 * _rows_of_a_draw(plan))
    if most > few:
        found, seconds = over(most)
        few, each = most, max(seconds - fixed, 0.0) / most
    layers = tuple(
        Layer(network.name, name, "", one.source, held, held * len(one) // few, one.dimension, 0, 1.0)
        for name, one in found.items()
    )
    places = _spread(len(layers), SAMPLED_LAYERS)
    ids = np.arange(held) if inputs.ids is None else np.asarray(inputs.ids)
    labels = None if inputs.labels is None else np.asarray(inputs.labels)
    kept = {k: _filled(one, few, ids, labels, plan) for k, one in enumerate(found.values()) if k in places}
    sizes = [one.points.nbytes // few * held for one in found.values()]
    total = loading + fixed + each * held
    told = _told(network.name, layers, inputs.count, total, label_counts(ids, labels), sum(sizes), max(sizes))
    return Sampled(told, _imagined(told, layers), kept)


def _filled(few: Representation, count: int, ids: Array, labels: Array | None, plan: Study) -> Representation:
    """As many inputs as there will be, of `count` real ones.

    Draws are consecutive in the order of a hash, so that real inputs that recur in this order never recur in one draw.
    Where not even one draw is real, mixtures of two inputs stand in for the rest.
    """
    if count == len(ids):
        return few
    generator = np.random.default_rng(plan.seed)
    real = few.points.reshape(count, -1, few.dimension)[generator.permutation(count)]
    place = np.arange(len(ids)) % count
    rows = real[place]
    if count < _rows_of_a_draw(plan):
        share = generator.uniform(size=(len(ids), 1, 1)).astype(real.dtype)
        mixed = share * rows + (1 - share) * real[generator.integers(count, size=len(ids))]
        rows = np.where((np.arange(len(ids)) < count)[:, None, None], rows, mixed)
    points = np.empty_like(rows)
    points[disjoint_draws(ids, len(ids), 1, plan.seed)[0]] = rows
    each = rows.shape[1]
    named = None if labels is None else np.repeat(labels, each)
    return Representation(points.reshape(-1, few.dimension), np.repeat(ids, each), named, few.source)


def _rows_of_a_draw(plan: Study) -> int:
    """Inputs that the largest draw of the plan and its audit takes."""
    sizes = [plan.cloud.size, *plan.audit.size, *(plan.sample_size.sizes if plan.recipe == "sample-size" else ())]
    return max(sizes) + math.ceil(plan.outliers.reserve * max(sizes))


def _told(
    name: str,
    layers: Sequence[Layer],
    inputs: int | None,
    seconds: float,
    labels: tuple[tuple[str, int], ...],
    size: int,
    largest: int,
) -> NetworkForecast:
    names = tuple(layer.layer for layer in layers)
    dimension = max(layer.dimension for layer in layers)
    values = sum(layer.rows * layer.dimension for layer in layers)
    return NetworkForecast(name, names, inputs, dimension, seconds, labels, values, size, largest)


def _imagined(told: NetworkForecast, layers: tuple[Layer, ...]) -> Extracted:
    """What a run would know of the network."""
    return Extracted(
        told.name,
        layers,
        data="",
        origin="",
        labels=told.labels,
        checkpoint=None,
        accuracy=None,
        judged=0,
        warnings=(),
        broken=(),
    )
