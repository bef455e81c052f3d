"""From representations to distances between their draws: which rows make a draw, one diagram for each draw, one number
for each pair of diagrams."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from toposcope import _check
from toposcope._errors import InputError, ToposcopeWarning
from toposcope._types import Array, Float64, Ints
from toposcope.cloud import pairwise_distances, scale_rule
from toposcope.diagram import PersistenceDiagram
from toposcope.distances import Distance, compare, distance_named, landscape
from toposcope.representation import Representation
from toposcope.rips import vietoris_rips
from toposcope.stats.cells import Cell, PairedCell, UnpairedCell

LANDSCAPE_VALUES = 512
"""Filtration values, evenly spaced from the first birth to the last death, on which landscapes are compared."""

_CHUNK = 32
"""Filtration values at which landscapes are in memory at a time."""


@dataclasses.dataclass(frozen=True)
class Measurement:
    """How draws become numbers. degrees: of homology. distance: between diagrams; None is the L2 distance between
    landscapes. metric, scale: of points. pooled: one scale for all draws instead of one for each."""

    degrees: tuple[int, ...]
    distance: Distance | None
    metric: Any = "euclidean"
    scale: str | float | None = "q0.9"
    pooled: bool = False
    threads: int | None = None

    @property
    def fewest_points(self) -> int:
        """Points below which no cloud has a bar in the highest degree: the corners of a cross-polytope."""
        return 2 * max(self.degrees) + 2

    @property
    def name(self) -> str:
        """What the distance is called."""
        return "L2 distance of landscapes" if self.distance is None else self.distance.name

    def title(self, degrees: Sequence[int]) -> str:
        """The distance and the degrees: "W1, H1"."""
        return f"{self.name}, {' + '.join(f'H{degree}' for degree in degrees)}"

    def diagrams(self, clouds: Sequence[tuple[str, Array]]) -> list[PersistenceDiagram]:
        """One diagram of every cloud. clouds: names and (size, d) points. Raises what `vietoris_rips` does."""
        rule = self.scale
        if self.pooled and isinstance(rule, str):
            rule = self._pooled_scale([points for _name, points in clouds], rule)

        def one(cloud: tuple[str, Array]) -> PersistenceDiagram:
            name, points = cloud
            try:
                return vietoris_rips(points, max(self.degrees), self.metric, rule)
            except InputError as error:
                raise type(error)(f"{name}: {error}") from None

        with ThreadPoolExecutor(self.threads) as pool:
            return list(pool.map(one, clouds))

    def _pooled_scale(self, clouds: Sequence[Array], rule: str) -> float:
        """The quantile of the distances within all clouds together. No relabelling of the clouds changes it."""
        within = []
        for points in clouds:
            distances = pairwise_distances(points, self.metric)
            within.append(distances[np.triu_indices(len(distances), 1)].astype(np.float64))
        value = float(np.quantile(np.concatenate(within), float(rule[1:])))
        if not 0 < value < np.inf:
            raise InputError(
                f"scale={rule!r}: that quantile of the distances within all draws is {value:g}, so nothing can be "
                "divided by it; remove duplicate points, choose a higher quantile or pass scale=None"
            )
        return value

    def distances(self, diagrams: Sequence[PersistenceDiagram], degree: int) -> Float64:
        """(m, m) distances between all diagrams in one degree."""
        if self.distance is None:
            return landscape_distances(diagrams, degree)
        return compare(diagrams, self.distance, degree=degree, threads=self.threads).values

    def joined(self, matrices: Sequence[Float64], apart: Array) -> Float64:
        """One (m, m) matrix of several degrees, each divided by its mean over the pairs that are `apart` (m, m).

        The mean is over draws of both groups, so no relabelling changes it. A sum of distances is one, and so is the
        root of a sum of squares, which keeps the distance between landscapes that of a Hilbert space.
        """
        if len(matrices) == 1:
            return matrices[0]
        means = [float(matrix[apart].mean()) for matrix in matrices]
        scaled = [matrix / mean if mean > 0 else matrix for matrix, mean in zip(matrices, means, strict=True)]
        if self.distance is None:
            return np.asarray(np.sqrt(sum(part**2 for part in scaled)))
        return np.asarray(sum(scaled))


def measurement(
    degree: int | Sequence[int],
    distance: str | Distance | None,
    scale: str | float | None,
    statistic: str,
    metric: Any,
    scale_of: str,
    threads: int | None,
) -> Measurement:
    """The Measurement that arguments ask for. Raises InputError."""
    several = [degree] if isinstance(degree, (int, np.integer)) else list(degree)
    degrees = tuple(_check.integer(value, "degree") for value in several)
    if not degrees or len(set(degrees)) < len(degrees):
        raise InputError(f"degree={degree!r} must be one degree of homology or several different ones")
    if statistic == "landscape" and distance is not None:
        raise InputError(
            f"statistic='landscape' compares landscapes, so distance={distance!r} has no place; leave it out, or take "
            "statistic='energy'"
        )
    return Measurement(
        degrees,
        None if statistic == "landscape" else distance_named("wasserstein" if distance is None else distance),
        metric,
        scale_rule(scale),
        _check.choice(scale_of, ("draw", "pooled"), "scale_of") == "pooled",
        None if threads is None else _check.integer(threads, "threads", at_least=1),
    )


def landscape_distances(diagrams: Sequence[PersistenceDiagram], degree: int) -> Float64:
    """(m, m) L2 distances between the landscapes of m diagrams, all levels, over the bars that die.

    The integral is the trapezoid sum over `LANDSCAPE_VALUES` filtration values from the first birth to the last death
    of all diagrams; landscapes are 0 at both. Source: Bubenik 2015.
    """
    bars = [diagram.finite(degree) for diagram in diagrams]
    levels = max(len(pairs) for pairs in bars)
    if levels == 0:
        return np.zeros((len(diagrams), len(diagrams)))
    ends = np.concatenate(bars)
    values = np.linspace(ends[:, 0].min(), ends[:, 1].max(), LANDSCAPE_VALUES)
    products = np.zeros((len(diagrams), len(diagrams)))
    for start in range(0, len(values), _CHUNK):
        at = values[start : start + _CHUNK]
        heights = np.stack([landscape(pairs, at, degree, levels).ravel() for pairs in bars])
        products += heights @ heights.T
    norms = np.diagonal(products)
    squares = np.maximum(norms[:, None] + norms[None, :] - 2 * products, 0.0) * (values[1] - values[0])
    np.fill_diagonal(squares, 0.0)
    return np.asarray(np.sqrt(squares))


@dataclasses.dataclass(frozen=True, eq=False)
class Split:
    """The rows of every draw: k arrays of (size,) row numbers of a, and of b. Paired: draw i is the same inputs."""

    a: Sequence[Ints]
    b: Sequence[Ints]
    paired: bool
    size: int


def cells_of(
    a: Representation, b: Representation, split: Split, how: Measurement, groups: Sequence[tuple[int, ...]], name: str
) -> list[Cell]:
    """All distances between the draws of a and of b: one cell for every group of degrees, from the same diagrams."""
    k = len(split.a)
    diagrams = how.diagrams(clouds_of(a, split.a) + clouds_of(b, split.b))
    matrices = {degree: how.distances(diagrams, degree) for group in groups for degree in group}
    draw = np.arange(2 * k) % k if split.paired else np.arange(2 * k)
    apart = draw[:, None] != draw[None, :]
    kind = PairedCell if split.paired else UnpairedCell
    cells: list[Cell] = []
    for group in groups:
        joined = how.joined([matrices[degree] for degree in group], apart)
        claim = f"{name}, {how.title(group)}"
        within_a, within_b, between = joined[:k, :k], joined[k:, k:], joined[:k, k:]
        cells.append(kind(claim, within_a, within_b, between, split.size, (a.dimension, b.dimension)))
    return cells


def units(representation: Representation) -> frozenset[str]:
    """The inputs of a representation: its different sample ids, as text, which is what the draws hash."""
    return frozenset(str(entry) for entry in representation.sample_ids.tolist())


def are_paired(a: Representation, b: Representation, paired: bool | None, dealt: bool = False) -> bool:
    """Whether draw i is the same inputs in a and in b. paired: what the caller says, None for nothing.

    dealt: whether one set of inputs may be dealt out between a and b, which is what paired=False then asks for.
    Raises InputError where the ids do not allow what is asked, and where they leave it open.
    """
    in_a, in_b = units(a), units(b)
    shared = len(in_a & in_b)
    same = in_a == in_b
    if shared and not same:
        raise InputError(
            f"a and b share {shared} of their {len(in_a)} and {len(in_b)} inputs: neither the same nor different ones; "
            f"keep the {shared} shared ones in both for a paired test, or drop them from one"
        )
    if paired and not same:
        raise InputError(
            "paired=True needs the same inputs in a and b, and they share none; give both the sample_ids of the same "
            "inputs, or leave paired out"
        )
    if paired is False and same and not dealt:
        raise InputError("paired=False, and a and b hold the same inputs; pass paired=True or None")
    places = sorted({place for place in (a.source.data, b.source.data) if place is not None})
    if same and paired is None and len(places) > 1:
        raise InputError(
            f"a and b have the same sample_ids but come from {' and '.join(places)}; pass paired=True if they are the "
            "same inputs, else give them different sample_ids"
        )
    return same if paired is None else paired


def rows_per_draw(representation: Representation, draws: int) -> int:
    """Rows that every one of `draws` disjoint draws has, whichever inputs fall into it."""
    counts = _rows_of_inputs(representation)
    return int(counts[: len(counts) // draws].sum())


def most_draws(representation: Representation, size: int) -> int:
    """The largest number of disjoint draws all of which have `size` rows, whichever inputs fall into them."""
    rows = np.cumsum(_rows_of_inputs(representation))
    inputs = int(np.searchsorted(rows, size)) + 1
    return len(rows) // inputs


def _rows_of_inputs(representation: Representation) -> Ints:
    """How many rows each input has, ascending."""
    return np.sort(np.unique(representation.sample_ids, return_counts=True)[1])


def clouds_of(representation: Representation, rows: Sequence[Ints]) -> list[tuple[str, Array]]:
    """The points of every draw, each with the name that an error gives it."""
    return [(f"{representation.name}, draw {k}", representation.points[chosen]) for k, chosen in enumerate(rows)]


def warn_of_equal_rows(a: Representation, b: Representation, paired: bool) -> None:
    """Warn when inputs with different ids have equal rows: they may be one input, and then no draws are disjoint.

    Equal rows matter within one representation, and between two that hold different inputs in one space. Rows of zeros
    are passed over: many inputs may leave every unit of a rectified layer silent.
    """
    alone = paired or units(a) == units(b) or a.dimension != b.dimension
    for group in ([a], [b]) if alone else ([a, b],):
        ids: dict[bytes, str] = {}
        equal = 0
        for representation in group:
            for row, name in zip(representation.points, representation.sample_ids.tolist(), strict=True):
                equal += bool(row.any()) and ids.setdefault(row.tobytes(), str(name)) != str(name)
        if equal:
            names = " and ".join(dict.fromkeys(representation.name for representation in group))
            warnings.warn(
                f"{names}: {equal} row(s) equal the row of another input; where those are copies of one image, give "
                "them one sample_id, or the draws share inputs, and p and every bound are too small",
                ToposcopeWarning,
                stacklevel=3,
            )
