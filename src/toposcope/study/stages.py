"""The stages of a study: extraction, homology, distances, and the tables that come of them.

What has to be done is decided here; how it is done (processes, what is kept already, progress) is the runner's.
"""

from __future__ import annotations

import dataclasses
import datetime
import itertools
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from toposcope._errors import ActivationError, PlanError, TaskError, ToposcopeError
from toposcope._types import Float64
from toposcope.diagram import PersistenceDiagram
from toposcope.store import Store
from toposcope.study import holes, tables
from toposcope.study import layers as recipe
from toposcope.study.plan import Network, Study
from toposcope.study.provenance import surroundings
from toposcope.study.results import Failure, Results
from toposcope.study.tasks import (
    Diagram,
    Distances,
    Extract,
    Extracted,
    Import,
    Layer,
    Task,
    read_diagram_of,
    read_layer,
)


class Performer(Protocol):
    """Whatever performs tasks: see `toposcope.run`."""

    store: Store
    workers: int
    failed: list[tuple[str, str]]
    repaired: int
    performed: int
    used: set[str]

    def perform(self, stage: str, tasks: Sequence[Task]) -> set[str]:
        """Perform what is missing; returns the keys of all that is there."""

    def fail(self, title: str, error: Exception) -> None:
        """Note a failure."""

    def discard(self, key: str) -> None:
        """Forget an artefact that turned out to be of no use."""

    def say(self, line: str) -> None:
        """Something worth a line."""


def conduct(plan: Study, folder: Path, driver: Performer, thumbnails: bool = True) -> Results:
    """Take a plan through its stages. Raises PlanError and TaskError as `ts.run` says."""
    started = time.time()
    degrees = "H0" if plan.homology.max_degree == 0 else f"H0 to H{plan.homology.max_degree}"
    driver.say(
        f"plan {plan.name}: {len(plan.network)} networks, {plan.cloud.draws} disjoint draws of {plan.cloud.size} "
        f"inputs, {degrees}, {plan.distance.measure().name}"
    )
    networks = _extract(plan, driver)
    if not networks:
        raise TaskError(
            "no network could be extracted: " + "; ".join(f"{title}: {text}" for title, text in driver.failed)
        )
    for line in recipe.check_inputs(plan, networks):
        driver.say(line)
    same_inputs, doubts = _same_inputs(driver.store, networks)
    for doubt in doubts:
        driver.say(f"warning  {doubt}")
    comparisons = recipe.planned(plan, networks)
    layers = sum(len(network.layers) for network in networks)
    driver.say(
        f"{layers} layers: {layers * plan.cloud.draws} diagrams, {layers * (layers + 1) // 2} pairs of layers, "
        f"{len(comparisons)} planned comparisons"
    )
    keys = _homology(plan, networks, driver)
    measured = _distances(plan, networks, comparisons, keys, driver)
    seen = holes.look(plan, networks, keys, driver, thumbnails)
    results = _assemble(plan, folder, networks, comparisons, same_inputs, doubts, keys, measured, driver, started)
    return dataclasses.replace(results, seen=seen)


def _extract(plan: Study, driver: Performer) -> list[Extracted]:
    """Representations of every network. A network whose task cannot even be planned is a failure like any other."""
    tasks: dict[str, Task] = {}
    digests: dict[tuple[str, int | None], str] = {}
    for network in plan.network:
        try:
            tasks[network.name] = _extraction(plan, network, digests)
        except ToposcopeError as error:
            driver.fail(f"extraction of {network.name}", error)
    if not tasks:
        raise PlanError("no network can be loaded: " + "; ".join(f"{title}: {text}" for title, text in driver.failed))
    present = driver.perform("extraction", list(tasks.values()))
    networks = []
    for name, task in tasks.items():
        if task.key not in present:
            continue
        extracted = Extracted.read(driver.store, task.key)
        # The manifest may have outlived a layer: then the network is extracted again.
        if not all(driver.store.intact(layer.key) for layer in extracted.layers):
            driver.discard(task.key)
            if task.key not in driver.perform("extraction", [task]):
                continue
            extracted = Extracted.read(driver.store, task.key)
        for message in extracted.broken:
            driver.fail(f"extraction of {name}", ActivationError(message))
        networks.append(dataclasses.replace(extracted, network=name))
    return networks


