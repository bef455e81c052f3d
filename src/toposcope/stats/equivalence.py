"""Are two representations the same, to within a margin? An upper confidence bound of the distance between their laws.

Two representations are never shown to be the same by a test that found no difference. What can be shown is that the
distance between the laws of their diagrams lies below a margin, fixed beforehand at a stated number of points per draw.
That distance is the energy distance (Székely and Rizzo 2013): 2·AB - AA - BB, with AB the expected distance between a
draw of a and an independent draw of b, AA and BB those between two independent draws of the same.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from toposcope import _check
from toposcope._errors import IncomparableError, InputError
from toposcope._types import Float64
from toposcope.cloud import disjoint_draws
from toposcope.distances import Distance
from toposcope.representation import Representation
from toposcope.stats.cells import Cell, PairedCell
from toposcope.stats.draws import (
    Measurement,
    Split,
    are_paired,
    cells_of,
    measurement,
    most_draws,
    rows_per_draw,
    units,
    warn_of_equal_rows,
)

FEWEST_DRAWS = 8
"""The bound's coverage was simulated for 8 draws and more; fewer are refused."""

MOST_DRAWS = 16
"""Draws taken by default where the inputs allow more: beyond, larger draws tell more than further ones."""


@dataclasses.dataclass(frozen=True)
class Margin:
    """How far apart two laws of diagrams may be and still count as equivalent, and at what it was measured.

    value: in units of the distance. size: points per draw. rule: how it was chosen. estimates: the distance between
    laws of every pair of twins that it was computed from. A margin holds at its own settings alone.
    """

    value: float
    size: int
    degree: int
    distance: str
    metric: Any
    scale: str | float | None
    rule: str
    estimates: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        _check.real(self.value, "margin", above=0.0)
        _check.integer(self.size, "size", at_least=2)


@dataclasses.dataclass(frozen=True)
class EquivalenceResult:
    """Outcome of a test of equivalence.

    estimate: unbiased, of 2·AB - AA - BB; it may be negative where the laws are equal. bound: its upper confidence
    bound at `level`. margin: what it was held against. equivalent: bound < margin. size: points per draw. draws: of
    each representation. unit: what was sampled. claim: one sentence. limits: what the claim does not say.
    """

    __test__ = False

    estimate: float
    bound: float
    margin: float
    equivalent: bool
    level: float
    size: int
    draws: int
    unit: str
    seed: int
    claim: str
    limits: str

    def __repr__(self) -> str:
        return f"<EquivalenceResult bound {self.bound:.3g}, margin {self.margin:.3g}: {self.claim}>"

    def _repr_html_(self) -> str:
        """For notebooks: the claim, the bound beside its margin, and what it does not say."""
        from toposcope import _html

        facts = {
            "estimate": _html.number(self.estimate),
            f"upper bound at {self.level:.0%}": _html.number(self.bound),
            "margin": _html.number(self.margin),
            "points per draw": self.size,
            "draws": self.draws,
            "unit": self.unit,
        }
        return _html.card(
            "test of equivalence", _html.sentence(self.claim), _html.facts(facts), _html.sentence(self.limits)
        )


