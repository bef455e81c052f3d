"""Content-addressed artefacts on disk: written whole, never recomputed, damaged ones noticed.

An artefact's key is the hash of everything that decides its content: inputs, parameters, the schema of the code and
the versions of the engines. Equal keys mean equal content, so nothing is ever overwritten with something else, and
several runs may use one store at once.
"""

from __future__ import annotations

import atexit
import contextlib
import dataclasses
import errno
import hashlib
import json
import time
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from toposcope import _io, _lease
from toposcope._errors import ArtefactError, FileError, StoreError
from toposcope._types import Array

FORMAT = 1
"""Raised when the folder's layout changes. A store from before this was written down is laid out in the same way."""
_PAUSES = (0.1, 0.5, 2.0)
"""Seconds before a read or a write that failed is tried again, where the failure may pass."""
_MAY_PASS = {errno.EIO, errno.EAGAIN, errno.EBUSY, errno.EINTR, errno.ESTALE, errno.ETIMEDOUT, errno.ENOENT}
_ABSENT = {errno.ENOENT, errno.ENOTDIR}

T = TypeVar("T")


def key_of(kind: str, **content: Any) -> str:
    """The key of an artefact: `kind` and 32 hex digits of the SHA-256 of its canonical JSON."""
    text = json.dumps({"kind": kind, **content}, sort_keys=True, ensure_ascii=False, allow_nan=False)
    return f"{kind}-{hashlib.sha256(text.encode()).hexdigest()[:32]}"


class Cleaned(NamedTuple):
    """What `Store.clean` did. files, bytes: removed. in_use: processes that use the store: its artefacts stayed."""

    files: int
    bytes: int
    in_use: int


