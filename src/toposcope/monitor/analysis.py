"""From checks to an ordinary run: diagrams, distances, signals and tables, one check at a time.

Every artefact lies in the run's store under the hash of what decides it, so that the work may end at any moment and be
taken up again by anyone. A check costs the same however many there were before; only the tables grow.
"""

from __future__ import annotations

import contextlib
import datetime
import itertools
import math
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from toposcope import _io
from toposcope._errors import TaskError
from toposcope.monitor import signals
from toposcope.monitor.alerts import alerts
from toposcope.monitor.changes import change_points
from toposcope.monitor.folder import TRAIN, VALIDATION, Check, RunFolder, network_of
from toposcope.pools import Here
from toposcope.run import Driver, Silence
from toposcope.store import Store
from toposcope.study import holes, tables
from toposcope.study.beside import Beside
from toposcope.study.plan import Network, Study
from toposcope.study.provenance import surroundings
from toposcope.study.recipes import training
from toposcope.study.results import Failure, Results
from toposcope.study.tables import Measured
from toposcope.study.tasks import Diagram, Distances, Extracted, Import, Side, read_diagram_of, read_layer
from toposcope.study.verdicts import Evidence, Planned, Quantity

if TYPE_CHECKING:
    import pandas as pd

PORTRAITS = 8
"""Checks whose first draw is drawn with the inputs behind its bars: the first, the last, and some between."""


