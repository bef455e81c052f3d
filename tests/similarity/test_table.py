"""The table of all measures, and its answer: right where it is known, calibrated, refused elsewhere."""

import dataclasses
import itertools

import numpy as np
import pytest
from scipy.stats import rankdata, spearmanr

import toposcope as ts
from toposcope.similarity import MEASURES, Measure
from toposcope.similarity.measures import CKA, TOPOLOGY
from toposcope.similarity.table import _agreement, _agreements, _depth

FEW = [measure for measure in MEASURES if measure.name in ("CKA", "Procrustes", "CCA", "MTopDiv")]


def network(seed: int, layers: int = 5, n: int = 240, width: int = 6) -> dict[str, ts.Representation]:
    """Layers that wander away from the inputs, each with a size of its own."""
    inputs = np.random.default_rng(99).normal(size=(n, width))
    rng = np.random.default_rng(seed)
    out = {}
    x = inputs
    for layer in range(layers):
        x = np.tanh(x @ rng.normal(size=(width, width)) / 1.5) + 0.3 * rng.normal(size=x.shape)
        out[f"layer{layer}"] = ts.Representation(x * np.exp(rng.normal()), np.arange(n))
    return out


def custom(name: str, of) -> Measure:
    return dataclasses.replace(CKA, name=name, of=of, larger_is_more_similar=False)


REPEATS = custom("1 - CKA", lambda x, y: 1 - CKA.of(x, y))
SIZES = custom("difference of sizes", lambda x, y: abs(np.log(x.norm / y.norm)))
NOISE = custom("noise", lambda x, y: float(np.sin(1e9 * x.points[0, 0] * y.points[0, 0])))


@pytest.fixture(scope="module")
def table() -> ts.SimilarityTable:
    return ts.similarity_table(network(0, 4), network(1, 4), draws=6)


def test_the_table_holds_every_measure_between_every_two_layers(table: ts.SimilarityTable) -> None:
    a, b = network(0, 4), network(1, 4)
    values = table.values
    assert set(values["measure"]) == {measure.name for measure in MEASURES}
    assert len(values) == 6 * 16 * len(MEASURES)
    rows = ts.disjoint_draws(np.arange(240), 40, 6)[2]
    for measure in MEASURES:
        row = values[
            (values["draw"] == 2)
            & (values["layer_a"] == "layer1")
            & (values["layer_b"] == "layer3")
            & (values["measure"] == measure.name)
        ]
        expected = measure(a["layer1"].take(rows), b["layer3"].take(rows))
        assert row["value"].item() == pytest.approx(expected, rel=1e-10)
        assert row["larger_is_more_similar"].item() == measure.larger_is_more_similar
    assert table.notes == ()
    assert table.answer in repr(table)
    assert len(table.agreements) == len(MEASURES) * (len(MEASURES) - 1) // 2
    assert (table.agreements["low"] <= table.agreements["high"]).sum() > 100


def test_two_measures_that_say_the_same_agree_wholly(table: ts.SimilarityTable) -> None:
    rows = table.agreements.set_index(["measure_a", "measure_b"])
    assert rows.loc[("Procrustes", "shape distance"), "agreement"] == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize(
    ("topology", "words"),
    [
        (REPEATS, "Topology repeats what CKA says here of these fixed networks.*1.00"),
        (SIZES, "Topology adds to what CKA says here of these fixed networks.*below 0.9"),
        (NOISE, "cannot be said here.*ranking by noise.*larger draws"),
    ],
)
def test_the_answer_is_right_where_it_is_known(topology: Measure, words: str) -> None:
    import re

    answer = ts.similarity_table(network(0), network(1), measures=[], topology=topology, draws=8).answer
    assert re.search(words, answer), answer


def test_an_answer_may_be_that_it_is_not_settled() -> None:
    mixed = custom("both", lambda x, y: REPEATS.of(x, y) + 0.08 * SIZES.of(x, y))
    noisy = custom("noisy", lambda x, y: mixed.of(x, y) + 0.1 * NOISE.of(x, y))
    answer = ts.similarity_table(network(0), network(1), measures=[], topology=noisy, draws=6, same=0.85).answer
    assert "is not settled" in answer