def test_equivalence(
    a: Representation,
    b: Representation,
    margin: float | Margin,
    size: int | None = None,
    draws: int | None = None,
    degree: int = 1,
    distance: str | Distance | None = None,
    metric: Any = "euclidean",
    scale: str | float | None = "q0.9",
    paired: bool | None = None,
    level: float = 0.95,
    seed: int = 0,
) -> EquivalenceResult:
    """Whether the laws of two representations' diagrams are closer than an absolute margin.

    a, b: of the same inputs (paired: draw i of both holds the same rows) or of inputs none of which is shared
    (unpaired). margin: a number in units of the distance, or a Margin from `seed_twin_margin`; it belongs to one number
    of points per draw, so a number asks for `size`, and a Margin brings its own. draws: disjoint, at least 8; None
    takes as many as there are inputs for, up to 16. distance: None takes `Wasserstein(order=1)`. scale: "q0.9" is
    computed within each draw; a number divides all distances alike, for which one quantile of the pooled points may
    be taken.

    The bound is one-sided: `energy_bound` says how it is made and how often it holds. Equivalent means that it lies
    below the margin.

    Equal rows under different ids are warned of (ToposcopeWarning). Raises InputError where inputs are partly shared,
    where equal ids come from different data, where there are too few inputs (with the number that would do) or points
    for a bar, and for a margin without a size; IncomparableError for a Margin that was measured at other settings.
    """
    how = measurement(degree, distance, scale, "energy", metric, "draw", None)
    limit, points = _limit(margin, size, degree, how.name, metric, scale)
    confidence = _level(level)
    together = are_paired(a, b, paired)
    count = _draws([a, b], points, draws, how)
    warn_of_equal_rows(a, b, together)
    cell = _cell(a, b, points, count, how, together, seed)
    estimate, bound = energy_bound(cell, confidence)
    equivalent = bound < limit
    sample = f"{count} paired draws" if together else f"{count} draws of each, of different inputs"
    figures = f"{confidence:.0%} upper bound {bound:.3g}, estimate {estimate:.3g}, {sample}"
    names = f"{a.name} and {b.name}"
    what = f"the laws of H{degree} diagrams of {points} points ({how.name})"
    return EquivalenceResult(
        estimate=estimate,
        bound=bound,
        margin=limit,
        equivalent=equivalent,
        level=confidence,
        size=points,
        draws=count,
        unit=f"draw of {points} inputs" + (", the same for a and b" if together else ""),
        seed=seed,
        claim=(
            f"{names}: {what} are closer than the margin {limit:.3g} ({figures})"
            if equivalent
            else f"{names}: it was not shown that {what} are closer than the margin {limit:.3g} ({figures}); "
            "this is not evidence that they differ"
        ),
        limits=(
            "It speaks of these two fixed representations and of diagrams at this number of points, metric and scale; "
            "not of larger clouds, of networks trained again, of the position of the points, or of exact equality."
        ),
    )


test_equivalence.__test__ = False  # type: ignore[attr-defined]


def seed_twin_margin(
    twins: Sequence[Representation],
    size: int,
    draws: int | None = None,
    degree: int = 1,
    distance: str | Distance | None = None,
    metric: Any = "euclidean",
    scale: str | float | None = "q0.9",
    rule: Literal["mean", "largest"] = "mean",
    seed: int = 0,
) -> Margin:
    """The margin that seed twins set: how far apart trainings that differ in their seed alone lie.

    twins: at least two representations of one layer, of networks trained alike but for the seed, all of the same inputs
    or of inputs none of which is shared. The distance between laws, 2·AB - AA - BB, is estimated for every pair of
    twins, at `size` points per draw. rule: "mean" takes the mean over pairs. The estimates are unbiased, so few draws
    are not rewarded with a wide margin. "largest" takes the largest: it forgives more, and it grows with the noise of
    the estimates and with the number of twins. The margin's own sampling error shows in `estimates`; `test_equivalence`
    treats the margin as a fixed number.

    Over several layers, those that set a margin are selected: twins that are hardly told apart set none in about half
    of the layers, and one that is too large in the others, by 8 times (two twins, 8 draws) to 2.7 times (five twins, 16
    draws) in a simulation, down to 1.0 times where every layer sets one. What is called the same is not more often
    wrong for it, in at most 4 % of cases at level 0.95, because the bound is wide there too (benchmarks/coverage.md,
    "Margins of seed twins"). Do not read such a margin as the distance between trainings.

    Raises InputError for fewer than two twins, for too few inputs, and where the twins are not told apart (the margin
    would not be positive), which more draws or points may mend.
    """
    if len(twins) < 2:
        raise InputError(f"a margin needs at least 2 seed twins, and there are {len(twins)}; train one more seed")
    _check.choice(rule, ("mean", "largest"), "rule")
    points = _check.integer(size, "size", at_least=2)
    how = measurement(degree, distance, scale, "energy", metric, "draw", None)
    count = _draws(twins, points, draws, how)
    estimates = []
    for a, b in itertools.combinations(twins, 2):
        together = are_paired(a, b, None)
        warn_of_equal_rows(a, b, together)
        estimates.append(energy_bound(_cell(a, b, points, count, how, together, seed))[0])
    value = float(np.mean(estimates)) if rule == "mean" else max(estimates)
    if value <= 0:
        raise InputError(
            f"the {len(twins)} seed twins are not told apart at size={points} with {count} draws "
            f"(2·AB - AA - BB is {value:.3g}); take more draws or more points per draw"
        )
    chosen = f"{rule} over {len(estimates)} pairs of {len(twins)} seed twins"
    return Margin(value, points, degree, how.name, metric, scale, chosen, tuple(estimates))


