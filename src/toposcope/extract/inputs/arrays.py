"""Arrays, files of arrays, and columns of tensors as inputs."""

from __future__ import annotations

import dataclasses
import functools
import gzip
import hashlib
import math
import struct
import sys
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from toposcope import _io
from toposcope._errors import FileError, InputError
from toposcope._types import Array
from toposcope.extract.inputs.batches import Inputs, Preprocess, as_batch, ids_of, labels_of
from toposcope.extract.inputs.images import stack, to_pil


def array_inputs(array: Any, ids: Any, labels: Any, path: Path | None) -> Inputs:
    """The rows of an array or tensor. path: of the file that it is from. Raises InputError."""
    if not isinstance(array, np.ndarray) and not _is_tensor(array):
        array = np.asarray(array)
    where = f"{path}: inputs" if path else "inputs"
    shape = tuple(array.shape)
    if len(shape) < 2:
        raise InputError(f"{where} have shape {shape}, but the first axis counts inputs: (n, ...); reshape them")
    if shape[0] == 0 or 0 in shape:
        raise InputError(f"{where} have shape {shape}, which is empty; pass at least one input")
    if isinstance(array, np.ndarray) and array.dtype.kind not in "fiub":
        raise InputError(f"{where} have dtype {array.dtype}; use numbers")
    name = path.name if path else "array " + "×".join(map(str, shape))
    return Inputs(name, _Arrays(array), ids_of(ids, shape[0], 0, where), labels_of(labels, shape[0], where))


def npz_inputs(path: Path) -> Inputs:
    """The inputs of an `.npz`, and the ids, labels and texts beside them. Raises InputError, FileError."""
    arrays = _io.read_arrays(path)
    data = [name for name in ("inputs", "images", "points") if name in arrays]
    others = [name for name in arrays if name not in ("labels", "sample_ids", "source", "texts")]
    if not data and len(others) != 1:
        raise InputError(f"{path} holds {sorted(arrays)} and no array called 'inputs'; name the inputs 'inputs'")
    inputs = array_inputs(arrays[(data or others)[0]], arrays.get("sample_ids"), arrays.get("labels"), path)
    return _with_texts(inputs, arrays.get("texts"), f"{path}: texts")


def _with_texts(inputs: Inputs, column: Any, where: str) -> Inputs:
    """The inputs with what each of them says. Raises InputError."""
    if column is None:
        return inputs
    texts = np.asarray(column, dtype=np.str_) if isinstance(column, (list, tuple)) else np.asarray(column)
    if texts.dtype.kind != "U" or texts.shape != (inputs.count,):
        raise InputError(f"{where} have shape {texts.shape} and dtype {texts.dtype}; give one text for each input")
    return dataclasses.replace(inputs, texts=texts)


def column_inputs(fields: Mapping[str, Any]) -> Inputs:
    """Named tensors, as transformers takes them. Raises InputError."""
    whole = as_batch({name: column for name, column in fields.items() if name != "texts"}, 0, 0)
    inputs = Inputs("columns " + ", ".join(whole.tensors), _Columns(whole.tensors), whole.ids, whole.labels)
    return _with_texts(inputs, fields.get("texts"), "texts")


def idx_inputs(path: Path) -> Inputs:
    """Images in the IDX format of MNIST (yann.lecun.com/exdb/mnist); labels from the file beside them."""
    images = _read_idx(path)
    beside = path.with_name(path.name.replace("images-idx3", "labels-idx1"))
    labels = _read_idx(beside).astype(np.int64) if beside != path and beside.is_file() else None
    return array_inputs(images, None, labels, path)


def _read_idx(path: Path) -> Array:
    try:
        with gzip.open(path, "rb") as file:
            zero, kind, rank = struct.unpack(">HBB", file.read(4))
            shape = struct.unpack(f">{rank}I", file.read(4 * rank))
            if zero or kind != 8:
                raise FileError(f"{path} is not an IDX file of bytes; convert it to .npy")
            size = math.prod(shape)
            if not 1 <= rank <= 4 or not size:
                told = "without an entry" if not size else f"of {rank} dimensions"
                raise FileError(f"{path} is an IDX array {told}, and neither images nor labels; get it again")
            _io.check_unpacked(path.stat().st_size, size)
            content = file.read(size + 1)
    except FileError:
        raise
    except (OSError, EOFError, ValueError, struct.error, zlib.error) as error:
        raise FileError(f"{path} is not a readable IDX .gz file: {error}") from error
    if len(content) != size:
        raise FileError(f"{path} is damaged: its header promises {size} bytes of content; get it again")
    return np.frombuffer(content, dtype=np.uint8).reshape(shape)


