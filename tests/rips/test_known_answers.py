"""Answers that are known exactly, and what must not change them."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.rips import matrices
from toposcope.rips import lune_counts, vietoris_rips
from toposcope.rips.components import components

BOTH = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def polygon(n: int) -> NDArray[np.float64]:
    angles = 2 * np.pi * np.arange(n) / n
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


def polygon_distances(n: int) -> NDArray[np.float64]:
    """Exactly tied: chords of equal steps are one number."""
    steps = np.abs(np.arange(n)[:, None] - np.arange(n)[None, :])
    chords = 2 * np.sin(np.pi * np.arange(n) / n)
    return chords[np.minimum(steps, n - steps)]


@BOTH
def test_unit_square(dtype: type) -> None:
    diagram = vietoris_rips(np.array([[0, 0], [1, 0], [1, 1], [0, 1]], dtype=dtype), max_degree=2)
    assert diagram.in_degree(0).tolist() == [[0, 1], [0, 1], [0, 1], [0, np.inf]]
    assert diagram.in_degree(1).tolist() == [[1, float(np.sqrt(dtype(2)))]]
    assert len(diagram.in_degree(2)) == 0


@pytest.mark.parametrize("n", [4, 5, 6, 7, 12, 20, 31, 64, 100])
def test_regular_polygon_has_one_loop(n: int) -> None:
    bars = vietoris_rips(polygon_distances(n), metric="precomputed").in_degree(1)
    assert bars == pytest.approx(np.array([[2 * np.sin(np.pi / n), 2 * np.sin(np.pi * -(-n // 3) / n)]]), abs=1e-12)


def test_twelve_gon_has_three_voids() -> None:
    bars = vietoris_rips(polygon_distances(12), metric="precomputed", max_degree=2).in_degree(2)
    assert bars == pytest.approx(np.array([[np.sqrt(3), 1.93185]] * 3), abs=1e-5)


@pytest.mark.parametrize("k", [2, 3])
def test_cross_polytope_is_a_sphere(k: int) -> None:
    distances = np.full((2 * k, 2 * k), np.sqrt(2))
    np.fill_diagonal(distances, 0)
    for axis in range(k):
        distances[2 * axis, 2 * axis + 1] = distances[2 * axis + 1, 2 * axis] = 2
    diagram = vietoris_rips(distances, metric="precomputed", max_degree=2)
    assert diagram.in_degree(k - 1).tolist() == [[np.sqrt(2), 2.0]]
    assert len(diagram) == 2 * k + 1


def test_basis_vectors_have_components_only() -> None:
    distances = np.full((40, 40), np.sqrt(2))
    np.fill_diagonal(distances, 0)
    diagram = vietoris_rips(distances, metric="precomputed", max_degree=2)
    assert diagram.pairs.tolist() == [[0, np.sqrt(2)]] * 39 + [[0, np.inf]]


def projective_plane() -> NDArray[np.float64]:
    """The barycentric-like metric of a triangulated projective plane: 6 vertices, its flag subdivision on 31 points."""
    triangles = [
        (0, 1, 2), (0, 2, 3), (0, 3, 4), (0, 4, 5), (0, 5, 1),
        (1, 2, 4), (2, 3, 5), (3, 4, 1), (4, 5, 2), (5, 1, 3),
    ]  # fmt: skip
    faces = {frozenset(part) for t in triangles for k in (1, 2, 3) for part in itertools.combinations(t, k)}
    simplices = sorted(faces, key=lambda face: (len(face), sorted(face)))
    return np.array([[0.0 if a == b else 1.0 if a < b or b < a else 2.0 for b in simplices] for a in simplices])


def test_projective_plane_over_two_fields() -> None:
    distances = projective_plane()
    over_two = vietoris_rips(distances, metric="precomputed", max_degree=2)
    assert over_two.in_degree(1).tolist() == [[1, 2]]
    assert over_two.in_degree(2).tolist() == [[1, 2]]
    pytest.importorskip("gudhi")
    over_three = vietoris_rips(distances, metric="precomputed", max_degree=2, field=3)
    assert len(over_three.in_degree(1)) == len(over_three.in_degree(2)) == 0


def test_octahedral_sphere_of_many_points() -> None:
    rng = np.random.default_rng(2)
    points = rng.normal(size=(200, 3))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    voids = vietoris_rips(points, max_degree=2).in_degree(2)
    lengths = np.sort(voids[:, 1] - voids[:, 0])
    assert lengths[-1] > 0.7
    assert lengths[:-1].max(initial=0) < 0.3


@BOTH
def test_deaths_in_degree_zero_are_the_spanning_tree(dtype: type) -> None:
    from scipy.sparse.csgraph import minimum_spanning_tree

    distances = matrices.matrix("euclidean", 120, np.random.default_rng(4)).astype(dtype)
    tree = np.sort(minimum_spanning_tree(distances.astype(np.float64)).data)
    for degree in (0, 1, 2):
        deaths = vietoris_rips(distances, degree, metric="precomputed").finite(0)[:, 1]
        assert np.array_equal(deaths, tree)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 60), st.sampled_from(matrices.FAMILIES))
def test_permutation_and_doubling_change_nothing_else(seed: int, n: int, family: str) -> None:
    rng = np.random.default_rng(seed)
    distances = matrices.matrix(family, n, rng)
    diagram = vietoris_rips(distances, 2, metric="precomputed")
    order = rng.permutation(n)
    permuted = vietoris_rips(np.ascontiguousarray(distances[np.ix_(order, order)]), 2, metric="precomputed")
    doubled = vietoris_rips(2 * distances, 2, metric="precomputed")
    assert np.array_equal(diagram.pairs, permuted.pairs)
    assert np.array_equal(2 * diagram.pairs, doubled.pairs)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(0, 80), st.sampled_from(matrices.FAMILIES))
def test_lune_counts_agree(seed: int, n: int, family: str) -> None:
    rng = np.random.default_rng(seed)
    distances = matrices.matrix(family, n, rng)
    limit = matrices.threshold(distances, rng)
    counts = lune_counts(distances, None if np.isinf(limit) else limit)
    assert counts.agree()
    upper = distances[np.triu_indices(n, 1)]
    assert counts.edges == int((np.isfinite(upper) & (upper <= np.float32(limit))).sum())
    diagram = vietoris_rips(distances, 1, metric="precomputed", threshold=None if np.isinf(limit) else limit)
    assert len(diagram.in_degree(1)) <= counts.loops_born


def test_threshold_is_inclusive_and_after_scaling() -> None:
    square = np.array([[0, 0], [2, 0], [2, 2], [0, 2]], dtype=np.float64)
    at = vietoris_rips(square, scale=2.0, threshold=1.0)
    below = vietoris_rips(square, scale=2.0, threshold=float(np.nextafter(1.0, 0)))
    assert at.in_degree(1).tolist() == [[1, np.inf]]
    assert len(below.in_degree(1)) == 0
    assert len(below.essential(0)) == 4
    assert vietoris_rips(square, scale=2.0, threshold=1.5).in_degree(1).tolist() == [[1, float(np.sqrt(2))]]


@pytest.mark.parametrize("way", ["kernel", "gudhi", "degree 0 alone", "without a matrix"])
def test_a_threshold_includes_the_float32_nearest_to_it(way: str) -> None:
    """The float32 nearest to 1.2 is above 1.2, that to 0.1 as well; both are the distances of points so far apart."""
    for length in (1.2, 0.1, 0.7):
        points = np.array([[0.0], [length]], dtype=np.float32)
        at, below = length, float(np.nextafter(np.float32(length), np.float32(0)))
        for threshold, essential in ((at, 1), (below, 2)):
            if way == "without a matrix":
                pairs = components(points, "euclidean", threshold).pairs
            else:
                options = {"kernel": {"max_degree": 1}, "gudhi": {"field": 3}, "degree 0 alone": {"max_degree": 0}}[way]
                pairs = vietoris_rips(points, threshold=threshold, **options).pairs
            assert np.isinf(pairs[:, 1]).sum() == essential, (length, threshold)
    # Where nothing was rounded, a threshold below a length keeps it out, however near.
    exact = np.array([[0.0], [1.2]])
    assert len(vietoris_rips(exact, threshold=float(np.nextafter(1.2, 0))).essential(0)) == 2
    assert len(vietoris_rips(exact, threshold=1.2).essential(0)) == 1


def test_precision_follows_the_input() -> None:
    points = np.random.default_rng(0).normal(size=(50, 3))
    exact = vietoris_rips(points).in_degree(1)
    rounded = vietoris_rips(points.astype(np.float32)).in_degree(1)
    finite = rounded[np.isfinite(rounded)]
    assert np.array_equal(finite, finite.astype(np.float32).astype(np.float64))
    assert not np.array_equal(exact, exact.astype(np.float32).astype(np.float64))


@pytest.mark.parametrize("n", [0, 1, 2, 3])
@pytest.mark.parametrize("degree", [0, 1, 2])
def test_tiny_clouds(n: int, degree: int) -> None:
    diagram = vietoris_rips(np.arange(n, dtype=np.float64)[:, None], degree, representatives=True)
    assert diagram.pairs.tolist() == [[0, 1]] * (n - 1) + [[0, np.inf]] * min(n, 1)
