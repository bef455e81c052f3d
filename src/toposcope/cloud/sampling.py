"""Draws: equal, disjoint, paired and seeded sets of rows. The draws of inputs are the sample of every statistic."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Sequence

import numpy as np

from toposcope import _check
from toposcope._errors import InputError
from toposcope._types import Array, Ints


def disjoint_draws(sample_ids: Array, size: int, draws: int, seed: int = 0) -> list[Ints]:
    """`draws` disjoint sets of `size` rows, chosen by a hash of the sample ids and the seed.

    sample_ids: (n,) integers or text. Returns a list of (size,) int64 row numbers. The choice depends on the ids and
    the seed only, never on the values or the order of the rows: the same inputs are drawn from every layer, network
    and checkpoint, and nobody has looked at the data. An id that stands in several rows (tokens, pixels) falls into
    one draw with all its rows, of which `size` are kept, again by hash.

    Raises InputError when there are too few inputs, saying how many are needed.
    """
    ids = np.asarray(sample_ids)
    size = _check.integer(size, "size", at_least=1)
    draws = _check.integer(draws, "draws", at_least=1)
    units, inverse = np.unique(ids, return_inverse=True)
    if len(units) == len(ids):
        if size * draws > len(ids):
            raise InputError(
                f"{draws} disjoint draws of {size} points need {size * draws} inputs, and there are {len(ids)}; "
                f"give more inputs, or take size={len(ids) // draws} or draws={len(ids) // size}"
            )
        order = _hash_order(ids, seed)
        return [order[k * size : (k + 1) * size] for k in range(draws)]
    return _draws_of_units(units, inverse, size, draws, seed)


def _draws_of_units(units: Array, inverse: Ints, size: int, draws: int, seed: int) -> list[Ints]:
    each = len(units) // draws
    if each == 0:
        raise InputError(f"{draws} disjoint draws need at least {draws} inputs, and there are {len(units)}")
    rank = np.empty(len(units), dtype=np.int64)
    rank[_hash_order(units, seed)] = np.arange(len(units))
    draw_of_row = rank[inverse] // each
    # A row is known by its id and its place among the rows of that id, whatever the order of the ids.
    place = np.empty(len(inverse), dtype=np.int64)
    grouped = np.argsort(inverse, kind="stable")
    starts = np.searchsorted(inverse[grouped], np.arange(len(units)))
    place[grouped] = np.arange(len(inverse)) - starts[inverse[grouped]]
    names = [f"{units[unit]}#{row}" for unit, row in zip(inverse.tolist(), place.tolist(), strict=True)]
    rows_by_hash = _hash_order(np.array(names), seed)
    chosen = []
    for k in range(draws):
        rows = rows_by_hash[draw_of_row[rows_by_hash] == k]
        if len(rows) < size:
            raise InputError(
                f"draw {k} has {len(rows)} rows from {each} inputs, and size={size} was asked for; "
                "give more inputs, or take a smaller size or fewer draws"
            )
        chosen.append(rows[:size])
    return chosen


def _hash_order(ids: Array, seed: int) -> Ints:
    """Row numbers in the order of a hash of (seed, id): a random order that nothing but the ids decides."""
    if ids.dtype.kind == "O":
        return _ordered(tuple(ids.tolist()), seed)
    return _order_of_bytes(ids.tobytes(), ids.dtype.str, seed).copy()


@functools.lru_cache(maxsize=4)
def _order_of_bytes(content: bytes, dtype: str, seed: int) -> Ints:
    """Kept, because every draw of every layer of a study asks for the same order."""
    return _ordered(np.frombuffer(content, dtype=dtype).tolist(), seed)


def _ordered(entries: Sequence[object], seed: int) -> Ints:
    digests = [hashlib.sha256(f"{seed}:{entry}".encode(errors="surrogateescape")).digest() for entry in entries]
    return np.array(sorted(range(len(digests)), key=digests.__getitem__), dtype=np.int64)