def digits(spec: str) -> Inputs:
    """The handwritten digits of scikit-learn: all, or those of ``digits:train`` or ``digits:test``."""
    images, labels, order = _parsed_digits()
    rows = np.arange(len(images))
    if spec != "digits":
        rows = np.sort(order[:997] if spec == "digits:train" else order[997:])
    ids = np.array([f"digits-{row:04d}" for row in rows])
    # Rows taken by number are copies: whoever changes them changes nobody else's.
    return Inputs(spec, _Arrays(images[rows], pixels=True), ids, labels[rows])


@functools.cache
def _parsed_digits() -> tuple[Array, Array, Array]:
    """Images (1797, 1, 8, 8), labels (1797,), and the rows in the order that splits them; parsed once a process."""
    from sklearn.datasets import load_digits

    data = load_digits()
    images = (data.images / 16.0).astype(np.float32)[:, None]
    # A hash of the id decides, so that the split is the same everywhere and forever.
    order = sorted(range(len(images)), key=lambda row: hashlib.sha256(f"digits-{row:04d}".encode()).hexdigest())
    found = images, data.target.astype(np.int64), np.array(order)
    for array in found:
        array.setflags(write=False)
    return found


@dataclasses.dataclass(frozen=True, eq=False)
class _Arrays:
    """Rows of an array or tensor; uint8 ones of image shape are images. A preprocessing always sees RGB images.

    pixels: floats of image shape that are images too, where something preprocesses them.
    """

    array: Any
    pixels: bool = False

    @property
    def images(self) -> bool:
        shape = self.array.shape
        return str(self.array.dtype).endswith("uint8") and (
            len(shape) == 3 or (len(shape) == 4 and (shape[3] in (1, 3, 4) or shape[1] in (1, 3)))
        )

    def batch(self, rows: Array, preprocess: Preprocess | None) -> Any:
        import torch

        if self.images or (self.pixels and preprocess is not None):
            images = [to_pil(image) for image in self.pictures(rows)]
            return stack([image.convert("RGB") for image in images] if preprocess else images, preprocess)
        chosen = self.array[rows]
        if not isinstance(chosen, torch.Tensor):
            chosen = np.array(chosen)
            native = chosen.dtype.newbyteorder("=")
            chosen = torch.from_numpy(chosen.astype(native.char if native.kind != "u" else np.int64, copy=False))
        return chosen

    def pictures(self, rows: Array) -> list[Any]:
        shape = tuple(self.array.shape)
        chosen = np.asarray(self.array[rows])
        if self.images:
            if len(shape) == 4 and shape[3] not in (1, 3, 4):
                chosen = chosen.transpose(0, 2, 3, 1)
            if chosen.shape[-1] == 1 and chosen.ndim == 4:
                chosen = chosen[..., 0]
            return list(chosen[..., :3] if chosen.ndim == 4 else chosen)
        if len(shape) != 4 or shape[1] not in (1, 3) or chosen.dtype.kind != "f":
            raise InputError(
                f"inputs of shape {shape} and dtype {chosen.dtype} are not images; pass uint8 (n, h, w, 3)"
            )
        # One grey scale for all of them: the same value looks the same in every thumbnail.
        low, high = float(np.asarray(self.array).min()), float(np.asarray(self.array).max())
        scaled = ((chosen - low) * (255.0 / ((high - low) or 1.0))).round().astype(np.uint8)
        return [image[0] if shape[1] == 1 else image.transpose(1, 2, 0) for image in scaled]

    def digest(self) -> Any:
        digest = hashlib.sha256(f"{self.array.dtype} {tuple(self.array.shape)}".encode())
        for start in range(0, len(self.array), 256):
            block = self.array[start : start + 256]
            if _is_tensor(block):
                import torch

                block = block.detach().cpu().contiguous().reshape(len(block), -1).view(torch.uint8)
            digest.update(np.ascontiguousarray(block).tobytes())
        return digest


@dataclasses.dataclass(frozen=True, eq=False)
class _Columns:
    """Named tensors, row i of each belonging to input i, as transformers takes them."""

    tensors: dict[str, Any]

    def batch(self, rows: Array, preprocess: Preprocess | None) -> Any:
        return {name: tensor[rows] for name, tensor in self.tensors.items()}

    def pictures(self, rows: Array) -> list[Any]:
        raise InputError(f"inputs of columns {', '.join(self.tensors)} are not images; pass uint8 (n, h, w, 3)")

    def digest(self) -> Any:
        digest = hashlib.sha256()
        for name in sorted(self.tensors):
            digest.update(f"{name} {_Arrays(self.tensors[name]).digest().hexdigest()}\n".encode())
        return digest


def _is_tensor(value: Any) -> bool:
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.Tensor)
