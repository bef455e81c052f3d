"""Every measure keeps what it declares: the laws are read off its declaration."""

import functools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import toposcope as ts
from toposcope.similarity import DESCRIPTORS, MEASURES, Descriptor, Measure
from toposcope.similarity.measures import AFFINE, FEATURES, INPUTS, ROTATION, SCALING, TRANSLATION

INPUT_COUNT, WIDTH = 40, 4


def cloud(rng: np.random.Generator, common: np.ndarray) -> np.ndarray:
    """A noisy linear image of what all layers have in common, with a spectrum and an offset of its own."""
    own = rng.normal(size=(INPUT_COUNT, WIDTH))
    return (common @ rng.normal(size=(WIDTH, WIDTH)) + own) * rng.uniform(0.5, 2, WIDTH) + rng.normal(size=WIDTH)


def rotation(rng: np.random.Generator, points: np.ndarray, order: np.ndarray) -> np.ndarray:
    return points @ np.linalg.qr(rng.normal(size=(WIDTH, WIDTH)))[0]


def scaling(rng: np.random.Generator, points: np.ndarray, order: np.ndarray) -> np.ndarray:
    return points * rng.uniform(0.1, 10)


def translation(rng: np.random.Generator, points: np.ndarray, order: np.ndarray) -> np.ndarray:
    return points + rng.normal(size=WIDTH)


def affine(rng: np.random.Generator, points: np.ndarray, order: np.ndarray) -> np.ndarray:
    return points @ (rng.normal(size=(WIDTH, WIDTH)) + 4 * np.eye(WIDTH)) + rng.normal(size=WIDTH)


def features(rng: np.random.Generator, points: np.ndarray, order: np.ndarray) -> np.ndarray:
    return points[:, rng.permutation(WIDTH)]


def inputs(rng: np.random.Generator, points: np.ndarray, order: np.ndarray) -> np.ndarray:
    return points[order]


CHANGES = {
    ROTATION: rotation,
    SCALING: scaling,
    TRANSLATION: translation,
    AFFINE: affine,
    FEATURES: features,
    INPUTS: inputs,
}

# Squares of distances cancel: a distance of 0 comes out as the root of a rounding error.
CLOSE = functools.partial(pytest.approx, rel=1e-6, abs=2e-7)
laws = settings(max_examples=12, deadline=None)
seeds = st.integers(0, 2**32 - 1)


@pytest.mark.parametrize("measure", MEASURES, ids=lambda measure: measure.name)
@laws
@given(seed=seeds)
def test_measure(measure: Measure, seed: int) -> None:
    rng = np.random.default_rng(seed)
    common = rng.normal(size=(INPUT_COUNT, WIDTH))
    a, b, c = (cloud(rng, common) for _ in range(3))
    ab = measure(a, b)
    assert measure(a, a) == CLOSE(measure.of_equals)
    assert ab < 1 if measure.larger_is_more_similar else ab > 0
    if measure.is_symmetric:
        assert measure(b, a) == CLOSE(ab)
    if measure.is_metric:
        assert measure(a, c) <= ab + measure(b, c) + 1e-7
    order = rng.permutation(INPUT_COUNT)
    for name in measure.invariances:
        assert measure(CHANGES[name](rng, a, order), b) == CLOSE(ab), name
        assert measure(a, CHANGES[name](rng, b, order)) == CLOSE(ab), name
    for name in measure.joint_invariances:
        state = rng.bit_generator.state
        changed = []
        for points in (a, b):
            rng.bit_generator.state = state
            changed.append(CHANGES[name](rng, points, order))
        assert measure(*changed) == CLOSE(ab), name


@pytest.mark.parametrize("measure", MEASURES, ids=lambda measure: measure.name)
def test_measure_declares_no_less_than_it_keeps(measure: Measure) -> None:
    """What is not declared does make a difference."""
    rng = np.random.default_rng(1)
    common = rng.normal(size=(INPUT_COUNT, WIDTH))
    a, b = cloud(rng, common), cloud(rng, common)
    order = rng.permutation(INPUT_COUNT)
    for name, change in CHANGES.items():
        if name not in measure.invariances:
            assert measure(change(rng, a, order), b) != CLOSE(measure(a, b)), name
    if not measure.is_symmetric:
        assert measure(a, b) != CLOSE(measure(b, a))


@pytest.mark.parametrize("descriptor", DESCRIPTORS, ids=lambda descriptor: descriptor.name)
@laws
@given(seed=seeds)
def test_descriptor(descriptor: Descriptor, seed: int) -> None:
    rng = np.random.default_rng(seed)
    a = cloud(rng, rng.normal(size=(INPUT_COUNT, WIDTH)))
    value = descriptor(a)
    order = rng.permutation(INPUT_COUNT)
    for name in descriptor.invariances:
        assert descriptor(CHANGES[name](rng, a, order)) == CLOSE(value), name
    if descriptor.power is not None:
        assert descriptor(3 * a) == CLOSE(value * 3.0**descriptor.power)


@pytest.mark.parametrize("measure", MEASURES, ids=lambda measure: measure.name)
def test_representations_are_matched_by_their_ids(measure: Measure) -> None:
    rng = np.random.default_rng(2)
    common = rng.normal(size=(INPUT_COUNT, WIDTH))
    a, b = cloud(rng, common), cloud(rng, common)
    ids = np.array([f"input-{k}" for k in range(INPUT_COUNT)])
    order = rng.permutation(INPUT_COUNT)
    shuffled = ts.Representation(b[order], ids[order])
    assert measure(ts.Representation(a, ids), shuffled) == CLOSE(measure(a, b))


@pytest.mark.parametrize("measure", MEASURES, ids=lambda measure: measure.name)
def test_float32_is_measured_in_float64_where_it_matters(measure: Measure) -> None:
    rng = np.random.default_rng(3)
    common = rng.normal(size=(INPUT_COUNT, WIDTH))
    a, b = (cloud(rng, common).astype(np.float32) for _ in range(2))
    assert measure(a + 100, b - 100) == pytest.approx(
        measure((a + 100).astype(np.float64), (b - 100).astype(np.float64)), rel=2e-5, abs=1e-6
    )
