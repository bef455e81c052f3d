"""Vietoris–Rips homology against independent engines, by its laws, and what it refuses."""

import gudhi
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import toposcope as ts


def polygon(n: int) -> np.ndarray:
    angles = 2 * np.pi * np.arange(n) / n
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


def by_simplex_tree(
    distances: np.ndarray, max_degree: int, threshold: float = np.inf, field: int = 2
) -> list[np.ndarray]:
    """gudhi's simplex tree: another implementation than the engine's."""
    tree = gudhi.SimplexTree()
    n = len(distances)
    for i in range(n):
        tree.insert([i], 0.0)
        for j in range(i):
            if distances[i, j] <= threshold and np.isfinite(distances[i, j]):
                tree.insert([j, i], distances[i, j])
    tree.expansion(max_degree + 1)
    tree.compute_persistence(homology_coeff_field=field, min_persistence=0, persistence_dim_max=True)
    bars = [tree.persistence_intervals_in_dimension(k).reshape(-1, 2) for k in range(max_degree + 1)]
    bars = [part[part[:, 0] < part[:, 1]] for part in bars]
    return [part[np.lexsort((part[:, 1], part[:, 0]))] for part in bars]


def test_twelve_and_twenty_points_on_a_circle() -> None:
    # Ties split by an ulp in floats, so the matrix is rounded.
    twelve = np.round(ts.pairwise_distances(polygon(12)), 12)
    found = ts.vietoris_rips(twelve, max_degree=2, metric="precomputed").in_degree(2)
    np.testing.assert_allclose(found, [[np.sqrt(3), 1.93185165]] * 3, atol=1e-8)
    twenty = np.round(ts.pairwise_distances(polygon(20)), 12)
    found = ts.vietoris_rips(twenty, max_degree=3, metric="precomputed").in_degree(3)
    np.testing.assert_allclose(found, [[1.78201305, 1.90211303]], atol=1e-8)


def random_matrix(rng: np.random.Generator, n: int, kind: str) -> np.ndarray:
    if kind == "metric":
        return ts.pairwise_distances(rng.normal(size=(n, 3)).astype(np.float32)).astype(np.float64)
    high = 4 if kind == "ties" else 1000
    upper = np.triu(rng.integers(0, high, size=(n, n)), 1).astype(np.float64)
    if kind == "disconnected":
        upper[rng.random((n, n)) < 0.5] = np.inf
        upper = np.triu(upper, 1)
    return upper + upper.T


@pytest.mark.parametrize("kind", ["metric", "ties", "nonmetric", "disconnected"])
def test_equals_an_independent_engine(kind: str, rng: np.random.Generator) -> None:
    for case in range(40):
        distances = random_matrix(rng, int(rng.integers(1, 14)), kind)
        if kind == "disconnected":
            distances[np.isnan(distances)] = 0
        field = int(rng.choice([2, 3]))
        finite = distances[np.isfinite(distances)]
        threshold = float(np.quantile(finite, 0.6)) if case % 2 and finite.any() else None
        got = ts.vietoris_rips(distances, 2, "precomputed", field=field, threshold=threshold or None)
        expected = by_simplex_tree(distances, 2, threshold or np.inf, field)
        for degree in range(3):
            np.testing.assert_array_equal(got.in_degree(degree), expected[degree], err_msg=f"{kind} {case} H{degree}")


def test_equals_ripser(rng: np.random.Generator) -> None:
    from ripser import ripser

    points = rng.normal(size=(60, 4)).astype(np.float32)
    distances = ts.pairwise_distances(points)
    expected = ripser(distances, distance_matrix=True, maxdim=2)["dgms"]
    got = ts.vietoris_rips(points, max_degree=2)
    for degree in range(3):
        part = expected[degree][np.lexsort((expected[degree][:, 1], expected[degree][:, 0]))]
        np.testing.assert_allclose(got.in_degree(degree), part, rtol=1e-6)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), factor=st.floats(0.1, 10))
