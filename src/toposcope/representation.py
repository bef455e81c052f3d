"""Representation: the activations of one layer on n inputs, one row per input, and where they came from."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from toposcope import _check, _io
from toposcope._errors import FileError, InputError
from toposcope._types import Array, Floats, Ints


@dataclasses.dataclass(frozen=True)
class Source:
    """Where a representation came from. Every field is text for the reader of a report; None means not known.

    network: name of the network. checkpoint: which weights. layer: module name. reduction: how each activation became
    a vector, with the axes it was taken over. data: which inputs. seed: of random weights.
    position, depth: the layer's place in the order of execution, and that place divided by the last (0 to 1).
    shape: shape of one input's activation before reduction. module: the module's type.
    """

    network: str | None = None
    checkpoint: str | None = None
    layer: str | None = None
    reduction: str | None = None
    data: str | None = None
    seed: int | None = None
    position: int | None = None
    depth: float | None = None
    shape: tuple[int, ...] | None = None
    module: str | None = None

    def to_json(self) -> str:
        """The fields that are known, as JSON with sorted keys."""
        known = {key: value for key, value in dataclasses.asdict(self).items() if value is not None}
        return json.dumps(known, sort_keys=True, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Source:
        """Read what `to_json` wrote; unknown keys are ignored so that newer files stay readable. Raises FileError."""
        try:
            fields = json.loads(text) if text else {}
        except (ValueError, RecursionError) as error:
            raise FileError(f"the source of a representation is not JSON: {error}") from error
        if not isinstance(fields, dict):
            raise FileError("the source of a representation is not a JSON object")
        names = {field.name for field in dataclasses.fields(cls)}
        known = {key: value for key, value in fields.items() if key in names and value is not None}
        for name, value in known.items():
            if not _is_fact(name, value):
                raise FileError(f"the source of a representation gives {name!r} as {str(value)[:60]!r}")
        if "shape" in known:
            known["shape"] = tuple(known["shape"])
        return cls(**known)


def _is_fact(name: str, value: object) -> bool:
    """Whether a value is of the kind that a field of Source holds."""
    if name == "shape":
        return isinstance(value, list) and all(type(side) is int for side in value)
    if name in ("seed", "position"):
        return type(value) is int
    if name == "depth":
        return type(value) in (int, float)
    return isinstance(value, str)


@dataclasses.dataclass(frozen=True, eq=False)
class Representation:
    """The point cloud of one layer's activations: row i is the vector of input `sample_ids[i]`.

    points: (n, d) floats, all finite. sample_ids: (n,) integers or text; rows of two representations of the same
    inputs are matched by them. An id repeats only where one input gives several rows (tokens, pixels): the input stays
    the unit of every draw. labels: (n,) integers or text, or None. source: where it came from.

    Raises InputError for wrong shapes and ActivationError for values that are not finite.
    """

    points: Floats
    sample_ids: Array
    labels: Array | None = None
    source: Source = Source()

    def __post_init__(self) -> None:
        points = _check.points(self.points)
        ids = _column(self.sample_ids, len(points), "sample_ids")
        labels = None if self.labels is None else _column(self.labels, len(points), "labels")
        object.__setattr__(self, "points", points)
        object.__setattr__(self, "sample_ids", ids)
        object.__setattr__(self, "labels", labels)

    def __len__(self) -> int:
        return len(self.points)

    @property
    def dimension(self) -> int:
        """Length of one row."""
        return int(self.points.shape[1])

    @property
    def name(self) -> str:
        """``network / layer``, as far as they are known."""
        return " / ".join(part for part in (self.source.network, self.source.layer) if part) or "representation"

    def take(self, rows: Array) -> Representation:
        """The representation of these rows only. rows: (m,) integers or booleans."""
        labels = None if self.labels is None else self.labels[rows]
        return Representation(np.asarray(self.points[rows]), self.sample_ids[rows], labels, self.source)

    def __repr__(self) -> str:
        n, d = self.points.shape
        return f"<Representation {self.name}: {n} points in {d} dimensions, {self.points.dtype}>"

    def _repr_html_(self) -> str:
        """For notebooks: shape, source, classes."""
        from toposcope import _html

        n, d = self.points.shape
        known = {"points": n, "dimensions": d, "dtype": self.points.dtype}
        source = {name: value for name, value in dataclasses.asdict(self.source).items() if name != "layer"}
        inputs = {"inputs": ", ".join(map(str, self.sample_ids[:3].tolist())) + (", …" if n > 3 else "")}
        classes = ""
        if self.labels is not None:
            names, counts = np.unique(self.labels, return_counts=True)
            rows = list(zip(names.tolist(), counts.tolist(), strict=True))
            more = [(f"and {len(rows) - 10} more", sum(count for _name, count in rows[10:]))] if len(rows) > 10 else []
            classes = _html.table(["class", "points"], [*rows[:10], *more])
        return _html.card(self.name, _html.facts({**known, **source, **inputs}), classes)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write to `.npz` (everything), `.npy` (points only) or `.safetensors` (everything), atomically.

        Raises InputError for another ending and FileError when the file cannot be written.
        """
        target = Path(path)
        if target.suffix == ".npz":
            arrays: dict[str, Array] = {"points": self.points, "sample_ids": self.sample_ids}
            if self.labels is not None:
                arrays["labels"] = self.labels
            arrays["source"] = np.array(self.source.to_json())
            _io.write_arrays(target, arrays)
        elif target.suffix == ".npy":
            with _io.atomic_write(target) as file:
                np.lib.format.write_array(file, self.points, allow_pickle=False)
        elif target.suffix == ".safetensors":
            from safetensors.numpy import save

            tensors = {"points": np.ascontiguousarray(self.points)}
            # Integer ids and labels are tensors; text goes into the metadata, which holds strings only.
            metadata = {"source": self.source.to_json()}
            for name, column in (("sample_ids", self.sample_ids), ("labels", self.labels)):
                if column is None:
                    continue
                if column.dtype.kind in "iu":
                    tensors[name] = np.ascontiguousarray(column)
                else:
                    metadata[name] = json.dumps(column.tolist(), ensure_ascii=False)
            with _io.atomic_write(target) as file:
                file.write(save(tensors, metadata))
        else:
            raise InputError(f"cannot save a representation as {target.name!r}; use .npz, .npy or .safetensors")
        return target


