"""Prepared: one cloud, and the matrices that several measures read, each computed once and only when asked for."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

import numpy as np

from toposcope._errors import InputError
from toposcope._types import Array, Float64, Floats, Ints
from toposcope.cloud import pairwise_distances

T = TypeVar("T")

SHARED = 4096
"""Inputs up to which the distances of a layer are kept as one matrix."""


@dataclasses.dataclass(frozen=True, eq=False)
class Prepared:
    """points: (n, d), finite. The rest is derived from them, in float64, and kept."""

    points: Floats
    kept: dict[Hashable, Any] = dataclasses.field(default_factory=dict, repr=False)

    def __len__(self) -> int:
        return len(self.points)

    def once(self, key: Hashable, make: Callable[[], T]) -> T:
        """What `make` gives, made at the first call."""
        if key not in self.kept:
            self.kept[key] = make()
        value: T = self.kept[key]
        return value

    def take(self, rows: Ints) -> Prepared:
        """These rows only."""
        return Prepared(np.asarray(self.points[rows]))

    @functools.cached_property
    def distinct(self) -> Prepared:
        """The points of the cloud as a set: one of each."""
        points = np.unique(self.points, axis=0)
        return self if len(points) == len(self) else Prepared(points)

    @functools.cached_property
    def mean(self) -> Float64:
        """(d,) mean of the rows."""
        mean: Float64 = self.points.mean(axis=0, dtype=np.float64)
        return mean

    @property
    def centred(self) -> Float64:
        """(n, d) the points less their mean; made anew at every call."""
        return self.points.astype(np.float64) - self.mean

    @functools.cached_property
    def features(self) -> Float64:
        """(n, r) centred, with the Gram matrix of the centred points and r = min(n, d) columns.

        Every measure that rotations leave alone may read these in place of the points.
        """
        centred = self.centred
        if centred.shape[1] <= len(centred):
            return centred
        # X = R'Q' with orthonormal Q, so XX' = R'R: the rows of R' are the points in other coordinates.
        triangle = np.asarray(np.linalg.qr(centred.T, mode="r"), dtype=np.float64)
        return np.ascontiguousarray(triangle.T)

    @functools.cached_property
    def norm(self) -> float:
        """Frobenius norm of the centred points. Raises InputError when they all coincide."""
        norm = float(np.linalg.norm(self.features))
        if norm <= 1e-12 * float(np.abs(self.mean).max(initial=0.0)) * len(self) ** 0.5:
            raise InputError("all points of a layer coincide, so nothing can be compared with it; leave it out")
        return norm

    @functools.cached_property
    def directions(self) -> tuple[Float64, Float64]:
        """(n, r) orthonormal principal directions over the inputs, and (r,) singular values; r is the rank."""
        tolerance = self.norm * max(self.features.shape) * np.finfo(np.float64).eps
        left, values, _ = np.linalg.svd(self.features, full_matrices=False)
        if self.points.dtype == np.float32:
            tolerance = max(tolerance, self.norm * np.finfo(np.float32).eps)
        rank = int((values > tolerance).sum())
        return left[:, :rank], values[:rank]

    def distances(self, metric: str = "euclidean") -> Float64:
        """(n, n) float64 distances."""

        def make() -> Float64:
            return np.asarray(pairwise_distances(self.points, metric, np.float64), dtype=np.float64)

        return self.once(("distances", metric), make)

    def upper_ranks(self, metric: str) -> Float64:
        """(n(n-1)/2,) centred ranks of the distances between different points, of unit norm.

        Distances that agree to ten digits of the largest are ties, which take average ranks. Above `SHARED` points no
        square matrix is made: four vectors of that length at most, this one included.
        """

        def make() -> Float64:
            if len(self) > SHARED and ("distances", metric) not in self.kept:
                upper = pairwise_distances(self.points, metric, np.float64, condensed=True)
            else:
                upper = self.distances(metric)[np.triu_indices(len(self), 1)]
            scaled: Float64 = upper.astype(np.float64, copy=False)
            scaled /= max(float(scaled.max()), np.finfo(np.float64).tiny)
            ranks = _average_ranks(np.round(scaled, 10, out=scaled))
            ranks -= (len(ranks) + 1) / 2
            return unit(ranks, f"all distances ({metric}) of a layer are equal")

        return self.once(("ranks", metric), make)


def _average_ranks(values: Float64) -> Float64:
    """Ranks from 1, equal values sharing the mean of theirs."""
    order = np.argsort(values, kind="stable")
    values = values[order]
    ranks = np.empty(len(values))
    ranks[order] = np.arange(1, len(values) + 1)
    first = np.flatnonzero(np.diff(values) == 0)
    if len(first):
        starts = first[np.concatenate([[True], np.diff(first) > 1])]
        stops = first[np.concatenate([np.diff(first) > 1, [True]])] + 1
        lengths = stops - starts + 1
        offsets = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        ranks[order[np.repeat(starts, lengths) + offsets]] = np.repeat((starts + stops) / 2 + 1, lengths)
    return ranks


def unit(vector: Array, otherwise: str) -> Float64:
    """The vector of norm 1; InputError saying `otherwise` for zero."""
    norm = float(np.linalg.norm(vector))
    if norm == 0:
        raise InputError(f"{otherwise}, so nothing can be compared with it; leave it out")
    return np.asarray(vector / norm, dtype=np.float64)
