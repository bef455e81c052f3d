"""Matched bars in the page: the optimal matching of the first draws, every bar once, those that move most first."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

import toposcope as ts
from tests.report.test_report import Page, decoded
from toposcope.report import pairs
from toposcope.report.page import page
from toposcope.report.payload import LEVELS
from toposcope.study import Results


@pytest.mark.parametrize(
    ("name", "order", "ground"), [("wasserstein", 1, np.inf), ("wasserstein", 2, 2.0), ("bottleneck", 1, np.inf)]
)
def test_rows_are_an_optimal_matching(pictured: Results, name: str, order: float, ground: float) -> None:
    choice = pictured.plan.distance.model_copy(update={"name": name, "order": order, "ground": ground})
    data = Page(page(dataclasses.replace(pictured, plan=pictured.plan.model_copy(update={"distance": choice})))).data
    top = data["diagrams"]["top"]
    assert data["pairs"]["of"] == len(data["pairs"]["held"]) == 4
    for one in data["pairs"]["held"]:
        sides = []
        for layer in (one["a"], one["b"]):
            entry = data["layers"][layer]
            sides.append(pictured.diagram(data["networks"][entry["network"]]["name"], entry["name"]))
        for degree, found in enumerate(one["degrees"]):
            want = choice.measure()(*sides, degree)
            assert found["value"] == pytest.approx(want, rel=1e-3)
            rows = decoded(found["rows"]).reshape(-1, 5)
            costs = np.where(rows[:, 4] > LEVELS, np.inf, rows[:, 4] / LEVELS * top)
            assert (np.diff(costs[np.isfinite(costs)]) <= 0).all()
            total = costs.max() if name == "bottleneck" else (costs**order).sum() ** (1 / order)
            assert total == pytest.approx(want, rel=1e-2)
            for columns, diagram in ((slice(0, 2), sides[0]), (slice(2, 4), sides[1])):
                bars = rows[:, columns][rows[:, columns].any(axis=1)]
                known = diagram.in_degree(degree)
                finite = np.minimum(known / top * LEVELS, LEVELS + 1)
                np.testing.assert_allclose(np.sort(bars, axis=0), np.sort(finite, axis=0), atol=1.5)


def test_sliced_distances_borrow_a_matching_and_say_so(pictured: Results) -> None:
    choice = pictured.plan.distance.model_copy(update={"name": "sliced_wasserstein"})
    html = page(dataclasses.replace(pictured, plan=pictured.plan.model_copy(update={"distance": choice})))
    assert "sliced, which matches no bars" in Page(html).text()
    assert Page(html).data["pairs"]["name"] == "W1"


def test_a_budget_keeps_the_pairs_of_the_largest_effect(pictured: Results, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pairs, "PAIR_BYTES", 10)
    data = Page(page(pictured)).data
    assert [[one["a"], one["b"]] for one in data["pairs"]["held"]] == [data["pair"]]
    assert data["pairs"]["of"] == 4


def test_layers_without_diagrams_have_no_matching(pictured: Results) -> None:
    keys = {**pictured.keys, "net0": {}}
    parsed = Page(page(dataclasses.replace(pictured, keys=keys)))
    names = [parsed.data["networks"][layer["network"]]["name"] for layer in parsed.data["layers"]]
    held = parsed.data["pairs"]["held"]
    assert [[names[one["a"]], names[one["b"]]] for one in held] == [["net1", "net1"]]
    none = dataclasses.replace(pictured, keys={"net0": {}, "net1": {}})
    assert 'id="figure-pairs"' not in page(none)


def test_diagrams_of_unequal_make_are_left_out(pictured: Results) -> None:
    a = ts.vietoris_rips(np.eye(4), scale="q0.9")
    b = ts.vietoris_rips(np.eye(4))
    claims = [{"cells": [{"a": 0, "b": 1, "effect": "inf"}]}]
    found = pairs.matchings(claims, [a, b], [0], pictured.plan.distance, 1.5, LEVELS)
    assert found == {"name": "W1", "of": 1, "held": []}