def first_equal_rows(points: Floats) -> Ints:
    """(m,) for every row of (m, d) the number of the first row that equals it: its own, unless it is a duplicate."""
    by_hash: dict[int, list[int]] = {}
    first = np.arange(len(points))
    step = max(1, (1 << 20) // max(1, points.shape[1]))
    for start in range(0, len(points), step):
        # Adding 0 turns -0 into 0, which is the same point.
        for row, value in enumerate(points[start : start + step] + 0, start=start):
            candidates = by_hash.setdefault(hash(value.tobytes()), [])
            equal = next((other for other in candidates if np.array_equal(points[other], value)), None)
            if equal is None:
                candidates.append(row)
            else:
                first[row] = equal
    return first


def read_representation(path: str | os.PathLike[str]) -> Representation:
    """Read a representation from `.npz`, `.npy` or `.safetensors`. Nothing in the file is ever executed.

    A file of points alone gets row numbers as `sample_ids` and its stem as the layer's name. In an `.npz` the points
    are the array called `points`, or the only array. An `.npy` stays memory-mapped.

    Raises FileError when the file cannot be read, InputError and ActivationError as Representation does.
    """
    target = Path(path)
    if target.suffix == ".npy":
        return _from_columns({"points": _io.read_array(target, memory_map=True)}, target)
    if target.suffix == ".npz":
        return _from_columns(_io.read_arrays(target), target)
    if target.suffix == ".safetensors":
        return _from_columns(_read_safetensors(target), target)
    raise FileError(f"cannot read a representation from {target.name!r}; use .npz, .npy or .safetensors")


def _from_columns(columns: dict[str, Array], path: Path) -> Representation:
    if "points" not in columns:
        if len(columns) != 1:
            raise FileError(f"{path} holds {sorted(columns)} and no array called 'points'; name the points 'points'")
        columns = {"points": next(iter(columns.values()))}
    points = columns["points"]
    ids = columns.get("sample_ids", np.arange(len(points) if points.ndim else 0))
    try:
        source = Source.from_json(str(columns["source"])) if "source" in columns else Source()
        if source.layer is None:
            source = dataclasses.replace(source, layer=path.stem)
        return Representation(points, ids, columns.get("labels"), source)
    except (InputError, FileError) as error:
        raise type(error)(f"{path}: {error}") from None


def _read_safetensors(path: Path) -> dict[str, Array]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            columns: dict[str, Any] = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (not a dict)
            metadata = file.metadata() or {}
    except OSError as error:
        raise FileError(f"cannot read {path}: {error.strerror or error}") from error
    except (SafetensorError, ValueError, TypeError, KeyError, AttributeError, OverflowError, MemoryError) as error:
        raise FileError(f"{path} is not a readable .safetensors file: {error}") from error
    for name in ("sample_ids", "labels"):
        if name in metadata and name not in columns:
            try:
                columns[name] = np.array(json.loads(metadata[name]))
            except (ValueError, RecursionError) as error:
                raise FileError(f"{path}: {name} is not JSON: {error}") from error
    if "source" in metadata:
        columns["source"] = np.array(metadata["source"])
    return columns


def _column(value: Any, n: int, name: str) -> Array:
    """`value` as an (n,) array of integers or text."""
    column = np.asarray(value)
    if column.shape != (n,):
        raise InputError(f"{name} has shape {column.shape}, but there are {n} points; give one entry per row")
    if column.dtype.kind in "iuU":
        return column
    if column.dtype.kind == "b":
        return column.astype(np.int64)
    if column.dtype.kind == "O" and all(isinstance(entry, str) for entry in column):
        return column.astype(np.str_)
    if column.dtype.kind == "f" and (np.abs(column) < 2.0**53).all() and (column == np.round(column)).all():
        return column.astype(np.int64)
    raise InputError(f"{name} has dtype {column.dtype}; use integers or text")
