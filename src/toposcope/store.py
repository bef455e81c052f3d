"""Content-addressed artefacts on disk: written whole, never recomputed, damaged ones noticed.

An artefact's key is the hash of everything that decides its content: inputs, parameters, the schema of the code and
the versions of the engines. Equal keys mean equal content, so nothing is ever overwritten with something else.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from toposcope import _io
from toposcope._errors import FileError
from toposcope._types import Array


def key_of(kind: str, **content: Any) -> str:
    """The key of an artefact: `kind` and 32 hex digits of the SHA-256 of its canonical JSON."""
    text = json.dumps({"kind": kind, **content}, sort_keys=True, ensure_ascii=False, allow_nan=False)
    return f"{kind}-{hashlib.sha256(text.encode()).hexdigest()[:32]}"


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

    def write(self, key: str, arrays: dict[str, Array]) -> None:
        """Keep arrays under a key, atomically. Raises FileError."""
        _io.write_arrays(self.path(key), arrays, durable=False)

    def read(self, key: str) -> dict[str, Array]:
        """The arrays of a key. Raises FileError when absent or damaged (every member's checksum is verified)."""
        return _io.read_arrays(self.path(key))

    def intact(self, key: str) -> bool:
        """Whether the artefact of `key` can be read whole; a damaged one is removed, so that it is computed again."""
        if key not in self:
            return False
        try:
            self.read(key)
        except FileError:
            self.path(key).unlink(missing_ok=True)
            return False
        return True

    def __iter__(self) -> Iterator[str]:
        """Every artefact's key, sorted."""
        for path in sorted(self.folder.glob("*/*/*.npz")):
            yield f"{path.parent.parent.name}-{path.stem}"

    def size(self, key: str) -> int:
        """Bytes on disk."""
        return self.path(key).stat().st_size

    def leftovers(self) -> list[Path]:
        """Temporary files that processes left when they were killed."""
        return sorted(self.folder.glob(f"**/*{_io.TEMPORARY_SUFFIX}"))

    def clean(self, keep: Collection[str]) -> tuple[int, int]:
        """Remove every artefact whose key is not in `keep`, and leftovers. Returns files removed and bytes freed."""
        wanted = set(keep)
        doomed = [self.path(key) for key in self if key not in wanted] + self.leftovers()
        freed = 0
        removed = 0
        for path in doomed:
            with contextlib.suppress(FileNotFoundError):  # another process may have finished or removed it
                size = path.stat().st_size
                path.unlink()
                removed, freed = removed + 1, freed + size
        return removed, freed
