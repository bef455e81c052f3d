"""Run a study: the only place with an executor, a cache and progress.

A run has three stages, each a set of independent tasks: extraction, homology, distances. A task whose artefact is in
the store is never performed again, so an interrupted run goes on where it was, and the artefacts decide the tables
byte for byte whatever happened on the way. Who performs tasks stands in `toposcope.pools`.
"""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

from toposcope import _check
from toposcope._errors import ArtefactError, InputError, StoreError, TaskError, ToposcopeError, one_line
from toposcope._io import sweep
from toposcope.mirror import store_at
from toposcope.store import Store

if TYPE_CHECKING:
    from toposcope.pools import Fault, Limits, Outcome, Pool, Work
    from toposcope.study.plan import Study
    from toposcope.study.results import Results

T = TypeVar("T")

_REPAIRS = 4
"""Times that a run is begun again because of damage: from the second on every artefact is read whole first."""
_SETTLING = 10.0
"""Seconds that a shared folder may take to show here what was written elsewhere."""


class Progress(Protocol):
    """What a run tells whoever watches. Every method may be called from one thread only."""

    def stage(self, name: str, tasks: int, kept: int) -> None:
        """A stage begins: so many tasks, of which `kept` were finished before."""

    def advance(self, name: str, done: float) -> None:
        """So many tasks of the stage are done, parts of tasks counted."""

    def say(self, line: str) -> None:
        """Something worth a line."""


class Silence:
    """Progress that says nothing."""

    def stage(self, name: str, tasks: int, kept: int) -> None:
        """Nothing."""

    def advance(self, name: str, done: float) -> None:
        """Nothing."""

    def say(self, line: str) -> None:
        """Nothing."""


def run(
    study: Study,
    out: str | os.PathLike[str] | None = None,
    workers: int = 1,
    executor: Executor | None = None,
    progress: Progress | None = None,
    thumbnails: bool = True,
    *,
    scheduler: str | None = None,
    memory: int | None = None,
    timeout: float | None = None,
    store: str | None = None,
) -> Results:
    """Run a study, or finish it: whatever an earlier run in the same folder completed is kept.

    out: folder of the run, default `runs/NAME-of-the-plan`. workers: processes of this machine; 1 works in this one.
    A script that asks for more keeps its call under `if __name__ == "__main__":`, as Python's process pools need.
    executor: a `concurrent.futures.Executor` instead, whose workers see the same folder, such as Dask's
    `client.get_executor()`; threads take turns, because numerical threads and random states belong to the process.
    scheduler: address of a Dask scheduler instead; "local" starts one with `workers` processes.
    thumbnails: keep small images of the inputs that the report shows, where inputs are images.
    store: an address of `fsspec`, such as s3://BUCKET/PATH, where the artefacts lie; the folder of the run is then this
    machine's own, and holds what was made or needed here.
    memory: bytes of data that a worker may hold (Linux). timeout: seconds that one task may take.
    Every task uses one numerical thread, and the tables are the same, byte for byte, for any workers, order and
    interruption.

    A task that fails (an error, out of memory, too long, its worker lost) is tried once more elsewhere, then named in
    `Results.failed`, and the rest goes on. Returns Results, which are also written to the folder: `tables/*.csv`,
    `results.json`, and the artefacts under `store/`. A run that is finished already is read, not made again. Several
    runs may work in one folder at once. An artefact that turns out to be damaged is made again, and said.

    Raises PlanError when the plan does not fit its inputs, before any homology, or its clouds and files do not fit the
    memory or the disk, before any work; TaskError when no network could be extracted or no worker is left;
    UnavailableError when no scheduler answers or a limit cannot be kept; StoreError when the folder cannot be written
    or its disk is full, with every finished task kept; KeyboardInterrupt likewise.
    """
    from toposcope.estimate import check_plan
    from toposcope.pools import Limits
    from toposcope.study.plan import checked
    from toposcope.study.stages import conduct, prepare

    plan = checked(study)
    _check.integer(workers, "workers", at_least=1)
    if executor is not None and scheduler is not None:
        raise InputError("pass either executor or scheduler, not both")
    if memory is not None:
        _check.integer(memory, "memory", at_least=1)
    if timeout is not None and not timeout > 0:
        raise InputError(f"timeout={timeout} is not a number of seconds above 0")
    folder = Path(out) if out is not None else Path("runs") / plan.folder
    kept = store_at(folder / "store", store)
    watching = progress or Silence()
    kept.check_format()
    prepared = prepare(plan)
    finished = _finished(folder, kept, prepared.stamp(thumbnails))
    if finished is not None:
        watching.say(f"nothing to do: all {len(finished.artefacts)} artefacts of this plan are there")
        return finished
    check_plan(prepared.plan, workers, folder, memory, elsewhere=executor is not None or scheduler is not None)
    limits = Limits(memory, timeout)
    with kept.session(), open_pool(workers, kept, limits, executor, scheduler, watching) as pool:
        driver = Driver(kept, pool, watching)
        results = driver.repairing(lambda: conduct(prepared, folder, driver, thumbnails))
    for place in (folder, folder / "tables"):
        sweep(place)
    results.write()
    return results


