"""Distances between diagrams: exact answers, the edges of numbers, what is refused, cases that broke other tools."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import toposcope as ts
from tests.distances.reference import dense_bottleneck, dense_wasserstein, random_bars
from toposcope.distances import bottleneck, sliced_wasserstein, wasserstein


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


FACTORS = [1e-305, 1e-300, 1e-160, 1e-20, 1e150, 1e300, 1e307]


@pytest.mark.parametrize("factor", FACTORS)
@pytest.mark.parametrize("kind", ["mixed", "born together"])
def test_huge_and_tiny_coordinates(kind: str, factor: float) -> None:
    rng = np.random.default_rng(2)
    a, b = random_bars(rng, 9, kind), random_bars(rng, 7, kind)
    unit = 2.0 ** np.round(np.log2(factor))
    for order in (1.0, 2.0, 3.5, 30.0):
        for ground in (1, 2, np.inf):
            exact = wasserstein(a, b, order=order, ground=ground)
            assert wasserstein(a * unit, b * unit, order=order, ground=ground) == pytest.approx(exact * unit, rel=1e-9)
    assert bottleneck(a * unit, b * unit) == pytest.approx(bottleneck(a, b) * unit, rel=1e-12)
    assert sliced_wasserstein(a * unit, b * unit) == pytest.approx(sliced_wasserstein(a, b) * unit, rel=1e-9)


def test_denormal_numbers() -> None:
    denormal = np.array([[0.0, 5e-324]])
    for distance in (wasserstein, bottleneck, sliced_wasserstein):
        assert 0 <= distance(denormal, np.empty((0, 2))) <= 5e-324
    a = np.array([[0.0, 8.0], [8.0, 24.0], [4.0, 40.0]]) * 5e-324
    b = np.array([[0.0, 8.0], [16.0, 24.0]]) * 5e-324
    assert wasserstein(a, b) == (16 + 8) * 5e-324
    assert bottleneck(a, b) == 16 * 5e-324


@pytest.mark.parametrize("order", [30.0, 200.0, 900.0])
@pytest.mark.parametrize("kind", ["mixed", "born together"])
def test_high_orders_of_small_moves_beside_long_bars_do_not_vanish(kind: str, order: float) -> None:
    # (1e-6)^200 is no double beside bars of length 1; the matching must still be the best one.
    rng = np.random.default_rng(1)
    a = random_bars(rng, 6, kind) + np.array([0, 1])
    b = a + [0.0, 1.0] * rng.uniform(1e-6, 2e-6, size=(6, 1))
    moved = np.abs(a - b).max(axis=1)
    expected = moved.max() * ((moved / moved.max()) ** order).sum() ** (1 / order)
    assert wasserstein(a, rng.permutation(b), order=order) == pytest.approx(expected, rel=1e-9)


def test_nearly_equal_diagrams_keep_their_digits() -> None:
    rng = np.random.default_rng(1)
    for kind in ("mixed", "born together"):
        a = random_bars(rng, 30, kind) + np.array([0, 0.5])
        b = a.copy()
        b[:, 1] += np.ldexp(rng.integers(1, 9, 30), -45)
        for order in (1.0, 2.0):
            expected = (np.abs(a - b).max(axis=1) ** order).sum() ** (1 / order)
            assert wasserstein(a, b, order=order) == pytest.approx(expected, rel=1e-9)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), kind=st.sampled_from(["lattice", "mixed", "born together on a lattice"]))
def test_the_order_of_rows_changes_no_bit(seed: int, kind: str) -> None:
    rng = np.random.default_rng(seed)
    a, b = random_bars(rng, 20, kind), random_bars(rng, 23, kind)
    for distance in (wasserstein, bottleneck, sliced_wasserstein):
        assert distance(a, b) == distance(rng.permutation(a), rng.permutation(b))


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


# Cases that gave wrong answers, or none, in published tools: (what, a, b, W1, W2, bottleneck), L-infinity ground norm.
BROKE_OTHERS = [
    ("persim 19: equal diagrams", [[0, 0.12], [0, 0.3], [0, 0.31]], [[0, 0.12], [0, 0.3], [0, 0.31]], 0, 0, 0),
    ("persim 28: one bar with itself", [[0.11371516, 4.45734882]], [[0.11371516, 4.45734882]], 0, 0, 0),
    ("persim 28: empty", [], [], 0, 0, 0),
    ("persim 44: repeated bars", [[0, 1], [0, 1]], [[0, 1]], 0.5, 0.5, 0.5),
    ("persim 70: a bar of no length", [[0, 10]], [[5, 5]], 5, 5, 5),
    (
        "persim 105: a bar that dies against one that does not",
        [[0, np.inf], [0.1, 0.5]],
        [[0, 1], [0.1, 0.5]],
        *[np.inf] * 3,
    ),
    ("gudhi 399: one short bar against none", [], [[0.99, 1.0]], 0.005, 0.005, 0.005),
    ("gudhi 399: births below zero", [], [[-10, 1]], 5.5, 5.5, 5.5),
    ("gudhi 477: hera loops on a bar of no length", [[0, 0], [0, 1]], [[0, 1]], 0, 0, 0),
    ("dionysus 22: essential bars of both", [[1, 2], [3, 4], [1, np.inf]], [[0, 2], [3, 5], [2, np.inf]], 3, 3**0.5, 1),
    ("dionysus 39: many bars a place", [[0, 1]] * 50, [[0, 1]] * 45 + [[0, 3]] * 5, 10, 12.5**0.5, 1.5),
]


@pytest.mark.parametrize(
    ("what", "a", "b", "first", "second", "largest"), BROKE_OTHERS, ids=[case[0] for case in BROKE_OTHERS]
)
def test_cases_that_broke_published_tools(what: str, a, b, first: float, second: float, largest: float) -> None:
    assert wasserstein(a, b) == pytest.approx(first)
    assert wasserstein(a, b, order=2) == pytest.approx(second)
    assert bottleneck(a, b) == pytest.approx(largest)


def test_ties_that_stop_the_bottleneck_of_gudhi_early() -> None:
    # gudhi 3.13 says 2.5 and 8; its early exit is not allowed (GUDHI PR 1367).
    for a, b, expected in (
        ([[1, 3], [5, 8], [0, 3]], [[3, 7], [4, 5], [3, 7], [3, 4], [5, 9]], 2.0),
        ([[0.5, 5.5], [0.5, 6.5], [0.5, 20.5], [0.5, 22.5]], [[0.5, 22.5], [0.5, 28.5]], 6.0),
    ):
        assert bottleneck(a, b) == dense_bottleneck(np.array(a, dtype=float), np.array(b, dtype=float)) == expected


def test_a_far_bar_that_turns_optimal_transport_astray() -> None:
    # GUDHI 465: one death of 1e16 in both made POT miss the diagonal for the others (53.2 instead of 21.5).
    a = np.array([[2.23201301, 2.30992361], [2.79212053, 3.53268734], [0.942383758, 4.08248747], [0.522799989, 1e16]])
    b = np.array([[5.72533791, 18.1300169], [3.67182222, 21.6658844], [14.9374957, 51.4375875], [2.81675603, 1e16]])
    others = dense_wasserstein(a[:3], b[:3], 2, np.inf)
    expected = np.hypot(others, b[3, 0] - a[3, 0])
    assert wasserstein(a, b, order=2) == pytest.approx(expected, rel=1e-9)
    assert expected == pytest.approx(21.455667863335233, rel=1e-6)


def test_nan_is_refused_wherever_it_stands() -> None:
    for bars in ([[np.nan, 1]], [[0, np.nan]], [[0, 1], [np.nan, np.nan]], [[-np.inf, 1]]):
        for distance in (wasserstein, bottleneck, sliced_wasserstein):
            with pytest.raises(ts.InputError, match=f"b row {len(bars) - 1}"):
                distance([[0, 1]], bars)
