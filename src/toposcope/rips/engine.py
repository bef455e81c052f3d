"""The engine behind `vietoris_rips`: gudhi's fork of Ripser (Bauer 2021), one function wide."""

from __future__ import annotations

import numpy as np

from toposcope._errors import MissingDependencyError
from toposcope._types import Float64, Floats


def persistence(distances: Floats, max_degree: int, threshold: float, field: int) -> list[Float64]:
    """Bars of the Vietoris–Rips filtration in degrees 0 to `max_degree`, one (k, 2) array per degree.

    distances: (n, n), n >= 1, symmetric, non-negative, zero diagonal, float32 or float64. threshold: largest edge,
    inclusive, finite or inf; an edge of infinite length never enters. field: prime.
    """
    try:
        from gudhi.sklearn.rips_persistence import RipsPersistence
    except ImportError:
        raise MissingDependencyError("gudhi", "persistent homology", "gudhi") from None

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
