"""Rows that do not match, and everything else that cannot be compared, fail loudly and say what to do."""

import numpy as np
import pytest

import toposcope as ts

RNG = np.random.default_rng(0)
POINTS = RNG.normal(size=(30, 3))


def layer(ids, points=None) -> ts.Representation:
    return ts.Representation(RNG.normal(size=(len(ids), 3)) if points is None else points, ids)


def test_rows_are_matched_whatever_their_order_and_however_often_an_input_stands() -> None:
    ids = np.repeat(np.arange(15), 2)
    a, b = layer(ids, POINTS), layer(ids, POINTS @ RNG.normal(size=(3, 3)))
    by_input = np.random.default_rng(1).permutation(15)
    rows = (2 * by_input[:, None] + [0, 1]).ravel()
    assert ts.cka(a, b.take(rows)) == pytest.approx(ts.cka(a, b), rel=1e-12)
    assert ts.rtd(a, b.take(rows), size=10, draws=2) == pytest.approx(ts.rtd(a, b, size=10, draws=2), rel=1e-12)


@pytest.mark.parametrize(
    ("b", "words"),
    [
        (layer(np.arange(10, 40)), "agree in 20 inputs, 10 are only in a and 10 only in b; take the common ones"),
        (layer(np.arange(40)), "0 are only in a and 10 only in b"),
        (layer(np.arange(100, 130)), "agree in 0 inputs.*give both networks the same inputs"),
        (layer([str(k) for k in range(30)]), "agree in 0 inputs"),
        (layer(np.r_[np.arange(30), 0]), "not equally often"),
        (POINTS[:20], "a has 30 rows and b has 20"),
    ],
)
def test_inputs_that_do_not_match_are_refused(b, words: str) -> None:
    a = layer(np.arange(30))
    for measure in (ts.cka, ts.procrustes, ts.rtd, ts.rsa, ts.mutual_knn, ts.gulp, ts.cca):
        with pytest.raises(ts.IncomparableError, match=words):
            measure(a, b)


SAME = np.ones((30, 3))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: ts.cka(POINTS, SAME), "no variance"),
        (lambda: ts.cka(POINTS, SAME, "rbf"), "median distance"),
        (lambda: ts.cka(POINTS, POINTS, "gauss"), "kernel='gauss' is not known"),
        (lambda: ts.cka(POINTS, POINTS, "rbf", bandwidth=0), "bandwidth"),
        (lambda: ts.cka(POINTS, POINTS, batch=3), "batch"),
        (lambda: ts.cka(POINTS[:3], POINTS[:3], unbiased=True), "a has 3 points, and at least 4"),
        (lambda: ts.cka(POINTS[0], POINTS), "one row per input"),
        (lambda: ts.procrustes(POINTS, SAME), "coincide"),
        (lambda: ts.shape_distance(POINTS, SAME), "coincide"),
        (lambda: ts.shape_distance(POINTS, POINTS, whitening=1.5), "whitening=1.5 must be a number from 0 to 1"),
        (lambda: ts.cca(RNG.normal(size=(30, 15)), RNG.normal(size=(30, 15))), "need more than 30 inputs.*svcca"),
        (lambda: ts.svcca(POINTS, POINTS, 2), "variance=2"),
        (lambda: ts.rsa(POINTS, np.eye(30)), "all distances .* equal"),
        (lambda: ts.rsa(POINTS, POINTS, "hamming"), "metric='hamming'"),
        (lambda: ts.mutual_knn(POINTS, POINTS, k=30), "k=30 neighbours need more than 30 points"),
        (lambda: ts.mutual_knn(POINTS, POINTS, metric="manhattan"), "metric"),
        (lambda: ts.mutual_knn(POINTS, np.r_[POINTS[:-1], [[0, 0, 0]]], metric="cosine"), "1 zero row.*row 29"),
        (lambda: ts.gulp(POINTS, POINTS, ridge=0), "ridge"),
        (lambda: ts.rtd(POINTS, SAME), "0.9-quantile of the distances of a layer is 0"),
        (lambda: ts.rtd(POINTS, POINTS, draws=2), "the same draw; give a size"),
        (lambda: ts.rtd(POINTS, POINTS, size=31), "size=31 points cannot be drawn from 30"),
        (lambda: ts.rtd(POINTS, POINTS, size=1), "size"),
        (lambda: ts.rtd(POINTS, POINTS, threads=0), "threads"),
        (lambda: ts.rtd_lite(POINTS, POINTS, draws=0), "draws"),
        (lambda: ts.mtopdiv(POINTS, POINTS[:, :2]), "3 dimensions and b has 2.*rtd"),
        (lambda: ts.mtopdiv(POINTS, POINTS, threads=-1), "threads"),
        (lambda: ts.cross_barcode(POINTS, POINTS[:, :2]), "one width"),
        (lambda: ts.cross_barcode(POINTS, POINTS, max_degree=-1), "max_degree"),
        (lambda: ts.imd(POINTS, POINTS[:5]), "k=5"),
        (lambda: ts.two_nn(SAME), "1 distinct points"),
        (lambda: ts.two_nn(np.eye(5)), "lattice.*ph_dimension"),
        (lambda: ts.two_nn(POINTS, discard=-0.1), "discard"),
        (lambda: ts.mle_dimension(POINTS, k=2), "k=2"),
        (lambda: ts.mle_dimension(np.eye(9), k=4), "one distance"),
        (lambda: ts.mle_dimension(POINTS, average="median"), "average"),
        (lambda: ts.ph_dimension(POINTS[:20]), "at least 32"),
        (lambda: ts.ph_dimension(np.ones((40, 2))), "coincide"),
        (lambda: ts.ph_dimension(POINTS, sizes=1), "sizes"),
        (lambda: ts.magnitude(POINTS, -1), "scale"),
        (lambda: ts.magnitude_function(POINTS, [1.0, np.nan]), "scales"),
        (lambda: ts.magnitude_scale(SAME), "coincide"),
        (lambda: ts.magnitude_scale(POINTS, 1.0), "share=1.0 must lie above"),
        (lambda: ts.magnitude_area(POINTS, until=0), "until"),
        (lambda: ts.magnitude_difference(POINTS, POINTS, until=-1), "until"),
        (lambda: ts.anisotropy([[0.0, 0], [1, 0]]), "1 zero row.*no direction"),
        (lambda: ts.hubness(POINTS, k=0), "k=0"),
        (lambda: ts.p_eff(POINTS[:1]), "at least 2"),
    ],
)
def test_bad_input(call, words: str) -> None:
    with pytest.raises(ts.InputError, match=words):
        call()
