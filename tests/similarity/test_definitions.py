"""Each measure against its definition, written down naively, and against scipy and scikit-learn."""

import importlib
import tracemalloc

import numpy as np
import pytest

import toposcope as ts
from toposcope.similarity.cka import cka_of_all
from toposcope.similarity.prepared import Prepared

SHAPES = [(60, 5, 7), (30, 50, 40), (25, 3, 90)]


def layers(n: int, d: int, e: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    common = rng.normal(size=(n, 3))
    return tuple(common @ rng.normal(size=(3, w)) + rng.normal(size=(n, w)) + 5 for w in (d, e))


def centring(n: int) -> np.ndarray:
    return np.eye(n) - np.ones((n, n)) / n


def hsic_unbiased(k: np.ndarray, l: np.ndarray) -> float:  # noqa: E741
    """Song et al. 2012 by its definition as a mean over quadruples of different inputs, through full matrices."""
    n = len(k)
    k, l = k - np.diag(np.diag(k)), l - np.diag(np.diag(l))  # noqa: E741
    one = np.ones(n)
    trace = np.trace(k @ l)
    return (trace + one @ k @ one * (one @ l @ one) / ((n - 1) * (n - 2)) - 2 / (n - 2) * (one @ k @ l @ one)) / (
        n * (n - 3)
    )


def kernels(a: np.ndarray, b: np.ndarray, kernel: str) -> list[np.ndarray]:
    from scipy.spatial.distance import pdist, squareform

    if kernel == "linear":
        return [x @ x.T for x in (a, b)]
    return [np.exp(-(squareform(pdist(x)) ** 2) / (2 * (0.5 * np.median(pdist(x))) ** 2)) for x in (a, b)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kernel", ["linear", "rbf"])
def test_cka_is_the_centred_gram_formula(shape: tuple[int, int, int], kernel: str) -> None:
    a, b = layers(*shape)
    k, l = kernels(a, b, kernel)  # noqa: E741
    h = centring(len(a))
    k0, l0 = h @ k @ h, h @ l @ h
    expected = np.sum(k0 * l0) / np.sqrt(np.sum(k0 * k0) * np.sum(l0 * l0))
    assert ts.cka(a, b, kernel) == pytest.approx(expected, rel=1e-11)
    expected = hsic_unbiased(k, l) / np.sqrt(hsic_unbiased(k, k) * hsic_unbiased(l, l))
    assert ts.cka(a, b, kernel, unbiased=True) == pytest.approx(expected, rel=1e-9)


def test_hsic_is_unbiased_over_quadruples() -> None:
    """Equation 1 of Song et al. 2012: the kernel of a U-statistic, averaged over every quadruple of inputs."""
    import itertools

    a, b = layers(7, 2, 3)
    k, l = a @ a.T, b @ b.T  # noqa: E741
    total = 0.0
    for i, j, q, r in itertools.permutations(range(7), 4):
        total += k[i, j] * l[i, j] + k[i, j] * l[q, r] - 2 * k[i, j] * l[i, q]
    assert hsic_unbiased(k, l) == pytest.approx(total / (7 * 6 * 5 * 4), rel=1e-10)


@pytest.mark.parametrize("shape", SHAPES)
def test_minibatch_cka_sums_hsic_over_batches(shape: tuple[int, int, int]) -> None:
    a, b = layers(*shape)
    batches = [slice(0, 10), slice(10, 20), slice(20, None)] if len(a) == 25 else [slice(0, 20), slice(20, None)]
    if len(a) == 60:
        batches = [slice(0, 20), slice(20, 40), slice(40, None)]
    size = 10 if len(a) == 25 else 20
    sums = np.zeros(3)
    for rows in batches:
        k, l = kernels(a[rows], b[rows], "linear")  # noqa: E741
        sums += [hsic_unbiased(k, l) * len(k) * (len(k) - 3) for k, l in ((k, l), (k, k), (l, l))]  # noqa: E741
    assert ts.cka(a, b, batch=size) == pytest.approx(sums[0] / np.sqrt(sums[1] * sums[2]), rel=1e-10)


def test_a_last_batch_too_small_for_hsic_joins_the_one_before() -> None:
    from toposcope.similarity.cka import _batches

    assert list(_batches(23, 10)) == [(0, 10), (10, 23)]
    assert list(_batches(24, 10)) == [(0, 10), (10, 20), (20, 24)]
    assert list(_batches(7, 10)) == [(0, 7)]


def test_blocks_and_tiles_do_not_change_cka(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    module = sys.modules["toposcope.similarity.cka"]
    a, b = layers(60, 12, 17)
    wide_a, wide_b = layers(60, 70, 80)
    calls = [
        lambda: ts.cka(a, b),
        lambda: ts.cka(a, b, unbiased=True),
        lambda: ts.cka(wide_a, wide_b, unbiased=True),
        lambda: ts.cka(a, b, "rbf"),
    ]
    whole = [call() for call in calls]
    monkeypatch.setattr(module, "_ROWS", 16)
    monkeypatch.setattr(module, "_TALL", 13)
    monkeypatch.setattr(module, "_COLUMNS", 5)
    monkeypatch.setattr(module, "_block", lambda n: 7)
    monkeypatch.setattr(module, "_SHARED", 0)
    np.testing.assert_allclose([call() for call in calls], whole, rtol=1e-12)


def test_cka_of_float32_keeps_its_digits_far_from_the_origin() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(500, 40)), rng.normal(size=(500, 40))
    b += a
    for away in (0.0, 100.0):
        moved = [(layer + away).astype(np.float32) for layer in (a, b)]
        exact = ts.cka(*(layer.astype(np.float64) for layer in moved))
        assert ts.cka(*moved) == pytest.approx(exact, rel=1e-6)
        assert ts.cka(*moved, unbiased=True) == pytest.approx(
            ts.cka(*(layer.astype(np.float64) for layer in moved), unbiased=True), rel=1e-6
        )


@pytest.mark.parametrize(("n", "width"), [(6000, 32), (2500, 1300)])
def test_cka_never_holds_two_gram_matrices(n: int, width: int) -> None:
    rng = np.random.default_rng(0)
    a, b = (rng.normal(size=(n, width)).astype(np.float32) for _ in range(2))
    tracemalloc.start()
    ts.cka(a, b)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2 * 8 * n**2 * (0.1 if width == 32 else 1)


@pytest.mark.parametrize("n", [2, 3, 10, 31])
def test_the_median_distance_is_exact(n: int, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    from scipy.spatial.distance import pdist

    module = sys.modules["toposcope.similarity.cka"]
    monkeypatch.setattr(module, "_block", lambda n: 2)  # so that bins have to be narrowed several times
    monkeypatch.setattr(module, "_SHARED", 20)  # so that the largest is computed without a matrix
    rng = np.random.default_rng(n)
    for points in (rng.normal(size=(n, 3)), np.r_[rng.normal(size=(n - 1, 3)) * 1e-4, [[1e4, 0, 0]]]):
        assert module.median_distance(Prepared(points)) == pytest.approx(np.median(pdist(points)), rel=1e-9)
    lattice = rng.integers(0, 3, size=(n, 2)).astype(float)
    assert module.median_distance(Prepared(lattice)) == pytest.approx(np.median(pdist(lattice)), abs=1e-7)


def test_unrelated_layers_have_no_unbiased_cka() -> None:
    """Wide and unrelated: the biased score is near 1, the unbiased one 0 in the mean (Nguyen et al. 2021)."""
    rng = np.random.default_rng(0)
    biased, unbiased = [], []
    for _ in range(100):
        a, b = rng.normal(size=(20, 200)), rng.normal(size=(20, 200))
        biased.append(ts.cka(a, b))
        unbiased.append(ts.cka(a, b, unbiased=True))
    assert np.mean(biased) > 0.8
    assert abs(np.mean(unbiased)) < 4 * np.std(unbiased) / 10


@pytest.mark.parametrize("shape", [(60, 5, 5), (30, 50, 40), (25, 3, 90)])
def test_procrustes_is_scipys(shape: tuple[int, int, int]) -> None:
    from scipy.linalg import orthogonal_procrustes
    from scipy.spatial import procrustes

    _, d, e = shape
    a, b = layers(*shape)
    width = max(d, e)
    a0, b0 = (np.pad(x - x.mean(axis=0), ((0, 0), (0, width - x.shape[1]))) for x in (a, b))
    unit_a, unit_b = a0 / np.linalg.norm(a0), b0 / np.linalg.norm(b0)
    rotation, nuclear = orthogonal_procrustes(unit_b, unit_a)
    assert ts.procrustes(a, b) == pytest.approx(np.linalg.norm(unit_a - unit_b @ rotation), rel=1e-10)
    rotation, _ = orthogonal_procrustes(b0, a0)
    assert ts.procrustes(a, b, normalise=False) == pytest.approx(np.linalg.norm(a0 - b0 @ rotation), rel=1e-10)
    assert ts.shape_distance(a, b) == pytest.approx(np.arccos(nuclear), rel=1e-9)
    # scipy scales b as well, which leaves sin² of the angle.
    disparity = procrustes(np.pad(a, ((0, 0), (0, width - d))), np.pad(b, ((0, 0), (0, width - e))))[2]
    assert np.sin(ts.shape_distance(a, b)) ** 2 == pytest.approx(disparity, rel=1e-9)


def test_shape_distance_whitens_as_williams_does() -> None:
    a, b = layers(60, 5, 7)
    for whitening in (0.0, 0.3, 1.0):
        sides = []
        for x in (a, b):
            x0 = x - x.mean(axis=0)
            values, vectors = np.linalg.eigh(x0.T @ x0)
            whitener = vectors @ np.diag(values**-0.5) @ vectors.T
            mixed = x0 @ ((1 - whitening) * np.eye(x.shape[1]) + whitening * whitener)
            sides.append(mixed / np.linalg.norm(mixed))
        cosine = np.linalg.svd(sides[0].T @ sides[1], compute_uv=False).sum()
        assert ts.shape_distance(a, b, whitening) == pytest.approx(np.arccos(cosine), rel=1e-9)


def test_cca_is_scikit_learns() -> None:
    from sklearn.cross_decomposition import CCA

    a, b = layers(60, 3, 4)
    u, v = CCA(n_components=3, scale=False, max_iter=10_000, tol=1e-12).fit_transform(a, b)
    correlations = [np.corrcoef(u[:, k], v[:, k])[0, 1] for k in range(3)]
    assert ts.cca(a, b) == pytest.approx(np.mean(correlations), rel=1e-6)
    weights = np.abs((u / np.linalg.norm(u, axis=0)).T @ (a - a.mean(axis=0))).sum(axis=1)
    assert ts.pwcca(a, b) == pytest.approx(weights @ correlations / weights.sum(), rel=1e-5)


def test_svcca_keeps_the_share_of_the_variance() -> None:
    from sklearn.decomposition import PCA

    rng = np.random.default_rng(0)
    a, b = (x * [10, 5, 1, 0.5, 0.1, 0.01] for x in layers(80, 6, 6))
    b = b @ np.linalg.qr(rng.normal(size=(6, 6)))[0]
    for variance in (0.6, 0.99, 1.0):
        kept = [PCA(variance if variance < 1 else 6).fit_transform(x) for x in (a, b)]
        assert ts.svcca(a, b, variance) == pytest.approx(ts.cca(*kept), rel=1e-9)
    assert ts.svcca(a, b, 1.0) == pytest.approx(ts.cca(a, b), rel=1e-9)


@pytest.mark.parametrize("metric", ["euclidean", "cosine", "correlation"])
def test_rsa_is_scipys_spearman(metric: str) -> None:
    from scipy.spatial.distance import pdist
    from scipy.stats import spearmanr

    a, b = layers(30, 5, 7)
    if metric == "euclidean":  # some ties; scipy's angles between equal rows are not exactly 0
        a[20:], b[15:25] = a[:10], b[5:15]
    assert ts.rsa(a, b, metric) == pytest.approx(spearmanr(pdist(a, metric), pdist(b, metric))[0], rel=1e-9)


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_mutual_knn_is_scikit_learns_neighbours(metric: str) -> None:
    from sklearn.neighbors import NearestNeighbors

    a, b = layers(50, 5, 70)
    found = [NearestNeighbors(n_neighbors=7, metric=metric).fit(x).kneighbors(return_distance=False) for x in (a, b)]
    expected = np.mean([len(set(p) & set(q)) / 7 for p, q in zip(*found, strict=True)])
    assert ts.mutual_knn(a, b, 7, metric) == pytest.approx(expected, abs=1e-12)


def test_nearest_neighbours_in_blocks_with_near_duplicates(monkeypatch: pytest.MonkeyPatch) -> None:
    from scipy.spatial import KDTree

    from toposcope.similarity import neighbours

    rng = np.random.default_rng(0)
    points = 1e3 + rng.normal(size=(90, 3))
    points[45:] = points[:45] + 1e-7 * rng.normal(size=(45, 3))
    expected = KDTree(points).query(points, 6)
    for block in (1 << 22, 300):
        monkeypatch.setattr(neighbours, "_BLOCK", block)
        distances, rows = neighbours.nearest(Prepared(points), 5)
        np.testing.assert_array_equal(rows, expected[1][:, 1:])
        np.testing.assert_allclose(distances, expected[0][:, 1:], rtol=1e-6)


def test_near_duplicates_that_an_expansion_cannot_tell_apart_keep_their_order() -> None:
    from toposcope.similarity.neighbours import _nearest

    rng = np.random.default_rng(0)
    centres = 1e3 * rng.normal(size=(6, 1, 3))
    points = (centres + 1e-8 * rng.normal(size=(6, 10, 3))).reshape(60, 3)
    exact = np.linalg.norm(points[:, None] - points, axis=2)
    np.fill_diagonal(exact, np.inf)
    np.testing.assert_allclose(_nearest(points, 5)[0], np.sort(exact, axis=1)[:, :5], rtol=1e-12)


def test_hubness_is_the_skewness_of_the_counts() -> None:
    from scipy.stats import skew
    from sklearn.neighbors import kneighbors_graph

    a, _ = layers(80, 10, 3)
    counts = np.asarray(kneighbors_graph(a, 10).sum(axis=0)).ravel()
    assert ts.hubness(a) == pytest.approx(skew(counts), rel=1e-10)
    corners = np.eye(11)
    assert ts.hubness(corners, k=10) == 0.0
    assert ts.hubness(np.random.default_rng(0).normal(size=(300, 200))) > ts.hubness(
        np.random.default_rng(0).normal(size=(300, 3))
    )


@pytest.mark.parametrize("ridge", [1e-3, 1.0])
def test_gulp_is_the_formula_of_the_paper(ridge: float) -> None:
    a, b = layers(60, 5, 7)
    x, y = (z - z.mean(axis=0) for z in (a, b))
    x, y = (z / np.sqrt((z**2).sum(axis=1).mean()) for z in (x, y))
    n = len(x)
    s, t, cross = x.T @ x / n, y.T @ y / n, x.T @ y / n
    inverse_s, inverse_t = (np.linalg.inv(m + ridge * np.eye(len(m))) for m in (s, t))
    squared = (
        np.trace(inverse_s @ s @ inverse_s @ s)
        + np.trace(inverse_t @ t @ inverse_t @ t)
        - 2 * np.trace(inverse_s @ cross @ inverse_t @ cross.T)
    )
    assert ts.gulp(a, b, ridge) == pytest.approx(np.sqrt(squared), rel=1e-9)


def test_gulp_is_what_ridge_regression_predicts() -> None:
    """The root mean square difference of predictions over white targets, times the root of n."""
    from sklearn.linear_model import Ridge

    a, b = layers(40, 5, 7)
    predictions = []
    for z in (a, b):
        z = z - z.mean(axis=0)
        z = z / np.sqrt((z**2).sum(axis=1).mean())
        predictions.append(Ridge(alpha=40 * 0.1, fit_intercept=False).fit(z, np.eye(40)).predict(z))
    assert ts.gulp(a, b, 0.1) == pytest.approx(np.linalg.norm(predictions[0] - predictions[1]), rel=1e-9)


def test_imd_is_the_heat_of_the_neighbourhood_graph() -> None:
    from scipy.sparse.csgraph import laplacian
    from sklearn.neighbors import kneighbors_graph

    a, b = layers(50, 5, 7)
    b = b[:44]
    times = np.logspace(-1, 1, 256)
    traces = []
    for x in (a, b):
        graph = kneighbors_graph(x, 5).toarray()
        spectrum = np.linalg.eigvalsh(laplacian(np.maximum(graph, graph.T), normed=True))
        traces.append([np.exp(-t * spectrum).sum() / len(x) for t in times])
    weights = np.exp(-2 * (times + 1 / times))
    expected = max(weights * np.abs(np.array(traces[0]) - traces[1]))
    assert ts.imd(a, b) == pytest.approx(expected, rel=1e-8)


def test_anisotropy_is_the_mean_cosine() -> None:
    from scipy.spatial.distance import pdist

    a, _ = layers(30, 5, 3)
    assert ts.anisotropy(a) == pytest.approx(1 - pdist(a, "cosine").mean(), rel=1e-10)
    assert ts.anisotropy(np.eye(5)) == pytest.approx(0, abs=1e-15)
    assert ts.anisotropy([[1.0, 0], [-1, 0]]) == -1


def test_ranks_are_those_of_scipy_with_ties_and_without_a_square_matrix(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    from scipy.stats import rankdata

    module = sys.modules["toposcope.similarity.prepared"]
    rng = np.random.default_rng(0)
    for values in (rng.normal(size=50), rng.integers(0, 4, 50).astype(float), np.zeros(5), np.arange(3.0), np.ones(1)):
        np.testing.assert_array_equal(module._average_ranks(values.copy()), rankdata(values))
    a, b = rng.integers(0, 3, size=(2, 40, 3)).astype(float)
    whole = ts.rsa(a, b)
    monkeypatch.setattr(module, "SHARED", 10)
    assert ts.rsa(a, b) == whole
    held = module.Prepared(a)
    held.upper_ranks("euclidean")
    assert ("distances", "euclidean") not in held.kept


def test_a_draw_that_is_too_large_for_memory_is_refused_before_anything_is_computed() -> None:
    a = np.zeros((20_000, 1), dtype=np.float32)
    with pytest.raises(ts.InputError, match="20000 points at once need a matrix of 12 GiB; give a size"):
        ts.rtd(a, a)


@pytest.mark.parametrize("widths", [(5, 30, 70, 12), (3, 4)])
@pytest.mark.parametrize("unbiased", [False, True])
def test_all_pairs_at_once_are_the_pairs(
    widths: tuple[int, ...], unbiased: bool, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        importlib.import_module("toposcope.similarity.cka"), "_STACKED", 40 * len(widths) * 7
    )  # several blocks, the last one short
    shared = rng.normal(size=(40, 3))
    layers = [shared @ rng.normal(size=(3, width)) + rng.normal(size=(40, width)) + 5 for width in widths]
    values, note = cka_of_all([Prepared(layer) for layer in layers], unbiased)
    assert note == ""
    expected = [[ts.cka(a, b, unbiased=unbiased) for b in layers] for a in layers]
    np.testing.assert_allclose(values, expected, rtol=1e-10)
    constant = [*layers[:-1], np.ones((40, widths[-1]))]
    values, note = cka_of_all([Prepared(layer) for layer in constant], unbiased)
    assert "no variance" in note
    assert np.isnan(values[-1]).all()
    assert np.isfinite(values[:-1, :-1]).all()
