"""How many inputs, draws and points per draw a difference takes to be seen: by simulation from a pilot."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from toposcope import _check
from toposcope._errors import InputError
from toposcope._types import Array, Float64, Floats
from toposcope.distances import Distance, compare, distance_named
from toposcope.representation import Representation
from toposcope.rips import vietoris_rips
from toposcope.stats.cells import Cell, PairedCell, UnpairedCell
from toposcope.stats.draws import are_paired
from toposcope.stats.permutation import permutation_tests, smallest_p

POOLS = 20
"""Independent pools of draws that the experiments of a design come from."""

SHARE_OF_PILOT = 4
"""A draw takes at most one row in four of the pilot: larger ones share so many rows that they understate the noise."""


@dataclasses.dataclass(frozen=True)
class PowerRow:
    """One design. size: points per draw. draws: of each representation. inputs: that it needs, a's and b's together.

    power: share of simulated experiments that rejected. error: its Monte-Carlo standard error.
    """

    size: int
    draws: int
    inputs: int
    power: float
    error: float


@dataclasses.dataclass(frozen=True)
class PowerPlan:
    """Power of the permutation test over draws, for every design that was asked about.

    rows: by size, then draws. target: power that is wanted. simulations: experiments per row. claim: one sentence.
    """

    rows: tuple[PowerRow, ...]
    target: float
    alpha: float
    paired: bool
    simulations: int
    seed: int
    claim: str

    @property
    def smallest(self) -> PowerRow | None:
        """The design of fewest inputs whose power less its standard error reaches the target; None if none does."""
        return _smallest(self.rows, self.target)

    def __str__(self) -> str:
        lines = [f"{'size':>6} {'draws':>6} {'inputs':>7}  power"]
        lines += [
            f"{row.size:6d} {row.draws:6d} {row.inputs:7d}  {row.power:.2f} ± {row.error:.2f}" for row in self.rows
        ]
        return "\n".join([*lines, self.claim])


def plan_power(
    pilot: Representation | tuple[Representation, Representation],
    effect: float | Callable[[Floats], Array],
    sizes: Sequence[int] = (25, 50, 100),
    draws: Sequence[int] = (6, 8, 10, 12),
    power: float = 0.8,
    alpha: float = 0.05,
    degree: int = 1,
    distance: str | Distance | None = None,
    metric: Any = "euclidean",
    scale: str | float | None = "q0.9",
    paired: bool | None = None,
    simulations: int = 400,
    seed: int = 0,
) -> PowerPlan:
    """The power of the test over draws to see an effect of a stated size, for every size and number of draws.

    pilot and effect: two Representations (a, b) and a share in (0, 1], where each row of the second sample is a row of
    b with that probability, else one of a: 1 asks for the whole difference between a and b, 0.2 for one input in five
    that differs (then both have one dimension). Or one Representation and a function of (m, d) points to (m, d') points
    that makes the alternative: `lambda x: np.maximum(x, 0)`. sizes: points per draw. draws: of each. power: wanted.
    paired: two representations are paired when they hold the same inputs; with one, None plans a paired test.
    simulations: experiments per design.

    Each experiment draws clouds from the pilot, without replacement within a cloud, and makes `permutation_tests` on
    the energy distance between diagrams. Experiments come from 20 independent pools of draws; the Monte-Carlo standard
    error is that between pools, and at least 1/simulations. The pilot's own sampling error is not in it: a pilot of a
    few hundred inputs speaks of itself first. Different draws share rows of the pilot, which understates their spread
    slightly; a design larger than a quarter of the pilot is refused. A design too small to reach alpha has power 0.

    Energy and kernel tests on the points themselves see changes of place, spread and covariance with fewer inputs
    (benchmarks/coverage.md): plan this test for what is shape.

    Raises InputError for a pilot with repeated inputs or too few of them (saying how many would do), an effect out of
    range, and designs none of which can reach alpha.
    """
    wanted = _check.real(power, "power", above=0.0)
    if wanted >= 1:
        raise InputError(f"power={power!r} must be below 1; no number of draws is sure to see anything")
    level = _check.real(alpha, "alpha", above=0.0)
    experiments = -(-_check.integer(simulations, "simulations", at_least=POOLS) // POOLS)
    counts = sorted({_check.integer(count, "draws", at_least=2) for count in draws})
    points = sorted({_check.integer(size, "size", at_least=2) for size in sizes})
    if not counts or not points:
        raise InputError("sizes and draws must not be empty; give the designs to choose between")
    source = _Source.of(pilot, effect, paired)
    source.check_size(points[-1])
    possible = [count for count in counts if smallest_p(count, count, source.paired) <= level]
    if not possible:
        raise InputError(
            f"no number of draws in {counts} can give a p-value of {level:g} or less; "
            f"{counts[-1]} give {smallest_p(counts[-1], counts[-1], source.paired):.3g}: take more"
        )
    measure = distance_named("wasserstein" if distance is None else distance)

    def distances(size: int, generator: np.random.Generator) -> Float64:
        """All distances within one pool: diagrams of a's draws first, then of b's."""
        clouds = [source.draw(size, generator) for _ in range(2 * possible[-1])]
        diagrams = [vietoris_rips(pair[side], degree, metric, scale) for side in (0, 1) for pair in clouds]
        return compare(diagrams, measure, degree=degree, threads=1).values

    rows = []
    for size in points:
        rejected = np.empty((POOLS, len(possible)))
        for pool in range(POOLS):
            generator = np.random.default_rng(np.random.SeedSequence([seed, size, pool]))
            values = distances(size, generator)
            rejected[pool] = _rejections(values, possible, source.paired, experiments, level, generator)
        shares = dict(zip(possible, rejected.T, strict=True))
        rows += [_row(size, count, shares.get(count), source.paired, experiments) for count in counts]
    table, total = tuple(rows), POOLS * experiments
    claim = _sentence(table, wanted, level, source, total)
    return PowerPlan(table, wanted, level, source.paired, total, seed, claim)


def _row(size: int, count: int, shares: Float64 | None, paired: bool, experiments: int) -> PowerRow:
    """One design. shares: (POOLS,) that rejected; None where alpha is out of reach."""
    inputs = count * size * (1 if paired else 2)
    if shares is None:
        return PowerRow(size, count, inputs, 0.0, 0.0)
    error = max(float(shares.std(ddof=1)) / POOLS**0.5, 1 / (POOLS * experiments))
    return PowerRow(size, count, inputs, float(shares.mean()), error)


@dataclasses.dataclass(frozen=True, eq=False)
class _Source:
    """Where clouds of a and b come from. alternative: of b's points, or None when b is mixed in by `share`."""

    a: Floats
    b: Floats
    share: float
    alternative: Callable[[Floats], Array] | None
    paired: bool

    @classmethod
    def of(
        cls,
        pilot: Representation | tuple[Representation, Representation],
        effect: float | Callable[[Floats], Array],
        paired: bool | None,
    ) -> _Source:
        both = (pilot, pilot) if isinstance(pilot, Representation) else pilot
        for each in both:
            if len(np.unique(each.sample_ids)) < len(each):
                raise InputError(f"the pilot {each.name} has inputs with several rows; give one row per input")
        if isinstance(pilot, Representation):
            if not callable(effect):
                raise InputError(
                    f"effect={effect!r}: one pilot needs a function of its points that makes the alternative; "
                    "give one, or a pair of representations"
                )
            return cls(pilot.points, pilot.points, 1.0, effect, True if paired is None else paired)
        if callable(effect):
            raise InputError(
                "effect is a function, and the pilot is a pair; give the share of rows that differ (0 to 1)"
            )
        a, b = pilot
        share = _check.real(effect, "effect", above=0.0)
        if share > 1:
            raise InputError(f"effect={effect!r} is the share of rows that differ, at most 1")
        if share < 1 and a.dimension != b.dimension:
            raise InputError(
                f"effect={share:g} mixes rows of {a.dimension} and {b.dimension} dimensions; pass effect=1"
            )
        together = are_paired(a, b, paired)
        # Rows of the same input stand beside each other.
        b_points = b.points[np.argsort(b.sample_ids, kind="stable")] if together else b.points
        a_points = a.points[np.argsort(a.sample_ids, kind="stable")] if together else a.points
        return cls(a_points, b_points, share, None, together)

    def check_size(self, size: int) -> None:
        fewest = min(len(self.a), len(self.b))
        if size * SHARE_OF_PILOT > fewest:
            raise InputError(
                f"draws of {size} points need a pilot of at least {SHARE_OF_PILOT * size} inputs, and there are "
                f"{fewest}; take sizes up to {fewest // SHARE_OF_PILOT}"
            )

    def draw(self, size: int, generator: np.random.Generator) -> tuple[Array, Array]:
        """One cloud of a and one of b; paired, of the same rows."""
        rows_a = generator.choice(len(self.a), size, replace=False)
        base = rows_a if self.paired else generator.choice(len(self.a), size, replace=False)
        if self.alternative is not None:
            return self.a[rows_a], _check.points(self.alternative(self.a[base]), "the alternative's points")
        rows_b = base if self.paired else generator.choice(len(self.b), size, replace=False)
        if self.share == 1:
            return self.a[rows_a], self.b[rows_b]
        different = generator.random(size) < self.share
        return self.a[rows_a], np.where(different[:, None], self.b[rows_b], self.a[base])


def _rejections(
    values: Float64,
    counts: list[int],
    paired: bool,
    experiments: int,
    alpha: float,
    generator: np.random.Generator,
) -> Float64:
    """(counts,) share of experiments that reject.

    values: (2p, 2p) distances within one pool of draws, the first p of them a's; an experiment takes draws of the pool.
    """
    pool = len(values) // 2
    shares = np.empty(len(counts))
    for c, count in enumerate(counts):
        cells: list[Cell] = []
        for _ in range(experiments):
            of_a = generator.choice(pool, count, replace=False)
            of_b = pool + (of_a if paired else generator.choice(pool, count, replace=False))
            parts = values[np.ix_(of_a, of_a)], values[np.ix_(of_b, of_b)], values[np.ix_(of_a, of_b)]
            cells.append((PairedCell if paired else UnpairedCell)("simulated", *parts))
        results = permutation_tests(cells, alpha, adjust="none", seed=int(generator.integers(2**31)))
        shares[c] = np.mean([result.p_value <= alpha for result in results])
    return shares


def _smallest(rows: Sequence[PowerRow], target: float) -> PowerRow | None:
    enough = [row for row in rows if row.power - row.error >= target]
    return min(enough, key=lambda row: (row.inputs, row.draws)) if enough else None


def _sentence(rows: Sequence[PowerRow], target: float, alpha: float, source: _Source, simulations: int) -> str:
    kind = "paired" if source.paired else "unpaired"
    effect = "the stated alternative" if source.alternative is not None else f"{source.share:.0%} of rows from b"
    found = _smallest(rows, target)
    if found is None:
        best = max(rows, key=lambda row: row.power)
        return (
            f"no design reaches power {target:g} for {effect} at alpha {alpha:g} ({kind}); "
            f"the most is {best.power:.2f} ± {best.error:.2f} with {best.draws} draws of {best.size} points "
            f"({simulations} simulations)"
        )
    return (
        f"{found.draws} {kind} draws of {found.size} points, {found.inputs} inputs in all, see {effect} with power "
        f"{found.power:.2f} ± {found.error:.2f} at alpha {alpha:g} ({simulations} simulations from the pilot)"
    )