def energy_bound(cell: Cell, level: float = 0.95) -> tuple[float, float]:
    """The unbiased estimate of 2·AB - AA - BB, and an upper confidence bound for it.

    cell: paired or unpaired, with k draws of each, at least 8. The estimate θ is a U-statistic. With v its jackknife
    variance, w the variance that it has where the laws are equal (there the first-order terms vanish), both times
    1 + 2/k, and t the Student quantile (k-1 degrees of freedom paired, Welch and Satterthwaite unpaired), the bound is

        θ + t √(v + w) + t² v / (4 max(θ, t √v / 4))

    The last term is what the delta method on √θ adds: θ behaves like a square, whose error shrinks when θ comes out
    small, and the plain jackknife bound covers 82 to 96 % for that reason. The factor 1 + 2/k is chosen by simulation:
    for 8 to 16 draws the bound covers 95 to 100 % at level 0.95 (benchmarks/coverage.md), nearly 100 % for equal laws,
    where it is wider than it need be, and about 95 % where the laws differ by a few standard errors. At level 0.999, as
    for many layers together, it covers 99.7 to 100 %.

    Sources: Hoeffding 1948 (U-statistics), Arvesen 1969 (their jackknife). Raises InputError for fewer than 8 draws or
    unequal numbers.
    """
    estimate, _low, high = energy_bounds(cell, level)
    return estimate, high


def energy_bounds(cell: Cell, level: float = 0.95) -> tuple[float, float, float]:
    """The estimate of 2·AB - AA - BB, with a lower and an upper confidence bound, each one-sided at `level`.

    The upper bound is that of `energy_bound`. The lower is θ - t √(v + w); without w it covers as little as 0.83 at
    level 0.9 where the laws are heavy-tailed and far apart (benchmarks/coverage.md has both bounds). For both at once,
    give half of what may be missed to each. Raises InputError as `energy_bound` does.
    """
    from scipy.stats import t

    confidence = _level(level)
    estimate, variance, degenerate, freedom = _moments(cell)
    quantile = float(t.ppf(confidence, freedom))
    spread = quantile * (variance + degenerate) ** 0.5
    low, high = estimate - spread, estimate + spread
    if variance > 0:
        high += quantile**2 * variance / (4 * max(estimate, quantile * variance**0.5 / 4))
    return estimate, low, high


