"""Scale, draws, outliers, and what to know about a cloud."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import pdist

import toposcope as ts
from toposcope.cloud import disjoint_draws, duplicate_rows, effective_dimension, local_outliers, scale_value


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: scale_value(np.zeros((3, 3)), "q0.9"), ts.InputError, "remove duplicate"),
        (lambda: scale_value(np.full((3, 3), np.inf), "q0.9"), ts.InputError, "nan"),
        (lambda: scale_value(np.zeros((3, 3)), "median"), ts.InputError, "q0.9"),
        (lambda: scale_value(np.zeros((3, 3)), "q0"), ts.InputError, "not known"),
        (lambda: scale_value(np.zeros((3, 3)), 0.0), ts.InputError, "above 0"),
        (lambda: scale_value(np.zeros((3, 3)), float("inf")), ts.InputError, "finite"),
        (lambda: disjoint_draws(np.arange(10), 5, 3), ts.InputError, "need 15 inputs, and there are 10.*size=3"),
        (lambda: disjoint_draws(np.arange(10), 0, 3), ts.InputError, "size"),
        (lambda: disjoint_draws(np.zeros(10, int), 2, 3), ts.InputError, "at least 3 inputs"),
        (lambda: disjoint_draws(np.repeat(np.arange(4), 2), 5, 2), ts.InputError, "has 4 rows from 2 inputs"),
        (lambda: local_outliers(np.zeros((5, 2))), ts.InputError, "more than 20 points"),
        (lambda: local_outliers(np.zeros((50, 2)), threshold=0.5), ts.InputError, "threshold"),
    ],
)
def test_bad_input(call, error, words: str) -> None:
    with pytest.raises(error, match=words):
        call()


def test_scale_rules(rng: np.random.Generator) -> None:
    points = rng.normal(size=(30, 3))
    distances = ts.pairwise_distances(points)
    assert scale_value(distances, None) == 1.0
    assert scale_value(distances, 2.5) == 2.5
    assert scale_value(distances, "q0.9") == pytest.approx(np.quantile(pdist(points), 0.9), rel=1e-12)
    assert scale_value(distances, "q1") == distances.max()
    assert scale_value(np.zeros((1, 1)), "q0.9") == 1.0


@settings(max_examples=50, deadline=None)
@given(n=st.integers(4, 60), draws=st.integers(1, 4), seed=st.integers(0, 5), shuffle=st.integers(0, 2**32 - 1))
def test_draws_are_disjoint_equal_and_decided_by_ids_alone(n: int, draws: int, seed: int, shuffle: int) -> None:
    size = n // draws
    ids = np.array([f"image-{k}" for k in range(n)])
    chosen = disjoint_draws(ids, size, draws, seed)
    assert [len(rows) for rows in chosen] == [size] * draws
    assert len(np.unique(np.concatenate(chosen))) == size * draws
    order = np.random.default_rng(shuffle).permutation(n)
    for before, after in zip(chosen, disjoint_draws(ids[order], size, draws, seed), strict=True):
        assert ids[before].tolist() == ids[order][after].tolist()


def test_draws_differ_between_seeds_and_look_random() -> None:
    ids = np.arange(1000)
    a, b = disjoint_draws(ids, 100, 1, 0)[0], disjoint_draws(ids, 100, 1, 1)[0]
    assert 0 < len(np.intersect1d(a, b)) < 30
    assert 400 < a.mean() < 600


def test_tokens_of_one_input_fall_into_one_draw() -> None:
    ids = np.repeat(np.arange(12), 5)
    chosen = disjoint_draws(ids, 8, 3)
    units = [set(ids[rows]) for rows in chosen]
    assert all(len(rows) == 8 for rows in chosen)
    assert sum(map(len, units)) == len(set.union(*units))


def test_draws_of_tokens_do_not_depend_on_the_order_of_the_inputs(rng: np.random.Generator) -> None:
    ids = np.repeat(np.array([f"text-{k}" for k in range(12)]), 5)
    token = np.tile(np.arange(5), 12)
    order = np.concatenate([np.arange(5) + 5 * k for k in rng.permutation(12)])
    for before, after in zip(disjoint_draws(ids, 8, 3), disjoint_draws(ids[order], 8, 3), strict=True):
        assert ids[before].tolist() == ids[order][after].tolist()
        assert token[before].tolist() == token[order][after].tolist()


def test_outliers_at_a_fixed_threshold(rng: np.random.Generator) -> None:
    cloud = rng.normal(size=(200, 2))
    cloud[:3] += 12
    found = local_outliers(cloud, neighbours=15)
    assert found[:3].all()
    assert found.sum() < 20


def test_what_to_know_about_a_cloud(rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    cloud = rng.normal(size=(500, 4))
    assert duplicate_rows(cloud) == 0
    assert duplicate_rows(np.concatenate([cloud, cloud[:7]])) == 7
    assert duplicate_rows(np.empty((3, 0))) == 2
    assert duplicate_rows([[0.0], [1.0], [-0.0]]) == 1
    covariance = np.cov(cloud.T)
    expected = np.trace(covariance) / np.linalg.eigvalsh(covariance)[-1]
    assert effective_dimension(cloud) == pytest.approx(expected)
    wide = effective_dimension(cloud[:50].T)
    for block in (10, 100, 1000):  # of a cloud larger than the memory
        monkeypatch.setattr("toposcope.cloud.summary._BLOCK", block)
        assert effective_dimension(cloud) == pytest.approx(expected)
        assert effective_dimension(cloud[:50].T) == pytest.approx(wide)
    assert effective_dimension(np.ones((5, 3))) == 0
    assert effective_dimension(np.empty((0, 3))) == 0
    line = np.outer(rng.normal(size=100), [1.0, 2.0, 3.0])
    assert effective_dimension(line) == pytest.approx(1)
    wide = rng.normal(size=(1100, 1200))
    assert effective_dimension(wide) == pytest.approx(
        np.trace(np.cov(wide.T)) / np.linalg.norm(np.cov(wide.T), 2), rel=1e-6
    )
