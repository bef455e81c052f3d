"""Signals against closed forms and laws; change points and early warnings by simulation."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import toposcope as ts
from toposcope.monitor import alerts, changes, signals
from toposcope.monitor.folder import Check


def test_effective_rank_of_known_spectra(rng: np.random.Generator) -> None:
    assert signals.effective_rank(np.zeros((5, 3))) == 0
    line = np.outer(np.arange(5.0), [1, 2, 3])
    assert signals.effective_rank(line) == pytest.approx(1)
    cross = np.vstack([np.eye(4), -np.eye(4)])  # four equal singular values
    assert signals.effective_rank(cross) == pytest.approx(4)
    assert signals.of_cloud(cross)["p_eff"] == pytest.approx(4)
    values = np.array([3.0, 1.0])
    axes = np.vstack([np.diag(values), -np.diag(values)])
    share = values / 4
    assert signals.effective_rank(axes) == pytest.approx(math.exp(-(share * np.log(share)).sum()))
    cloud = rng.normal(size=(30, 6))
    assert signals.of_cloud(cloud)["p_eff"] == pytest.approx(ts.p_eff(cloud))


@given(st.integers(0, 1000), st.floats(0.1, 10), st.floats(-5, 5))
@settings(max_examples=30, deadline=None)
def test_rank_does_not_depend_on_place_scale_or_rotation(seed: int, scale: float, shift: float) -> None:
    rng = np.random.default_rng(seed)
    cloud = rng.normal(size=(12, 4))
    turn, _ = np.linalg.qr(rng.normal(size=(4, 4)))
    rank = signals.effective_rank(cloud)
    assert signals.effective_rank(scale * cloud @ turn + shift) == pytest.approx(rank)
    assert 1 <= rank <= 4 + 1e-9


def test_signals_of_a_diagram() -> None:
    square = ts.vietoris_rips(np.array([[0.0, 0], [1, 0], [1, 1], [0, 1]]))
    found = signals.of_diagram(square, 1)
    assert found["dispersion", 0] == 0  # all three edges of the tree are 1
    assert found["total_persistence", 0] == 3
    assert found["total_persistence", 1] == pytest.approx(math.sqrt(2) - 1)
    assert found["scale", None] == 1
    clusters = ts.vietoris_rips(np.array([[0.0], [1], [10], [11]]))
    assert signals.of_diagram(clusters, 0)["dispersion", 0] == pytest.approx(np.std([1, 1, 9]) / np.mean([1, 1, 9]))


def test_intervals_over_draws() -> None:
    row = signals.over_draws([1.0, 2.0, 3.0], 0.95)
    interval = ts.stats.mean_interval(np.array([1.0, 2, 3]))
    assert (row["value"], row["low"], row["high"], row["draws"]) == (2.0, interval.low, interval.high, 3)
    assert math.isnan(signals.over_draws([1.0], 0.95)["low"])
    assert math.isnan(signals.over_draws([1.0, math.inf], 0.95)["high"])


def test_divergence_is_an_energy_distance_with_its_bounds(rng: np.random.Generator) -> None:
    points = rng.normal(size=(16, 2))
    points[8:] += 3
    distances = np.linalg.norm(points[:, None] - points[None], axis=2)
    within_a, within_b, between = distances[:8, :8], distances[8:, 8:], distances[:8, 8:]
    row = signals.divergence(within_a, within_b, between, 0.95)
    assert row["value"] == pytest.approx(2 * between.mean() - (within_a.sum() + within_b.sum()) / 56)
    assert 0 < row["low"] < row["value"] < row["high"]
    few = signals.divergence(within_a[:3, :3], within_b[:3, :3], between[:3, :3], 0.95)
    own = within_a[:3, :3].sum() + within_b[:3, :3].sum()
    assert few["value"] == pytest.approx(2 * between[:3, :3].mean() - own / 6)
    assert math.isnan(few["low"])


# --- change points ----------------------------------------------------------------------------------------------------


def test_the_noise_of_a_series_minds_neither_level_nor_slope(rng: np.random.Generator) -> None:
    noise = rng.normal(size=2000)
    line = np.linspace(0, 50, 2000)
    assert changes.noise_of(noise) == pytest.approx(1, rel=0.1)
    assert changes.noise_of(3 * noise + line) == pytest.approx(3, rel=0.1)
    assert changes.noise_of(line) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("slope", [0.0, 0.5])
def test_false_alarms_are_rare_on_steady_drift(slope: float) -> None:
    """A line and white noise: 4 to 7 % of series of 8 to 20 values, 2 % of 30, and none of 100 (docs/monitor.md)."""
    rng = np.random.default_rng(0)
    for n in (8, 12, 30):
        series = rng.normal(size=(200, n)) + slope * np.arange(n)
        alarms = np.mean([bool(changes.change_points(one)) for one in series])
        assert alarms <= (0.05 if n == 30 else 0.12), (n, alarms)


def test_a_jump_and_a_bend_are_found_where_they_are() -> None:
    rng = np.random.default_rng(1)
    found = 0
    for _ in range(50):
        jump = rng.normal(size=30) + 10 * (np.arange(30) >= 18)
        cuts = changes.change_points(jump)
        found += [index for index, _size in cuts] == [18]
        assert all(size > 3 for _index, size in cuts)
    assert found >= 45
    bend = 0.3 * rng.normal(size=40) + np.maximum(np.arange(40) - 20, 0)
    cuts = changes.change_points(bend)
    assert len(cuts) == 1
    assert abs(cuts[0][0] - 20) <= 3


def test_series_that_are_too_short_constant_or_not_finite_have_none() -> None:
    assert changes.change_points(np.arange(7.0) ** 3) == []
    assert changes.change_points(np.zeros(20)) == []
    assert changes.change_points(np.linspace(0, 1, 20)) == []
    assert changes.change_points(np.array([*range(10), math.nan])) == []
    assert changes.change_points(np.array([1.0] * 10 + [2.0] * 10))[0][0] == 10


def test_uneven_steps_are_put_where_they_were() -> None:
    rng = np.random.default_rng(2)
    at = np.cumsum(rng.integers(1, 20, size=30)).astype(float)
    steady = 0.5 * at + 0.3 * rng.normal(size=30)
    assert changes.change_points(steady, at) == []
    bent = steady + 3 * np.maximum(at - at[15], 0)
    assert next(index for index, _size in changes.change_points(bent, at)) in range(13, 19)


def test_the_cut_is_the_best_of_all() -> None:
    """Against every choice of cuts."""
    rng = np.random.default_rng(3)
    n = 10
    for _ in range(20):
        y = rng.normal(size=n) + 8 * (np.arange(n) >= rng.integers(3, 8))
        z = (y - y.mean()) / changes.noise_of(y)
        x = np.arange(float(n))

        def cost(start: int, end: int, x: np.ndarray = x, z: np.ndarray = z) -> float:
            fit = np.polyfit(x[start:end], z[start:end], 1)
            return float(((z[start:end] - np.polyval(fit, x[start:end])) ** 2).sum())

        penalty = changes.PENALTY * math.log(n)
        options = {(): cost(0, n)}
        options |= {(a,): cost(0, a) + cost(a, n) + penalty for a in range(3, n - 2)}
        options |= {
            (a, b): cost(0, a) + cost(a, b) + cost(b, n) + 2 * penalty for a in range(3, n) for b in range(a + 3, n - 2)
        }
        assert tuple(index for index, _size in changes.change_points(y)) == min(options, key=lambda cuts: options[cuts])


# --- early warnings ---------------------------------------------------------------------------------------------------


def rows(values, signal: str = "effective_rank", degree: int | None = None, width: float = 0.1) -> list[dict]:
    return [
        {"step": step, "probe": "train", "layer": "5", "degree": degree, "signal": signal, "value": value,
         "low": value - width, "high": value + width, "draws": 6}
        for step, value in enumerate(values)
    ]  # fmt: skip


def warned(values, **options) -> list[str]:
    return alerts.alerts(signals.series(rows(values, **options)), [])


def test_collapse_is_warned_of_by_its_rule() -> None:
    assert warned([10, 9, 8, 7, 6, 5.2, 5.1]) == []
    (line,) = warned([10, 11, 4, 4.1, 3])
    assert line.startswith("step 2: 5 (train) may be collapsing: its effective rank is 4 (at most 4.1)")
    assert "half of the 10.9" in line
    assert warned([10, 11, 4, 10, 4, 10]) == []  # one odd check says nothing
    assert warned([10, 11, 5.3, 5.3, 5.3], width=1.0) == []  # its upper bound is not below half
    assert len(warned([10, 4, 4], signal="p_eff")) == 1
    assert len(warned([10, 4, 4], signal="total_persistence", degree=0)) == 1
    assert warned([10, 4, 4], signal="total_persistence", degree=1) == []
    assert warned([10, 4, 4], width=math.nan) == []
    assert len(warned([10, 0, 0], width=0.0)) == 1


def test_divergence_is_warned_of_by_its_rule() -> None:
    assert warned([0.1, 0.15, 0.2], signal="divergence", degree=1) == []
    (line,) = warned([0.1, 0.5, 0.6], signal="divergence", degree=1)
    assert line.startswith("step 1: 5 tells training from validation inputs in H1: divergence 0.5 (at least 0.4)")


def test_checks_that_saw_nothing_are_among_the_warnings() -> None:
    lines = alerts.alerts(signals.series(rows([10, 4, 4])), [Check(0), Check(1, failed="NaN")])
    assert [line.split(":")[0] for line in lines] == ["step 1", "step 1"]
    assert any("nothing could be seen: NaN" in line for line in lines)


def test_false_warnings_are_rare_where_nothing_happens() -> None:
    rng = np.random.default_rng(4)
    false = 0
    for _ in range(200):
        draws = rng.normal(10, 2, size=(30, 6))  # one sixth of the spread that a fall to half takes
        series = [{**row, **signals.over_draws(one, 0.95)} for row, one in zip(rows(range(30)), draws, strict=True)]
        false += bool(alerts.alerts(signals.series(series), []))
    assert false == 0


def test_retained_rank() -> None:
    found = signals.retained(signals.series(rows([2, 4, 1])))
    assert [row["value"] for row in found] == [1, 1, 0.25]
    assert {row["signal"] for row in found} == {"retained_rank"}
