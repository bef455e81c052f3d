"""Controls: what they keep, what they destroy, and when they are not believed."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.covariance import ledoit_wolf, ledoit_wolf_shrinkage

import toposcope as ts
from toposcope.cloud.controls import shrinkage


def total_h0(cloud: np.ndarray) -> float:
    return ts.total_persistence(ts.vietoris_rips(cloud, 0), 0)


@settings(max_examples=40, deadline=None)
@given(n=st.integers(2, 40), d=st.integers(1, 60), seed=st.integers(0, 2**32 - 1))
def test_shrinkage_is_ledoit_and_wolfs(n: int, d: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(n, d)) * rng.uniform(0.1, 3, size=d)
    rows -= rows.mean(axis=0)
    assert shrinkage(rows) == pytest.approx(ledoit_wolf_shrinkage(rows) if d > 1 else 1.0, abs=1e-9)


def test_a_gaussian_control_has_mean_and_covariance(rng: np.random.Generator) -> None:
    points = rng.exponential(size=(40, 5)) @ rng.normal(size=(5, 5)) + 3
    drawn = np.concatenate([ts.gaussian_control(points, seed=seed) for seed in range(1000)])
    expected, _ = ledoit_wolf(points)
    # ledoit_wolf divides by n, the control's sample covariance by n - 1.
    np.testing.assert_allclose(np.cov(drawn.T), expected * 40 / 39, atol=0.08 * expected.max())
    np.testing.assert_allclose(drawn.mean(axis=0), points.mean(axis=0), atol=0.1)
    raw = np.concatenate([ts.gaussian_control(points, "sample", seed=seed) for seed in range(1000)])
    np.testing.assert_allclose(np.cov(raw.T), np.cov(points.T), atol=0.08 * expected.max())


def test_a_control_may_be_fitted_to_held_out_rows(rng: np.random.Generator) -> None:
    held_out = rng.normal(size=(500, 3)) + np.array([10, 0, 0])
    control = ts.gaussian_control(rng.normal(size=(50, 3)), fitted_on=held_out)
    assert control.shape == (50, 3)
    assert control[:, 0].mean() == pytest.approx(10, abs=0.7)
    np.testing.assert_array_equal(control, ts.gaussian_control(np.zeros((50, 3)), fitted_on=held_out))


def test_shuffled_columns_keep_every_column(rng: np.random.Generator) -> None:
    line = np.outer(np.arange(200.0), [1, 2, 3])
    shuffled = ts.shuffled_control(line, seed=1)
    np.testing.assert_array_equal(np.sort(shuffled, axis=0), line)
    assert np.abs(np.corrcoef(shuffled.T) - np.eye(3)).max() < 0.3
    np.testing.assert_array_equal(shuffled, ts.shuffled_control(ts.Representation(line, np.arange(200)), seed=1))


def test_clusters_exceed_a_sound_control() -> None:
    rng = np.random.default_rng(1)
    points = rng.normal(size=(60, 2)) * 0.05 + 4 * rng.integers(2, size=(60, 2))
    result = ts.control_excess(points, lambda cloud: -total_h0(cloud), controls=39)  # clusters have short bars
    assert result.calibrated
    assert result.is_excess
    assert result.p_value == 1 / 40
    assert result.excess == pytest.approx(result.value - result.control.mean())
    assert "an excess (p = 0.025" in result.claim
    assert repr(result).startswith("<ControlExcess")


def test_a_gaussian_is_no_excess_and_a_misfitting_control_is_refused() -> None:
    rng = np.random.default_rng(2)
    plain = ts.control_excess(rng.normal(size=(60, 3)), total_h0, controls=39)
    assert plain.calibrated
    assert not plain.is_excess
    assert "no excess was shown" in plain.claim
    # As many dimensions as points: a sample covariance is no covariance, and what looks like an excess is its error.
    misfit = ts.control_excess(rng.normal(size=(60, 60)), total_h0, ts.GaussianControl("sample"), controls=39)
    assert misfit.p_value <= 0.05
    assert misfit.calibration > 0.5
    assert not misfit.calibrated
    assert not misfit.is_excess
    assert "not called an excess" in misfit.claim


def test_held_out_rows_are_held_out_of_the_stand_ins_too(rng: np.random.Generator) -> None:
    points, others = rng.normal(size=(2, 30, 3))
    kind = ts.GaussianControl(fitted_on=others)
    cloud, own = kind.stand_in(points, rng)
    assert cloud.shape == (30, 3)
    assert isinstance(own, ts.GaussianControl)
    assert not np.array_equal(own.fitted_on, others)
    assert "held-out" in kind.name
    assert ts.control_excess(points, total_h0, kind, controls=19, stand_ins=20).p_value > 0


def test_shuffled_controls_are_calibrated_and_seeded(rng: np.random.Generator) -> None:
    points = rng.normal(size=(40, 3)) @ rng.normal(size=(3, 10))
    first, again = (
        ts.control_excess(points, lambda x: -total_h0(x), ts.ShuffledControl(), controls=19, stand_ins=20, seed=3)
        for _ in range(2)
    )
    assert first.calibrated
    assert first.is_excess  # the columns depend on each other
    np.testing.assert_array_equal(first.control, again.control)
    assert "shuffled columns" in first.claim


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda x: ts.gaussian_control(x[:1]), "at least 2 rows"),
        (lambda x: ts.gaussian_control(x, "diagonal"), "covariance='diagonal'"),
        (lambda x: ts.gaussian_control(x, fitted_on=x[:, :2]), "2 columns and the points 3"),
        (lambda x: ts.gaussian_control(x, seed=-1), "seed=-1"),
        (lambda x: ts.control_excess(x, total_h0, controls=18), "take at least 19 controls"),
        (lambda x: ts.control_excess(x, total_h0, stand_ins=19), "at least 20"),
        (lambda x: ts.control_excess(x, lambda _: np.nan), "statistic of the cloud is nan"),
    ],
)
def test_bad_input(call, words: str) -> None:
    with pytest.raises(ts.InputError, match=words):
        call(np.random.default_rng(0).normal(size=(20, 3)))
