"""Processes of this machine, each with a pipe of its own: whoever dies or hangs is known, and so is its task."""

from __future__ import annotations

import collections
import contextlib
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from multiprocessing import connection
from multiprocessing.reduction import ForkingPickler
from typing import Any

from toposcope._errors import TaskError
from toposcope.pools.work import Fault, Limits, Outcome, Work, attempt_missing, check_limits, memory_limit, one_thread
from toposcope.store import Store, leave

_AHEAD_SECONDS = 0.5
"""Work that a process is handed beforehand, so that it need not wait for the driver."""
_AHEAD_BYTES = 1 << 15
"""The most that may wait in a pipe: less than it holds, so that handing out never blocks."""
_TELL_EVERY = 0.2
"""Seconds between two words of a worker on how far its task is."""
_STILLBORN = 3
"""So many processes that were killed before they began are no accident."""
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")


class Processes:
    """A pool of processes. One that dies, or whose task hangs, is replaced, and only that task is lost.

    Raises UnavailableError where the system cannot keep the limits.
    """

    def __init__(self, workers: int, store: Store, limits: Limits = Limits()) -> None:  # noqa: B008 (frozen)
        self.workers = workers
        self._store = store
        self._limits = check_limits(limits)
        self._crew: list[_Worker] = []
        self._seconds = _Mean()
        self._stillborn = 0

    def outcomes(self, tasks: Sequence[Work], tell: Callable[[str, float], None]) -> Iterator[Outcome]:
        """As `Pool.outcomes`."""
        yield from self._work(tasks, tell, self.workers)

    def outcomes_elsewhere(self, failed: Sequence[tuple[Work, Outcome]]) -> Iterator[Outcome]:
        """In new processes; what ran out of memory or killed its worker, alone."""
        self.close()
        lonely = [task for task, outcome in failed if outcome.fault and outcome.fault.kind in ("memory", "lost")]
        others = [task for task, outcome in failed if outcome.fault and outcome.fault.kind not in ("memory", "lost")]
        yield from self._work(others, _ignore, self.workers)
        if lonely:
            self.close()
            yield from self._work(lonely, _ignore, 1)

    def _work(self, tasks: Sequence[Work], tell: Callable[[str, float], None], most: int) -> Iterator[Outcome]:
        waiting = collections.deque(tasks)
        while waiting or any(worker.held for worker in self._crew):
            while len(self._crew) < min(most, len(waiting)):
                self._crew.append(_Worker(self._store, self._limits))
            self._hand_out(waiting)
            for worker in self._ready():
                if worker.dead or worker.overdue(self._limits.timeout):
                    yield from self._bury(worker, waiting)
                else:
                    yield from self._listen(worker, tell)

    def _hand_out(self, waiting: collections.deque[Work]) -> None:
        """Give every process enough for a while, the idle first; the last tasks are shared evenly."""
        for worker in sorted(self._crew, key=lambda worker: len(worker.held)):
            fair = -(-len(waiting) // len(self._crew))
            ahead = int(min(fair, 64, _AHEAD_SECONDS / self._seconds.value)) if self._seconds.value else 1
            while waiting and len(worker.held) <= max(ahead, 1) and worker.give(waiting[0]):
                waiting.popleft()

    def _ready(self) -> list[_Worker]:
        """Processes that have something to say, have died, or are overdue; waits for one."""
        timeout = self._limits.timeout
        by_handle = {handle: worker for worker in self._crew for handle in worker.handles}
        until = [worker.began + timeout for worker in self._crew if worker.held and timeout is not None]
        left = None if not until else max(0.0, min(until) - time.monotonic())
        speaking = {id(by_handle[handle]) for handle in connection.wait(list(by_handle), left)}
        return [worker for worker in self._crew if id(worker) in speaking or worker.overdue(timeout)]

    def _listen(self, worker: _Worker, tell: Callable[[str, float], None]) -> Iterator[Outcome]:
        for said in worker.messages():
            self._stillborn = 0
            if isinstance(said, Outcome):
                self._seconds.add(said.seconds)
                yield said
            elif said is not None:
                tell(*said)

    def _bury(self, worker: _Worker, waiting: collections.deque[Work]) -> Iterator[Outcome]:
        """Name the task that it died or hung with, and give the others back."""
        hung = not worker.dead
        yield from self._listen(worker, _ignore)  # what it said before it died
        if hung and not worker.overdue(self._limits.timeout):
            return  # it ended at the last moment
        self._crew.remove(worker)
        code = worker.end()
        if not worker.begun:  # no task is to blame
            self._stillborn += 1
            waiting.extendleft(reversed(worker.held))
            if self._stillborn < _STILLBORN and not (code or 0) > 0:
                return
            raise TaskError(
                f"worker processes die before they begin ({_ending(code)}); run again with fewer workers, and in a "
                "script keep the call under if __name__ == '__main__'"
            )
        lost = list(worker.held)
        waiting.extendleft(reversed(lost[1:]))
        if lost:
            fault = (
                Fault("hung", f"did not end within the timeout of {self._limits.timeout:g} s, and was stopped")
                if hung
                else Fault("lost", f"its worker process died: {_ending(code)}")
            )
            yield Outcome(lost[0].key, time.monotonic() - worker.began, worker.name, fault)

    def close(self, at_once: bool = False) -> None:
        """Let the processes end."""
        for worker in self._crew:
            if not at_once and not worker.held:
                worker.dismiss()
        for worker in self._crew:
            worker.end(at_once=at_once or bool(worker.held))
        self._crew.clear()


class _Mean:
    """Mean seconds of the tasks of late: the older, the less they count."""

    def __init__(self) -> None:
        self.value = 0.0

    def add(self, seconds: float) -> None:
        self.value = max(seconds if not self.value else 0.9 * self.value + 0.1 * seconds, 1e-4)


class _Worker:
    """One process, as the driver sees it. held: tasks that it was given, the one under way first."""

    def __init__(self, store: Store, limits: Limits) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, store, limits.memory), name="toposcope worker")
        with _environment(dict.fromkeys(_ONE_THREAD, "1")):
            self._process.start()
        theirs.close()
        self.name = f"process {self._process.pid}"
        self.held: collections.deque[Work] = collections.deque()
        self._sizes: collections.deque[int] = collections.deque()
        self.began = time.monotonic()
        self.begun = False

    @property
    def handles(self) -> tuple[Any, int]:
        return self._pipe, self._process.sentinel

    @property
    def dead(self) -> bool:
        return not self._process.is_alive()

    def overdue(self, timeout: float | None) -> bool:
        """Whether its task has taken longer than it may; starting the process is not counted."""
        return timeout is not None and self.begun and bool(self.held) and time.monotonic() > self.began + timeout

    def give(self, task: Work) -> bool:
        """Hand over a task, unless its pipe is full enough; to an idle process always."""
        content = bytes(ForkingPickler.dumps(task))
        if self.held and sum(self._sizes) + len(content) > _AHEAD_BYTES:
            return False
        if not self.held:
            self.began = time.monotonic()
        self.held.append(task)
        self._sizes.append(len(content))
        with contextlib.suppress(OSError):  # it died; its sentinel says so
            self._pipe.send_bytes(content)
        return True

    def messages(self) -> Iterator[Outcome | tuple[str, float] | None]:
        """Everything that it has said. None: that it is there."""
        with contextlib.suppress(EOFError, OSError):
            while self._pipe.poll():
                said = self._pipe.recv()
                self.begun = True
                if said is None:
                    self.began = time.monotonic()
                if isinstance(said, Outcome):
                    self.held.popleft()
                    self._sizes.popleft()
                    self.began = time.monotonic()
                yield said

    def dismiss(self) -> None:
        """Tell it that there is nothing more to do."""
        with contextlib.suppress(OSError):
            self._pipe.send_bytes(b"")

    def end(self, at_once: bool = True) -> int | None:
        """Wait for it, or kill it. Returns its exit code."""
        if at_once:
            self._process.kill()
        self._process.join()
        self._pipe.close()
        code = self._process.exitcode
        self._process.close()
        return code


