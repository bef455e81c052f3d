"""From two representations to a verdict."""

import numpy as np
import pytest

import toposcope as ts
from toposcope.stats import PairedCell, UnpairedCell, difference, permutation_tests
from toposcope.stats.draws import landscape_distances, measurement, most_draws, rows_per_draw


def representation(points: np.ndarray, first: int = 0, layer: str = "layer") -> ts.Representation:
    ids = np.arange(first, first + len(points))
    return ts.Representation(points, ids, source=ts.Source(network="net", layer=layer))


@pytest.fixture
def cloud(rng: np.random.Generator) -> np.ndarray:
    return rng.normal(size=(240, 3))


def circle(n: int, rng: np.random.Generator) -> np.ndarray:
    angle = rng.uniform(0, 2 * np.pi, n)
    return np.stack([np.cos(angle), np.sin(angle), 0 * angle], axis=1) + 0.05 * rng.normal(size=(n, 3))


def test_paired_is_the_pipeline_by_hand(cloud, rng) -> None:
    a, b = representation(cloud), representation(cloud + rng.normal(size=cloud.shape))
    rows = ts.disjoint_draws(a.sample_ids, 30, 8, seed=5)
    diagrams = [ts.vietoris_rips(x.points[r], 1, scale="q0.9") for x in (a, b) for r in rows]
    d = ts.compare(diagrams, "wasserstein", degree=1).values
    expected = permutation_tests([PairedCell("", d[:8, :8], d[8:, 8:], d[:8, 8:])], seed=5)[0]
    # Which rows are alike is known by the ids, whatever their order.
    order = rng.permutation(240)
    for other in (b, b.take(order)):
        found = ts.test_difference(a, other, size=30, draws=8, seed=5)
        assert found.p_value == expected.p_value
        assert found.statistic == pytest.approx(expected.statistic)
        assert found.effect == pytest.approx(expected.effect)
        assert found.unit == "draw of inputs, swapped between a and b (8 pairs)"
        assert "8 paired draws of 30 points" in found.claim
        assert "net / layer and net / layer, W1, H1" in found.claim


def test_unpaired_is_the_pipeline_by_hand(cloud, rng) -> None:
    a, b = representation(cloud), representation(rng.normal(size=(200, 3)), first=1000)
    found = ts.test_difference(a, b, degree=0, distance="bottleneck", draws=5, size=20, scale=None)
    rows = [ts.disjoint_draws(x.sample_ids, 20, 5) for x in (a, b)]
    diagrams = [ts.vietoris_rips(x.points[r], 0) for x, part in zip((a, b), rows, strict=True) for r in part]
    d = ts.compare(diagrams, "bottleneck", degree=0).values
    expected = permutation_tests([UnpairedCell("", d[:5, :5], d[5:, 5:], d[:5, 5:])])[0]
    assert (found.p_value, found.statistic) == (expected.p_value, pytest.approx(expected.statistic))
    assert "bottleneck, H0" in found.claim


def test_same_inputs_unpaired_share_no_row(cloud, monkeypatch) -> None:
    seen = []
    make = difference.split_inputs
    monkeypatch.setattr(difference, "split_inputs", lambda *args: seen.append(make(*args)) or seen[-1])
    a = representation(cloud)
    assert ts.test_difference(a, a, paired=False, draws=5).p_value > 0.05
    rows = np.concatenate([*seen[0].a, *seen[0].b])
    assert len(rows) == len(set(rows.tolist())) == 240
    assert not seen[0].paired


def test_a_circle_is_no_blob_and_a_turned_cloud_is_the_same(cloud, rng) -> None:
    blob, ring = representation(cloud), representation(circle(240, rng), first=500)
    for options in ({}, {"statistic": "landscape"}, {"degree": (0, 1)}, {"statistic": "loss"}, {"splits": 3}):
        assert ts.test_difference(blob, ring, draws=8, **options).p_value <= 0.01
    turn = np.linalg.qr(rng.normal(size=(5, 3)))[0]
    turned = representation(cloud @ turn.T * 3)
    same = ts.test_difference(blob, turned)
    assert same.p_value > 0.5
    assert 0 in same.interval
    assert "not evidence that they are equal" in same.claim


