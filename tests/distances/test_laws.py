"""The laws that each distance declares, generated from what it declares."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import toposcope as ts
from tests.distances.reference import bars_strategy, diagram
from toposcope.distances import Bulk, bottleneck, wasserstein

DISTANCES = [
    ts.Wasserstein(),
    ts.Wasserstein(order=2, ground=2),
    ts.Wasserstein(order=3.5, ground=1),
    ts.Bottleneck(),
    ts.SlicedWasserstein(directions=8),
    ts.SlicedWasserstein(order=2, directions=8),
]
each_distance = pytest.mark.parametrize("distance", DISTANCES, ids=lambda distance: distance.name)
SLACK = 1e-9

TRANSFORMS = {
    "permutation of points": lambda points, rng: points[rng.permutation(len(points))],
    "isometry": lambda points, rng: points @ np.linalg.qr(rng.normal(size=(points.shape[1],) * 2))[0] + 3.0,
    "zero padding": lambda points, rng: np.pad(points, ((0, 0), (0, 2))),
}


@each_distance
@settings(max_examples=40, deadline=None)
@given(a=bars_strategy, b=bars_strategy, c=bars_strategy)
def test_axioms(distance: ts.Distance, a: np.ndarray, b: np.ndarray, c: np.ndarray) -> None:
    x, y, z = diagram(a), diagram(b), diagram(c)
    assert distance(x, x, 1) <= SLACK
    assert distance(x, y, 1) == distance(y, x, 1)  # to the bit
    if distance.is_metric:
        assert distance(x, z, 1) <= distance(x, y, 1) + distance(y, z, 1) + SLACK
        if distance(x, y, 1) <= 1e-12:
            np.testing.assert_allclose(a[np.lexsort(a.T)], b[np.lexsort(b.T)], atol=1e-9)
    assert not distance.larger_is_more_similar


@each_distance
@settings(max_examples=25, deadline=None)
@given(a=bars_strategy, b=bars_strategy, factor=st.floats(1e-3, 1e3))
def test_scaling_the_filtration_scales_the_distance(
    distance: ts.Distance, a: np.ndarray, b: np.ndarray, factor: float
) -> None:
    scaled = distance(diagram(factor * a), diagram(factor * b), 1)
    assert scaled == pytest.approx(factor * distance(diagram(a), diagram(b), 1), rel=1e-9, abs=factor * SLACK)


@each_distance
@settings(max_examples=25, deadline=None)
@given(a=bars_strategy, b=bars_strategy)
def test_lower_bounds_lie_below(distance: ts.Distance, a: np.ndarray, b: np.ndarray) -> None:
    from toposcope.distances.bars import bars_of

    assert isinstance(distance, Bulk)
    prepared, pairs = [bars_of(bars, 1).prepared() for bars in (a, b)], np.array([[0, 1]])
    bound, value = distance.lower_bounds(prepared, pairs)[0], distance.pairs(prepared, pairs)[0]
    assert 0 <= bound <= value * (1 + 1e-12) + 1e-15
    assert value == distance(diagram(a), diagram(b), 1)


@pytest.mark.parametrize(
    ("distance", "invariance"),
    [(distance, invariance) for distance in DISTANCES for invariance in distance.invariances],
    ids=lambda value: value if isinstance(value, str) else value.name,
)
def test_invariances(distance: ts.Distance, invariance: str) -> None:
    rng = np.random.default_rng(4)
    points, others = rng.normal(size=(25, 3)), ts.vietoris_rips(rng.normal(size=(25, 3)))
    before, after = ts.vietoris_rips(points), ts.vietoris_rips(TRANSFORMS[invariance](points, rng))
    for degree in (0, 1):
        assert distance(before, after, degree) <= 1e-6
        assert distance(before, others, degree) == pytest.approx(distance(after, others, degree), rel=1e-6)


def test_every_declared_invariance_has_a_transform() -> None:
    assert {name for distance in DISTANCES for name in distance.invariances} == set(TRANSFORMS)


def test_sliced_distances_of_higher_order_are_no_metric() -> None:
    # Why SlicedWasserstein(order=2) does not declare one: three small diagrams break the triangle inequality.
    rng = np.random.default_rng(0)
    distance = ts.SlicedWasserstein(order=2, directions=16)
    assert not distance.is_metric
    worst = 0.0
    for _ in range(400):
        births = [3 * rng.random(int(rng.integers(0, 4))) for _ in range(3)]
        x, y, z = (diagram(np.stack([b, b + 2 * rng.random(len(b)) + 1e-3], axis=1)) for b in births)
        worst = max(worst, distance(x, z, 1) - distance(x, y, 1) - distance(y, z, 1))
    assert worst > 1e-3


@settings(max_examples=60, deadline=None)
@given(a=bars_strategy, b=bars_strategy)
def test_distances_fall_with_the_order(a: np.ndarray, b: np.ndarray) -> None:
    values = [wasserstein(a, b, order=order) for order in (1, 1.5, 2, 6)] + [bottleneck(a, b)]
    for lower, higher in itertools.pairwise(values):
        assert higher <= lower + SLACK


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), noise=st.floats(1e-6, 0.3))
def test_stability_under_moved_points(seed: int, noise: float) -> None:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(20, 3))
    moved = x + noise * rng.uniform(-1, 1, size=x.shape)
    furthest = np.linalg.norm(x - moved, axis=1).max()
    a, b = ts.vietoris_rips(x), ts.vietoris_rips(moved)
    for degree in (0, 1):
        # Filtration values are diameters, so the bound is twice the Hausdorff distance.
        assert ts.bottleneck(a, b, degree) <= 2 * furthest + 1e-9


def test_the_stability_bound_is_attained() -> None:
    delta = 0.125
    a, b = ts.vietoris_rips([[0.0], [1.0]]), ts.vietoris_rips([[-delta], [1 + delta]])
    assert ts.bottleneck(a, b, degree=0) == 2 * delta


@settings(max_examples=40, deadline=None)
@given(a=bars_strategy, seed=st.integers(0, 2**32 - 1))
def test_moved_bars_move_the_distance_by_at_most_what_they_moved(a: np.ndarray, seed: int) -> None:
    rng = np.random.default_rng(seed)
    moves = rng.uniform(-1e-4, 1e-4, size=a.shape)
    b = np.sort(a + moves, axis=1)
    assert bottleneck(a, b) <= np.abs(moves).max(initial=0) + 1e-12
    assert wasserstein(a, b) <= np.abs(moves).max(axis=1, initial=0).sum() + 1e-12
