"""Permutation tests over draws: are the diagrams of a and of b draws from one law?

The statistic is the energy distance between the two groups of diagrams (Székely and Rizzo 2013): twice the mean
distance between them less the mean distances within each. Pairs of draws of the same inputs are left out of all three
means, so that sharing inputs neither helps nor hurts. The exchangeable unit is the draw.

Paired: both representations hold the same inputs, and draw i of a and of b are the same rows. Under the null "the pair
of diagrams of a draw is exchangeable" swapping the two within any set of draws changes nothing. Unpaired: the inputs of
a and b are different and independent, and the labels of the draws are permuted.
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
from toposcope.stats.adjust import holm, step_down_max_t

ENUMERATED = 20_000
"""Up to so many relabellings all of them are used, and p is exact; beyond, so many less one are sampled."""
SAMPLED = 9_999


@dataclasses.dataclass(frozen=True, eq=False)
class Cell:
    """One test of a family: distances between draws. within_a: (k, k). within_b: (l, l). between: (k, l)."""

    claim: str
    within_a: Float64
    within_b: Float64
    between: Float64

    def __post_init__(self) -> None:
        k, m = self.between.shape
        if self.within_a.shape != (k, k) or self.within_b.shape != (m, m):
            raise InputError(f"{self.claim}: the distances within and between the draws do not fit together")
        if min(k, m) < 2:
            raise InputError(f"{self.claim}: a test needs at least 2 draws of each, and there are {k} and {m}")
        if not all(np.isfinite(part).all() for part in (self.within_a, self.within_b, self.between)):
            raise InputError(
                f"{self.claim}: a distance between draws is infinite, because their essential bars differ in number; "
                "take a larger threshold or none"
            )


@dataclasses.dataclass(frozen=True, eq=False)
class PairedCell(Cell):
    """Draw i of a and draw i of b are the same inputs. k = l."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.between.shape[0] != self.between.shape[1]:
            raise InputError(f"{self.claim}: paired draws come in equal numbers, not {self.between.shape}")


@dataclasses.dataclass(frozen=True, eq=False)
class UnpairedCell(Cell):
    """The inputs of a and b are different."""


def effect(cell: Cell) -> float:
    """(mean distance between a's and b's draws - mean distance within) / mean distance within.

    0 in expectation for equal laws; 1 means twice as far apart as two draws of the same. Draws of the same inputs are
    left out. `inf` when all draws within are at distance 0 and those between are not.
    """
    between, within = _mean_between(cell), _mean_within(cell)
    if within == 0:
        return 0.0 if between == 0 else math.inf
    return (between - within) / within


def smallest_p(draws_a: int, draws_b: int, paired: bool) -> float:
    """The smallest p-value a test of so many draws can give: 2^(1-k) paired, 1/C(k+l, k) unpaired.

    With equal numbers of unpaired draws it is twice that: exchanging all of a and b gives the same statistic.
    """
    if paired:
        return 1 / max(_relabellings_paired(draws_a), 1)
    total = math.comb(draws_a + draws_b, draws_a)
    return (2 if draws_a == draws_b else 1) / total if total <= ENUMERATED else 1 / (SAMPLED + 1)


def permutation_tests(
    cells: Sequence[Cell], alpha: float = 0.05, adjust: Literal["max-t", "holm", "none"] = "max-t", seed: int = 0
) -> list[TestResult]:
    """Test a family of cells that share their draws, and adjust for their number.

    cells: all PairedCell or all UnpairedCell, with equal numbers of draws. adjust: "max-t" shares every relabelling
    between the cells and takes the step-down maximum of studentised statistics; "holm" assumes nothing; "none".
    Every relabelling is used when there are at most `ENUMERATED` (p is exact on its lattice), else `SAMPLED` at random
    and p = (1 + #)/(1 + B). Returns one TestResult per cell, in order.

    Raises InputError for mixed cells, and when no p-value at or below alpha can be reached, saying how many draws
    would do.
    """
    if not cells:
        return []
    first = cells[0]
    paired = isinstance(first, PairedCell)
    if any(type(cell) is not type(first) or cell.between.shape != first.between.shape for cell in cells):
        raise InputError("the cells of a family must be of one kind and have equal numbers of draws")
    level = _check.real(alpha, "alpha", above=0.0)
    k, m = first.between.shape
    tests = len(cells) if adjust == "holm" else 1
    reach = smallest_p(k, m, paired) * tests
    if reach > level:
        enough = (n for n in range(2, 64) if smallest_p(n, n, paired) * tests <= level)
        needed = next(enough, None)
        remedy = (
            "no number of draws reaches that; take a larger alpha"
            if needed is None
            else (f"take {'at least ' if needed > min(k, m) else ''}{needed} draws")
        )
        raise InputError(
            f"{k} {'paired ' if paired else ''}draws cannot give a p-value below {reach:.3g}, and alpha is {level:g}; "
            f"{remedy}"
        )
    generator = np.random.default_rng(np.random.SeedSequence([seed, k, m]))
    if paired:
        signs = _sign_changes(k, generator)
        statistics = np.stack([_under_swaps(cell, signs) for cell in cells], axis=1)
        exact = _relabellings_paired(k) <= ENUMERATED
    else:
        groups = _groups(k, m, generator)
        statistics = np.stack([_under_groups(cell, groups) for cell in cells], axis=1)
        exact = math.comb(k + m, k) <= ENUMERATED
    slack = 1e-9 * np.abs(statistics).max(axis=0, initial=0.0)
    p_values = (statistics >= statistics[0] - slack).mean(axis=0)
    adjusted, how = _adjusted(statistics, p_values, adjust)
    unit = (
        f"draw of inputs, swapped between a and b ({k} pairs)"
        if paired
        else f"draw of inputs, relabelled ({k} and {m} draws)"
    )
    return [
        TestResult(
            statistic=float(statistics[0, c]),
            p_value=float(p_values[c]),
            effect=effect(cell),
            interval=None,
            null=statistics[:, c],
            unit=unit,
            seed=seed,
            claim=_sentence(cell, float(adjusted[c]), level, paired, exact),
            p_adjusted=float(adjusted[c]),
            adjustment=how,
        )
        for c, cell in enumerate(cells)
    ]


