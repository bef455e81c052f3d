"""Folders, archives, arrays and iterables → batches, with the sample ids that travel along with every row."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import gzip
import hashlib
import importlib
import io
import math
import os
import struct
import sys
import warnings
import weakref
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from toposcope import _check, _io
from toposcope._errors import FileError, InputError, ToposcopeWarning
from toposcope._types import Array

if TYPE_CHECKING:
    import PIL.Image

IMAGE_SUFFIXES = {".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"}
MAX_FILE_BYTES = 256 << 20
"""The largest single image file that is read; guards against archives that unpack without end."""
MAX_PLAIN_PIXELS = 1 << 24
"""Of an image file that no preprocessing makes smaller; each takes 12 bytes and more."""
NAMED = 20
"""The most unreadable files that a warning names; the others it counts."""
FORMS = (
    "a folder of images, .npy, .npz, .zip, IDX .gz, 'digits', 'digits:train', 'digits:test' or package.module:function"
)

Preprocess = Callable[[Any], Any]


@dataclasses.dataclass(frozen=True, eq=False)
class Batch:
    """A few inputs as the network takes them.

    tensors: (b, ...) tensor, or a dict of them. ids: (b,). labels: (b,) or None.
    """

    tensors: Any
    ids: Array
    labels: Array | None = None

    @property
    def mask(self) -> Any:
        """(b, t) tensor that is 0 at padding, or None."""
        return self.tensors.get("attention_mask") if isinstance(self.tensors, dict) else None

    def __len__(self) -> int:
        return len(self.ids)


class _Rows(Protocol):
    """Inputs that can be had by row number."""

    def batch(self, rows: Array, preprocess: Preprocess | None) -> Any:
        """(b, ...) tensor of these rows."""

    def pictures(self, rows: Array) -> list[Any]:
        """PIL images or (h, w[, 3]) uint8 arrays of these rows."""

    def digest(self) -> Any:
        """A hash object fed with everything the inputs consist of."""


@dataclasses.dataclass(frozen=True, eq=False)
class Inputs:
    """Inputs with a name: an iterable of Batch.

    name: for the reader. ids: (n,) integers or text, or None for a stream, whose length isn't known. labels: (n,) or
    None. preprocess: image → tensor, used instead of the network's own where it isn't None. texts: (n,) what each input
    says, where inputs are tokens of text; only people read it.
    """

    name: str
    rows: _Rows | None = None
    ids: Array | None = None
    labels: Array | None = None
    stream: Iterable[Any] | None = None
    preprocess: Preprocess | None = None
    limit: int | None = None
    texts: Array | None = None

    def __len__(self) -> int:
        if self.ids is None:
            raise TypeError(f"{self.name} is a stream, whose length is not known")
        return len(self.ids)

    @property
    def count(self) -> int | None:
        """How many inputs there are, or None for a stream."""
        return None if self.ids is None else len(self.ids)

    def __iter__(self) -> Iterator[Batch]:
        return self.batches()

    def batches(
        self, batch_size: int = 64, preprocess: Preprocess | None = None, span: range | None = None
    ) -> Iterator[Batch]:
        """The inputs in order, `batch_size` at a time; a stream keeps its own batches.

        preprocess: what the network brings; the inputs' own comes first. span: only the batches that begin in it, which
        are the same ones whatever the spans. Raises InputError for a batch that is none, and for a span of a stream.
        """
        if self.rows is None or self.ids is None:
            if span is not None:
                raise InputError(f"{self.name} is a stream, of which no part can be had; pass arrays or a folder")
            yield from _stream_batches(self.stream or (), self.limit)
            return
        begin, end = (0, len(self.ids)) if span is None else (span.start, min(span.stop, len(self.ids)))
        for start in range(-(-begin // batch_size) * batch_size, end, batch_size):
            rows = np.arange(start, min(start + batch_size, len(self.ids)))
            labels = None if self.labels is None else self.labels[rows]
            yield Batch(self.rows.batch(rows, self.preprocess or preprocess), self.ids[rows], labels)

    def images(self, rows: Sequence[int] | Array) -> list[Any]:
        """The inputs of these row numbers as PIL images or (h, w[, 3]) uint8 arrays. Raises InputError for others."""
        if self.rows is None:
            raise InputError(
                f"{self.name} is a stream, which cannot be read again for its images; pass arrays or a folder"
            )
        return self.rows.pictures(np.asarray(rows, dtype=np.int64))

    def digest(self) -> str:
        """sha256, in hex, of the content: arrays or files (names, sizes, contents), ids, labels, texts.

        Raises InputError for a stream.
        """
        if self.rows is None:
            raise InputError(f"{self.name} is a stream, which has no content to name it by; pass arrays or a folder")
        digest = self.rows.digest()
        for column in (self.ids, self.labels, *([] if self.texts is None else [self.texts])):
            digest.update(
                b"-" if column is None else f"{column.dtype.str}".encode() + np.ascontiguousarray(column).tobytes()
            )
        return str(digest.hexdigest())


def load_inputs(spec: Any, *, limit: int | None = None, preprocess: Preprocess | None = None) -> Inputs:
    """INPUTS → Inputs.

    spec: a folder of images (class folders become labels); a `.zip` of them (``archive.zip``, ``archive.zip:folder``);
    `.npy`; `.npz` (``inputs``, ``images``, ``points`` or its only array; ``labels``, ``sample_ids`` and, for people to
    read, ``texts`` if there); IDX `.gz`; ``digits``, ``digits:train`` (997 of them), ``digits:test`` (the other 800);
    ``package.module:function``; an (n, ...) array or tensor; a dict of those, as transformers takes them, ``texts``
    beside them; a torch data set; or an iterable of batches: tensors, (tensor, labels), (tensor, labels, ids) or dicts.
    Inputs pass through.
    limit: at most so many inputs: evenly spaced ones of a folder or an array, because sorted classes would otherwise
    be cut off; the first ones of a stream.
    preprocess: image → tensor, instead of what the network brings.

    uint8 arrays (n, h, w) and (n, h, w, c) are images and are preprocessed, as are digits; other arrays go as they are.
    A preprocessing sees RGB images. An image with nothing to preprocess it becomes float32 in [0, 1].

    Raises InputError for what is no input, FileError for what cannot be read.
    """
    if limit is not None:
        limit = _check.integer(limit, "limit", at_least=1)
    if isinstance(spec, (str, os.PathLike)):
        inputs = _named(os.fspath(spec), limit)
    elif isinstance(spec, Inputs):
        inputs = spec
    elif isinstance(spec, np.ndarray) or (hasattr(spec, "__array__") and hasattr(spec, "shape")):
        inputs = _array_inputs(spec, None, None, None)
    elif isinstance(spec, Mapping):
        inputs = _column_inputs(spec)
    elif isinstance(spec, Iterable) or _is_dataset(spec):
        inputs = _stream_inputs(spec)
    else:
        raise InputError(f"inputs of type {type(spec).__name__} are not understood; pass {FORMS}, an array, or batches")
    if preprocess is not None:
        inputs = dataclasses.replace(inputs, preprocess=preprocess)
    return _limited(inputs, limit)


def _limited(inputs: Inputs, limit: int | None) -> Inputs:
    if limit is None or (inputs.ids is not None and len(inputs.ids) <= limit):
        return inputs
    if inputs.rows is None or inputs.ids is None:
        return dataclasses.replace(inputs, limit=min(limit, inputs.limit or limit))
    rows = _spread(len(inputs.ids), limit)
    labels = None if inputs.labels is None else inputs.labels[rows]
    texts = None if inputs.texts is None else inputs.texts[rows]
    subset = _Subset(inputs.rows, rows)
    return dataclasses.replace(inputs, rows=subset, ids=inputs.ids[rows], labels=labels, texts=texts)


def _spread(n: int, limit: int) -> Array:
    """`limit` evenly spaced row numbers of n."""
    return np.arange(limit) * n // limit


@dataclasses.dataclass(frozen=True, eq=False)
class _Subset:
    whole: _Rows
    chosen: Array

    def batch(self, rows: Array, preprocess: Preprocess | None) -> Any:
        return self.whole.batch(self.chosen[rows], preprocess)

    def pictures(self, rows: Array) -> list[Any]:
        return self.whole.pictures(self.chosen[rows])

    def digest(self) -> Any:
        digest = self.whole.digest()
        digest.update(self.chosen.tobytes())
        return digest


# --- names ------------------------------------------------------------------------------------------------------------


def _named(spec: str, limit: int | None) -> Inputs:
    path = Path(spec)
    archive, member = _split_archive(spec)
    if path.is_dir():
        return _image_inputs(_Folder(path), spec, limit)
    if archive is not None:
        return _image_inputs(_Archive(archive, member), spec, limit)
    if spec in ("digits", "digits:train", "digits:test"):
        return _digits(spec)
    if path.suffix == ".npy":
        return _array_inputs(_io.read_array(path, memory_map=True), None, None, path)
    if path.suffix == ".npz":
        return _npz_inputs(path)
    if path.suffix == ".gz":
        return _idx_inputs(path)
    if path.exists():
        raise InputError(f"inputs {spec!r} are not understood; use {FORMS}")
    module, colon, name = spec.partition(":")
    if colon and all(part.isidentifier() for part in [*module.split("."), *name.split(".")]):
        return dataclasses.replace(load_inputs(_call(module, name, spec)), name=spec)
    raise FileError(f"inputs {spec!r} do not exist; use {FORMS}")


def _split_archive(spec: str) -> tuple[Path | None, str]:
    """``archive.zip:folder`` or ``archive.zip/folder`` → the archive and the folder in it; else (None, '')."""
    head, dot, tail = spec.partition(".zip")
    archive = Path(head + dot)
    if dot and archive.is_file() and (not tail or tail[0] in ":/"):
        return archive, tail.strip(":/")
    return None, ""


def _call(module: str, name: str, spec: str) -> Any:
    """What ``module.name()`` returns; the working folder is importable."""
    folder = os.getcwd()
    sys.path.insert(0, folder)
    try:
        importlib.invalidate_caches()
        try:
            found: Any = importlib.import_module(module)
            for part in name.split("."):
                found = getattr(found, part)
        except (ImportError, AttributeError) as error:
            raise InputError(f"inputs {spec!r} cannot be imported: {error}; use {FORMS}") from error
        try:
            return found()
        except TypeError as error:
            raise InputError(
                f"{spec}() failed: {error}; it takes no arguments and returns an array or batches"
            ) from error
    finally:
        with contextlib.suppress(ValueError):
            sys.path.remove(folder)


def _digits(spec: str) -> Inputs:
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


# --- arrays -----------------------------------------------------------------------------------------------------------


def _array_inputs(array: Any, ids: Any, labels: Any, path: Path | None) -> Inputs:
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
    return Inputs(name, _Arrays(array), _ids(ids, shape[0], 0, where), _labels(labels, shape[0], where))


def _ids(column: Any, n: int, start: int, where: str) -> Array:
    """(n,) ids, integers or text; numbers from `start` for None. Raises InputError."""
    if column is None:
        return np.arange(start, start + n)
    ids = np.asarray(column)
    if ids.shape != (n,) or not _names_things(ids):
        raise InputError(
            f"{where}: sample ids have shape {ids.shape} and dtype {ids.dtype} for {n} inputs; "
            "give one integer or text for each"
        )
    return ids


def _labels(column: Any, n: int, where: str) -> Array | None:
    """(n,) labels, integers or text; None, and a warning, for targets that name no class. Raises InputError."""
    if column is None:
        return None
    labels = np.asarray(column)
    if labels.shape[:1] != (n,):
        raise InputError(f"{where}: labels have shape {labels.shape} for {n} inputs; give one each")
    if labels.ndim == 1 and _names_things(labels):
        return labels
    told = f"labels of shape {labels.shape} and dtype {labels.dtype} name no classes and are left out"
    warnings.warn(f"{where}: {told}; give one integer or text for each input", ToposcopeWarning, stacklevel=2)
    return None


def _names_things(column: Array) -> bool:
    return column.dtype.kind in "iubU" or (column.dtype.kind == "O" and all(isinstance(entry, str) for entry in column))


def _npz_inputs(path: Path) -> Inputs:
    arrays = _io.read_arrays(path)
    data = [name for name in ("inputs", "images", "points") if name in arrays]
    others = [name for name in arrays if name not in ("labels", "sample_ids", "source", "texts")]
    if not data and len(others) != 1:
        raise InputError(f"{path} holds {sorted(arrays)} and no array called 'inputs'; name the inputs 'inputs'")
    inputs = _array_inputs(arrays[(data or others)[0]], arrays.get("sample_ids"), arrays.get("labels"), path)
    return _with_texts(inputs, arrays.get("texts"), f"{path}: texts")


def _idx_inputs(path: Path) -> Inputs:
    """Images in the IDX format of MNIST (yann.lecun.com/exdb/mnist); labels from the file beside them."""
    images = _read_idx(path)
    beside = path.with_name(path.name.replace("images-idx3", "labels-idx1"))
    labels = _read_idx(beside).astype(np.int64) if beside != path and beside.is_file() else None
    return _array_inputs(images, None, labels, path)


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
            images = [_to_pil(image) for image in self.pictures(rows)]
            return _stack([image.convert("RGB") for image in images] if preprocess else images, preprocess)
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


def _column_inputs(fields: Mapping[str, Any]) -> Inputs:
    whole = _as_batch({name: column for name, column in fields.items() if name != "texts"}, 0, 0)
    inputs = Inputs("columns " + ", ".join(whole.tensors), _Columns(whole.tensors), whole.ids, whole.labels)
    return _with_texts(inputs, fields.get("texts"), "texts")


def _with_texts(inputs: Inputs, column: Any, where: str) -> Inputs:
    """The inputs with what each of them says. Raises InputError."""
    if column is None:
        return inputs
    texts = np.asarray(column, dtype=np.str_) if isinstance(column, (list, tuple)) else np.asarray(column)
    if texts.dtype.kind != "U" or texts.shape != (inputs.count,):
        raise InputError(f"{where} have shape {texts.shape} and dtype {texts.dtype}; give one text for each input")
    return dataclasses.replace(inputs, texts=texts)


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


# --- images -----------------------------------------------------------------------------------------------------------


def _to_pil(image: Array) -> PIL.Image.Image:
    from PIL import Image

    return Image.fromarray(np.ascontiguousarray(image))


def _stack(images: Iterable[Any], preprocess: Preprocess | None) -> Any:
    """PIL images → one (b, c, h, w) tensor."""
    import torch

    tensors = [torch.as_tensor(preprocess(image) if preprocess else _plain(image)) for image in images]
    shapes = {tuple(tensor.shape) for tensor in tensors}
    if len(shapes) > 1:
        told = " and ".join("×".join(map(str, shape)) for shape in sorted(shapes)[:2])
        raise InputError(f"images of different sizes ({told}) make no batch; pass preprocess=, which resizes them")
    return torch.stack(tensors)


def _plain(image: PIL.Image.Image) -> Array:
    """(c, h, w) float32 in [0, 1]."""
    pixels = np.asarray(image, dtype=np.float32) / np.float32(255)
    return pixels[None] if pixels.ndim == 2 else np.ascontiguousarray(pixels.transpose(2, 0, 1))


@dataclasses.dataclass(frozen=True)
class _Folder:
    """A folder and what lies below it."""

    path: Path

    def names(self) -> list[str]:
        """Relative paths of the files, with forward slashes, sorted."""
        found, seen = [], set()
        # Linked class folders are followed, each real folder once, so that a link upwards ends.
        for folder, subfolders, files in os.walk(self.path, followlinks=True, onerror=self._refuse):
            real = os.path.realpath(folder)
            if real in seen:
                subfolders.clear()
                continue
            seen.add(real)
            subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
            found += [(Path(folder) / name).relative_to(self.path).as_posix() for name in files]
        return sorted(found)

    @staticmethod
    def _refuse(error: OSError) -> None:
        raise FileError(f"cannot read {error.filename}: {error.strerror}; check its permissions") from error

    def read(self, name: str) -> bytes:
        """The content of a file. Raises OSError."""
        path = self.path / name
        if not path.is_file():  # opening a pipe would wait for ever
            raise OSError("not a regular file")
        if path.stat().st_size > MAX_FILE_BYTES:
            raise OSError("too large")
        return path.read_bytes()


@dataclasses.dataclass(frozen=True)
class _Archive:
    """A folder inside a `.zip`, read without unpacking it."""

    path: Path
    folder: str

    @functools.cached_property
    def _zip(self) -> zipfile.ZipFile:
        # Kept open: reading the directory of a large archive takes longer than decoding a batch. The file is closed
        # with the archive; left to the collector of cycles it might go first, which Python warns of.
        with contextlib.ExitStack() as stack:
            try:
                archive = zipfile.ZipFile(stack.enter_context(open(self.path, "rb")))
            except _UNREADABLE as error:
                raise FileError(f"{self.path} is not a readable .zip archive: {error}") from error
            weakref.finalize(archive, stack.pop_all().close)
        return archive

    def __reduce__(self) -> tuple[Any, ...]:
        return _Archive, (self.path, self.folder)

    @property
    def _prefix(self) -> str:
        return f"{self.folder}/" if self.folder else ""

    def names(self) -> list[str]:
        """Paths of the files relative to the folder, sorted."""
        names = {name for name in self._zip.namelist() if name and not name.endswith("/")}
        inside = (name for name in names if name.startswith(self._prefix) and "__MACOSX" not in name)
        return sorted(name.removeprefix(self._prefix) for name in inside)

    def read(self, name: str) -> bytes:
        """The content of a file. Raises what `_UNREADABLE` holds."""
        with self._zip.open(self._prefix + name) as file:
            content = file.read(MAX_FILE_BYTES + 1)
        if len(content) > MAX_FILE_BYTES:
            raise OSError("too large")
        return content


def _image_inputs(files: _Folder | _Archive, spec: str, limit: int | None) -> Inputs:
    names = [name for name in files.names() if _is_image_name(name)]
    if not names:
        raise InputError(f"{spec} holds no images ({', '.join(sorted(IMAGE_SUFFIXES))}); check the folder")
    if limit is not None and len(names) > limit:
        names = [names[row] for row in _spread(len(names), limit)]
    unreadable = []
    for name in names:
        try:
            _decode(files.read(name), probe=True)
        except _UNREADABLE as error:
            unreadable.append((_text(name), " ".join(str(error).split())[:200] or type(error).__name__))
    if unreadable:
        told = ", ".join(f"{name} ({reason})" for name, reason in unreadable[:NAMED])
        rest = f" and {len(unreadable) - NAMED} more" if len(unreadable) > NAMED else ""
        message = f"{spec}: {len(unreadable)} of {len(names)} images cannot be read: {told}{rest}"
        if len(unreadable) == len(names):
            raise FileError(f"{message}; there is nothing left")
        warnings.warn(f"{message}; they are skipped", ToposcopeWarning, stacklevel=2)
        skipped = {name for name, _ in unreadable}
        names = [name for name in names if _text(name) not in skipped]
    ids = [_text(name) for name in names]
    classes = [name.partition("/")[0] if "/" in name else None for name in ids]
    labels = None if None in classes else np.array(classes)
    if labels is None and any(classes):
        warnings.warn(
            f"{spec} holds images in class folders and beside them, so there are no labels; move them into folders",
            ToposcopeWarning,
            stacklevel=2,
        )
    return Inputs(spec.rstrip("/"), _Images(files, tuple(names)), np.array(ids), labels)


def _text(name: str) -> str:
    """A file's name as text that can be written: bytes that are no UTF-8 are spelled out."""
    return name.encode(errors="surrogateescape").decode(errors="backslashreplace")


