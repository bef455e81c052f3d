"""Power plans: what they ask for, what they find, and what they refuse."""

import numpy as np
import pytest

import toposcope as ts

N = 200


def ring(noise: float = 0.1, start: int = 0) -> ts.Representation:
    rng = np.random.default_rng([1, start])
    angle = rng.uniform(0, 2 * np.pi, N)
    return ts.Representation(
        np.c_[np.cos(angle), np.sin(angle)] + noise * rng.normal(size=(N, 2)), np.arange(start, start + N)
    )


def blob(start: int = 1000, dimension: int = 2) -> ts.Representation:
    rng = np.random.default_rng([2, start])
    return ts.Representation(rng.normal(size=(N, dimension)), np.arange(start, start + N))


def plan(pilot, effect, **settings) -> ts.PowerPlan:
    return ts.plan_power(pilot, effect, **{"sizes": (20,), "draws": (4, 6), "simulations": 100} | settings)


def test_a_large_difference_is_seen_and_none_is_not() -> None:
    found = plan((ring(), blob()), 1.0, draws=(3, 4, 6))
    assert [(row.size, row.draws, row.inputs) for row in found.rows] == [(20, 3, 120), (20, 4, 160), (20, 6, 240)]
    # Three draws of each cannot reach 0.05: 2 / C(6, 3) = 0.1.
    assert (found.rows[0].power, found.rows[0].error) == (0.0, 0.0)
    assert found.rows[2].power > 0.9
    assert found.smallest is not None
    assert "inputs in all, see 100% of rows from b with power" in found.claim
    assert "unpaired" in found.claim
    assert str(found).count("\n") == 4
    nothing = plan(ring(), lambda x: x[:, ::-1], paired=False)
    assert all(row.power < 0.05 + 3.3 * max(row.error, 0.022) for row in nothing.rows)
    assert nothing.smallest is None
    assert "no design reaches power 0.8" in nothing.claim


def test_power_grows_with_the_share_that_differs() -> None:
    powers = [plan((ring(), blob()), share, draws=(5,)).rows[0].power for share in (0.1, 1.0)]
    assert powers[0] < 0.5 < powers[1]


def test_pairs_are_found_by_their_ids_and_need_half_the_inputs() -> None:
    a = ring()
    shuffled = np.random.default_rng(0).permutation(N)
    b = ts.Representation(2 * a.points + [1, 0], a.sample_ids).take(shuffled)
    same = plan((a, b), 1.0, draws=(6,), scale="q0.9")
    assert same.paired
    assert same.rows[0].inputs == 120
    # Scaled, both have the same diagrams: no swap changes anything, and p is 1.
    assert same.rows[0].power == 0.0
    seen = plan(a, lambda x: x * [1.0, 0.01], draws=(8,))
    assert seen.paired
    assert seen.rows[0].power > 0.9
    assert "the stated alternative" in seen.claim


def test_the_same_seed_gives_the_same_plan() -> None:
    first, again, other = (plan((ring(), blob()), 0.5, sizes=(12,), draws=(4,), seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert first.rows != other.rows


@pytest.mark.slow
def test_the_error_is_that_between_repeated_plans() -> None:
    plans = [plan((ring(), blob()), 0.5, draws=(6,), seed=seed).rows[0] for seed in range(24)]
    spread = np.std([row.power for row in plans], ddof=1)
    assert 0.6 * spread < np.mean([row.error for row in plans]) < 1.7 * spread


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: plan((ring(), blob()), 0.0), "above 0"),
        (lambda: plan((ring(), blob()), 1.5), "at most 1"),
        (lambda: plan((ring(), blob()), np.sin), "the share of rows"),
        (lambda: plan(ring(), 0.5), "needs a function"),
        (lambda: plan((ring(), blob(dimension=3)), 0.5), "2 and 3 dimensions; pass effect=1"),
        (lambda: plan((ring(), ring(start=100)), 1.0), "share 100 of their 200"),
        (lambda: plan((ring(), blob()), 1.0, sizes=(51,)), "at least 204 inputs, and there are 200.*up to 50"),
        (lambda: plan((ring(), blob()), 1.0, draws=(2, 3)), "no number of draws.*take more"),
        (lambda: plan((ring(), blob()), 1.0, power=1.0), "must be below 1"),
        (lambda: plan((ring(), blob()), 1.0, sizes=()), "must not be empty"),
        (lambda: plan((ring(), blob()), 1.0, simulations=5), "at least 20"),
        (lambda: plan(ts.Representation(np.eye(4), [0, 0, 1, 1]), np.sin), "one row per input"),
        (lambda: plan(ring(), lambda x: x * np.nan), "NaN"),
    ],
)
def test_bad_input(call, words: str) -> None:
    with pytest.raises(ts.InputError, match=words):
        call()
