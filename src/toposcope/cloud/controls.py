"""Controls: clouds that share what is trivial about a cloud and nothing else, and what a cloud has beyond them.

A control answers "beyond what?". Shuffled columns keep every feature's own distribution and destroy how features go
together. A Gaussian with the cloud's mean and covariance keeps the spectrum too, and has no shape but that. A control
is itself an estimate: a Gaussian fitted to few rows in many dimensions is another Gaussian than the one that the rows
came from. So each is held against controls of its own kind before anything is called an excess.

Two more controls are networks, not clouds: the same architecture untrained, and trained on random labels. A plan
declares them as further networks (docs/controls.md).
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Protocol

import numpy as np

from toposcope import _check
from toposcope._errors import InputError
from toposcope._types import Array, Float64, Floats
from toposcope.representation import Representation

_MISFIT = 0.01
"""Calibration fails where so many false excesses, or more, would come about this rarely at the stated level."""


class Control(Protocol):
    """A kind of control: makes one cloud from another, of the same shape."""

    @property
    def name(self) -> str:
        """What sentences call it."""

    def __call__(self, points: Floats, generator: np.random.Generator) -> Float64:
        """One control of (n, d) points, (n, d)."""

    def stand_in(self, points: Floats, generator: np.random.Generator) -> tuple[Float64, Control]:
        """A control to stand where the points stood, and the control that it would itself be held against."""


@dataclasses.dataclass(frozen=True)
class GaussianControl:
    """A Gaussian cloud with the mean and covariance of the points.

    covariance: "shrunk" towards a multiple of the identity by the share of Ledoit and Wolf 2004, or "sample" as it is.
    fitted_on: (m, d) other rows of the same source to fit to, such as held-out inputs; None fits to the points. No
    (d, d) matrix is formed: memory is that of a few clouds.
    """

    covariance: str = "shrunk"
    fitted_on: Floats | None = dataclasses.field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        _check.choice(self.covariance, ("shrunk", "sample"), "covariance")
        if self.fitted_on is not None:
            object.__setattr__(self, "fitted_on", _check.points(self.fitted_on, "fitted_on"))

    @property
    def name(self) -> str:
        """The covariance, and what it was fitted to."""
        return f"Gaussian, {self.covariance} covariance" + ("" if self.fitted_on is None else " of held-out rows")

    def __call__(self, points: Floats, generator: np.random.Generator) -> Float64:
        """One control of (n, d) points, (n, d). Raises InputError for fewer than 2 rows to fit to, or another d."""
        fitted = points if self.fitted_on is None else self.fitted_on
        if fitted.shape[1] != points.shape[1]:
            raise InputError(
                f"fitted_on has {fitted.shape[1]} columns and the points {points.shape[1]}; give rows of the same layer"
            )
        return self._draw(fitted, len(points), generator)

    def stand_in(self, points: Floats, generator: np.random.Generator) -> tuple[Float64, Control]:
        """A control, and the kind that is fitted to it; with held-out rows, to held-out rows drawn as it was."""
        cloud = self(points, generator)
        if self.fitted_on is None:
            return cloud, self
        held_out = self._draw(self.fitted_on, len(self.fitted_on), generator)
        return cloud, GaussianControl(self.covariance, held_out)

    def _draw(self, fitted: Floats, n: int, generator: np.random.Generator) -> Float64:
        if len(fitted) < 2:
            raise InputError(f"a covariance needs at least 2 rows, and there are {len(fitted)}; give more points")
        rows = fitted.astype(np.float64)
        mean = rows.mean(axis=0)
        rows -= mean
        m, d = rows.shape
        share = shrinkage(rows) if self.covariance == "shrunk" else 0.0
        # z' X / √(m-1) has the sample covariance of X: the factor X stands in for a root of the matrix.
        cloud: Float64 = generator.normal(size=(n, m)) @ rows
        cloud *= np.sqrt((1 - share) / (m - 1))
        if share > 0:
            variance = np.einsum("ij,ij->", rows, rows) / ((m - 1) * d)
            cloud += np.sqrt(share * variance) * generator.normal(size=cloud.shape)
        cloud += mean
        return cloud


@dataclasses.dataclass(frozen=True)
class ShuffledControl:
    """Every column permuted on its own: the features' distributions without their dependence."""

    name = "shuffled columns"

    def __call__(self, points: Floats, generator: np.random.Generator) -> Float64:
        """One control of (n, d) points, (n, d)."""
        return generator.permuted(points.astype(np.float64), axis=0)

    def stand_in(self, points: Floats, generator: np.random.Generator) -> tuple[Float64, Control]:
        """A control, and its own kind: a shuffled cloud shuffled again follows the same law."""
        return self(points, generator), self


