"""Distances that the whole cloud decides, against their definitions, and metrics as values."""

import itertools
import math
import sys

import numpy as np
import pytest
from gudhi.point_cloud.dtm import DistanceToMeasure
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import pdist, squareform

import toposcope as ts
from toposcope.cloud import METRICS, metric_named
from toposcope.cloud.metrics import DTM, Diffusion, EffectiveResistance, Fermat, KNNGeodesic

ALL = [KNNGeodesic(4), Fermat(2), Fermat(3, k=4), DTM(4), DTM(3, p=np.inf), Diffusion(6, t=3), EffectiveResistance(6)]


def graph_by_definition(points: np.ndarray, k: int) -> np.ndarray:
    """(n, n) lengths of the edges of the graph of k nearest neighbours (by distance, then row), inf elsewhere."""
    distances = squareform(pdist(points))
    n = len(points)
    lengths = np.full((n, n), np.inf)
    for i in range(n):
        for j in sorted(set(range(n)) - {i}, key=lambda j: (distances[i, j], j))[:k]:
            lengths[i, j] = lengths[j, i] = distances[i, j]
    return lengths


def floyd(lengths: np.ndarray) -> np.ndarray:
    paths = lengths.copy()
    np.fill_diagonal(paths, 0)
    for k in range(len(paths)):
        paths = np.minimum(paths, paths[:, k, None] + paths[None, k])
    return paths


