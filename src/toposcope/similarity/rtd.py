"""Representation topology divergence: where two layers connect the same inputs at different scales.

RTD (Barannikov et al. 2022) compares the Rips filtration of one matrix of distances with that of the smaller of two.
A bar is a connection that the union of both has and the first alone lacks, from one scale to another. RTD-Lite
(Tulchinskii et al. 2025) keeps of it what minimum spanning trees see.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from toposcope import _check
from toposcope._errors import InputError
from toposcope._types import Float64, Ints
from toposcope.diagram import PersistenceDiagram
from toposcope.rips import vietoris_rips
from toposcope.similarity.pairs import Points, aligned, ids_of, subsets
from toposcope.similarity.prepared import Prepared

_QUANTILE = 0.9
_LARGEST = 16_384
"""Points of one draw: the joint matrix of 2n points has 8 GiB of float64 then."""


@dataclasses.dataclass(frozen=True, eq=False)
class RTDScores:
    """Representation topology divergence of several draws.

    value: the mean of both scores over the draws. forward, backward: (draws,) sums of the lengths of the bars that b
    adds to a, and that a adds to b; filtration values are distances over their 0.9-quantile. forward_barcodes,
    backward_barcodes: one diagram of degree 1 per draw (of degree 0 for RTD-Lite). rows: the rows of a in each draw.
    disjoint: whether no input stands in two draws; only then are the scores independent and an interval sound.
    """

    forward: Float64
    backward: Float64
    forward_barcodes: tuple[PersistenceDiagram, ...]
    backward_barcodes: tuple[PersistenceDiagram, ...]
    rows: tuple[Ints, ...]
    disjoint: bool

    @property
    def value(self) -> float:
        """The mean of both scores over the draws."""
        return float((self.forward + self.backward).mean() / 2)

    def __repr__(self) -> str:
        n = len(self.rows[0])
        scores = f"b adds {self.forward.mean():.4g} to a, a adds {self.backward.mean():.4g} to b"
        return f"<RTD {self.value:.4g} over {len(self.rows)} draws of {n}: {scores}>"


def rtd(
    a: Points, b: Points, size: int | None = None, draws: int = 1, seed: int = 0, threads: int | None = None
) -> float:
    """Representation topology divergence of two representations of the same inputs; 0 is most similar.

    a, b: (n, d) arrays or Representations (matched by sample_ids); widths may differ. size: points of one draw, None
    for all; the score grows with it, so compare equal sizes only. draws: of which the mean is taken, chosen by a hash
    of the ids and the seed, disjoint where n allows (the published recipe is size=500, draws=10). threads: None takes
    one per core; the result does not depend on it. Returns a float >= 0; symmetric, 0 for shapes equal up to scale;
    no metric. `rtd_barcodes` gives both directions and their bars.

    Each matrix of distances is divided by the 0.9-quantile of all its entries, the diagonal included, as published.
    Raises InputError when that is 0, and for more than 16,384 points in one draw; IncomparableError when rows do not
    match. Source: Barannikov et al. 2022.
    """
    return rtd_barcodes(a, b, size, draws, seed, threads).value


def rtd_barcodes(
    a: Points, b: Points, size: int | None = None, draws: int = 1, seed: int = 0, threads: int | None = None
) -> RTDScores:
    """`rtd` with both directed scores, their barcodes and the rows of every draw. Arguments and errors as there."""
    return _over_draws(a, b, size, draws, seed, threads, _cross_diagram)


def rtd_lite(a: Points, b: Points, size: int | None = None, draws: int = 1, seed: int = 0) -> float:
    """RTD-Lite: the part of `rtd` that minimum spanning trees see; 0 is most similar.

    Arguments, scales and errors as for `rtd`. In each direction it is the length of the spanning tree of one matrix
    less that of the smaller of both. O(n²). Returns a float >= 0. Source: Tulchinskii et al. 2025.
    """
    x, y = aligned(a, b)
    rows = subsets(ids_of(a, len(x)), size, draws, seed)
    return float(np.mean([rtd_lite_prepared(x.take(draw), y.take(draw)) for draw in rows]))


def rtd_prepared(x: Prepared, y: Prepared) -> float:
    """RTD of all points of two clouds with matching rows."""
    first, second = scaled_distances(x), scaled_distances(y)
    return sum(_length(_cross_diagram(one, other)) for one, other in ((first, second), (second, first))) / 2


def rtd_lite_prepared(x: Prepared, y: Prepared) -> float:
    """RTD-Lite of all points of two clouds with matching rows."""
    both = _tree_length(np.minimum(scaled_distances(x), scaled_distances(y)))
    return max((_own_tree_length(x) + _own_tree_length(y)) / 2 - both, 0.0)


def _own_tree_length(x: Prepared) -> float:
    return x.once("scaled tree", lambda: _tree_length(scaled_distances(x)))


def _too_many(n: int) -> str:
    return (
        f"{n} points at once need a matrix of {8 * (2 * n) ** 2 / 2**30:.0f} GiB; give a size, of at most {_LARGEST}, "
        "and several draws (published: size=500, draws=10)"
    )


def scaled_distances(x: Prepared) -> Float64:
    """(n, n) distances over the 0.9-quantile of all n² entries. Raises InputError when that is 0."""

    def make() -> Float64:
        distances = x.distances()
        scale = float(np.quantile(distances, _QUANTILE))
        if scale == 0:
            raise InputError(
                f"the {_QUANTILE}-quantile of the distances of a layer is 0, so they cannot be divided by it: most of "
                "its points coincide; leave the layer out"
            )
        return np.asarray(distances / scale)

    return x.once("scaled distances", make)


def _over_draws(
    a: Points,
    b: Points,
    size: int | None,
    draws: int,
    seed: int,
    threads: int | None,
    barcode: Callable[[Float64, Float64], PersistenceDiagram],
) -> RTDScores:
    if threads is not None:
        _check.integer(threads, "threads", at_least=1)
    x, y = aligned(a, b)
    rows = subsets(ids_of(a, len(x)), size, draws, seed)
    if len(rows[0]) > _LARGEST:
        raise InputError(_too_many(len(rows[0])))

    def of_draw(draw: Ints) -> tuple[PersistenceDiagram, PersistenceDiagram]:
        first, second = scaled_distances(x.take(draw)), scaled_distances(y.take(draw))
        return barcode(first, second), barcode(second, first)

    with ThreadPoolExecutor(threads) as pool:
        barcodes = list(pool.map(of_draw, rows))
    forward, backward = (tuple(side) for side in zip(*barcodes, strict=True))
    return RTDScores(
        forward=np.array([_length(diagram) for diagram in forward]),
        backward=np.array([_length(diagram) for diagram in backward]),
        forward_barcodes=forward,
        backward_barcodes=backward,
        rows=tuple(rows),
        disjoint=len(np.unique(np.concatenate(rows))) == sum(len(draw) for draw in rows),
    )


def _cross_diagram(first: Float64, second: Float64) -> PersistenceDiagram:
    """Degrees 0 and 1 of [[0, r], [r, min(r, s)]]: the first n points are one, joined to the others at distances r."""
    n = len(first)
    if n > _LARGEST:
        raise InputError(_too_many(n))
    joined = np.zeros((2 * n, 2 * n))
    joined[:n, n:] = joined[n:, :n] = first
    np.minimum(first, second, out=joined[n:, n:])
    return vietoris_rips(joined, max_degree=1, metric="precomputed")


def _length(diagram: PersistenceDiagram) -> float:
    bars = diagram.finite(1)
    return float((bars[:, 1] - bars[:, 0]).sum())


def _tree_length(distances: Float64) -> float:
    return float(vietoris_rips(distances, max_degree=0, metric="precomputed").finite(0)[:, 1].sum())
