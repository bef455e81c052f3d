"""Curves, landscapes, images and descriptors of a diagram: exact values, gudhi's on its grid, and laws."""

import time
import warnings
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import trapezoid

import toposcope as ts

BARS = np.array([[0.0, 4.0], [1.0, 3.0], [2.0, 6.0], [1.0, np.inf]])
DIAGRAM = ts.PersistenceDiagram(BARS, np.ones(4, dtype=int))


def test_betti_curve_is_exact_at_breakpoints() -> None:
    values, counts = ts.betti_curve(DIAGRAM)
    assert values.tolist() == [0, 1, 2, 3, 4, 6]
    assert counts.tolist() == [1, 3, 4, 3, 2, 1]
    assert ts.betti_curve(DIAGRAM, values=[0.5, 5.0])[1].tolist() == [1, 2]
    assert DIAGRAM.betti(-1.0, 1) == 0


def test_landscape_is_the_kth_largest_tent() -> None:
    values = np.array([0.0, 1.0, 2.0, 2.5, 3.0, 4.0, 6.0])
    tents = np.maximum(np.minimum(values - BARS[:3, :1], BARS[:3, 1:] - values), 0)
    got = ts.landscape(DIAGRAM, values, levels=5)
    assert got.shape == (5, 7)
    np.testing.assert_array_equal(got[:3], -np.sort(-tents, axis=0))
    assert not got[3:].any()
    np.testing.assert_array_equal(ts.landscape(DIAGRAM, values, levels=1)[0], tents.max(axis=0))
    assert not ts.landscape(ts.PersistenceDiagram([], []), values).any()


