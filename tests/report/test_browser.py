"""The report in a real browser with the network off: it draws everything, says nothing on the console, asks nobody."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.report.conftest import renamed
from toposcope.report import report
from toposcope.study import Results

pytestmark = pytest.mark.browser

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("no chromium on this machine")
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield opened
        opened.close()


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("hostile", [False, True])
def test_everything_is_drawn_and_read_by_keyboard(
    browser: Any, ran: Results, tmp_path: Path, hostile: bool, width: int
) -> None:
    path = report(renamed(ran) if hostile else ran, tmp_path / "report.html")
    view = browser.new_page(viewport={"width": width, "height": 900}, offline=True, accept_downloads=True)
    said: list[str] = []
    view.on("console", lambda message: said.append(message.text))
    view.on("pageerror", lambda error: said.append(str(error)))
    view.on("dialog", lambda dialog: said.append(f"dialog: {dialog.message}"))
    view.on("request", lambda request: said.extend([] if request.url == path.as_uri() else [request.url]))
    view.goto(path.as_uri())
    charts = view.locator("figure svg[tabindex]")
    assert charts.count() == 3 + 2 + 1 + 6 + 2 + 2  # tests, heatmaps, map, depth, diagrams, Betti curves
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
    picker = view.locator("#figure-layer select").first
    picker.select_option("0")
    view.locator("#figure-layer select").nth(1).select_option("2")
    assert "has no test" in view.locator(".verdict").inner_text()
    with view.expect_download() as download:
        view.locator("#downloads button", has_text="tests.csv").click()
    table = ran.tables["tests"] if not hostile else renamed(ran).tables["tests"]
    assert Path(download.value.path()).read_text(encoding="utf-8") == table.to_csv(index=False, lineterminator="\n")
    assert not view.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
    assert view.locator("svg script, svg img, main img").count() == 0
    assert said == []
    view.close()
