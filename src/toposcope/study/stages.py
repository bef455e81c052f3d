"""The stages of a study: extraction, homology, distances, and the tables that come of them.

What has to be done is decided here; how it is done (processes, what is kept already, progress) is the runner's.
"""

from __future__ import annotations

import dataclasses
import datetime
import itertools
import math
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from toposcope._errors import ActivationError, PlanError, TaskError, ToposcopeError
from toposcope._version import __version__
from toposcope.store import Store, key_of
from toposcope.study import controls, holes, results, tables
from toposcope.study.agenda import Agenda, agenda
from toposcope.study.audit import Audited, held_against, impossible, settings, with_audit
from toposcope.study.beside import look_beside
from toposcope.study.inputs import check_held, check_points
from toposcope.study.performer import Performer
from toposcope.study.plan import Network, Study
from toposcope.study.provenance import PACKAGES, surroundings
from toposcope.study.recipes import RECIPES
from toposcope.study.results import Failure, Results
from toposcope.study.tables import Measured
from toposcope.study.tasks import (
    SCHEMA,
    Diagram,
    Distances,
    Extract,
    Extracted,
    Import,
    Side,
    installed_versions,
    read_diagram_of,
    read_layer,
)
from toposcope.study.verdicts import Evidence, Quantity, SameInputs, Verdict

Extraction = Extract | Import
"""What takes the representations of a network."""
_SHARDS = 4
"""Shards of extraction under way, for each worker: more keep workers busy at the end, and more of the disk."""


@dataclasses.dataclass(frozen=True)
class Prepared:
    """A plan with its recipe's defaults, checked, and the extraction of every network.

    extractions: by network. unplanned: (title, error) of networks whose task could not even be planned.
    """

    plan: Study
    extractions: Mapping[str, Extraction]
    unplanned: Sequence[tuple[str, ToposcopeError]]

    def stamp(self, thumbnails: bool) -> str | None:
        """What decides the results of a run: plan, content of networks and inputs, versions. None: nothing does."""
        if self.unplanned:
            return None
        return key_of(
            "run",
            schemas=[SCHEMA, results.SCHEMA, holes.SCHEMA],
            plan=self.plan.to_json(),
            extractions={name: task.key for name, task in self.extractions.items()},
            thumbnails=thumbnails,
            versions={"toposcope": __version__, **installed_versions(*PACKAGES)},
        )


def prepare(study: Study) -> Prepared:
    """Check a plan, and hash what its networks are made from. Raises PlanError as `ts.run` says."""
    plan = RECIPES[study.recipe].expand(study)
    check_points([plan.cloud.size], plan.degrees, "[cloud] size")
    RECIPES[plan.recipe].check(plan)
    controls.check(plan)
    tasks: dict[str, Extraction] = {}
    unplanned: list[tuple[str, ToposcopeError]] = []
    known: dict[tuple[str, int | None], tuple[str, str, int]] = {}
    for network in plan.network:
        try:
            tasks[network.name] = _extraction(plan, network, known)
        except ToposcopeError as error:
            unplanned.append((f"extraction of {network.name}", error))
    if not tasks:
        raise PlanError("no network can be loaded: " + "; ".join(f"{title}: {error}" for title, error in unplanned))
    return Prepared(plan, tasks, unplanned)


def conduct(prepared: Prepared, folder: Path, driver: Performer, thumbnails: bool = True) -> Results:
    """Take a plan through its stages. Raises PlanError and TaskError as `ts.run` says."""
    started = time.time()
    plan = prepared.plan
    degrees = "H0" if plan.homology.max_degree == 0 else f"H0 to H{plan.homology.max_degree}"
    driver.say(
        f"plan {plan.name}, recipe {plan.recipe}: {len(plan.network)} "
        f"network{'s' * (len(plan.network) > 1)}, {plan.cloud.draws} disjoint draws of "
        f"{plan.cloud.size} inputs, {degrees}, {plan.distance.measure().name}"
    )
    networks = _extract(prepared, driver)
    if not networks:
        raise TaskError(
            "no network could be extracted: " + "; ".join(f"{title}: {text}" for title, text in driver.failed)
        )
    for line in _inputs_held(plan, networks):
        driver.say(line)
    same_inputs, doubts = _same_inputs(driver.store, networks)
    for doubt in doubts:
        driver.say(f"warning  {doubt}")
    found = _carry_out(plan, networks, same_inputs, driver)
    audited = _audit(plan, networks, same_inputs, found.verdicts, driver)
    verdicts = with_audit(found.verdicts, audited)
    made = tables.all_tables(found.evidence, found.sides, found.measured, verdicts, found.quantities, audited)
    beside = look_beside(plan, networks, same_inputs, found.keys, driver)
    made |= beside.tables(plan.test.confidence)
    warnings = [*doubts, *found.warnings, *beside.warnings, *holes.left_out(plan)]
    seen = holes.look(plan, networks, found.keys, driver, thumbnails)
    assembled = _assemble(plan, folder, networks, made, verdicts, warnings, found.keys, driver, started)
    control_keys = _control_keys(plan, networks, found.keys)
    return dataclasses.replace(assembled, seen=seen, controls=control_keys, stamp=prepared.stamp(thumbnails))


