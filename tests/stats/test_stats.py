"""Statistics over draws: exact counts, brute force, and simulation of what they promise."""

import itertools

import numpy as np
import pytest

import toposcope as ts
from toposcope.stats import (
    PairedCell,
    UnpairedCell,
    effect,
    holm,
    mean_interval,
    permutation_tests,
    smallest_p,
    step_down_max_t,
)


def distances(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.abs(x[:, None] - y[None, :])


def cell(kind: type, x: np.ndarray, y: np.ndarray, claim: str = "c"):
    return kind(claim, distances(x, x), distances(y, y), distances(x, y))


def energy(x: np.ndarray, y: np.ndarray, paired: bool) -> float:
    """The statistic by its definition."""
    within = [np.mean([abs(a - b) for i, a in enumerate(g) for j, b in enumerate(g) if i != j]) for g in (x, y)]
    between = np.mean([abs(a - b) for i, a in enumerate(x) for j, b in enumerate(y) if i != j or not paired])
    return 2 * between - sum(within)


def test_paired_test_is_the_brute_force_over_swaps(rng: np.random.Generator) -> None:
    x, y = rng.normal(size=6), rng.normal(size=6) + 1
    result = permutation_tests([cell(PairedCell, x, y)], alpha=0.05)[0]
    every = []
    for swap in itertools.product([False, True], repeat=6):
        a, b = np.where(swap, y, x), np.where(swap, x, y)
        every.append(energy(a, b, paired=True))
    assert result.statistic == pytest.approx(energy(x, y, paired=True))
    assert result.p_value == pytest.approx(np.mean(np.array(every) >= result.statistic - 1e-12))
    assert len(result.null) == 32
    assert "6 pairs" in result.unit


def test_unpaired_test_is_the_brute_force_over_labels(rng: np.random.Generator) -> None:
    x, y = rng.normal(size=5), rng.normal(size=4) + 1
    result = permutation_tests([cell(UnpairedCell, x, y)], alpha=0.05)[0]
    pooled = np.concatenate([x, y])
    every = []
    for members in itertools.combinations(range(9), 5):
        others = [k for k in range(9) if k not in members]
        every.append(energy(pooled[list(members)], pooled[others], paired=False))
    assert result.statistic == pytest.approx(energy(x, y, paired=False))
    assert result.p_value == pytest.approx(np.mean(np.array(every) >= result.statistic - 1e-12))
    assert len(result.null) == 126


def test_many_draws_are_sampled(rng: np.random.Generator) -> None:
    x, y = rng.normal(size=20), rng.normal(size=20)
    for kind in (PairedCell, UnpairedCell):
        first, again = (permutation_tests([cell(kind, x, y)], seed=3)[0] for _ in range(2))
        assert len(first.null) == 10_000
        assert first.p_value == again.p_value
        assert first.p_value != permutation_tests([cell(kind, x, y)], seed=4)[0].p_value
        assert first.null[0] == first.statistic


def test_effect_is_zero_for_equal_laws_and_one_for_twice_as_far() -> None:
    rng = np.random.default_rng(1)
    effects = [effect(cell(PairedCell, *rng.normal(size=(2, 8)))) for _ in range(400)]
    assert abs(np.mean(effects)) < 0.03
    far = PairedCell("c", 1 - np.eye(4), 1 - np.eye(4), np.full((4, 4), 2.0))
    assert effect(far) == 1.0
    nothing = np.zeros((4, 4))
    assert effect(PairedCell("c", nothing, nothing, nothing)) == 0
    assert effect(PairedCell("c", nothing, nothing, nothing + 1)) == np.inf


def test_smallest_p() -> None:
    assert smallest_p(8, 8, paired=True) == 2**-7
    assert smallest_p(3, 3, paired=False) == 2 / 20
    assert smallest_p(3, 4, paired=False) == 1 / 35
    assert smallest_p(20, 20, paired=False) == 1e-4


@pytest.mark.parametrize("kind", [PairedCell, UnpairedCell])
def test_null_p_values_are_superuniform_on_their_lattice(kind: type) -> None:
    # Exchangeable by construction: two noisy copies of one cloud's draws (paired), two samples of one law (unpaired).
    rng = np.random.default_rng(7)
    p_values = []
    for _ in range(2000):
        common = rng.normal(size=6) if kind is PairedCell else np.zeros(6)
        x, y = common + rng.standard_t(3, size=(2, 6))
        p_values.append(permutation_tests([cell(kind, x, y)], alpha=1.0)[0].p_value)
    p_values = np.array(p_values)
    for level in (1 / 32, 0.05, 0.1, 0.25, 0.5):
        lattice = np.floor(level * 32) / 32 if kind is PairedCell else level
        spread = 3.3 * np.sqrt(lattice * (1 - lattice) / 2000)  # the 99.9 % interval of a binomial share
        assert (p_values <= level + 1e-12).mean() < lattice + spread


def test_a_difference_is_found() -> None:
    rng = np.random.default_rng(3)
    x = rng.normal(size=8)
    for kind in (PairedCell, UnpairedCell):
        result = permutation_tests([cell(kind, x, x + rng.normal(size=8) * 0.1 + 4)])[0]
        assert result.p_value <= 2 / 128
        assert result.effect > 1
        assert "rejected at 0.05" in result.claim
        assert "fixed representations" in result.claim
    same = permutation_tests([cell(PairedCell, *rng.normal(size=(2, 8)))])[0]
    assert "not evidence that they are equal" in same.claim


def test_max_t_controls_the_family_and_beats_holm() -> None:
    rng = np.random.default_rng(11)
    wrong, tests = 0, 300
    for _ in range(tests):
        cells = [cell(PairedCell, *rng.normal(size=(2, 7)), claim=str(k)) for k in range(10)]
        wrong += min(result.p_adjusted for result in permutation_tests(cells)) <= 0.05
    assert wrong / tests < 0.05 + 3.3 * np.sqrt(0.05 * 0.95 / tests)
    x = rng.normal(size=7)
    cells = [cell(PairedCell, x, x + 6 + rng.normal(size=7) * 0.01)] + [
        cell(PairedCell, *rng.normal(size=(2, 7))) for _ in range(9)
    ]
    adjusted = [result.p_adjusted for result in permutation_tests(cells)]
    assert adjusted[0] <= 0.05
    assert all(result.p_adjusted >= result.p_value for result in permutation_tests(cells))
    with pytest.raises(ts.InputError, match="take at least 9 draws"):
        permutation_tests(cells, adjust="holm")


def test_step_down_is_its_definition(rng: np.random.Generator) -> None:
    statistics = rng.normal(size=(50, 4))
    order = np.argsort(-statistics[0])
    expected = np.empty(4)
    before = 0.0
    for rank, test in enumerate(order):
        rest = order[rank:]
        share = np.mean(statistics[:, rest].max(axis=1) >= statistics[0, test])
        before = max(before, share)
        expected[test] = before
    np.testing.assert_allclose(step_down_max_t(statistics), expected)


def test_holm() -> None:
    assert holm(np.array([0.01, 0.04, 0.03])).tolist() == pytest.approx([0.03, 0.06, 0.06])
    assert holm(np.array([0.9, 0.8])).tolist() == [1.0, 1.0]


def test_adjustments_are_named(rng: np.random.Generator) -> None:
    cells = [cell(PairedCell, *rng.normal(size=(2, 9)), claim=str(k)) for k in range(2)]
    assert permutation_tests(cells)[0].adjustment == "step-down max-T over 2 tests"
    assert permutation_tests(cells, adjust="holm")[0].adjustment == "Holm over 2 tests"
    assert permutation_tests(cells, adjust="none")[0].adjustment == "none"
    assert permutation_tests(cells[:1])[0].adjustment == "none (one test)"
    assert permutation_tests([]) == []


@pytest.mark.parametrize("level", [0.8, 0.95])
def test_the_interval_covers(level: float) -> None:
    rng = np.random.default_rng(2)
    hits = sum(5.0 in mean_interval(rng.normal(5, 2, size=8), level) for _ in range(2000))
    assert abs(hits / 2000 - level) < 3.3 * np.sqrt(level * (1 - level) / 2000)
    assert "8 disjoint draws" in mean_interval(np.arange(8.0)).method


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: mean_interval([1.0]), "at least 2"),
        (lambda: mean_interval([1.0, np.inf]), "finite"),
        (lambda: mean_interval([1.0, 2.0], level=1.0), "below 1"),
        (lambda: mean_interval([1.0, 2.0], level=0.0), "above 0"),
        (lambda: cell(PairedCell, np.zeros(1), np.zeros(1)), "at least 2 draws"),
        (lambda: cell(PairedCell, np.zeros(3), np.zeros(4)), "equal numbers"),
        (lambda: PairedCell("c", np.zeros((2, 2)), np.zeros((3, 3)), np.zeros((2, 2))), "fit together"),
        (lambda: PairedCell("c", *[np.full((3, 3), np.inf)] * 3), "essential bars"),
        (lambda: permutation_tests([cell(PairedCell, np.zeros(3), np.zeros(3))]), "take at least 6 draws"),
        (
            lambda: permutation_tests(
                [cell(PairedCell, np.zeros(8), np.zeros(8)), cell(UnpairedCell, np.zeros(8), np.zeros(8))]
            ),
            "one kind",
        ),
    ],
)
def test_bad_input(call, words: str) -> None:
    with pytest.raises(ts.InputError, match=words):
        call()
