"""Distances between diagrams against gudhi and optimal transport, exact answers, and the laws each one declares."""

import warnings

import gudhi
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import toposcope as ts
from toposcope.distances import bottleneck, sliced_wasserstein, wasserstein
from toposcope.distances.wasserstein import sorting_is_optimal


def random_bars(rng: np.random.Generator, count: int, kind: str) -> np.ndarray:
    if kind == "lattice":
        births = rng.integers(0, 6, count).astype(float)
        return np.stack([births, births + rng.integers(1, 5, count)], axis=1)
    if kind == "born together":
        return np.stack([np.zeros(count), rng.exponential(1, count) ** 2 + 1e-3], axis=1)
    if kind == "clustered":
        births = rng.choice([0.0, 1.0, 5.0], count) + rng.normal(0, 0.05, count)
        return np.stack([births, births + rng.exponential(0.2, count) + 1e-6], axis=1)
    births = rng.random(count)
    return np.stack([births, births + rng.random(count) * rng.choice([0.05, 1.0], count) + 1e-9], axis=1)


KINDS = ["lattice", "born together", "clustered", "mixed"]
bars_strategy = st.builds(
    lambda seed, count, kind: random_bars(np.random.default_rng(seed), count, kind),
    st.integers(0, 2**32 - 1),
    st.integers(0, 12),
    st.sampled_from(KINDS),
)


