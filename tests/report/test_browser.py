"""The report in a real browser with the network off: every click path, by pointer and keyboard; no request, no word on
the console, and what axe-core says about names and contrast."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import toposcope as ts
from tests.report.browser import first_paint, opened, start, tour
from tests.report.conftest import pictures, renamed, study
from tests.report.test_report import large
from toposcope.study import Failure, Results

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    yield from start()


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("hostile", [False, True])
def test_everything_is_drawn_and_read_by_keyboard(
    browser: Any, ran: Results, tmp_path: Path, hostile: bool, width: int
) -> None:
    with opened(browser, renamed(ran) if hostile else ran, tmp_path, width) as view:
        charts = view.locator("figure svg[tabindex]")
        # tests, heatmaps and what is beside them, map, depth, diagrams, barcodes, Betti curves; matchings;
        # longest bars, loop and tree in the plane, tree
        assert charts.count() == 3 + 4 + 1 + 8 + 2 + 2 + 2 + 2 + 4
        for k in range(charts.count()):
            chart = charts.nth(k)
            chart.focus()
            for key in ("ArrowRight", "ArrowDown", "ArrowLeft"):
                view.keyboard.press(key)
            assert view.locator("#tip").inner_text().strip(), chart.get_attribute("aria-label")
        for k in range(view.locator("fieldset").count()):
            view.locator("fieldset").nth(k).locator("input").first.focus()
            view.keyboard.press("ArrowRight")
            assert view.evaluate("document.activeElement.checked && document.activeElement.value !== '0'")
        assert "H1" in (view.locator("#figure-matrix svg").first.get_attribute("aria-label") or "")
        view.locator("#figure-layer select").first.select_option("0")
        view.locator("#figure-layer select").nth(1).select_option("2")
        assert "has no test" in view.locator(".verdict").inner_text()
        with view.expect_download() as download:
            view.locator("#downloads button", has_text="tests.csv").click()
        table = ran.tables["tests"] if not hostile else renamed(ran).tables["tests"]
        text = Path(download.value.path()).read_text(encoding="utf-8")
        assert text == table.to_csv(index=False, lineterminator="\n")


def test_words_are_painted_before_charts_are_drawn(browser: Any, ran: Results, tmp_path: Path) -> None:
    path = ts.report(ran, tmp_path / "report.html")
    for unseen, drawn in (("window.requestAnimationFrame = () => 0", 0), ("", 1)):
        view = browser.new_page()
        view.add_init_script(unseen or "Object.defineProperty(document, 'hidden', {value: true})")
        view.goto(path.as_uri())
        assert ran.headline.split()[0] in view.locator("h1").inner_text()
        assert (view.locator("figure svg").count() > 0) == drawn
        view.evaluate("dispatchEvent(new Event('beforeprint'))")  # paper has everything
        assert view.locator("figure svg").count() > 20
        view.close()


def alts(view: Any) -> list[str]:
    """Names of the inputs around the loop, in order."""
    name = view.locator("#figure-holes svg[aria-label*='around the loop']").get_attribute("aria-label") or ""
    return re.split("; ", re.sub(r"^.*?: |\. Arrow keys.*$", "", name))


def walk(view: Any, results: Results, network: str, layer: str) -> str:
    """What someone does who has never seen a diagram: read the headline, follow its link, look at the loop."""
    assert layer in view.locator("h1").inner_text()
    view.locator(".look a").click()
    assert view.evaluate("location.hash") == "#holes"
    assert network in view.locator(".look a").inner_text()
    assert layer in view.locator("#look-layer option:checked").inner_text()
    told: str = view.locator(".told").inner_text()
    assert told.startswith(f"Loop 1 of {network} / {layer}.")
    portrait = results.portrait(network, layer)
    behind = portrait.diagram.representatives
    assert behind is not None
    assert portrait.labels is not None
    loops = np.flatnonzero(portrait.diagram.degrees == 1)
    longest = loops[np.argmax(np.diff(portrait.diagram.pairs[loops], axis=1))]
    rows = behind.cycle(longest)
    assert alts(view) == [f"{portrait.sample_ids[row]}, class {portrait.labels[row]}" for row in rows]
    names, counts = np.unique(portrait.labels[rows], return_counts=True)
    for name, count in zip(names.tolist(), counts.tolist(), strict=True):
        assert f"“{name}” ×{count}" in told
    pictures = view.locator("#figure-holes svg[aria-label*='around the loop'] image")
    assert pictures.count() == len(rows)
    assert view.evaluate("Promise.all([...document.images].map(i => i.decode())).then(() => true)")
    assert "One representative of many" in told
    return told


@pytest.mark.parametrize("width", [1280, 390])
def test_from_the_headline_to_the_images_on_the_largest_loop(
    browser: Any, pictured: Results, tmp_path: Path, width: int
) -> None:
    with opened(browser, pictured, tmp_path, width) as view:
        told = walk(view, pictured, "net1", "block1")
        assert all(sector in told for sector in ("east", "north", "west", "south"))


@pytest.mark.slow
@pytest.mark.timeout(1200)  # 80 s alone; several times that where the machine is shared
def test_someone_finds_the_layer_and_the_digits_in_the_report_of_the_demo(browser: Any, tmp_path: Path) -> None:
    from toposcope.demo import demo

    results = demo(tmp_path / "demo")
    size = (tmp_path / "demo" / "report.html").stat().st_size
    assert size <= 3_000_000
    row = results.tables["verdicts"].iloc[0]
    tests = results.tables["tests"]
    fine = tests[tests["claim"] == "fine-tuning on unseen classes"]
    most = fine.loc[fine["effect"].idxmax()]
    assert row["effect"] == most["effect"]
    with opened(browser, results, tmp_path) as view:
        assert first_paint(view) < 1000
        walk(view, results, str(most["network_b"]), str(most["layer_b"]))
        tour(view)


def test_every_path_is_open_where_names_are_hostile(
    browser: Any, pictured_by_an_enemy: Results, tmp_path: Path
) -> None:
    with opened(browser, pictured_by_an_enemy, tmp_path) as view:
        tour(view)


def test_a_bar_is_chosen_by_pointer_and_keyboard(browser: Any, pictured: Results, tmp_path: Path) -> None:
    with opened(browser, pictured, tmp_path) as view:
        chart = view.locator("#figure-holes svg[aria-label^='Barcode']")
        view.locator("#look-layer").select_option(label="block1 (net0)")
        first = view.locator(".told").inner_text()
        chart.focus()
        view.keyboard.press("ArrowDown")
        view.keyboard.press("Enter")
        second = view.locator(".told").inner_text()
        assert second.startswith("Loop 2 of net0 / block1.")
        assert second != first
        assert view.locator("#look-bar").input_value() == "1"
        assert view.evaluate("document.activeElement.getAttribute('aria-label').startsWith('Barcode')")
        chart.click(position={"x": 100, "y": 6 + 14 * 2 + 7})
        assert view.locator(".told").inner_text().startswith("Loop 3 of net0 / block1.")
        view.locator("#look-bar").select_option("0")
        assert view.locator(".told").inner_text() == first


def test_a_bar_of_a_diagram_leads_to_its_inputs(browser: Any, pictured: Results, tmp_path: Path) -> None:
    with opened(browser, pictured, tmp_path) as view:
        diagram = view.locator("#figure-layer svg[aria-label^='Persistence diagram of net0 / block1']")
        diagram.focus()
        seen = set()
        for _ in range(200):
            view.keyboard.press("ArrowRight")
            lines = view.locator("#tip").inner_text().split("\n")
            if lines[0] not in seen and lines[-1] == "Enter or click: its inputs":
                seen.add(lines[0])
                view.keyboard.press("Enter")
                if lines[0] == "H0, first draw":
                    death = float(lines[1].split("dies ")[1])
                    cut = float(re.findall(r"Cut at ([\d.]+)", view.locator(".cutter output").inner_text())[0])
                    assert cut == pytest.approx(death, rel=0.01)
                else:
                    born, died = re.findall(r"[\d.]+", lines[1])
                    assert f"born at {born}" in view.locator(".told").inner_text()
                    assert f"dies at {died}" in view.locator(".told").inner_text()
                diagram.focus()
                for _ in range(len(seen)):
                    view.keyboard.press("ArrowRight")
            if len(seen) == 2:
                break
            if lines[0] in seen and seen == {"H0, first draw"}:
                for _ in range(30):
                    view.keyboard.press("ArrowRight")
        assert seen == {"H0, first draw", "H1, first draw"}


def test_a_click_opens_the_bar_that_the_pointer_reads(browser: Any, pictured: Results, tmp_path: Path) -> None:
    with opened(browser, pictured, tmp_path) as view:
        opened_bars = 0
        for part in np.linspace(0.5, 0.99, 40):  # rows are few pixels high, and a pointer stands between pixels
            bars = view.locator("#figure-layer svg[aria-label^='Barcode']").first
            bars.scroll_into_view_if_needed()
            box = bars.bounding_box()
            assert box is not None
            place = (box["x"] + 150.5, box["y"] + 40 + (box["height"] - 90) * part)
            view.mouse.move(*place)
            lines = view.locator("#tip").inner_text().split("\n")
            view.mouse.click(*place)
            if lines[0] == "H1" and lines[-1].endswith("its inputs"):
                born, died = re.findall(r"[\d.]+", lines[1])
                told = view.locator(".told").inner_text()
                assert f"born at {born}" in told
                assert f"dies at {died}" in told
                opened_bars += 1
        assert opened_bars > 3


def test_charts_lead_to_layers_and_pairs(browser: Any, pictured: Results, tmp_path: Path) -> None:
    with opened(browser, pictured, tmp_path) as view:
        for figure, place in (("map", "holes"), ("matrix", "layers"), ("tests", "layers")):
            chart = view.locator(f"#figure-{figure} svg[tabindex]").first
            chart.focus()
            for _ in range(2):
                view.keyboard.press("ArrowRight")
            words = view.locator("#tip b").inner_text()
            view.keyboard.press("Enter")
            assert view.evaluate("document.activeElement.closest('section').id") == place
            if figure == "map":
                assert view.locator(".told").inner_text().startswith(f"Loop 1 of {words}.")
            else:
                names = " ".join(view.locator("#figure-layer h3").all_inner_texts()[:2])
                assert all(part.strip() in names for part in re.split("–|→|/|, H.", words))


def test_two_layers_are_matched_bar_by_bar(browser: Any, pictured: Results, tmp_path: Path) -> None:
    with opened(browser, pictured, tmp_path) as view:
        cell = view.locator("#figure-matrix svg[tabindex]").first
        cell.focus()
        for key in ("ArrowRight", "ArrowRight", "ArrowRight", "Enter"):
            view.keyboard.press(key)
        titles = view.locator("#figure-pairs h4").all_inner_texts()
        first = [pictured.diagram(net, layer) for net, layer in (("net0", "block0"), ("net1", "block0"))]
        for degree, title in enumerate(titles):
            said = float(re.findall(r"= ([\d.]+)", title)[0])
            assert said == pytest.approx(ts.wasserstein(*first, degree), rel=6e-3)
        assert view.locator("#figure-pairs .movers").first.locator("li").count() == 6
        chart = view.locator("#figure-pairs svg[tabindex]").nth(1)
        chart.focus()
        view.keyboard.press("ArrowRight")
        view.keyboard.press("ArrowDown")
        lines = view.locator("#tip").inner_text().split("\n")
        assert lines[0].startswith("H1, moves by ")
        assert lines[-1] == "Enter or click: its inputs"
        view.keyboard.press("Enter")
        born = re.findall(r"B \(([\d.]+)|A \(([\d.]+)", lines[2] if "diagonal" not in lines[2] else lines[1])[0]
        assert f"born at {''.join(born)}" in view.locator(".told").inner_text()
        view.locator("#figure-layer select").first.select_option("3")
        view.locator("#figure-layer select").nth(1).select_option("0")
        view.locator("#figure-layer select").nth(2).select_option("4")
        titles = view.locator("#figure-pairs h4").all_inner_texts()
        fifth = [pictured.diagram(net, layer, 4) for net, layer in (("net1", "block1"), ("net0", "block0"))]
        for degree, title in enumerate(titles):
            assert title.endswith("between the 5th draws")
            said = float(re.findall(r"= ([\d.]+)", title)[0])
            assert said == pytest.approx(ts.wasserstein(*fifth, degree), rel=6e-3)
        view.locator("#figure-pairs svg[tabindex]").nth(1).focus()
        view.keyboard.press("ArrowRight")
        assert "its inputs" not in view.locator("#tip").inner_text()  # only those of the first draw are known


def test_the_tree_is_cut_by_slider_and_by_its_merges(browser: Any, pictured: Results, tmp_path: Path) -> None:
    with opened(browser, pictured, tmp_path) as view:
        view.locator("#look-layer").select_option(label="block1 (net1)")
        portrait = pictured.portrait("net1", "block1")
        slider, said = view.locator("#look-cut"), view.locator(".cutter output")
        for value, cut in (("0", 0.0), ("1000", np.inf)):
            slider.fill(value)
            joined = 0 if cut == 0 else 1
            assert f"{joined} piece" in said.inner_text()
        assert "Purity" in said.inner_text()
        most = max(np.unique(portrait.labels, return_counts=True)[1]) / len(portrait.sample_ids)
        found = [float(text) for text in re.findall(r"([\d.]+) %", said.inner_text())]
        assert found == pytest.approx([100 * most, 100 * most], abs=0.06)
        tree = view.locator("#figure-tree svg[aria-label^='Merge tree']")
        tree.focus()
        view.keyboard.press("ArrowRight")
        height = float(view.locator("#tip b").inner_text().removeprefix("Merge at "))
        view.keyboard.press("Enter")
        assert f"Cut at {height}"[:11] in said.inner_text()
        inputs = sum(int(text.split()[0]) for text in view.locator(".rows .sub").all_inner_texts() if "input" in text)
        assert inputs == 30
        slider.focus()
        before = said.inner_text()
        for _ in range(40):
            view.keyboard.press("ArrowRight")
        assert said.inner_text() != before
        assert "pieces" in (slider.get_attribute("aria-valuetext") or "")


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
def test_names_contrast_and_focus_by_axe(
    browser: Any, pictured_by_an_enemy: Results, tmp_path: Path, scheme: str, width: int
) -> None:
    package = pytest.importorskip("axe_playwright_python", reason="axe-playwright-python is not installed")
    axe = resources.files(package).joinpath("axe.min.js").read_text(encoding="utf-8")
    with opened(browser, pictured_by_an_enemy, tmp_path, width, color_scheme=scheme) as view:
        view.evaluate("document.querySelectorAll('details').forEach(part => { part.open = true; })")
        view.evaluate(axe)
        found = view.evaluate("axe.run(document)")
        problems = [(entry["id"], [node["html"][:200] for node in entry["nodes"][:3]]) for entry in found["violations"]]
        assert problems == []


def test_focus_goes_down_the_page(browser: Any, pictured: Results, tmp_path: Path) -> None:
    with opened(browser, pictured, tmp_path) as view:
        tops = []
        for _ in range(400):
            view.keyboard.press("Tab")
            place = view.evaluate(
                "(() => { const e = document.activeElement; if (e === document.body) return null;"
                " if (e.closest('nav')) return -1; const b = e.getBoundingClientRect();"
                " return [e.closest('section, header')?.id || 'header', b.width > 0 && b.height > 0]; })()"
            )
            if place is None:
                break
            if place != -1:
                assert place[1]
                tops.append(place[0])
        order = ["header", *(view.evaluate("[...document.querySelectorAll('section')].map(s => s.id)"))]
        places = [order.index(top) for top in tops]
        assert places == sorted(places)
        assert {"tests", "distances", "map", "depth", "layers", "holes"} <= set(tops)


def failing(ran: Results) -> Results:
    """A run in which a layer's homology and the thumbnails failed."""
    keys = {**ran.keys, "net0": {name: key for name, key in ran.keys["net0"].items() if name != "block0"}}
    portraits = {**ran.seen.portraits, "net0": {k: v for k, v in ran.seen.portraits["net0"].items() if k != "block0"}}
    seen = dataclasses.replace(ran.seen, portraits=portraits, thumbnails={})
    return dataclasses.replace(ran, keys=keys, seen=seen, failed=(Failure("homology of net0 / block0", "no memory"),))