def _is_image_name(name: str) -> bool:
    return Path(name).suffix.lower() in IMAGE_SUFFIXES and not any(part.startswith(".") for part in name.split("/"))


# What Pillow raises on damaged files is wider than OSError: struct.error, SyntaxError, EOFError and more.
_UNREADABLE = (
    OSError,
    ValueError,
    SyntaxError,
    EOFError,
    LookupError,
    ArithmeticError,
    AttributeError,
    TypeError,
    MemoryError,
    RuntimeError,
    zlib.error,
    zipfile.BadZipFile,
    struct.error,
)
# Those of IMAGE_SUFFIXES. Pillow goes by the content, and hands what calls itself PostScript to an interpreter.
_FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")


def _decode(content: bytes, probe: bool = False) -> PIL.Image.Image:
    """An RGB image. probe: only find out whether it can be read, at the smallest scale that the format offers."""
    from PIL import Image, UnidentifiedImageError

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            with Image.open(io.BytesIO(content), formats=_FORMATS) as image:
                if probe:
                    image.draft("RGB", (1, 1))
                image.load()
                if image.mode.startswith("I"):  # 16 bits per pixel, which convert() would cut off at 255
                    pixels = np.array(image)
                    if pixels.max(initial=0) > 255:
                        pixels >>= 8
                    return _to_pil(pixels.clip(0, 255, out=pixels).astype(np.uint8)).convert("RGB")
                return image if probe else image.convert("RGB")
        except UnidentifiedImageError:
            raise OSError("not an image") from None
        except (Image.DecompressionBombError, Image.DecompressionBombWarning):
            raise OSError("decompression bomb") from None