def test_networks_are_the_unit_where_there_are_several() -> None:
    first, second = [network(k) for k in range(6)], [network(100 + k) for k in range(6)]
    table = ts.similarity_table(first, second, measures=[], topology=REPEATS, draws=3)
    assert "repeats what CKA says here of networks trained like these" in table.answer
    assert table.unit == "6 pairs of separately trained networks"
    assert len(table.values) == 2 * 6 * 3 * 25
    assert set(table.values["pair"]) == set(range(6))
    of_one = table.values.query("pair == 4 and draw == 1 and measure == 'CKA'")["value"].to_numpy()
    rows = ts.disjoint_draws(np.arange(240), 80, 3)[1]
    expected = [ts.cka(a.take(rows), b.take(rows)) for a in first[4].values() for b in second[4].values()]
    np.testing.assert_allclose(of_one, expected, rtol=1e-10)
    assert "adds to" in ts.similarity_table(first, second, measures=[], topology=SIZES, draws=3).answer


def test_one_network_is_compared_with_itself_without_the_diagonal() -> None:
    table = ts.similarity_table(list(network(0).values()), measures=FEW, draws=5)
    assert len(table.values) == 5 * 10 * 5
    assert (table.values["layer_a"] < table.values["layer_b"]).all()


def test_what_is_left_out_is_said() -> None:
    a, b = network(0), network(1)
    b["layer4"] = ts.Representation(np.random.default_rng(0).normal(size=(240, 60)), np.arange(240))
    table = ts.similarity_table(a, b, measures=FEW, draws=6)
    assert set(table.values["measure"]) == {"CKA", "Procrustes", TOPOLOGY.name}
    assert any("CCA left out: between layer0 and layer4, canonical correlations" in note for note in table.notes)
    assert any("MTopDiv left out" in note for note in table.notes)


def test_inputs_are_matched_by_their_ids() -> None:
    a, b = network(0), network(1)
    order = np.random.default_rng(0).permutation(240)
    one, other = (
        ts.similarity_table(a, layers, measures=FEW, draws=5).values["value"]
        for layers in (b, {name: layer.take(order) for name, layer in b.items()})
    )
    np.testing.assert_allclose(one, other, rtol=1e-9)


@pytest.mark.parametrize(
    ("units", "cells", "latent", "noise"), [(5, 15, 0.9, 0.2), (8, 36, 0.3, 1.0), (10, 15, 0.99, 0.5)]
)
def test_the_interval_covers(units: int, cells: int, latent: float, noise: float) -> None:
    """Rankings with a known agreement, and noise that one unit's two rankings share."""
    rng = np.random.default_rng(units)
    p = rng.normal(size=cells)
    q = latent * p + np.sqrt(1 - latent**2) * rng.normal(size=cells)

    def ranks(count: int) -> list[np.ndarray]:
        shared = rng.normal(size=(count, cells))
        return [
            rankdata(m + noise * (shared + rng.normal(size=(count, cells))), axis=1) - (cells + 1) / 2 for m in (p, q)
        ]

    mean_p, mean_q = (r.mean(axis=0) for r in ranks(20_000))
    truth = mean_p @ mean_q / np.sqrt(mean_p @ mean_p * (mean_q @ mean_q))
    found = np.array([_agreement(*(r[None] for r in ranks(units)), 0.95) for _ in range(250)])
    covered = (found[:, 1] <= truth) & (truth <= found[:, 2])
    assert covered.mean() >= 0.9
    assert abs(np.nanmean(found[:, 0]) - truth) < 0.05
    # Ranks of one unit correlate through their shared noise: taken within units the estimate would be wrong.
    if noise == 1.0:
        within = np.mean([[spearmanr(x, y)[0] for x, y in zip(*ranks(1), strict=True)] for _ in range(250)])
        assert abs(within - truth) > 0.05


