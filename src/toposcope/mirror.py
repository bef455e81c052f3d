"""A store that lies where no folder does: an object store, or any other file system that `fsspec` speaks to.

Every machine has a folder in front of it, where artefacts are written, checked and mapped into memory, as in any store;
each is copied there as a whole, and fetched from there where it is missed. What is fetched counts only when its
checksums hold.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import importlib
import json
import time
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any, TypeVar

from toposcope import _io, _lease
from toposcope._errors import ArtefactError, InputError, MissingDependencyError, StoreError, one_line
from toposcope._types import Array
from toposcope.store import FORMAT, Store

_WHOLE = {"abfs", "abfss", "adl", "az", "gcs", "gs", "memory", "oci", "oss", "s3", "s3a"}
"""Protocols of object stores, where an object appears when all of it is there. Elsewhere files are renamed."""
_PAUSES = (0.2, 1.0, 3.0)
"""Seconds before something that failed is asked again."""
_LISTED: dict[str, set[str]] = {}
"""Keys that are in a place, for the process that drives a run: one listing instead of a question for every artefact."""

T = TypeVar("T")


@dataclasses.dataclass(frozen=True)
class Mirror(Store):
    """A store at a URL of `fsspec`, with a folder of this machine in front. Credentials are the machine's own.

    Raises StoreError when the place cannot be reached, MissingDependencyError without fsspec.
    """

    url: str = ""

    def __contains__(self, key: str) -> bool:
        return self._is_there(key) or super().__contains__(key)

    @contextlib.contextmanager
    def session(self) -> Iterator[None]:
        """As `Store.session`; what the place holds is listed once."""
        with super().session():
            if self._remote_format() is None:
                self._ask(self._write_format)
            self._remove_temporary()
            _LISTED[self.url] = self._listing()
            try:
                yield
            finally:
                _LISTED.pop(self.url, None)
                with contextlib.suppress(StoreError):
                    self._remove_temporary()

    def check_format(self) -> None:
        """As `Store.check_format`, of both places."""
        super().check_format()
        found = self._remote_format()
        if found not in (None, FORMAT):
            raise StoreError(
                f"{self.url} has format {found!r}, and this version of toposcope reads format {FORMAT}; "
                "use the version that wrote it, or give another place as --store"
            )

    def arrived(self, key: str) -> bool:
        """A worker says that it kept an artefact; it had copied it before."""
        if self.url in _LISTED:
            _LISTED[self.url].add(key)
        return True

    def touched(self, keys: Collection[str], since: int) -> bool:
        """As `Store.touched`; what is not in the folder is looked for at the place."""
        here = [key for key in keys if super(Mirror, self).__contains__(key)]
        if super().touched(here, since):
            return True
        return not set(keys).difference(here) <= self._listing()

    def write(self, key: str, arrays: dict[str, Array]) -> None:
        """As `Store.write`, and copy it."""
        super().write(key, arrays)
        self._send(key)

    def read(self, key: str, memory_map: bool = False) -> dict[str, Array]:
        """As `Store.read`; what is missing here, or damaged, is fetched."""
        if super().__contains__(key):
            try:
                return super().read(key, memory_map)
            except ArtefactError:
                if not self._is_there(key):
                    raise
        self._fetch(key)
        try:
            return super().read(key, memory_map)
        except ArtefactError:
            self._forget(key)
            raise

    def intact(self, key: str, whole: bool = False) -> bool:
        """As `Store.intact`. One that is complete here but was never copied is copied now."""
        if super().intact(key, whole):
            if not self._is_there(key):
                self._send(key)
            return True
        return not whole and self._is_there(key)  # whole, it has been looked for there

    def discard(self, key: str) -> None:
        """Remove an artefact from both places."""
        super().discard(key)
        self._forget(key)

    # --- the place ----------------------------------------------------------------------------------------------------

    @property
    def _system(self) -> Any:
        return _opened(self.url)[0]

    @property
    def _root(self) -> str:
        return _opened(self.url)[1]

    def _listing(self) -> set[str]:
        found = self._ask(lambda: self._system.find(self._root), absent=list)
        return {key for path in found if (key := _key_in(path)) is not None}

    def _place(self, key: str) -> str:
        return f"{self._root}/{self.path(key).relative_to(self.folder).as_posix()}"

    def _is_there(self, key: str) -> bool:
        listed = _LISTED.get(self.url)
        return key in listed if listed is not None else bool(self._ask(lambda: self._system.exists(self._place(key))))

    def _send(self, key: str) -> None:
        here, there = str(self.path(key)), self._place(key)

        def copy() -> None:
            if _opened(self.url)[2]:
                self._system.put_file(here, there)
                return
            passing = f"{self._root}/temporary/{_io.temporary_name(self.path(key).name)}"
            for folder in (passing, there):
                self._system.makedirs(folder.rpartition("/")[0], exist_ok=True)
            self._system.put_file(here, passing)
            self._system.mv(passing, there)

        self._ask(copy)
        if self.url in _LISTED:
            _LISTED[self.url].add(key)

    def _fetch(self, key: str) -> None:
        """Bring an artefact here. Raises ArtefactError when it is gone."""
        path = self.path(key)

        def copy() -> bool:
            passing = self.scratch / _io.temporary_name(path.name)
            for folder in (passing.parent, path.parent):
                folder.mkdir(parents=True, exist_ok=True)
            try:
                self._system.get_file(self._place(key), str(passing))
                passing.replace(path)
            finally:
                passing.unlink(missing_ok=True)
            return True

        if not self._ask(copy, absent=lambda: False):
            if self.url in _LISTED:
                _LISTED[self.url].discard(key)
            raise ArtefactError(f"artefact {key} is gone from {self.url}", key)

    def _forget(self, key: str) -> None:
        self._ask(lambda: self._system.rm_file(self._place(key)), absent=lambda: None)
        if self.url in _LISTED:
            _LISTED[self.url].discard(key)

    def _write_format(self) -> None:
        if not _opened(self.url)[2]:  # which would make a bucket of a name mistyped
            self._system.makedirs(self._root, exist_ok=True)
        self._system.pipe_file(f"{self._root}/format.json", json.dumps({"format": FORMAT}).encode())

    def _remote_format(self) -> Any:
        text = self._ask(lambda: self._system.cat_file(f"{self._root}/format.json"), absent=lambda: b"{}")
        try:
            fields = json.loads(text)
        except ValueError:
            return text[:20]
        return fields.get("format") if isinstance(fields, dict) else fields

    def _remove_temporary(self) -> None:
        """Remove what dead processes of this machine were copying."""
        for path in self._ask(lambda: self._system.find(f"{self._root}/temporary"), absent=list):
            writer = _lease.Process.named(path.rpartition("/")[2])
            if writer is not None and writer.is_alive is False:
                self._ask(functools.partial(self._system.rm_file, path), absent=lambda: None)

    def _ask(self, action: Callable[[], T], absent: Callable[[], T] | None = None) -> T:
        """What `action` returns, tried again where it fails. absent: what to return for what is not there."""
        for pause in (*_PAUSES, None):
            try:
                return action()
            except FileNotFoundError as error:
                if absent is not None:
                    return absent()
                last: Exception = error
            except Exception as error:  # every file system has errors of its own
                last = error
            if pause is not None:
                time.sleep(pause)
        why = one_line(last)
        raise StoreError(f"{self.url} cannot be used: {why}; check address, access and network") from last


@functools.cache
def _opened(url: str) -> tuple[Any, str, bool]:
    """The file system of a URL, the path in it, and whether objects appear in it as a whole."""
    try:
        core = importlib.import_module("fsspec.core")
    except ModuleNotFoundError:
        raise MissingDependencyError("fsspec", f"the store {url!r}", "remote") from None
    try:
        system, root = core.url_to_fs(url)
    except ImportError as error:
        raise InputError(f"the store {url!r} needs another package: {error}") from error
    except Exception as error:
        told = f"store={url!r} is no address that fsspec knows: {one_line(error)}; use one like s3://BUCKET/PATH"
        raise InputError(told) from error
    protocols = {system.protocol} if isinstance(system.protocol, str) else set(system.protocol)
    return system, root.rstrip("/"), bool(protocols & _WHOLE)


def _key_in(path: str) -> str | None:
    """The key of the artefact at a path, if it is one."""
    parts = path.split("/")
    if len(parts) < 3 or not path.endswith(".npz") or parts[-3] == "temporary":
        return None
    return f"{parts[-3]}-{parts[-1].removesuffix('.npz')}"


def store_at(folder: Path, url: str | None) -> Store:
    """The store of a run: in its folder, or at a URL with the folder in front. Raises InputError."""
    if url is None:
        return Store(folder)
    _opened(url)
    return Mirror(folder, url)
