"""Reduced vectors as they come in, batch by batch: in memory, or above a stated size in memory-mapped files."""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np

from toposcope import _io
from toposcope._errors import FileError, InputError
from toposcope._types import Array, Floats


class FileNames:
    """Names of files for layers: nothing in them that a path minds, and a different one for every layer."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def of(self, layer: str) -> str:
        """The layer's name without what a path minds, and numbered where another layer has it already."""
        plain = re.sub(r"[^\w.-]", ".", layer).strip(".") or "layer"
        name, k = plain, 1
        while name in self._taken:
            k += 1
            name = f"{plain}~{k}"
        self._taken.add(name)
        return name


class Budget:
    """How many bytes all layers together may still hold in memory, and the folder for those that find no room.

    out: None is `scratch`, or the system's folder for temporary files; a file there is unnamed and ends with its array.
    """

    def __init__(
        self, memory: int, out: str | os.PathLike[str] | None, scratch: str | os.PathLike[str] | None = None
    ) -> None:
        self._free = memory
        self.names = FileNames()
        self.out = None if out is None else Path(out)
        self.scratch = None if scratch is None else Path(scratch)

    def take(self, size: int) -> bool:
        """Take `size` bytes if there are as many; negative sizes give back."""
        if size > self._free:
            return False
        self._free -= size
        return True


