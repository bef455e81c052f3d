"""GULP: how differently ridge regression predicts from two representations (Boix-Adserà et al. 2022)."""

from __future__ import annotations

import numpy as np

from toposcope import _check
from toposcope.similarity.pairs import Points, aligned
from toposcope.similarity.prepared import Prepared


def gulp(a: Points, b: Points, ridge: float = 1e-2) -> float:
    """Distance between what ridge regression can predict from either representation, over all targets.

    a, b: (n, d) arrays or Representations (matched by sample_ids); each is centred and scaled to mean squared norm 1.
    ridge: λ > 0 of the regression. A large λ looks at the leading directions only, a small one at all alike. The
    distance is ‖H_a - H_b‖_F between the two hat matrices H = X(X'X + nλ)⁻¹X'. Returns a float, 0 for representations
    that predict alike; a metric. The paper's d² is its square.

    Raises InputError for a layer whose points coincide, IncomparableError when rows do not match.
    """
    penalty = _check.real(ridge, "ridge", above=0.0)
    x, y = aligned(a, b)
    return gulp_prepared(x, y, penalty)


def gulp_prepared(x: Prepared, y: Prepared, ridge: float) -> float:
    """Of two clouds with matching rows."""
    (u, s), (v, t) = x.directions, y.directions
    # Scaled to mean squared norm 1, the eigenvalues of the covariance are s² / ‖X‖².
    hat_x, hat_y = (w**2 / (w**2 + ridge * z.norm**2) for w, z in ((s, x), (t, y)))
    cross = float((hat_x[:, None] * (u.T @ v) ** 2 * hat_y[None, :]).sum())
    return float(np.sqrt(max((hat_x**2).sum() + (hat_y**2).sum() - 2 * cross, 0.0)))