class Analysis:
    """The computing half of a monitor, over one run folder.

    Raises FileError where the folder is not that of a monitor.
    """

    def __init__(self, folder: RunFolder) -> None:
        self.folder = folder
        settings = folder.settings()
        self._template: dict[str, Any] = settings["plan"]
        self._sources: dict[str, str | None] = settings["sources"]
        store = Store(folder.path / "store")
        self._driver = Driver(store, Here(store), Silence())
        self._started = time.time()
        self._checks: dict[int, Check] = {}
        self._networks: dict[tuple[int, str], Extracted] = {}
        self._keys: dict[str, tuple[str, ...]] = {}
        self._measured: dict[tuple[str, str], Measured] = {}
        self._rows: dict[int, list[dict[str, Any]]] = {}

    def pending(self) -> list[int]:
        """Steps of complete checks that are yet to be looked at, in order. Forgets checks that are gone."""
        there = self.folder.steps()
        for step in set(self._checks) - set(there):
            del self._checks[step]
            self._rows.pop(step, None)
            for probe in (TRAIN, VALIDATION):
                self._networks.pop((step, probe), None)
        return [step for step in there if step not in self._checks]

    def look(self, step: int) -> None:
        """Everything about one check; what fails is noted, and the rest goes on."""
        check = self.folder.read(step)
        rows: list[dict[str, Any]] = [
            _row(step, "", "", None, name, {"value": value, "low": math.nan, "high": math.nan, "draws": 0})
            for name, value in check.measured.items()
        ]
        for probe in check.layers:
            extracted = self._read(step, probe)
            if extracted is None:
                continue
            self._networks[step, probe] = extracted
            rows += self._of_probe(step, probe)
        if {TRAIN, VALIDATION} <= set(check.layers):
            rows += self._apart(step)
        self._checks[step] = check
        self._rows[step] = rows
        self.folder.finish(step, rows)

    def publish(self, final: bool = False) -> None:
        """Write the tables, signals and results of all checks so far. final: training is over."""
        if not self._networks:
            return
        results, table = self._results(final)
        _io.write_text(self.folder.path / "tables" / "signals.csv", table.to_csv(index=False, lineterminator="\n"))
        results.write()

    # --- one check ----------------------------------------------------------------------------------------------------

    def _plan(self, which: Iterable[tuple[int, str]]) -> Study:
        networks = [self._network(*key).model_dump(mode="python", exclude_defaults=True) for key in which]
        # A check measures what it has to, and nothing beside the distances.
        asked = {**self._template, "similarity": {"measures": []}, "network": networks}
        return Study.from_json(asked, f"{self.folder.path}/monitor.json")

    def _network(self, step: int, probe: str) -> Network:
        name = str(self._template["name"])
        return Network(
            name=network_of(step, probe),
            representations=str(self.folder.at(step) / probe),
            family=name if probe == TRAIN else f"{name}, {probe}",
            step=float(step),
            inputs=self._sources.get(probe) if probe != TRAIN else None,
        )

    def _read(self, step: int, probe: str) -> Extracted | None:
        task = Import.planned(self._network(step, probe))
        if task.key not in self._driver.perform("reading", [task]):
            return None
        extracted = Extracted.read(self._driver.store, task.key)
        if lost := [layer.key for layer in extracted.layers if not self._driver.store.intact(layer.key)]:
            self._driver.discard(task.key, lost)
            if task.key not in self._driver.perform("reading", [task]):
                return None
            extracted = Extracted.read(self._driver.store, task.key)
        _keep_once(extracted, [Path(path) for path, _digest in task.files], self._driver.store)
        return extracted

    def _of_probe(self, step: int, probe: str) -> list[dict[str, Any]]:
        """Signals of every layer of one probe."""
        plan = self._plan([(step, probe)])
        confidence, top = plan.test.confidence, plan.homology.max_degree
        rows = []
        for layer in self._networks[step, probe].layers:
            side = Side.of(plan, layer)
            found: dict[tuple[str, int | None], dict[str, Any]] = {}
            drawn = [
                signals.of_cloud(side.drawn(read_layer(self._driver.store, layer.key), draw, plan.seed).points)
                for draw in range(plan.cloud.draws)
            ]
            for name in drawn[0]:
                found[name, None] = signals.over_draws([one[name] for one in drawn], confidence)
            if self._diagrams(plan, side):
                described = [
                    signals.of_diagram(read_diagram_of(self._driver.store, key), top) for key in self._keys[side.key]
                ]
                for name, degree in described[0]:
                    values = [one[name, degree] for one in described]
                    found[name, degree] = signals.over_draws(values, confidence)
                found.update(self._distances(plan, step, probe, side))
            rows += [_row(step, probe, layer.layer, degree, name, value) for (name, degree), value in found.items()]
        return rows

    def _diagrams(self, plan: Study, side: Side) -> bool:
        tasks = [Diagram(side, draw, plan.seed, plan.homology) for draw in range(side.cloud.draws)]
        present = self._driver.perform("homology", tasks)
        whole = all(task.key in present for task in tasks)
        if whole:
            self._keys[side.key] = tuple(task.key for task in tasks)
        return whole

    def _distances(
        self, plan: Study, step: int, probe: str, side: Side
    ) -> dict[tuple[str, int | None], dict[str, Any]]:
        """`noise`, and how far the layer travelled since the first check and moved since the last one."""
        found: dict[tuple[str, int | None], dict[str, Any]] = {}
        pairs = tuple(itertools.combinations(range(side.cloud.draws), 2))
        for degree, row in enumerate(self._measure(plan, side, side, pairs)):
            # Pairs share draws, so there is no interval here.
            value = float(row.mean()) if len(row) else math.nan
            found["noise", degree] = {"value": value, "low": math.nan, "high": math.nan, "draws": side.cloud.draws}
        earlier = sorted(other for other, its in self._networks if its == probe and other < step)
        for name, other in (("travelled", earlier[:1]), ("moved", earlier[-1:])):
            before = self._side(plan, other[0], probe, side.layer.layer) if other else None
            if before is None or before.key not in self._keys:
                continue
            draws = tuple(itertools.product(range(side.cloud.draws), range(side.cloud.draws)))
            values = self._measure(plan, before, side, draws)
            same = [k for k, (i, j) in enumerate(draws) if i == j]
            for degree, row in enumerate(values):
                found[name, degree] = signals.over_draws(row[same], plan.test.confidence)
        return found

    def _apart(self, step: int) -> list[dict[str, Any]]:
        """`divergence` of every layer."""
        if not {(step, TRAIN), (step, VALIDATION)} <= set(self._networks):
            return []
        plan = self._plan([(step, TRAIN)])
        rows = []
        for layer in self._networks[step, TRAIN].layers:
            a = Side.of(plan, layer)
            b = self._side(plan, step, VALIDATION, layer.layer)
            if b is None or not {a.key, b.key} <= set(self._keys):
                continue
            self._measure(plan, a, b, tuple(itertools.product(range(a.cloud.draws), range(b.cloud.draws))))
            found = tables.matrices([self._measured[pair] for pair in ((a.key, a.key), (b.key, b.key), (a.key, b.key))])
            for degree in range(plan.homology.max_degree + 1):
                within_a, within_b, between = (
                    found[pair][degree] for pair in ((a.key, a.key), (b.key, b.key), (a.key, b.key))
                )
                value = signals.divergence(within_a, within_b, between, plan.test.confidence)
                rows.append(_row(step, "", layer.layer, degree, "divergence", value))
        return rows

    def _measure(self, plan: Study, a: Side, b: Side, draws: tuple[tuple[int, int], ...]) -> Any:
        """(degrees, pairs) distances between the draws of two sides."""
        title = f"distances of {a.title} and {b.title}"
        task = Distances(title, self._keys[a.key], self._keys[b.key], draws, plan.homology.max_degree, plan.distance)
        if task.key not in self._driver.perform("distances", [task]):
            raise TaskError(f"{title} could not be measured")
        values = task.read(self._driver.store)
        self._measured[a.key, b.key] = Measured(a, b, task, values)
        return values

    def _side(self, plan: Study, step: int, probe: str, layer: str) -> Side | None:
        network = self._networks.get((step, probe))
        found = [one for one in network.layers if one.layer == layer] if network else []
        return Side.of(plan, found[0]) if found else None

    # --- all checks ---------------------------------------------------------------------------------------------------

    def _results(self, final: bool) -> tuple[Results, pd.DataFrame]:
        """The run as it stands, and the table of signals."""
        order = sorted(self._networks, key=lambda key: (key[1] != TRAIN, key[0]))
        plan = self._plan(order)
        networks = [self._networks[key] for key in order]
        probe_of = {network_of(step, probe): probe for step, probe in order}
        same = {(a, b): probe_of[a] == probe_of[b] for a, b in itertools.product(probe_of, repeat=2)}
        sides = [Side.of(plan, layer) for network in networks for layer in network.layers]
        living = {side.key for side in sides}
        measured = [one for pair, one in self._measured.items() if set(pair) <= living]
        distances = tables.matrices(measured)
        tested, untested = tables.tests_table(plan, self._planned(plan, distances), distances)
        diagrams = {
            side.key: [read_diagram_of(self._driver.store, key) for key in self._keys[side.key]]
            for side in sides
            if side.key in self._keys
        }
        evidence = Evidence(plan, networks, diagrams, distances, tested, same, self._driver.store)
        verdicts = []
        for name, members in training.trainings(plan).items():
            if len(members) > 1:
                verdicts.append(training.onset(evidence, name, members))
            if len(members) > 2:
                verdicts.append(training.settled(evidence, name, members))
        rows = self._all_rows()
        quantities = [_quantity(row) for row in rows if row["signal"] not in _IN_TABLES]
        made = tables.all_tables(evidence, sides, measured, verdicts, quantities, [])
        made |= Beside().tables(plan.test.confidence)
        checks = [self._checks[step] for step in sorted(self._checks)]
        warned = alerts(signals.series(rows), checks)
        self.folder.write_alerts(warned)
        seen = self._portraits(plan, order, final)
        used = self._driver.used | {layer.key for network in networks for layer in network.layers}
        results = Results(
            plan=plan,
            tables=made,
            findings=tuple(verdict.sentence for verdict in verdicts),
            warnings=(*warned, *self._warnings(checks, untested, final)),
            failed=tuple(
                Failure(title, message)
                for title, message in [
                    *self._driver.failed,
                    *((f"check at step {check.step}", check.failed) for check in checks if check.failed),
                ]
            ),
            provenance=self._provenance(plan),
            keys={
                network.network: {
                    layer.layer: self._keys[key]
                    for layer in network.layers
                    if (key := Side.of(plan, layer).key) in self._keys
                }
                for network in networks
            },
            artefacts=tuple(sorted(used)),
            folder=self.folder.path,
            seen=seen,
        )
        return results, _table(rows)

    def _planned(self, plan: Study, distances: Mapping[tuple[str, str], Any]) -> list[Planned]:
        """Every check against the first, the last two against each other, and at the last the two probes."""
        planned = []
        for probe in (TRAIN, VALIDATION):
            steps = sorted(step for step, its in self._networks if its == probe)
            if not steps:
                continue
            family = self._network(steps[0], probe).family
            name = f"{family}, seed {self._network(steps[0], probe).seed}"
            pairs = [(training.START, steps[0], later) for later in steps[1:]]
            pairs += [(training.END, steps[-2], steps[-1])] if len(steps) > 2 else []
            for claim, early, late in pairs:
                for layer in self._networks[early, probe].layers:
                    a, b = (self._side(plan, step, probe, layer.layer) for step in (early, late))
                    if a is not None and b is not None and (a.key, b.key) in distances:
                        planned.append(Planned(f"{claim} {name}", a, b, paired=True))
        both = sorted(step for step, probe in self._networks if probe == VALIDATION and (step, TRAIN) in self._networks)
        for layer in self._networks[both[-1], TRAIN].layers if both else ():
            a, b = (self._side(plan, both[-1], probe, layer.layer) for probe in (TRAIN, VALIDATION))
            if a is not None and b is not None and (a.key, b.key) in distances:
                claim = f"training and validation inputs at step {both[-1]}"
                planned.append(Planned(claim, a, b, paired=False))
        return planned

    def _all_rows(self) -> list[dict[str, Any]]:
        """Every check's signals, and those that only the whole series tells."""
        rows = [row for step in sorted(self._rows) for row in self._rows[step]]
        of = signals.series(rows)
        rows += signals.retained(of)
        for (_probe, _layer, signal, degree), members in of.items():
            if (signal, degree) not in signals.CHANGING:
                continue
            finite = [row for row in members if math.isfinite(row["value"])]
            steps = np.array([row["step"] for row in finite], dtype=np.float64)
            for index, size in change_points(np.array([row["value"] for row in finite]), steps):
                change = {"signal": f"change_point of {signal}", "value": size, "low": math.nan, "high": math.nan}
                rows.append({**finite[index], **change})
        return rows

    def _portraits(self, plan: Study, order: Sequence[tuple[int, str]], final: bool) -> holes.Seen:
        """Of the first and the last check, and at the end of some between."""
        chosen: list[Extracted] = []
        for probe in (TRAIN, VALIDATION):
            steps = [step for step, its in order if its == probe]
            count = min(PORTRAITS if final else 2, len(steps))
            places = {round(k * (len(steps) - 1) / max(1, count - 1)) for k in range(count)}
            chosen += [self._networks[steps[place], probe] for place in sorted(places)]
        return holes.look(plan, chosen, self._keys, self._driver, thumbnails=plan.inputs.source is not None)

    def _warnings(self, checks: Sequence[Check], untested: Sequence[str], final: bool) -> list[str]:
        ledger = self.folder.ledger()
        skipped = ledger["skipped"]
        lines = [] if final else ["training was going on when this was written: everything here is provisional"]
        if skipped:
            reasons: dict[str, int] = {}
            for _step, kind, _reason in skipped:
                reasons[kind] = reasons.get(kind, 0) + 1
            told = "; ".join(f"{count} {kind}" for kind, count in reasons.items())
            lines.append(f"{len(skipped)} of {len(skipped) + len(checks)} checks that were due were skipped ({told})")
        said = dict.fromkeys(line for check in checks for line in check.said)
        lines += [f"during training: {line}" for line in list(said)[:20]]
        lines += untested
        if self._driver.damaged:
            lines.append(f"{len(self._driver.damaged)} damaged artefact(s) were found in the store and computed again")
        return lines

    def _provenance(self, plan: Study) -> dict[str, Any]:
        ledger = self.folder.ledger()
        return {
            **surroundings(),
            "plan": plan.digest,
            "seed": plan.seed,
            "started": datetime.datetime.fromtimestamp(self._started, datetime.UTC).isoformat(timespec="seconds"),
            "seconds": round(time.time() - self._started, 1),
            "seconds_training": round(ledger["trained"], 3),
            "seconds_blocked": round(ledger["spent"], 3),
            "tasks_performed": self._driver.performed,
            "workers": 1,
            "folder": str(self.folder.path),
        }


