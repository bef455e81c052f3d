"""Bars against the universal null: the formula, what is refused, and no false alarms in noise."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import gumbel_l, kstest

import toposcope as ts
from toposcope.stats.significance import FEW_BARS


def diagram_of(bars: np.ndarray, degree: int = 1, **filtration: object) -> ts.PersistenceDiagram:
    return ts.PersistenceDiagram(bars, np.full(len(bars), degree), ts.Filtration(max_degree=degree, **filtration))


def noisy_circle(n: int, noise: float, rng: np.random.Generator) -> np.ndarray:
    angle = rng.uniform(0, 2 * np.pi, n)
    return np.c_[np.cos(angle), np.sin(angle)] + noise * rng.normal(size=(n, 2))


def test_p_values_are_the_formula(rng: np.random.Generator) -> None:
    births = rng.uniform(1, 2, 40)
    bars = np.c_[births, births * rng.uniform(1.01, 1.5, 40)]
    diagram = diagram_of(bars)
    result = ts.bar_significance(diagram)
    rows = diagram.in_degree(1)
    loglog = np.log(np.log(rows[:, 1] / rows[:, 0]))
    expected = gumbel_l.sf(loglog - loglog.mean() - np.euler_gamma)
    np.testing.assert_allclose(result.p_value, expected, rtol=1e-9)
    np.testing.assert_allclose(result.p_adjusted, np.minimum(40 * expected, 1), rtol=1e-9)
    np.testing.assert_allclose(result.ratio, rows[:, 1] / rows[:, 0])
    assert result.longest_ratio == pytest.approx((rows[:, 1] / rows[:, 0]).max())
    assert len(result) == 40
    assert "of 40 bars" in repr(result)


def test_the_least_ratio_parts_the_significant_bars_from_the_others(rng: np.random.Generator) -> None:
    births = rng.uniform(1, 2, 60)
    bars = np.c_[births, births * rng.uniform(1.01, 1.5, 60) ** rng.uniform(1, 6, 60)]
    for alpha in (0.001, 0.05, 0.5, 10.0, 60.0):
        result = ts.bar_significance(diagram_of(bars), alpha=alpha)
        np.testing.assert_array_equal(result.significant, result.ratio >= result.least_ratio)
    assert np.isnan(ts.bar_significance(diagram_of(bars[:0])).least_ratio)


def test_ratios_of_the_null_law_give_uniform_p_values() -> None:
    rng = np.random.default_rng(0)
    ratio = np.exp(np.exp(gumbel_l.rvs(size=4000, random_state=rng) - 3))
    result = ts.bar_significance(diagram_of(np.c_[np.ones(4000), ratio]))
    assert kstest(result.p_value, "uniform").pvalue > 0.01


def test_near_ties_keep_their_digits() -> None:
    births = np.ones(30)
    lengths = np.geomspace(1e-13, 1e-15, 30)
    deaths = births + lengths
    result = ts.bar_significance(diagram_of(np.c_[births, deaths]))
    loglog = np.log(np.sort(deaths - births))  # log1p(x) = x here
    expected = gumbel_l.sf(loglog - loglog.mean() - np.euler_gamma)
    np.testing.assert_allclose(np.sort(result.p_value)[::-1], expected, rtol=1e-6)


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), k=st.integers(20, 60))
def test_a_larger_ratio_has_a_smaller_p(seed: int, k: int) -> None:
    rng = np.random.default_rng(seed)
    births = rng.uniform(0.1, 3, k)
    result = ts.bar_significance(diagram_of(np.c_[births, births * (1 + rng.exponential(size=k))]))
    order = np.argsort(result.ratio)
    assert (np.diff(result.p_value[order]) <= 0).all()
    assert (result.p_adjusted >= result.p_value).all()
    assert (result.significant == (result.p_adjusted <= 0.05)).all()


def test_the_unit_does_not_matter(rng: np.random.Generator) -> None:
    cloud = rng.normal(size=(100, 3))
    once, scaled = (ts.bar_significance(ts.vietoris_rips(factor * cloud)) for factor in (1.0, 1024.0))
    np.testing.assert_allclose(once.p_value, scaled.p_value, rtol=1e-9)


def test_a_circle_is_found_and_noise_is_not() -> None:
    rng = np.random.default_rng(4)
    for _ in range(10):
        diagram = ts.vietoris_rips(noisy_circle(200, 0.1, rng))
        result = ts.bar_significance(diagram)
        rows = diagram.in_degree(1)
        assert np.flatnonzero(result.significant).tolist() == [int(np.argmax(rows[:, 1] / rows[:, 0]))]
    false = 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ts.ToposcopeWarning)
        for dimension in (2, 5, 20, 50):
            for _ in range(100):
                cloud = rng.normal(size=(60, dimension))
                false += bool(ts.bar_significance(ts.vietoris_rips(cloud)).significant.any())
    assert false <= 400 * 0.05


def test_no_bars_are_no_rows() -> None:
    result = ts.bar_significance(diagram_of(np.empty((0, 2))))
    assert len(result) == 0
    assert result.longest_ratio == 1.0


def test_few_bars_are_said(rng: np.random.Generator) -> None:
    bars = np.c_[np.ones(FEW_BARS - 1), rng.uniform(1.1, 2, FEW_BARS - 1)]
    with pytest.warns(ts.ToposcopeWarning, match="19 bars.*take more points"):
        ts.bar_significance(diagram_of(bars))


@pytest.mark.parametrize(
    ("diagram", "arguments", "words"),
    [
        (diagram_of(np.array([[1.0, 2.0]])), {"degree": 0}, "degree=0"),
        (diagram_of(np.array([[1.0, 2.0]])), {"alpha": 0.0}, "above 0"),
        (diagram_of(np.array([[1.0, 2.0]])), {"degree": 2}, "max_degree=2"),
        (diagram_of(np.array([[1.0, 2.0]]), threshold=3.0), {}, "threshold=None"),
        (diagram_of(np.array([[1.0, np.inf]])), {}, "essential"),
        (diagram_of(np.array([[0.0, 1.0]])), {}, "born at 0"),
        (ts.vietoris_rips(np.where(np.eye(4), 0, np.inf), metric="precomputed"), {}, "infinitely far"),
    ],
)
def test_bad_input(diagram: ts.PersistenceDiagram, arguments: dict, words: str) -> None:
    with pytest.raises(ts.InputError, match=words):
        ts.bar_significance(diagram, **arguments)
