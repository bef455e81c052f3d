"""Run a study: the only place with an executor, a cache and progress.

A run has three stages, each a set of independent tasks: extraction, homology, distances. A task whose artefact is in
the store is never performed again, so an interrupted run goes on where it was, and the artefacts decide the tables
byte for byte whatever happened on the way.
"""

from __future__ import annotations

import dataclasses
import importlib
import itertools
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from toposcope import _check
from toposcope._errors import ArtefactError, StoreError, TaskError, ToposcopeError
from toposcope._io import sweep
from toposcope.store import Store, leave

if TYPE_CHECKING:
    from toposcope.study.plan import Study
    from toposcope.study.results import Results
    from toposcope.study.tasks import Task

T = TypeVar("T")

_REPAIRS = 4
"""Times that a run is begun again because of damage: from the second on every artefact is read whole first."""
_IN_FLIGHT = 4
"""Tasks handed to an executor per worker: enough to keep it busy, few enough to stop quickly."""


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
) -> Results:
    """Run a study, or finish it: whatever an earlier run in the same folder completed is kept.

    out: folder of the run, default `runs/NAME-of-the-plan`. workers: processes of this machine; 1 works in this one.
    A script that asks for more keeps its call under `if __name__ == "__main__":`, as Python's process pools need.
    executor: a `concurrent.futures.Executor` instead, whose workers see the same folder; threads take turns, because
    numerical threads and random states belong to the process. thumbnails: keep small images of the inputs that the
    report shows, where inputs are images. Every task uses one numerical
    thread, and the tables are the same, byte for byte, for any workers, order and interruption.

    A task that fails is named in `Results.failed` and the rest goes on. Returns Results, which are also written to the
    folder: `tables/*.csv`, `results.json`, and the artefacts under `store/`.

    Several runs may work in one folder at once. An artefact that turns out to be damaged is made again, and said.

    Raises PlanError when the plan does not fit its inputs, before any homology; TaskError when no network could be
    extracted; StoreError when the folder cannot be written or its disk is full, with every finished task kept;
    KeyboardInterrupt likewise.
    """
    from toposcope.study.plan import checked
    from toposcope.study.stages import conduct

    plan = checked(study)
    _check.integer(workers, "workers", at_least=1)
    folder = Path(out) if out is not None else Path("runs") / plan.folder
    store = Store(folder / "store")
    with store.session(), open_executor(workers, executor) as pool:
        driver = Driver(store, pool, progress or Silence(), workers)
        results = driver.repairing(lambda: conduct(plan, folder, driver, thumbnails))
    for place in (folder, folder / "tables"):
        sweep(place)
    results.write()
    return results


@dataclasses.dataclass
class Driver:
    """Performs tasks whose artefacts are not in the store, and remembers which failed.

    failed: (title, message) of every failure. damaged: keys of damaged artefacts that were found. performed: tasks that
    ran.
    used: keys of everything that was asked for. suspicious: a damaged artefact was found, so every one is read whole
    before it is relied on.
    """

    store: Store
    pool: Executor | None
    progress: Progress
    workers: int
    failed: list[tuple[str, str]] = dataclasses.field(default_factory=list)
    damaged: set[str] = dataclasses.field(default_factory=set)
    performed: int = 0
    used: set[str] = dataclasses.field(default_factory=set)
    suspicious: bool = False

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

    def fail(self, title: str, error: Exception) -> None:
        """Note a failure, and say it."""
        message = " ".join(str(error).split()) or type(error).__name__
        self.failed.append((title, message))
        self.progress.say(f"failed  {title}: {message}")

    def discard(self, key: str, lost: Iterable[str]) -> None:
        """Forget an artefact that is of no use without others that are lost."""
        self.store.discard(key)
        self.damaged.update(lost)

    def say(self, line: str) -> None:
        """Pass a line on."""
        self.progress.say(line)

    def perform(self, stage: str, tasks: Sequence[Task]) -> set[str]:
        """Perform what is missing. Returns the keys that are now in the store."""
        unique = {task.key: task for task in tasks}
        present = set()
        missing: list[Task] = []
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
        finished = self._in_turn(stage, missing) if self.pool is None else self._in_pool(stage, missing, self.pool)
        damaged: ArtefactError | None = None
        for done, (task, error) in enumerate(finished, start=1):
            self.progress.advance(stage, done)
            if error is None:
                present.add(task.key)
            elif isinstance(error, StoreError):
                raise StoreError(f"{error}. What is finished is kept: run the same again to go on")
            elif isinstance(error, ArtefactError):
                damaged = error
            else:
                self.fail(task.title, error)
        if damaged is not None:
            raise damaged
        return present

    def _in_turn(self, stage: str, tasks: Sequence[Task]) -> Iterator[tuple[Task, Exception | None]]:
        for done, task in enumerate(tasks):
            with _one_thread(task.uses_torch):
                error = _outcome(task, self.store, self._within(stage, done))
            yield task, error

    def _within(self, stage: str, done: int) -> Callable[[int, int | None], None]:
        def advance(part: int, whole: int | None) -> None:
            if whole:
                self.progress.advance(stage, done + part / whole)

        return advance

    def _in_pool(self, stage: str, tasks: Sequence[Task], pool: Executor) -> Iterator[tuple[Task, Exception | None]]:
        waiting = iter(tasks)
        running: dict[Future[Exception | None], Task] = {}
        while True:
            for task in itertools.islice(waiting, _IN_FLIGHT * self.workers - len(running)):
                try:
                    running[pool.submit(_in_worker, task, self.store)] = task
                except BrokenProcessPool:  # a worker died since the last one was waited for
                    lost = [task, *running.values()]
                    running.clear()
                    yield from self._one_by_one(lost, pool)
            if not running:
                return
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                if future not in running:
                    continue
                task = running.pop(future)
                try:
                    yield task, future.result()
                except BrokenProcessPool:
                    lost = [task, *running.values()]
                    running.clear()
                    yield from self._one_by_one(lost, pool)

    def _one_by_one(self, tasks: Sequence[Task], pool: Executor) -> Iterator[tuple[Task, Exception | None]]:
        """Tasks that were in flight when a worker died: each alone, so that only the one that kills again fails."""
        deaths = survivors = 0
        for task in tasks:
            if isinstance(pool, _Processes):
                pool.renew_if_broken()
            try:
                yield task, pool.submit(_in_worker, task, self.store).result()
                survivors += 1
            except BrokenProcessPool:
                deaths += 1
                died = TaskError(
                    "its worker process died twice (out of memory, killed, or the network ended the program)"
                )
                if not isinstance(pool, _Processes) or (deaths > 2 and not survivors):
                    raise TaskError(
                        f"every worker process dies, last during {task.title}; run again with fewer workers, and in a "
                        "script keep the call under if __name__ == '__main__'"
                    ) from None
                yield task, died
        if isinstance(pool, _Processes):
            pool.renew_if_broken()