def _finished(folder: Path, store: Store, stamp: str | None) -> Results | None:
    """The results of an earlier run of the same plan on the same content, if everything of it is still there.

    Only the end of every artefact is looked at, and whether it was written to since. What a failing disk changes in the
    middle is found by whoever reads it, and by `toposcope store --check`.
    """
    from toposcope.study.results import Results

    if stamp is None or not (folder / "results.json").is_file():
        return None
    try:
        before = Results.read(folder)
    except ToposcopeError:
        return None
    if before.stamp != stamp or before.failed or not before.artefacts:
        return None
    written = (folder / "results.json").stat().st_mtime_ns
    tables = [folder / "tables" / f"{name}.csv" for name in before.tables]
    try:
        touched = any(path.stat().st_mtime_ns >= written for path in tables)
        touched = touched or store.touched(before.artefacts, written)
    except OSError:
        return None
    if touched or not all(map(store.intact, before.artefacts)):
        return None
    return dataclasses.replace(before, kept=True, provenance={**before.provenance, "tasks_performed": 0})


@dataclasses.dataclass
class Driver:
    """Performs tasks whose artefacts are not in the store, and remembers which failed.

    failed: (title, message) of every failure. damaged: keys of damaged artefacts that were found. performed: tasks that
    ran. used: keys of everything that was asked for. suspicious: a damaged artefact was found, so every one is read
    whole before it is relied on. seconds: what the tasks took, by stage.
    """

    store: Store
    pool: Pool
    progress: Progress
    failed: list[tuple[str, str]] = dataclasses.field(default_factory=list)
    damaged: set[str] = dataclasses.field(default_factory=set)
    performed: int = 0
    used: set[str] = dataclasses.field(default_factory=set)
    suspicious: bool = False
    seconds: dict[str, float] = dataclasses.field(default_factory=dict)

    @property
    def workers(self) -> int:
        """How many work at once."""
        return self.pool.workers

    def repairing(self, job: Callable[[], T]) -> T:
        """What `job` returns; it is begun again when it comes upon an artefact that is damaged or gone.

        What is finished is not performed again. Raises StoreError when new damage is found time after time.
        """
        for _ in range(_REPAIRS):
            try:
                return job()
            except ArtefactError as error:
                self.say(f"repair  {error}; it is made again")
                self.damaged.add(error.key)
                self.suspicious = True
                self.failed.clear()
                self.used.clear()
                last = error
        raise StoreError(
            f"artefacts in {self.store.folder} are damaged or vanish time after time, last: {last}; see what else "
            "writes there, check the disk, or give another folder as --out"
        )

    def fail(self, title: str, error: Exception | str) -> None:
        """Note a failure, and say it."""
        message = one_line(error, None)
        self.failed.append((title, message))
        self.progress.say(f"failed  {title}: {message}")

    def discard(self, key: str, lost: Iterable[str]) -> None:
        """Forget an artefact that is of no use without others that are lost."""
        self.store.discard(key)
        self.damaged.update(lost)

    def say(self, line: str) -> None:
        """Pass a line on."""
        self.progress.say(line)

    def perform(self, stage: str, tasks: Sequence[Work]) -> set[str]:
        """Perform what is missing. Returns the keys that are now in the store."""
        unique = {task.key: task for task in tasks}
        present = set()
        missing: list[Work] = []
        self.used.update(unique)
        for key, task in unique.items():
            there = key in self.store
            if there and self.store.intact(key, whole=self.suspicious):
                present.add(key)
            else:
                if there:
                    self.damaged.add(key)
                missing.append(task)
        self.progress.stage(stage, len(unique), len(present))
        self.performed += len(missing)
        return present | self._outcomes(stage, missing) if missing else present

    def _outcomes(self, stage: str, missing: Sequence[Work]) -> set[str]:
        """Every task once, and what failed a second time elsewhere. Returns the keys of those that went well."""
        by_key = {task.key: task for task in missing}
        shares: dict[str, float] = {}
        done = 0
        made: set[str] = set()

        def tell(key: str, share: float) -> None:
            shares[key] = share
            self.progress.advance(stage, done + sum(shares.values()))

        again: list[tuple[Work, Outcome]] = []
        damaged: Fault | None = None
        for outcome in self.pool.outcomes(missing, tell):
            shares.pop(outcome.key, None)
            fault = outcome.fault
            if fault is not None and fault.worth_another_try:
                again.append((by_key[outcome.key], outcome))
                continue
            done += 1
            self.progress.advance(stage, done + sum(shares.values()))
            if fault is None:
                self._arrived(stage, outcome)
                made.add(outcome.key)
            elif fault.kind == "store":
                raise StoreError(f"{fault.message}. What is finished is kept: run the same again to go on")
            elif fault.kind == "artefact":
                damaged = fault
            else:
                self.fail(by_key[outcome.key].title, fault.message)
        if damaged is not None:
            raise ArtefactError(damaged.message, damaged.key)
        before = {outcome.key: outcome.fault for _task, outcome in again}
        for outcome in self.pool.outcomes_elsewhere(again) if again else ():
            done += 1
            self.progress.advance(stage, done)
            if outcome.fault is None:
                self._arrived(stage, outcome)
                made.add(outcome.key)
            else:
                self.fail(by_key[outcome.key].title, _twice(before[outcome.key], outcome.fault))
        return made

    def _arrived(self, stage: str, outcome: Outcome) -> None:
        """Note what a task took; on a shared folder its artefact may need a moment until it shows."""
        self.seconds[stage] = self.seconds.get(stage, 0.0) + outcome.seconds
        until = time.monotonic() + _SETTLING
        while not self.store.arrived(outcome.key):
            if time.monotonic() > until:
                raise TaskError(
                    f"{outcome.where} finished a task, but {self.store.path(outcome.key)} is not there; give --out a "
                    "folder that every worker sees under the same name"
                )
            time.sleep(0.05)


