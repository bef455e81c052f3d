"""The forecast: what a plan asks for, exactly, and what it will take, measured on pilots."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib
import itertools
import math
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from toposcope._errors import InputError
from toposcope.estimate.fits import check_plan, cloud_bytes, cores
from toposcope.estimate.networks import NetworkForecast, keep, sample
from toposcope.estimate.pilots import SECONDS, Cost, Pilots
from toposcope.extract import MEMORY
from toposcope.pools.work import one_thread, size_in_words
from toposcope.store import Store
from toposcope.study import tables
from toposcope.study.agenda import Agenda, agenda
from toposcope.study.audit import settings
from toposcope.study.beside import asked_for, groups_of
from toposcope.study.controls import StandIns
from toposcope.study.holes import DRAW, Holes, Thumbnails, are_looked_at
from toposcope.study.plan import DistanceChoice, Study
from toposcope.study.stages import prepare, together
from toposcope.study.tasks import Extracted, Side, Task
from toposcope.study.verdicts import SameInputs

_PROCESS = 300 << 20
"""Bytes of a process that has loaded everything, where the system does not say."""
_ROW_SECONDS, _ROW_BYTES = 60e-6, 90
"""Of one row of a table: its statistics, its text, and its place in the report."""
_ARTEFACT = 700
"""Bytes of an artefact beside its numbers."""
_PAGE = 200_000
"""Bytes of a report that shows no layer."""


@dataclasses.dataclass(frozen=True)
class Forecast:
    """What a plan asks for, its audit included, and what it will take.

    needed: inputs. diagrams, pairs (of sides, in one distance), alike (pairs of layers and measures of
    `[similarity]`), measurements (of the recipe, and stand-ins), portraits, thumbnails: how many. tasks: all of them,
    extractions included. extraction, homology, distances, similarity, looking (portraits and thumbnails), measuring:
    seconds of one core. describing: of the driver, for statistics, tables and report. starting: of each process. wall:
    seconds on so many workers, if nothing else uses the machine. memory: bytes of one worker at its peak. disk: bytes
    of the run's folder. passing: bytes of shards of extractions, at most, beside it until they are put together.
    """

    recipe: str
    networks: tuple[NetworkForecast, ...]
    workers: int
    needed: int
    tasks: int
    diagrams: int
    pairs: int
    settings: int
    alike: int
    measurements: int
    portraits: int
    thumbnails: int
    extraction: float
    homology: float
    distances: float
    similarity: float
    measuring: float
    looking: float
    describing: float
    starting: float
    wall: float
    memory: int
    disk: int
    passing: int

    @property
    def seconds(self) -> float:
        """Seconds of one core in all."""
        parts = (self.extraction, self.homology, self.distances, self.similarity, self.measuring, self.looking)
        return sum(parts) + self.describing + self.starting * (1 if self.workers == 1 else 1 + self.workers)

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
        looked = f"{self.portraits} portraits" + (
            f", {self.thumbnails} sheets of thumbnails" if self.thumbnails else ""
        )
        for name, what, seconds, there in (
            ("extraction", f"{len(self.networks)} networks", self.extraction, True),
            ("homology", f"{self.diagrams} diagrams", self.homology, True),
            ("distances", f"{self.pairs} pairs of clouds", self.distances, True),
            ("similarity", f"{self.alike} pairs of layers", self.similarity, self.alike),
            ("measures", f"{self.measurements} measurements", self.measuring, self.measurements),
            ("holes", looked, self.looking, self.portraits),
            ("report", "statistics, tables and report", self.describing, True),
        ):
            if there:
                lines.append(f"{name:<12}{what}, about {_amount(seconds)} s of one core")
        if any("TOO FEW" in line for line in lines):
            lines.append("too few     inputs for the draws: a run refuses this, and the seconds above mean little")
        if self.settings:
            lines.append(f"audit       {self.settings} settings, counted above")
        crew = "1 worker" if self.workers == 1 else f"{self.workers} workers"
        lines.append(f"in all      {self.tasks} tasks, about {_span(self.wall)} on {crew}")
        lines.append(
            f"memory      about {size_in_words(self.memory)} per worker; disk about {size_in_words(self.disk)}"
        )
        return lines

    def to_json(self) -> dict[str, Any]:
        """The same as JSON values."""
        return {**dataclasses.asdict(self), "seconds": self.seconds}


def forecast(
    study: Study,
    workers: int = 1,
    folder: Path | None = None,
    *,
    memory: int | None = None,
    thumbnails: bool = True,
    started: float = 0.0,
) -> Forecast:
    """Count the tasks of a plan and time pilots: a few tasks of every kind, on real layers, in a folder thrown away.

    workers, folder, memory, thumbnails: as for `ts.run`. started: seconds that this process took to begin, which every
    process of the run will take as well. Networks are run over the inputs of two draws, or fewer where that takes long.

    Raises what `ts.run` would raise for networks or inputs that cannot be loaded, for plans that cannot answer, and for
    clouds that do not fit.
    """
    began = time.process_time()
    for module in ("pandas", "scipy.linalg"):
        _import(module)
    if any(network.model is not None for network in study.network):
        _import("torch")
    loading = time.process_time() - began
    prepared = prepare(study)
    for title, error in prepared.unplanned:
        raise type(error)(f"{title}: {error}") if type(error).__init__ is Exception.__init__ else error
    plan = prepared.plan
    check_plan(plan, workers, folder or Path(), memory)
    preparing = time.process_time() - began - loading
    models = any(network.model is not None for network in plan.network)
    with tempfile.TemporaryDirectory(prefix="toposcope-") as name, one_thread(torch_too=models):
        store = Store(Path(name))
        networks = sample(plan, prepared.extractions)
        extracted, real, keeping = keep(store, networks)
        told = tuple(network.told for network in networks)
        del networks
        _Counted.forget_peak()
        base = _resident()
        shards = {name: len(task.shards) for name, task in prepared.extractions.items()}
        counted = _Counted(plan, told, extracted, thumbnails, shards)
        pilots = Pilots(store, plan, real)
        found = _measured(plan, counted, pilots, keeping)
        growth = _Counted.peak() - base
    in_tasks = growth if growth > 0 else cloud_bytes(plan, plan.cloud, max(one.dimension for one in told))
    in_extraction = max(min(one.bytes, MEMORY) + 3 * min(one.largest, MEMORY) for one in told)
    starting = started + loading
    describing = found.pop("describing") + preparing
    stages = found.pop("stages")
    disk = int(found.pop("disk"))
    hands = min(workers, cores())
    wall = describing + starting + (starting if workers > 1 else 0.0)
    wall += sum(max(seconds / max(1, min(hands, count)), longest) for count, seconds, longest in stages)
    return Forecast(
        plan.recipe,
        told,
        workers,
        plan.cloud.size * plan.cloud.draws,
        counted.tasks,
        counted.diagrams,
        len(counted.values),
        len(counted.varied),
        counted.alike,
        len(counted.measurements),
        len(counted.portraits),
        len(counted.sheets),
        describing=describing,
        starting=starting,
        wall=wall,
        memory=int(base + max(in_tasks, in_extraction)),
        disk=disk,
        passing=_passing(told, counted.shards, workers),
        **found,
    )


def _passing(told: Sequence[NetworkForecast], shards: Sequence[int], workers: int) -> int:
    """Bytes of the shards that are on the disk at one time."""
    sizes = [one.bytes for one, n in zip(told, shards, strict=True) if n]
    groups = together([n for n in shards if n], workers)
    return max((sum(sizes[place] for place in places) for places in groups), default=0)


class _Counted:
    """Everything that a run of the plan performs. Settings share what they can: what two of them need is made once."""

    def __init__(
        self,
        plan: Study,
        told: Sequence[NetworkForecast],
        networks: Sequence[Extracted],
        thumbnails: bool,
        shards: Mapping[str, int],
    ) -> None:
        self.plan, self.networks, self.told = plan, networks, told
        self.shards = [shards[one.name] for one in told]
        self.layers = [layer for network in networks for layer in network.layers]
        self.varied = settings(plan)
        self.sides: dict[str, Side] = {}
        self.values: dict[tuple[str, str, DistanceChoice, tuple[tuple[int, int], ...]], Side] = {}
        self.measurements: dict[str, Task] = {}
        self.agendas: list[tuple[Study, Agenda]] = []
        for one in (plan, *(setting.plan for setting in self.varied)):
            asked = agenda(one, networks, _same_inputs(one), planned_alone=one is not plan)
            self.agendas.append((one, asked))
            self.sides |= {side.key: side for side in asked.sides}
            self.values |= {(a.key, b.key, one.distance, draws): a for a, b, draws in asked.pairs}
            self.measurements |= {task.key: task for task in asked.measurements}
        looked_at = are_looked_at(plan)
        plain = [Side.of(plan, layer) for layer in self.layers]
        self.portraits = [Holes(side, DRAW, plan.seed, plan.homology) for side in plain] if looked_at else []
        sources = {plan.source_of(network) for network in plan.network if network.model is not None}
        self.sheets = sorted(source for source in sources if source is not None) if thumbnails and looked_at else []
        self.paired, self.others = asked_for(plan)
        self.groups = groups_of(networks, self._held_alike()) if self.paired else []
        every = len(self.layers) * (len(self.layers) - 1) // 2
        self.further = every * len(self.others)
        self.alike = sum(len(group) * (len(group) - 1) // 2 for group in self.groups) + self.further

    @property
    def diagrams(self) -> int:
        return sum(side.cloud.draws for side in self.sides.values())

    @property
    def tasks(self) -> int:
        beside = len(self.groups) + (len(self.others) if len(self.layers) > 1 else 0)
        made = self.diagrams + len(self.values) + len(self.measurements) + len(self.portraits) + len(self.sheets)
        return len(self.networks) + sum(self.shards) + made + beside * self.plan.cloud.draws

    def _held_alike(self) -> SameInputs:
        """Saved activations say whose inputs they hold when they are read; until then equally many are the same."""
        inputs = {
            network.name: (network.model and self.plan.source_of(network)) or str(told.inputs)
            for network, told in zip(self.plan.network, self.told, strict=True)
        }
        return {(a, b): inputs[a] == inputs[b] for a in inputs for b in inputs}

    @staticmethod
    def forget_peak() -> None:
        """Begin to watch the memory of this process anew, where the system can."""
        with contextlib.suppress(OSError):
            Path("/proc/self/clear_refs").write_text("5", encoding="ascii")

    @staticmethod
    def peak() -> int:
        """Most bytes that this process has held."""
        return _status("VmHWM")


def _measured(plan: Study, counted: _Counted, pilots: Pilots, keeping: float) -> dict[str, Any]:
    """Seconds of every stage, bytes on disk, and (tasks, seconds, seconds of the longest) of the stages."""
    draws, degrees = plan.cloud.draws, plan.homology.max_degree + 1
    values = {layer.key: layer.rows * layer.dimension for layer in counted.layers}
    reading = pilots.reading(counted.layers)
    read_all = reading * sum(values.values())
    # Shards are kept, and read and kept again when they are put together.
    kept_again = [
        (keeping + reading) * one.values if n else 0.0 for one, n in zip(counted.told, counted.shards, strict=True)
    ]
    by_network = [one.seconds + keeping * one.values for one in counted.told]
    extraction = sum(by_network) + sum(kept_again)
    longest = [
        max(whole / n, again) if n else whole
        for whole, again, n in zip(by_network, kept_again, counted.shards, strict=True)
    ]
    stages = [(sum(max(n, 1) for n in counted.shards), extraction, max(longest))]
    disk = sum(one.bytes for one in counted.told) + _ARTEFACT * counted.tasks + 40 * counted.diagrams
    disk += sum(64 * layer.rows for layer in counted.layers)

    each = pilots.diagrams(list(counted.sides.values()))
    homology = sum(side.cloud.draws * each[key].seconds for key, side in counted.sides.items())
    homology += reading * sum(values[side.layer.key] for side in counted.sides.values())
    disk += int(sum(side.cloud.draws * each[key].bytes for key, side in counted.sides.items()))
    stages.append((counted.diagrams, homology, 0.0))

    pair: dict[tuple[DistanceChoice, Any], float] = {}
    distances = pilots.overhead * len(counted.values)
    for (_a, _b, choice, some), side in counted.values.items():
        if (choice, side.cloud) not in pair:
            pair[choice, side.cloud] = pilots.distance(choice, side.cloud)
        distances += len(some) * pair[choice, side.cloud]
        disk += 8 * degrees * len(some)
    stages.append((len(counted.values), distances, 0.0))

    asked = counted.agendas[0][1]  # what settings give is not in the tables
    rows = degrees * sum(len(some) for _a, _b, some in asked.pairs)
    rows += sum(15 * degrees * side.cloud.draws // 2 for side in asked.sides)
    similarity = 0.0
    if counted.groups:
        ready, one_pair = pilots.likeness(counted.groups, counted.paired)
        in_groups = [len(group) for group in counted.groups]
        similarity += draws * sum(n * ready + n * (n - 1) // 2 * one_pair for n in in_groups) + draws * read_all
        rows += draws * len(counted.paired) * sum(n * (n - 1) // 2 for n in in_groups)
    for name in counted.others:
        similarity += (
            draws * counted.further / len(counted.others) * pilots.distance(DistanceChoice(name=name), plan.cloud)
        )
    rows += draws * degrees * counted.further
    stages.append((draws * (len(counted.groups) + len(counted.others)), similarity, 0.0))

    measuring, kept = _measurements(counted, pilots)
    disk += int(kept)
    stages.insert(1, (len(counted.measurements), measuring, 0.0))

    portrait = pilots.cost(pilots.some(counted.portraits)) or Cost()
    looking = len(counted.portraits) * portrait.seconds + (read_all if counted.portraits else 0.0)
    disk += int(len(counted.portraits) * 2 * portrait.bytes)  # in the store, and in the report
    stages.append((len(counted.portraits), looking, 0.0))
    for source in counted.sheets:
        sheet = _sheet(plan, source, pilots)
        looking += sheet.seconds
        disk += int(2 * sheet.bytes)
        stages.append((1, sheet.seconds, sheet.seconds))

    start = time.process_time()
    for one, of_it in counted.agendas:
        _tests(one, of_it)
    describing = time.process_time() - start + _ROW_SECONDS * rows
    return {
        "extraction": extraction,
        "homology": homology,
        "distances": distances,
        "similarity": similarity,
        "measuring": measuring,
        "looking": looking,
        "describing": describing,
        "disk": disk + _PAGE + _ROW_BYTES * rows,
        "stages": stages,
    }


def _measurements(counted: _Counted, pilots: Pilots) -> tuple[float, float]:
    """Seconds and bytes of the recipe's own tasks, and of the controls'; stand-ins are made one instead of many."""
    groups: dict[Any, list[Task]] = defaultdict(list)
    for task in counted.measurements.values():
        kind = (task.kind, task.count) if isinstance(task, StandIns) else None
        making = getattr(task, "side", None)
        about = (getattr(task, "metric", None), getattr(task, "dimension", None), making and making.cloud)
        groups[type(task), kind, about].append(task)
    seconds = kept = 0.0
    for (_type, stand_ins, _about), tasks in groups.items():
        some = pilots.some(tasks)
        budget = SECONDS / len(groups)
        if stand_ins is None:
            cost = pilots.cost(some, budget) or Cost()
        else:
            cost = _stand_ins([task for task in some if isinstance(task, StandIns)], pilots, budget)
        seconds, kept = seconds + len(tasks) * cost.seconds, kept + len(tasks) * cost.bytes
    return seconds, kept


def _stand_ins(tasks: Sequence[StandIns], pilots: Pilots, budget: float) -> Cost:
    """One task of many stand-ins, from tasks of one, and of three where they are quick: taking the draws costs once."""
    count = tasks[0].count
    one = pilots.cost([dataclasses.replace(task, count=1) for task in tasks], budget / 4, least=1)
    if one is None:
        return Cost()
    if one.seconds > budget:
        return Cost(count * one.seconds, one.bytes)
    three = pilots.cost([dataclasses.replace(task, count=3) for task in tasks], 3 * budget / 4, least=1) or one
    return Cost(one.seconds + (count - 1) * max(0.0, three.seconds - one.seconds) / 2, one.bytes)


def _sheet(plan: Study, source: str, pilots: Pilots) -> Cost:
    """Thumbnails of the inputs of one draw."""
    from toposcope.extract import load_inputs

    inputs = load_inputs(source, limit=plan.inputs.limit)
    if inputs.ids is None and inputs.count is None:
        return Cost()
    ids = np.arange(inputs.count or 0) if inputs.ids is None else np.asarray(inputs.ids)
    few = tuple(str(entry) for entry in ids[:64].tolist())
    cost = pilots.cost([Thumbnails(source, plan.inputs.limit, "forecast", few)]) or Cost()
    share = min(plan.cloud.size, len(ids)) / max(1, len(few))
    return Cost(cost.seconds * max(1.0, share), cost.bytes * share)


def _tests(plan: Study, asked: Agenda) -> None:
    """The tests of a plan, on distances of no meaning."""
    generator = np.random.default_rng(0)
    distances: dict[tuple[str, str], Any] = {}
    for one in asked.comparisons:
        for a, b in ((one.a, one.b), (one.a, one.a), (one.b, one.b)):
            shape = (plan.homology.max_degree + 1, a.cloud.draws, b.cloud.draws)
            values = generator.uniform(1, 2, size=shape)
            if a.key == b.key:
                values = np.triu(values[0], 1) + np.triu(values[0], 1).T + np.zeros(shape)
            distances[a.key, b.key] = values
    try:
        tables.tests_table(plan, asked.comparisons, distances)
    except InputError:  # the run will say so
        return


def _same_inputs(plan: Study) -> SameInputs:
    sources = {network.name: plan.source_of(network) or network.representations for network in plan.network}
    return {(a, b): sources[a] == sources[b] for a, b in itertools.product(sources, sources)}


def _import(module: str) -> None:
    try:
        importlib.import_module(module)
    except ImportError:  # whoever needs it says so
        return


def _status(name: str) -> int:
    """A line of what the system says about this process, in bytes; 0 where it says nothing."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) << 10 for line in lines if line.startswith(name)), 0)


def _resident() -> int:
    """Bytes that this process holds now."""
    return _status("VmRSS") or _PROCESS


def _amount(seconds: float) -> str:
    return f"{seconds:.1f}" if seconds < 10 else f"{seconds:.0f}"


def _span(seconds: float) -> str:
    """A time for a reader."""
    if seconds < 120:
        return f"{_amount(seconds)} s"
    minutes = math.ceil(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes / 60:.1f} h"
