"""Files written whole or not at all, and read without running anything that is in them."""

from __future__ import annotations

import ast
import contextlib
import errno
import hashlib
import json
import lzma
import math
import os
import re
import secrets
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any, Literal

import numpy as np

from toposcope import _lease
from toposcope._errors import FileError, one_line
from toposcope._types import Array

TEMPORARY_SUFFIX = ".partial"
"""What a file is called while it is being written; one that stays was left by a process that was killed."""
_HINTS = {
    errno.ENOSPC: "free space there and run the same again",
    errno.EDQUOT: "free space there and run the same again",
    errno.EFBIG: "the system allows no larger file; raise that limit (ulimit -f)",
    errno.EROFS: "choose a folder that can be written",
    errno.EIO: "the disk or the connection to it fails; choose another folder",
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.ENOTDIR: "a part of the path is a file; choose another folder",
    errno.EISDIR: "it is a folder; give the name of a file",
}


def temporary_name(name: str) -> str:
    """A new name for a file that will be called `name`, which says whose it is, so that it is known when nobody's."""
    return f"{_lease.this_process()}.{secrets.token_hex(6)}.{name[:32]}{TEMPORARY_SUFFIX}"


@contextlib.contextmanager
def atomic_write(
    path: str | os.PathLike[str], durable: bool = True, beside: str | os.PathLike[str] | None = None
) -> Iterator[IO[bytes]]:
    """A binary file that appears at `path` when the block ends well, and not at all when it does not.

    durable: also survive a loss of power; without it, only the death of the process. beside: another folder of the same
    file system for the file while it is written. Raises FileError when the folder cannot be made or written, with the
    cause's `errno`.
    """
    target = Path(path)
    folder = target.parent if beside is None else Path(beside)
    temporary: Path | None = None
    try:
        if target.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        target.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(parents=True, exist_ok=True)
        temporary = folder / temporary_name(target.name)
        with open(temporary, "x+b") as file:
            yield file
            file.flush()
            if durable:
                os.fsync(file.fileno())
        os.replace(temporary, target)
        temporary = None
    except OSError as error:
        if isinstance(error, FileError):
            raise
        hint = _HINTS.get(error.errno or 0, "check that the folder is writable")
        raised = FileError(f"cannot write {target}: {error.strerror or error}; {hint}")
        raised.errno = error.errno
        raise raised from error
    finally:
        if temporary is not None:
            with contextlib.suppress(OSError):
                temporary.unlink()


def sweep(folder: str | os.PathLike[str]) -> None:
    """Remove the temporary files in a folder whose writers, of this machine, are gone."""
    with contextlib.suppress(OSError):  # no such folder, or one that cannot be written: nothing to remove
        for path in Path(folder).iterdir():
            writer = _lease.Process.named(path.name) if path.suffix == TEMPORARY_SUFFIX else None
            if writer is not None and writer.is_alive is False:
                path.unlink(missing_ok=True)


def write_text(path: str | os.PathLike[str], text: str, beside: str | os.PathLike[str] | None = None) -> None:
    """Write UTF-8 text atomically."""
    with atomic_write(path, beside=beside) as file:
        file.write(text.encode("utf-8"))


def write_json(path: str | os.PathLike[str], value: Any, beside: str | os.PathLike[str] | None = None) -> None:
    """Write JSON atomically, keys sorted, so that equal values give equal bytes."""
    text = json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False)
    write_text(path, text + "\n", beside)


def read_json(path: str | os.PathLike[str]) -> Any:
    """Read a JSON file; raises FileError when it is absent or not JSON."""
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except RecursionError:
        raise FileError(f"{path} is not a JSON file: it is nested too deeply") from None
    except OSError as error:
        raise _unreadable(path, error) from error
    except ValueError as error:
        raise FileError(f"{path} is not a JSON file: {error}") from error


MAPPED = 1 << 24
"""Bytes from which on an array of an ``.npz`` is laid out for a memory map, and read as one where that is asked for."""
_LOCAL = struct.Struct("<4s5H3L2H")
_ZIP64 = 20
"""Bytes that the header of a member takes for sizes of 64 bits."""
_PADDING = 0xD935
"""Which extra field of a member is padding, as others use it too."""


def write_arrays(
    path: str | os.PathLike[str],
    arrays: Mapping[str, Array],
    durable: bool = True,
    beside: str | os.PathLike[str] | None = None,
) -> None:
    """Write an uncompressed ``.npz`` as `atomic_write` does; equal arrays give equal bytes."""
    with atomic_write(path, durable, beside) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, array in arrays.items():
            if array.dtype.hasobject:
                raise FileError(f"array {name!r} holds Python objects, which would need pickle; make it a plain dtype")
            # A fixed date instead of the clock: the same content is the same file.
            entry = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
            if array.nbytes >= MAPPED:
                # So that the numbers, which numpy puts 64 bytes or more after the start, are aligned in a memory map.
                start = file.tell() + _LOCAL.size + len(entry.filename) + _ZIP64
                entry.extra = struct.pack("<HH", _PADDING, -(start + 4) % 64) + bytes(-(start + 4) % 64)
            with archive.open(entry, "w", force_zip64=True) as member:
                np.lib.format.write_array(member, np.asanyarray(array), allow_pickle=False)


