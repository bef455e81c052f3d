"""Checkpoints, controls, similarity and texts in the report: in the data of the page, and in Chromium."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import toposcope as ts
from tests.report.browser import first_paint, opened, start, tour
from tests.report.conftest import EVIL, film
from tests.report.test_report import Page, decoded
from toposcope.report.diagrams import LEVELS
from toposcope.report.page import page
from toposcope.study import Results
from toposcope.study.columns import COLUMNS

browser_test = pytest.mark.browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    yield from start()


def layer_number(data: dict[str, Any], network: str, layer: str) -> int:
    names = [(data["networks"][one["network"]]["name"], one["name"]) for one in data["layers"]]
    return names.index((network, layer))


# --- data -------------------------------------------------------------------------------------------------------------


def test_what_is_beside_the_distances_is_that_of_the_tables(filmed: Results) -> None:
    data = Page(page(filmed)).data
    assert [other["name"] for other in data["beside"]] == ["CKA, unbiased", "bottleneck"]
    assert [other["larger"] for other in data["beside"]] == [True, False]
    assert [other["byDegree"] for other in data["beside"]] == [False, True]
    means = filmed.tables["similarity_means"]
    size = len(data["layers"])
    above = list(zip(*np.triu_indices(size, 1), strict=True))
    for row in means.to_dict("records"):
        a, b = (layer_number(data, row[f"network_{s}"], row[f"layer_{s}"]) for s in "ab")
        other = next(one for one in data["beside"] if one["name"] == row["measure"])
        k = int(row["degree"]) if other["byDegree"] else 0
        place = above.index((min(a, b), max(a, b)))
        assert other["mean"][k][place] == pytest.approx(row["mean"], rel=1e-3)
        assert other["half"][k][place] == pytest.approx((row["high"] - row["low"]) / 2, rel=1e-2)
    assert [entry["name"] for entry in data["maps"]] == ["W1", "bottleneck"]
    assert data["beside"][0]["nets"][0]["mean"][0][0] == 1


def test_checkpoints_of_one_training_are_found_in_order(filmed: Results) -> None:
    shuffled = dataclasses.replace(
        filmed,
        plan=filmed.plan.model_copy(update={"network": tuple(reversed(filmed.plan.network))}),
    )
    for results in (filmed, shuffled):
        data = Page(page(results)).data
        assert data["trainings"] == [{"name": "net, seed 0", "networks": [0, 1, 2, 3], "steps": [10, 20, 40, 80]}]
    alone = filmed.plan.model_copy(
        update={"network": tuple(one.model_copy(update={"step": None}) for one in filmed.plan.network)}
    )
    parsed = Page(page(dataclasses.replace(filmed, plan=alone)))
    assert parsed.data["trainings"] == []
    assert 'id="training"' not in page(dataclasses.replace(filmed, plan=alone))


def test_the_line_of_noise_parts_the_significant_bars(filmed: Results) -> None:
    data = Page(page(filmed)).data
    i = layer_number(data, "step 80", "stage0.2")
    with pytest.warns(ts.ToposcopeWarning, match="fewer than 20"):
        found = ts.bar_significance(filmed.diagram("step 80", "stage0.2"), 1, filmed.plan.test.alpha)
    assert data["lines"][i][0] is None
    assert data["lines"][i][1] == pytest.approx(found.least_ratio, rel=1e-4)


def test_controls_are_those_of_the_portrait_or_of_the_plan(filmed: Results, tmp_path: Path) -> None:
    data = Page(page(filmed)).data
    assert data["controls"]["kinds"] == ["Gaussian control", "shuffled control"]
    i, top = layer_number(data, "step 80", "stage0.2"), data["diagrams"]["top"]
    portrait = filmed.portrait("step 80", "stage0.2")
    for c, kind in enumerate(data["controls"]["kinds"]):
        entry = data["controls"]["layers"][i][1][c]
        bars = portrait.controls[kind].in_degree(1)
        np.testing.assert_allclose(decoded(entry["bars"]).reshape(-1, 2), np.minimum(bars / top, 1) * LEVELS, atol=1)
        assert len(portrait.controls[kind].in_degree(0)) == 25
    # Where the plan asks for controls, theirs are shown, of all draws.
    keys = {network: dict(layers) for network, layers in filmed.keys.items()}
    asked = dataclasses.replace(filmed, controls={"Gaussian control": keys})
    found = Page(page(asked)).data["controls"]
    assert found["kinds"] == ["Gaussian control"]
    assert found["layers"][i][1][0]["draws"] == 6
    curve = decoded(found["layers"][i][1][0]["curve"])
    own = decoded(data["betti"]["layers"][i][1]["mean"])
    assert curve.max() == LEVELS
    np.testing.assert_allclose(curve / curve.max(), own / own.max(), atol=2e-4)


def test_a_verdict_stands_beside_what_controls_and_audit_say(filmed: Results) -> None:
    verdicts = filmed.tables["verdicts"].copy()
    text = Page(page(filmed)).text()
    assert f"Held against{verdicts['null'][0]}Controls" in text.replace("\n", "")
    assert "Adjacent layers of every network and the comparisons that the plan names were fixed beforehand" in text
    assert "That two layers are the same is never claimed here" in text
    assert "none in this plan, so what clouds without any structure of their own would show is not known" in text
    assert "not tried: the plan has no [audit]" in text
    controls, audit = (
        "the Gaussian controls of these two layers show an effect of 2.20",
        "breaks at metric = cosine (no)",
    )
    sentence = f"{verdicts['sentence'][0]} Controls: {controls}. Audit: the verdict {audit}."
    verdicts["controls"], verdicts["audit"] = verdicts["controls"].astype(object), verdicts["audit"].astype(object)
    verdicts.loc[0, ["controls", "audit", "sentence"]] = [controls, audit, sentence]
    table = pd.DataFrame(
        [["Gaussian control", "effect", "a", "x", "b", "y", 1, 3.5, 2.2, 1.3, 0.5, 2.1, 0.01, 0.03, 0.05, True]],
        columns=COLUMNS["controls"],
    )
    told = dataclasses.replace(
        filmed,
        findings=(sentence, *filmed.findings[1:]),
        tables={**filmed.tables, "verdicts": verdicts, "controls": table},
    )
    html = page(told)
    parsed = Page(html)
    heading = "".join(text for tag, text in parsed.texts if tag == "h1").replace("\N{NO-BREAK SPACE}", " ")
    assert heading == filmed.headline
    assert controls in parsed.text()
    assert f"The verdict {audit}." in parsed.text()
    assert 'class="doubts shaken"' in html
    assert "1 comparison with controls" in parsed.text()
    assert "a x and b y" in parsed.text()


def test_texts_stand_for_inputs_that_are_text(spoken: Results) -> None:
    data = Page(page(spoken)).data["holes"]
    cloud = data["clouds"][0]
    assert data["images"] == []
    for name, text, label in zip(cloud["ids"], cloud["texts"], cloud["labels"], strict=True):
        assert name.startswith("input-")
        assert text.endswith(f"<b>{cloud['classes'][label]}</b>")
    assert set(Page(page(spoken, thumbnails=False)).data["holes"]["clouds"][0]["texts"]) == set()
    assert "by the beginnings of their texts" in page(spoken)


def test_rows_are_numbered_where_inputs_have_no_names(tmp_path: Path, rng: np.random.Generator) -> None:
    ts.Representation(rng.normal(size=(40, 3)), np.arange(40)).save(tmp_path / "net" / "a.npz")
    plan = {
        "recipe": "layers",
        "network": [{"name": "net", "representations": str(tmp_path / "net")}],
        "cloud": {"size": 20, "draws": 2},
    }
    data = Page(page(ts.run(ts.Study.parse(plan), out=tmp_path / "run"))).data
    assert all(re.fullmatch(r"row \d+", name) for name in data["holes"]["clouds"][0]["ids"])


# --- in the browser ---------------------------------------------------------------------------------------------------


@browser_test
@pytest.mark.parametrize("width", [1280, 390])
def test_a_slider_goes_through_the_checkpoints(browser: Any, filmed: Results, tmp_path: Path, width: int) -> None:
    with opened(browser, filmed, tmp_path, width) as view:
        slider, said = view.locator("#film-at"), view.locator("#figure-training output")
        assert "step 80, checkpoint 4 of 4: step 80" in said.inner_text().lower()
        assert view.locator("#film-layer").input_value() == "stage0.2"  # the one that came furthest
        charts = view.locator("#figure-training svg[tabindex]")
        assert charts.count() == 3 + 6 + 2
        still = view.locator("#figure-training svg[aria-label^='Persistence diagram']")
        assert "step 80 / stage0.2" in (still.get_attribute("aria-label") or "")
        slider.focus()
        view.keyboard.press("ArrowLeft")
        assert "step 40, checkpoint 3 of 4" in said.inner_text().lower()
        assert "step 40" in (slider.get_attribute("aria-valuetext") or "")
        assert "step 40 / stage0.2" in (still.get_attribute("aria-label") or "")
        view.keyboard.press("Home")
        assert "hollow" not in view.locator("#figure-training .pair").inner_text()
        # A mark of a curve leads to its checkpoint, and tells the number of the tables.
        chart = charts.first
        chart.focus()
        for _ in range(3):
            view.keyboard.press("ArrowRight")
        name, line = view.locator("#tip").inner_text().split("\n")[:2]
        step = re.findall(r"step (\d+):", line)[0]
        means = filmed.tables["distance_means"]
        row = means[
            (means["network_a"] == "step 10")
            & (means["network_b"] == f"step {step}")
            & (means["layer_a"] == name)
            & (means["layer_b"] == name)
            & (means["degree"] == 0)
        ].iloc[0]
        assert float(re.findall(r"H0 ([\d.]+)|h0 ([\d.]+)", line)[0][1]) == pytest.approx(row["mean"], rel=6e-3)
        view.keyboard.press("Enter")
        assert f"step {step}," in said.inner_text().lower()
        view.locator("#film-layer").select_option("stage0.1")
        assert "stage0.1" in (still.get_attribute("aria-label") or "")
        still.focus()
        for _ in range(80):
            view.keyboard.press("ArrowRight")
            if "H1" in view.locator("#tip b").inner_text():
                break
        assert "Enter or click: its inputs" in view.locator("#tip").inner_text()
        view.keyboard.press("Enter")
        assert view.evaluate("document.activeElement.closest('section').id") == "holes"
        assert "stage0.1" in view.locator(".told").inner_text()


@browser_test
def test_the_map_follows_layers_through_training_and_another_distance(
    browser: Any, filmed: Results, tmp_path: Path
) -> None:
    with opened(browser, filmed, tmp_path) as view:
        figure = view.locator("#figure-map")
        assert "step 80" in "".join(figure.locator("svg text").all_text_contents())
        figure.locator("fieldset label").filter(has_text=re.compile(r"^through training$")).click()
        assert "stage0.2" in "".join(figure.locator("svg text").all_text_contents())
        figure.locator("fieldset label").filter(has_text=re.compile(r"^bottleneck$")).click()
        assert "bottleneck = " in "".join(figure.locator("svg text").all_text_contents())
        chart = figure.locator("svg[tabindex]")
        chart.focus()
        view.keyboard.press("ArrowRight")
        assert "step 10" in view.locator("#tip").inner_text()


@browser_test
def test_heatmaps_show_tests_and_similarity_beside_distances(browser: Any, filmed: Results, tmp_path: Path) -> None:
    with opened(browser, filmed, tmp_path) as view:
        left, right = (view.locator("#figure-matrix svg[tabindex]").nth(k) for k in (0, 1))
        count = 12
        left.focus()
        for key in ("ArrowRight", *["ArrowRight"] * 9):  # stage0.0 of the first checkpoint against that of the last
            view.keyboard.press(key)
        lines = view.locator("#tip").inner_text().split("\n")
        assert lines[0] == "step 10 / stage0.0 – step 80 / stage0.0"
        tests = filmed.tables["tests"]
        row = tests[(tests["claim"] == "training") & (tests["layer_a"] == "stage0.0") & (tests["degree"] == 0)].iloc[0]
        p = float(re.findall(r"adjusted p = ([\d.]+)", lines[3])[0])
        assert p == pytest.approx(row["p_adjusted"], abs=0.006)
        assert "shown to differ" in lines[3]
        assert lines[4].startswith("CKA, unbiased ")
        # The same cell is ringed beside it.
        assert right.locator("rect.ring").count() == 1
        assert left.locator("circle").count() == 2 * (3 + 4 * 2)
        view.locator("#matrix-controls").locator("fieldset label").filter(
            has_text=re.compile(r"^mean bottleneck$")
        ).click()
        assert "mean bottleneck distance" in view.locator("#figure-matrix").inner_text()
        view.locator("#matrix-controls").locator("fieldset label").filter(has_text=re.compile(r"^H1$")).click()
        right.focus()
        view.keyboard.press("ArrowRight")
        view.keyboard.press("ArrowRight")
        told = view.locator("#tip").inner_text().split("\n")
        means = filmed.tables["similarity_means"]
        value = means[(means["measure"] == "CKA, unbiased")].iloc[0]["mean"]
        assert float(re.findall(r"CKA, unbiased (−?[\d.]+)", told[1])[0].replace("−", "-")) == pytest.approx(
            value, rel=1e-2, abs=1e-3
        )
        view.keyboard.press("Enter")
        assert view.evaluate("document.activeElement.closest('section').id") == "layers"
        assert count == len(filmed.tables["layers"])
        # A pair of networks leads to its layers that lie furthest apart.
        nets = view.locator("#figure-nets svg[tabindex]").first
        nets.focus()
        for _ in range(4):
            view.keyboard.press("ArrowRight")
        assert "of 3 layers shown to differ" in view.locator("#tip").inner_text()
        view.keyboard.press("Enter")
        names = view.locator("#figure-layer h3").all_inner_texts()[:2]
        assert ["step 10" in names[0], "step 80" in names[1]] == [True, True]


@browser_test
def test_controls_can_be_taken_from_behind(browser: Any, filmed: Results, tmp_path: Path) -> None:
    with opened(browser, filmed, tmp_path) as view:
        figure = view.locator("#figure-layer")
        assert figure.locator("path.behind").count() > 4
        assert figure.locator("line.noise-line").count() > 0
        bars = figure.locator("svg[aria-label^='Barcode']").first
        bars.focus()
        view.keyboard.press("ArrowDown")
        assert "born 0" in view.locator("#tip").inner_text()
        figure.locator("fieldset label").filter(has_text=re.compile(r"^nothing$")).click()
        assert figure.locator("path.behind").count() == 0


@browser_test
def test_a_network_can_stand_out(browser: Any, filmed: Results, tmp_path: Path) -> None:
    with opened(browser, filmed, tmp_path) as view:
        for figure in ("depth", "map"):
            switch = view.locator(f"#figure-{figure} .key button").first
            switch.click()
            switch = view.locator(f"#figure-{figure} .key button").first
            assert switch.get_attribute("aria-pressed") == "true"
            switch.click()
        view.locator("#figure-depth .key button").nth(1).focus()
        view.keyboard.press("Enter")
        faded = view.locator("#figure-depth svg[tabindex]").first.locator("g[opacity='0.1']")
        assert faded.count() == 3
        assert view.evaluate("document.activeElement.getAttribute('aria-pressed')") == "true"


@browser_test
def test_texts_are_read_around_the_loop(browser: Any, spoken: Results, tmp_path: Path) -> None:
    with opened(browser, spoken, tmp_path, 390) as view:
        view.locator("#look-layer").select_option(label="stage0.1 (step 20)")
        items = view.locator("#figure-holes ol.strip li").all_inner_texts()
        assert len(items) > 3
        assert all(re.search(r"input-\d+: heading \d+° <b>\w+</b> \(class \w+\)", text) for text in items)
        assert "heading" in view.locator("#figure-tree .rows").inner_text()


@browser_test
@pytest.mark.slow
def test_four_networks_of_twenty_layers_and_ten_draws_are_small_and_quick(browser: Any, tmp_path: Path) -> None:
    results = ts.run(film(tmp_path / "data", 4, 20, n=1040, size=100, draws=10, side=40), out=tmp_path / "run")
    path = ts.report(results, tmp_path / "report.html")
    assert path.stat().st_size <= 10_000_000
    with opened(browser, path, tmp_path) as view:
        assert first_paint(view) < 1000
        assert view.locator("#figure-holes image").count() > 3
        tour(view)
        i = view.locator("#look-layer option").count()
        assert i == 80


@browser_test
def test_hostile_texts_and_steps_stay_text(browser: Any, spoken: Results, tmp_path: Path) -> None:
    networks = tuple(
        one.model_copy(update={"family": EVIL, "step": 1e300 * (k + 1)}) for k, one in enumerate(spoken.plan.network)
    )
    plan = spoken.plan.model_copy(update={"network": networks})
    with opened(browser, dataclasses.replace(spoken, plan=plan), tmp_path) as view:
        assert view.locator("#training").count() == 1
