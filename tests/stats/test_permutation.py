"""Statistics and relabellings against brute force over vectors, where every mean can be taken directly."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import cdist, pdist

import toposcope as ts
from toposcope.stats import (
    PairedCell,
    UnpairedCell,
    effect,
    effect_interval,
    enough_draws,
    permutation_tests,
    smallest_p,
)


def cell(kind: type, x: np.ndarray, y: np.ndarray, claim: str = "c", **more: object):
    return kind(claim, cdist(x, x), cdist(y, y), cdist(x, y), **more)


def loss(x: np.ndarray, y: np.ndarray) -> float:
    """Robinson and Turner's joint loss by its formula."""
    return sum(cdist(g, g).sum() / (2 * len(g) * (len(g) - 1)) for g in (x, y))


def shift(x: np.ndarray, y: np.ndarray) -> float:
    """Norm of the difference of means."""
    return float(np.linalg.norm(x.mean(axis=0) - y.mean(axis=0)))


def relabelled(kind: type, x: np.ndarray, y: np.ndarray):
    if kind is PairedCell:
        for swap in itertools.product([False, True], repeat=len(x)):
            mask = np.array(swap)[:, None]
            yield np.where(mask, y, x), np.where(mask, x, y)
        return
    pooled = np.concatenate([x, y])
    for members in itertools.combinations(range(len(pooled)), len(x)):
        yield pooled[list(members)], np.delete(pooled, members, axis=0)


@pytest.mark.parametrize("kind", [PairedCell, UnpairedCell])
@pytest.mark.parametrize(("statistic", "formula", "sign"), [("loss", loss, -1), ("landscape", shift, 1)])
def test_statistics_are_their_formula_under_every_relabelling(kind, statistic, formula, sign, rng) -> None:
    x = rng.normal(size=(5, 3))
    y = rng.normal(size=(5 if kind is PairedCell else 4, 3)) + 0.7
    result = permutation_tests([cell(kind, x, y)], alpha=1.0, statistic=statistic)[0]
    every = np.array([formula(a, b) for a, b in relabelled(kind, x, y)])
    assert result.statistic == pytest.approx(formula(x, y))
    assert result.p_value == pytest.approx(np.mean(sign * every >= sign * formula(x, y) - 1e-9))
    np.testing.assert_allclose(np.unique(result.null.round(9)), np.unique(every.round(9)))


@given(st.integers(0, 10**6), st.sampled_from([PairedCell, UnpairedCell]))
def test_energy_and_loss_agree_for_equal_numbers_of_draws(seed: int, kind: type) -> None:
    x, y = np.random.default_rng(seed).normal(size=(2, 5, 2))
    p = [permutation_tests([cell(kind, x, y)], 1.0, statistic=name)[0].p_value for name in ("energy", "loss")]
    assert p[0] == p[1]


def test_loss_mixes_location_and_dispersion_and_the_landscape_norm_does_not() -> None:
    rng = np.random.default_rng(4)
    tight, wide = rng.normal(size=(9, 40)) * 0.1, rng.normal(size=(9, 40))
    tight, wide = tight - tight.mean(axis=0), wide - wide.mean(axis=0)
    p = {
        name: permutation_tests([cell(UnpairedCell, tight, wide)], permutations=999, statistic=name)[0].p_value
        for name in ("energy", "loss", "landscape")
    }
    assert p["loss"] == p["energy"] == 1e-3
    assert p["landscape"] == 1.0


@pytest.mark.parametrize("kind", [PairedCell, UnpairedCell])
def test_as_many_permutations_as_asked_for(kind: type, rng: np.random.Generator) -> None:
    x, y = rng.normal(size=(2, 12, 2))
    result = permutation_tests([cell(kind, x, y)], permutations=199)[0]
    assert len(result.null) == 200
    assert result.p_value == pytest.approx(np.mean(result.null >= result.statistic - 1e-12))
    assert "199 relabellings" in result.claim
    few = cell(kind, x[:6], y[:6])
    sampled, every = (permutation_tests([few], 0.2, permutations=most)[0] for most in (9, 999))
    assert sampled.statistic == every.statistic
    assert len(permutation_tests([cell(kind, x[:6], y[:6])], permutations=999)[0].null) == (
        32 if kind is PairedCell else 924
    )


