"""What a matching is: every bar once, at the distance's cost; and the proof that none is cheaper."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import toposcope as ts
from tests.distances.reference import (
    KINDS,
    bars_strategy,
    diagram,
    distances_in_the_plane,
    distances_to_diagonal,
    random_bars,
)
from toposcope.distances import _native, bottleneck, wasserstein


def prepared(bars: np.ndarray) -> _native.Prepared:
    return _native.Prepared(np.ascontiguousarray(bars, dtype=float).reshape(-1, 2), np.empty(0))


def check_is_a_matching(matching: ts.Matching, a: np.ndarray, b: np.ndarray, ground: float) -> None:
    for side, bars in enumerate((a, b)):
        rows = matching.pairs[:, side]
        np.testing.assert_array_equal(np.sort(rows[rows >= 0]), np.arange(len(bars)))
    for (i, j), cost in zip(matching.pairs, matching.costs, strict=True):
        if i < 0 or j < 0:
            bar = b[j] if i < 0 else a[i]
            expected = np.inf if np.isinf(bar[1]) else distances_to_diagonal(bar[None], ground)[0]
        elif np.isinf(a[i, 1]):
            assert np.isinf(b[j, 1])
            expected = abs(a[i, 0] - b[j, 0])
        else:
            expected = distances_in_the_plane(a[i : i + 1], b[j : j + 1], ground)[0, 0]
        assert cost == pytest.approx(expected, rel=1e-12, abs=1e-15)


@settings(max_examples=60, deadline=None)
@given(a=bars_strategy, b=bars_strategy, essential=st.lists(st.floats(0, 5), max_size=3), more=st.booleans())
def test_a_matching_has_every_bar_once_and_the_cost_of_the_distance(
    a: np.ndarray, b: np.ndarray, essential: list[float], more: bool
) -> None:
    ends = np.array([[birth, np.inf] for birth in essential]).reshape(-1, 2)
    x, y = np.concatenate([ends, a]), np.concatenate([b, ends[::-1] + np.array([0.25, 0])])
    if more:
        y = np.concatenate([y, [[1.0, np.inf]]])
    for order, ground in ((1.0, np.inf), (2.0, 2.0), (3.0, 1.0)):
        value, matching = wasserstein(x, y, order=order, ground=ground, matching=True)
        assert value == pytest.approx(wasserstein(x, y, order=order, ground=ground), rel=1e-12)
        assert value == pytest.approx((matching.costs**order).sum() ** (1 / order), rel=1e-12)
        check_is_a_matching(matching, x, y, ground)
    value, matching = bottleneck(x, y, matching=True)
    assert value == bottleneck(x, y) == matching.costs.max(initial=0)
    check_is_a_matching(matching, x, y, np.inf)
    assert np.isinf(value) == more


def test_rows_are_those_of_in_degree_and_rows_of_no_length_go_nowhere() -> None:
    a = diagram(np.array([[0.0, 4.0], [1.0, np.inf], [2.0, 2.5]]))
    b = np.array([[3.0, 3.0], [0.5, 4.0], [0.75, np.inf]])
    value, matching = wasserstein(a, b, matching=True)
    assert value == 0.5 + 0.25 + 0.25
    np.testing.assert_array_equal(matching.pairs, [[0, 1], [1, 2], [2, -1], [-1, 0]])
    np.testing.assert_array_equal(matching.costs, [0.5, 0.25, 0.25, 0.0])
    np.testing.assert_array_equal(matching.to_diagonal, [False, False, True, True])
    assert len(matching) == 4
    assert repr(matching) == "<Matching of 2 pairs of bars, 2 bars to the diagonal>"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("order", [1.0, 2.0, 3.5])
@pytest.mark.parametrize("ground", [1.0, 2.0, np.inf])
def test_potentials_prove_that_no_matching_is_cheaper(kind: str, order: float, ground: float) -> None:
    # Weak duality: potentials that no pair and no way to the diagonal undercuts add up to at most any matching's cost.
    rng = np.random.default_rng([KINDS.index(kind), int(order)])
    for count in (3, 30, 120):
        a, b = random_bars(rng, count, kind), random_bars(rng, count + 5, kind)
        _, costs, of_a, of_b, unit = _native.matching(prepared(a), prepared(b), order, ground, in_the_plane=True)
        between = (distances_in_the_plane(a, b, ground) / unit) ** order
        slack = 1e-11 * between.max()
        assert (of_a <= (distances_to_diagonal(a, ground) / unit) ** order + slack).all()
        assert (of_b <= (distances_to_diagonal(b, ground) / unit) ** order + slack).all()
        assert (of_a[:, None] + of_b[None, :] <= between + slack).all()
        assert of_a.sum() + of_b.sum() == pytest.approx(((costs / unit) ** order).sum(), rel=1e-9)


def test_the_methods_for_a_line_equal_the_one_for_the_plane() -> None:
    rng = np.random.default_rng(3)
    for _ in range(150):
        kind = str(rng.choice(["born together", "born together on a lattice"]))
        a, b = (random_bars(rng, rng.integers(0, 40), kind) for _ in range(2))
        if rng.random() < 0.3:  # lengths so alike that order is best
            b = a * [1, 1.3]
            a = a + np.array([0, 2])
        for order, ground in ((1.0, np.inf), (1.0, 2.0), (2.0, np.inf), (2.0, 1.0), (7.0, np.inf)):
            on_a_line, in_the_plane = (
                _native.matching(prepared(a), prepared(b), order, ground, plane)[1] for plane in (False, True)
            )
            assert (on_a_line**order).sum() == pytest.approx((in_the_plane**order).sum(), rel=1e-10)
        assert bottleneck(a, b) == bottleneck(a, b, matching=True)[0]


@pytest.mark.parametrize(("order", "ratio"), [(1.0, 3.0), (2.0, 2.2152), (1e9, 2.0)])
def test_order_is_best_up_to_the_known_ratio(order: float, ratio: float) -> None:
    # One bar against one: matched up to that ratio of lengths, both to the diagonal beyond it.
    for factor, matched in ((0.999, True), (1.001, False)):
        a, b = np.array([[0.0, 1.0]]), np.array([[0.0, ratio * factor]])
        _, matching = bottleneck(a, b, matching=True) if order > 1e8 else wasserstein(a, b, order=order, matching=True)
        # The bottleneck is indifferent where a bar is no farther from the diagonal than from its partner.
        assert (not matching.to_diagonal.any()) == matched


def test_what_is_no_matching_is_refused() -> None:
    for pairs, costs, words in (
        ([[0, 0], [0, 1]], [1.0, 1.0], "stands twice"),
        ([[-1, -1]], [1.0], "names no bar"),
        ([[0, 0]], [np.nan], "not a number"),
        ([[0, 0]], [1.0, 2.0], "must be"),
    ):
        with pytest.raises(ts.InputError, match=words):
            ts.Matching(np.array(pairs), np.array(costs))
