"""How evenly a cloud uses the directions of its space."""

from __future__ import annotations

import numpy as np

from toposcope._errors import InputError
from toposcope.similarity.pairs import Points, prepared


def anisotropy(a: Points) -> float:
    """Mean cosine of the angle between two different points, seen from the origin; exact, over all pairs.

    a: (n, d) array or Representation. Returns a float from -1 / (n - 1) to 1: about 0 for directions spread evenly,
    near 1 for a narrow cone. Raises InputError for a zero row, which has no direction. Source: Ethayarajh 2019.
    """
    x = prepared(a)
    points = x.points.astype(np.float64)
    norms = np.linalg.norm(points, axis=1)
    if (norms == 0).any():
        raise InputError(
            f"a has {int((norms == 0).sum())} zero row(s), first row {int(np.flatnonzero(norms == 0)[0])}, which have "
            "no direction; remove them"
        )
    n = len(points)
    total = (points / norms[:, None]).sum(axis=0)
    return float((total @ total - n) / (n * (n - 1)))