def _moments(cell: Cell) -> tuple[float, float, float, float]:
    """θ, its jackknife variance, its variance where the laws are equal, and degrees of freedom. Raises InputError."""
    k, other = cell.between.shape
    if k != other or k < FEWEST_DRAWS:
        raise InputError(
            f"an equivalence bound needs equal numbers of at least {FEWEST_DRAWS} draws, not {k} and {other}; "
            "give more inputs or take smaller draws"
        )
    u = cell.between + cell.between.T - cell.within_a - cell.within_b
    np.fill_diagonal(u, 0.0)
    pairs = k * (k - 1)
    if isinstance(cell, PairedCell):
        estimate = u.sum() / pairs
        variance = _jackknife((u.sum() - 2 * u.sum(axis=1)) / ((k - 1) * (k - 2)))
        freedom = float(k - 1)
    else:
        sums = cell.within_a.sum(), cell.within_b.sum(), cell.between.sum()
        estimate = 2 * sums[2] / k**2 - (sums[0] + sums[1]) / pairs
        parts = [
            _jackknife(2 * (sums[2] - across) / (k * (k - 1)) - (own - 2 * within.sum(axis=1)) / ((k - 1) * (k - 2)))
            for own, within, across in (
                (sums[0], cell.within_a, cell.between.sum(axis=1)),
                (sums[1], cell.within_b, cell.between.sum(axis=0)),
            )
        ]
        variance = sum(parts)
        squares = sum(part**2 for part in parts)
        freedom = (k - 1) * variance**2 / squares if squares > 0 else 2.0 * (k - 1)
    widened = 1 + 2 / k
    degenerate = 2 * (u**2).sum() / pairs**2
    return float(estimate), float(widened * variance), float(widened * degenerate), float(freedom)


def _jackknife(without_one: Float64) -> float:
    """Jackknife variance from the k statistics that each leave one draw out."""
    k = len(without_one)
    return float((k - 1) / k * ((without_one - without_one.mean()) ** 2).sum())


def _draws(representations: Sequence[Representation], size: int, draws: int | None, how: Measurement) -> int:
    """How many draws of `size` to take: `draws`, or as many as there are inputs for, up to `MOST_DRAWS`.

    Raises InputError for draws too small to have a bar, which would all be the same, and where fewer than
    `FEWEST_DRAWS` are asked for or held, with the number of inputs that would do.
    """
    if size < how.fewest_points:
        raise InputError(
            f"no draw of {size} points has a bar in degree {max(how.degrees)}, so all laws would be the same; take "
            f"size={how.fewest_points} or more"
        )
    held = min(most_draws(each, size) for each in representations)
    count = min(held, MOST_DRAWS) if draws is None else _check.integer(draws, "draws", at_least=FEWEST_DRAWS)
    if count < FEWEST_DRAWS:
        short = min(representations, key=lambda each: most_draws(each, size))
        raise InputError(
            f"at least {FEWEST_DRAWS} disjoint draws of {size} points need {FEWEST_DRAWS * size} inputs, and "
            f"{short.name} has {len(units(short))}; give more inputs, or take "
            f"size={max(rows_per_draw(short, FEWEST_DRAWS), 1)}"
        )
    return count


def _cell(
    a: Representation, b: Representation, size: int, draws: int, how: Measurement, paired: bool, seed: int
) -> Cell:
    rows_a, rows_b = (disjoint_draws(each.sample_ids, size, draws, seed) for each in (a, b))
    return cells_of(a, b, Split(rows_a, rows_b, paired, size), how, [how.degrees], f"{a.name} and {b.name}")[0]


def _level(level: float) -> float:
    confidence = _check.real(level, "level", above=0.5)
    if confidence >= 1:
        raise InputError(f"level={level!r} must be below 1")
    return confidence


def _limit(margin: float | Margin, size: int | None, *settings: Any) -> tuple[float, int]:
    if not isinstance(margin, Margin):
        limit = _check.real(margin, "margin", above=0.0)
        if size is None:
            raise InputError("a margin holds at one number of points per draw; say it with size=")
        return limit, _check.integer(size, "size", at_least=2)
    names = ("degree", "distance", "metric", "scale")
    different = [
        f"{name} ({getattr(margin, name)!r} and {value!r})"
        for name, value in zip(names, settings, strict=True)
        if getattr(margin, name) != value
    ]
    if size is not None and size != margin.size:
        different.insert(0, f"size ({margin.size} and {size})")
    if different:
        raise IncomparableError(
            f"the margin was measured at another {', '.join(different)}; compute it at the settings of the test"
        )
    return margin.value, margin.size
