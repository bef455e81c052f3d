"""Outliers of a cloud."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from toposcope import _check
from toposcope._errors import InputError
from toposcope._types import Floats
from toposcope.representation import Representation


def local_outliers(points: Floats | Representation, neighbours: int = 20, threshold: float = 1.5) -> NDArray[np.bool_]:
    """Rows whose local outlier factor exceeds a fixed threshold.

    points: (n, d). neighbours: k of the k-nearest-neighbour density. threshold: of the factor, which is about 1 inside
    a cloud of even density. Returns (n,) booleans, True for outliers. A fixed threshold lets the number of outliers
    differ between clouds; a fixed contamination would fix it beforehand. Source: Breunig et al. 2000, LOF.

    Raises InputError when there are not more points than neighbours.
    """
    from sklearn.neighbors import LocalOutlierFactor

    cloud = _check.points(points)
    k = _check.integer(neighbours, "neighbours", at_least=1)
    limit = _check.real(threshold, "threshold", at_least=1.0)
    if len(cloud) <= k:
        raise InputError(
            f"neighbours={k} needs more than {k} points, and there are {len(cloud)}; take fewer neighbours"
        )
    factor = LocalOutlierFactor(n_neighbors=k).fit(cloud).negative_outlier_factor_
    return np.asarray(-factor > limit, dtype=np.bool_)