@dataclasses.dataclass(frozen=True, eq=False)
class _Found:
    """What one plan gives once its networks are extracted."""

    sides: Sequence[Side]
    keys: Mapping[str, tuple[str, ...]]
    measured: Sequence[Measured]
    evidence: Evidence
    verdicts: list[Verdict]
    quantities: list[Quantity]
    warnings: list[str]


def _carry_out(
    plan: Study,
    networks: Sequence[Extracted],
    same_inputs: SameInputs,
    driver: Performer,
    planned_alone: bool = False,
) -> _Found:
    """Homology, distances, tests and verdicts."""
    asked = agenda(plan, networks, same_inputs, planned_alone)
    driver.say(
        f"{len(asked.plain)} layers: {sum(side.cloud.draws for side in asked.sides)} diagrams, "
        f"{len(asked.pairs)} pairs of clouds, {len(asked.comparisons)} planned comparisons"
    )
    if asked.measurements:
        driver.perform("measurements", asked.measurements)
    keys = _homology(plan, asked.sides, driver)
    measured = _distances(plan, asked, keys, driver)
    diagrams = {side: [read_diagram_of(driver.store, key) for key in draws] for side, draws in keys.items()}
    distances = tables.matrices(measured)
    tested, untested = tables.tests_table(plan, asked.comparisons, distances)
    evidence = Evidence(plan, networks, diagrams, distances, tested, same_inputs, driver.store)
    evidence = dataclasses.replace(evidence, controls=controls.held_against(evidence, asked.comparisons))
    verdicts, quantities = RECIPES[plan.recipe].answer(evidence)
    warnings = [*_left_out(asked.sides, keys), *untested]
    return _Found(asked.sides, keys, measured, evidence, verdicts, quantities, warnings)


def _audit(
    plan: Study,
    networks: Sequence[Extracted],
    same_inputs: SameInputs,
    verdicts: Sequence[Verdict],
    driver: Performer,
) -> list[Audited]:
    """Every verdict under every setting of `[audit]`; what the data do not allow is said, and the rest goes on."""
    audited = []
    for setting in settings(plan):
        driver.say(f"audit: {setting.name}")
        try:
            check_points([setting.plan.cloud.size], setting.plan.degrees, "[audit] size")
            _inputs_held(setting.plan, networks)
            RECIPES[plan.recipe].check(setting.plan)
            others = _carry_out(setting.plan, networks, same_inputs, driver, planned_alone=True).verdicts
        except PlanError as error:
            audited += impossible(verdicts, setting, str(error))
            continue
        audited += held_against(verdicts, setting, others)
    return audited


def _extract(prepared: Prepared, driver: Performer) -> list[Extracted]:
    """Representations of every network. A network whose task cannot even be planned is a failure like any other."""
    for title, error in prepared.unplanned:
        driver.fail(title, error)
    tasks = prepared.extractions
    present = _perform_extractions(list(tasks.values()), driver)
    networks = []
    for name, task in tasks.items():
        if task.key not in present:
            continue
        extracted = Extracted.read(driver.store, task.key)
        # The manifest may have outlived a layer: then the network is extracted again.
        whole = driver.suspicious
        if lost := [layer.key for layer in extracted.layers if not driver.store.intact(layer.key, whole)]:
            driver.discard(task.key, lost)
            if task.key not in _perform_extractions([task], driver):
                continue
            extracted = Extracted.read(driver.store, task.key)
        for message in extracted.broken:
            driver.fail(f"extraction of {name}", ActivationError(message))
        networks.append(task.told(extracted))
    return networks


