"""Outliers by four meanings of the word, and random removal."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from scipy.stats import skew

import toposcope as ts


@pytest.fixture
def cloud(rng: np.random.Generator) -> np.ndarray:
    points = rng.normal(size=(300, 3))
    points[:4] += 15
    return points


@pytest.mark.parametrize("find", [ts.local_outliers, ts.forest_outliers, ts.norm_outliers])
def test_far_points_are_found_and_their_number_is_not_fixed(find, cloud: np.ndarray) -> None:
    found = find(cloud)
    assert found.dtype == np.bool_
    assert found[:4].all()
    assert found.sum() < 15
    assert find(cloud[4:]).sum() < 10
    np.testing.assert_array_equal(found, find(ts.Representation(cloud, np.arange(300))))


def test_the_forest_is_seeded(cloud: np.ndarray) -> None:
    np.testing.assert_array_equal(ts.forest_outliers(cloud, 0.5, seed=1), ts.forest_outliers(cloud, 0.5, seed=1))
    assert (ts.forest_outliers(cloud, 0.5, seed=1) != ts.forest_outliers(cloud, 0.5, seed=2)).any()


def test_norm_outliers_are_the_robust_z(rng: np.random.Generator) -> None:
    norms = np.abs(rng.normal(10, 1, size=101))
    points = norms[:, None] * [[1.0, 0.0]]
    z = (norms - np.median(norms)) / (1.4826 * np.median(np.abs(norms - np.median(norms))))
    np.testing.assert_array_equal(ts.norm_outliers(points, threshold=1.5), z > 1.5)
    assert not ts.norm_outliers(points + np.array([1e3, 0]))[z < 0].any()
    shifted = np.concatenate([rng.normal(size=(200, 2)) + 100, [[0.0, 0.0]]])
    assert not ts.norm_outliers(shifted)[-1]  # near the origin its norm is small
    assert ts.norm_outliers(shifted, centred=True)[-1]


def test_equal_norms_have_no_outliers_and_one_larger_norm_is_one() -> None:
    circle = np.exp(2j * np.pi * np.arange(20) / 20).view(np.float64).reshape(-1, 2)
    assert not ts.norm_outliers(circle).any()
    assert np.flatnonzero(ts.norm_outliers(np.concatenate([circle, [[2.0, 0.0]]]))).tolist() == [20]
    assert ts.norm_outliers(np.empty((0, 2))).shape == (0,)


def test_high_norm_tokens_are_found_and_taken_out(rng: np.random.Generator) -> None:
    tokens = rng.normal(size=(10 * 8, 16))
    tokens[::8] *= 20  # one register token for every input
    representation = ts.Representation(tokens, np.repeat(np.arange(10), 8))
    rest = representation.take(~ts.norm_outliers(representation))
    assert len(rest) == 70
    assert (np.bincount(rest.sample_ids) == 7).all()


def test_hubness_counts_neighbours(rng: np.random.Generator) -> None:
    points = rng.normal(size=(60, 5))
    distances = cdist(points, points)
    np.fill_diagonal(distances, np.inf)
    counts = np.zeros(60, dtype=int)
    for row in distances:
        counts[np.argsort(row)[:4]] += 1
    found = ts.hubs(points, neighbours=4)
    np.testing.assert_array_equal(found.occurrences, counts)
    assert found.skewness == pytest.approx(skew(counts))
    np.testing.assert_array_equal(found.antihubs, counts == 0)
    np.testing.assert_array_equal(found.hubs, counts > 4 + 2 * counts.std())
    assert "antihubs of 60" in repr(found)


def test_high_dimension_makes_hubs(rng: np.random.Generator) -> None:
    low, high = (ts.hubs(rng.normal(size=(400, d))) for d in (2, 200))
    assert high.skewness > 1 > low.skewness
    assert high.antihubs.sum() > low.antihubs.sum()
    circle = np.exp(2j * np.pi * np.arange(20) / 20).view(np.float64).reshape(-1, 2)
    even = ts.hubs(np.concatenate([circle, circle + 5]), neighbours=39)
    assert even.skewness == 0
    assert not even.hubs.any()


def test_random_removal_takes_as_many(cloud: np.ndarray) -> None:
    found = ts.local_outliers(cloud)
    removed = ts.random_removal(found, seed=5)
    assert removed.sum() == found.sum()
    np.testing.assert_array_equal(removed, ts.random_removal(found, seed=5))
    share = np.mean([ts.random_removal(found, seed=seed) for seed in range(2000)], axis=0)
    assert abs(share - found.mean()).max() < 0.02
    assert ts.random_removal(np.arange(100) < 70).sum() == 70
    assert not ts.random_removal(np.zeros(5, dtype=bool)).any()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda x: ts.forest_outliers(x[:1]), "at least 2 points"),
        (lambda x: ts.forest_outliers(x, threshold=0), "above 0"),
        (lambda x: ts.norm_outliers(x, threshold=0), "above 0"),
        (lambda x: ts.hubs(x, neighbours=20), "more than 20 points"),
        (lambda x: ts.random_removal(np.arange(3)), "one boolean per row"),
    ],
)
def test_bad_input(call, words: str) -> None:
    with pytest.raises(ts.InputError, match=words):
        call(np.eye(20))