@st.composite
def clouds(draw: st.DrawFn) -> np.ndarray:
    """Small clouds with ties, duplicates and pieces."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n = draw(st.integers(8, 30))
    points = rng.integers(0, 5, (n, 2)).astype(float) if draw(st.booleans()) else rng.normal(size=(n, 3))
    points[: n // 3] += draw(st.sampled_from([0.0, 100.0]))
    return points


@settings(max_examples=60, deadline=None)
@given(points=clouds(), k=st.integers(1, 6), p=st.sampled_from([1.0, 2.0, 3.5]))
def test_shortest_paths(points: np.ndarray, k: int, p: float) -> None:
    lengths = graph_by_definition(points, k)
    np.testing.assert_allclose(ts.pairwise_distances(points, KNNGeodesic(k)), floyd(lengths), rtol=1e-12)
    np.testing.assert_allclose(ts.pairwise_distances(points, Fermat(p, k)), floyd(lengths**p), rtol=1e-12)
    every = squareform(pdist(points)) ** p
    np.testing.assert_allclose(ts.pairwise_distances(points, Fermat(p)), floyd(every), rtol=1e-12)


@settings(max_examples=60, deadline=None)
@given(points=clouds(), k=st.integers(1, 6), p=st.sampled_from([1.0, 2.0, 3.5, np.inf]))
def test_distance_to_measure(points: np.ndarray, k: int, p: float) -> None:
    values = ts.pairwise_distances(points, DTM(k, p))
    if np.isfinite(p):  # gudhi counts the point itself, at distance 0
        reach = DistanceToMeasure(k + 1, q=p).fit_transform(points) * ((k + 1) / k) ** (1 / p)
    else:
        reach = np.sort(squareform(pdist(points)), axis=1)[:, k]
    np.testing.assert_allclose(np.diagonal(values), 2 * reach, rtol=1e-9, atol=1e-12)
    f, g = reach[:, None], reach[None, :]
    expected = np.maximum(np.maximum(2 * f, 2 * g), f + g + squareform(pdist(points)))
    off = ~np.eye(len(points), dtype=bool)
    np.testing.assert_allclose(values[off], expected[off], rtol=1e-9, atol=1e-12)


def connected(points: np.ndarray, k: int) -> bool:
    return bool(np.isfinite(floyd(graph_by_definition(points, k))).all())


@settings(max_examples=60, deadline=None)
@given(points=clouds(), k=st.integers(2, 7), t=st.sampled_from([1, 2, 5, 8]))
def test_diffusion_is_a_random_walk(points: np.ndarray, k: int, t: int) -> None:
    if not connected(points, k):
        with pytest.raises(ts.InputError, match=rf"diffusion\(k={k}, t={t}\).*pieces.*larger k"):
            ts.pairwise_distances(points, Diffusion(k, t))
        return
    adjacency = np.isfinite(graph_by_definition(points, k)).astype(float)
    degrees = adjacency.sum(axis=1)
    walk = np.linalg.matrix_power(adjacency / degrees[:, None], t)
    steps = walk[:, None] - walk[None]
    expected = np.sqrt(degrees.sum() * (steps**2 / degrees).sum(axis=2))
    np.testing.assert_allclose(ts.pairwise_distances(points, Diffusion(k, t)), expected, rtol=1e-6, atol=1e-6)


@settings(max_examples=60, deadline=None)
@given(points=clouds(), k=st.integers(2, 7))
def test_effective_resistance_is_that_of_the_laplacian(points: np.ndarray, k: int) -> None:
    if not connected(points, k):
        with pytest.raises(ts.InputError, match="effective_resistance.*pieces"):
            ts.pairwise_distances(points, EffectiveResistance(k))
        return
    adjacency = np.isfinite(graph_by_definition(points, k)).astype(float)
    degrees = adjacency.sum(axis=1)
    inverse = np.linalg.pinv(np.diag(degrees) - adjacency, rcond=1e-9, hermitian=True)  # its 0 is one of rounding
    own = np.diagonal(inverse) - 1 / degrees
    expected = own[:, None] + own[None] - 2 * inverse + 2 * adjacency / np.outer(degrees, degrees)
    np.fill_diagonal(expected, 0)
    np.testing.assert_allclose(ts.pairwise_distances(points, EffectiveResistance(k)), expected, rtol=1e-7, atol=1e-9)


def test_resistance_of_a_line_of_points_by_hand() -> None:
    # Three points in a row, k=1: a path of two edges. R(0,2) = 2 - 1/1 - 1/1, R(0,1) = 1 - 1 - 1/2 + 2/2.
    got = ts.pairwise_distances([[0.0], [1.0], [2.5]], EffectiveResistance(1))
    np.testing.assert_allclose(got, [[0, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0]], atol=1e-12)


@pytest.mark.parametrize("metric", ALL, ids=str)
def test_laws(metric: ts.metrics.CloudMetric, rng: np.random.Generator) -> None:
    points = rng.normal(size=(60, 4))
    values = ts.pairwise_distances(points, metric)
    np.testing.assert_array_equal(values, values.T)
    assert metric.has_births or not np.diagonal(values).any()
    rotation = np.linalg.qr(rng.normal(size=(4, 4)))[0]
    np.testing.assert_allclose(ts.pairwise_distances(points @ rotation + 5, metric), values, rtol=1e-6, atol=1e-9)
    order = rng.permutation(60)
    moved = ts.pairwise_distances(points[order], metric)
    np.testing.assert_allclose(moved, values[np.ix_(order, order)], rtol=1e-6, atol=1e-9)
    np.testing.assert_array_equal(ts.pairwise_distances(points, metric, threads=3), values)
    single = ts.pairwise_distances(points.astype(np.float32), metric)
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, values, rtol=1e-4)
    np.testing.assert_allclose(ts.pairwise_distances(points, metric, device="cpu"), values, rtol=1e-6, atol=1e-9)
    assert ts.pairwise_distances(np.empty((0, 2)), metric).shape == (0, 0)
    if not metric.has_births:
        condensed = ts.pairwise_distances(points, metric, condensed=True)
        np.testing.assert_array_equal(condensed, squareform(values, checks=False))
    if metric.name in ("knn_geodesic", "fermat", "diffusion"):
        for a, b, c in itertools.combinations(range(20), 3):
            assert values[a, b] <= (values[a, c] + values[c, b]) * (1 + 1e-12)


@pytest.mark.parametrize("metric", ALL, ids=str)
def test_a_metric_is_its_text(metric: ts.metrics.CloudMetric) -> None:
    assert metric_named(str(metric)) == metric
    assert metric_named(metric) is metric
    assert {metric: 1}[metric_named(str(metric))] == 1


@given(p=st.floats(1, 1e6))
def test_text_keeps_all_digits(p: float) -> None:
    assert metric_named(str(Fermat(p))) == Fermat(p)


def test_metrics_by_name() -> None:
    assert [metric_named(name) for name in METRICS[:6]] == list(METRICS[:6])
    assert metric_named("fermat") == Fermat()
    assert metric_named("fermat", p=3, k=10) == metric_named("fermat( p=3.0 , k=10 )") == Fermat(3, 10)
    assert str(DTM(5, p=2.0)) == str(DTM(5)) == "dtm(k=5, p=2)"
    assert ts.metrics.KNNGeodesic is KNNGeodesic


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: metric_named("fermatt(p=2)"), "close names: fermat"),
        (lambda: metric_named(3), "metric=3 is not known"),
        (lambda: metric_named("fermat(q=2)"), "no parameter 'q'"),
        (lambda: metric_named("fermat(p)"), "'p' is not a parameter"),
        (lambda: metric_named("cosine(p=2)"), "takes no parameters"),
        (lambda: KNNGeodesic(0), "k=0"),
        (lambda: KNNGeodesic(2.5), "k=2.5"),
        (lambda: Fermat(0.5), "p=0.5"),
        (lambda: Fermat(np.inf), "finite"),
        (lambda: Fermat(k=0), "k=0"),
        (lambda: DTM(0), "k=0"),
        (lambda: DTM(p=0.5), "p=0.5"),
        (lambda: Diffusion(t=0), "t=0"),
        (lambda: Diffusion(0), "k=0"),
        (lambda: EffectiveResistance(0), "k=0"),
        (lambda: ts.pairwise_distances(1e200 * np.eye(4), Fermat(2)), "overflow"),
        (lambda: ts.pairwise_distances(np.eye(4), KNNGeodesic(4)), "more than 4 points, and there are 4"),
        (lambda: ts.pairwise_distances(np.eye(4), DTM(4)), "more than 4 points"),
        (lambda: ts.pairwise_distances(np.eye(4), DTM(2), condensed=True), "births on the diagonal"),
        (lambda: ts.vietoris_rips(np.eye(4), metric="precomputd"), "close names: precomputed"),
    ],
)
def test_bad_metrics(call, words: str) -> None:
    with pytest.raises(ts.InputError, match=words):
        call()


def test_pieces_of_the_graph_are_essential(rng: np.random.Generator) -> None:
    points = np.concatenate([rng.normal(size=(30, 2)), rng.normal(size=(30, 2)) + 100])
    diagram = ts.vietoris_rips(points, metric=KNNGeodesic(5))
    assert len(diagram.essential(0)) == 2
    assert len(diagram.essential(1)) == 0
    assert diagram.filtration.metric == "knn_geodesic(k=5)"
    other = ts.vietoris_rips(points, metric="knn_geodesic(k=6)")
    with pytest.raises(ts.IncomparableError, match="metric"):
        ts.bottleneck(diagram, other)


@pytest.mark.parametrize("metric", [metric for metric in ALL if not metric.has_births], ids=str)
def test_a_diagram_is_that_of_the_matrix(metric: ts.metrics.CloudMetric, rng: np.random.Generator) -> None:
    points = rng.normal(size=(50, 3))
    by_metric = ts.vietoris_rips(points, 2, metric, scale="q0.5", memory=1e9)
    by_matrix = ts.vietoris_rips(ts.pairwise_distances(points, metric), 2, "precomputed", scale="q0.5")
    np.testing.assert_array_equal(by_metric.pairs, by_matrix.pairs)
    assert len(ts.vietoris_rips(points, 0, metric)) == 50
    assert ts.estimate_rips(points, metric=metric).bytes > ts.estimate_rips(points).bytes
    assert ts.estimate_rips(points, metric=str(metric)) == ts.estimate_rips(points, metric=metric)
    with pytest.raises(ts.InputError, match="budget"):
        ts.vietoris_rips(points, 1, metric, memory=1e4)


def test_degree_0_of_a_large_cloud_keeps_its_metric(monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator) -> None:
    points = rng.normal(size=(60, 2))
    for metric in (Fermat(2), DTM(5)):
        expected = ts.vietoris_rips(points, 0, metric)
        with monkeypatch.context() as small:
            small.setattr(sys.modules["toposcope.rips.engine"], "LARGEST_MATRIX", 10)
            assert ts.vietoris_rips(points, 0, metric) == expected


def gudhi_weighted(points: np.ndarray, reach: np.ndarray, max_degree: int) -> list[np.ndarray]:
    from gudhi.weighted_rips_complex import WeightedRipsComplex

    complex_ = WeightedRipsComplex(distance_matrix=squareform(pdist(points)), weights=reach)
    tree = complex_.create_simplex_tree(max_dimension=max_degree + 1)
    tree.compute_persistence(homology_coeff_field=2, min_persistence=0)
    bars = []
    for degree in range(max_degree + 1):
        found = tree.persistence_intervals_in_dimension(degree).reshape(-1, 2)
        bars.append(found[np.lexsort((found[:, 1], found[:, 0]))])
    return bars


@settings(max_examples=40, deadline=None)
@given(points=clouds(), k=st.integers(1, 6), scale=st.sampled_from([1.0, 2.0]))
def test_births_against_gudhi(points: np.ndarray, k: int, scale: float) -> None:
    reach = np.diagonal(ts.pairwise_distances(points, DTM(k))) / 2
    diagram = ts.vietoris_rips(points, 2, DTM(k), scale=scale, representatives=True)
    for degree, expected in enumerate(gudhi_weighted(points, reach, 2)):
        expected = expected / scale
        expected = expected[expected[:, 1] - expected[:, 0] > 1e-9]
        got = diagram.in_degree(degree)
        got = got[got[:, 1] - got[:, 0] > 1e-9]
        order = np.lexsort((got[:, 1].round(9), got[:, 0].round(9)))
        other = np.lexsort((expected[:, 1].round(9), expected[:, 0].round(9)))
        np.testing.assert_allclose(got[order], expected[other], rtol=1e-9, atol=1e-9)
    # Behind every bar of degree 0: the point that brought it, and the edge that ended it.
    values = ts.pairwise_distances(points, DTM(k)) / scale
    behind = diagram.representatives
    assert behind is not None
    for row, (birth, death) in enumerate(diagram.in_degree(0)):
        (point,) = behind.birth_simplex(row)
        assert values[point, point] == birth
        edge = behind.death_simplex(row)
        assert (death == np.inf and not len(edge)) or values[tuple(edge)] == death
        _, dying = behind.components(row)
        assert point in dying or death == np.inf


def test_births_beyond_the_threshold_are_not_there(rng: np.random.Generator) -> None:
    points = rng.normal(size=(60, 2))
    births = np.diagonal(ts.pairwise_distances(points, DTM(5)))
    whole = ts.vietoris_rips(points, metric=DTM(5))
    for threshold in (0.0, births.min(), np.median(births), 2.0, 100.0):
        part = ts.vietoris_rips(points, metric=DTM(5), threshold=threshold)
        for degree in (0, 1):
            bars = whole.in_degree(degree)
            bars = bars[bars[:, 0] <= threshold]
            bars[bars[:, 1] > threshold, 1] = np.inf
            np.testing.assert_array_equal(part.in_degree(degree), bars[np.lexsort((bars[:, 1], bars[:, 0]))])
    for field in (2, 3):
        other = ts.vietoris_rips(points.astype(np.float32), metric=DTM(5), field=field)
        np.testing.assert_allclose(other.in_degree(0), whole.in_degree(0), rtol=1e-5)


def test_a_noisy_circle_in_many_dimensions_is_found_by_resistance(rng: np.random.Generator) -> None:
    # What the spectral distances are for (Damrich et al. 2024): the longest loop stands out, which it does not under
    # the Euclidean distance.
    angles = rng.uniform(0, 2 * math.pi, 400)
    points = np.zeros((400, 50))
    points[:, 0], points[:, 1] = np.cos(angles), np.sin(angles)
    points += rng.normal(0, 0.25, points.shape)

    def gap(metric: str | ts.metrics.CloudMetric) -> float:
        bars = ts.vietoris_rips(points, metric=metric).finite(1)
        first, second = np.sort(bars[:, 1] - bars[:, 0])[::-1][:2]
        return float((first - second) / first)

    assert gap("euclidean") < 0.5
    assert gap(EffectiveResistance(15)) > 0.7
    assert gap(Diffusion(15, 64)) > 0.7
