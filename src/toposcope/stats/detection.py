"""Would a metric show a hole if there were one? Planted circles, and how far the longest bar stands out.

Damrich, Berens and Kobak 2024 ("Persistent homology for high-dimensional data based on spectral methods") plant a
circle in many dimensions, add noise to each of them, and ask whether the longest bar of degree 1 stands out. Under
Euclidean distances it soon does not. The answer depends on the number of points and of dimensions, so it is simulated
at those of the clouds in question.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from toposcope import _check
from toposcope._errors import InputError
from toposcope._types import Float64
from toposcope.cloud.metrics import CloudMetric, metric_named
from toposcope.diagram import PersistenceDiagram
from toposcope.result import Interval
from toposcope.rips.vietoris_rips import vietoris_rips
from toposcope.stats.intervals import mean_interval

SHORT = 1.25
"""Death / birth below which no bar counts as a hole: the source's threshold, which a single sliver does not pass."""


def detection_score(diagram: PersistenceDiagram, degree: int = 1, holes: int = 1) -> float:
    """How far the `holes` longest bars of a degree stand out: (p_m - p_{m+1}) / p_m of the lengths p, m = holes.

    diagram: its finite bars are read. Returns a float from 0 (the next bar is as long, or there are fewer bars) to 1
    (there is no other); 0 also where no bar dies at 1.25 times its birth or later. No units, but a metric that raises
    distances to a power moves it. It tells which of several metrics shows a hole that is known to be there; what is
    large by chance, say clouds without one (`circle_detection`). Source: Damrich et al. 2024.
    """
    holes = _check.integer(holes, "holes", at_least=1)
    bars = diagram.finite(_check.integer(degree, "degree"))
    lengths = np.sort(bars[:, 1] - bars[:, 0])[::-1]
    if len(lengths) < holes or not (bars[:, 1] >= SHORT * bars[:, 0]).any():
        return 0.0
    following = lengths[holes] if len(lengths) > holes else 0.0
    return float(1 - following / lengths[holes - 1])


def planted_circle(
    size: int, dimension: int, noise: float, seed: int | Sequence[int] = 0, offset: float = 0.0
) -> Float64:
    """Points at random on a circle of radius 1 in the first two dimensions, with Gaussian noise in all of them.

    size: points. dimension: at least 2. noise: standard deviation in each dimension; inf leaves noise alone, of
    standard deviation 1, and no circle. seed: equal seeds give equal angles, and noise that is only scaled. offset: how
    far the centre lies from the origin, in a random direction, in units of the root mean square distance of the points
    from their centre; only angles ("cosine", "correlation") see it. Returns (size, dimension). Raises InputError for
    other values.
    """
    size = _check.integer(size, "size", at_least=2)
    dimension = _check.integer(dimension, "dimension", at_least=2)
    spread = _check.real(noise, "noise", at_least=0.0)
    away = _check.real(offset, "offset", at_least=0.0)
    generator = np.random.default_rng(seed)
    angles = generator.uniform(0, 2 * np.pi, size)
    points: Float64 = generator.normal(size=(size, dimension))
    direction = generator.normal(size=dimension)
    reach = dimension**0.5
    if np.isfinite(spread):
        points *= spread
        points[:, 0] += np.cos(angles)
        points[:, 1] += np.sin(angles)
        reach = (1 + dimension * spread**2) ** 0.5
    points += away * reach * direction / float(np.linalg.norm(direction))
    return points


@dataclasses.dataclass(frozen=True, eq=False)
class CircleDetection:
    """How well one metric shows planted circles.

    noise: (m,) standard deviations. scores: (m, circles) detection scores. without: (circles,) scores of noise alone.
    undefined: clouds that the metric could not take (a neighbour graph in pieces); their score is 0.
    """

    metric: str
    size: int
    dimension: int
    noise: tuple[float, ...]
    scores: Float64
    without: Float64
    undefined: int

    @property
    def found(self) -> Float64:
        """(m,) share of circles that score above every cloud without one.

        With c clouds of each kind, a cloud without a circle would count as found with probability 1 / (c + 1).
        """
        share: Float64 = (self.scores > self.without.max()).mean(axis=1)
        return share

    def up_to(self, share: float) -> float:
        """The largest noise up to which, at every noise tried, that share of circles is found; NaN if at none."""
        reached = np.minimum.accumulate(self.found[np.argsort(self.noise)] >= share)
        return float(np.sort(self.noise)[reached][-1]) if reached.any() else float("nan")

    def interval(self, level: float = 0.95) -> tuple[Interval, ...]:
        """Bounds of the mean score at each noise, over circles."""
        return tuple(mean_interval(scores, level) for scores in self.scores)

    def __repr__(self) -> str:
        shares = ", ".join(f"{share:.0%} at {noise:g}" for noise, share in zip(self.noise, self.found, strict=True))
        return f"<CircleDetection {self.metric}, {self.size} points in {self.dimension} dimensions: found {shares}>"


def circle_detection(
    metric: str | CloudMetric,
    size: int,
    dimension: int,
    noise: Sequence[float] = (0.1, 0.2, 0.3),
    circles: int = 20,
    seed: int = 0,
    offset: float = 0.0,
) -> CircleDetection:
    """Plant circles at one number of points and of dimensions, and see whether a metric shows them.

    metric: as `vietoris_rips` takes it. size, dimension: of the clouds in question. noise: standard deviations in each
    dimension, the radius being 1. circles: for each noise, and as many clouds without a circle. seed: circle i has the
    same angles and directions of noise under every metric and noise. offset: of the centre, as in `planted_circle`;
    give that of the clouds in question where the metric reads angles. One thread.

    The noise is the same in all directions. A layer's is not, and its loops are no circles: read it as a guide to
    which metrics can be trusted at this size, not as the power of a test. Raises InputError for fewer than 5 circles,
    for sizes that the metric cannot take, and for noise that is not positive and finite. Source: Damrich et al. 2024.
    """
    kind = metric_named(metric)
    circles = _check.integer(circles, "circles", at_least=5)
    levels = tuple(_check.real(level, "noise", above=0.0) for level in noise)
    if not levels or not np.isfinite(levels).all():
        raise InputError(f"noise={list(noise)} needs at least one number, and each must be finite")
    neighbours = getattr(kind, "k", None)
    if neighbours is not None and neighbours >= size:
        raise InputError(f"metric={kind} needs more than {neighbours} points, and size={size}; take a larger size")
    undefined = 0
    scores = np.zeros((len(levels) + 1, circles))
    for place, level in enumerate((*levels, np.inf)):
        for circle in range(circles):
            points = planted_circle(size, dimension, level, (seed, circle), offset)
            try:
                scores[place, circle] = detection_score(vietoris_rips(points, 1, kind, threads=1))
            except InputError:  # its neighbours do not hang together
                undefined += 1
    return CircleDetection(str(kind), size, dimension, levels, scores[:-1], scores[-1], undefined)
