"""The engines behind `vietoris_rips`: the native kernel, and gudhi for the fields and degrees that it leaves out."""

from __future__ import annotations

import dataclasses

import numpy as np

from toposcope._errors import InputError, MissingDependencyError, UnavailableError
from toposcope._types import Float64, Floats, Ints
from toposcope.diagram import Representatives
from toposcope.rips import _native

KERNEL_DEGREE = 2
"""Highest degree of the native kernel, over Z/2."""

MOST_POINTS = 65535
"""Rows of the largest matrix that the kernel takes; it would be 17 GB of float32."""

LARGEST_MATRIX = 4096
"""Points beyond which degree 0 alone is computed without a matrix."""

_MOST_THREADS = 64


@dataclasses.dataclass(frozen=True)
class Bars:
    """What an engine gives: bars of positive length (k, 2), their degrees (k,), and representatives if asked for."""

    pairs: Float64
    degrees: Ints
    representatives: Representatives | None = None


def in_kernel(max_degree: int, field: int) -> bool:
    """Whether the native kernel computes these degrees over this field."""
    return field == 2 and max_degree <= KERNEL_DEGREE


def streams(n: int, max_degree: int, field: int = 2, of_the_cloud: bool = False) -> bool:
    """Whether a diagram of n points, without representatives, is computed without a matrix of their distances."""
    return max_degree == 0 and in_kernel(max_degree, field) and not of_the_cloud and n > LARGEST_MATRIX


def persistence(
    distances: Floats,
    max_degree: int,
    threshold: float,
    field: int,
    threads: int = 1,
    representatives: bool = False,
) -> Bars:
    """Bars of the Vietoris–Rips filtration in degrees 0 to `max_degree`.

    distances: (n, n), symmetric, non-negative, zero diagonal, float32 or float64. threshold: largest edge, inclusive,
    finite or inf, rounded to the precision of the distances; an edge of infinite length never enters. field: prime.
    threads: the result does not depend on it.

    Raises InputError for a matrix that is too large, UnavailableError for representatives that only the kernel gives,
    MissingDependencyError when gudhi is needed and absent, MemoryError.
    """
    if len(distances) > MOST_POINTS:
        raise InputError(
            f"{len(distances)} points are too many for a matrix of distances: at most {MOST_POINTS}; "
            "draw fewer points, or compute degree 0 alone, from points"
        )
    if in_kernel(max_degree, field):
        return _by_kernel(distances, max_degree, threshold, min(threads, _MOST_THREADS), representatives)
    if representatives:
        raise UnavailableError(
            f"representatives in degrees up to {max_degree} over Z/{field} are not available; "
            f"the kernel gives them up to degree {KERNEL_DEGREE} over Z/2"
        )
    return _by_gudhi(distances, max_degree, threshold, field)


def _by_kernel(distances: Floats, max_degree: int, threshold: float, threads: int, representatives: bool) -> Bars:
    parts, merges, (vertices, ends), _ = _native.persistence(
        np.ascontiguousarray(distances), max_degree, threshold, threads, representatives
    )
    pairs = np.concatenate([bars for bars, _, _ in parts])
    counts = [len(bars) for bars, _, _ in parts]
    degrees = np.repeat(np.arange(max_degree + 1), counts)
    if not representatives:
        return Bars(pairs, degrees)
    cycle_ends = np.zeros(len(pairs), dtype=np.int64)
    if max_degree > 0:
        cycle_ends[degrees == 1] = ends
        cycle_ends[degrees > 1] = len(vertices)
    behind = Representatives(
        birth_simplices=np.concatenate([births for _, births, _ in parts]),
        death_simplices=np.concatenate([deaths for _, _, deaths in parts]),
        cycle_vertices=vertices,
        cycle_ends=cycle_ends,
        merges=merges,
    )
    return Bars(pairs, degrees, behind)


def _by_gudhi(distances: Floats, max_degree: int, threshold: float, field: int) -> Bars:
    n = len(distances)
    if n == 0:
        return Bars(np.empty((0, 2)), np.empty(0, dtype=np.int64))
    try:
        from gudhi.sklearn.rips_persistence import RipsPersistence
    except ImportError:
        what = f"homology over Z/{field}" if field != 2 else f"homology above degree {KERNEL_DEGREE}"
        raise MissingDependencyError("gudhi", what, "gudhi") from None

    # Edges of infinite length are no edges: bars that only they would end are essential.
    longest = float(np.max(distances, where=np.isfinite(distances), initial=0.0))
    limit = float(distances.dtype.type(min(threshold, float(np.finfo(distances.dtype).max))))
    rips = RipsPersistence(
        homology_dimensions=list(range(max_degree + 1)),
        threshold=min(limit, longest),
        input_type="full distance matrix",
        homology_coeff_field=field,
        n_jobs=1,
    )
    parts = [np.asarray(bars, dtype=np.float64).reshape(-1, 2) for bars in rips.fit_transform([distances])[0]]
    parts = [part[part[:, 0] < part[:, 1]] for part in parts]
    degrees = np.repeat(np.arange(max_degree + 1), [len(part) for part in parts])
    return Bars(np.concatenate(parts), degrees)
