"""Canonical correlations between two representations, and three ways to sum them up.

Sources: Hotelling 1936; Raghu et al. 2017 (SVCCA); Morcos, Raghu and Bengio 2018 (PWCCA).
"""

from __future__ import annotations

import numpy as np

from toposcope._errors import InputError
from toposcope._types import Float64
from toposcope.similarity.pairs import Points, aligned, share
from toposcope.similarity.prepared import Prepared


def cca(a: Points, b: Points) -> float:
    """Mean canonical correlation; 1 when one representation is an affine map of the other.

    a, b: (n, d) arrays or Representations (matched by sample_ids). Returns a float in [0, 1], the mean over as many
    correlations as the smaller rank. Raises InputError when the two ranks together reach the number of inputs: some
    correlations are then 1 for any data; and for a layer whose points coincide. IncomparableError when rows do not
    match. Source: Hotelling 1936.
    """
    return cca_prepared(*aligned(a, b))


def cca_prepared(x: Prepared, y: Prepared) -> float:
    """Of two clouds with matching rows."""
    return float(_correlations(x.directions[0], y.directions[0])[1].mean())


def svcca(a: Points, b: Points, variance: float = 0.99) -> float:
    """Mean canonical correlation between the leading principal directions that hold a share of the variance.

    a, b: (n, d) arrays or Representations (matched by sample_ids). variance: that share, from 0 to 1. Returns a float
    in [0, 1]. Raises as `cca` does, for the directions that are kept. Source: Raghu et al. 2017.
    """
    part = share(variance, "variance")
    x, y = aligned(a, b)
    return svcca_prepared(x, y, part)


def svcca_prepared(x: Prepared, y: Prepared, variance: float) -> float:
    """Of two clouds with matching rows."""
    return float(_correlations(_leading(x, variance), _leading(y, variance))[1].mean())


def pwcca(a: Points, b: Points) -> float:
    """Canonical correlations weighted by how much of `a` each canonical direction accounts for.

    a, b: (n, d) arrays or Representations (matched by sample_ids). Returns a float in [0, 1]; not symmetric: the
    weights are sums over the features of `a`, so they know its axes, and b enters through its correlations only. As
    many correlations count as the smaller rank: directions that b lacks are no loss, so a layer that was cut down can
    score higher. Raises as `cca` does. Source: Morcos et al. 2018.
    """
    return pwcca_prepared(*aligned(a, b))


def pwcca_prepared(x: Prepared, y: Prepared) -> float:
    """Of two clouds with matching rows."""
    left, correlations = _correlations(x.directions[0], y.directions[0])
    weights = np.abs((x.directions[0] @ left).T @ x.centred).sum(axis=1)
    return float(weights @ correlations / weights.sum())


def _leading(x: Prepared, variance: float) -> Float64:
    left, values = x.directions
    held = np.cumsum(values**2) / np.sum(values**2)
    kept: Float64 = left[:, : int(np.searchsorted(held, variance * (1 - 1e-12))) + 1]
    return kept


def _correlations(u: Float64, v: Float64) -> tuple[Float64, Float64]:
    """Canonical directions in the coordinates of `u`, (r, k), and the k correlations; u, v orthonormal columns."""
    n = len(u)
    if u.shape[1] + v.shape[1] > n - 1:
        raise InputError(
            f"canonical correlations of ranks {u.shape[1]} and {v.shape[1]} need more than "
            f"{u.shape[1] + v.shape[1]} inputs, and there are {n}: some would be 1 for any data; "
            "give more inputs, or take svcca with a smaller variance"
        )
    directions, correlations, _ = np.linalg.svd(u.T @ v, full_matrices=False)
    return directions, np.minimum(correlations, 1.0)
