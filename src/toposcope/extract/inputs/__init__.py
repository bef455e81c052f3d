"""Folders, archives, arrays and iterables → batches, with the sample ids that travel along with every row."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib
import os
import sys
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from toposcope import _check, _io
from toposcope._errors import FileError, InputError, ToposcopeWarning
from toposcope.extract.inputs.arrays import array_inputs, column_inputs, digits, idx_inputs, npz_inputs
from toposcope.extract.inputs.batches import Batch, Inputs, Preprocess, limited
from toposcope.extract.inputs.images import Archive, Folder, image_inputs

__all__ = ["FORMS", "Batch", "Inputs", "load_inputs"]

FORMS = (
    "a folder of images, .npy, .npz, .zip, IDX .gz, 'digits', 'digits:train', 'digits:test' or package.module:function"
)


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
        inputs = array_inputs(spec, None, None, None)
    elif isinstance(spec, Mapping):
        inputs = column_inputs(spec)
    elif isinstance(spec, Iterable) or _is_dataset(spec):
        inputs = _stream_inputs(spec)
    else:
        raise InputError(f"inputs of type {type(spec).__name__} are not understood; pass {FORMS}, an array, or batches")
    if preprocess is not None:
        inputs = dataclasses.replace(inputs, preprocess=preprocess)
    return limited(inputs, limit)


def _named(spec: str, limit: int | None) -> Inputs:
    path = Path(spec)
    archive, member = _split_archive(spec)
    if path.is_dir():
        return image_inputs(Folder(path), spec, limit)
    if archive is not None:
        return image_inputs(Archive(archive, member), spec, limit)
    if spec in ("digits", "digits:train", "digits:test"):
        return digits(spec)
    if path.suffix == ".npy":
        return array_inputs(_io.read_array(path, memory_map=True), None, None, path)
    if path.suffix == ".npz":
        return npz_inputs(path)
    if path.suffix == ".gz":
        return idx_inputs(path)
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
