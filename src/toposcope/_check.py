"""Every argument check, in one wording: what, where, how to mend it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from toposcope._errors import ActivationError, InputError, close_names
from toposcope._types import Array, Floats


def choice(value: object, allowed: Iterable[str], name: str) -> str:
    """`value` if it is one of `allowed`."""
    names = list(allowed)
    if isinstance(value, str) and value in names:
        return value
    given = value if isinstance(value, str) else brief(value)
    raise InputError(f"{name}={brief(value)} is not known{close_names(given, names)}")


def integer(value: object, name: str, at_least: int = 0) -> int:
    """`value` as an int of at least `at_least`."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < at_least:
        raise InputError(f"{name}={brief(value)} must be an integer of at least {at_least}")
    if int(value).bit_length() > _BITS:
        raise InputError(f"{name} is {brief(value)}; take a smaller one")
    return int(value)


def real(value: object, name: str, at_least: float = -math.inf, above: float = -math.inf) -> float:
    """`value` as a float, not NaN, `>= at_least` and `> above`."""
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise InputError(f"{name}={brief(value)} must be a number")
    try:
        number = float(value)
    except OverflowError:
        raise InputError(f"{name} is {brief(value)}, which no float can hold; take a smaller one") from None
    if math.isnan(number) or number < at_least or number <= above:
        bound = f"of at least {at_least:g}" if above == -math.inf else f"above {above:g}"
        raise InputError(f"{name}={value!r} must be a number {bound}")
    return number


_BITS = 1000
"""Of an integer that becomes a float or text without trouble."""


def brief(value: object) -> str:
    """A value as it was given, cut off where nobody reads on; Python does not write numbers of thousands of digits."""
    if isinstance(value, int) and value.bit_length() > _BITS:
        return "a number of more than 300 digits"
    text = repr(value)
    return text if len(text) <= 200 else text[:200] + "…"


def floats(value: Any, name: str) -> Floats:
    """`value` as a numeric array: float32 and float64 stay, float16 becomes float32, integers and booleans float64.

    Memory-mapped arrays stay memory-mapped. Nothing is copied that need not be.
    """
    try:
        array: Array = np.asanyarray(value)
    except (TypeError, ValueError) as error:
        raise InputError(f"{name} is not an array: {error}; pass a rectangular array of numbers") from None
    if array.dtype in (np.float32, np.float64):
        return array
    if array.dtype.kind in "iubf":
        with np.errstate(over="ignore", invalid="ignore"):  # A longer number beyond float64 becomes inf, as it should.
            return array.astype(np.float32 if array.dtype == np.float16 else np.float64)
    raise InputError(f"{name} has dtype {array.dtype}, which is not a real number; convert it to float32 or float64")


def points(value: Any, name: str = "points") -> Floats:
    """`value` as an (n, d) array of finite floats; a Representation gives its points."""
    array = floats(getattr(value, "points", value), name)
    array = array.reshape(0, 0) if array.shape == (0,) else array
    if array.ndim != 2:
        raise InputError(
            f"{name} has shape {array.shape}, but a cloud is (n, d), one row per input; reshape or reduce it"
        )
    finite(array, name)
    return array


def finite(array: Floats, name: str) -> None:
    """Raise ActivationError with the count and the first row if any value is NaN or infinite."""
    step = max(1, (1 << 22) // max(1, array.shape[1] if array.ndim > 1 else 1))
    for start in range(0, len(array), step):
        bad = ~np.isfinite(array[start : start + step])
        if bad.any():
            rows = np.flatnonzero(bad.reshape(len(bad), -1).any(axis=1))
            count = sum(int((~np.isfinite(array[s : s + step])).sum()) for s in range(0, len(array), step))
            raise ActivationError(
                f"{name} has {count} value(s) that are NaN or infinite, first in row {start + int(rows[0])}; "
                "remove those rows or find what made them"
            )


def distance_matrix(value: Any, name: str = "points", is_sound: Callable[[Floats], bool] | None = None) -> Floats:
    """`value` as an (n, n) symmetric non-negative matrix with a zero diagonal; infinite entries are allowed.

    is_sound: a faster test of all that, for a contiguous matrix; what it refuses is looked at here for the reason.
    """
    array = floats(value, name)
    where = f"{name} (metric='precomputed')"
    if array.ndim != 2 or array.shape[0] != array.shape[1]:
        raise InputError(f"{where} has shape {array.shape}, but distances are a square (n, n) matrix")
    if is_sound is not None and array.flags.c_contiguous and is_sound(array):
        return array
    if np.isnan(array).any():
        i, j = np.argwhere(np.isnan(array))[0]
        raise InputError(f"{where} is NaN at ({i}, {j}); every pair needs a distance (inf for none)")
    if (array < 0).any():
        i, j = np.argwhere(array < 0)[0]
        raise InputError(f"{where} is negative at ({i}, {j}): {array[i, j]:g}; distances are at least 0")
    if array.size and np.diagonal(array).any():
        i = int(np.flatnonzero(np.diagonal(array))[0])
        raise InputError(f"{where} has {array[i, i]:g} on its diagonal at {i}; a point's distance to itself is 0")
    if not np.array_equal(array, array.T):
        i, j = np.argwhere(array != array.T)[0]
        raise InputError(
            f"{where} is not symmetric: {float(array[i, j])!r} at ({i}, {j}), {float(array[j, i])!r} at ({j}, {i}); "
            "take (d + d.T) / 2 if the difference is rounding"
        )
    return array
