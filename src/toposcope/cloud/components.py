"""A cloud in fewer dimensions."""

from __future__ import annotations

import numpy as np

from toposcope import _check
from toposcope._errors import InputError
from toposcope._types import Floats
from toposcope.representation import Representation


def principal_components(points: Floats | Representation, count: int) -> Floats:
    """Coordinates of a cloud along its first principal components.

    points: (n, d). Returns (n, count), centred, in the precision of the points; the distances between them are those of
    the projection that keeps most variance. Source: Pearson 1901.

    Raises InputError when there are not so many components: at most d, and at most n.
    """
    cloud = _check.points(points)
    wanted = _check.integer(count, "count", at_least=1)
    if wanted > min(cloud.shape):
        raise InputError(
            f"count={wanted} components were asked for, and {len(cloud)} points in {cloud.shape[1]} dimensions have "
            f"{min(cloud.shape)}; take fewer"
        )
    centred = cloud.astype(np.float64)
    centred -= centred.mean(axis=0)
    left, values, _right = np.linalg.svd(centred, full_matrices=False)
    projected: Floats = (left[:, :wanted] * values[:wanted]).astype(cloud.dtype)
    return projected
