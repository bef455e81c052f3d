"""The engines behind `vietoris_rips`: the native kernel, and gudhi for the fields and degrees that the kernel leaves out."""

from __future__ import annotations

import numpy as np

from toposcope._errors import MissingDependencyError
from toposcope._types import Float64, Floats
from toposcope.rips import _native

KERNEL_DEGREE = 1
"""Highest degree of the native kernel, over Z/2."""


def persistence(distances: Floats, max_degree: int, threshold: float, field: int, threads: int = 1) -> list[Float64]:
    """Bars of the Vietoris–Rips filtration in degrees 0 to `max_degree`, one (k, 2) array per degree.

    distances: (n, n), n >= 1, symmetric, non-negative, zero diagonal, float32 or float64. threshold: largest edge,
    inclusive, finite or inf; an edge of infinite length never enters. field: prime.
    """
    if field == 2 and max_degree <= KERNEL_DEGREE:
        degrees, _, _ = _native.persistence(np.ascontiguousarray(distances), max_degree, threshold, threads)
        return [bars for bars, _, _ in degrees]
    return _by_gudhi(distances, max_degree, threshold, field)


def _by_gudhi(distances: Floats, max_degree: int, threshold: float, field: int) -> list[Float64]:
    try:
        from gudhi.sklearn.rips_persistence import RipsPersistence
    except ImportError:
        what = f"homology over Z/{field}" if field != 2 else f"homology above degree {KERNEL_DEGREE}"
        raise MissingDependencyError("gudhi", what, "gudhi") from None

    # Edges of infinite length are no edges: bars that only they would end are essential.
    longest = float(np.max(distances, where=np.isfinite(distances), initial=0.0))
    rips = RipsPersistence(
        homology_dimensions=list(range(max_degree + 1)),
        threshold=min(threshold, longest),
        input_type="full distance matrix",
        homology_coeff_field=field,
        n_jobs=1,
    )
    return [np.asarray(bars, dtype=np.float64).reshape(-1, 2) for bars in rips.fit_transform([distances])[0]]