@st.composite
def bars(draw: st.DrawFn, most: int = 25) -> np.ndarray:
    """Bars with ties, equal bars, nested ones and gaps between them."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    count = draw(st.integers(0, most))
    if draw(st.booleans()):
        births = rng.integers(0, 9, count).astype(float)
        return np.stack([births, births + rng.integers(1, 5, count)], axis=1)
    births = rng.random(count) * draw(st.sampled_from([0.1, 1.0, 30.0]))
    return np.stack([births, births + rng.random(count) + 1e-3], axis=1)


def tents(found: np.ndarray, at: np.ndarray) -> np.ndarray:
    """(bars, values) heights, the highest first at every value."""
    return -np.sort(-np.maximum(np.minimum(at - found[:, :1], found[:, 1:] - at), 0), axis=0)


def grid(found: np.ndarray, count: int = 701) -> np.ndarray:
    return np.linspace(found.min(initial=0) - 1, found.max(initial=1) + 1, count)


@settings(max_examples=150, deadline=None)
@given(found=bars())
def test_exact_landscape_is_the_kth_largest_tent(found: np.ndarray) -> None:
    landscape = ts.exact_landscape(found)
    at = np.concatenate([grid(found), *(level[:, 0] for level in landscape.levels)])
    expected = tents(found, at)
    np.testing.assert_allclose(landscape(at), expected[: len(landscape)], atol=1e-12)
    assert not (expected[len(landscape) :] > 1e-12).any()
    assert (np.diff(landscape(at), axis=0) <= 1e-12).all()
    for level in landscape.levels:
        assert level[0, 1] == level[-1, 1] == 0 < level[:, 1].max()
        slopes = np.diff(level[:, 1]) / np.diff(level[:, 0])
        np.testing.assert_allclose(slopes, np.round(slopes), atol=1e-6)  # -1, 0 or 1
        assert (np.diff(np.round(slopes)) != 0).all()  # every corner is one
    first = ts.exact_landscape(found, levels=2)
    for got, whole in zip(first.levels, landscape.levels, strict=False):
        np.testing.assert_array_equal(got, whole)
    assert len(first) == min(2, len(landscape))


@settings(max_examples=60, deadline=None)
@given(found=bars(8), other=bars(8), order=st.sampled_from([1.0, 2.0, 3.5, np.inf]))
def test_norms_and_distances_are_integrals(found: np.ndarray, other: np.ndarray, order: float) -> None:
    a, b = ts.exact_landscape(found), ts.exact_landscape(other)
    at = np.linspace(-1, 45, 40_001)
    gaps = np.zeros((max(len(a), len(b)), len(at)))
    gaps[: len(a)] += a(at)
    gaps[: len(b)] -= b(at)
    if order == np.inf:
        assert a.distance(b, order) == pytest.approx(np.abs(gaps).max(initial=0.0), abs=2e-3)
    else:
        integral = trapezoid(np.abs(gaps) ** order, at, axis=1).sum()
        assert a.distance(b, order) ** order == pytest.approx(integral, rel=1e-3, abs=1e-6)
    assert a.distance(b, order) == pytest.approx(b.distance(a, order), rel=1e-12)
    assert a.distance(a, order) == 0
    assert a.norm(order) == a.distance(ts.exact_landscape(np.empty((0, 2))), order)


def test_norms_by_hand() -> None:
    one = ts.exact_landscape([[0.0, 2.0]])
    np.testing.assert_array_equal(one.levels[0], [[0, 0], [1, 1], [2, 0]])
    assert one.norm(1) == 1
    assert one.norm(2) == pytest.approx(np.sqrt(2 / 3), rel=1e-15)
    assert one.norm(np.inf) == 1
    two = ts.exact_landscape([[0.0, 2.0], [1.0, 3.0]])
    np.testing.assert_array_equal(two.levels[0], [[0, 0], [1, 1], [1.5, 0.5], [2, 1], [3, 0]])
    np.testing.assert_array_equal(two.levels[1], [[1, 0], [1.5, 0.5], [2, 0]])
    assert two.norm(1) == 2  # the area of all tents
    # Tents that cross: |t - (2 - t)| between 0 and 2 on the one, mirrored on the other side.
    assert ts.exact_landscape([[0.0, 4.0]]).distance(ts.exact_landscape([[2.0, 6.0]]), 1) == pytest.approx(6.0)
    huge = ts.exact_landscape([[0.0, 2e200]])
    assert huge.norm(3) == pytest.approx(1e200 * (2e200 / 4) ** (1 / 3), rel=1e-12)
    assert ts.exact_landscape([]).norm(2) == 0


@settings(max_examples=80, deadline=None)
@given(found=bars(12), other=bars(12), order=st.sampled_from([1.0, 2.0]))
def test_landscapes_are_stable(found: np.ndarray, other: np.ndarray, order: float) -> None:
    a, b = ts.exact_landscape(found), ts.exact_landscape(other)
    assert a.distance(b, np.inf) <= ts.bottleneck(found, other) + 1e-12
    # Area under all levels: a quarter of the sum of squared lengths.
    assert a.norm(1) == pytest.approx(np.sum((found[:, 1] - found[:, 0]) ** 2) / 4, rel=1e-9)


@settings(max_examples=80, deadline=None)
@given(found=bars(), power=st.sampled_from([0.0, 1.0, 2.5]))
def test_silhouette_and_entropy_curve_by_definition(found: np.ndarray, power: float) -> None:
    lengths = found[:, 1] - found[:, 0]
    at = grid(found)
    weights = lengths**power
    mean = weights @ np.maximum(np.minimum(at - found[:, :1], found[:, 1:] - at), 0) / max(weights.sum(), 1e-300)
    np.testing.assert_allclose(ts.silhouette(found, values=at, power=power)[1], mean, atol=1e-12)
    corners, heights = ts.silhouette(found, power=power)
    if len(found):
        np.testing.assert_allclose(np.interp(at, corners, heights, left=0, right=0), mean, atol=1e-12)
    share = lengths / max(lengths.sum(), 1e-300)
    alive = (found[:, :1] <= at) & (at < found[:, 1:])
    expected = -(share * np.log(np.maximum(share, 1e-300))) @ alive
    np.testing.assert_allclose(ts.entropy_curve(found, values=at)[1], expected, atol=1e-12)
    steps, entropies = ts.entropy_curve(found)
    if len(found):
        place = np.searchsorted(steps, at, side="right") - 1
        np.testing.assert_allclose(np.where(place >= 0, entropies[place], 0), expected, atol=1e-12)
        assert entropies[-1] == 0
        inside = ts.entropy_curve(found, values=[steps[0]])[1]
        assert 0 <= inside <= ts.persistence_entropy(found) + 1e-12
    counts = ts.betti_curve(found, values=at)[1]
    np.testing.assert_array_equal(counts, alive.sum(axis=0))


def test_gudhi_has_the_same_curves_on_its_grid() -> None:
    from gudhi.representations import vector_methods

    found = BARS[:3]
    ends = [0.0, 6.0]
    at = np.linspace(*ends, 61)

    def theirs(kind: str, **options: object) -> np.ndarray:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            vector = getattr(vector_methods, kind)(resolution=61, sample_range=ends, keep_endpoints=True, **options)
            return np.asarray(vector.fit_transform([found])[0])

    np.testing.assert_allclose(theirs("BettiCurve"), ts.betti_curve(found, values=at)[1])
    # gudhi's heights are multiplied by the square root of 2.
    landscape = theirs("Landscape", num_landscapes=3).reshape(3, 61) / np.sqrt(2)
    np.testing.assert_allclose(landscape, ts.exact_landscape(found)(at), atol=1e-12)
    silhouette = theirs("Silhouette", weight=lambda bar: bar[1] - bar[0]) / np.sqrt(2)
    np.testing.assert_allclose(silhouette, ts.silhouette(found, values=at)[1], atol=1e-12)
    entropy = theirs("Entropy", mode="vector", normalized=False)
    inside = np.min(np.abs(at[:, None] - found.ravel()), axis=1) > 0.05  # at an end the conventions differ
    np.testing.assert_allclose(entropy[inside], ts.entropy_curve(found, values=at)[1][inside], atol=1e-12)


def test_a_thousand_bars_are_fast() -> None:
    rng = np.random.default_rng(0)
    found = rng.random((1000, 1)) + np.concatenate([np.zeros((1000, 1)), rng.random((1000, 1)) + 1e-6], axis=1)
    calls: list[Callable[[], object]] = [
        lambda: ts.exact_landscape(found, levels=10).norm(2),
        lambda: ts.silhouette(found),
        lambda: ts.entropy_curve(found),
        lambda: ts.betti_curve(found),
    ]
    for call in calls:
        start = time.process_time()
        call()
        assert time.process_time() - start < 1.0
    whole = ts.exact_landscape(found)
    assert whole.norm(1) == pytest.approx(np.sum((found[:, 1] - found[:, 0]) ** 2) / 4, rel=1e-9)


def test_bars_above_a_length_or_a_ratio() -> None:
    assert ts.bars_above(DIAGRAM) == 4
    assert ts.bars_above(DIAGRAM, length=2.0) == 3
    assert ts.bars_above(DIAGRAM, ratio=3.0) == 2  # 0 to 4, and the essential one
    assert ts.bars_above(DIAGRAM, length=3.0, ratio=2.9) == 3
    assert ts.bars_above(BARS[1:3], ratio=2.0) == 2
    assert ts.bars_above([]) == 0


def test_image_integrates_to_total_persistence() -> None:
    image = ts.persistence_image(DIAGRAM, births=(-20, 20), lengths=(-20, 20), resolution=40)
    assert image.shape == (40, 40)
    assert image.sum() == pytest.approx(ts.total_persistence(DIAGRAM))
    row, column = np.unravel_index(image.argmax(), image.shape)
    assert row > 20  # lengths ascend with rows
    assert 18 <= column <= 23


def test_image_of_one_bar_is_one_gaussian() -> None:
    from scipy.stats import norm

    image = ts.persistence_image([[1.0, 3.0]], births=(0, 2), lengths=(1, 3), resolution=4, bandwidth=0.5)
    x = np.diff(norm.cdf(np.linspace(0, 2, 5), 1, 0.5))
    y = np.diff(norm.cdf(np.linspace(1, 3, 5), 2, 0.5))
    np.testing.assert_allclose(image, 2.0 * np.outer(y, x))


def test_descriptors() -> None:
    got = ts.descriptors(DIAGRAM)
    assert got["bars"] == 3
    assert got["essential"] == 1
    assert got["total_persistence"] == 10
    assert got["maximal_persistence"] == 4
    assert got["mean_birth"] == 1
    shares = np.array([0.4, 0.2, 0.4])
    assert got["entropy"] == pytest.approx(-(shares * np.log(shares)).sum() / np.log(3))
    assert ts.persistence_entropy(DIAGRAM) == pytest.approx(-(shares * np.log(shares)).sum())
    assert ts.total_persistence(DIAGRAM, order=2) == pytest.approx(6.0)
    nothing = ts.descriptors(ts.PersistenceDiagram([], []))
    assert set(nothing.values()) == {0.0}


def test_bad_input() -> None:
    with pytest.raises(ts.InputError, match="empty range"):
        ts.persistence_image(DIAGRAM, births=(1, 1), lengths=(0, 1))
    with pytest.raises(ts.InputError, match="bandwidth"):
        ts.persistence_image(DIAGRAM, births=(0, 1), lengths=(0, 1), bandwidth=0)
    with pytest.raises(ts.InputError, match="levels"):
        ts.landscape(DIAGRAM, [0.0], levels=0)
    with pytest.raises(ts.InputError, match="order"):
        ts.total_persistence(DIAGRAM, order=0.1)
    with pytest.raises(ts.InputError, match="power"):
        ts.silhouette(DIAGRAM, power=-1)
    with pytest.raises(ts.InputError, match="length"):
        ts.bars_above(DIAGRAM, length=-1)
    with pytest.raises(ts.InputError, match="ratio"):
        ts.bars_above(DIAGRAM, ratio=0.5)
    with pytest.raises(ts.InputError, match="levels"):
        ts.exact_landscape(DIAGRAM, levels=0)
    with pytest.raises(ts.InputError, match="order"):
        ts.exact_landscape(DIAGRAM).norm(0.5)
    with pytest.raises(ts.InputError, match=r"levels\[0\]"):
        ts.Landscape((np.array([[1.0, 0.0], [0.0, 0.0]]),))
