"""What a worker does with a task: one numerical thread, a limit of memory, and an outcome instead of an exception."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar, Literal, Protocol

from toposcope._errors import ArtefactError, InputError, StoreError, ToposcopeError, UnavailableError, one_line
from toposcope.store import Store

Kind = Literal["input", "artefact", "store", "error", "memory", "hung", "lost"]
"""Why a task failed. "input": what it was given, which a second try meets again. "artefact": one that it needs is
damaged or gone. "store": nothing can be kept. "error": any other exception. "lost": its worker died."""

Telling = Callable[[int, int | None], None]


class Work(Protocol):
    """A task: makes one artefact. It is sent to workers, so it holds keys, paths and seeds, never arrays."""

    uses_torch: ClassVar[bool]

    @property
    def key(self) -> str:
        """The artefact's key."""

    @property
    def title(self) -> str:
        """What a person calls it."""

    def perform(self, store: Store, progress: Telling | None = None) -> None:
        """Make the artefact."""


@dataclasses.dataclass(frozen=True)
class Limits:
    """What one worker may use. memory: bytes of data; timeout: seconds of one task. None: no limit."""

    memory: int | None = None
    timeout: float | None = None

    def __bool__(self) -> bool:
        return self.memory is not None or self.timeout is not None


@dataclasses.dataclass(frozen=True)
class Fault:
    """Why a task failed. Only text, because not every exception can be sent. key: of the artefact, if it is one."""

    kind: Kind
    message: str
    key: str = ""

    @property
    def worth_another_try(self) -> bool:
        """Whether elsewhere it might go well."""
        return self.kind in ("error", "memory", "hung", "lost")


@dataclasses.dataclass(frozen=True)
class Outcome:
    """How one task ended: its key, the seconds it took, the worker's name, and what went wrong, if anything."""

    key: str
    seconds: float
    where: str
    fault: Fault | None = None


class Pool(Protocol):
    """Performs tasks. workers: how many at once."""

    workers: int

    def outcomes(self, tasks: Sequence[Work], tell: Callable[[str, float], None]) -> Iterator[Outcome]:
        """One outcome for each task, as they end. tell: key of a task under way, and the share of it that is done.

        Raises TaskError when there is nobody left to work.
        """

    def outcomes_elsewhere(self, failed: Sequence[tuple[Work, Outcome]]) -> Iterator[Outcome]:
        """A second try of tasks that failed, each by another worker, or by one begun anew."""

    def close(self, at_once: bool = False) -> None:
        """Let the workers go. at_once: whatever they do."""


ALONE = threading.RLock()
"""Numerical threads, random states, limits and warnings belong to the process: threads of one take turns."""


def attempt(task: Work, store: Store, limits: Limits, progress: Telling | None = None) -> Outcome:
    """Perform one task; an error is an outcome, because the other tasks go on."""
    began = time.monotonic()
    fault = None
    with ALONE, one_thread(task.uses_torch), memory_limit(limits.memory):
        try:
            task.perform(store, progress)
        except MemoryError as error:
            fault = Fault("memory", _out_of_memory(error, limits))
        except ArtefactError as error:
            fault = Fault("artefact", one_line(error, None), error.key)
        except StoreError as error:
            fault = Fault("store", one_line(error, None))
        except InputError as error:
            fault = Fault("input", one_line(error, None))
        except ToposcopeError as error:
            fault = Fault("error", one_line(error, None))
        except Exception as error:
            said = f"{type(error).__name__}: {one_line(error, None)}"
            # torch says in words that an allocation failed.
            fault = (
                Fault("memory", _out_of_memory(error, limits))
                if isinstance(error, RuntimeError) and "can't allocate memory" in str(error)
                else Fault("error", said)
            )
    return Outcome(task.key, time.monotonic() - began, name_of_worker(), fault)


def attempt_missing(task: Work, store: Store, limits: Limits, progress: Telling | None = None) -> Outcome:
    """As `attempt`, but what is in the store is done: the worker that had the task before died after keeping it."""
    with contextlib.suppress(StoreError):
        if store.intact(task.key):
            return Outcome(task.key, 0.0, name_of_worker())
    return attempt(task, store, limits, progress)


def _out_of_memory(error: Exception, limits: Limits) -> str:
    under = "" if limits.memory is None else f" under a limit of {size_in_words(limits.memory)} per worker"
    return f"out of memory{under} ({one_line(error, None)}); raise the limit, take smaller draws, or use fewer workers"


def size_in_words(count: float) -> str:
    """Bytes for a reader: `1.5 GB`."""
    for unit, size in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= size:
            return f"{count / size:.3g} {unit}"
    return f"{count:.0f} bytes"


def size_of_words(text: str) -> int:
    """Bytes of a text such as `2GB`, `500 MB`, `1.5GiB` or `1000000`. Raises InputError."""
    units = {"": 1, "b": 1, "k": 1e3, "m": 1e6, "g": 1e9, "t": 1e12, "ki": 2**10, "mi": 2**20, "gi": 2**30, "ti": 2**40}
    plain = text.strip().lower().removesuffix("b")
    number = plain.rstrip("kmgti ")
    try:
        found = int(float(number) * units[plain[len(number) :].strip()])
    except (KeyError, ValueError, OverflowError):
        found = 0
    if found < 1:
        raise InputError(f"{text!r} is not an amount of memory; write one such as 2GB, 500MB or 1.5GiB")
    return found


def name_of_worker() -> str:
    """The Dask worker that this runs on, else the process."""
    distributed = sys.modules.get("distributed")
    if distributed is not None:
        with contextlib.suppress(ValueError):  # not a worker
            return str(distributed.get_worker().address)
    return f"process {os.getpid()}"


_LIMITED: tuple[int, Any] = (0, None)


@contextlib.contextmanager
def one_thread(torch_too: bool) -> Iterator[None]:
    """One numerical thread, so that sums are added in one order; what was set before comes back."""
    global _LIMITED
    torch = import_or_none("torch") if torch_too else None
    # A library that is loaded only later would come with all its threads.
    importlib.import_module("scipy.linalg")
    if _LIMITED[0] != len(sys.modules):
        from threadpoolctl import ThreadpoolController

        controller = ThreadpoolController()  # looking through everything loaded takes milliseconds
        _LIMITED = len(sys.modules), controller
    before = torch.get_num_threads() if torch is not None else None
    with _LIMITED[1].limit(limits=1):
        if torch is not None:
            torch.set_num_threads(1)
        try:
            yield
        finally:
            if torch is not None:
                torch.set_num_threads(before)


def import_or_none(package: str) -> Any:
    """A package, or None where it is not installed."""
    try:
        return importlib.import_module(package)
    except ImportError:
        return None


@contextlib.contextmanager
def memory_limit(size: int | None) -> Iterator[None]:
    """At most so many bytes of data in this process; memory-mapped files do not count. What was set comes back.

    Raises UnavailableError where the system has no such limit.
    """
    if size is None:
        yield
        return
    resource = _resource()
    before = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, before)


def check_limits(limits: Limits) -> Limits:
    """`limits`, if this system can keep them. Raises UnavailableError."""
    if limits.memory is not None:
        _resource()
    return limits


def _resource() -> Any:
    if not sys.platform.startswith("linux"):
        raise UnavailableError("a limit of memory per worker is kept on Linux only; leave it out here")
    return importlib.import_module("resource")
