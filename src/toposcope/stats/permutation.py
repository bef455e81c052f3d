"""Permutation tests over draws: are the diagrams of a and of b draws from one law?

The exchangeable unit is the draw. Paired: both representations hold the same inputs, and draw i of a and of b are the
same rows. Under the null "the two diagrams of a draw are exchangeable" swapping the two within any set of draws changes
nothing. That is more than equal laws: when only the laws are equal, the paired test is approximate (at a level of 5 %
it rejected 17 to 34 % for a heavy-tailed counterexample, benchmarks/calibration.md). Unpaired: the inputs of a and b
are different and independent, and the labels of the draws are permuted, which is exact for equal laws.

Three statistics, from the distances between draws. AB, AA and BB are their means between and within, a draw and itself
left out, and so are pairs of draws of the same inputs: sharing inputs neither helps nor hurts.

- "energy", 2·AB - AA - BB (Székely and Rizzo 2013): 0 in expectation for equal laws, never below 0 for a distance of
  negative type, which the sliced Wasserstein distance is (Carrière, Cuturi and Oudot 2017). W1 and bottleneck are not:
  the test keeps its level with them, but some laws that differ could pass for equal.
- "loss", (AA + BB) / 2, small when the groups are tight (Robinson and Turner 2017). It says nothing alone, only beside
  its relabellings. It mixes location and dispersion: with unequal numbers of draws the spread of the smaller group
  weighs more than its share. With equal numbers the sum of all distances binds the two, energy and loss put the
  relabellings in one order, and their p-values are equal.
- "landscape", the L2 norm of the difference of the two mean landscapes (Bubenik 2015), when the distances are L2
  distances between landscapes. It sees location alone: laws with the same mean landscape are one to it.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Sequence
from typing import Literal

import numpy as np

from toposcope import _check
from toposcope._errors import InputError
from toposcope._types import Array, Float64
from toposcope.result import TestResult
from toposcope.stats.adjust import (
    ADJUSTMENTS,
    benjamini_hochberg,
    benjamini_yekutieli,
    holm,
    multiplier,
    step_down_max_t,
)
from toposcope.stats.cells import Cell, PairedCell, effect, effect_interval

ENUMERATED = 20_000
"""Up to so many relabellings all of them are used, and p is exact; beyond, so many less one are sampled."""
SAMPLED = 9_999
STATISTICS = ("energy", "loss", "landscape")
"""Names that `permutation_tests` takes."""

_TIE = 1e-9
"""Statistics closer than this share of the largest distance are equal but for rounding."""

_MOST_DRAWS = 64
"""A remedy that asks for more draws than this is none."""


def smallest_p(draws_a: int, draws_b: int, paired: bool, permutations: int | None = None) -> float:
    """The smallest p-value a test of so many draws can give: 2^(1-k) paired, 1/C(k+l, k) unpaired.

    With equal numbers of unpaired draws it is twice that: exchanging all of a and b gives the same statistic.
    permutations: how many relabellings are drawn where there are more; None as `permutation_tests` does by itself.
    """
    total = _distinct(draws_a, draws_b, paired)
    most = ENUMERATED if permutations is None else permutations
    if total > most:
        return 1 / ((SAMPLED if permutations is None else permutations) + 1)
    return (1 if paired or draws_a != draws_b else 2) / total


def enough_draws(level: float, paired: bool, permutations: int | None = None) -> int | None:
    """The smallest number of draws of each that can give a p-value at or below `level`; None if no number can."""
    most = max(ENUMERATED, math.ceil(4 / level)) if permutations is None else permutations
    reached = (k for k in range(2, _MOST_DRAWS) if smallest_p(k, k, paired, most) <= level)
    return next(reached, None)


def permutation_tests(
    cells: Sequence[Cell],
    alpha: float = 0.05,
    adjust: Literal["max-t", "holm", "by", "bh", "none"] = "max-t",
    seed: int = 0,
    statistic: Literal["energy", "loss", "landscape"] = "energy",
    permutations: int | None = None,
) -> list[TestResult]:
    """Test a family of cells that share their draws, and adjust for their number.

    cells: all PairedCell or all UnpairedCell, with equal numbers of draws; draw i holds the same inputs in every cell.
    adjust: "max-t" shares every relabelling between the cells and takes the step-down maximum of studentised
    statistics; "holm" assumes nothing; "by" and "bh" bound the share of wrong rejections, "bh" only if the tests depend
    positively; "none". statistic: one of `STATISTICS`. permutations: how many relabellings at most; None takes every
    one when there are at most `ENUMERATED`, else samples `SAMPLED` or more, as the family needs.

    With every relabelling p is exact on its lattice; sampled, p = (1 + #)/(1 + B). Returns one TestResult per cell; its
    interval is `effect_interval`'s, for this cell alone.

    Raises InputError for mixed cells, and when one true effect among the cells could not reach alpha, saying how many
    draws or permutations would do.
    """
    if not cells:
        return []
    first = cells[0]
    paired = isinstance(first, PairedCell)
    if any(type(cell) is not type(first) or cell.between.shape != first.between.shape for cell in cells):
        raise InputError("the cells of a family must be of one kind and have equal numbers of draws")
    level = _check.real(alpha, "alpha", above=0.0)
    _check.choice(statistic, STATISTICS, "statistic")
    k, m = first.between.shape
    count = check_reach(k, m, paired, level, permutations, multiplier(adjust, len(cells)))
    exact = _distinct(k, m, paired) <= count
    relabellings = Relabellings(k, m, paired, None if exact else count, seed)
    statistics = np.stack([relabellings.statistics(cell, statistic) for cell in cells], axis=1)
    power = 2 if statistic == "landscape" else 1  # the square of a norm, whose rounding is that of the distances
    extremes = -statistics if statistic == "loss" else statistics**power
    slack = _TIE * np.array([max(part.max() for part in _parts(cell)) ** power for cell in cells])
    p_values = (extremes >= extremes[0] - slack).mean(axis=0)
    adjusted, how = _adjusted(extremes, p_values, slack, adjust)
    unit = (
        f"draw of inputs, swapped between a and b ({k} pairs)"
        if paired
        else f"draw of inputs, relabelled ({k} and {m} draws)"
    )
    used = "every relabelling" if exact else f"{count} relabellings"
    return [
        TestResult(
            statistic=float(statistics[0, c]),
            p_value=float(p_values[c]),
            effect=effect(cell),
            interval=effect_interval(cell, float(p_values[c])),
            null=statistics[:, c],
            unit=unit,
            seed=seed,
            claim=sentence(cell, float(adjusted[c]), level, used, adjusted=len(cells) > 1 and adjust != "none"),
            p_adjusted=float(adjusted[c]),
            adjustment=how,
        )
        for c, cell in enumerate(cells)
    ]


def check_reach(k: int, m: int, paired: bool, level: float, permutations: int | None, factor: float = 1.0) -> int:
    """How many relabellings to use at most. factor: what the p-value of a lone effect is multiplied by.

    Raises InputError when such an effect could not be found at `level`, saying how many draws or permutations would do.
    """
    if permutations is not None:
        count = _check.integer(permutations, "permutations", at_least=1)
        if 1 / (count + 1) * factor > level:
            raise InputError(
                f"permutations={count} cannot give a p-value below {factor / (count + 1):.3g}, and alpha is {level:g}; "
                f"take at least {math.ceil(factor / level) - 1} or None"
            )
    else:
        count = max(ENUMERATED, 4 * math.ceil(factor / level))
        if _distinct(k, m, paired) > count:
            count = max(SAMPLED, 4 * math.ceil(factor / level) - 1)
    reach = smallest_p(k, m, paired, count) * factor
    if reach > level:
        needed = enough_draws(level / factor, paired, count)
        remedy = (
            "no number of draws reaches that; take a larger alpha"
            if needed is None
            else f"take {'at least ' if needed > min(k, m) else ''}{needed} draws of each"
        )
        raise InputError(
            f"{k} {'paired ' if paired else ''}draws cannot give a p-value below {reach:.3g}, and alpha is {level:g}; "
            f"{remedy}"
        )
    return count


class Relabellings:
    """Every way to relabel the draws, or `sampled` random ones and the observed, which comes first."""

    def __init__(self, k: int, m: int, paired: bool, sampled: int | None, seed: int) -> None:
        generator = np.random.default_rng(np.random.SeedSequence([seed, k, m]))
        self.paired = paired
        self.rows = _sign_changes(k, sampled, generator) if paired else _groups(k, m, sampled, generator)

    def statistics(self, cell: Cell, statistic: str) -> Float64:
        """(B,) statistic of a cell under every relabelling, the observed one first."""
        if statistic == "landscape":
            cell = dataclasses.replace(
                cell, within_a=cell.within_a**2, within_b=cell.within_b**2, between=cell.between**2
            )
        return (_under_swaps if self.paired else _under_groups)(cell, self.rows, statistic)


def sentence(cell: Cell, p: float, alpha: float, relabellings: str, adjusted: bool = False) -> str:
    """What was tested and what came of it, in one sentence that names its null."""
    k, m = cell.between.shape
    paired = isinstance(cell, PairedCell)
    points = "" if cell.size is None else f" of {cell.size} points"
    sample = f"{k} paired draws{points}" if paired else f"{k} and {m} draws{points} of different inputs"
    evidence = f"({sample}, {relabellings}, {'adjusted ' if adjusted else ''}p = {p:.3g})"
    if p > alpha:
        return (
            f"{cell.claim}: no difference between the laws of diagrams was shown {evidence}; this is not evidence that "
            "they are equal"
        )
    null = (
        f"the two diagrams of a draw{points}, one from each of these two fixed representations, are exchangeable"
        if paired
        else f"the diagrams of draws{points} from these two fixed representations follow one law"
    )
    widths = ""
    if cell.widths is not None and cell.widths[0] != cell.widths[1]:
        widths = (
            f"; with {cell.widths[0]} and {cell.widths[1]} dimensions this says that the diagram laws differ, which "
            "width and spectrum alone can do, and not that the topology does"
        )
    return f"{cell.claim}: rejected at {alpha:g} that {null} {evidence}{widths}"


def _parts(cell: Cell) -> tuple[Float64, Float64, Float64]:
    return cell.within_a, cell.within_b, cell.between


def _adjusted(extremes: Float64, p_values: Float64, slack: Float64, adjust: str) -> tuple[Float64, str]:
    tests = len(p_values)
    if adjust == "none" or tests == 1:
        return p_values, "none" if adjust == "none" else "none (one test)"
    how = f"{ADJUSTMENTS[adjust]} over {tests} tests"
    if adjust != "max-t":
        return {"holm": holm, "by": benjamini_yekutieli, "bh": benjamini_hochberg}[adjust](p_values), how
    # A cell whose statistic no relabelling moves says nothing, and stays out of the maximum.
    spread = extremes.std(axis=0)
    moves = spread > slack
    studentised = (extremes[:, moves] - extremes[:, moves].mean(axis=0)) / spread[moves]
    adjusted = np.ones(tests)
    adjusted[moves] = np.maximum(step_down_max_t(studentised), p_values[moves])
    return adjusted, how


def _distinct(k: int, m: int, paired: bool) -> int:
    """Relabellings that can differ. Swapping all pairs changes no statistic, so the last pair stays."""
    return int(2 ** (k - 1)) if paired else math.comb(k + m, k)


def _sign_changes(k: int, sampled: int | None, generator: np.random.Generator) -> Float64:
    """(B, k) signs, -1 where the pair is swapped; row 0 swaps nothing."""
    if sampled is None:
        bits = (np.arange(2 ** (k - 1))[:, None] >> np.arange(k)) & 1
    else:
        bits = generator.integers(0, 2, size=(sampled + 1, k))
        bits[0] = 0
    return np.asarray(1.0 - 2.0 * bits, dtype=np.float64)


def swaps(draws: int, seed: int) -> Float64:
    """(B, draws) signs for paired differences, -1 where a pair is swapped, the observed first: all, or random ones."""
    generator = np.random.default_rng(np.random.SeedSequence([seed, draws]))
    return _sign_changes(draws, None if _distinct(draws, draws, True) <= ENUMERATED else SAMPLED, generator)


def _groups(k: int, m: int, sampled: int | None, generator: np.random.Generator) -> Float64:
    """(B, k + m), 1 for the draws labelled a and 0 for b; row 0 is the observed labelling."""
    if sampled is None:
        members = np.array(list(itertools.combinations(range(k + m), k)))
        groups = np.zeros((len(members), k + m), dtype=bool)
        np.put_along_axis(groups, members, True, axis=1)
    else:
        groups = np.tile(np.arange(k + m) < k, (sampled + 1, 1))
        groups[1:] = generator.permuted(groups[1:], axis=1)
    return groups.astype(np.float64)


def _under_swaps(cell: Cell, signs: Float64, statistic: str) -> Float64:
    """(B,) statistic under every swap.

    With u_ij = d(a_i, b_j) + d(b_i, a_j) - d(a_i, a_j) - d(b_i, b_j), swapping one of two pairs exchanges what is
    between for what is within: k(k-1) times the energy is the sum over i ≠ j of s_i s_j u_ij.
    """
    k = len(cell.between)
    pairs = k * (k - 1)
    across: Float64 = cell.between + cell.between.T
    within: Float64 = cell.within_a + cell.within_b
    u = across - within
    np.fill_diagonal(u, 0.0)
    moved = _forms(signs, u)
    if statistic == "energy":
        return np.asarray(moved / pairs)
    same = np.trace(cell.between)
    if statistic == "loss":
        everything = across.sum() - 2 * same + within.sum()
        return np.asarray((everything - moved) / (4 * pairs))
    # Of squared distances, so that ⟨a_i - b_i, a_j - b_j⟩ = u_ij / 2, and |a_i - b_i|² on the diagonal.
    return np.asarray(np.sqrt(np.maximum(moved / 2 + same, 0)) / k)


def _under_groups(cell: Cell, groups: Float64, statistic: str) -> Float64:
    """(B,) statistic under every labelling."""
    k, m = cell.between.shape
    distances = np.block([[cell.within_a, cell.between], [cell.between.T, cell.within_b]])
    rows = distances.sum(axis=1)
    within_a = _forms(groups, distances)
    to_a = groups @ rows
    between = to_a - within_a
    within_b = rows.sum() - to_a - between
    if statistic == "energy":
        return np.asarray(2 * between / (k * m) - within_a / (k * (k - 1)) - within_b / (m * (m - 1)))
    if statistic == "loss":
        return np.asarray(within_a / (2 * k * (k - 1)) + within_b / (2 * m * (m - 1)))
    # Of squared distances: the squared distance between the means of two groups of points.
    return np.asarray(np.sqrt(np.maximum(between / (k * m) - within_a / (2 * k * k) - within_b / (2 * m * m), 0)))


def _forms(rows: Float64, matrix: Array) -> Float64:
    """(B,) x·M·x for every row x."""
    return np.asarray(np.einsum("bi,bi->b", rows @ matrix, rows))