def shrinkage(rows: Floats) -> float:
    """The share of the identity in Ledoit and Wolf's covariance of centred rows (n, d), 0 to 1.

    From the (n, n) or (d, d) products, whichever are fewer. Source: Ledoit and Wolf 2004, lemma 3.4.
    """
    n, d = rows.shape
    products = rows @ rows.T if n <= d else rows.T @ rows
    norms = np.einsum("ij,ij->i", rows, rows)
    square = float(np.einsum("ij,ij->", products, products)) / n**2
    trace = float(norms.sum()) / n
    spread = square - trace**2 / d
    noise = (float((norms**2).sum()) / n - square) / n
    return float(np.clip(noise / spread, 0.0, 1.0)) if spread > 0 else 1.0


def gaussian_control(
    points: Array | Representation, covariance: str = "shrunk", fitted_on: Array | None = None, seed: int = 0
) -> Float64:
    """One Gaussian cloud with the mean and covariance of the points: `GaussianControl`, by seed.

    points: (n, d). Returns (n, d). covariance: "shrunk" or "sample". fitted_on: (m, d) held-out rows to fit to instead.
    In more dimensions than a tenth of the rows it is a poor control, shrunk or not: `control_excess` finds that out.
    Raises InputError for fewer than 2 rows or columns that do not agree.
    """
    cloud = _check.points(points)
    return GaussianControl(covariance, fitted_on)(cloud, np.random.default_rng(_check.integer(seed, "seed")))


def shuffled_control(points: Array | Representation, seed: int = 0) -> Float64:
    """The cloud with every column permuted on its own, by seed: (n, d) to (n, d).

    An excess over it says that features depend on each other, which every trained layer shows; it is not topology.
    """
    return ShuffledControl()(_check.points(points), np.random.default_rng(_check.integer(seed, "seed")))


@dataclasses.dataclass(frozen=True, eq=False)
class ControlExcess:
    """A statistic of a cloud beside its controls, and how often controls themselves would be called an excess.

    value: of the cloud. control: (c,) of its controls. excess: value minus the mean of the controls. p_value: share of
    controls at least as large, the cloud counted among them. p_calibrated: share of stand-ins that exceed controls of
    their own by at least as many of their standard deviations, the cloud counted among them. calibration: share of
    stand-ins whose own p_value is at most alpha; alpha where the kind of control is sound. calibrated: that share is no
    more than chance allows. is_excess: calibrated, and both p-values are at most alpha.
    """

    value: float
    control: Float64
    excess: float
    p_value: float
    p_calibrated: float
    calibration: float
    calibrated: bool
    is_excess: bool
    alpha: float
    claim: str

    def __repr__(self) -> str:
        return f"<ControlExcess {self.excess:.3g}: {self.claim}>"


