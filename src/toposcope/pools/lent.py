"""Somebody else's executor: batches of tasks, few of them in flight, and nothing assumed but futures."""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import os
import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, Executor
from typing import Any

from toposcope._errors import TaskError, one_line
from toposcope.pools.work import ALONE, Fault, Limits, Outcome, Work, attempt_missing, check_limits, name_of_worker
from toposcope.store import Store, leave
from toposcope.study.tasks import engine_versions

_BATCH_SECONDS = 0.5
"""How long a batch is to take: long beside the way there and back, short enough to stop soon."""
_BATCHES_PER_SECOND = 100.0
"""The most batches that all workers together are to end in a second: Dask's scheduler and the driver take some 2 ms for
each (benchmarks/driver.md), so many workers get longer ones."""
_MOST = 256
"""The most tasks in a batch."""
_IN_FLIGHT = 3
"""Batches handed over per worker: enough to keep it busy, few enough that nobody holds the whole study."""
_LOOK_EVERY = 5.0
"""Seconds without a result after which the executor is asked whether anybody is there."""
_LAST_WORDS = 2.0
"""Seconds that a worker with a hanging task has to say so, before it ends itself."""
_DRIVERS = 0
"""Pools that this process drives: it must not end itself."""


class Lent:
    """A pool over a `concurrent.futures.Executor`, which is not closed afterwards. workers: how many it has."""

    def __init__(self, executor: Executor, workers: int, store: Store, limits: Limits = Limits()) -> None:  # noqa: B008
        self.workers = workers
        self._executor = executor
        self._store = dataclasses.replace(store, folder=store.folder.absolute())
        self._limits = check_limits(limits)
        self._seconds = 0.0
        self._futures: dict[Any, Sequence[Work]] = {}
        self._orders = Orders(self._store, self._limits, os.getcwd(), engine_versions())
        global _DRIVERS
        _DRIVERS += 1

    def outcomes(self, tasks: Sequence[Work], tell: Callable[[str, float], None]) -> Iterator[Outcome]:
        """As `Pool.outcomes`. A batch that was lost with its worker is taken apart, and its tasks go alone.

        One that is lost again may only have waited behind the one that ends workers: at last it has them for itself.
        """
        waiting = collections.deque(tasks)
        alone: collections.deque[Work] = collections.deque()
        suspects: list[Work] = []
        done: queue.SimpleQueue[Any] = queue.SimpleQueue()
        while waiting or alone or self._futures:
            while (waiting or alone) and len(self._futures) < _IN_FLIGHT * self.workers:
                mine = [waiting.popleft() for _ in range(self._fair(waiting))] if waiting else [alone.popleft()]
                self._hand_over(mine, done)
            batch, found = self._next(done)
            if not isinstance(found, str):
                yield from found
            elif len(batch) > 1:
                alone.extend(batch)
            else:
                suspects += batch
        for suspect in suspects:
            yield from self._by_itself(suspect)

    def outcomes_elsewhere(self, failed: Sequence[tuple[Work, Outcome]]) -> Iterator[Outcome]:
        """One at a time, by another worker where the executor can choose."""
        for task, outcome in failed:
            yield from self._by_itself(task, outcome.where)

    def _by_itself(self, task: Work, but_not: str = "") -> list[Outcome]:
        """The outcome of a task with nothing else in flight."""
        done: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._hand_over([task], done, but_not)
        _batch, found = self._next(done)
        return [Outcome(task.key, 0.0, "", Fault("lost", found))] if isinstance(found, str) else found

    def close(self, at_once: bool = False) -> None:
        """Take back what has not begun."""
        for future in self._futures:
            future.cancel()
        self._futures.clear()
        global _DRIVERS
        _DRIVERS -= 1

    def submit(self, batch: Sequence[Work], but_not: str) -> Any:
        """A future of the outcomes of a batch. but_not: a worker that should not have it, or ""."""
        return self._executor.submit(perform_batch, batch, self._orders)

    def check(self) -> None:
        """Whether there still are workers; more of them are welcome. Raises TaskError."""

    def _fair(self, waiting: Sequence[Work]) -> int:
        """How many tasks make a batch: of so many seconds, and at the end small ones, so that nobody waits long."""
        if not self._seconds:
            return 1
        share = -(-len(waiting) // (2 * self.workers))
        return max(1, min(share, _MOST, int(batch_seconds(self.workers) / self._seconds)))

    def _hand_over(self, batch: Sequence[Work], done: queue.SimpleQueue[Any], but_not: str = "") -> None:
        try:
            future = self.submit(batch, but_not)
        except RuntimeError as error:  # a broken or closed pool
            self.check()
            raise TaskError(f"the executor takes no more tasks: {error}; everything finished is kept") from error
        self._futures[future] = batch
        future.add_done_callback(done.put)

    def _next(self, done: queue.SimpleQueue[Any]) -> tuple[Sequence[Work], list[Outcome] | str]:
        """The next batch to end, with its outcomes, or how it was lost."""
        while True:
            try:
                future = done.get(timeout=_LOOK_EVERY)
            except queue.Empty:
                self.check()
                continue
            batch = self._futures.pop(future, None)
            if batch is None:
                continue
            try:
                found: list[Outcome] = future.result()
            except HungError as error:
                found = error.outcomes
            except (Exception, CancelledError) as error:
                self.check()
                said = one_line(error, None) if str(error) else "no reason was given"
                return batch, f"its worker was lost: {type(error).__name__}: {said}"
            for outcome in found:
                self._seconds = 0.9 * self._seconds + 0.1 * outcome.seconds if self._seconds else outcome.seconds
            return batch, found


def batch_seconds(workers: int) -> float:
    """How long a batch is to take where there are so many workers."""
    return max(_BATCH_SECONDS, workers / _BATCHES_PER_SECOND)


class HungError(Exception):
    """A task hung, and its worker is about to end. outcomes: of its batch.

    Raised and not returned, because a scheduler keeps exceptions itself, and results with the worker that goes.
    """

    def __init__(self, outcomes: list[Outcome]) -> None:
        super().__init__(outcomes)
        self.outcomes = outcomes


@dataclasses.dataclass(frozen=True)
class Orders:
    """What a worker has to know beside its tasks: where artefacts are, its limits, and the driver's surroundings."""

    store: Store
    limits: Limits
    folder: str
    versions: dict[str, str]

    def refusal(self) -> str | None:
        """Why this process cannot work to these orders; None where it can."""
        here = engine_versions()
        if here != self.versions:
            differ = sorted(
                name for name in here.keys() | self.versions.keys() if here.get(name) != self.versions.get(name)
            )
            told = ", ".join(
                f"{name} {here.get(name, 'missing')} for {self.versions.get(name, 'none')}" for name in differ
            )
            return f"{name_of_worker()} has {told}: its bits would not be those of this run; install the same versions"
        if not os.path.isdir(self.folder):
            return f"{name_of_worker()} has no folder {self.folder}; run in a folder that every worker sees"
        if self.limits.timeout is not None and _DRIVERS:
            return "a timeout needs workers that are processes of their own, not threads of the one that drives"
        return None


def perform_batch(batch: Sequence[Work], orders: Orders) -> list[Outcome]:
    """Perform tasks one after the other, in a worker. Raises HungError when one hangs: that ends batch and worker."""
    refusal = orders.refusal()
    if refusal is not None:
        return [Outcome(task.key, 0.0, name_of_worker(), Fault("input", refusal)) for task in batch]
    outcomes = []
    with orders.store.attended():
        for number, task in enumerate(batch):
            outcome = _in_time(task, orders)
            outcomes.append(outcome)
            if outcome.fault is not None and outcome.fault.kind == "hung":
                orders.store.attend()  # the task's thread may write until the process ends
                rest = Fault("lost", f"its worker ended with {task.title}, which hung")
                outcomes += [Outcome(other.key, 0.0, outcome.where, rest) for other in batch[number + 1 :]]
                raise HungError(outcomes)
    return outcomes


def _perform(task: Work, orders: Orders) -> Outcome:
    """In the driver's folder, because paths of a plan are relative to it."""
    if os.getcwd() == orders.folder:
        return attempt_missing(task, orders.store, orders.limits)
    with ALONE, contextlib.chdir(orders.folder):
        return attempt_missing(task, orders.store, orders.limits)


def _in_time(task: Work, orders: Orders) -> Outcome:
    """Perform a task in a thread that is waited for only so long. A thread cannot be ended, so its process is."""
    timeout = orders.limits.timeout
    if timeout is None:
        return _perform(task, orders)
    where = name_of_worker()
    found: list[Outcome] = []
    began = time.monotonic()
    thread = threading.Thread(target=lambda: found.append(_perform(task, orders)), daemon=True)
    thread.start()
    thread.join(timeout)
    if found:
        return dataclasses.replace(found[0], where=where)
    last = threading.Timer(_LAST_WORDS, _leave)
    last.daemon = True
    last.start()
    fault = Fault("hung", f"did not end within the timeout of {timeout:g} s, and its worker was stopped")
    return Outcome(task.key, time.monotonic() - began, where, fault)


def _leave() -> None:
    leave()
    os._exit(1)
