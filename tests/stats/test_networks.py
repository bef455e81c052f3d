"""Networks as units: the pseudo-F and the variance components against classical analysis of variance."""

import itertools

import numpy as np
import pytest
from scipy.stats import f_oneway

import toposcope as ts
from toposcope.stats.networks import components_of, labellings, pseudo_f, smallest_p_of_networks, unequal_numbers


def squares(x: np.ndarray) -> np.ndarray:
    return ((x[:, None] - x[None, :]) ** 2).sum(axis=-1)


def trained(seed: int, width: int, x: np.ndarray) -> ts.Representation:
    """A random layer stands for a trained network."""
    weights = np.random.default_rng(seed).normal(size=(x.shape[1], width))
    ids = np.arange(len(x))
    return ts.Representation(np.maximum(x @ weights, 0), ids, source=ts.Source(network=f"{width}-{seed}"))


@pytest.fixture
def families(rng: np.random.Generator) -> dict[str, list[ts.Representation]]:
    x = rng.normal(size=(80, 8))
    return {"wide": [trained(s, 64, x) for s in range(4)], "narrow": [trained(9 + s, 4, x) for s in range(4)]}


@pytest.mark.parametrize("sizes", [(4, 5), (3, 4, 2)])
def test_pseudo_f_is_fishers_f_on_a_line(sizes: tuple[int, ...], rng: np.random.Generator) -> None:
    x = rng.normal(size=sum(sizes))
    labels = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    expected = f_oneway(*(x[labels == group] for group in range(len(sizes)))).statistic
    assert pseudo_f(squares(x[:, None]), labels[None])[0] == pytest.approx(expected)


def test_pseudo_f_where_nothing_varies() -> None:
    labels = np.array([[0, 0, 1, 1]])
    assert pseudo_f(np.zeros((4, 4)), labels)[0] == 0
    assert pseudo_f(squares(np.array([[0.0], [0.0], [1.0], [1.0]])), labels)[0] == np.inf


def test_unequal_groups_of_one_centre_are_told_apart_by_their_scatter(rng: np.random.Generator) -> None:
    # What the docstring and the claim say: sds of 3 and 1 about one centre in ten dimensions.
    def rejected(sizes: list[int], trials: int = 150) -> float:
        labels = labellings(sizes, 0, 199)
        widths = np.repeat([3.0, 1.0], sizes)[:, None]
        nulls = (pseudo_f(squares(widths * rng.normal(size=(sum(sizes), 10))), labels) for _ in range(trials))
        return float(np.mean([np.mean(null >= null[0] - 1e-9) <= 0.05 for null in nulls]))

    assert rejected([5, 10]) > 0.25  # 0.40 in a thousand
    assert rejected([10, 5]) < 0.04  # 0.00
    assert rejected([5, 5]) < 0.14  # 0.07


def test_what_unequal_numbers_leave_open_is_said() -> None:
    x = np.array([0.0, 2.0, 4.0, 1.0, 1.0])
    distances = np.abs(x[:, None] - x)
    labels, names = np.array([0, 0, 0, 1, 1]), ["wide", "narrow"]
    ends = " (mean distances: 2.67 among 3 of wide, 0 among 2 of narrow); equally many of each would tell"
    assert unequal_numbers(distances, labels, names, shown=True) == (
        f"; the numbers are unequal, so a difference in scatter alone can be what was seen{ends}"
    )
    assert unequal_numbers(distances, labels, names, shown=False) == (
        f"; the numbers are unequal, and a larger group that scatters more hides differences{ends}"
    )
    for shown in (True, False):
        assert unequal_numbers(distances[:4, :4], np.array([0, 0, 1, 1]), names, shown) == ""


def test_labellings_are_all_of_them_once() -> None:
    for sizes in ([4, 4], [2, 3], [2, 2, 2]):
        found = [tuple(row) for row in labellings(sizes, 0, 20_000).tolist()]
        observed = tuple(np.repeat(np.arange(len(sizes)), sizes).tolist())
        assert found[0] == observed
        assert len(set(found)) == len(found)
        assert set(found) == set(itertools.permutations(observed))
    sampled = labellings([8, 8], 0, 500)
    assert sampled.shape == (501, 16)
    assert (sampled.sum(axis=1) == 8).all()
    assert sampled[0].tolist() == [0] * 8 + [1] * 8


def test_smallest_p_is_reached_by_the_clearest_difference() -> None:
    for sizes in ([4, 4], [3, 5], [2, 2, 3], [2, 2, 2]):
        labels = labellings(sizes, 0, 20_000)
        x = 100.0 ** labels[0][:, None] + np.arange(sum(sizes))[:, None] * 1e-3
        f = pseudo_f(squares(x), labels)
        assert np.mean(f >= f[0] - 1e-9) == pytest.approx(smallest_p_of_networks(sizes))
    assert smallest_p_of_networks([30, 30]) == 1e-4
    assert smallest_p_of_networks([4, 4], 19) == 0.05


def test_components_are_unbiased() -> None:
    true = {"architecture": 1.0, "seed": 0.5, "draw": 2.0, "architecture by draw": 0.3, "residual": 0.7}
    a, s, k, d = 4, 3, 5, 6
    shapes = [(a, 1, 1, d), (a, s, 1, d), (1, 1, k, d), (a, 1, k, d), (a, s, k, d)]
    rng = np.random.default_rng(0)
    found: dict[str, list[float]] = {name: [] for name in true}
    for _ in range(300):
        parts = [v**0.5 * rng.normal(size=shape) for v, shape in zip(true.values(), shapes, strict=True)]
        x = sum(parts, np.zeros((a, s, k, d))).reshape(-1, d)
        for name, value in components_of(squares(x), a, s, k).components.items():
            found[name].append(value / d)
    for name, values in found.items():
        assert abs(np.mean(values) - true[name]) < 4 * np.std(values) / 300**0.5


