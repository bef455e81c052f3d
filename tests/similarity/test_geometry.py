"""Dimension and magnitude: exact answers, known manifolds, definitions, the values of other packages."""

import warnings

import numpy as np
import pytest
from scipy.integrate import trapezoid
from scipy.spatial.distance import pdist, squareform

import toposcope as ts


def sphere(n: int, dimension: int, width: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(n, dimension + 1))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    return points @ np.linalg.qr(rng.normal(size=(width, dimension + 1)))[0].T


@pytest.mark.parametrize("dimension", [1, 2, 5])
def test_the_dimension_of_a_sphere(dimension: int) -> None:
    points = sphere(1500, dimension, 20)
    assert ts.two_nn(points) == pytest.approx(dimension, rel=0.08)
    assert ts.mle_dimension(points) == pytest.approx(dimension, rel=0.1)
    assert ts.mle_dimension(points, average="mean") == pytest.approx(dimension, rel=0.1)
    assert ts.ph_dimension(points) == pytest.approx(dimension, rel=0.15)


def test_two_nn_is_the_published_fit() -> None:
    from sklearn.linear_model import LinearRegression

    points = np.random.default_rng(0).normal(size=(300, 4))
    sorted_distances = np.sort(squareform(pdist(points)), axis=1)
    for discard in (0.0, 0.1, 0.5):
        ratios = np.sort(sorted_distances[:, 2] / sorted_distances[:, 1])
        kept = min(int(300 * (1 - discard)), 299)
        distribution = np.arange(1, kept + 1) / 300
        fit = LinearRegression(fit_intercept=False).fit(np.log(ratios[:kept, None]), -np.log(1 - distribution))
        assert ts.two_nn(points, discard) == pytest.approx(fit.coef_[0], rel=1e-8)


def test_two_nn_has_no_bias_where_its_law_is_exact() -> None:
    """The ratio of a locally uniform cloud is Pareto with the dimension as its exponent."""
    values = [ts.two_nn(np.random.default_rng(seed).uniform(size=(400, 2))) for seed in range(40)]
    assert np.mean(values) == pytest.approx(2, abs=4 * np.std(values) / 40**0.5 + 0.05)


def test_mle_is_the_formula_of_levina_and_bickel() -> None:
    points = np.random.default_rng(0).normal(size=(100, 4))
    near = np.sort(squareform(pdist(points)), axis=1)[:, 1:8]
    logs = np.log(near[:, -1:] / near[:, :-1])
    assert ts.mle_dimension(points, 7, "mean") == pytest.approx((5 / logs.sum(axis=1)).mean(), rel=1e-8)
    assert ts.mle_dimension(points, 7) == pytest.approx(1 / logs.mean(), rel=1e-8)


def test_spectral_dimensions() -> None:
    points = np.concatenate([np.eye(6), -np.eye(6)]) * [2, 2, 1, 1, 1, 0]
    assert ts.p_eff(points) == pytest.approx(11 / 4)
    assert ts.participation_ratio(points) == pytest.approx(11**2 / 35)
    assert ts.p_eff(np.ones((5, 3))) == ts.participation_ratio(np.ones((5, 3))) == 0
    wide = np.random.default_rng(0).normal(size=(10, 50))
    values = np.linalg.eigvalsh(np.cov(wide.T))
    assert ts.participation_ratio(wide) == pytest.approx(values.sum() ** 2 / (values**2).sum())


def test_ph_dimension_of_large_clouds_needs_no_matrix(monkeypatch: pytest.MonkeyPatch) -> None:
    from toposcope.similarity import dimension

    points = sphere(200, 2, 5)
    whole = ts.ph_dimension(points)
    monkeypatch.setattr(dimension, "_LARGEST_MATRIX", 10)
    assert ts.ph_dimension(points) == pytest.approx(whole, rel=1e-9)


def test_points_that_repeat_count_once_and_it_is_said() -> None:
    points = np.random.default_rng(0).normal(size=(100, 3))
    repeated = np.concatenate([points, points[:7]])
    for measure in (ts.two_nn, ts.mle_dimension):
        with pytest.warns(ts.ToposcopeWarning, match="7 of 107 points repeat"):
            assert measure(repeated) == pytest.approx(measure(points), rel=1e-12)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert ts.magnitude(repeated) == pytest.approx(ts.magnitude(points), rel=1e-12)


@pytest.mark.parametrize("scale", [0.0, 1e-12, 1e-3, 0.5, 1.0, 10.0, 700.0])
def test_the_magnitude_of_two_points(scale: float) -> None:
    assert ts.magnitude([[0.0], [1.0]], scale) == pytest.approx(2 / (1 + np.exp(-scale)), rel=1e-14)


@pytest.mark.parametrize("scale", [1e-12, 1e-9, 0.01, 1.0, 30.0])
def test_the_magnitude_of_points_on_a_line(scale: float) -> None:
    """1 + Σ tanh(gap / 2), Leinster 2013; near scale 0 the naive inverse has no digits left."""
    places = np.sort(np.random.default_rng(0).uniform(0, 10, 40))
    expected = 1 + np.tanh(scale * np.diff(places) / 2).sum()
    assert ts.magnitude(places[:, None], scale) == pytest.approx(expected, rel=1e-9)
    # What is above 1 keeps the digits that a float has room for.
    assert ts.magnitude(places[:, None], scale) - 1 == pytest.approx(expected - 1, rel=1e-9, abs=1e-15)


def test_magnitude_of_a_homogeneous_space() -> None:
    """n / Σ_j exp(-d_ij) where every point sees the same distances (Speyer)."""
    angle = 2 * np.pi * np.arange(12) / 12
    polygon = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    expected = [12 / np.exp(-t * squareform(pdist(polygon))[0]).sum() for t in (0.1, 1, 5)]
    np.testing.assert_allclose(ts.magnitude_function(polygon, np.array([0.1, 1, 5])), expected, rtol=1e-12)


def test_magnitude_summaries_are_what_they_say() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(50, 3)), 2 * rng.normal(size=(40, 3))
    end = ts.magnitude_scale(a)
    assert ts.magnitude(a, end) == pytest.approx(0.95 * 50, rel=1e-6)
    assert ts.magnitude(a, ts.magnitude_scale(a, 0.3)) == pytest.approx(0.3 * 50, rel=1e-6)
    steps = np.linspace(0, end, 30)
    assert ts.magnitude_area(a) == pytest.approx(trapezoid(ts.magnitude_function(a, steps), steps), rel=1e-12)
    steps = np.linspace(0, 2.0, 30)
    apart = np.abs(ts.magnitude_function(a, steps) - ts.magnitude_function(b, steps))
    assert ts.magnitude_difference(a, b, until=2.0) == pytest.approx(trapezoid(apart, steps), rel=1e-12)
    assert ts.magnitude_difference(a, b) == ts.magnitude_difference(a, b, (end + ts.magnitude_scale(b)) / 2)
    assert ts.magnitude_area(a, 1.0) < ts.magnitude_area(2 * a, 1.0)


def test_a_fixed_end_makes_the_magnitude_difference_a_pseudometric() -> None:
    rng = np.random.default_rng(0)
    for _ in range(5):
        a, b, c = (rng.normal(size=(20, 3)) * rng.uniform(0.5, 2) for _ in range(3))
        ab, bc, ac = (ts.magnitude_difference(x, y, until=1.0) for x, y in ((a, b), (b, c), (a, c)))
        assert ac <= ab + bc + 1e-12
