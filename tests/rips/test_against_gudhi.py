"""The kernel against gudhi: equal multisets of rows, to the bit, on every kind of matrix."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.rips import matrices
from toposcope.rips import _native, vietoris_rips
from toposcope.rips.engine import Bars, _by_gudhi, _by_kernel

pytest.importorskip("gudhi")

SANITIZED = os.environ.get("TOPOSCOPE_SANITIZED") == "1"


def rows(bars: Bars, degree: int) -> NDArray[np.float64]:
    part = bars.pairs[bars.degrees == degree]
    return part[np.lexsort((part[:, 1], part[:, 0]))]


def kernel_rows(distances: NDArray[Any], max_degree: int, limit: float, **options: Any) -> list[NDArray[np.float64]]:
    parts, _, _, counts = _native.persistence(distances, max_degree, limit, **options)
    assert counts["empty_lunes"] == counts["deaths_0"] + counts["births_1"]
    assert max_degree == 0 or counts["extra_components"] == counts["deaths_1"] + counts["births_2"]
    return [bars[np.lexsort((bars[:, 1], bars[:, 0]))] for bars, _, _ in parts]


def compare(seed: int, max_degree: int, largest: int, smallest: int = 0) -> None:
    """One random matrix through gudhi and through the kernel, with options drawn as well."""
    rng = np.random.default_rng(seed)
    family = matrices.FAMILIES[int(rng.integers(len(matrices.FAMILIES)))]
    most = largest if smallest or rng.uniform() < 0.3 else min(largest, 24)
    distances = matrices.matrix(family, int(rng.integers(smallest, most + 1)), rng)
    limit = matrices.threshold(distances, rng)
    options = {
        "threads": int(rng.integers(1, 4)),
        "instructions": str(rng.choice(_native.instructions())),
        "to_the_end": bool(rng.uniform() < 0.3),
        "window_edges": int(rng.choice([0, 0, 1, 7, 100, 1000])) if len(distances) < 100 else 0,
    }
    distances = distances.astype(np.float64 if rng.uniform() < 0.4 else np.float32)
    expected = _by_gudhi(distances, max_degree, limit, 2)
    found = kernel_rows(distances, max_degree, limit, **options)
    for degree in range(max_degree + 1):
        assert np.array_equal(rows(expected, degree), found[degree]), (seed, family, len(distances), limit, options)


@pytest.mark.parametrize("max_degree", [0, 1, 2])
@pytest.mark.parametrize("block", range(4))
def test_small_random_matrices_of_every_kind(max_degree: int, block: int) -> None:
    cases = 40 if SANITIZED else 350
    for seed in range(cases):
        compare(1_000_000 * max_degree + 10_000 * block + seed, max_degree, largest=48)


@pytest.mark.parametrize("seed", range(6))
def test_larger_random_matrices(seed: int) -> None:
    compare(7_000_000 + seed, max_degree=1, smallest=150, largest=400)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("max_degree", [1, 2])
def test_twenty_thousand_random_matrices(max_degree: int) -> None:
    """Half of the cases in degrees up to 1, half in degrees up to 2; seeds 10⁸·degree and on."""
    for seed in range(10_000):
        compare(100_000_000 * max_degree + seed, max_degree, largest=400 if seed % 50 == 0 and max_degree == 1 else 48)


QUICK_TO_THE_END = ("euclidean", "grid", "few_values", "duplicates", "disconnected", "one_value")
"""Families that gudhi can follow to the last edge; in the others so many classes live at once that it takes minutes."""


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(
    ("max_degree", "smallest", "largest", "cases"),
    [(1, 250, 400, 220), (1, 400, 800, 40), (1, 800, 1500, 10), (2, 100, 200, 40)],
)
def test_hundreds_of_large_random_matrices(max_degree: int, smallest: int, largest: int, cases: int) -> None:
    """Families in turn, most of them with a threshold that leaves 20 edges at a point on average (10 in degree 2)."""
    for case in range(cases):
        rng = np.random.default_rng([max_degree, largest, case])
        family = matrices.FAMILIES[case % len(matrices.FAMILIES)]
        distances = matrices.matrix(family, int(rng.integers(smallest, largest + 1)), rng)
        limit = np.inf
        if family not in QUICK_TO_THE_END:
            lengths = np.sort(distances[np.triu_indices(len(distances), 1)])
            limit = float(np.nextafter(lengths[10 * len(distances) // max_degree], np.float32(0)))
        expected = _by_gudhi(distances, max_degree, limit, 2)
        found = kernel_rows(distances, max_degree, limit, threads=int(rng.integers(1, 4)))
        for degree in range(max_degree + 1):
            assert np.array_equal(rows(expected, degree), found[degree]), (family, len(distances), case)


def test_float64_lengths_that_differ_beyond_float32_are_told_apart() -> None:
    rng = np.random.default_rng(5)
    exact = matrices.matrix("ties", 60, rng).astype(np.float64)
    exact += np.triu(rng.permutation(3600).reshape(60, 60) * 1e-13, 1)
    exact = np.triu(exact, 1) + np.triu(exact, 1).T
    expected = _by_gudhi(exact, 2, np.inf, 2)
    found = kernel_rows(exact, 2, np.inf)
    assert all(np.array_equal(rows(expected, degree), found[degree]) for degree in range(3))
    assert len(np.unique(found[1])) > len(np.unique(found[1].astype(np.float32)))


@pytest.mark.parametrize("field", [3, 11])
def test_other_fields_go_to_gudhi(field: int) -> None:
    distances = matrices.matrix("circle", 30, np.random.default_rng(1))
    bars = _by_gudhi(distances, 1, np.inf, field)
    diagram = vietoris_rips(distances, metric="precomputed", field=field)
    assert np.array_equal(diagram.in_degree(1), rows(bars, 1))
    assert diagram.filtration.field == field


def test_degree_three_goes_to_gudhi() -> None:
    angles = 2 * np.pi * np.arange(20) / 20
    points = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    bars = vietoris_rips(points, max_degree=3).in_degree(3)
    assert bars == pytest.approx(np.array([[1.78201, 1.90211]]), abs=1e-5)


def test_threads_give_the_same_bits() -> None:
    rng = np.random.default_rng(3)
    distances = matrices.matrix("euclidean", 700, rng)
    for degree in (1, 2):
        alone = _by_kernel(distances[:300, :300] if degree == 2 else distances, degree, np.inf, 1, True)
        for threads in (2, 3, 7):
            together = _by_kernel(distances[:300, :300] if degree == 2 else distances, degree, np.inf, threads, True)
            assert np.array_equal(alone.pairs, together.pairs)
            assert alone.representatives is not None
            assert together.representatives is not None
            for name, part in vars(alone.representatives).items():
                assert np.array_equal(part, getattr(together.representatives, name)), name
