"""Chromium for tests, with the network off; what a page says on its console, and what it asks for."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from toposcope.report import report
from toposcope.study import Results

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def start() -> Iterator[Any]:
    """A browser; the test is skipped where there is none."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("no chromium on this machine")
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield opened
        opened.close()


@contextmanager
def opened(browser: Any, results: Results | Path, folder: Path, width: int = 1280, **options: Any) -> Iterator[Any]:
    """The page of results, or of a report that was written; nothing may be said on its console or be asked for."""
    path = results if isinstance(results, Path) else report(results, folder / "report.html")
    view = browser.new_page(
        viewport={"width": width, "height": 900},
        offline=True,
        accept_downloads=True,
        reduced_motion="reduce",
        **options,
    )
    view.set_default_timeout(10_000)
    said: list[str] = []
    view.on("console", lambda message: said.append(message.text))
    view.on("pageerror", lambda error: said.append(str(error)))
    view.on("dialog", lambda dialog: said.append(f"dialog: {dialog.message}"))
    allowed = (path.as_uri(), "data:image/png;base64,", "data:image/jpeg;base64,", "blob:")
    view.on("request", lambda request: said.extend([] if request.url.startswith(allowed) else [request.url]))
    view.goto(path.as_uri())
    view.locator("html[data-drawn]").wait_for(state="attached")
    yield view
    healthy(view)
    view.close()
    assert said == []


def healthy(view: Any) -> None:
    """Nothing sticks out, nothing foreign is in the drawings, and no number is none."""
    assert not view.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
    assert view.locator('svg script, svg img, main img:not([src^="data:image/"])').count() == 0
    assert "NaN" not in view.locator("main").inner_text()
    drawn = view.evaluate("[...document.querySelectorAll('svg *')].map(n => n.cloneNode().outerHTML).join()")
    assert not re.search(r'="[^"]*\b(NaN|undefined)\b', re.sub('aria-label="[^"]*"', "", drawn))


def tour(view: Any, most: int = 60) -> None:
    """Every click path: each switch and choice, sliders from end to end, and Enter on marks of every chart."""
    for k in range(view.locator("fieldset label").count()):
        view.locator("fieldset label").nth(k).click()
    for k in range(view.locator("select").count()):
        options = view.locator("select").nth(k).locator("option").count()
        for option in {0, options // 2, options - 1}:
            view.locator("select").nth(k).select_option(index=option)
    for k in range(view.locator("input[type=range]").count()):
        for key in ("Home", "ArrowRight", "End"):
            view.locator("input[type=range]").nth(k).focus()
            view.keyboard.press(key)
    for k in range(view.locator(".key button").count()):
        view.locator(".key button").nth(k).click()
        view.locator(".key button").nth(k).click()
    for k in range(min(most, view.locator("figure svg[tabindex]").count())):
        chart = view.locator("figure svg[tabindex]").nth(k)
        if not chart.count():
            break  # a chart of before, which a choice has taken away
        chart.focus()
        for key in ("ArrowRight", "ArrowRight", "Enter"):
            view.keyboard.press(key)
    for k in range(view.locator("nav a, .look a, .status a").count()):
        view.locator("nav a, .look a, .status a").nth(k).click()
    for k in range(view.locator("summary").count()):
        view.locator("summary").nth(k).click()
    healthy(view)


def first_paint(view: Any) -> float:
    """Milliseconds until something could be seen."""
    observe = "observe({type: 'paint', buffered: true})"
    watch = f"new PerformanceObserver(list => done(list.getEntries()[0].startTime)).{observe}"
    return float(view.evaluate(f"new Promise(done => {watch})"))


def asset(name: str) -> str:
    """The text of a script of the page."""
    return resources.files("toposcope.report").joinpath("assets", name).read_text(encoding="utf-8")
