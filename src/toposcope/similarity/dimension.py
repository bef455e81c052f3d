"""Intrinsic dimension of a cloud: from its nearest neighbours, its spanning trees, its spectrum.

No estimate knows the dimension of a curved or noisy cloud at every scale; compare estimates of equal numbers of points.
"""

from __future__ import annotations

import math
import warnings

import numpy as np

from toposcope import _check
from toposcope._errors import InputError, ToposcopeWarning
from toposcope._types import Ints
from toposcope.cloud import effective_dimension
from toposcope.rips import vietoris_rips
from toposcope.similarity.neighbours import nearest
from toposcope.similarity.pairs import Points, ids_of, prepared, share, subsets
from toposcope.similarity.prepared import Prepared

_LARGEST_MATRIX = 4096


def two_nn(a: Points, discard: float = 0.1) -> float:
    """Intrinsic dimension from the ratio of the distances to the two nearest neighbours.

    a: (n, d) array or Representation. discard: share of the largest ratios that the fit leaves out. Returns a float:
    the slope through the origin of -log(1 - F) against log(r2 / r1), where F is the empirical distribution. It looks
    at the smallest scale, so noise counts as dimension, and it falls short of dimensions above about log n.

    Points that repeat others count once, with a ToposcopeWarning. Raises InputError for fewer than 3 distinct points,
    or when all ratios that are kept are 1. Source: Facco et al. 2017.
    """
    return two_nn_prepared(prepared(a), share(discard, "discard"))


def two_nn_prepared(x: Prepared, discard: float) -> float:
    """Of one cloud."""
    distinct = _distinct(x, 3)
    distances = nearest(distinct, 2)[0]
    ratios = np.sort(np.log(distances[:, 1] / distances[:, 0]))
    n = len(ratios)
    # The last of n ratios has F = 1, whose logarithm no line reaches.
    kept = min(int(n * (1 - discard)), n - 1)
    ratios, tail = ratios[:kept], -np.log1p(-np.arange(1, kept + 1) / n)
    square = float(ratios @ ratios)
    if square == 0:
        raise InputError(
            "every point of a has two neighbours at one distance, as on a lattice, so two_nn is not defined; "
            "take ph_dimension"
        )
    return float(ratios @ tail) / square


def mle_dimension(a: Points, k: int = 20, average: str = "harmonic") -> float:
    """Maximum-likelihood dimension from the distances to the k nearest neighbours.

    a: (n, d) array or Representation. k: at least 3, less than n. average: over the points, "harmonic" (MacKay and
    Ghahramani 2005, less biased) or "mean" (Levina and Bickel 2004, with their k - 2). Returns a float.

    Points that repeat others count once, with a ToposcopeWarning. Raises InputError when there are not more distinct
    points than k, or all neighbours lie at one distance.
    """
    k = _check.integer(k, "k", at_least=3)
    _check.choice(average, ("harmonic", "mean"), "average")
    distances = nearest(_distinct(prepared(a), 2), k)[0]
    inverse = np.log(distances[:, -1:] / distances[:, :-1]).sum(axis=1)
    if (inverse == 0).any():
        raise InputError(f"a point of a has all its {k} neighbours at one distance, as on a lattice; take a larger k")
    if average == "mean":
        return float(((k - 2) / inverse).mean())
    return float((k - 1) / inverse.mean())


def ph_dimension(a: Points, sizes: int = 8, draws: int = 5, seed: int = 0) -> float:
    """Persistent-homology dimension: how the summed length of the bars of degree 0 grows with the number of points.

    a: (n, d) array or Representation. sizes: numbers of points between n / 8 and n, evenly spaced in logarithm.
    draws: of each size, chosen by a hash of the ids and the seed; their lengths are averaged. Returns 1 / (1 - slope)
    of log length against log size; inf when the slope is 1 or more.

    Points that repeat others count once. Raises InputError for fewer than 32 points. Sources: Schweinhart 2020; Adams
    et al. 2020.
    """
    sizes = _check.integer(sizes, "sizes", at_least=2)
    draws = _check.integer(draws, "draws", at_least=1)
    x = prepared(a, at_least=32)
    n = len(x)
    counts = np.unique(np.rint(np.geomspace(max(n / 8, 8), n, sizes)).astype(int))
    lengths = [
        np.mean([_tree_length(x, rows) for rows in subsets(ids_of(a, n), int(count), draws if count < n else 1, seed)])
        for count in counts
    ]
    if min(lengths) == 0:
        raise InputError("all points of a coincide, so it has no dimension; leave it out")
    slope = float(np.polyfit(np.log(counts), np.log(lengths), 1)[0])
    return 1 / (1 - slope) if slope < 1 else math.inf


def p_eff(a: Points) -> float:
    """Effective dimension tr Σ / ‖Σ‖ of the covariance: its trace over its largest eigenvalue.

    a: (n, d) array or Representation. Returns a float from 1 to d; 0 for a cloud whose points coincide. To be shown
    beside every diagram: where it is large, distances concentrate. Sources: Hiraoka et al. 2024; Sansford et al. 2026.
    """
    return effective_dimension(prepared(a).points)


def participation_ratio(a: Points) -> float:
    """(tr Σ)² / tr Σ²: how many principal directions share the variance.

    a: (n, d) array or Representation. Returns a float from 1 to d; 0 for a cloud whose points coincide. Source: Gao et
    al. 2017.
    """
    x = prepared(a)
    centred = x.features
    gram = centred.T @ centred
    square = float(np.einsum("ij,ij->", gram, gram))
    return float(np.trace(gram)) ** 2 / square if square > 0 else 0.0


def _distinct(x: Prepared, at_least: int) -> Prepared:
    distinct = x.distinct
    if len(distinct) < at_least:
        raise InputError(f"a has {len(distinct)} distinct points, and at least {at_least} are needed; leave it out")
    if len(distinct) < len(x):
        warnings.warn(
            f"{len(x) - len(distinct)} of {len(x)} points repeat others; each is counted once",
            ToposcopeWarning,
            stacklevel=4,
        )
    return distinct


def _tree_length(x: Prepared, rows: Ints) -> float:
    if len(x) <= _LARGEST_MATRIX:
        diagram = vietoris_rips(x.distances()[np.ix_(rows, rows)], max_degree=0, metric="precomputed")
    else:
        diagram = vietoris_rips(x.points[rows], max_degree=0)
    return float(diagram.finite(0)[:, 1].sum())