def test_size_counts_only_under_a_pooled_scale(cloud) -> None:
    small, large = representation(cloud), representation(cloud * 1.5)
    assert ts.test_difference(small, large).p_value > 0.5
    assert ts.test_difference(small, large, scale_of="pooled").p_value <= 0.01
    assert ts.test_difference(small, large, scale=None).p_value <= 0.01


def test_defaults_take_all_inputs_and_enough_draws(cloud) -> None:
    a = representation(cloud)
    assert "10 paired draws of 24 points" in ts.test_difference(a, a).claim
    assert "14 paired draws of 17 points" in ts.test_difference(a, a, alpha=2e-4).claim
    assert "8 paired draws of 30 points" in ts.test_difference(a, a, size=30).claim
    assert "20 paired draws of 6 points" in ts.test_difference(a, a, size=6).claim


def test_splits_give_twice_the_median(cloud, rng) -> None:
    a, b = representation(cloud), representation(cloud * [1, 1, 0.2])
    found = ts.test_difference(a, b, draws=8, splits=3)
    assert found.adjustment == "twice the median p of 3 splits"
    assert found.interval is None
    assert found.p_value == found.p_adjusted
    one = ts.test_difference(a, b, draws=8)
    assert found.effect != one.effect
    assert found.p_value * 64 == int(found.p_value * 64)  # twice a multiple of 1/128
    # The first split is that of a test with one; the others have hashes of their own.
    alone = [ts.test_difference(a, b, draws=8, seed=difference._seed_of(0, turn)).p_value for turn in range(3)]
    assert len(set(alone)) == 3
    assert alone[0] == one.p_value
    assert found.p_value == 2 * np.median(alone) < 1


def test_tokens_are_drawn_as_often_as_their_rows_allow(rng) -> None:
    ids = np.repeat(np.arange(100), 3)
    a, b = (ts.Representation(rng.normal(size=(300, 3)), ids) for _ in range(2))
    # Six inputs of three tokens make sixteen points; 100 inputs are sixteen times six.
    assert "16 paired draws of 16 points" in ts.test_difference(a, b, size=16).claim
    # Inputs of few tokens may fall together.
    uneven = ts.Representation(rng.normal(size=(150, 3)), np.repeat(np.arange(60), [2, 3] * 30))
    assert most_draws(uneven, 20) == 6
    assert rows_per_draw(uneven, 6) >= 20 > rows_per_draw(uneven, 7)
    assert most_draws(uneven, 151) == 0


def test_the_same_to_the_bit_for_every_number_of_threads(cloud, rng) -> None:
    a, b = representation(cloud), representation(rng.normal(size=(240, 4)), first=999)
    one, two = (ts.test_difference(a, b, draws=6, threads=threads, degree=(0, 1)) for threads in (1, 3))
    assert one.null.tobytes() == two.null.tobytes()
    assert (one.claim, one.effect) == (two.claim, two.effect)


def test_widths_are_named(cloud) -> None:
    a, b = representation(cloud), representation(np.concatenate([cloud, cloud**2], axis=1))
    assert "with 3 and 6 dimensions this says that the diagram laws differ" in ts.test_difference(a, b).claim


def test_rows_of_one_id_are_one_unit(rng) -> None:
    ids = np.repeat(np.arange(60), 4)
    a, b = (ts.Representation(rng.normal(size=(240, 3)), ids) for _ in range(2))
    assert "10 paired draws of 24 points" in ts.test_difference(a, b).claim


def test_equal_rows_of_different_inputs_are_warned_of(cloud) -> None:
    repeated = cloud.copy()
    repeated[7] = repeated[100]
    with pytest.warns(ts.ToposcopeWarning, match="1 row.s. equal the row of another input"):
        ts.test_difference(representation(cloud), representation(repeated))
    with pytest.warns(ts.ToposcopeWarning, match="240 row.s. equal"):
        ts.test_difference(representation(cloud), representation(cloud, first=240))