def many(folder: Path) -> Results:
    """A draw of 2,000 inputs."""
    rng = np.random.default_rng(0)
    ids = np.array([f"folder/of/a/long/name/image-{k:05d}.jpeg" for k in range(2000)])
    labels = np.array([f"class number {k % 40}" for k in range(2000)])
    for position in range(2):
        points = rng.normal(size=(2000, 3)).astype(np.float32)
        source = ts.Source(layer=f"block{position}", position=position)
        ts.Representation(points, ids, labels, source).save(folder / "net" / f"block{position}.npz")
    plan = {
        "recipe": "layers",
        "network": [{"name": "net", "representations": str(folder / "net")}],
        "cloud": {"size": 2000, "draws": 1},
        "homology": {"max_degree": 0},
    }
    return ts.run(ts.Study.parse(plan), out=folder / "run")


@pytest.mark.parametrize("kind", ["one layer", "one draw", "failed", "2,000 inputs", "4 × 20 × 10", "no images"])
def test_unusual_runs_open_without_a_word(
    browser: Any, ran: Results, pictured: Results, tmp_path: Path, kind: str
) -> None:
    if kind == "one layer":
        results = ts.run(study(tmp_path / "data", networks=1, layers=1), out=tmp_path / "run")
    elif kind == "one draw":
        plan = pictures(tmp_path / "data")
        results = ts.run(
            plan.model_copy(update={"cloud": plan.cloud.model_copy(update={"draws": 1})}), out=tmp_path / "run"
        )
    elif kind == "2,000 inputs":
        results = many(tmp_path)
    else:
        results = {"failed": failing(pictured), "4 × 20 × 10": large(pictured), "no images": ran}[kind]
    with opened(browser, results, tmp_path) as view:
        assert first_paint(view) < 3000  # under a second alone; tests share their machine
        if kind == "failed":
            assert view.locator("#look-layer option").count() == 3
            assert view.locator("#figure-holes img, #figure-holes image").count() == 0
            assert view.locator("#figure-holes ol.strip li").count() > 2
        tour(view)
        if kind == "2,000 inputs":
            assert "the longest 220 of 2000 pieces (H0)" in view.locator("#figure-layer").inner_text()
            assert "2000 inputs" in (view.locator("#figure-tree svg").first.get_attribute("aria-label") or "")


def test_paper_shows_what_is_folded_and_hides_what_is_clicked(browser: Any, pictured: Results, tmp_path: Path) -> None:
    with opened(browser, pictured, tmp_path) as view:
        view.emulate_media(media="print")
        for hidden in ("nav", "#look-cut", "#look-layer", ".controls >> nth=0"):
            assert not view.locator(hidden).is_visible()
        assert view.locator(".told").is_visible()
        assert view.locator("#figure-holes image").first.is_visible()
        assert len(view.pdf()) > 20_000
        rows = "Array.from({length: 99}, () => document.createElement('tr'))"
        view.evaluate(f"document.querySelector('#tests tbody').append(...{rows})")
        view.evaluate("dispatchEvent(new Event('beforeprint'))")
        long, short = view.locator("#tests details").first, view.locator("#networks details").first
        assert [part.get_attribute("open") for part in (long, short)] == [None, ""]
        told = "getComputedStyle(document.querySelector('#tests summary'), '::after').content"
        assert "not printed" in view.evaluate(told)
        view.evaluate("dispatchEvent(new Event('afterprint'))")
        assert short.get_attribute("open") is None
