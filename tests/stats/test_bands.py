"""Bands: what they are made of, what they cover, and how little the Fasy band sees."""

import numpy as np
import pytest

import toposcope as ts
from toposcope.stats.bands import half_width


def diagrams(count: int, rng: np.random.Generator, n: int = 40, d: int = 3) -> list[ts.PersistenceDiagram]:
    return [ts.vietoris_rips(rng.normal(size=(n, d)), scale="q0.9") for _ in range(count)]


@pytest.mark.parametrize("curve", ["landscape", "betti"])
@pytest.mark.parametrize("degree", [0, 1])
def test_the_band_lies_around_the_mean_curve(curve: str, degree: int, rng: np.random.Generator) -> None:
    drawn = diagrams(8, rng)
    band = ts.confidence_band(drawn, curve, degree, levels=2, multipliers=200)
    curves = [
        d.betti(band.values, degree) if curve == "betti" else ts.landscape(d, band.values, degree, 2) for d in drawn
    ]
    np.testing.assert_allclose(band.mean, np.mean(curves, axis=0))
    np.testing.assert_allclose(band.high - band.mean, band.half_width)
    np.testing.assert_allclose(band.low, np.maximum(band.mean - band.half_width, 0))
    assert band.values[0] == 0
    assert band.values[-1] == max(d.finite(degree).max() for d in drawn)
    assert band.mean in band
    assert band.mean + 1.01 * band.half_width not in band
    assert "8 disjoint draws" in repr(band)


def test_the_same_seed_gives_the_same_band(rng: np.random.Generator) -> None:
    drawn = diagrams(8, rng)
    first, again, other = (ts.confidence_band(drawn, seed=seed).half_width for seed in (1, 1, 2))
    assert first == again != other


def test_one_value_is_nearly_a_t_interval() -> None:
    # At a single value the supremum is one |t| variable, and the width is Student's times 1 + 1/k.
    residuals = np.random.default_rng(0).normal(size=(10, 1))
    residuals -= residuals.mean()
    expected = 1.1 * 2.262 * residuals.std(ddof=1) / np.sqrt(10)
    assert half_width(residuals, 0.95, 100_000, 0) == pytest.approx(expected, rel=0.02)


@pytest.mark.parametrize(("curve", "least"), [("betti", 0.93), ("landscape", 0.93)])
def test_the_band_covers(curve: str, least: float) -> None:
    # The law is that of the pool itself, drawn from with replacement: its mean curve is the truth.
    rng = np.random.default_rng(3)
    pool = diagrams(300, rng)
    values = np.linspace(0, 1, 60)
    curves = np.array([d.betti(values, 1) if curve == "betti" else ts.landscape(d, values, 1, 1)[0] for d in pool])
    held = 0
    for trial in range(400):
        drawn = curves[rng.integers(300, size=8)]
        mean = drawn.mean(axis=0)
        held += np.abs(mean - curves.mean(axis=0)).max() <= half_width(drawn - mean, 0.95, 300, trial)
    assert held / 400 > least - 3.3 * np.sqrt(least * (1 - least) / 400)


def test_fasy_needs_more_than_a_clean_circle_has() -> None:
    needed, longest = [], []
    for seed in range(20):
        angle = np.random.default_rng(seed).uniform(0, 2 * np.pi, 500)
        circle = np.c_[np.cos(angle), np.sin(angle)]
        diagram = ts.vietoris_rips(circle)
        band = ts.fasy_band(circle, repeats=300, seed=seed)
        assert not band.longer(diagram).any()
        assert band.length == 8 * band.quantile
        needed.append(band.length)
        longest.append(float(np.diff(diagram.in_degree(1)).max()))
    assert np.mean(needed) == pytest.approx(2.16, abs=0.1)
    assert np.mean(longest) == pytest.approx(1.66, abs=0.02)


def test_fasy_is_the_hausdorff_distance_of_subsamples(rng: np.random.Generator) -> None:
    from scipy.spatial.distance import directed_hausdorff

    cloud = rng.normal(size=(30, 2))
    band = ts.fasy_band(cloud, alpha=0.5, subsample=29, repeats=200)
    left_out = [directed_hausdorff(cloud, np.delete(cloud, k, axis=0))[0] for k in range(30)]
    assert any(band.quantile == pytest.approx(value) for value in left_out)
    assert min(left_out) < band.quantile < max(left_out)
    # Two tight clusters far apart: the bar between them is longer than 8q, and it is one of degree 0.
    far = np.concatenate([rng.normal(size=(60, 2)) * 0.01, rng.normal(size=(60, 2)) * 0.01 + 9])
    assert ts.fasy_band(far).longer(ts.vietoris_rips(far), degree=0).sum() == 2  # one of them is essential


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda d: ts.confidence_band(d[:7]), ts.InputError, "at least 8 disjoint draws, and there are 7"),
        (lambda d: ts.confidence_band(d, "silhouette"), ts.InputError, "curve='silhouette'"),
        (lambda d: ts.confidence_band(d, level=1.0), ts.InputError, "below 1"),
        (lambda d: ts.confidence_band(d, values=np.empty(0)), ts.InputError, r"values has shape \(0,\)"),
        (lambda d: ts.confidence_band(d, multipliers=5), ts.InputError, "at least 100"),
        (
            lambda d: ts.confidence_band([*d, ts.vietoris_rips(np.eye(3), scale="q0.9")]),
            ts.IncomparableError,
            "n_points",
        ),
        (lambda d: ts.fasy_band(np.eye(9)), ts.InputError, "at least 10 points"),
        (
            lambda d: ts.fasy_band(np.eye(12), subsample=12),
            ts.InputError,
            "smaller than the cloud of 12.*about 5",
        ),
        (lambda d: ts.fasy_band(np.eye(12), alpha=1.0), ts.InputError, "below 1"),
        (lambda d: ts.fasy_band(np.eye(12)).longer(d[0]), ts.IncomparableError, "scale=None"),
    ],
)
def test_bad_input(call, error, words: str) -> None:
    with pytest.raises(error, match=words):
        call(diagrams(8, np.random.default_rng(0), n=12))
