"""Equivalence: the estimate by its definition, the bound by simulation, the verdict in words."""

import dataclasses
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

import toposcope as ts
from toposcope.stats import PairedCell, UnpairedCell, energy_bound


def cell(kind: type, a: np.ndarray, b: np.ndarray):
    return kind("simulated", cdist(a, a), cdist(b, b), cdist(a, b))


def representation(seed: int, n: int = 400, start: int = 0, stretch: float = 1.0, name: str = "x") -> ts.Representation:
    """Inputs `start` to `start + n`, through one of several nearly equal maps."""
    inputs = np.array([np.random.default_rng([9, k]).normal(size=4) for k in range(start, start + n)])
    noise = np.random.default_rng([1, seed]).normal(size=(n, 4))
    points = inputs * [stretch, 1, 1, 1] + 0.05 * noise
    return ts.Representation(points, np.arange(start, start + n), source=ts.Source(network=name, seed=seed))


def brute_force(a: np.ndarray, b: np.ndarray, paired: bool) -> float:
    k = len(a)
    apart = list(itertools.permutations(range(k), 2))
    across = apart if paired else list(itertools.product(range(k), repeat=2))
    between = np.mean([np.linalg.norm(a[i] - b[j]) for i, j in across])
    within = [np.mean([np.linalg.norm(x[i] - x[j]) for i, j in apart]) for x in (a, b)]
    return float(2 * between - sum(within))


@pytest.mark.parametrize("kind", [PairedCell, UnpairedCell])
def test_estimate_and_bound_are_their_definitions(kind: type, rng: np.random.Generator) -> None:
    from scipy.stats import t

    k, paired = 9, kind is PairedCell
    a, b = rng.normal(size=(2, k, 3))
    b += 1
    estimate, bound = energy_bound(cell(kind, a, b))
    assert estimate == pytest.approx(brute_force(a, b, paired))

    def without(x: np.ndarray, y: np.ndarray) -> float:  # unequal numbers: the definition once more
        cross = cdist(x, y)
        within = [cdist(z, z).sum() / (len(z) * (len(z) - 1)) for z in (x, y)]
        return float(2 * cross.mean() - sum(within))

    def jackknife(values: list[float]) -> float:
        return (k - 1) / k * float(((np.array(values) - np.mean(values)) ** 2).sum())

    rows = [np.delete(np.arange(k), i) for i in range(k)]
    if paired:
        parts = [jackknife([brute_force(a[r], b[r], True) for r in rows])]
        freedom = k - 1.0
    else:
        parts = [jackknife([without(a[r], b) for r in rows]), jackknife([without(a, b[r]) for r in rows])]
        freedom = (k - 1) * sum(parts) ** 2 / sum(part**2 for part in parts)
    v = (1 + 2 / k) * sum(parts)
    u = cdist(a, b) + cdist(a, b).T - cdist(a, a) - cdist(b, b)
    w = (1 + 2 / k) * 2 / (k * (k - 1)) * np.mean([u[i, j] ** 2 for i, j in itertools.permutations(range(k), 2)])
    q = t.ppf(0.95, freedom)
    expected = estimate + q * np.sqrt(v + w) + q**2 * v / (4 * max(estimate, q * np.sqrt(v) / 4))
    assert bound == pytest.approx(expected)


@pytest.mark.parametrize("kind", [PairedCell, UnpairedCell])
@pytest.mark.parametrize("shift", [0.0, 1.0])
def test_the_bound_holds(kind: type, shift: float) -> None:
    rng = np.random.default_rng(5)
    trials = 600
    estimates, bounds = np.empty(trials), np.empty(trials)
    for trial in range(trials):
        common = rng.normal(size=(8, 3)) if kind is PairedCell else 0.0
        a, b = common + rng.normal(size=(2, 8, 3))
        b[:, 0] += shift
        estimates[trial], bounds[trial] = energy_bound(cell(kind, a, b))
    truth = estimates.mean() if shift else 0.0
    assert (bounds >= truth).mean() > 0.95 - 3.3 * np.sqrt(0.95 * 0.05 / trials)


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), k=st.integers(8, 20), unit=st.floats(1e-6, 1e6), shift=st.floats(0, 5))
def test_the_bound_is_symmetric_has_the_unit_and_lies_above(seed: int, k: int, unit: float, shift: float) -> None:
    a, b = np.random.default_rng(seed).normal(size=(2, k, 2))
    for kind in (PairedCell, UnpairedCell):
        estimate, bound = energy_bound(cell(kind, a, b + shift))
        assert bound >= estimate
        np.testing.assert_allclose(energy_bound(cell(kind, b + shift, a)), (estimate, bound), rtol=1e-6)
        scaled = energy_bound(cell(kind, unit * a, unit * (b + shift)))
        np.testing.assert_allclose(scaled, (unit * estimate, unit * bound), rtol=1e-6, atol=1e-9 * unit)
        assert energy_bound(cell(kind, a, b + shift), 0.99)[1] >= bound


def test_equal_points_have_bound_zero() -> None:
    nothing = np.zeros((8, 8))
    for kind in (PairedCell, UnpairedCell):
        assert energy_bound(kind("same", nothing, nothing, nothing)) == (0.0, 0.0)