def gudhi_wasserstein(a: np.ndarray, b: np.ndarray, order: float, ground: float) -> float:
    from gudhi.wasserstein import wasserstein_distance

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return float(wasserstein_distance(a, b, order=order, internal_p=ground))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("ground", [1.0, 2.0, np.inf])
@pytest.mark.parametrize("order", [1.0, 2.0, 3.5])
def test_wasserstein_equals_optimal_transport(kind: str, ground: float, order: float) -> None:
    rng = np.random.default_rng(hash((KINDS.index(kind), ground, order)) % 2**32)
    for _ in range(25):
        a, b = random_bars(rng, rng.integers(0, 25), kind), random_bars(rng, rng.integers(0, 25), kind)
        expected = gudhi_wasserstein(a, b, order, ground)
        assert wasserstein(a, b, order=order, ground=ground) == pytest.approx(expected, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_bottleneck_equals_gudhi(kind: str) -> None:
    rng = np.random.default_rng(KINDS.index(kind))
    for _ in range(100):
        a, b = random_bars(rng, rng.integers(0, 25), kind), random_bars(rng, rng.integers(0, 25), kind)
        assert bottleneck(a, b) == pytest.approx(gudhi.bottleneck_distance(a, b), rel=1e-12, abs=1e-15)


def test_the_one_dimensional_method_equals_the_general_one() -> None:
    from toposcope.distances.bars import bars_of
    from toposcope.distances.wasserstein import _moved_in_one_dimension, _moved_in_the_plane, _norm

    rng = np.random.default_rng(3)
    sorted_was_used = 0
    for _ in range(300):
        a, b = (random_bars(rng, rng.integers(0, 15), "born together") for _ in range(2))
        if rng.random() < 0.5:
            b = a[: len(b)] * [1, 1.3]
            a = a[: len(b)]
        x, y = bars_of(a, 0), bars_of(b, 0)
        for p, q in ((1.0, np.inf), (2.0, np.inf), (1.0, 2.0), (2.0, 1.0)):
            sorted_was_used += sorting_is_optimal(np.sort(x.lengths), np.sort(y.lengths), p, q) and len(a) > 0
            assert _norm(_moved_in_one_dimension(x, y, p, q), p) == pytest.approx(
                _norm(_moved_in_the_plane(x, y, p, q), p), rel=1e-10, abs=1e-13
            )
    assert sorted_was_used > 20


@pytest.mark.parametrize(
    ("order", "ratio"), [(1.0, 3.0), (2.0, 2.215)]
)  # the largest spread of lengths for which matching in order is surely optimal, L-infinity
def test_sorting_is_trusted_up_to_the_known_ratio(order: float, ratio: float) -> None:
    assert sorting_is_optimal(np.array([1.0]), np.array([ratio * 0.999]), order, np.inf)
    assert not sorting_is_optimal(np.array([1.0]), np.array([ratio * 1.001]), order, np.inf)


def test_sorting_columns_separately_would_be_wrong() -> None:
    a, b = np.array([[0.0, 3.0], [1.0, 2.0]]), np.array([[0.0, 2.0], [1.0, 3.0]])
    assert wasserstein(a, b) == 2.0
    assert bottleneck(a, b) == 1.0


def test_hand_computed() -> None:
    a, b = np.array([[0.0, 4.0]]), np.array([[1.0, 4.0]])
    assert wasserstein(a, b) == 1.0
    assert bottleneck(a, b) == 1.0
    assert wasserstein(a, np.empty((0, 2))) == 2.0
    assert wasserstein(a, np.empty((0, 2)), ground=2) == pytest.approx(4 / np.sqrt(2))
    assert wasserstein(a, np.empty((0, 2)), ground=1) == 4.0
    assert wasserstein(np.empty((0, 2)), np.empty((0, 2))) == bottleneck([], []) == sliced_wasserstein([], []) == 0.0


def test_essential_bars() -> None:
    a = np.array([[0.0, np.inf], [0.0, 1.0]])
    b = np.array([[0.5, np.inf], [0.0, 1.0]])
    for distance in (wasserstein, bottleneck, sliced_wasserstein):
        assert distance(a, b) == pytest.approx(0.5)
        assert distance(a, b[1:]) == np.inf


def test_huge_and_tiny_coordinates() -> None:
    bars = np.array([[1.0, 2.0], [1.5, 4.0]])
    other = np.array([[1.0, 2.5]])
    for order in (1.0, 2.0, 30.0):
        exact = wasserstein(bars, other, order=order)
        for factor in (1e-300, 1e300):
            assert wasserstein(bars * factor, other * factor, order=order) == pytest.approx(exact * factor, rel=1e-9)
    assert bottleneck(bars * 1e-300, other * 1e-300) == pytest.approx(bottleneck(bars, other) * 1e-300, rel=1e-12)
    denormal = np.array([[0.0, 5e-324]])
    assert 0 <= bottleneck(denormal, np.empty((0, 2))) <= 5e-324


def test_high_order_tends_to_bottleneck() -> None:
    rng = np.random.default_rng(0)
    a, b = random_bars(rng, 8, "mixed"), random_bars(rng, 9, "mixed")
    assert wasserstein(a, b, order=200) == pytest.approx(bottleneck(a, b), rel=0.02)


def test_sliced_converges_and_repeats() -> None:
    rng = np.random.default_rng(0)
    a, b = random_bars(rng, 20, "mixed"), random_bars(rng, 25, "mixed")
    fine = sliced_wasserstein(a, b, directions=20_000)
    errors = [abs(sliced_wasserstein(a, b, directions=m) - fine) for m in (10, 100, 1000)]
    assert errors[2] < errors[1] < errors[0]
    assert errors[1] < 1e-3 * fine
    assert sliced_wasserstein(a, b) == sliced_wasserstein(a, b)


def test_sliced_of_one_bar_is_the_known_integral() -> None:
    # One bar (0, 2) against nothing: |cos θ·0 + sin θ·2 - (cos θ + sin θ)| = |sin θ - cos θ|, whose mean over a
    # half circle is 2√2/π.
    assert sliced_wasserstein([[0.0, 2.0]], [], directions=10_000) == pytest.approx(2 * np.sqrt(2) / np.pi, rel=1e-6)


DISTANCES = [ts.Wasserstein(), ts.Wasserstein(order=2, ground=2), ts.Bottleneck(), ts.SlicedWasserstein(directions=8)]


def diagram(bars: np.ndarray) -> ts.PersistenceDiagram:
    return ts.PersistenceDiagram(bars, np.ones(len(bars), dtype=int))


@pytest.mark.parametrize("distance", DISTANCES, ids=lambda d: d.name)
@settings(max_examples=60, deadline=None)
@given(a=bars_strategy, b=bars_strategy, c=bars_strategy)
def test_laws_each_distance_declares(distance: ts.Distance, a: np.ndarray, b: np.ndarray, c: np.ndarray) -> None:
    x, y, z = diagram(a), diagram(b), diagram(c)
    slack = 1e-9
    if distance.is_metric:
        assert distance(x, x, 1) <= slack
        assert distance(x, y, 1) == pytest.approx(distance(y, x, 1), rel=1e-9, abs=slack)
        assert distance(x, z, 1) <= distance(x, y, 1) + distance(y, z, 1) + slack
        if distance(x, y, 1) <= 1e-12:
            np.testing.assert_allclose(a[np.lexsort(a.T)], b[np.lexsort(b.T)], atol=1e-9)
    # Scaling the filtration scales the distance.
    assert distance(diagram(2.5 * a), diagram(2.5 * b), 1) == pytest.approx(
        2.5 * distance(x, y, 1), rel=1e-9, abs=slack
    )


@settings(max_examples=100, deadline=None)
@given(a=bars_strategy, b=bars_strategy)
def test_bottleneck_is_the_smallest(a: np.ndarray, b: np.ndarray) -> None:
    assert bottleneck(a, b) <= wasserstein(a, b, order=2) + 1e-9
    assert wasserstein(a, b, order=2) <= wasserstein(a, b, order=1) + 1e-9


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


@pytest.mark.parametrize("distance", [wasserstein, bottleneck, sliced_wasserstein])
def test_what_cannot_be_compared_is_refused(distance) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(10, 2)), rng.normal(size=(12, 2))
    a = ts.vietoris_rips(x)
    for other, word in [
        (ts.vietoris_rips(y), "n_points.*disjoint_draws"),
        (ts.vietoris_rips(x, metric="manhattan"), "metric"),
        (ts.vietoris_rips(x, scale="q0.9"), "scale"),
        (ts.vietoris_rips(x, field=3), "field"),
        (ts.vietoris_rips(x, threshold=9.0), "threshold"),
    ]:
        with pytest.raises(ts.IncomparableError, match=word):
            distance(a, other)
        assert distance(a, other, check=False) >= 0
    with pytest.raises(ts.InputError, match="max_degree=3"):
        distance(a, a, degree=3)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: wasserstein([[0, 1]], [[0, 1]], order=0.5), "order"),
        (lambda: wasserstein([[0, 1]], [[0, 1]], order=np.inf), "bottleneck"),
        (lambda: wasserstein([[0, 1]], [[0, 1]], ground=3), "ground"),
        (lambda: wasserstein([[2, 1]], [[0, 1]]), "row 0"),
        (lambda: wasserstein([[np.nan, 1]], [[0, 1]]), "row 0"),
        (lambda: bottleneck([1, 2, 3], [[0, 1]]), "shape"),
        (lambda: bottleneck([["a", "b"]], [[0, 1]]), "real number"),
        (lambda: sliced_wasserstein([[0, 1]], [[0, 1]], directions=0), "directions"),
        (lambda: ts.Wasserstein(order=0), "order"),
        (lambda: bottleneck([[0, 1]], [[0, 1]], degree=-1), "degree"),
    ],
)
def test_bad_input(call, words: str) -> None:
    with pytest.raises(ts.InputError, match=words):
        call()