def _perform_extractions(tasks: Sequence[Extraction], driver: Performer) -> set[str]:
    """Perform what is missing, networks of many inputs shard by shard; returns the keys of all that is there.

    Some networks at a time, so that shards, which go once they are put together, never take much of the disk.
    """
    sharded = [task for task in tasks if task.shards and not _is_whole(task, driver)]
    at_once = [task for task in tasks if task not in sharded]
    present = driver.perform("extraction", at_once) if at_once else set()
    for places in together([len(task.shards) for task in sharded], driver.workers):
        some = [sharded[place] for place in places]
        there = driver.perform("extraction", [shard for task in some for shard in task.shards])
        complete = [task for task in some if all(shard.key in there for shard in task.shards)]
        for task in some:
            if task not in complete:
                _as_one_failure(task, driver)
        present |= driver.perform("extraction", complete) if complete else set()
        _let_go(complete, present, driver)
    _let_go(at_once, present, driver)
    return present


def _let_go(tasks: Sequence[Extraction], present: set[str], driver: Performer) -> None:
    """Remove the shards of networks that are there, also what another run, or one that was killed, left of them."""
    for shard in (shard for task in tasks if task.key in present for shard in task.shards):
        driver.store.discard(shard.key)
        driver.used.discard(shard.key)


def together(shards: Sequence[int], workers: int) -> list[list[int]]:
    """Which networks are extracted at one time: enough for the workers, and no more. shards: of each network."""
    groups: list[list[int]] = []
    for place in range(len(shards)):
        if not groups or sum(shards[other] for other in groups[-1]) >= _SHARDS * workers:
            groups.append([])
        groups[-1].append(place)
    return groups


def _is_whole(task: Extraction, driver: Performer) -> bool:
    """Whether the artefact of a task is there; a damaged one goes, and is noted."""
    if task.key not in driver.store:
        return False
    whole = driver.store.intact(task.key, driver.suspicious)
    if not whole:
        driver.discard(task.key, [task.key])
    return whole


def _as_one_failure(task: Extraction, driver: Performer) -> None:
    """A network of which shards failed is one that failed."""
    titles = {shard.title for shard in task.shards}
    lost = [message for title, message in driver.failed if title in titles]
    others = [failure for failure in driver.failed if failure[0] not in titles]
    if lost:
        more = f" (and {len(lost) - 1} more of its {len(titles)} shards)" if len(lost) > 1 else ""
        driver.failed[:] = [*others, (task.title, f"{lost[0]}{more}")]


def _extraction(plan: Study, network: Network, known: dict[tuple[str, int | None], tuple[str, str, int]]) -> Extraction:
    """known: name, digest and number of inputs that were looked at before."""
    if network.representations is not None:
        return Import.planned(network)
    from toposcope.extract import load_inputs, weights_digest

    assert network.model is not None
    source = plan.source_of(network)
    assert source is not None
    where = (source, plan.inputs.limit)
    if where not in known:
        inputs = load_inputs(source, limit=plan.inputs.limit)
        known[where] = inputs.name, inputs.digest(), inputs.count or 0
    return Extract.planned(plan, network, *known[where], weights_digest(network.model, seed=network.seed))


def _same_inputs(store: Store, networks: Sequence[Extracted]) -> tuple[dict[tuple[str, str], bool], list[str]]:
    """For every pair of networks, whether they hold the same inputs; if not, they must share none.

    Returns that, and in words where equal ids come from different places and are therefore taken for different inputs.
    """
    held = {n.network: {str(entry) for entry in read_layer(store, n.layers[0].key).sample_ids} for n in networks}
    same = {}
    doubted: dict[tuple[str, str], list[str]] = {}
    for a, b in itertools.product(networks, networks):
        first, second = held[a.network], held[b.network]
        if a.origin != b.origin:
            same[a.network, b.network] = False
            if first & second and a.origin < b.origin:
                doubted.setdefault((a.origin, b.origin), []).append(f"{a.network} and {b.network}")
            continue
        same[a.network, b.network] = first == second
        shared = len(first & second)
        if shared and first != second:
            raise PlanError(
                f"networks {a.network!r} and {b.network!r} share {shared} of their {len(first)} and {len(second)} "
                "inputs, so their draws are neither paired nor independent; give both the same inputs, or disjoint ones"
            )
    doubts = [
        f"{pairs[0]}{f' and {len(pairs) - 1} more pairs' if len(pairs) > 1 else ''} share sample ids, but from "
        f"{a or 'files'} and {b or 'files'}: taken for different inputs; give both text sample_ids if they are the same"
        for (a, b), pairs in doubted.items()
    ]
    return same, doubts