_IN_TABLES = {
    *("bars", "essential", "total_persistence", "maximal_persistence", "mean_birth", "mean_death", "entropy"),
    *("scale", "noise"),
}
"""Signals that the tables of a run have already."""


def _row(
    step: int, probe: str, layer: str, degree: int | None, signal: str, value: Mapping[str, Any]
) -> dict[str, Any]:
    return {"step": step, "probe": probe, "layer": layer, "degree": degree, "signal": signal, **value}


def _quantity(row: Mapping[str, Any]) -> Quantity:
    network = network_of(row["step"], row["probe"] or TRAIN)
    return Quantity(
        row["signal"],
        row["value"],
        row["low"],
        row["high"],
        network_a=network,
        layer_a=row["layer"],
        degree=row["degree"],
        at=float(row["step"]),
    )


def _table(rows: list[dict[str, Any]]) -> pd.DataFrame:
    import pandas as pd

    table = pd.DataFrame(rows, columns=signals.COLUMNS).sort_values("step", kind="stable", ignore_index=True)
    return table.astype({"degree": "Int64", "draws": "Int64"})


def _keep_once(extracted: Extracted, files: Sequence[Path], store: Store) -> None:
    """Where a file and its artefact are the same bytes, let them be the same file."""
    kept = {layer.layer: store.path(layer.key) for layer in extracted.layers}
    for file in files:
        for artefact in kept.values():
            if file.stat().st_size != artefact.stat().st_size or file.samefile(artefact):
                continue
            if file.read_bytes() == artefact.read_bytes():
                with contextlib.suppress(OSError):  # a file system without links keeps two
                    spare = file.with_name(f"{file.name}.{os.getpid()}{_io.TEMPORARY_SUFFIX}")
                    os.link(artefact, spare)
                    os.replace(spare, file)