def _twice(first: Fault | None, second: Fault) -> str:
    """What a failure says after its second try."""
    if first is None or first.message == second.message:
        return f"{second.message} (tried twice)"
    return f"{second.message} (before that: {first.message})"


@contextmanager
def open_pool(
    workers: int,
    store: Store,
    limits: Limits | None = None,
    executor: Executor | None = None,
    scheduler: str | None = None,
    progress: Progress | None = None,
) -> Iterator[Pool]:
    """Whoever performs the tasks: a Dask cluster, an executor, processes of this machine, or this process."""
    from toposcope.pools import Here, Lent, Limits, Processes

    limits = limits or Limits()
    with ExitStack() as stack:
        pool: Pool
        client = None
        if executor is not None or scheduler is not None:
            from toposcope.pools.cluster import Cluster, client_of, connected, unprotected

            if scheduler is not None:
                client = stack.enter_context(connected(scheduler, workers))
                if progress is not None and unprotected(scheduler):
                    progress.say(
                        f"warning  {scheduler} is not encrypted, and whoever reaches it can run code there; use tls://"
                    )
            elif executor is not None:
                client = client_of(executor)
        if client is not None:
            pool = cluster = Cluster(client, store, limits)
            if progress is not None and cluster.advice:
                progress.say(f"warning  {cluster.advice}")
        elif executor is not None:
            pool = Lent(executor, workers, store, limits)
        elif workers > 1 or limits:
            pool = Processes(workers, store, limits)
        else:
            pool = Here(store)
        try:
            yield pool
        except BaseException:
            pool.close(at_once=True)
            raise
        pool.close()
