"""All pairs of layers: the values of the functions, each layer prepared once, and pairs that cannot be had."""

import sys

import numpy as np
import pytest

import toposcope as ts
from toposcope.similarity import MEASURES
from toposcope.similarity.prepared import Prepared

BY_NAME = {measure.name: measure for measure in MEASURES}


def layers(rng: np.random.Generator, n: int = 40, widths: tuple[int, ...] = (5, 5, 5)) -> dict[str, np.ndarray]:
    common = rng.normal(size=(n, 3))
    return {
        f"layer{k}": common @ rng.normal(size=(3, width)) + rng.normal(size=(n, width))
        for k, width in enumerate(widths)
    }


@pytest.mark.parametrize("name", ["CKA", "CKA, unbiased", "CKA, RBF", "PWCCA", "RTD", "MTopDiv", "W1 of H1"])
def test_every_entry_is_the_measure_of_its_pair(name: str, rng: np.random.Generator) -> None:
    given = layers(rng)
    found = ts.similarity_matrix(given, BY_NAME[name])
    assert found.labels == tuple(given)
    assert (found.measure, found.is_metric) == (name, BY_NAME[name].is_metric)
    assert found.larger_is_more_similar == BY_NAME[name].larger_is_more_similar
    expected = [[BY_NAME[name](a, b) for b in given.values()] for a in given.values()]
    np.testing.assert_allclose(found.values, expected, rtol=1e-9, atol=1e-12)
    assert np.array_equal(found.values, found.values.T) == BY_NAME[name].is_symmetric


def test_a_sequence_is_numbered() -> None:
    rng = np.random.default_rng(0)
    assert ts.similarity_matrix(list(layers(rng).values())).labels == ("0", "1", "2")


@pytest.mark.parametrize("unbiased", [False, True])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_kept_kernel_matrices_give_the_same_cka(
    unbiased: bool, dtype: type, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    wide = [layer.astype(dtype) for layer in layers(rng, 60, (200, 150, 90)).values()]
    kept = [ts.cka(a, b, unbiased=unbiased) for a in wide for b in wide]
    monkeypatch.setattr(sys.modules["toposcope.similarity.cka"], "_SHARED", 0)
    blocks = [ts.cka(a, b, unbiased=unbiased) for a in wide for b in wide]
    assert kept == pytest.approx(blocks, rel=1e-12 if dtype is np.float64 else 1e-6)


def test_what_pairs_share_is_computed_once(rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[object] = []
    once = Prepared.once

    def counting(self, key, make):
        def noted():
            made.append(key)
            return make()

        return once(self, key, noted)

    monkeypatch.setattr(Prepared, "once", counting)
    ts.similarity_matrix(layers(rng, 20, (30, 40, 50)))
    assert made.count("gram") == 3
    made.clear()
    ts.similarity_matrix(layers(rng), BY_NAME["RTD"])
    assert made.count("scaled distances") == 3


def test_representations_are_matched_by_their_ids(rng: np.random.Generator) -> None:
    points = rng.normal(size=(30, 4))
    order = rng.permutation(30)
    a = ts.Representation(points, np.arange(30))
    b = ts.Representation(points[order], np.arange(30)[order])
    assert ts.similarity_matrix({"a": a, "b": b}).values == pytest.approx(1.0)


def test_pairs_that_cannot_be_had_are_named(rng: np.random.Generator) -> None:
    with pytest.raises(ts.InputError, match="no layers"):
        ts.similarity_matrix({})
    flat = {"first": rng.normal(size=(20, 3)), "flat": np.ones((20, 3))}
    with pytest.raises(ts.InputError, match="CKA between first and flat"):
        ts.similarity_matrix(flat)
    with pytest.raises(ts.IncomparableError, match="MTopDiv between a and b"):
        ts.similarity_matrix({"a": np.eye(5), "b": np.ones((5, 2))}, BY_NAME["MTopDiv"])
