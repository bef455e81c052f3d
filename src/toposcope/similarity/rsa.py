"""Representational similarity analysis (Kriegeskorte, Mur and Bandettini 2008)."""

from __future__ import annotations

import numpy as np

from toposcope import _check
from toposcope.cloud import METRICS
from toposcope.similarity.pairs import Points, aligned
from toposcope.similarity.prepared import Prepared


def rsa(a: Points, b: Points, metric: str = "euclidean") -> float:
    """Spearman correlation between the distances in one representation and those in the other; 1 is most similar.

    a, b: (n, d) arrays or Representations (matched by sample_ids), n >= 3. metric: of the matrices of distances
    (RDMs), as in `pairwise_distances`: "euclidean", "cosine", "correlation", … Ties (to ten
    digits) take average ranks. Returns a float
    in [-1, 1]; whatever preserves the order of the distances is no difference.

    Raises InputError when all distances of a layer are equal, or an angle is not defined; IncomparableError when rows
    do not match.
    """
    _check.choice(metric, METRICS, "metric")
    x, y = aligned(a, b, at_least=3)
    return rsa_prepared(x, y, metric)


def rsa_prepared(x: Prepared, y: Prepared, metric: str) -> float:
    """Of two clouds with matching rows."""
    return float(np.clip(x.upper_ranks(metric) @ y.upper_ranks(metric), -1.0, 1.0))
