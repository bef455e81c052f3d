"""Distances between points: metrics by name, those with parameters as small frozen objects, and all pairs of a cloud.

    ts.pairwise_distances(points, "cosine")
    ts.vietoris_rips(points, metric=ts.metrics.Diffusion(k=15, t=8))

A metric of two points reads nothing but these (`pairs`). A metric of the cloud reads its Euclidean distances first and
follows its neighbours (`neighbours`).
"""

from __future__ import annotations

import abc
import dataclasses
import re
from typing import Any, ClassVar

import numpy as np
from numpy.typing import DTypeLike

from toposcope import _check
from toposcope._errors import InputError, close_names
from toposcope._types import Float64, Floats
from toposcope.cloud.device import PRODUCTS, by_products
from toposcope.cloud.neighbours import neighbour_graph, shortest_paths, spectral, to_measure
from toposcope.cloud.pairs import BETWEEN_TWO, between_two
from toposcope.representation import Representation

__all__ = [
    "DTM",
    "METRICS",
    "CloudMetric",
    "Diffusion",
    "EffectiveResistance",
    "Fermat",
    "KNNGeodesic",
    "metric_named",
    "pairwise_distances",
]


class CloudMetric(abc.ABC):
    """A distance that the whole cloud decides. Its text, `str(metric)`, is a name that every `metric=` takes.

    has_births: whether points enter a filtration at a birth of their own, on the diagonal, instead of at 0.
    """

    name: ClassVar[str]
    has_births: ClassVar[bool] = False

    @abc.abstractmethod
    def of(self, distances: Float64) -> Float64:
        """The (n, n) values, from (n, n) Euclidean distances. Raises InputError if k is not below n."""

    def __str__(self) -> str:
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}  # type: ignore[arg-type]
        return (
            f"{self.name}({', '.join(f'{key}={_digits(value)}' for key, value in fields.items() if value is not None)})"
        )


def _digits(value: float) -> str:
    """All digits of a parameter; 2 and 2.0 are one parameter and read alike."""
    return str(int(value)) if float(value).is_integer() else repr(float(value))


@dataclasses.dataclass(frozen=True)
class KNNGeodesic(CloudMetric):
    """Length of the shortest path over the graph of k nearest neighbours: an estimate of the distance along a manifold.

    k does not count the point itself; two points are joined when either is among the other's k nearest. Between
    pieces of the graph it is inf, and every piece is an essential bar of degree 0. Units of the Euclidean distance.
    Source: Tenenbaum, de Silva and Langford 2000 (Isomap).
    """

    k: int = 15
    name: ClassVar[str] = "knn_geodesic"

    def __post_init__(self) -> None:
        _check.integer(self.k, "k", at_least=1)

    def of(self, distances: Float64) -> Float64:
        """The (n, n) values, from (n, n) Euclidean distances. Raises InputError if k is not below n."""
        return shortest_paths(distances, neighbour_graph(distances, self.k))


@dataclasses.dataclass(frozen=True)
class Hops(CloudMetric):
    """Number of edges on the shortest path over the graph of k nearest neighbours (as in `KNNGeodesic`).

    It reads which points are near, not how near: a layer that stretches or shrinks a cloud unevenly changes it little.
    Whole numbers, inf between pieces of the graph. Source: Naitzat, Zhitnikov and Lim 2020, who follow Betti numbers
    through the layers of classifiers with it.
    """

    k: int = 15
    name: ClassVar[str] = "hops"

    def __post_init__(self) -> None:
        _check.integer(self.k, "k", at_least=1)

    def of(self, distances: Float64) -> Float64:
        """The (n, n) values, from (n, n) Euclidean distances. Raises InputError if k is not below n."""
        joined = neighbour_graph(distances, self.k)
        return shortest_paths(joined.astype(np.float64), joined)


@dataclasses.dataclass(frozen=True)
class Fermat(CloudMetric):
    """Least sum of (Euclidean length)^p over paths through the cloud: the larger p, the more dense regions shorten it.

    k: None allows every step, which takes n³ operations; a number only steps of the graph of k nearest neighbours (as
    in `KNNGeodesic`; inf between its pieces). Units of the Euclidean distance to the power p; no root is taken.
    Source: Groisman, Jonckheere and Sapienza 2022; Fernández et al. 2023.
    """

    p: float = 2
    k: int | None = None
    name: ClassVar[str] = "fermat"

    def __post_init__(self) -> None:
        power = _check.real(self.p, "p", at_least=1)
        if not np.isfinite(power):
            raise InputError(f"p={self.p!r} must be finite")
        if self.k is not None:
            _check.integer(self.k, "k", at_least=1)

    def of(self, distances: Float64) -> Float64:
        """The (n, n) values, from (n, n) Euclidean distances. Raises InputError for k not below n, or an overflow."""
        joined = None if self.k is None else neighbour_graph(distances, self.k)
        with np.errstate(over="ignore"):
            powers = distances**self.p
        if not np.isfinite(powers).all():
            raise InputError(f"metric={self}: distances up to {distances.max():g} overflow; divide the points by that")
        return shortest_paths(powers, joined)


