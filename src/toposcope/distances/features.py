"""Features of one diagram: curves, images and scalar descriptors. All read the bars that die; essential bars are
counted by `betti_curve`, `bars_above` and `descriptors`, and left out of everything else, which has no finite value on
them. Landscapes as piecewise linear functions stand in `landscapes`."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from toposcope import _check
from toposcope._errors import InputError
from toposcope._types import Array, Float64, Ints
from toposcope.diagram import PersistenceDiagram
from toposcope.distances.bars import bars_of

_BLOCK = 1 << 22
"""Entries of one block of bars × values."""


def betti_curve(
    diagram: PersistenceDiagram | Array, degree: int = 1, values: Array | None = None
) -> tuple[Float64, Ints]:
    """The Betti number as a function of the filtration value, essential bars included.

    values: (v,) filtration values; None takes every birth and death, where the curve is exact: it is constant from each
    value up to the next. Returns values and Betti numbers, both (v,).
    """
    bars = bars_of(diagram, degree, "diagram")
    births = np.sort(np.concatenate([bars.finite[:, 0], bars.births]))
    deaths = np.sort(bars.finite[:, 1])
    at = np.unique(np.concatenate([births, deaths])) if values is None else np.asarray(values, dtype=np.float64)
    born, dead = np.searchsorted(births, at, side="right"), np.searchsorted(deaths, at, side="right")
    return at, np.asarray(born - dead, dtype=np.int64)


def entropy_curve(
    diagram: PersistenceDiagram | Array, degree: int = 1, values: Array | None = None
) -> tuple[Float64, Float64]:
    """The part of the persistence entropy that the bars alive at a filtration value contribute, in nats.

    values: (v,) filtration values; None takes every birth and death, where the curve is exact: it is constant from each
    value up to the next. A bar is alive from its birth to before its death, and counts with -s log s, s its share of
    the total length of the bars that die. Returns values and entropies, both (v,).
    Source: Atienza, González-Díaz and Soriano-Trigueros 2020 (entropy summary function).
    """
    bars = bars_of(diagram, degree, "diagram")
    share = bars.lengths / max(float(bars.lengths.sum()), np.finfo(np.float64).tiny)
    parts = np.where(share > 0, -share * np.log(np.where(share > 0, share, 1.0)), 0.0)
    at = np.unique(bars.finite) if values is None else np.asarray(values, dtype=np.float64)
    curve = np.zeros(len(at))
    for block in _blocks(len(at), len(share)):
        alive = (bars.finite[:, 0] <= at[block, None]) & (at[block, None] < bars.finite[:, 1])
        curve[block] = alive @ parts
    return at, curve


def silhouette(
    diagram: PersistenceDiagram | Array, degree: int = 1, values: Array | None = None, power: float = 1
) -> tuple[Float64, Float64]:
    """The mean of all tents min(t - birth, death - t), each at least 0, weighted by length^power.

    values: (v,) filtration values; None takes every birth, middle and death, where the curve is exact: it is linear
    between them. power: at least 0; the larger, the more the long bars decide. Returns values and heights, both (v,),
    in filtration values; no bars that die: 0. Source: Chazal, Fasy, Lecci, Rinaldo and Wasserman 2014.
    """
    exponent = _check.real(power, "power", at_least=0)
    bars = bars_of(diagram, degree, "diagram")
    longest = float(bars.lengths.max(initial=0.0))
    weights = (bars.lengths / longest) ** exponent if longest else bars.lengths
    ends = np.concatenate([bars.finite.ravel(), bars.finite.mean(axis=1)])
    at = np.unique(ends) if values is None else np.asarray(values, dtype=np.float64)
    curve = np.zeros(len(at))
    if longest:
        for block in _blocks(len(at), len(weights)):
            tents = np.minimum(at[block, None] - bars.finite[:, 0], bars.finite[:, 1] - at[block, None])
            curve[block] = np.maximum(tents, 0) @ (weights / weights.sum())
    return at, curve


def _blocks(values: int, bars: int) -> Iterator[slice]:
    step = max(1, _BLOCK // max(1, bars))
    return (slice(start, start + step) for start in range(0, values, step))


def landscape(diagram: PersistenceDiagram | Array, values: Array, degree: int = 1, levels: int = 5) -> Float64:
    """The first `levels` persistence landscapes, exact at the given filtration values.

    values: (v,). Returns (levels, v): level k at t is the k-th largest of min(t - birth, death - t), at least 0, over
    the bars that die. Source: Bubenik 2015.
    """
    depth = _check.integer(levels, "levels", at_least=1)
    at = np.asarray(values, dtype=np.float64)
    bars = bars_of(diagram, degree, "diagram").finite
    heights = np.zeros((max(depth, len(bars)), len(at)))
    heights[: len(bars)] = np.maximum(np.minimum(at - bars[:, :1], bars[:, 1:] - at), 0)
    if len(bars) > depth:
        heights = np.partition(heights, len(heights) - depth, axis=0)[-depth:]
    return np.sort(heights, axis=0)[::-1][:depth]


def persistence_image(
    diagram: PersistenceDiagram | Array,
    births: tuple[float, float],
    lengths: tuple[float, float],
    degree: int = 1,
    resolution: int = 20,
    bandwidth: float | None = None,
) -> Float64:
    """The persistence image: a Gaussian at (birth, length) of every bar that dies, weighted by length over pixels.

    births, lengths: (low, high) range of each axis, in filtration values; the same ranges make images comparable.
    resolution: pixels per axis. bandwidth: standard deviation of the Gaussian; None takes the width of one pixel on the
    longer axis. Returns (resolution, resolution), row 0 the shortest bars; each pixel is the exact integral of the
    weighted sum over its area. Source: Adams et al. 2017, weight linear in length.
    """
    from scipy.special import ndtr

    side = _check.integer(resolution, "resolution", at_least=1)
    edges = []
    for name, (low, high) in (("births", births), ("lengths", lengths)):
        if not low < high:
            raise InputError(f"{name}=({low:g}, {high:g}) is an empty range; give low < high")
        edges.append(np.linspace(low, high, side + 1))
    sigma = (
        max(edge[1] - edge[0] for edge in edges)
        if bandwidth is None
        else _check.real(bandwidth, "bandwidth", above=0.0)
    )
    bars = bars_of(diagram, degree, "diagram")
    along_births = np.diff(ndtr((edges[0][None] - bars.finite[:, :1]) / sigma), axis=1)
    along_lengths = np.diff(ndtr((edges[1][None] - bars.lengths[:, None]) / sigma), axis=1)
    image: Float64 = np.einsum("k,ky,kx->yx", bars.lengths, along_lengths, along_births)
    return image


def total_persistence(diagram: PersistenceDiagram | Array, degree: int = 1, order: float = 1) -> float:
    """(sum of length^order)^(1/order) over the bars that die, in units of the filtration."""
    p = _check.real(order, "order", at_least=1)
    lengths = bars_of(diagram, degree, "diagram").lengths
    longest = float(lengths.max(initial=0.0))
    return float(longest * np.sum((lengths / longest) ** p) ** (1 / p)) if longest else 0.0


def persistence_entropy(diagram: PersistenceDiagram | Array, degree: int = 1, normalised: bool = False) -> float:
    """Shannon entropy of the lengths of the bars that die, each as a share of their sum, in nats.

    normalised: divide by the logarithm of the number of bars, giving 0 to 1. No bar or one bar: 0.
    Source: Chintakunta et al. 2015; Rucco et al. 2016.
    """
    lengths = bars_of(diagram, degree, "diagram").lengths
    if len(lengths) < 2:
        return 0.0
    share = lengths / lengths.sum()
    share = share[share > 0]
    entropy = float(-np.sum(share * np.log(share)))
    return entropy / float(np.log(len(lengths))) if normalised else entropy


def bars_above(diagram: PersistenceDiagram | Array, degree: int = 1, length: float = 0.0, ratio: float = 1.0) -> int:
    """How many bars are longer than `length` and die beyond `ratio` times their birth; essential bars are among them.

    length: in filtration values. ratio: death / birth, which does not change with the scale; it exceeds every number
    for a bar that is born at 0, so it says nothing in degree 0. Both are thresholds that you set; for one that follows
    from a significance level, see the universal null distribution of ratios (Bobrowski and Skraba 2023).
    """
    least = _check.real(length, "length", at_least=0)
    times = _check.real(ratio, "ratio", at_least=1)
    bars = bars_of(diagram, degree, "diagram")
    above = (bars.lengths > least) & (bars.finite[:, 1] > times * bars.finite[:, 0])
    return int(np.count_nonzero(above)) + len(bars.births)


def descriptors(diagram: PersistenceDiagram, degree: int = 1) -> dict[str, float]:
    """Scalar descriptors of one degree: counts, lengths, entropy and where bars lie, in units of the filtration.

    `bars` and `essential` count; `total_persistence`, `maximal_persistence`, `mean_birth`, `mean_death` and `entropy`
    (normalised, 0 to 1) read the bars that die. Means of no bars are 0.
    """
    bars = bars_of(diagram, degree, "diagram")
    lengths = bars.lengths
    some = len(lengths) > 0
    return {
        "bars": float(len(lengths)),
        "essential": float(len(bars.births)),
        "total_persistence": float(lengths.sum()),
        "maximal_persistence": float(lengths.max(initial=0.0)),
        "mean_birth": float(bars.finite[:, 0].mean()) if some else 0.0,
        "mean_death": float(bars.finite[:, 1].mean()) if some else 0.0,
        "entropy": persistence_entropy(diagram, degree, normalised=True),
    }