def test_what_depth_explains_is_left_out_of_the_answer() -> None:
    """Both rankings follow the distance in depth; what is left of them has nothing in common."""
    rng = np.random.default_rng(0)
    cells = list(itertools.product(range(6), range(6)))
    depth = _depth(cells, 6, 6)
    own, other = rng.normal(size=(2, 36))
    apart = np.array([abs(i - j) for i, j in cells])
    values = {
        measure: (5 * apart + 3 * part)[None, None] + 0.1 * rng.normal(size=(1, 8, 36))
        for measure, part in ((SIZES, own), (REPEATS, other))
    }
    (found,) = _agreements(values, depth, 0.95)
    assert found.low > 0.7
    ranks = [rankdata(-(5 * apart + 3 * part)) for part in (own, other)]
    left = [r - depth @ np.linalg.lstsq(depth, r, rcond=None)[0] for r in ranks]
    assert found.beyond_depth == pytest.approx(np.corrcoef(*left)[0, 1], abs=0.05)
    assert found.beyond_depth < 0.5
    assert found.noise_a < 0.05


def test_the_interval_covers_over_pairs_of_networks() -> None:
    """Every pair has rankings of its own; what is common is how much of them agrees."""
    rng = np.random.default_rng(0)

    def ranks(pairs: int, draws: int) -> list[np.ndarray]:
        p, own = rng.normal(size=(2, pairs, 1, 20))
        q = 0.8 * p + 0.6 * own
        noise = rng.normal(size=(2, pairs, draws, 20)) + rng.normal(size=(pairs, draws, 20))
        return [rankdata(m + 0.5 * e, axis=-1) - 10.5 for m, e in zip((p, q), noise, strict=True)]

    truth = _agreement(*ranks(2_000, 6), 0.95)[0]
    found = np.array([_agreement(*ranks(6, 3), 0.95) for _ in range(250)])
    assert ((found[:, 1] <= truth) & (truth <= found[:, 2])).mean() >= 0.9


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: ts.similarity_table(network(0), network(1), draws=4), "4 disjoint draws.*take at least draws=5"),
        (lambda: ts.similarity_table(network(0), network(1), draws=20), "hold 12 each.*at least 400 inputs"),
        (lambda: ts.similarity_table(network(0), network(1), size=100, draws=5), "need 500 inputs"),
        (lambda: ts.similarity_table(network(0, 3), network(1, 3)), "9 pairs of layers are too few"),
        (lambda: ts.similarity_table({}, network(1)), "reps_a has no layers"),
        (lambda: ts.similarity_table([network(0)] * 5, network(1)), "one network and reps_b several"),
        (lambda: ts.similarity_table([network(0)] * 5, [network(1)] * 6), "5 networks and reps_b 6"),
        (lambda: ts.similarity_table([network(0)] * 3, [network(1)] * 3), "3 pairs of networks give no interval"),
        (lambda: ts.similarity_table(*[[network(0)] * 5] * 2), "stands in two pairs"),
        (
            lambda: ts.similarity_table(
                [network(k, 4 + (k > 2)) for k in range(5)], [network(9 + k) for k in range(5)]
            ),
            "different numbers of layers",
        ),
        (lambda: ts.similarity_table(network(0), network(1), level=1.0), "level"),
        (lambda: ts.similarity_table(network(0), network(1), same=2), "same=2"),
        (lambda: ts.similarity_table(network(0), network(1), seed=-1), "seed"),
        (lambda: ts.similarity_table(network(0), network(1, n=200)), "only in"),
        (
            lambda: ts.similarity_table({**network(0), "dead": np.ones((240, 3))}, network(1), measures=[]),
            "the question needs CKA, which is left out: between dead and layer0",
        ),
    ],
)
def test_what_cannot_be_answered_is_refused(call, words: str) -> None:
    with pytest.raises(ts.InputError, match=words):
        call()