@dataclasses.dataclass(frozen=True, eq=False)
class _Images:
    """Image files of a folder or an archive, decoded when their batch comes."""

    files: _Folder | _Archive
    names: tuple[str, ...]

    def batch(self, rows: Array, preprocess: Preprocess | None) -> Any:
        images = self._decoded(rows)  # one by one: those of a batch may together be larger than memory
        return _stack(images if preprocess else map(self._small, rows, images), preprocess)

    def pictures(self, rows: Array) -> list[Any]:
        return list(self._decoded(rows))

    def _decoded(self, rows: Array) -> Iterator[Any]:
        for row in rows:
            try:
                image = _decode(self.files.read(self.names[row]))
            except _UNREADABLE as error:
                raise FileError(f"images of {self.files.path} can no longer be read: {error}") from error
            yield image

    def _small(self, row: int, image: Any) -> Any:
        if image.width * image.height > MAX_PLAIN_PIXELS:
            raise InputError(
                f"{_text(self.names[row])} of {self.files.path} has {image.width}×{image.height} pixels, and the "
                "network would get them all; pass preprocess=, which resizes images, or leave it out"
            )
        return image

    def digest(self) -> Any:
        digest = hashlib.sha256()
        for name in self.names:
            content = self.files.read(name)
            digest.update(f"{name} {len(content)}\n".encode(errors="surrogateescape") + content)
        return digest


