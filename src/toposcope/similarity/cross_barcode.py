"""Manifold topology divergence (Barannikov et al. 2021): what one cloud has that another in the same space lacks."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from toposcope import _check
from toposcope._errors import IncomparableError
from toposcope.cloud import pairwise_distances
from toposcope.diagram import PersistenceDiagram
from toposcope.rips import vietoris_rips
from toposcope.similarity.pairs import Points, ids_of, prepared, subsets
from toposcope.similarity.prepared import Prepared


def cross_barcode(a: Points, b: Points, max_degree: int = 1) -> PersistenceDiagram:
    """Persistent homology of a ∪ b with b made one point: bars of `a` that `b` does not fill.

    a: (n, d), b: (m, d), in one space; inputs and their numbers may differ. Distances within b are set to 0. Returns a
    diagram, filtration value a distance in the units of the points: in degree 1 a bar opens where points of a connect
    with each other but, through b, not yet, or where `a` has a loop of its own. Equal clouds have no bars.

    Raises IncomparableError when the clouds have different dimensions. Source: Barannikov et al. 2021.
    """
    degree = _check.integer(max_degree, "max_degree")
    return _cross_barcode(*one_space(prepared(a, "a"), prepared(b, "b")), degree)


def mtopdiv(
    a: Points,
    b: Points,
    size: int | tuple[int, int] | None = None,
    draws: int = 1,
    seed: int = 0,
    threads: int | None = None,
) -> float:
    """Manifold topology divergence of `a` from `b`: the summed lengths of the cross-barcode in degree 1.

    a: (n, d), b: (m, d), in one space; inputs may differ. size: points drawn from each, one number or (of a, of b);
    None for all (published: 1,000 and 10,000, 20 draws). draws: of which the mean is taken, chosen by a hash of the
    ids. threads: None takes one per core; the result does not depend on it. Returns a float >= 0, in the units of the
    points; not symmetric: 0 when a lies in b. Take the mean of both directions for a symmetric score.

    Raises IncomparableError when the clouds have different dimensions. Source: Barannikov et al. 2021.
    """
    if threads is not None:
        _check.integer(threads, "threads", at_least=1)
    x, y = one_space(prepared(a, "a"), prepared(b, "b"))
    of_a, of_b = size if isinstance(size, tuple) else (size, size)
    rows_a, rows_b = subsets(ids_of(a, len(x)), of_a, draws, seed), subsets(ids_of(b, len(y)), of_b, draws, seed)
    with ThreadPoolExecutor(threads) as pool:
        scores = pool.map(lambda pair: mtopdiv_prepared(x.take(pair[0]), y.take(pair[1])), zip(rows_a, rows_b))  # noqa: B905
        return float(np.mean(list(scores)))


def mtopdiv_prepared(x: Prepared, y: Prepared) -> float:
    """Of all points of two clouds."""
    bars = _cross_barcode(x, y, 1).finite(1)
    return float((bars[:, 1] - bars[:, 0]).sum())


def one_space(x: Prepared, y: Prepared) -> tuple[Prepared, Prepared]:
    """Both clouds, if there are distances between them. Raises IncomparableError."""
    if x.points.shape[1] != y.points.shape[1]:
        raise IncomparableError(
            f"a has {x.points.shape[1]} dimensions and b has {y.points.shape[1]}, so there are no distances between "
            "them; compare layers of one width, or take rtd, which needs the same inputs instead"
        )
    return x, y


def _cross_barcode(x: Prepared, y: Prepared, max_degree: int) -> PersistenceDiagram:
    distances = pairwise_distances(np.concatenate([x.points, y.points]), dtype=np.float64)
    distances[len(x) :, len(x) :] = 0
    return vietoris_rips(distances, max_degree=max_degree, metric="precomputed")
