"""All pairs at once: the same numbers, for any threads, and no more of them than are asked for."""

import os
import signal
import threading
import time
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import pytest

import toposcope as ts
from tests.distances.reference import diagram, random_bars
from toposcope.distances import distances_of_pairs

DISTANCES = [ts.Wasserstein(), ts.Wasserstein(order=2, ground=2), ts.Bottleneck(), ts.SlicedWasserstein(directions=6)]
each_distance = pytest.mark.parametrize("distance", DISTANCES, ids=lambda distance: distance.name)


@pytest.fixture
def diagrams() -> list[ts.PersistenceDiagram]:
    rng = np.random.default_rng(0)
    return [ts.vietoris_rips(rng.normal(size=(25, 3)) * (1 + k // 4)) for k in range(12)]


@each_distance
def test_compare_is_the_matrix_of_pairs_for_any_threads(distance: ts.Distance, diagrams) -> None:
    for degree in (0, 1):
        one = ts.compare(diagrams, distance, degree=degree, threads=1)
        two = ts.compare(diagrams, distance, degree=degree, threads=2)
        np.testing.assert_array_equal(one.values, two.values)
        for i in range(12):
            for j in range(12):
                assert one.values[i, j] == distance(diagrams[i], diagrams[j], degree)
        assert one.computed.all()
        assert one.is_metric == distance.is_metric
        assert dict(one.parameters) == {"degree": degree, **distance.parameters}


def test_compare_says_what_it_compared(diagrams) -> None:
    compared = ts.compare(diagrams[:5], "wasserstein", labels="abcde")
    assert compared.measure == "W1"
    assert compared.labels == tuple("abcde")
    assert not compared.larger_is_more_similar
    assert repr(compared) == "<Comparison of 5: W1, degree=1, order=1, ground=inf>"
    assert ts.compare([]).values.shape == (0, 0)
    assert ts.compare(diagrams[:1]).values.tolist() == [[0.0]]


@each_distance
@pytest.mark.parametrize("k", [1, 3, 20])
def test_the_nearest_are_sure(distance: ts.Distance, k: int, diagrams) -> None:
    every, some = ts.compare(diagrams, distance), ts.compare(diagrams, distance, nearest=k)
    np.testing.assert_array_equal(some.values[some.computed], every.values[some.computed])
    assert (some.values <= every.values).all()
    for i in range(12):
        others = np.delete(np.arange(12), i)
        nearest = others[np.argsort(every.values[i, others], kind="stable")][:k]
        assert some.computed[i, nearest].all()
    if k == 1:
        assert not some.computed.all()
        assert "are lower bounds" in repr(some)
    if k == 20:
        assert some.computed.all()


@each_distance
def test_all_within_a_radius_are_computed(distance: ts.Distance, diagrams) -> None:
    every = ts.compare(diagrams, distance)
    radius = float(np.quantile(every.values, 0.3))
    some = ts.compare(diagrams, distance, within=radius)
    assert some.computed[every.values <= radius].all()
    assert (some.values[~some.computed] > radius).all()
    assert (some.values <= every.values).all()
    assert not some.computed.all()


def test_unequal_counts_of_essential_bars_are_infinitely_far_apart() -> None:
    bars = [np.array([[0.0, np.inf]] * k + [[0.0, 1.0]]) for k in (1, 1, 2)]
    compared = ts.compare([diagram(each) for each in bars])
    np.testing.assert_array_equal(compared.values, [[0, 0, np.inf], [0, 0, np.inf], [np.inf, np.inf, 0]])


def test_progress_is_told_as_pairs_are_done() -> None:
    rng = np.random.default_rng(0)
    diagrams = [diagram(random_bars(rng, 150, "mixed")) for _ in range(25)]
    for asked, total in (({}, 300), ({"within": 1e9}, 300), ({"nearest": 24}, None)):
        told: list[tuple[int, int | None]] = []
        ts.compare(diagrams, threads=1, progress=lambda done, whole, told=told: told.append((done, whole)), **asked)
        assert [done for done, _ in told] == sorted(done for done, _ in told)
        assert {whole for _, whole in told} == {total}
        assert told[-1][0] == 300


def test_a_failing_progress_is_not_hidden() -> None:
    rng = np.random.default_rng(0)
    diagrams = [diagram(random_bars(rng, 200, "mixed")) for _ in range(25)]

    def fail(done: int, whole: int | None) -> None:
        raise RuntimeError("enough")

    for threads in (1, 2):
        with pytest.raises(RuntimeError, match="enough"):
            ts.compare(diagrams, threads=threads, progress=fail)


def test_it_can_be_interrupted() -> None:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job may have it ignored
    rng = np.random.default_rng(0)
    diagrams = [diagram(random_bars(rng, 400, "mixed")) for _ in range(200)]
    threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
    start = time.monotonic()
    try:
        with pytest.raises(KeyboardInterrupt):
            ts.compare(diagrams, threads=2)
    finally:
        signal.signal(signal.SIGINT, before)
    assert time.monotonic() - start < 20


class Counting:
    """A distance of somebody else's: a call, and no bounds."""

    name: ClassVar[str] = "difference of counts"
    parameters: ClassVar[Mapping[str, Any]] = {}
    is_metric: ClassVar[bool] = False
    larger_is_more_similar: ClassVar[bool] = False
    invariances: ClassVar[tuple[str, ...]] = ()

    def __call__(self, a: ts.PersistenceDiagram, b: ts.PersistenceDiagram, degree: int) -> float:
        return float(abs(len(a.in_degree(degree)) - len(b.in_degree(degree))))


def test_a_distance_that_only_knows_one_pair_is_served_too(diagrams) -> None:
    compared = ts.compare(diagrams, Counting())
    counts = np.array([len(each.in_degree(1)) for each in diagrams])
    np.testing.assert_array_equal(compared.values, np.abs(counts[:, None] - counts[None]))
    with pytest.raises(ts.InputError, match="difference of counts has no lower bound"):
        ts.compare(diagrams, Counting(), within=1.0)


def test_pairs_are_measured_in_the_order_they_were_asked_for(diagrams) -> None:
    pairs = np.array([[3, 1], [0, 0], [1, 3], [11, 4]])
    values = distances_of_pairs(diagrams, pairs, "wasserstein", degree=0)
    np.testing.assert_array_equal(values, [ts.wasserstein(diagrams[i], diagrams[j], 0) for i, j in pairs])
    assert distances_of_pairs(diagrams, np.empty((0, 2), dtype=np.int64)).shape == (0,)


def test_compare_refuses_before_it_computes() -> None:
    rng = np.random.default_rng(0)
    a, b = ts.vietoris_rips(rng.normal(size=(15, 3))), ts.vietoris_rips(rng.normal(size=(16, 3)))
    for call, words in (
        (lambda: ts.compare([a, a], labels=["x"]), "labels"),
        (lambda: ts.compare([a, a], "waserstein"), "close names: wasserstein"),
        (lambda: ts.compare([a, a.pairs]), "PersistenceDiagram"),
        (lambda: ts.compare([a, a], threads=0), "threads"),
        (lambda: ts.compare([a, a], degree=5), "max_degree=5"),
        (lambda: ts.compare([a, a], nearest=0), "nearest"),
        (lambda: ts.compare([a, a], within=-1.0), "within"),
        (lambda: ts.compare([a, a], nearest=1, within=1.0), "ask for one"),
        (lambda: distances_of_pairs([a, a], np.array([[0, 2]])), "0 to 1"),
        (lambda: distances_of_pairs([a, a], np.array([[0, -1]])), "0 to 1"),
        (lambda: distances_of_pairs([a, a], np.array([0, 1])), "shape"),
    ):
        with pytest.raises(ts.InputError, match=words):
            call()
    with pytest.raises(ts.IncomparableError):
        ts.compare([a, a, b])


def test_a_comparison_says_which_values_are_bounds_only_in_its_shape() -> None:
    with pytest.raises(ts.InputError, match="computed has shape"):
        ts.Comparison(np.zeros((2, 2)), ("a", "b"), "W1", computed=np.array([True]))