def test_zero_length_bars_change_nothing() -> None:
    a, b = np.array([[0.0, 1.0]]), np.array([[0.0, 1.2], [0.7, 0.7]])
    assert wasserstein(a, b) == pytest.approx(0.2)


def test_compare_is_the_matrix_of_pairs_for_any_threads() -> None:
    rng = np.random.default_rng(0)
    diagrams = [ts.vietoris_rips(rng.normal(size=(15, 3))) for _ in range(5)]
    one = ts.compare(diagrams, "wasserstein", labels="abcde", threads=1)
    two = ts.compare(diagrams, ts.Wasserstein(), labels=list("abcde"), threads=2)
    assert one.measure == "W1"
    assert one.labels == ("a", "b", "c", "d", "e")
    assert one.is_metric
    assert not one.larger_is_more_similar
    np.testing.assert_array_equal(one.values, two.values)
    for i in range(5):
        for j in range(5):
            assert one.values[i, j] == pytest.approx(ts.wasserstein(diagrams[i], diagrams[j]))
    assert "W1" in repr(one)


def test_compare_refuses_before_it_computes() -> None:
    rng = np.random.default_rng(0)
    a, b = ts.vietoris_rips(rng.normal(size=(15, 3))), ts.vietoris_rips(rng.normal(size=(16, 3)))
    with pytest.raises(ts.IncomparableError):
        ts.compare([a, a, b])
    with pytest.raises(ts.InputError, match="labels"):
        ts.compare([a, a], labels=["x"])
    with pytest.raises(ts.InputError, match="close names: wasserstein"):
        ts.compare([a, a], "waserstein")
    with pytest.raises(ts.InputError, match="PersistenceDiagram"):
        ts.compare([a, a.pairs])
    with pytest.raises(ts.InputError, match="threads"):
        ts.compare([a, a], threads=0)