@dataclasses.dataclass(frozen=True)
class Store:
    """A folder of artefacts. Every method may be called from many processes at once."""

    folder: Path

    def path(self, key: str) -> Path:
        """Where the artefact of `key` is or would be."""
        kind, digest = key.rsplit("-", 1)
        return self.folder / kind / digest[:2] / f"{digest}.npz"

    def __contains__(self, key: str) -> bool:
        return self.path(key).is_file()

    @contextlib.contextmanager
    def session(self) -> Iterator[None]:
        """Use the store until the block ends: others then know, and temporary files of the dead are gone.

        Raises StoreError when the store is of another version or cannot be written.
        """
        self.check_format()
        with contextlib.ExitStack() as held:
            try:
                held.enter_context(self._leases.held())
                if not self._format.exists():
                    _io.write_json(self._format, {"format": FORMAT}, beside=self._temporary)
            except OSError as error:
                why = error.strerror or error
                raise StoreError(
                    f"cannot write in {self.folder}: {why}; give a folder that can be written as --out"
                ) from error
            self._sweep()
            try:
                yield
            finally:
                self._sweep()
        for empty in (self._leases.folder, self._temporary):
            with contextlib.suppress(OSError):  # others are at work
                empty.rmdir()

    def attend(self) -> None:
        """Say, until this process ends, that it uses the store: for a process that writes for another one's session."""
        self._leases.keep()

    @contextlib.contextmanager
    def attended(self) -> Iterator[None]:
        """Say so until the block ends: for a worker that lives on when the session is over."""
        with contextlib.ExitStack() as held:
            with contextlib.suppress(OSError):  # on a store that takes no lease nothing can be written either
                held.enter_context(self._leases.held())
            yield

    def check_format(self) -> None:
        """Raise StoreError when the store was written by a version that lays it out in another way."""
        if not self._format.exists():
            return
        fields = _io.read_json(self._format)
        found = fields.get("format") if isinstance(fields, dict) else None
        if found != FORMAT:
            raise StoreError(
                f"{self.folder} has format {found!r}, and this version of toposcope reads format {FORMAT}; "
                "use the version that wrote it, or give another folder as --out"
            )

    def write(self, key: str, arrays: dict[str, Array]) -> None:
        """Keep arrays under a key, atomically. Raises FileError, StoreError where no other artefact could be kept."""
        target = self.path(key)
        try:
            _patiently(lambda: _io.write_arrays(target, arrays, durable=False, beside=self._temporary))
        except FileError as error:
            if error.errno is None:
                raise
            raise StoreError(str(error)) from error

    def read(self, key: str, memory_map: bool = False) -> dict[str, Array]:
        """The arrays of a key, every checksum verified. memory_map: large ones stay in the file.

        Raises ArtefactError when it is gone or damaged, in which case it is removed; StoreError when it is not to be
        had for another reason.
        """
        path = self.path(key)
        try:
            return _patiently(lambda: _io.read_arrays(path, memory_map), absent_is_final=True)
        except FileError as error:
            if error.errno in _ABSENT:
                raise ArtefactError(f"artefact {key} is gone from {self.folder}", key) from error
            if error.errno not in (None, errno.EIO):
                raise StoreError(f"{error}; artefact {key} cannot be used") from error
            self._remove(path)
            raise ArtefactError(f"artefact {key} was damaged: {error}", key) from error

    def intact(self, key: str, whole: bool = False) -> bool:
        """Whether the artefact of `key` is there and complete; one that is not is removed, to be made again.

        whole: read all of it and verify every checksum, instead of looking at its length. Raises StoreError.
        """
        path = self.path(key)
        try:
            if whole:
                self.read(key, memory_map=True)
            elif not _patiently(lambda: _io.is_complete(path), absent_is_final=True):
                self._remove(path)
                return False
        except ArtefactError:
            return False
        except FileError as error:
            if error.errno in _ABSENT:
                return False
            if error.errno == errno.EIO:
                self._remove(path)
                return False
            raise StoreError(str(error)) from error
        return True

    def arrived(self, key: str) -> bool:
        """Whether an artefact that a worker kept is seen here already."""
        return key in self

    def touched(self, keys: Collection[str], since: int) -> bool:
        """Whether any of these artefacts was written after a time, in nanoseconds. Raises OSError for one not there."""
        return any(self.path(key).stat().st_mtime_ns >= since for key in keys)

    def discard(self, key: str) -> None:
        """Remove an artefact that turned out to be of no use."""
        self._remove(self.path(key))

    def __iter__(self) -> Iterator[str]:
        """Every artefact's key, sorted."""
        for path in self._found("*/*/*.npz"):
            yield f"{path.parent.parent.name}-{path.stem}"

    def size(self, key: str) -> int:
        """Bytes on disk."""
        return self.path(key).stat().st_size

    def leftovers(self) -> list[Path]:
        """Temporary files, of the living and of processes that were killed."""
        return self._found(f"**/*{_io.TEMPORARY_SUFFIX}")

    def _found(self, pattern: str) -> list[Path]:
        """Files of a pattern, sorted. A folder may go while it is looked through; then everything is looked at anew."""
        while True:
            try:
                return sorted(self.folder.glob(pattern))
            except FileNotFoundError:
                continue

    def clean(self, keep: Collection[str], patience: float = _lease.PATIENCE) -> Cleaned:
        """Remove every artefact whose key is not in `keep`, and temporary files of processes that are gone.

        While another process uses the store, artefacts stay: it may need any of them. patience: seconds to watch
        processes of other machines, if any say that they use it; see `_lease`.
        """
        # First the files, then who lives: a process that comes in between has none of these.
        temporary, wanted = self.leftovers(), set(keep)
        doomed = [self.path(key) for key in self if key not in wanted]
        others = self._leases.others(patience)
        dead = [path for path in temporary if _lease.is_gone(_lease.Process.named(path.name), others)]
        freed = removed = 0
        for path in dead + ([] if others else doomed):
            with contextlib.suppress(FileNotFoundError):  # another process may have finished or removed it
                size = path.stat().st_size
                path.unlink()
                removed, freed = removed + 1, freed + size
        return Cleaned(removed, freed, len(others))

    @property
    def scratch(self) -> Path:
        """Folder for files that are gone before the run ends; `_io.temporary_name` calls them."""
        return self.folder / "temporary"

    @property
    def _temporary(self) -> Path:
        return self.scratch

    @property
    def _format(self) -> Path:
        return self.folder / "format.json"

    @property
    def _leases(self) -> _lease.Leases:
        return _lease.Leases(self.folder)

    def _sweep(self) -> None:
        """Remove temporary files and leases of this machine's dead."""
        _io.sweep(self._temporary)
        with contextlib.suppress(OSError):
            self._leases.others()

    def _remove(self, path: Path) -> None:
        with contextlib.suppress(OSError):  # what cannot be removed is written over
            path.unlink(missing_ok=True)


def leave() -> None:
    """Remove leases and temporary files of this process, for one that is about to end in the middle of its work."""
    me = _lease.this_process()
    for folder in _lease.folders():
        store = Store(folder)
        with contextlib.suppress(OSError):
            for path in store._temporary.iterdir():
                if _lease.Process.named(path.name) == me:
                    path.unlink(missing_ok=True)
        store._leases.leave()


# A process may end while a thread of it writes, as Dask's workers do when their scheduler is gone.
atexit.register(leave)


def _patiently(action: Callable[[], T], absent_is_final: bool = False) -> T:
    """What `action` returns, tried again after a pause where it fails in a way that may pass. Raises FileError."""
    for pause in _PAUSES:
        try:
            return action()
        except FileError as error:
            if error.errno not in _MAY_PASS or (absent_is_final and error.errno in _ABSENT):
                raise
        time.sleep(pause)
    return action()
