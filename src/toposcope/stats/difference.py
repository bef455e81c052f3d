"""Are the shapes of two representations different beyond sampling noise?

The inputs are split into disjoint draws by a hash of their ids, before anything is looked at; each draw becomes one
diagram; distances between the diagrams go into a permutation test over draws.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from toposcope import _check
from toposcope._errors import InputError
from toposcope.cloud import disjoint_draws
from toposcope.distances import Distance
from toposcope.representation import Representation
from toposcope.result import TestResult
from toposcope.stats.adjust import multiplier
from toposcope.stats.cells import Cell
from toposcope.stats.draws import (
    Split,
    are_paired,
    cells_of,
    measurement,
    most_draws,
    rows_per_draw,
    units,
    warn_of_equal_rows,
)
from toposcope.stats.permutation import check_reach, enough_draws, permutation_tests, sentence

DRAWS = 10
"""Draws of each representation where the caller names no number; more where alpha needs more."""

_MOST_DRAWS = 20
"""Draws taken at most where the caller names their size and not their number."""


def test_difference(
    a: Representation,
    b: Representation,
    degree: int | Sequence[int] = 1,
    distance: str | Distance | None = None,
    scale: str | float | None = "q0.9",
    size: int | None = None,
    draws: int | None = None,
    paired: bool | None = None,
    permutations: int | None = None,
    seed: int = 0,
    *,
    statistic: Literal["energy", "loss", "landscape"] = "energy",
    metric: Any = "euclidean",
    alpha: float = 0.05,
    splits: int = 1,
    scale_of: Literal["draw", "pooled"] = "draw",
    threads: int | None = None,
) -> TestResult:
    """Test whether the diagrams of two representations follow one law.

    The inputs are split into `draws` disjoint draws of `size` points, by a hash of their ids and the seed; each draw
    becomes one diagram. The draw is what is exchanged. Two cases, told apart by `sample_ids` or stated by `paired`:

    - paired, a and b hold the same inputs: draw i is the same inputs in both, and its two diagrams are swapped. Exact
      when the two diagrams of a draw are exchangeable. That is more than equal laws: see benchmarks/calibration.md for
      a case with equal laws in which the level 0.05 is not kept.
    - unpaired, no input is in both: the labels of the draws are permuted. Exact for equal laws. With `paired=False` and
      the same inputs in both, half of the draws go to a and the others to b: also exact for equal laws, at the price of
      half the data.

    degree: of homology; several are joined into one test, each divided by its mean distance over all draws so that they
    weigh alike. distance: between diagrams, a name or a `ts.Distance`; None takes W1, which sees every bar in
    proportion to its length (the bottleneck distance sees one), is exact, and is what a study reports, so that effects
    compare. scale: what the distances within a draw are divided by. scale_of="pooled" takes one number for all draws,
    the quantile of the distances within the draws of a and b together: then size counts as a difference. One scale per
    representation is not valid (a null test rejected 72 % of the time) and not offered. size, draws: None takes all
    inputs, in `DRAWS` draws or as many as alpha needs. permutations: None takes every relabelling up to 20,000, and p
    is exact on its lattice; beyond, samples 9,999 or more. statistic: "energy" (Székely and Rizzo 2013), "loss"
    (Robinson and Turner 2017; with equal numbers of draws, as here, its p is the energy's) or "landscape" (L2 norm of
    the difference of mean landscapes, all levels on 512 filtration values, Bubenik 2015; takes no distance).
    splits: p depends on the split into draws. With r > 1 it is twice the median p of r splits, valid however they
    depend on each other; the rest of the result is told of the split in the middle, the effect is the median.
    threads: for diagrams and distances, None one per core; the result is the same to the bit for every number.

    Returns a TestResult. Its effect is (mean distance between - mean distance within) / mean distance within, over
    draws of this size; its interval is that of `stats.effect_interval`, None for fewer than 6 draws and for several
    splits. The claim is about two fixed networks at this number of points; for architectures or training see
    `test_architectures`. If a and b differ in width, a rejection says that the laws of diagrams differ; that their
    topology does needs a control of the same width and spectrum.

    Inputs are units: rows of one id fall into one draw. Equal rows under different ids are warned of
    (ToposcopeWarning). Raises InputError when ids overlap in part, when inputs are too few and when alpha cannot be
    reached, each time with the number that would do; IncomparableError and ActivationError as `compare` and
    `vietoris_rips` do.
    """
    how = measurement(degree, distance, scale, statistic, metric, scale_of, threads)
    level = _check.real(alpha, "alpha", above=0.0)
    rounds = _check.integer(splits, "splits", at_least=1)
    first = _check.integer(seed, "seed")
    factor = 1.0 if rounds == 1 else 2.0
    plans = [
        split_inputs(a, b, size, draws, paired, permutations, level, factor, _seed_of(first, turn), how.fewest_points)
        for turn in range(rounds)
    ]
    warn_of_equal_rows(a, b, plans[0].paired)
    results, cells = [], []
    for split in plans:
        cells += cells_of(a, b, split, how, [how.degrees], f"{a.name} and {b.name}")
        results += permutation_tests(cells[-1:], level / factor, "none", first, statistic, permutations)
    return results[0] if rounds == 1 else _combined(results, cells, level)


def test_differences(
    pairs: Mapping[str, tuple[Representation, Representation]],
    degrees: Sequence[int] = (0, 1),
    distance: str | Distance | None = None,
    scale: str | float | None = "q0.9",
    size: int | None = None,
    draws: int | None = None,
    paired: bool | None = None,
    permutations: int | None = None,
    seed: int = 0,
    *,
    adjust: Literal["max-t", "holm", "by", "bh", "none"] = "max-t",
    statistic: Literal["energy", "loss", "landscape"] = "energy",
    metric: Any = "euclidean",
    alpha: float = 0.05,
    scale_of: Literal["draw", "pooled"] = "draw",
    threads: int | None = None,
) -> dict[tuple[str, int], TestResult]:
    """A grid of tests, every pair of representations in every degree, adjusted for their number.

    pairs: names and pairs of representations, such as two networks at each depth. All first ones hold the same inputs,
    and so do all second ones: every cell of the grid has the same draws and shares every relabelling. adjust: "max-t"
    (Westfall and Young's step-down maximum) and "holm" bound the chance of any wrong rejection; "by" bounds the
    expected share of wrong ones under any dependence, "bh" the same if the tests depend positively. Everything else is
    as in `test_difference`, for every cell alike.

    Returns a TestResult for every (name, degree), in order; `p_adjusted` is the one to read, and the claim reads it.
    Intervals hold for one cell alone. Raises InputError as `test_difference` does, and when one true effect in a grid
    of this size could not reach alpha, with the number of draws or permutations that would do.
    """
    how = measurement(degrees, distance, scale, statistic, metric, scale_of, threads)
    level = _check.real(alpha, "alpha", above=0.0)
    first = _check.integer(seed, "seed")
    if not pairs:
        return {}
    factor = multiplier(adjust, len(pairs) * len(how.degrees))
    first_a, first_b = next(iter(pairs.values()))
    for name, (a, b) in pairs.items():
        if units(a) != units(first_a) or units(b) != units(first_b):
            raise InputError(
                f"{name!r} holds other inputs than the first pair of the grid, and so cannot share its draws; keep the "
                "inputs that all hold, or test it in a grid of its own"
            )
    cells: dict[tuple[str, int], Cell] = {}
    for name, (a, b) in pairs.items():
        split = split_inputs(a, b, size, draws, paired, permutations, level, factor, first, how.fewest_points)
        warn_of_equal_rows(a, b, split.paired)
        title = f"{name}: {a.name} and {b.name}"
        found = cells_of(a, b, split, how, [(degree,) for degree in how.degrees], title)
        cells.update({(name, degree): cell for degree, cell in zip(how.degrees, found, strict=True)})
    results = permutation_tests(list(cells.values()), level, adjust, first, statistic, permutations)
    return dict(zip(cells, results, strict=True))


test_difference.__test__ = False  # type: ignore[attr-defined]  # part of the library, nothing for pytest to collect
test_differences.__test__ = False  # type: ignore[attr-defined]


def split_inputs(
    a: Representation,
    b: Representation,
    size: int | None,
    draws: int | None,
    paired: bool | None,
    permutations: int | None,
    level: float,
    factor: float,
    seed: int,
    fewest_points: int,
) -> Split:
    """The draws of a test that can reach `level / factor`. Raises InputError with the number that would do."""
    in_pairs = are_paired(a, b, paired, dealt=True)
    # The same inputs in both, and no pairs: half of the draws are a's, the others b's.
    groups = 2 if not in_pairs and units(a) == units(b) else 1
    least = enough_draws(level / factor, in_pairs, permutations) or 2
    wanted, points = _numbers(a, b, size, draws, groups, least, fewest_points)
    check_reach(wanted, wanted, in_pairs, level, permutations, factor)
    rows_a = disjoint_draws(a.sample_ids, points, groups * wanted, seed)
    rows_b = disjoint_draws(b.sample_ids, points, groups * wanted, seed)
    return Split(rows_a[:wanted], rows_b[-wanted:], in_pairs, points)


def _numbers(
    a: Representation,
    b: Representation,
    size: int | None,
    draws: int | None,
    groups: int,
    least: int,
    fewest_points: int,
) -> tuple[int, int]:
    """Draws of each, and points per draw. least: draws that alpha needs. Raises InputError for too few inputs."""
    inputs = min(len(units(a)), len(units(b)))
    wanted = max(DRAWS, least) if draws is None else _check.integer(draws, "draws", at_least=2)
    if size is None:
        points = min(rows_per_draw(a, groups * wanted), rows_per_draw(b, groups * wanted))
        if points < fewest_points:
            raise InputError(
                f"{inputs} inputs give {groups * wanted} draws of {points} points, and a bar in this degree needs "
                f"{fewest_points}; give at least {groups * wanted * fewest_points} inputs"
            )
        return wanted, points
    points = _check.integer(size, "size", at_least=fewest_points)
    if draws is None:
        wanted = min(max(_MOST_DRAWS, least), most_draws(a, points) // groups, most_draws(b, points) // groups)
        if wanted < least:
            smaller = min(rows_per_draw(a, groups * least), rows_per_draw(b, groups * least))
            raise InputError(
                f"{inputs} inputs give {wanted} disjoint draws of {points} points, and this alpha needs {least}; give "
                f"{groups * least * points} inputs, or take size={smaller}"
            )
    return wanted, points


def _combined(results: Sequence[TestResult], cells: Sequence[Cell], level: float) -> TestResult:
    """Twice the median p of several splits (Rüger 1978; Meinshausen, Meier and Bühlmann 2009)."""
    p_values = [result.p_value for result in results]
    middle = int(np.argsort(p_values, kind="stable")[(len(results) - 1) // 2])
    p = float(min(1.0, 2 * np.median(p_values)))
    how = f"twice the median p of {len(results)} splits"
    return dataclasses.replace(
        results[middle],
        p_value=p,
        p_adjusted=p,
        adjustment=how,
        effect=float(np.median([result.effect for result in results])),
        interval=None,
        claim=sentence(cells[middle], p, level, how),
    )


def _seed_of(seed: int, turn: int) -> int:
    """The seed of a split; the first split is that of a test with one."""
    return seed if turn == 0 else int(np.random.SeedSequence([seed, turn]).generate_state(1)[0])