def test_draws_that_are_enough() -> None:
    assert enough_draws(0.05, paired=True) == 6
    assert enough_draws(0.05, paired=False) == 4
    assert enough_draws(0.05 / 80, paired=True) == 12  # Holm over 80 cells
    assert enough_draws(1e-5, paired=True) == 18
    assert enough_draws(1e-3, paired=True, permutations=99) is None
    assert smallest_p(20, 20, paired=True, permutations=99) == 0.01
    for paired in (True, False):
        k = enough_draws(0.01, paired)
        assert smallest_p(k, k, paired) <= 0.01 < smallest_p(k - 1, k - 1, paired)


def test_a_grid_gets_enough_permutations(rng: np.random.Generator) -> None:
    x, y = rng.normal(size=(2, 16, 2))
    cells = [cell(UnpairedCell, x, y, claim=str(k)) for k in range(150)]
    results = permutation_tests(cells, adjust="holm")
    assert len(results[0].null) == 4 * 3000
    by = permutation_tests(cells[:20], adjust="by")
    assert by[0].adjustment == "Benjamini–Yekutieli (share of wrong rejections) over 20 tests"


def test_claims_name_their_null(rng: np.random.Generator) -> None:
    x, y = rng.normal(size=(2, 8, 2))
    near = {
        kind: permutation_tests([cell(kind, x, y + 9, "a and b", size=50)])[0] for kind in (PairedCell, UnpairedCell)
    }
    assert near[PairedCell].claim == (
        "a and b: rejected at 0.05 that the two diagrams of a draw of 50 points, one from each of these two fixed "
        "representations, are exchangeable (8 paired draws of 50 points, every relabelling, p = 0.00781)"
    )
    assert "that the diagrams of draws of 50 points from these two fixed representations follow one law" in (
        near[UnpairedCell].claim
    )
    wider = permutation_tests([cell(PairedCell, x, y + 9, widths=(16, 64))])[0]
    assert "with 16 and 64 dimensions this says that the diagram laws differ" in wider.claim
    grid = permutation_tests([cell(PairedCell, x, y), cell(PairedCell, x, y)])
    assert "adjusted p" in grid[0].claim


@pytest.mark.parametrize("statistic", ["energy", "loss", "landscape"])
def test_rounding_is_no_difference(statistic: str, rng: np.random.Generator) -> None:
    x, y = rng.normal(size=(2, 8, 3))
    d = cdist(x, x)
    rounded = [d * (1 + 2e-16 * rng.integers(-1, 2, size=d.shape)) for _ in range(3)]
    cells = [PairedCell("same", *rounded), cell(PairedCell, x, y)]
    same, other = permutation_tests(cells, 1.0, statistic=statistic)
    assert (same.p_value, same.p_adjusted) == (1.0, 1.0)
    assert other.p_adjusted == other.p_value < 1


def by_hand(kind: type, x: np.ndarray, y: np.ndarray, level: float) -> tuple[float, float]:
    """Student's t of the jackknife on the root of the effect, one draw or pair left out at a time."""
    from scipy.stats import t

    # An energy distance with each draw's distance 0 to itself, over the mean distance within, is the effect and this:
    a, b = pdist(x).mean(), pdist(y).mean()
    own = (a / len(x) + b / len(y)) / (a + b)

    def root(pair) -> float:
        return np.sqrt(effect(cell(kind, *pair)) + own)

    def spread(pairs) -> tuple[float, int]:
        values = np.array([root(pair) for pair in pairs])
        return (len(values) - 1) / len(values) * ((values - values.mean()) ** 2).sum(), len(values) - 1

    def without(z: np.ndarray, i: int) -> np.ndarray:
        return np.delete(z, i, axis=0)

    if kind is PairedCell:
        variance, freedom = spread([(without(x, i), without(y, i)) for i in range(len(x))])
    else:
        first, m = spread([(without(x, i), y) for i in range(len(x))])
        second, n = spread([(x, without(y, i)) for i in range(len(y))])
        variance = first + second
        freedom = variance**2 / (first**2 / m + second**2 / n)
    half = t.ppf((1 + level) / 2, freedom) * variance**0.5
    return (root((x, y)) - half) ** 2 - own, (root((x, y)) + half) ** 2 - own