def _extraction(plan: Study, network: Network, digests: dict[tuple[str, int | None], str]) -> Task:
    if network.representations is not None:
        return Import.planned(network)
    from toposcope.extract import load_inputs, weights_digest

    assert network.model is not None
    source = plan.source_of(network)
    assert source is not None
    where = (source, plan.inputs.limit)
    if where not in digests:
        digests[where] = load_inputs(source, limit=plan.inputs.limit).digest()
    return Extract.planned(plan, network, digests[where], weights_digest(network.model, seed=network.seed))


def _same_inputs(store: Store, networks: Sequence[Extracted]) -> tuple[dict[tuple[str, str], bool], list[str]]:
    """For every pair of networks, whether they hold the same inputs; if not, they must share none.

    Returns that, and in words where equal ids come from different places and are therefore taken for different inputs.
    """
    held = {n.network: {str(entry) for entry in read_layer(store, n.layers[0].key).sample_ids} for n in networks}
    same = {}
    doubts = []
    for a, b in itertools.product(networks, networks):
        first, second = held[a.network], held[b.network]
        if a.origin != b.origin:
            same[a.network, b.network] = False
            if first & second and a.network < b.network:
                doubts.append(
                    f"{a.network} and {b.network} share sample ids, but from {a.origin or 'files'} and "
                    f"{b.origin or 'files'}: taken for different inputs; give both text sample_ids if they are the same"
                )
            continue
        same[a.network, b.network] = first == second
        shared = len(first & second)
        if shared and first != second:
            raise PlanError(
                f"networks {a.network!r} and {b.network!r} share {shared} of their {len(first)} and {len(second)} "
                "inputs, so their draws are neither paired nor independent; give both the same inputs, or disjoint ones"
            )
    return same, doubts


def _homology(plan: Study, networks: Sequence[Extracted], driver: Performer) -> dict[str, tuple[str, ...]]:
    """Key of every diagram, by key of the layer; a layer with a failed draw is left out, and said to be."""
    tasks = {
        layer.key: [Diagram(layer, draw, plan.seed, plan.cloud, plan.homology) for draw in range(plan.cloud.draws)]
        for network in networks
        for layer in network.layers
    }
    present = driver.perform("homology", [task for draws in tasks.values() for task in draws])
    return {
        layer: tuple(task.key for task in draws)
        for layer, draws in tasks.items()
        if all(task.key in present for task in draws)
    }


def _distances(
    plan: Study,
    networks: Sequence[Extracted],
    comparisons: Sequence[recipe.Planned],
    keys: Mapping[str, tuple[str, ...]],
    driver: Performer,
) -> list[tuple[Layer, Layer, Distances, Float64]]:
    """Draw i of every layer against draw i of every other; all draws of each layer, and of every planned pair."""
    layers = [layer for network in networks for layer in network.layers if layer.key in keys]
    k = plan.cloud.draws
    same_draw = tuple((i, i) for i in range(k))
    within = tuple(itertools.combinations(range(k), 2))
    every = tuple(itertools.product(range(k), range(k)))
    full = {(comparison.a.key, comparison.b.key) for comparison in comparisons}
    tasks = []
    for position, a in enumerate(layers):
        for b in layers[position:]:
            x, y = (b, a) if (b.key, a.key) in full and (a.key, b.key) not in full else (a, b)
            draws = within if x is y else every if (x.key, y.key) in full else same_draw
            title = f"distances of {x.title} and {y.title}"
            tasks.append(
                (x, y, Distances(title, keys[x.key], keys[y.key], draws, plan.homology.max_degree, plan.distance))
            )
    present = driver.perform("distances", [task for _a, _b, task in tasks])
    return [(a, b, task, task.read(driver.store)) for a, b, task in tasks if task.key in present]