def _inputs_held(plan: Study, networks: Sequence[Extracted]) -> list[str]:
    """A line for each network on inputs needed and held. Raises PlanError where there are too few for the draws."""
    reserve = math.ceil(plan.outliers.reserve * plan.cloud.size) if plan.cloud.without_outliers else 0
    needed = (plan.cloud.size + reserve) * plan.cloud.draws
    lines = []
    for network in networks:
        held = min((layer.inputs for layer in network.layers), default=0)
        # Where an input gives several rows, a draw needs fewer inputs than points, and says itself when it has too few.
        one_row_each = all(layer.rows == layer.inputs for layer in network.layers)
        if one_row_each:
            check_held(f"network {network.network!r}", held, plan.cloud.size, plan.cloud.draws, reserve=reserve)
        lines.append(f"{network.network}: {needed if one_row_each else plan.cloud.draws} inputs needed, {held} held")
    return lines


def _homology(plan: Study, sides: Sequence[Side], driver: Performer) -> dict[str, tuple[str, ...]]:
    """Keys of the diagrams of every side, by its key; a side with a failed draw is left out, and said to be."""
    tasks = {
        side.key: [Diagram(side, draw, plan.seed, plan.homology) for draw in range(side.cloud.draws)] for side in sides
    }
    present = driver.perform("homology", [task for draws in tasks.values() for task in draws])
    return {
        side: tuple(task.key for task in draws)
        for side, draws in tasks.items()
        if all(task.key in present for task in draws)
    }


def _distances(plan: Study, asked: Agenda, keys: Mapping[str, tuple[str, ...]], driver: Performer) -> list[Measured]:
    """Distances of every pair on the agenda whose diagrams are there."""
    degree = plan.homology.max_degree
    tasks = []
    for a, b, draws in asked.pairs:
        if a.key in keys and b.key in keys:
            title = f"distances of {a.title} and {b.title}"
            tasks.append(Measured(a, b, Distances(title, keys[a.key], keys[b.key], draws, degree, plan.distance)))
    present = driver.perform("distances", [measured.task for measured in tasks])
    return [
        dataclasses.replace(measured, values=measured.task.read(driver.store))
        for measured in tasks
        if measured.task.key in present
    ]


def _left_out(sides: Sequence[Side], keys: Mapping[str, tuple[str, ...]]) -> list[str]:
    return [
        f"{side.title} is left out of every comparison, because the homology of a draw failed"
        for side in sides
        if side.key not in keys
    ]


def _assemble(
    plan: Study,
    folder: Path,
    networks: Sequence[Extracted],
    made: dict[str, Any],
    verdicts: Sequence[Verdict],
    doubts: Sequence[str],
    keys: Mapping[str, tuple[str, ...]],
    driver: Performer,
    started: float,
) -> Results:
    """Everything a reader sees, from artefacts alone."""
    warnings = [f"{network.network}: {text}" for network in networks for text in network.warnings]
    warnings += doubts
    if plan.cloud.draws < 2:
        warnings.append("one draw has no spread: there are no intervals and no tests; set [cloud] draws to 6 or more")
    if driver.damaged:
        warnings.append(f"{len(driver.damaged)} damaged artefact(s) were found in the store and computed again")
    plain = {layer.key: Side.of(plan, layer).key for network in networks for layer in network.layers}
    return Results(
        plan=plan,
        tables=made,
        findings=tuple(verdict.sentence for verdict in verdicts),
        warnings=tuple(warnings),
        failed=tuple(Failure(title, message) for title, message in driver.failed),
        provenance=_provenance(plan, folder, driver, started),
        keys={
            network.network: {
                layer.layer: keys[plain[layer.key]] for layer in network.layers if plain[layer.key] in keys
            }
            for network in networks
        },
        artefacts=tuple(sorted(driver.used | set(plain))),
        folder=folder,
    )


def _control_keys(
    plan: Study, networks: Sequence[Extracted], keys: Mapping[str, tuple[str, ...]]
) -> dict[str, dict[str, dict[str, tuple[str, ...]]]]:
    """Keys of the diagrams of control clouds, by what tables call the clouds, network and layer."""
    found: dict[str, dict[str, dict[str, tuple[str, ...]]]] = {}
    for side in controls.sides(plan, networks):
        if side.key in keys:
            layers = found.setdefault(side.clouds, {}).setdefault(side.layer.network, {})
            layers[side.layer.layer] = keys[side.key]
    return found


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