def control_excess(
    points: Array | Representation,
    statistic: Callable[[Float64], float],
    control: Control | None = None,
    controls: int = 99,
    stand_ins: int = 40,
    alpha: float = 0.05,
    seed: int = 0,
) -> ControlExcess:
    """What a statistic of a cloud has beyond controls of it, if the controls can be trusted.

    points: (n, d). statistic: of an (n, d) cloud, a finite number of which more is meant by excess, such as the total
    persistence of its diagram. control: a kind of control; None takes `GaussianControl()`. controls: of the cloud, at
    least 1/alpha - 1. stand_ins: clouds of the control's own kind, at least 20 and 1/alpha - 1, each treated as the
    cloud was, with 1/alpha - 1 controls of its own. The statistic is computed 1 + controls + stand_ins / alpha times.

    A stand-in has no excess, by how it was made. Where more of them are called one than chance explains (binomial, 1 in
    100), the kind of control does not reproduce itself; then nothing is called an excess, and the claim says so. That
    happens to Gaussian controls once d exceeds about a tenth of n, shrunk or not: draw more points, or reduce the
    dimension before. So few stand-ins miss a control that is a little off, with which Gaussian clouds were called an
    excess in up to 23 %; therefore the cloud also has to exceed its controls by more than all but a share alpha of the
    stand-ins do (prepivoting, Beran 1988). benchmarks/coverage.md has the rates.

    Raises InputError for too few controls or stand-ins for alpha, and for a statistic that is not finite.
    """
    from scipy.stats import binom

    cloud = np.asarray(_check.points(points), dtype=np.float64)
    level = _check.real(alpha, "alpha", above=0.0)
    count = _check.integer(controls, "controls", at_least=1)
    tried = _check.integer(stand_ins, "stand_ins", at_least=20)
    fewest = max(math.ceil(1 / level - 1e-9) - 1, 1)
    if count < fewest:
        raise InputError(
            f"{count} controls cannot give a p-value below {1 / (count + 1):.3g}, and alpha is {level:g}; "
            f"take at least {fewest} controls"
        )
    if tried < fewest:
        raise InputError(
            f"{tried} stand-ins cannot show an excess at alpha={level:g}; take at least {fewest} stand_ins"
        )
    kind: Control = GaussianControl() if control is None else control
    root = np.random.SeedSequence([_check.integer(seed, "seed"), count, tried])
    generators = [np.random.default_rng(child) for child in root.spawn(1 + tried)]
    value, beside = _beside(cloud, kind, statistic, count, generators[0])
    p = _share_as_large(value, beside)
    false, as_far = 0, 1
    for generator in generators[1:]:
        own = _beside(*kind.stand_in(cloud, generator), statistic, fewest, generator)
        false += _share_as_large(*own) <= level
        as_far += _deviation(*own) >= _deviation(value, beside)
    p_calibrated = as_far / (tried + 1)
    calibrated = bool(binom.sf(false - 1, tried, level) > _MISFIT)
    figures = f"{value:.3g}, against {beside.mean():.3g} on average over {count} controls ({kind.name})"
    if not calibrated:
        claim = (
            f"the statistic is {figures}; this is not called an excess, because {false / tried:.0%} of stand-ins made "
            f"like the controls exceed theirs, where {level:.0%} should: take more points or fewer dimensions"
        )
    elif max(p, p_calibrated) <= level:
        claim = f"the statistic is {figures}: an excess (p = {p:.3g}; {false / tried:.0%} of stand-ins show one)"
    else:
        claim = f"the statistic is {figures}: no excess was shown (p = {max(p, p_calibrated):.3g})"
    return ControlExcess(
        value=value,
        control=beside,
        excess=value - float(beside.mean()),
        p_value=p,
        p_calibrated=p_calibrated,
        calibration=false / tried,
        calibrated=calibrated,
        is_excess=calibrated and max(p, p_calibrated) <= level,
        alpha=level,
        claim=claim,
    )


def _beside(
    cloud: Float64,
    kind: Control,
    statistic: Callable[[Float64], float],
    count: int,
    generator: np.random.Generator,
) -> tuple[float, Float64]:
    """The statistic of a cloud, and of `count` controls of it."""
    value = _finite(statistic(cloud), "the cloud")
    controls = [_finite(statistic(kind(cloud, generator)), "a control") for _ in range(count)]
    return value, np.array(controls)


def _share_as_large(value: float, controls: Float64) -> float:
    slack = 1e-12 * max(float(np.abs(controls).max()), abs(value))
    return float((1 + (controls >= value - slack).sum()) / (len(controls) + 1))


def _deviation(value: float, controls: Float64) -> float:
    """By how many standard deviations of the controls a value exceeds their mean."""
    above, spread = value - float(controls.mean()), float(controls.std())
    return above / spread if spread > 0 else math.copysign(math.inf, above) if above else 0.0


def _finite(value: float, where: str) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise InputError(f"the statistic of {where} is {number}; it must be finite")
    return number