def _assemble(
    plan: Study,
    folder: Path,
    networks: Sequence[Extracted],
    comparisons: Sequence[recipe.Planned],
    same_inputs: Mapping[tuple[str, str], bool],
    doubts: Sequence[str],
    keys: Mapping[str, tuple[str, ...]],
    measured: Sequence[tuple[Layer, Layer, Distances, Float64]],
    driver: Performer,
    started: float,
) -> Results:
    """Everything a reader sees, from artefacts alone."""
    diagrams: dict[str, list[PersistenceDiagram]] = {
        layer: [read_diagram_of(driver.store, key) for key in draws] for layer, draws in keys.items()
    }
    layers = [layer for network in networks for layer in network.layers]
    measure = plan.distance.measure().name
    tested, untested = tables.tests_table(plan, comparisons, _matrices(plan, measured))
    described = tables.descriptors_table(layers, diagrams, plan.homology.max_degree)
    made = {
        "networks": tables.networks_table(plan, networks),
        "layers": tables.layers_table(networks, diagrams),
        "descriptors": described,
        "descriptor_means": tables.descriptor_means_table(described, plan.test.confidence),
        "distances": tables.distances_table(measured, measure),
        "distance_means": tables.distance_means_table(measured, same_inputs, measure, plan.test.confidence),
        "tests": tested,
    }
    warnings = [f"{network.network}: {text}" for network in networks for text in network.warnings]
    warnings += doubts
    warnings += [
        f"{layer.title} is left out of every comparison, because the homology of a draw failed"
        for layer in layers
        if layer.key not in keys
    ]
    warnings += untested
    if plan.cloud.draws < 2:
        warnings.append("one draw has no spread: there are no intervals and no tests; set [cloud] draws to 6 or more")
    if driver.repaired:
        warnings.append(f"{driver.repaired} damaged artefact(s) were found in the store and computed again")
    return Results(
        plan=plan,
        tables=made,
        findings=tuple(recipe.findings(plan, tested)),
        warnings=tuple(warnings),
        failed=tuple(Failure(title, message) for title, message in driver.failed),
        provenance=_provenance(plan, folder, driver, started),
        keys={
            network.network: {layer.layer: keys[layer.key] for layer in network.layers if layer.key in keys}
            for network in networks
        },
        artefacts=tuple(sorted(driver.used | {layer.key for layer in layers})),
        folder=folder,
    )


def _matrices(
    plan: Study, measured: Sequence[tuple[Layer, Layer, Distances, Float64]]
) -> dict[tuple[str, str], Float64]:
    """(degrees, draws, draws) distances of every pair of layers of which all draws were measured."""
    k = plan.cloud.draws
    matrices = {}
    for a, b, task, values in measured:
        within = a.key == b.key and a.network == b.network
        if not within and len(task.draws) != k * k:
            continue
        matrix = np.zeros((len(values), k, k))
        for column, (i, j) in enumerate(task.draws):
            matrix[:, i, j] = values[:, column]
            if within:
                matrix[:, j, i] = values[:, column]
        matrices[a.key, b.key] = matrix
        matrices[b.key, a.key] = matrix.transpose(0, 2, 1)
    return matrices


def _provenance(plan: Study, folder: Path, driver: Performer, started: float) -> dict[str, Any]:
    return {
        **surroundings(),
        "plan": plan.digest,
        "seed": plan.seed,
        "started": datetime.datetime.fromtimestamp(started, datetime.UTC).isoformat(timespec="seconds"),
        "seconds": round(time.time() - started, 1),
        "tasks_performed": driver.performed,
        "workers": driver.workers,
        "folder": str(folder),
    }
