"""Two representations side by side: row i of both is the same input, or nothing is compared."""

from __future__ import annotations

import numpy as np

from toposcope import _check
from toposcope._errors import IncomparableError, InputError
from toposcope._types import Array, Floats, Ints
from toposcope.cloud import disjoint_draws
from toposcope.representation import Representation
from toposcope.similarity.prepared import Prepared

Points = Floats | Representation
"""An (n, d) array or a Representation."""


def prepared(a: Points, name: str = "a", at_least: int = 2) -> Prepared:
    """One cloud, checked. Raises InputError for fewer than `at_least` points."""
    cloud = _check.points(a, name)
    if len(cloud) < at_least:
        raise InputError(f"{name} has {len(cloud)} points, and at least {at_least} are needed; give more inputs")
    return Prepared(cloud)


def aligned(a: Points, b: Points, at_least: int = 2) -> tuple[Prepared, Prepared]:
    """Both clouds with their rows in one order: that of `a`.

    Two Representations are matched by `sample_ids`; an id that stands in several rows is matched row by row in their
    order. Arrays carry no ids, so their rows must already correspond. Raises IncomparableError when that cannot be.
    """
    if isinstance(a, Representation) and isinstance(b, Representation):
        b = b if np.array_equal(a.sample_ids, b.sample_ids) else b.take(_matching_rows(a.sample_ids, b.sample_ids))
    x, y = prepared(a, "a", at_least), prepared(b, "b", at_least)
    if len(x) != len(y):
        raise IncomparableError(
            f"a has {len(x)} rows and b has {len(y)}, but row i of both must be the same input; "
            "give the same inputs to both, or Representations, whose sample_ids match them"
        )
    return x, y


def _matching_rows(wanted: Array, held: Array) -> Ints:
    """Row of `held` for every entry of `wanted`."""
    common = np.intersect1d(wanted, held) if wanted.dtype.kind == held.dtype.kind else wanted[:0]
    only_a, only_b = len(np.setdiff1d(wanted, common)), len(np.setdiff1d(held, common))
    if only_a or only_b:
        raise IncomparableError(
            f"the sample_ids agree in {len(common)} inputs, {only_a} are only in a and {only_b} only in b; "
            + (
                "take the common ones from both first: a.take(np.isin(a.sample_ids, b.sample_ids)) and likewise for b"
                if len(common)
                else "give both networks the same inputs"
            )
        )
    of_wanted, of_held = np.argsort(wanted, kind="stable"), np.argsort(held, kind="stable")
    if len(wanted) != len(held) or not np.array_equal(wanted[of_wanted], held[of_held]):
        raise IncomparableError(
            "the sample_ids are the same inputs, but not equally often in a and b; give each input equally many rows"
        )
    rows = np.empty(len(wanted), dtype=np.int64)
    rows[of_wanted] = of_held
    return rows


def subsets(ids: Array, size: int | None, draws: int, seed: int) -> list[Ints]:
    """`draws` sets of `size` rows, chosen by a hash of the ids: disjoint where there are enough, else overlapping.

    size: None takes every row, once. Overlapping draws are good for a mean, never for an interval or a test.
    Raises InputError when one draw needs more rows than there are, or every row is asked for several times.
    """
    draws = _check.integer(draws, "draws", at_least=1)
    seed = _check.integer(seed, "seed")
    n = len(ids)
    if size is None:
        if draws > 1:
            raise InputError(f"draws={draws} of all {n} points are the same draw; give a size")
        return [np.arange(n)]
    size = _check.integer(size, "size", at_least=2)
    if size > n:
        raise InputError(f"size={size} points cannot be drawn from {n}; take a smaller size or give more inputs")
    if size * draws <= n:
        return disjoint_draws(ids, size, draws, seed)
    seeds = np.random.SeedSequence(seed).generate_state(draws, np.uint64)
    return [disjoint_draws(ids, size, 1, int(one))[0] for one in seeds]


def ids_of(a: Points, n: int) -> Array:
    """The sample ids of a Representation, the row numbers of an array."""
    return a.sample_ids if isinstance(a, Representation) else np.arange(n)


def share(value: object, name: str) -> float:
    """`value` as a number from 0 to 1. Raises InputError."""
    number = _check.real(value, name, at_least=0.0)
    if number > 1:
        raise InputError(f"{name}={value!r} must be a number from 0 to 1")
    return number