_UNPACKED = 1 << 28
"""Bytes that any archive may unpack to; beyond them, so many times its own size:"""
_RATIO = 200
_CHUNK = 1 << 20


def read_arrays(path: str | os.PathLike[str], memory_map: bool = False) -> dict[str, Array]:
    """Read every array of an ``.npz``; never unpickles.

    memory_map: arrays of at least `MAPPED` bytes that are not compressed are read once, for their checksum, and then
    stay in the file.

    Raises FileError when the file is absent, truncated, damaged (every checksum is verified), holds objects, or unpacks
    to far more than it is.
    """
    try:
        with open(path, "rb") as file, zipfile.ZipFile(file) as archive:
            length = os.fstat(file.fileno()).st_size
            members = archive.infolist()
            _check_archive(file, length, members)
            arrays = {}
            for member in members:
                name = member.filename.removesuffix(".npy")
                with archive.open(member) as stream:
                    if memory_map and member.compress_type == zipfile.ZIP_STORED and member.file_size >= MAPPED:
                        arrays[name] = _map_npy(path, member, stream)
                    else:
                        arrays[name] = _read_npy(stream, member.file_size)
                    while stream.read(_CHUNK):  # the checksum is compared at the end
                        pass
            return arrays
    except OSError as error:
        if error.errno in _NONSENSE:
            raise FileError(f"{path} is not a readable .npz archive: it points outside itself") from error
        raise _unreadable(path, error) from error
    except _DAMAGE as error:
        raise FileError(f"{path} is not a readable .npz archive: {one_line(error)}") from error


_NONSENSE = {None, errno.EINVAL, errno.EOVERFLOW}
"""What a file system answers to places that no file has."""
_DAMAGE = (
    ValueError,
    EOFError,
    KeyError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    TypeError,
    RuntimeError,
    SyntaxError,
    OverflowError,
    MemoryError,
    struct.error,
    AttributeError,
    IndexError,
)
"""What the readers of the standard library and of numpy raise over bytes that make no sense to them."""


def _check_archive(file: IO[bytes], length: int, members: list[zipfile.ZipInfo]) -> None:
    names = [member.filename for member in members]
    if len(set(names)) < len(names):
        raise ValueError("it holds two arrays of one name")
    file.seek(max(0, length - _END.size))
    last = file.read()
    if last[:4] == b"PK\5\6":
        promised = _END.unpack(last)[4]
        # The directory is read entry by entry, and a damaged entry may swallow the next ones.
        if promised not in (len(members), 0xFFFF):
            raise ValueError(f"it promises {promised} arrays and holds {len(members)}")
    check_unpacked(length, sum(member.file_size for member in members))


def check_unpacked(length: int, unpacked: int) -> None:
    """Raise ValueError where a packed file of `length` bytes would fill memory with far more than anybody saves."""
    if unpacked > max(_UNPACKED, _RATIO * length):
        raise ValueError(
            f"its {length} bytes would unpack to {unpacked}; if they are meant to, save the arrays uncompressed"
        )


def _read_npy(stream: IO[bytes], length: int) -> Array:
    """The array of an ``.npy`` of `length` bytes, none of which is asked for before they are known to be there."""
    shape, fortran_order, dtype, size = _read_header(stream, length)
    content = np.empty(size, np.uint8)
    filled = 0
    while filled < size:
        chunk = stream.read(min(_CHUNK, size - filled))
        if not chunk:
            raise EOFError(f"it ends after {filled} of {size} bytes")
        content[filled : filled + len(chunk)] = np.frombuffer(chunk, np.uint8)
        filled += len(chunk)
    array: Array = content.view(dtype) if size else np.empty(0, dtype)
    if fortran_order:
        return array.reshape(shape[::-1]).transpose()
    return array.reshape(shape)


def _map_npy(path: str | os.PathLike[str], member: zipfile.ZipInfo, stream: IO[bytes]) -> Array:
    """The array of an ``.npy`` that lies uncompressed in an archive, as a memory map. stream: of the member."""
    shape, fortran_order, dtype, size = _read_header(stream, member.file_size)
    if not size:
        return np.empty(shape, dtype)
    with open(path, "rb") as file:
        file.seek(member.header_offset)
        *_, name, extra = _LOCAL.unpack(file.read(_LOCAL.size))
        begin = member.header_offset + _LOCAL.size + name + extra + stream.tell()
        order: Literal["F", "C"] = "F" if fortran_order else "C"
        return np.memmap(file, dtype=dtype, shape=shape, order=order, mode="r", offset=begin)


_LONGEST_HEADER = 10_000
_LONGEST_NOTHING = 1 << 20
"""The longest side of an array without a number in it: rows of no columns get ids, which take memory."""
_PLAIN = re.compile(r"[<>|=]?[?b-zA-Z]\d{0,18}(\[\w{1,8}\])?")
"""What numpy writes of plain numbers and text. It reads "a" for "S", too, with a warning."""
_PYTHON_2 = re.compile(r"\b(\d+)L\b")
"""How Python 2 wrote the sides of some shapes."""


