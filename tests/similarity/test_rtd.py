"""Representation topology divergence: published values, its definition, and its laws."""

import numpy as np
import pytest
from examples.similarity import rings
from scipy.sparse.csgraph import minimum_spanning_tree
from scipy.spatial.distance import cdist, pdist, squareform

import toposcope as ts


def published_draws(count: int, size: int) -> list[np.ndarray]:
    """The rows that the authors' code draws from numpy's global generator."""
    out = []
    for _ in range(10):
        rows = list(range(count))
        np.random.shuffle(rows)
        out.append(np.array(rows[:size]))
    return out


def test_the_value_that_the_authors_publish() -> None:
    """README of github.com/IlyaTrofimov/RTD: two uniform squares of 1,000 points, 10 draws of 500, seed 7."""
    np.random.seed(7)
    a, b = np.random.rand(1000, 2), np.random.rand(1000, 2)
    values = [ts.rtd(a[rows], b[rows]) for rows in published_draws(1000, 500)]
    assert np.mean(values) == pytest.approx(35.55234398557805, rel=1e-8)


PUBLISHED_RINGS = {
    # rings of radius 1: (bars, longest, 0.976-quantile, median) that the other adds to a, and that a adds to it
    2: ((600, 0.11198318749666214, 0.035174768418073654, 0.0034274086356163025), (200, *[0.026847925037145615] * 3)),
    3: (
        (300, 0.11198318749666214, 0.035174768418073654, 0.031426265835762024),
        (500, 0.013078518211841583, 0.010321404784917831, 0.006443798542022705),
    ),
    4: (
        (300, 0.11198318749666214, 0.042209722101688385, 0.035174768418073654),
        (400, 0.023914720863103867, 0.023914720863103867, 0.00928284227848053),
    ),
    5: (
        (400, 0.11198318749666214, 0.042209722101688385, 0.035174768418073654),
        (300, 0.017732389271259308, 0.017732389271259308, 0.010697435587644577),
    ),
}


@pytest.mark.parametrize("count", PUBLISHED_RINGS)
def test_the_bars_that_the_authors_publish(count: int) -> None:
    """experiments/Rings.ipynb of the authors, in float32; ties of the rings split by an ulp in float64."""
    scores = ts.rtd_barcodes(rings(1), rings(count))
    for diagram, (bars, longest, high, middle) in zip(
        (scores.forward_barcodes[0], scores.backward_barcodes[0]), PUBLISHED_RINGS[count], strict=True
    ):
        lengths = np.sort(diagram.finite(1) @ [-1, 1])
        lengths = lengths[lengths > 1e-6]
        assert len(lengths) == bars
        found = lengths[-1], lengths[bars * 976 // 1000], lengths[bars // 2]
        np.testing.assert_allclose(found, (longest, high, middle), rtol=1e-6)


def scaled(points: np.ndarray) -> np.ndarray:
    distances = squareform(pdist(points))
    return distances / np.quantile(distances, 0.9)


def test_rtd_is_degree_one_of_the_published_matrix() -> None:
    import ripser

    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(40, 3)), rng.normal(size=(40, 5))
    r, s = scaled(a), scaled(b)
    lengths = []
    for first, second in ((r, s), (s, r)):
        matrix = np.block([[np.zeros_like(r), first], [first, np.minimum(first, second)]])
        bars = ripser.ripser(matrix, maxdim=1, distance_matrix=True)["dgms"][1]
        lengths.append((bars[:, 1] - bars[:, 0]).sum())
    scores = ts.rtd_barcodes(a, b)
    np.testing.assert_allclose([scores.forward[0], scores.backward[0]], lengths, rtol=1e-5)
    assert scores.value == ts.rtd(a, b) == pytest.approx(np.mean(lengths), rel=1e-5)
    assert "over 1 draws of 40" in repr(scores)


def test_rtd_lite_is_a_difference_of_spanning_trees() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(40, 3)), rng.normal(size=(40, 5))
    r, s = scaled(a), scaled(b)
    of_r, of_s, of_both = (minimum_spanning_tree(d).sum() for d in (r, s, np.minimum(r, s)))
    assert ts.rtd_lite(a, b) == pytest.approx((of_r + of_s) / 2 - of_both, rel=1e-12)
    assert ts.rtd_lite(a, b, size=10, draws=4) == pytest.approx(
        np.mean([ts.rtd_lite(a[rows], b[rows]) for rows in ts.disjoint_draws(np.arange(40), 10, 4)])
    )


def test_draws_are_disjoint_where_they_can_be_and_say_so() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(60, 3)), rng.normal(size=(60, 3))
    apart, overlapping = ts.rtd_barcodes(a, b, size=20, draws=3), ts.rtd_barcodes(a, b, size=20, draws=4)
    assert apart.disjoint
    assert not overlapping.disjoint
    assert [len(rows) for rows in overlapping.rows] == [20] * 4
    assert len(apart.forward) == len(apart.backward_barcodes) == 3
    assert apart.value == pytest.approx(np.mean([ts.rtd(a[rows], b[rows]) for rows in apart.rows]))
    assert ts.rtd(a, b, size=20, draws=3, seed=1) != apart.value


def test_every_number_of_threads_gives_the_same_bits() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(80, 3)), rng.normal(size=(80, 3))
    one, two = (ts.rtd_barcodes(a, b, size=20, draws=6, threads=threads) for threads in (1, 2))
    np.testing.assert_array_equal(one.forward, two.forward)
    assert one.forward_barcodes == two.forward_barcodes
    assert ts.mtopdiv(a, b, 20, 5, threads=1) == ts.mtopdiv(a, b, 20, 5, threads=3)


def test_the_cross_barcode_is_that_of_the_union_with_b_made_one_point() -> None:
    import ripser

    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(30, 3)), rng.normal(size=(50, 3)) + 1
    matrix = np.block([[squareform(pdist(a)), cdist(a, b)], [cdist(b, a), np.zeros((50, 50))]])
    bars = ripser.ripser(matrix, maxdim=1, distance_matrix=True)["dgms"][1]
    found = ts.cross_barcode(a, b).finite(1)
    np.testing.assert_allclose(
        np.sort(found[:, 1] - found[:, 0])[::-1], np.sort(bars[:, 1] - bars[:, 0])[::-1], rtol=1e-4, atol=1e-6
    )
    assert ts.mtopdiv(a, b) == pytest.approx((bars[:, 1] - bars[:, 0]).sum(), rel=1e-5)
    assert len(ts.cross_barcode(a, a, max_degree=2).pairs) == 1  # the essential component
    sizes = ts.mtopdiv(a, b, size=(10, 25), draws=2)
    rows = zip(ts.disjoint_draws(np.arange(30), 10, 2), ts.disjoint_draws(np.arange(50), 25, 2), strict=True)
    assert sizes == pytest.approx(np.mean([ts.mtopdiv(a[p], b[q]) for p, q in rows]))


def test_the_manifold_divergence_that_the_authors_publish() -> None:
    """README of github.com/IlyaTrofimov/MTopDiv: two uniform squares, 100 points against 1,000, 20 draws, seed 7."""
    np.random.seed(7)
    a, b = np.random.rand(1000, 2), np.random.rand(1000, 2)
    np.random.choice(1000, 1000, replace=False), np.random.choice(1000, 100, replace=False)  # the barcode they plot
    values = []
    for _ in range(20):
        of_b, of_a = np.random.choice(1000, 1000, replace=False), np.random.choice(1000, 100, replace=False)
        values.append(ts.mtopdiv(a[of_a], b[of_b]))
    assert np.mean(values) == pytest.approx(0.035247244, rel=1e-5)