def test_landscape_distances_are_integrals() -> None:
    # Two tents of height 1 and base 2: apart they differ by both squares, 2/3 each; half overlapping by 1/2 of that.
    tents = [np.array([[0.0, 2.0]]), np.array([[2.0, 4.0]]), np.array([[1.0, 3.0]])]
    filtration = ts.vietoris_rips(np.zeros((1, 1))).filtration
    diagrams = [ts.PersistenceDiagram(bars, np.ones(1, dtype=int), filtration) for bars in tents]
    found = landscape_distances(diagrams, 1)
    overlap = 2 * 1 / 6 / 2  # the integral of t(1 - t) over the unit where one falls and the other rises
    assert found[0, 1] ** 2 == pytest.approx(4 / 3, rel=1e-4)
    assert found[0, 2] ** 2 == pytest.approx(4 / 3 - 2 * overlap, rel=1e-4)
    nothing = ts.PersistenceDiagram(np.empty((0, 2)), np.empty(0, dtype=int), filtration)
    assert not landscape_distances([nothing, nothing], 1).any()


def test_joined_degrees_weigh_alike(cloud, rng) -> None:
    a, b = representation(cloud), representation(rng.normal(size=(240, 3)), first=999)
    found = ts.test_difference(a, b, degree=(0, 1), draws=5)
    cells = []
    for degree in (0, 1):
        clouds = [x.points[r] for x in (a, b) for r in ts.disjoint_draws(x.sample_ids, 48, 5)]
        diagrams = [ts.vietoris_rips(points, 1, scale="q0.9") for points in clouds]
        d = ts.compare(diagrams, degree=degree).values
        cells.append(d / d[~np.eye(10, dtype=bool)].mean())
    d = sum(cells)
    assert found.statistic == pytest.approx(
        permutation_tests([UnpairedCell("", d[:5, :5], d[5:, 5:], d[:5, 5:])])[0].statistic
    )


def test_draws_of_the_same_inputs_do_not_set_the_weight_of_a_degree(rng) -> None:
    one, two = rng.random((2, 6, 6))
    apart = np.arange(6)[:, None] % 3 != np.arange(6)[None, :] % 3
    joined = measurement((0, 1), None, "q0.9", "energy", "euclidean", "draw", 1).joined([one, two], apart)
    np.testing.assert_allclose(joined, one / one[apart].mean() + two / two[apart].mean())


def test_a_pooled_scale_is_the_quantile_within_all_draws(rng) -> None:
    from scipy.spatial.distance import pdist

    clouds = [("x", rng.normal(size=(12, 3)) * size) for size in (1, 2, 5)]
    diagrams = measurement(0, None, "q0.9", "energy", "euclidean", "pooled", 1).diagrams(clouds)
    expected = np.quantile(np.concatenate([pdist(points) for _name, points in clouds]), 0.9)
    assert [diagram.filtration.scale_value for diagram in diagrams] == pytest.approx([expected] * 3)


def test_a_grid_shares_its_relabellings(cloud, rng) -> None:
    first, second = representation(cloud, layer="1"), representation(np.maximum(cloud, 0), layer="2")
    other = representation(circle(240, rng), layer="3")
    pairs = {"near": (first, second), "far": (first, other)}
    found = ts.test_differences(pairs, draws=8)
    assert list(found) == [("near", 0), ("near", 1), ("far", 0), ("far", 1)]
    for (name, degree), result in found.items():
        alone = ts.test_difference(*pairs[name], degree=degree, draws=8)
        assert (result.p_value, result.statistic) == (alone.p_value, pytest.approx(alone.statistic))
        assert result.p_adjusted >= result.p_value
        assert result.adjustment == "step-down max-T over 4 tests"
        assert result.claim.startswith(f"{name}: net / ")
    assert ts.test_differences({}) == {}
    with pytest.raises(ts.InputError, match="take at least 8 draws of each"):
        ts.test_differences(pairs, draws=7, adjust="holm")
    with pytest.raises(ts.InputError, match="'c' holds other inputs than the first pair"):
        ts.test_differences({**pairs, "c": (representation(cloud, first=1), representation(cloud, first=1))})