def _serve(pipe: Any, store: Store, memory: int | None) -> None:
    """Perform what comes until nothing does. It leaves at once when interrupted, or when the driver is gone."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_leave_with, args=(parent,), daemon=True).start()
    with memory_limit(memory):
        with one_thread(torch_too=False):
            pass  # what every task needs is loaded before the clock of the first one runs
        store.attend()
        pipe.send(None)
        while content := _next(pipe):
            task = ForkingPickler.loads(content)
            pipe.send(attempt_missing(task, store, Limits(memory), _teller(pipe, task.key)))


def _next(pipe: Any) -> bytes:
    try:
        return bytes(pipe.recv_bytes())
    except EOFError:
        return b""


def _teller(pipe: Any, key: str) -> Callable[[int, int | None], None]:
    told = time.monotonic()

    def tell(part: int, whole: int | None) -> None:
        nonlocal told
        if whole and time.monotonic() - told > _TELL_EVERY:
            told = time.monotonic()
            pipe.send((key, part / whole))

    return tell


def _leave_with(parent: Any) -> None:
    parent.join()
    leave()
    os._exit(1)


def _ending(code: int | None) -> str:
    if code is not None and code < 0:
        name = signal.Signals(-code).name
        return f"ended by {name}" + (", as the system does when memory runs out" if name == "SIGKILL" else "")
    return f"ended with exit code {code}"


@contextlib.contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    """Variables that processes started meanwhile inherit."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _ignore(key: str, share: float) -> None:
    """Say nothing."""