def _adjusted(statistics: Float64, p_values: Float64, adjust: str) -> tuple[Float64, str]:
    tests = len(p_values)
    if adjust == "none" or tests == 1:
        return p_values, "none" if adjust == "none" else "none (one test)"
    if adjust == "holm":
        return holm(p_values), f"Holm over {tests} tests"
    centred = statistics - statistics.mean(axis=0)
    spread = statistics.std(axis=0)
    # A cell whose statistic no relabelling moves says nothing, and stays out of the maximum.
    studentised = np.divide(
        centred, spread, out=np.zeros_like(centred), where=spread > 1e-12 * np.abs(statistics).max()
    )
    return np.maximum(step_down_max_t(studentised), p_values), f"step-down max-T over {tests} tests"


def _sentence(cell: Cell, p: float, alpha: float, paired: bool, exact: bool) -> str:
    k, m = cell.between.shape
    sample = f"{k} paired draws" if paired else f"{k} and {m} draws of different inputs"
    how = "every relabelling" if exact else f"{SAMPLED} relabellings"
    if p <= alpha:
        return (
            f"{cell.claim}: rejected at {alpha:g} that the diagrams of the two fixed representations follow one law "
            f"({sample}, {how}, adjusted p = {p:.3g})"
        )
    return (
        f"{cell.claim}: no difference between the laws of diagrams was shown ({sample}, {how}, adjusted p = {p:.3g}); "
        "this is not evidence that they are equal"
    )


def _mean_between(cell: Cell) -> float:
    if isinstance(cell, PairedCell):
        k = len(cell.between)
        return float((cell.between.sum() - np.trace(cell.between)) / (k * (k - 1)))
    return float(cell.between.mean())


def _mean_within(cell: Cell) -> float:
    sums = [part.sum() / (len(part) * (len(part) - 1)) for part in (cell.within_a, cell.within_b)]
    return float(sum(sums) / 2)


def _relabellings_paired(k: int) -> int:
    """Swaps that can differ: the statistic does not change when all pairs are swapped."""
    total = 2 ** (k - 1)
    return total if total <= ENUMERATED else SAMPLED + 1


def _sign_changes(k: int, generator: np.random.Generator) -> Float64:
    """(B, k) signs, -1 where the pair is swapped; row 0 swaps nothing."""
    if 2 ** (k - 1) <= ENUMERATED:
        bits = (np.arange(2 ** (k - 1))[:, None] >> np.arange(k)) & 1
    else:
        bits = generator.integers(0, 2, size=(SAMPLED + 1, k))
        bits[0] = 0
    return np.asarray(1.0 - 2.0 * bits, dtype=np.float64)


def _under_swaps(cell: Cell, signs: Float64) -> Float64:
    """(B,) energy statistic under every swap.

    With u_ij = d(a_i, b_j) + d(b_i, a_j) - d(a_i, a_j) - d(b_i, b_j) the statistic is the sum over i ≠ j of
    s_i s_j u_ij / (k(k-1)): swapping one of two pairs exchanges what is between for what is within.
    """
    k = len(cell.between)
    u: Float64 = cell.between + cell.between.T - cell.within_a - cell.within_b
    np.fill_diagonal(u, 0.0)
    statistic: Float64 = np.einsum("bi,ij,bj->b", signs, u, signs, optimize=True) / (k * (k - 1))
    return statistic


def _groups(k: int, m: int, generator: np.random.Generator) -> Array:
    """(B, k + m) booleans, True for the draws labelled a; row 0 is the observed labelling."""
    total = math.comb(k + m, k)
    if total <= ENUMERATED:
        groups = np.zeros((total, k + m), dtype=bool)
        for row, members in enumerate(itertools.combinations(range(k + m), k)):
            groups[row, list(members)] = True
        return groups
    groups = np.tile(np.arange(k + m) < k, (SAMPLED + 1, 1))
    groups[1:] = generator.permuted(groups[1:], axis=1)
    return groups


def _under_groups(cell: Cell, groups: Array) -> Float64:
    """(B,) energy statistic under every relabelling."""
    k, m = cell.between.shape
    distances = np.block([[cell.within_a, cell.between], [cell.between.T, cell.within_b]])
    a = groups.astype(np.float64)
    b = 1.0 - a
    to_a, to_b = a @ distances, b @ distances
    between = np.einsum("bi,bi->b", a, to_b) / (k * m)
    within_a = np.einsum("bi,bi->b", a, to_a) / (k * (k - 1))
    within_b = np.einsum("bi,bi->b", b, to_b) / (m * (m - 1))
    statistic: Float64 = 2 * between - within_a - within_b
    return statistic