def test_pytest_leaves_them_alone() -> None:
    assert not any(f.__test__ for f in (ts.test_difference, ts.test_differences, ts.test_architectures, ts.TestResult))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"first": 100}, "share 140 of their 240 and 240 inputs.*keep the 140 shared ones"),
        ({"first": 500, "paired": True}, "paired=True needs the same inputs"),
        ({"draws": 5}, "5 paired draws cannot give a p-value below 0.0625.*take at least 6 draws"),
        ({"draws": 3, "paired": False}, "3 draws cannot give a p-value below 0.1.*take at least 4 draws"),
        ({"size": 50}, "240 inputs give 4 disjoint draws of 50.*needs 6; give 300 inputs, or take size=40"),
        ({"size": 50, "draws": 6}, "6 disjoint draws of 50 points need 300 inputs"),
        ({"draws": 100}, "240 inputs give 100 draws of 2 points.*needs 4; give at least 400 inputs"),
        ({"size": 3}, "size=3 must be an integer of at least 4"),
        ({"draws": 6, "splits": 5}, "take at least 7 draws"),
        ({"permutations": 5}, "take at least 19 or None"),
        ({"statistic": "landscape", "distance": "bottleneck"}, "has no place"),
        ({"statistic": "t"}, "statistic='t' is not known"),
        ({"distance": "cosine"}, "distance='cosine' is not known"),
        ({"scale": "whole"}, "scale='whole' is not known"),
        ({"scale_of": "representation"}, "scale_of='representation' is not known"),
        ({"degree": ()}, "degree=.. must be one degree"),
        ({"degree": (1, 1)}, "must be one degree"),
        ({"alpha": 0}, "alpha=0 must be a number above 0"),
        ({"threads": 0}, "threads=0 must be"),
        ({"seed": -1}, "seed=-1 must be"),
        ({"metric": "angle"}, "metric='angle' is not known"),
    ],
)
def test_bad_input(cloud, options: dict, words: str) -> None:
    options = dict(options)
    a, b = representation(cloud), representation(cloud + 1e-3 * cloud**2, first=options.pop("first", 0))
    with pytest.raises(ts.InputError, match=words):
        ts.test_difference(a, b, **options)


def test_equal_ids_of_different_data_are_asked_about(cloud) -> None:
    a, b = (ts.Representation(cloud, np.arange(240), source=ts.Source(data=data)) for data in ("train", "test"))
    with pytest.raises(ts.InputError, match="come from test and train; pass paired=True if"):
        ts.test_difference(a, b)
    assert ts.test_difference(a, b, paired=True).p_value == 1


def test_a_dead_layer_is_named(cloud) -> None:
    dead = representation(np.zeros((240, 3)), layer="dead")
    with pytest.raises(ts.InputError, match="net / dead, draw 0: scale='q0.9'"):
        ts.test_difference(representation(cloud), dead)
    with pytest.raises(ts.InputError, match="within all draws is 0"):
        ts.test_difference(dead, dead, scale_of="pooled")


@pytest.mark.parametrize("paired", [True, False])
def test_nulls_are_rejected_as_often_as_they_should(paired: bool) -> None:
    # 120 nulls in both degrees at 0.05; more than 18 happen once in 20,000 times. The long version is a benchmark.
    rng = np.random.default_rng(11)
    n = 6 * 20
    rejected = {0: 0, 1: 0}
    for seed in range(120):
        x = rng.normal(size=(2 - paired, n, 2)) + 9 * (rng.random((2 - paired, n, 1)) < 0.05)
        x = x + (0.5 if paired else 0.0) * rng.normal(size=(2, n, 2))
        a, b = representation(x[0]), representation(x[1], first=0 if paired else n)
        found = ts.test_differences({"": (a, b)}, draws=6, seed=seed, adjust="none", threads=1)
        for (_name, degree), result in found.items():
            rejected[degree] += result.p_value <= 0.05
    assert max(rejected.values()) <= 18
    assert min(rejected.values()) >= 1
