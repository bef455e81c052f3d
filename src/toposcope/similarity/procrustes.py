"""How far apart two clouds with matching rows stay after the best rotation: metrics between shapes.

Sources: Ding, Denain and Steinhardt 2021; Williams, Kunz, Kornblith and Linderman 2021.
"""

from __future__ import annotations

import numpy as np

from toposcope._types import Float64
from toposcope.similarity.pairs import Points, aligned, share
from toposcope.similarity.prepared import Prepared


def procrustes(a: Points, b: Points, normalise: bool = True) -> float:
    """Orthogonal Procrustes distance: the least ‖X - YQ‖ over rotations and reflections Q of the centred points.

    a, b: (n, d) arrays or Representations (matched by sample_ids); the narrower is filled up with zeros. normalise:
    divide each by its Frobenius norm first, which makes scale no difference and the result at most √2. Returns a
    float, 0 for equal shapes; a metric on shapes. Ding et al. 2021 report its square.

    Raises InputError for a layer whose points coincide, IncomparableError when rows do not match.
    """
    x, y = aligned(a, b)
    return procrustes_prepared(x, y, normalise)


def procrustes_prepared(x: Prepared, y: Prepared, normalise: bool) -> float:
    """The distance of two clouds with matching rows."""
    scale_x, scale_y = (x.norm, y.norm) if normalise else (1.0, 1.0)
    overlap = _nuclear_norm(x.features / scale_x, y.features / scale_y)
    squared = (x.norm / scale_x) ** 2 + (y.norm / scale_y) ** 2 - 2 * overlap
    return float(np.sqrt(max(squared, 0.0)))


def shape_distance(a: Points, b: Points, whitening: float = 0.0) -> float:
    """Angle between two shapes after the best rotation (Williams et al. 2021), in radians, at most π/2.

    a, b: (n, d) arrays or Representations (matched by sample_ids). whitening: 0 compares the centred points as they
    are; 1 whitens them first, so that every invertible affine map is no difference (then the angle is that of the
    canonical correlations); in between, the mean of both, by that weight (1 less the α of the paper). Returns a float,
    0 for equal shapes; a metric.

    Raises InputError for a layer whose points coincide, IncomparableError when rows do not match.
    """
    weight = share(whitening, "whitening")
    x, y = aligned(a, b)
    return shape_distance_prepared(x, y, weight)


def shape_distance_prepared(x: Prepared, y: Prepared, whitening: float) -> float:
    """The angle of two clouds with matching rows."""
    u, v = _whitened(x, whitening), _whitened(y, whitening)
    # The angle comes from the chord, which keeps its digits where the cosine is near 1.
    half_chord = np.sqrt(max(2 - 2 * _nuclear_norm(u, v), 0.0)) / 2
    return float(2 * np.arcsin(min(half_chord, 1.0)))


def _whitened(x: Prepared, weight: float) -> Float64:
    left, values = x.directions
    mixed: Float64 = left * ((1 - weight) * values + weight)
    return mixed / float(np.linalg.norm(mixed))


def _nuclear_norm(u: Float64, v: Float64) -> float:
    """‖U'V‖_*, the largest inner product of U and V under a rotation."""
    return float(np.linalg.svd(u.T @ v, compute_uv=False).sum())
