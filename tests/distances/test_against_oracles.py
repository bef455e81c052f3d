"""The native distances against optimal transport, gudhi, and dense assignments, on diagrams of every kind."""

import gudhi.hera
import numpy as np
import pytest

import toposcope as ts
from tests.distances.reference import (
    KINDS,
    dense_bottleneck,
    dense_wasserstein,
    gudhi_wasserstein,
    hera_bottleneck,
    random_bars,
)
from toposcope.distances import bottleneck, wasserstein

ORDERS = [1.0, 2.0, 3.5]
GROUNDS = [1.0, 2.0, np.inf]


def check_pair(rng: np.random.Generator, kind: str, most: int) -> None:
    a, b = random_bars(rng, rng.integers(0, most), kind), random_bars(rng, rng.integers(0, most), kind)
    for order in ORDERS:
        for ground in GROUNDS:
            expected = dense_wasserstein(a, b, order, ground)
            assert wasserstein(a, b, order=order, ground=ground) == pytest.approx(expected, rel=1e-9, abs=1e-15)
    assert bottleneck(a, b) == dense_bottleneck(a, b)  # one of the candidate values, so to the bit


@pytest.mark.parametrize("kind", KINDS)
def test_distances_equal_dense_assignments(kind: str) -> None:
    rng = np.random.default_rng(KINDS.index(kind))
    for _ in range(60):
        check_pair(rng, kind, 25)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_thousands_of_distances_equal_dense_assignments(kind: str) -> None:
    rng = np.random.default_rng([1, KINDS.index(kind)])
    for _ in range(1500):
        check_pair(rng, kind, 25)
    for _ in range(20):
        check_pair(rng, kind, 200)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("ground", GROUNDS)
@pytest.mark.parametrize("order", ORDERS)
def test_wasserstein_equals_optimal_transport(kind: str, ground: float, order: float) -> None:
    rng = np.random.default_rng([KINDS.index(kind), int(2 * order), GROUNDS.index(ground)])
    for _ in range(5):
        a, b = random_bars(rng, rng.integers(0, 25), kind), random_bars(rng, rng.integers(0, 25), kind)
        expected = gudhi_wasserstein(a, b, order, ground)
        assert wasserstein(a, b, order=order, ground=ground) == pytest.approx(expected, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_bottleneck_equals_hera(kind: str) -> None:
    rng = np.random.default_rng(KINDS.index(kind))
    for _ in range(60):
        a, b = random_bars(rng, rng.integers(0, 25), kind), random_bars(rng, rng.integers(0, 25), kind)
        assert bottleneck(a, b) == pytest.approx(hera_bottleneck(a, b), rel=1e-12, abs=1e-15)


@pytest.mark.parametrize("count", [150, 400])
@pytest.mark.parametrize("kind", ["clustered", "mixed", "lattice"])
def test_larger_diagrams_equal_hera(kind: str, count: int) -> None:
    rng = np.random.default_rng([count, KINDS.index(kind)])
    a, b = random_bars(rng, count, kind), random_bars(rng, count + 17, kind)
    for order in (1.0, 2.0):
        near = gudhi.hera.wasserstein_distance(a, b, order=order, internal_p=np.inf, delta=1e-3)
        value = wasserstein(a, b, order=order)
        assert value <= near * (1 + 1e-9)
        assert near <= value * (1 + 1e-3)
    assert bottleneck(a, b) == pytest.approx(hera_bottleneck(a, b), rel=1e-12)


def test_diagrams_of_clouds_with_essential_bars() -> None:
    rng = np.random.default_rng(5)
    for threshold in (None, 1.2):
        a, b = (ts.vietoris_rips(rng.normal(size=(60, 3)), threshold=threshold) for _ in range(2))
        for degree in (0, 1):
            x, y = a.in_degree(degree), b.in_degree(degree)
            essential = [np.sort(bars[np.isinf(bars[:, 1]), 0]) for bars in (x, y)]
            finite = [bars[np.isfinite(bars[:, 1])] for bars in (x, y)]
            for order in ORDERS:
                expected = np.inf
                if len(essential[0]) == len(essential[1]):
                    moved = dense_wasserstein(*finite, order, np.inf)
                    expected = (moved**order + (np.abs(essential[0] - essential[1]) ** order).sum()) ** (1 / order)
                assert ts.wasserstein(a, b, degree, order=order) == pytest.approx(expected, rel=1e-9)


def test_many_bars_at_one_place() -> None:
    # All alike, and each needs another partner: the nearest few of one are those of every other.
    m = 150
    a = np.repeat([[1.0, 2.0], [3.0, 5.0]], m, axis=0)
    b = np.repeat([[1.25, 2.25], [3.125, 5.25]], [m + 7, m - 5], axis=0)
    for order in ORDERS:
        assert wasserstein(a, b, order=order) == pytest.approx(dense_wasserstein(a, b, order, np.inf), rel=1e-9)
    assert bottleneck(a, b) == dense_bottleneck(a, b)