def test_near_twins_are_equivalent_and_a_stretched_copy_is_not() -> None:
    a, b = representation(0, name="a"), representation(1, name="b")
    stretched = representation(2, stretch=20.0, name="c")
    same = ts.test_equivalence(a, b, margin=0.1, size=40)
    assert same.equivalent
    assert same.estimate < same.bound < same.margin
    assert same.draws == 10
    assert "a and b: the laws of H1 diagrams of 40 points (W1) are closer than the margin 0.1" in same.claim
    assert "10 paired draws" in same.claim
    assert "not of larger clouds" in same.limits
    between = (same.estimate + same.bound) / 2
    assert not ts.test_equivalence(a, b, margin=between, size=40).equivalent
    other = ts.test_equivalence(a, stretched, margin=0.1, size=40)
    assert not other.equivalent
    assert "not evidence that they differ" in other.claim
    unpaired = ts.test_equivalence(a, representation(1, start=400), margin=0.1, size=40, draws=8)
    assert "8 draws of each, of different inputs" in unpaired.claim
    assert ts.test_equivalence.__test__ is False
    assert repr(same).startswith("<EquivalenceResult bound")


def test_the_margin_is_that_of_seed_twins() -> None:
    twins = [representation(seed, 200, stretch=1 + seed) for seed in range(3)]
    margin = ts.seed_twin_margin(twins, size=20)
    assert len(margin.estimates) == 3
    assert margin.value == pytest.approx(np.mean(margin.estimates))
    assert ts.seed_twin_margin(twins, size=20, rule="largest").value == max(margin.estimates)
    assert "mean over 3 pairs of 3 seed twins" in margin.rule
    result = ts.test_equivalence(twins[0], twins[1], margin)
    assert result.margin == margin.value
    assert result.size == 20
    pair = ts.test_equivalence(twins[0], twins[1], 1.0, size=20)
    assert pair.estimate == pytest.approx(margin.estimates[0])


def test_copies_of_an_input_are_warned_of() -> None:
    points = np.concatenate([A.points, A.points[:1]])
    copied = ts.Representation(points, np.arange(101))
    with pytest.warns(ts.ToposcopeWarning, match="1 row.s. equal the row of another input"):
        ts.test_equivalence(copied, copied, 1.0, size=10)
    with pytest.warns(ts.ToposcopeWarning, match="every bound"):
        ts.seed_twin_margin([copied, representation(1, 101, stretch=30.0)], size=10, degree=0)


def test_draws_of_tokens_count_their_rows() -> None:
    tokens = ts.Representation(np.random.default_rng(2).normal(size=(120, 3)), np.repeat(np.arange(40), 3))
    # Four inputs of three tokens make ten points.
    assert ts.test_equivalence(tokens, tokens, 1.0, size=10).draws == 10


def test_the_estimate_is_unbiased_at_equal_laws() -> None:
    rng = np.random.default_rng(8)
    values = [energy_bound(cell(UnpairedCell, *rng.normal(size=(2, 8, 2))))[0] for _ in range(500)]
    assert abs(np.mean(values)) < 3.3 * np.std(values) / np.sqrt(500)


A = representation(0, 100)
AT_TEST, AT_TRAIN = (dataclasses.replace(A, source=ts.Source(data=place)) for place in ("test", "train"))
MARGIN = ts.Margin(1.0, 10, 1, "W1", "euclidean", "q0.9", "by hand")


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: ts.test_equivalence(A, A, 1.0), ts.InputError, "say it with size="),
        (lambda: ts.test_equivalence(A, A, 0.0, size=10), ts.InputError, "margin=0.0"),
        (lambda: ts.test_equivalence(A, A, 1.0, size=10, level=1.0), ts.InputError, "below 1"),
        (lambda: ts.test_equivalence(A, A, 1.0, size=10, level=0.5), ts.InputError, "above 0.5"),
        (lambda: ts.test_equivalence(A, A, 1.0, size=10, draws=7), ts.InputError, "at least 8"),
        (lambda: ts.test_equivalence(A, A, 1.0, size=20), ts.InputError, "need 160 inputs.*has 100.*size=12"),
        (lambda: ts.test_equivalence(A, A, 1.0, size=10, draws=11), ts.InputError, "need 110 inputs"),
        (
            lambda: ts.test_equivalence(A, representation(0, 100, 50), 1.0, size=10),
            ts.InputError,
            "share 50 of their 100 and 100 inputs",
        ),
        (lambda: ts.test_equivalence(A, A, 1.0, size=10, paired=False), ts.InputError, "paired=True or None"),
        (lambda: ts.test_equivalence(A, A, 1.0, size=3), ts.InputError, "no draw of 3 points has a bar in degree 1"),
        (lambda: ts.seed_twin_margin([A, A], 5, degree=2), ts.InputError, "take size=6 or more"),
        (lambda: ts.test_equivalence(AT_TEST, AT_TRAIN, 1.0, size=10), ts.InputError, "come from test and train"),
        (lambda: ts.test_equivalence(A, A, MARGIN, size=20), ts.IncomparableError, r"size \(10 and 20\)"),
        (lambda: ts.test_equivalence(A, A, MARGIN, degree=0), ts.IncomparableError, r"degree \(1 and 0\)"),
        (lambda: ts.seed_twin_margin([A], 10), ts.InputError, "at least 2 seed twins"),
        (lambda: ts.seed_twin_margin([A, A], 10, rule="median"), ts.InputError, "rule='median'"),
        (lambda: ts.seed_twin_margin([A, A], 10), ts.InputError, "not told apart"),
        (lambda: energy_bound(cell(PairedCell, *np.zeros((2, 7, 1)))), ts.InputError, "at least 8 draws, not 7 and 7"),
    ],
)
def test_bad_input(call, error, words: str) -> None:
    with pytest.raises(error, match=words):
        call()