# --- streams ----------------------------------------------------------------------------------------------------------


def _is_dataset(value: Any) -> bool:
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.utils.data.Dataset) and hasattr(value, "__len__")


def _stream_inputs(spec: Any) -> Inputs:
    if _is_dataset(spec):
        from torch.utils.data import DataLoader

        spec = DataLoader(spec, batch_size=64, shuffle=False)
    loader_of = sys.modules.get("torch.utils.data")
    if loader_of is not None and isinstance(getattr(spec, "sampler", None), loader_of.RandomSampler):
        warnings.warn(
            "the loader shuffles, so its row numbers do not name the same inputs twice; "
            "pass shuffle=False, or ids as the third entry of each batch",
            ToposcopeWarning,
            stacklevel=3,
        )
    return Inputs("batches", stream=spec)


def _stream_batches(stream: Iterable[Any], limit: int | None) -> Iterator[Batch]:
    done = 0
    for number, entry in enumerate(stream):
        batch = _as_batch(entry, number, done)
        if limit is not None and done + len(batch) > limit:
            batch = _first_rows(batch, limit - done)
        if len(batch):
            yield batch
        done += len(batch)
        if limit is not None and done >= limit:
            return


def _as_batch(entry: Any, number: int, done: int) -> Batch:
    import torch

    tensors, labels, ids = entry, None, None
    if isinstance(entry, (tuple, list)) and 1 <= len(entry) <= 3:
        tensors, labels, ids = (*entry, None, None)[:3]
    if isinstance(tensors, Mapping):
        fields = dict(tensors)
        labels = fields.pop("labels", labels)
        ids = fields.pop("sample_ids", ids)
        tensors = {name: _tensor(value) for name, value in fields.items()}
    elif isinstance(tensors, (torch.Tensor, np.ndarray)):
        tensors = _tensor(tensors)
    else:
        raise InputError(
            f"batch {number} is a {type(tensors).__name__}; batches are tensors, (tensor, labels), "
            "(tensor, labels, ids) or dicts of tensors"
        )
    parts = list(tensors.values()) if isinstance(tensors, dict) else [tensors]
    sizes = {len(part) for part in parts if isinstance(part, torch.Tensor) and part.ndim}
    if len(sizes) != 1:
        raise InputError(f"batch {number} holds tensors of {sorted(sizes)} rows; every tensor needs one row per input")
    size = sizes.pop()
    where = f"batch {number}"
    return Batch(tensors, _ids(ids, size, done, where), _labels(labels, size, where))


def _tensor(value: Any) -> Any:
    import torch

    return torch.from_numpy(np.array(value)) if isinstance(value, np.ndarray) else value


def _first_rows(batch: Batch, k: int) -> Batch:
    tensors = batch.tensors
    cut = {name: part[:k] for name, part in tensors.items()} if isinstance(tensors, dict) else tensors[:k]
    labels = None if batch.labels is None else batch.labels[:k]
    return Batch(cut, batch.ids[:k], labels)
