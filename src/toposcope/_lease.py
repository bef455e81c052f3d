"""Who is writing, and whether they still live: told without a clock.

A process is named by the machine it runs on, its id there, and the tick after that machine's start at which it began.
On its own machine the name alone says whether it lives, whatever happened to ids or clocks since. Other machines of a
shared folder see a lease there, in which the holder counts: whoever watches it for a while on their own stopwatch, and
sees it stand still, knows.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import hashlib
import json
import os
import re
import socket
import threading
import time
from collections.abc import Collection, Iterator
from pathlib import Path

HEARTBEAT = 2.0
"""Seconds between two counts of a lease."""
PATIENCE = 20.0
"""Seconds for which a lease of another machine must stand still before its holder counts as dead."""
_ENDING = ".lease"
_NAME = re.compile(r"([0-9a-f]{12})-(\d{1,10})-(\d{1,20})\.")


@dataclasses.dataclass(frozen=True)
class Process:
    """A process, as others can name it.

    machine: 12 hex digits, of the host's name, its present start and the name space of its process ids. number: the
    process id. began: clock ticks between the machine's start and the process's, 0 where the system does not say.
    """

    machine: str
    number: int
    began: int

    def __str__(self) -> str:
        return f"{self.machine}-{self.number}-{self.began}"

    @classmethod
    def named(cls, text: str) -> Process | None:
        """The process whose name a file's name begins with, if it begins with one."""
        found = _NAME.match(text)
        return None if found is None else cls(found[1], int(found[2]), int(found[3]))

    @property
    def is_alive(self) -> bool | None:
        """Whether it lives; None where it is of another machine."""
        if self.machine != _machine():
            return None
        try:
            began = _began(self.number)
        except ProcessLookupError:
            return False
        return began == self.began or 0 in (began, self.began)


def this_process() -> Process:
    """The process that asks."""
    return _process(os.getpid())


@functools.lru_cache(maxsize=1)
def _process(number: int) -> Process:
    return Process(_machine(), number, _began(number))


@functools.cache
def _machine() -> str:
    parts = [socket.gethostname()]
    with contextlib.suppress(OSError):
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text().strip())
        parts.append(os.readlink("/proc/self/ns/pid"))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]


def _began(number: int) -> int:
    """Ticks after the machine's start, 0 where that is not known. Raises ProcessLookupError for one that is gone."""
    try:
        text = Path(f"/proc/{number}/stat").read_bytes()
    except OSError:
        if Path("/proc/self/stat").exists():
            raise ProcessLookupError(number) from None
        with contextlib.suppress(PermissionError):  # it lives, and is somebody else's
            os.kill(number, 0)
        return 0
    # The second field is the name in parentheses, in which anything may stand.
    fields = text[text.rindex(b")") + 2 :].split()
    if fields[0] in (b"Z", b"X"):  # killed, and only not yet buried by its parent
        raise ProcessLookupError(number)
    return int(fields[19])


class Leases:
    """The leases on one folder: who uses it now. They stand in its subfolder `leases`, one small file each."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "leases"

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """This process uses the folder until the block ends. Several blocks may overlap. Raises OSError."""
        lease = _take(self.folder)
        try:
            yield
        finally:
            lease.give_back()

    def keep(self) -> None:
        """This process uses the folder until it ends; where it can say so at all."""
        with contextlib.suppress(OSError):
            _take(self.folder)

    def leave(self) -> None:
        """Remove this process's lease, because it ends."""
        with _LOCK, contextlib.suppress(OSError):
            lease = _HELD.pop((os.getpid(), self.folder.absolute()), None)
            if lease is not None:
                lease.end()
            (self.folder / f"{this_process()}{_ENDING}").unlink(missing_ok=True)

    def others(self, patience: float = 0.0) -> list[Process]:
        """Processes but this one that use the folder; leases of those that are dead are removed.

        patience: seconds to watch those of other machines, which all count as living without it.
        """
        me = this_process()
        living = []
        unknown: dict[Path, bytes | None] = {}
        for path in self._files():
            process = Process.named(path.name)
            if process is None or process == me:
                continue
            alive = process.is_alive
            if alive is None:
                unknown[path] = _content(path)
            elif alive:
                living.append(process)
            else:
                path.unlink(missing_ok=True)
        return living + _watched(unknown, patience)

    def _files(self) -> list[Path]:
        try:
            return sorted(path for path in self.folder.iterdir() if path.suffix == _ENDING)
        except (FileNotFoundError, NotADirectoryError):
            return []


def is_gone(process: Process | None, others: Collection[Process]) -> bool:
    """Whether a process lives no more. others: what `Leases.others` gave after something of it was seen.

    Of None, whom nobody can name, is only known that it is none of the others if there are none.
    """
    if process is None:
        return not others
    alive = process.is_alive
    return process not in others if alive is None else not alive


def _watched(leases: dict[Path, bytes | None], patience: float) -> list[Process]:
    """Holders of those leases that counted on while they were watched, on this process's own stopwatch."""
    end = time.monotonic() + patience
    living = []
    while leases:
        last = time.monotonic() >= end
        for path, before in list(leases.items()):
            now = _content(path)
            process = Process.named(path.name)
            if now is None:  # given back
                del leases[path]
            elif now != before or (last and patience < PATIENCE):
                living += [process] if process is not None else []
                del leases[path]
            elif last:
                path.unlink(missing_ok=True)
                del leases[path]
        if leases:
            time.sleep(min(0.25, max(patience, 0.0)))
    return living


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError:
        return b""


class _Lease:
    """One process's lease on one folder."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.holders = 1
        self._ended = threading.Event()
        for attempt in range(3):
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                self._count(0)
            except FileNotFoundError:  # another run has just ended, and removed the empty folder
                if attempt == 2:
                    raise
                continue
            break
        threading.Thread(target=self._beat, name="toposcope-lease", daemon=True).start()

    def _count(self, beat: int) -> None:
        # The host's name is for people; all that is read from here is whether it changes. Of one length, and written
        # over what was there: a reader never sees it empty.
        words = json.dumps({"beat": f"{beat:012d}", "host": socket.gethostname(), "process": os.getpid()})
        handle = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            os.write(handle, f"{words}\n".encode())
        finally:
            os.close(handle)

    def _beat(self) -> None:
        beat = 0
        while not self._ended.wait(HEARTBEAT):
            beat += 1
            # A disk that is full must not end a run that has nothing to write.
            with _LOCK, contextlib.suppress(OSError):
                if not self._ended.is_set():
                    self._count(beat)

    def end(self) -> None:
        """Count no more."""
        self._ended.set()

    def give_back(self) -> None:
        """One holder fewer; the last one's leave removes it."""
        with _LOCK:
            self.holders -= 1
            if self.holders > 0:
                return
            _HELD.pop((os.getpid(), self.path.parent), None)
            self.end()
            with contextlib.suppress(OSError):
                self.path.unlink()


def folders() -> list[Path]:
    """Folders on which this process has a lease."""
    return [place.parent for number, place in list(_HELD) if number == os.getpid()]


_HELD: dict[tuple[int, Path], _Lease] = {}
_LOCK = threading.Lock()


def _take(folder: Path) -> _Lease:
    where = folder.absolute()
    key = (os.getpid(), where)
    with _LOCK:
        lease = _HELD.get(key)
        if lease is None:
            lease = _HELD[key] = _Lease(where / f"{this_process()}{_ENDING}")
        else:
            lease.holders += 1
        return lease