@dataclasses.dataclass(frozen=True)
class DTM(CloudMetric):
    """Distance to measure: a filtration in which points of dense regions enter first and outliers late.

    f(x) is the p-mean of the distances from x to its k nearest other points. As diameters, x is born at 2f(x) and the
    edge xy enters at max(2f(x), 2f(y), f(x) + f(y) + |x-y|). The births stand on the diagonal, so bars of degree 0 do
    not start at 0, and these values are no distances for metric="precomputed". p may be inf.
    Source: Anai et al. 2020; Chazal, Cohen-Steiner and Mérigot 2011.
    """

    k: int = 15
    p: float = 2
    name: ClassVar[str] = "dtm"
    has_births: ClassVar[bool] = True

    def __post_init__(self) -> None:
        _check.integer(self.k, "k", at_least=1)
        _check.real(self.p, "p", at_least=1)

    def of(self, distances: Float64) -> Float64:
        """The (n, n) edge values, births on the diagonal. Raises InputError if k is not below n."""
        return to_measure(distances, self.k, self.p)


@dataclasses.dataclass(frozen=True)
class Diffusion(CloudMetric):
    """How differently t steps of a random walk from two points end: distances of the rows of √vol D^(-1/2) U (1-Λ)^t.

    The walk is on the unweighted graph of k nearest neighbours (as in `KNNGeodesic`), with degrees D and normalised
    Laplacian UΛUᵀ; vol is the sum of degrees. No units. Source: Coifman and Lafon 2006; Damrich et al. 2024.
    """

    k: int = 15
    t: int = 8
    name: ClassVar[str] = "diffusion"

    def __post_init__(self) -> None:
        _check.integer(self.k, "k", at_least=1)
        _check.integer(self.t, "t", at_least=1)

    def of(self, distances: Float64) -> Float64:
        """The (n, n) values. Raises InputError if k is not below n, and for a graph in several pieces."""
        joined = neighbour_graph(distances, self.k)
        volume = float(joined.sum())
        return spectral(joined, lambda values: np.sqrt(volume) * (1 - values) ** self.t, squared=False, name=str(self))


@dataclasses.dataclass(frozen=True)
class EffectiveResistance(CloudMetric):
    """Effective resistance between two points of a network of unit resistors, corrected for the points' degrees.

    R(i,j) = L⁺ii + L⁺jj - 2L⁺ij - 1/di - 1/dj + 2aij/(di dj) on the unweighted graph of k nearest neighbours (as in
    `KNNGeodesic`), L⁺ the pseudoinverse of its Laplacian. Computed as the squared distances of the rows of
    D^(-1/2) U (1-Λ)/√Λ, which it equals: its root is a metric, R need not keep the triangle inequality. No units.
    Source: von Luxburg, Radl and Hein 2010; Damrich et al. 2024.
    """

    k: int = 15
    name: ClassVar[str] = "effective_resistance"

    def __post_init__(self) -> None:
        _check.integer(self.k, "k", at_least=1)

    def of(self, distances: Float64) -> Float64:
        """The (n, n) values. Raises InputError if k is not below n, and for a graph in several pieces."""
        joined = neighbour_graph(distances, self.k)
        return spectral(joined, lambda values: (1 - values) / np.sqrt(values), squared=True, name=str(self))


_OF_THE_CLOUD: dict[str, type[CloudMetric]] = {
    kind.name: kind for kind in (KNNGeodesic, Hops, Fermat, DTM, Diffusion, EffectiveResistance)
}
METRICS = (*BETWEEN_TWO, *_OF_THE_CLOUD)
"""Names that `pairwise_distances` and `vietoris_rips` take; `vietoris_rips` also takes "precomputed"."""

_CALL = re.compile(r"\s*(\w+)\s*(?:\(([^()]*)\))?\s*")