def _read_header(stream: IO[bytes], length: int) -> tuple[tuple[int, ...], bool, np.dtype[Any], int]:
    """Shape, whether in Fortran's order, dtype, and bytes of the content, which are there; raises ValueError if not.

    numpy's own reader asks for memory before it looks whether the file is as long as it says.
    """
    start = stream.read(8)
    if start[:6] != b"\x93NUMPY" or start[6:] not in (b"\1\0", b"\2\0"):
        raise ValueError("it does not begin as an array of numbers that numpy saved")
    width = 2 if start[6] == 1 else 4
    told = int.from_bytes(stream.read(width), "little")
    if told > min(length, _LONGEST_HEADER):
        raise ValueError(f"its header says that it is {told} bytes long")
    text = _PYTHON_2.sub(r"\1", stream.read(told).decode("latin1"))
    try:
        # Literals only: nothing is called. A backslash, which numpy never writes, may be worth a warning to Python.
        header = None if "\\" in text else ast.literal_eval(text.strip())
    except (MemoryError, RecursionError):  # how Python's parser says that brackets or signs are nested too deep
        header = None
    if not isinstance(header, dict) or set(header) != {"descr", "fortran_order", "shape"}:
        raise ValueError("its header is another one than numpy's")
    shape, fortran_order = header["shape"], header["fortran_order"]
    if not isinstance(shape, tuple) or not all(type(side) is int for side in shape) or len(shape) > 32:
        raise ValueError(f"its header says shape {shape}")
    described = header["descr"]
    if not isinstance(fortran_order, bool) or not isinstance(described, str) or not _PLAIN.fullmatch(described):
        raise ValueError(f"its header says dtype {described}; save plain numbers or text")
    dtype: np.dtype[Any] = np.dtype(described)
    if dtype.hasobject:
        raise ValueError("it holds Python objects, which are never unpickled; save plain numbers or text")
    if any(not 0 <= side < 1 << 62 for side in shape):
        raise ValueError(f"its header says shape {shape}")
    size = math.prod(shape) * dtype.itemsize
    there = length - stream.tell()
    if size > there:
        raise ValueError(f"its header says shape {shape} of {dtype}, which are {size} bytes, and {there} are there")
    if not size and max(shape, default=0) > _LONGEST_NOTHING:
        raise ValueError(f"its header says shape {shape}, and nothing is there")
    return shape, fortran_order, dtype, size


_END = struct.Struct("<4s4H2LH")
_END_64 = struct.Struct("<4sQ2H2L4Q")
_TO_END_64 = struct.Struct("<4sLQL")


def is_complete(path: str | os.PathLike[str]) -> bool:
    """Whether an ``.npz`` that `write_arrays` wrote has the length it should have, told from its last bytes alone.

    Costs one small read however large the file is, and does not see damage inside: `read_arrays` does.
    Raises FileError when it cannot be read.
    """
    tail = _END.size + _TO_END_64.size + _END_64.size
    try:
        with open(path, "rb", buffering=0) as file:
            length = os.fstat(file.fileno()).st_size
            last = os.pread(file.fileno(), tail, max(0, length - tail))
    except OSError as error:
        raise _unreadable(path, error) from error
    if len(last) < _END.size:
        return False
    mark, _disk, _first, _here, _members, size, start, comment = _END.unpack(last[-_END.size :])
    end = length - _END.size
    if mark != b"PK\5\6" or comment:
        return False
    locator = last[-_END.size - _TO_END_64.size : -_END.size]
    if locator[:4] == b"PK\6\7":
        record = last[: _END_64.size]
        if len(last) < tail or record[:4] != b"PK\6\6":
            return False
        size, start = _END_64.unpack(record)[-2:]
        end -= _TO_END_64.size + _END_64.size
    return bool(start + size == end)


def _unreadable(path: str | os.PathLike[str], error: OSError) -> FileError:
    raised = FileError(f"cannot read {path}: {error.strerror or error}")
    raised.errno = error.errno
    return raised


def read_array(path: str | os.PathLike[str], memory_map: bool = False) -> Array:
    """Read one array from an ``.npy`` file; never unpickles. Raises FileError."""
    try:
        with open(path, "rb") as file:
            length = os.fstat(file.fileno()).st_size
            if not memory_map:
                return _read_npy(file, length)
            shape, fortran_order, dtype, size = _read_header(file, length)
            if not size:
                return np.empty(shape, dtype)
            order: Literal["F", "C"] = "F" if fortran_order else "C"
            return np.memmap(file, dtype=dtype, shape=shape, order=order, mode="r", offset=file.tell())
    except OSError as error:
        raise _unreadable(path, error) from error
    except _DAMAGE as error:
        raise FileError(f"{path} is not a readable .npy array: {one_line(error)}") from error


def digest_of_file(path: str | os.PathLike[str]) -> str:
    """SHA-256 of a file's bytes, in hex. Raises FileError."""
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise _unreadable(path, error) from error