class Rows:
    """The growing cloud of one layer: (m, d) points with the id, and where there is one the label, of each row.

    layer: names the file. capacity: inputs expected in all, if known. A layer with values that are NaN or infinite is
    only counted from there on: broken (values), first_broken (id), infinite (whether any was infinite).
    """

    def __init__(self, layer: str, budget: Budget, capacity: int | None) -> None:
        self._layer, self._budget, self._capacity = layer, budget, capacity
        self._array: Array | None = None
        self._file: IO[bytes] | None = None
        self._path: Path | None = None
        self._ids: list[Array] = []
        self._labels: list[Array | None] = []
        self._dtype: np.dtype[Any] = np.dtype(np.float32)
        self.count = 0
        self.inputs = 0
        self.width: int | None = None
        self.broken = 0
        self.infinite = False
        self.first_broken: Any = None

    def append(self, block: Floats, ids: Array, labels: Array | None, per_input: Array | None = None) -> None:
        """Add the rows of a batch. block: (k, d). ids, labels: (b,). per_input: (b,) rows of each input; None: one.

        Raises InputError when the rows are not as long as those before, FileError when they cannot be written.
        """
        if per_input is not None:
            ids, labels = np.repeat(ids, per_input), None if labels is None else np.repeat(labels, per_input)
            self.inputs += len(per_input)
        else:
            self.inputs += len(ids)
        self.check_width(block.shape[1])
        wrong = ~np.isfinite(block)
        if wrong.any():
            first = ids[np.flatnonzero(wrong.any(axis=1))[0]].item()
            self.give_up(int(wrong.sum()), bool(np.isinf(block).any()), first)
        if self.broken:
            self.width = block.shape[1]
            return
        self._store(block, 1.0 if per_input is None else len(block) / len(per_input))
        self._ids.append(ids)
        self._labels.append(labels)

    def extend(self, points: Floats, ids: Array, labels: Array | None, inputs: int) -> None:
        """Add rows that were appended elsewhere. points: (k, d). ids, labels: (k,). inputs: how many gave them."""
        self.inputs += inputs
        self.check_width(points.shape[1])
        if self.broken:
            self.width = points.shape[1]
            return
        self._store(points, len(points) / max(1, inputs))
        self._ids.append(ids)
        self._labels.append(labels)

    def check_width(self, width: int) -> None:
        """Raise InputError unless rows of that length are as long as those before."""
        if self.width is not None and width != self.width:
            raise InputError(
                f"layer {self._layer} gives {width} values per row now and {self.width} before; "
                "pass inputs of one size, or reduce='mean'"
            )

    def give_up(self, values: int, infinite: bool, first: Any) -> None:
        """Note that so many values are NaN or infinite, the first of them in input `first`, and let the rows go."""
        if not self.broken:
            self.first_broken = first
        self.broken += values
        self.infinite |= infinite
        self.discard()

    def columns(self) -> tuple[Array, Array | None]:
        """(m,) ids and (m,) labels or None."""
        labels = [block for block in self._labels if block is not None]
        return np.concatenate(self._ids), np.concatenate(labels) if len(labels) == len(self._ids) else None

    def _store(self, block: Floats, per_input: float) -> None:
        if self.width is None:
            self.width, self._dtype = block.shape[1], block.dtype
            self._grow(max(int((self._capacity or 0) * per_input), len(block)))
        elif self._array is not None and self.count + len(block) > len(self._array):
            self._grow(max(self.count + len(block), 2 * self.count))
        if self._file is not None:
            with self._writing():
                np.ascontiguousarray(block, dtype=self._dtype).tofile(self._file)
        elif self._array is not None:
            self._array[self.count : self.count + len(block)] = block
        self.count += len(block)

    def finish(self) -> Floats:
        """The (m, d) array: in memory, or a read-only memory map."""
        if self._file is not None and self._path is not None:
            with self._writing():
                self._file.seek(0)
                self._write_header(self.count)
                self._file.close()
            self._file = None
            if self._budget.out is not None:
                final = self._path.with_name(self._path.name.removesuffix(_io.TEMPORARY_SUFFIX))
                os.replace(self._path, final)
                return _io.read_array(final, memory_map=True)
            mapped = _io.read_array(self._path, memory_map=True)
            self._path.unlink()  # the mapping keeps the content until the array is gone
            return mapped
        assert self._array is not None
        # In place: a copy of the used part would hold both for a moment.
        self._array.resize((self.count, self._array.shape[1]), refcheck=False)
        return self._array

    def discard(self) -> None:
        """Let go of memory and file."""
        if self._array is not None:
            self._budget.take(-self._array.nbytes)
            self._array = None
        if self._file is not None and self._path is not None:
            self._file.close()
            self._file = None
            with contextlib.suppress(OSError):
                self._path.unlink()

    def _grow(self, rows: int) -> None:
        held = 0 if self._array is None else self._array.nbytes
        needed = rows * (self.width or 0) * self._dtype.itemsize
        if self._budget.take(needed - held):
            if self._array is None:
                self._array = np.empty((rows, self.width or 0), self._dtype)
            else:
                self._array.resize((rows, self.width or 0), refcheck=False)
            return
        with self._writing():
            self._open()
            if self._array is not None and self._file is not None:
                self._array[: self.count].tofile(self._file)
        self._budget.take(-held)
        self._array = None

    def _open(self) -> None:
        folder = self._budget.out
        if folder is None:
            place = Path(tempfile.gettempdir()) if self._budget.scratch is None else self._budget.scratch
            place.mkdir(parents=True, exist_ok=True)
            self._path = place / _io.temporary_name("toposcope")
            self._file = open(self._path, "x+b")  # noqa: SIM115 (closed by finish or discard)
        else:
            folder.mkdir(parents=True, exist_ok=True)
            self._path = folder / (f"{self._budget.names.of(self._layer)}.npy" + _io.TEMPORARY_SUFFIX)
            self._file = open(self._path, "w+b")  # noqa: SIM115 (closed by finish or discard)
        self._write_header(0)

    def _write_header(self, rows: int) -> None:
        # numpy pads the header so that the first axis can grow to 21 digits: the length stays the same.
        header = {
            "descr": np.lib.format.dtype_to_descr(self._dtype),
            "fortran_order": False,
            "shape": (rows, self.width),
        }
        assert self._file is not None
        np.lib.format.write_array_header_1_0(self._file, header)

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            folder = self._budget.out or self._budget.scratch or tempfile.gettempdir()
            raised = FileError(
                f"cannot write the vectors of layer {self._layer} to {folder}: {error.strerror or error}; "
                "free space there, pass out=, or raise memory="
            )
            raised.errno = error.errno
            raise raised from error


def all_equal(points: Floats) -> bool:
    """Whether every row of (m, d) equals the first one."""
    step = max(1, (1 << 22) // max(1, points.shape[1]))
    return all(bool((points[s : s + step] == points[:1]).all()) for s in range(0, len(points), step))