def test_mean_squares_are_those_of_the_analysis_of_variance(rng: np.random.Generator) -> None:
    a, s, k = 3, 2, 4
    x = rng.normal(size=(a, s, k)) + rng.normal(size=(a, 1, 1))
    m, ma, ms, mk = x.mean(), x.mean((1, 2), keepdims=True), x.mean(2, keepdims=True), x.mean((0, 1), keepdims=True)
    mak = x.mean(1, keepdims=True)
    parts = {
        "architecture": (ma - m, a - 1),
        "seed": (ms - ma, a * (s - 1)),
        "draw": (mk - m, k - 1),
        "architecture by draw": (mak - ma - mk + m, (a - 1) * (k - 1)),
        "residual": (x - ms - mak + ma, a * (s - 1) * (k - 1)),
    }
    found = components_of(squares(x.reshape(-1, 1)), a, s, k, "W1, H1")
    for name, (part, freedom) in parts.items():
        expected = (np.broadcast_to(part, x.shape) ** 2).sum() / freedom
        assert found.mean_squares[name] == pytest.approx(expected)
        assert found.degrees_of_freedom[name] == freedom
    assert [line.split("  ")[0] for line in str(found).splitlines()] == ["component", *parts]
    with pytest.raises(ts.InputError, match="component='depth' is not known"):
        found.share("depth")
    assert components_of(np.zeros((24, 24)), a, s, k).share("draw") == 0


def test_architectures_are_told_apart(families) -> None:
    found = ts.test_architectures(families, draws=4)
    assert found.p_value == pytest.approx(2 / 70)
    assert found.effect > 0.05
    assert found.interval is None
    assert found.unit == "network, relabelled (4 and 4)"
    assert found.claim == (
        "wide and narrow, W1, H1: rejected at 0.05 that the diagrams of networks of wide and narrow, trained from "
        "separate seeds, follow one law (4 and 4 networks, 4 draws of 20 points, every relabelling, p = 0.0286)"
    )
    unequal = ts.test_architectures({**families, "wide": families["wide"][:3]}, draws=4)
    assert unequal.p_value <= 0.05
    assert "difference in scatter alone can be what was seen" in unequal.claim
    one = families["wide"] + families["narrow"]
    mixed = ts.test_architectures({"a": one[::2], "b": one[1::2]}, draws=4)
    assert mixed.p_value > 0.3
    assert mixed.claim.endswith("not evidence that they are equal")
    fewer = ts.test_architectures({"a": one[::2], "b": one[3::2]}, draws=4)
    assert fewer.p_value > 0.05
    assert "not evidence that they are equal; the numbers are unequal, and a larger group that" in fewer.claim
    assert ts.test_architectures(families, draws=4, degree=(0, 1), scale_of="pooled").p_value <= 0.05


def test_its_statistic_is_the_pipeline_by_hand(families) -> None:
    found = ts.test_architectures(families, draws=3, size=25, threads=2)
    networks = families["wide"] + families["narrow"]
    rows = ts.disjoint_draws(np.arange(80), 25, 3)
    d = np.mean(
        [ts.compare([ts.vietoris_rips(n.points[r], 1, scale="q0.9") for n in networks]).values for r in rows], axis=0
    )
    assert found.statistic == pytest.approx(pseudo_f(d**2, np.array([[0] * 4 + [1] * 4]))[0])
    within = np.mean([d[:4, :4][~np.eye(4, dtype=bool)].mean(), d[4:, 4:][~np.eye(4, dtype=bool)].mean()])
    assert found.effect == pytest.approx(d[:4, 4:].mean() / within - 1)


def test_components_of_networks(families) -> None:
    found = ts.variance_components(families, draws=4, size=20)
    assert found.share("architecture") > 0.05
    assert found.measure == "W1, H1"
    assert found.degrees_of_freedom["seed"] == 6
    assert sum(map(found.share, found.components)) == pytest.approx(1.0)


def test_nulls_with_networks_as_units() -> None:
    # 100 nulls; 1/35 of them on average, more than 12 once in 30,000 times.
    rng = np.random.default_rng(5)
    rejected = 0
    for null in range(100):
        x = rng.normal(size=(30, 6))
        networks = [trained(8 * null + k, 5, x) for k in range(8)]
        found = ts.test_architectures({"a": networks[:4], "b": networks[4:]}, degree=0, draws=2, threads=1)
        rejected += found.p_value <= 0.05
    assert rejected <= 12


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda f: ts.test_architectures({k: v[:3] for k, v in f.items()}), "train at least 4 networks of each"),
        (lambda f: ts.test_architectures(f, permutations=9), "more permutations than 9"),
        (lambda f: ts.test_architectures({"one": f["wide"]}), "holds 1 architecture"),
        (lambda f: ts.test_architectures({**f, "c": f["wide"][:1]}), "architecture 'c' has 1 network"),
        (
            lambda f: ts.test_architectures({**f, "c": [f["wide"][0].take(np.arange(9))] * 2}),
            "network 0 of 'c' holds other",
        ),
        (lambda f: ts.test_architectures(f, draws=30), "give at least 120 inputs, or take fewer draws"),
        (lambda f: ts.test_architectures(f, draws=9, size=20), "9 disjoint draws of 20 points need 180"),
        (lambda f: ts.variance_components({**f, "c": f["wide"][:3]}), "4 of wide, 4 of narrow, 3 of c; take 3 of each"),
        (lambda f: ts.variance_components(f, draws=1), "draws=1 must be an integer of at least 2"),
    ],
)
def test_bad_input(families, change, words: str) -> None:
    with pytest.raises(ts.InputError, match=words):
        change(families)
