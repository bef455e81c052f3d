"""The page's own matching of two diagrams, in Chromium, against the exact distances of the package."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import toposcope as ts
from tests.report.browser import asset, start

pytestmark = pytest.mark.browser

DISTANCES = [("1", "inf"), ("2", "inf"), ("1", "1"), ("2", "2"), ("3.5", "2"), ("inf", "inf")]
REAL = "const real = (v) => (v === 'inf' ? Infinity : Number(v));"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    yield from start()


@pytest.fixture(scope="module")
def match(browser: Any) -> Iterator[Any]:
    """(a, b, order, ground, zero births) → {value, rows}, as the page computes it."""
    view = browser.new_page()
    view.evaluate(f"() => {{ {REAL}\n{asset('matching.js')}\nwindow.matchBars = matchBars; }}")

    def call(a: Any, b: Any, order: str, ground: str, zero: bool = False) -> Any:
        spoken = """([a, b, order, ground, zero]) => {
            const told = bars => bars.map(([x, y]) => [x, y === null ? Infinity : y]);
            const found = matchBars(told(a), told(b), {order, ground}, zero);
            return found && {value: String(found.value), rows: found.rows.map(r => ({...r, cost: String(r.cost)}))};
        }"""
        sides = [[[x, None if math.isinf(y) else y] for x, y in bars.tolist()] for bars in (a, b)]
        return view.evaluate(spoken, [*sides, order, ground, zero])

    yield call
    view.close()


def bars(rng: np.random.Generator, count: int, zero: bool, grid: bool, essential: int) -> np.ndarray[Any, Any]:
    births = np.zeros(count) if zero else rng.random(count)
    found = np.stack([births, births + rng.random(count) ** 3 + 0.01], axis=1)
    if grid:  # ties
        found = np.round(found * 8) / 8
        found[:, 1] = np.maximum(found[:, 1], found[:, 0] + 0.125)
    found[:essential, 1] = np.inf
    return found


def exact(a: np.ndarray[Any, Any], b: np.ndarray[Any, Any], order: str, ground: str) -> float:
    if order == "inf":
        return ts.bottleneck(a, b)
    return ts.wasserstein(a, b, order=float(order), ground=float(ground))


@pytest.mark.parametrize(("order", "ground"), DISTANCES)
def test_the_matching_is_optimal(match: Any, order: str, ground: str) -> None:
    rng = np.random.default_rng(7)
    for case in range(24):
        zero, grid, essential = case % 2 == 1, case % 3 == 0, int(rng.integers(0, 3))
        a, b = (bars(rng, int(rng.integers(essential, 25)), zero, grid, essential) for _ in range(2))
        for line in {False, zero}:
            found = match(a, b, order, ground, line)
            assert float(found["value"]) == pytest.approx(exact(a, b, order, ground), rel=1e-9, abs=1e-12)
            check(found, a, b, order, ground)


def check(found: Any, a: np.ndarray[Any, Any], b: np.ndarray[Any, Any], order: str, ground: str) -> None:
    """Every bar stands once, costs are those of the moves, the largest first, and they add up."""
    costs = np.array([float(row["cost"]) for row in found["rows"]])
    assert (np.diff(costs[np.isfinite(costs)]) <= 0).all()
    for side, given in (("a", a), ("b", b)):
        held = [[math.inf if x is None else x for x in row[side]] for row in found["rows"] if row[side]]
        assert sorted(map(tuple, held)) == sorted(map(tuple, given.tolist()))
    p, q = float(order), float(ground)
    for row, cost in zip(found["rows"], costs, strict=True):
        x, y = row["a"], row["b"]
        if x and y and np.isfinite([*x, *y]).all():
            move = np.linalg.norm(np.subtract(x, y), q)
            assert cost == pytest.approx(move, abs=1e-12)
    if len(costs):
        total = costs.max() if math.isinf(p) else (costs**p).sum() ** (1 / p)
        assert total == pytest.approx(float(found["value"]), rel=1e-9)


def test_other_numbers_of_bars_that_never_die_are_infinitely_far(match: Any) -> None:
    a, b = np.array([[0.0, np.inf], [0.0, 1.0]]), np.array([[0.0, 1.0]])
    found = match(a, b, "1", "inf", True)
    assert found["value"] == "Infinity"
    assert found["rows"][0]["cost"] == "Infinity"


def test_empty_diagrams_and_too_many_bars(match: Any, rng: np.random.Generator) -> None:
    none = np.empty((0, 2))
    assert match(none, none, "1", "inf") == {"value": "0", "rows": []}
    one = np.array([[0.25, 0.75]])
    for a, b in ((one, none), (none, one)):
        assert match(a, b, "2", "inf")["value"] == "0.25"
    many = bars(rng, 1300, zero=False, grid=False, essential=0)
    assert match(many, many, "1", "inf") is None


def test_the_size_of_a_layer_takes_no_time_to_speak_of(match: Any, rng: np.random.Generator) -> None:
    for zero, count in ((False, 250), (True, 800)):
        a, b = (bars(rng, count, zero=zero, grid=False, essential=0) for _ in range(2))
        found = match(a, b, "1", "inf", zero)
        assert float(found["value"]) == pytest.approx(exact(a, b, "1", "inf"), rel=1e-9)