_ALONE = threading.Lock()
"""Numerical threads, random states and warnings belong to the process: threads of one take turns."""


def _in_worker(task: Task, store: Store) -> Exception | None:
    store.attend()
    with _ALONE, _one_thread(task.uses_torch):
        return _outcome(task, store, None)


def _outcome(task: Task, store: Store, progress: Callable[[int, int | None], None] | None) -> Exception | None:
    """Perform one task; an error is an outcome, because the other tasks go on."""
    try:
        task.perform(store, progress)
    except Exception as error:
        return error if isinstance(error, ToposcopeError) else TaskError(f"{type(error).__name__}: {error}")
    return None


@contextmanager
def _one_thread(torch_too: bool) -> Iterator[None]:
    """One numerical thread, so that sums are added in one order; what was set before comes back."""
    from threadpoolctl import threadpool_limits

    torch = import_torch() if torch_too else None
    before = torch.get_num_threads() if torch is not None else None
    with threadpool_limits(limits=1):
        if torch is not None:
            torch.set_num_threads(1)
        try:
            yield
        finally:
            if torch is not None:
                torch.set_num_threads(before)


def import_torch() -> Any:
    """torch, or None where it is not installed: it has a pool of threads of its own."""
    try:
        return importlib.import_module("torch")
    except ImportError:
        return None


@contextmanager
def open_executor(workers: int, executor: Executor | None = None) -> Iterator[Executor | None]:
    """The executor that was given, a pool of processes, or None to work in this process."""
    if executor is not None or workers == 1:
        yield executor
        return
    pool = _Processes(workers)
    try:
        yield pool
    except BaseException:
        pool.terminate()
        raise
    pool.shutdown()


class _Processes(Executor):
    """A pool of processes of this machine that can be begun anew when one of them has died."""

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._others = set(multiprocessing.active_children())
        self._pool = self._begin()

    def _begin(self) -> ProcessPoolExecutor:
        context = multiprocessing.get_context("spawn")
        return ProcessPoolExecutor(self._workers, mp_context=context, initializer=_start_worker)

    def submit(self, function: Callable[..., Any], /, *arguments: Any, **options: Any) -> Future[Any]:
        """As ProcessPoolExecutor does."""
        return self._pool.submit(function, *arguments, **options)

    def renew_if_broken(self) -> None:
        """Begin anew where a process has died; a pool that is whole stays."""
        try:
            self._pool.submit(os.getpid).result()
        except BrokenProcessPool:
            self._pool.shutdown()
            self._pool = self._begin()

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Let the processes end."""
        self._pool.shutdown(wait=wait, cancel_futures=cancel_futures)

    def terminate(self) -> None:
        """End them at once, whatever they do."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        for child in set(multiprocessing.active_children()) - self._others:
            child.terminate()


def _start_worker() -> None:
    """A worker leaves at once when it is interrupted, and when the process that started it is gone."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_leave_with, args=(parent,), daemon=True).start()


def _leave_with(parent: Any) -> None:
    parent.join()
    leave()
    os._exit(1)