@pytest.mark.parametrize("kind", [PairedCell, UnpairedCell])
def test_the_interval_is_a_jackknife(kind: type, rng: np.random.Generator) -> None:
    x, y = rng.normal(size=(2, 7, 3))
    y = (y if kind is PairedCell else y[:6]) + 3
    found = effect_interval(cell(kind, x, y), p_value=0.01, level=0.9)
    assert (found.low, found.high) == pytest.approx(by_hand(kind, x, y, 0.9))
    assert found.level == 0.9


def test_the_scale_of_the_interval_is_an_energy_distance(rng: np.random.Generator) -> None:
    x, y = rng.normal(size=(9, 3)), rng.normal(size=(6, 3)) + 1
    energy = 2 * cdist(x, y).mean() - cdist(x, x).mean() - cdist(y, y).mean()  # 0 distances counted in
    a, b = pdist(x).mean(), pdist(y).mean()
    own = (a / 9 + b / 6) / (a + b)
    assert effect(cell(UnpairedCell, x, y)) + own == pytest.approx(energy / (a + b))


def test_an_effect_below_what_an_energy_distance_can_be_has_an_interval() -> None:
    """Where the distance is of no negative type: here, draws nearer to each other than to themselves' fellows."""
    far = 1 - np.eye(7)
    interval = effect_interval(UnpairedCell("near", far, far, np.full((7, 7), 0.1)), p_value=1.0)
    assert interval.low < 0 <= interval.high


def test_the_interval_repeats_the_verdict_on_no_effect(rng: np.random.Generator) -> None:
    for shifted in (0.0, 0.5, 1.0, 4.0):
        for _ in range(20):
            x, y = rng.normal(size=(2, 7, 2))
            result = permutation_tests([cell(PairedCell, x, y + shifted)])[0]
            assert (0.0 in result.interval) == (result.p_value > 0.05)
            assert result.effect in result.interval or result.effect < 0
    x = rng.normal(size=(7, 2))
    rejected = effect_interval(cell(PairedCell, x, rng.normal(size=(7, 2))), p_value=0.01)
    assert str(rejected).startswith("(0, ")
    assert effect_interval(cell(PairedCell, x[:5], x[:5] + 1), p_value=0.5) is None
    assert effect_interval(cell(PairedCell, x * 0, x * 0), p_value=0.5) is None


@pytest.mark.parametrize("kind", [PairedCell, UnpairedCell])
@pytest.mark.parametrize("shifted", [0.0, 1.5])
def test_the_interval_covers(kind: type, shifted: float) -> None:
    # The effect of a shift in 4 dimensions, known from a large sample; the range leaves room for 300 simulations.
    rng = np.random.default_rng(8)
    large = rng.normal(size=(2, 1500, 4))
    truth = effect(cell(UnpairedCell, large[0], large[1] + shifted)) if shifted else 0.0
    hits = 0
    for _ in range(300):
        x, y = rng.normal(size=(2, 10, 4))
        hits += truth in permutation_tests([cell(kind, x, y + shifted)], permutations=499)[0].interval
    assert 0.91 <= hits / 300 <= 0.985


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda c: permutation_tests([c], statistic="t"), "statistic='t' is not known"),
        (lambda c: permutation_tests([c], adjust="sidak"), "adjust='sidak' is not known"),
        (lambda c: permutation_tests([c], permutations=0), "permutations=0 must be"),
        (lambda c: permutation_tests([c], permutations=18), "cannot give a p-value below 0.0526.*at least 19"),
        (lambda c: permutation_tests([c] * 80, adjust="holm"), "take at least 12 draws of each"),
        (lambda c: permutation_tests([c] * 80, adjust="holm", permutations=999), "at least 1599"),
        (lambda c: permutation_tests([c] * 80, adjust="by"), "take at least 14 draws of each"),
        (lambda c: effect_interval(c, 0.5, level=1.0), "level=1.0 must be below 1"),
    ],
)
def test_bad_input(call, words: str, rng: np.random.Generator) -> None:
    with pytest.raises(ts.InputError, match=words):
        call(cell(PairedCell, *rng.normal(size=(2, 8, 2))))
