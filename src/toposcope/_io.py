"""Files written whole or not at all, and read without running anything that is in them."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np

from toposcope._errors import FileError
from toposcope._types import Array

TEMPORARY_SUFFIX = ".partial"
"""What a file is called while it is being written; one that stays was left by a process that was killed."""


@contextlib.contextmanager
def atomic_write(path: str | os.PathLike[str], durable: bool = True) -> Iterator[IO[bytes]]:
    """A binary file that appears at `path` when the block ends well, and not at all when it does not.

    durable: also survive a loss of power; without it, only the death of the process.
    Raises FileError when the folder cannot be made or written.
    """
    target = Path(path)
    temporary: str | None = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=target.name + ".", suffix=TEMPORARY_SUFFIX, dir=target.parent)
        os.fchmod(handle, 0o644)
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            if durable:
                os.fsync(file.fileno())
        os.replace(temporary, target)
        temporary = None
    except OSError as error:
        if isinstance(error, FileError):
            raise
        raise FileError(
            f"cannot write {target}: {error.strerror or error}; check that the folder is writable"
        ) from error
    finally:
        if temporary is not None:
            with contextlib.suppress(OSError):
                os.unlink(temporary)


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write UTF-8 text atomically."""
    with atomic_write(path) as file:
        file.write(text.encode("utf-8"))


def write_json(path: str | os.PathLike[str], value: Any) -> None:
    """Write JSON atomically, keys sorted, so that equal values give equal bytes."""
    write_text(path, json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: str | os.PathLike[str]) -> Any:
    """Read a JSON file; raises FileError when it is absent or not JSON."""
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise FileError(f"cannot read {path}: {error.strerror or error}") from error
    except ValueError as error:
        raise FileError(f"{path} is not a JSON file: {error}") from error


def write_arrays(path: str | os.PathLike[str], arrays: Mapping[str, Array], durable: bool = True) -> None:
    """Write an uncompressed ``.npz`` atomically; equal arrays give equal bytes."""
    with atomic_write(path, durable) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, array in arrays.items():
            if array.dtype.hasobject:
                raise FileError(f"array {name!r} holds Python objects, which would need pickle; make it a plain dtype")
            # A fixed date instead of the clock: the same content is the same file.
            entry = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
            with archive.open(entry, "w", force_zip64=True) as member:
                np.lib.format.write_array(member, np.asanyarray(array), allow_pickle=False)


def read_arrays(path: str | os.PathLike[str]) -> dict[str, Array]:
    """Read every array of an ``.npz``; never unpickles.

    Raises FileError when the file is absent, truncated, damaged (zip checksums are verified) or holds objects.
    """
    try:
        with open(path, "rb") as file, zipfile.ZipFile(file) as archive:
            arrays = {}
            for name in archive.namelist():
                with archive.open(name) as member:
                    arrays[name.removesuffix(".npy")] = np.lib.format.read_array(member, allow_pickle=False)
            return arrays
    except OSError as error:
        raise FileError(f"cannot read {path}: {error.strerror or error}") from error
    except (ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error, TypeError, RuntimeError) as error:
        raise FileError(f"{path} is not a readable .npz archive: {error}") from error


def read_array(path: str | os.PathLike[str], memory_map: bool = False) -> Array:
    """Read one array from an ``.npy`` file; never unpickles. Raises FileError."""
    try:
        if memory_map:
            return np.lib.format.open_memmap(path, mode="r")
        with open(path, "rb") as file:
            array: Array = np.lib.format.read_array(file, allow_pickle=False)
            return array
    except OSError as error:
        raise FileError(f"cannot read {path}: {error.strerror or error}") from error
    except (ValueError, EOFError, TypeError) as error:
        raise FileError(f"{path} is not a readable .npy array: {error}") from error


def digest_of_file(path: str | os.PathLike[str]) -> str:
    """SHA-256 of a file's bytes, in hex. Raises FileError."""
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise FileError(f"cannot read {path}: {error.strerror or error}") from error
