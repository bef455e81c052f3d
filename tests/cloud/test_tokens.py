"""Tokens of outsized norm: planted ones are counted, class tokens apart, and nothing is where nothing is."""

import math

import numpy as np
import pytest

import toposcope as ts
from toposcope.cloud.tokens import NORMAL_RATE, token_places

FIRST = "one row per token, 17 per input, class token first"


def tokens(
    rng: np.random.Generator, inputs: int = 60, registers: bool = False, reduction: str = FIRST
) -> ts.Representation:
    """A class token of norm about 30, 16 patches of norm about 5; a register in every second input at place 7."""
    points = rng.normal(size=(inputs, 17, 24))
    points[:, 0] *= 6
    if registers:
        points[::2, 7] *= 10
    ids = np.repeat([f"image {k}" for k in range(inputs)], 17)
    return ts.Representation(points.reshape(-1, 24), ids, source=ts.Source(reduction=reduction))


def test_planted_registers_are_found(rng: np.random.Generator) -> None:
    layer = tokens(rng, registers=True)
    found = ts.token_outliers(layer)
    planted = np.zeros((60, 17), dtype=bool)
    planted[::2, 7] = True
    assert found.outliers[planted.ravel()].all()
    assert found.outliers.sum() <= planted.sum() + 2  # a few always stand out
    assert found.class_tokens.reshape(60, 17).sum(axis=0).tolist() == [60] + [0] * 16
    assert found.share == pytest.approx(30 / 960, rel=0.1)
    assert found.inputs == pytest.approx(0.5, abs=0.03)
    assert found.place == pytest.approx(1.0, abs=0.05)
    assert found.norm == pytest.approx(10, rel=0.1)
    assert found.class_norm == pytest.approx(6, rel=0.1)
    assert ts.norm_outliers(layer.take(~found.outliers & ~found.class_tokens)).sum() <= 2
    assert repr(found).startswith("<TokenOutliers 3.")


def test_without_registers_there_are_few(rng: np.random.Generator) -> None:
    found = ts.token_outliers(tokens(rng, inputs=200))
    assert found.share < 5 * NORMAL_RATE
    # The same class tokens are outliers where nobody says what they are.
    silent = ts.token_outliers(tokens(rng, reduction="one row per token, 17 per input"))
    assert silent.share == pytest.approx(1 / 17, abs=0.01)
    assert math.isnan(silent.class_norm)
    assert ts.token_outliers(tokens(rng, reduction=""), class_token=True).share < 0.01


def test_places_follow_the_order_of_the_rows(rng: np.random.Generator) -> None:
    assert token_places(np.array(["b", "a", "b", "a", "c", "b"])).tolist() == [0, 0, 1, 1, 0, 2]
    assert token_places(np.array([], dtype=int)).tolist() == []
    layer = tokens(rng, registers=True)
    mixed = layer.take(np.arange(len(layer)).reshape(60, 17).T.ravel())  # all first tokens, then all second ones
    assert ts.token_outliers(mixed).share == ts.token_outliers(layer).share


@pytest.mark.parametrize(
    ("ids", "reduction", "message"),
    [
        (np.arange(4), FIRST, "not its tokens; extract with reduce='tokens'"),
        (np.array([], dtype=int), FIRST, "not its tokens"),
    ],
)
def test_what_has_no_tokens(ids: np.ndarray, reduction: str, message: str) -> None:
    layer = ts.Representation(np.zeros((len(ids), 3)), ids, source=ts.Source(reduction=reduction))
    with pytest.raises(ts.InputError, match=message):
        ts.token_outliers(layer)


def test_a_small_transformer_says_where_its_class_token_is() -> None:
    layers = ts.extract(
        "toposcope.demo.networks:vit@random", "digits:test", layers=["blocks.1"], reduce="tokens", limit=12
    )
    layer = layers["blocks.1"]
    assert layer.source.reduction == FIRST
    found = ts.token_outliers(layer)
    assert found.class_tokens.sum() == 12
    cls = ts.extract("toposcope.demo.networks:vit@random", "digits:test", layers=["blocks.1"], reduce="cls", limit=12)
    assert np.array_equal(layer.points[found.class_tokens], cls["blocks.1"].points)