def metric_named(metric: str | CloudMetric, /, **parameters: Any) -> str | CloudMetric:
    """One of `BETWEEN_TWO` as it is, any other name as its object: "fermat", "fermat(p=3, k=10)", or with `parameters`.

    Raises InputError for an unknown name, parameter or value.
    """
    if isinstance(metric, CloudMetric):
        return metric
    match = _CALL.fullmatch(metric) if isinstance(metric, str) else None
    name = _check.choice(match.group(1) if match else metric, METRICS, "metric")
    given = {**_arguments((match.group(2) if match else None) or "", metric), **parameters}
    if name in BETWEEN_TWO:
        if given:
            raise InputError(f"metric={name!r} takes no parameters, and {next(iter(given))} was given")
        return name
    kind = _OF_THE_CLOUD[name]
    known = [field.name for field in dataclasses.fields(kind)]  # type: ignore[arg-type]
    for key in given:
        if key not in known:
            raise InputError(f"metric={name!r} has no parameter {key!r}{close_names(key, known)}")
    return kind(**given)


def _arguments(text: str, metric: object) -> dict[str, int | float]:
    arguments: dict[str, int | float] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        key, _, value = (piece.strip() for piece in part.partition("="))
        try:
            arguments[key] = int(value)
        except ValueError:
            try:
                arguments[key] = float(value)
            except ValueError:
                raise InputError(
                    f"metric={metric!r}: {part!r} is not a parameter; write it as in 'knn_geodesic(k=15)'"
                ) from None
    return arguments


def pairwise_distances(
    points: Floats | Representation,
    metric: str | CloudMetric = "euclidean",
    dtype: DTypeLike | None = None,
    *,
    condensed: bool = False,
    threads: int | None = None,
    device: str | None = None,
) -> Floats:
    """All distances between the rows of a cloud.

    points: (n, d) floats or a Representation; may be memory-mapped, and of any strides. metric: one of `METRICS`, with
    parameters as an object of `ts.metrics` or as text: "fermat(p=3)". dtype: of the result; None keeps float32 or
    float64 of the input (float16 gives float32, integers float64). threads: None is one; the bits do not depend on it.
    Returns (n, n), symmetric to the bit, with a zero diagonal (births of the points on it under `DTM`); condensed: the
    n(n-1)/2 values above the diagonal, row by row, as scipy has them.

    The first six metrics depend on two rows only, to the bit: not on the others, nor on their order. The relative error
    of every distance is below 1e-6 where the result is float32, also for near-duplicates, for a large common offset and
    for clusters far apart; below 1e-12 where it is float64 (for differences between 1e-150 and 1e150, and for "cosine"
    and "correlation" below 1e-15/angle). Temporary memory is about a megabyte per thread. The metrics of the cloud are
    computed in float64 in a few (n, n) matrices, and rounded once.

    device: of torch ("cpu", "cuda"); Euclidean and angular distances are then float64 matrix products there, with
    the same promise for float32 points, and the device holds the cloud.

    Raises InputError for an unknown metric, for a shape that is not (n, d), for a zero or constant row under "cosine"
    or "correlation" (the angle is not defined), for k not below n, and where a metric needs a connected graph;
    ActivationError for values that are not finite; UnavailableError for a device that is not there.
    """
    kind = metric_named(metric)
    workers = 1 if threads is None else _check.integer(threads, "threads", at_least=1)
    if dtype is not None and np.dtype(dtype) not in (np.dtype(np.float32), np.dtype(np.float64)):
        raise InputError(f"dtype={dtype!r} is not known; use float32, float64 or None for that of the points")
    if condensed and getattr(kind, "has_births", False):
        raise InputError(f"metric={kind} has births on the diagonal, which condensed=True leaves out")
    if device is not None and kind in BETWEEN_TWO and kind not in PRODUCTS:
        raise InputError(f"metric={kind!r} is no matrix product, so device={device!r} is of no use; use device=None")
    cloud = _check.points(points)
    out = np.dtype(dtype) if dtype is not None else cloud.dtype
    if isinstance(kind, str) and device is None:
        return between_two(cloud, kind, out, condensed, workers)
    base = kind if isinstance(kind, str) else "euclidean"
    square = by_products(cloud, base, device) if device is not None else between_two(cloud, base, _WIDE, False, workers)
    if isinstance(kind, CloudMetric):
        square = kind.of(np.asarray(square, dtype=np.float64)) if len(cloud) else square
    if condensed:
        square = square[np.triu_indices(len(cloud), 1)]
    return square.astype(out, copy=False)


_WIDE = np.dtype(np.float64)