def test_laws(seed: int, factor: float) -> None:
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(18, 3))
    rotation = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    base = ts.vietoris_rips(points)

    def close(other: ts.PersistenceDiagram, scale: float = 1.0) -> None:
        for degree in (0, 1):
            assert ts.bottleneck(base.in_degree(degree) * scale, other.in_degree(degree)) < 1e-9 * max(scale, 1)

    close(ts.vietoris_rips(points[rng.permutation(18)]))
    close(ts.vietoris_rips(points @ rotation + 5))
    close(ts.vietoris_rips(np.pad(points, ((0, 0), (0, 4)))))
    close(ts.vietoris_rips(points * factor), factor)
    scaled, again = ts.vietoris_rips(points, scale="q0.9"), ts.vietoris_rips(points * factor, scale="q0.9")
    assert ts.bottleneck(scaled, again) < 1e-9
    assert again.filtration.scale_value == pytest.approx(factor * scaled.filtration.scale_value)


def test_duplicates_change_only_zero_length_bars(rng: np.random.Generator) -> None:
    points = rng.normal(size=(20, 3))
    once, twice = ts.vietoris_rips(points), ts.vietoris_rips(np.concatenate([points, points[:5]]))
    np.testing.assert_allclose(once.pairs, twice.pairs, rtol=1e-12)


def test_no_points_at_all() -> None:
    assert len(ts.vietoris_rips([])) == 0


def test_a_pair_without_an_edge() -> None:
    distances = np.array([[0, 1, np.inf], [1, 0, np.inf], [np.inf, np.inf, 0]])
    assert ts.vietoris_rips(distances, metric="precomputed").pairs.tolist() == [[0, 1], [0, np.inf], [0, np.inf]]


def test_filtration_says_how() -> None:
    found = ts.vietoris_rips(np.random.default_rng(0).normal(size=(12, 2)), 2, "manhattan", "q0.5", 5, 3.0)
    made = found.filtration
    assert (made.metric, made.scale, made.field, made.threshold, made.n_points, made.max_degree) == (
        "manhattan", "q0.5", 5, 3.0, 12, 2,
    )  # fmt: skip
    assert made.scale_value > 0


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: ts.vietoris_rips([1.0, 2.0]), ts.InputError, "one row per input"),
        (lambda: ts.vietoris_rips([[np.nan]]), ts.ActivationError, "NaN"),
        (lambda: ts.vietoris_rips([[0.0]], max_degree=-1), ts.InputError, "max_degree"),
        (lambda: ts.vietoris_rips([[0.0]], metric="euclidian"), ts.InputError, "close names: euclidean"),
        (lambda: ts.vietoris_rips([[0.0]], scale="0.9"), ts.InputError, "scale"),
        (lambda: ts.vietoris_rips([[0.0]], field=4), ts.InputError, "prime"),
        (lambda: ts.vietoris_rips([[0.0]], field=50021), ts.InputError, "prime"),
        (lambda: ts.vietoris_rips([[0.0]], threshold=-1), ts.InputError, "threshold"),
        (lambda: ts.vietoris_rips([[0.0]], threads=0), ts.InputError, "threads"),
        (lambda: ts.vietoris_rips([[0.0], [1.0]], field=3, representatives=True), ts.UnavailableError, "Z/3"),
        (lambda: ts.vietoris_rips(np.zeros((2, 3)), metric="precomputed"), ts.InputError, "square"),
        (lambda: ts.vietoris_rips([[0, 1], [2, 0.0]], metric="precomputed"), ts.InputError, "not symmetric"),
        (lambda: ts.vietoris_rips([[0, -1], [-1, 0.0]], metric="precomputed"), ts.InputError, "negative at"),
        (lambda: ts.vietoris_rips([[0, np.nan], [np.nan, 0]], metric="precomputed"), ts.InputError, "NaN at"),
        (lambda: ts.vietoris_rips([[1, 0], [0, 0.0]], metric="precomputed"), ts.InputError, "diagonal"),
        (
            lambda: ts.vietoris_rips(ts.Representation([[0.0]], [0]), metric="precomputed"),
            ts.InputError,
            "not a Representation",
        ),
        (lambda: ts.vietoris_rips(np.zeros((5, 2)), scale="q0.9"), ts.InputError, "duplicate"),
    ],
)
def test_bad_input(call, error, words: str) -> None:
    with pytest.raises(error, match=words):
        call()
