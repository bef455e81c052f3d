"""What every kind of inputs is: batches with the sample ids that travel along with every row."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from toposcope._errors import InputError, ToposcopeWarning
from toposcope._types import Array

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


def limited(inputs: Inputs, limit: int | None) -> Inputs:
    """At most so many of them: evenly spaced ones, the first ones of a stream."""
    if limit is None or (inputs.ids is not None and len(inputs.ids) <= limit):
        return inputs
    if inputs.rows is None or inputs.ids is None:
        return dataclasses.replace(inputs, limit=min(limit, inputs.limit or limit))
    rows = spread(len(inputs.ids), limit)
    labels = None if inputs.labels is None else inputs.labels[rows]
    texts = None if inputs.texts is None else inputs.texts[rows]
    subset = _Subset(inputs.rows, rows)
    return dataclasses.replace(inputs, rows=subset, ids=inputs.ids[rows], labels=labels, texts=texts)


def spread(n: int, limit: int) -> Array:
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


def _stream_batches(stream: Iterable[Any], limit: int | None) -> Iterator[Batch]:
    done = 0
    for number, entry in enumerate(stream):
        batch = as_batch(entry, number, done)
        if limit is not None and done + len(batch) > limit:
            batch = _first_rows(batch, limit - done)
        if len(batch):
            yield batch
        done += len(batch)
        if limit is not None and done >= limit:
            return


def as_batch(entry: Any, number: int, done: int) -> Batch:
    """What an iterable gave as a Batch. number: of the batch. done: inputs before it. Raises InputError."""
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
    return Batch(tensors, ids_of(ids, size, done, where), labels_of(labels, size, where))


def _tensor(value: Any) -> Any:
    import torch

    return torch.from_numpy(np.array(value)) if isinstance(value, np.ndarray) else value


def _first_rows(batch: Batch, k: int) -> Batch:
    tensors = batch.tensors
    cut = {name: part[:k] for name, part in tensors.items()} if isinstance(tensors, dict) else tensors[:k]
    labels = None if batch.labels is None else batch.labels[:k]
    return Batch(cut, batch.ids[:k], labels)


def ids_of(column: Any, n: int, start: int, where: str) -> Array:
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


def labels_of(column: Any, n: int, where: str) -> Array | None:
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
