"""Photograph the demo's report for the README and docs/report.md: `python docs/pictures.py runs/demo/report.html`.

Needs playwright and a Chromium. The page is opened with the network off, each part is cut out with a margin around it.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parent
PARTS = {
    "report-distances": ("#distances", "#figure-matrix .plot"),
    "report-training": ("#training", "#figure-training .plot"),
    "report-layers": ("#layers", "#figure-layer .pair >> nth=0"),
    "report-holes": ("#holes", "#figure-holes .plot"),
}
"""Names of pictures, each with where it begins and what it ends with."""
WIDTH, FIRST, MARGIN = 1280, 860, 28


def main() -> None:
    """Write the pictures into docs/."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        chromium = shutil.which("chromium") or shutil.which("google-chrome")
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        view = browser.new_page(viewport={"width": WIDTH, "height": FIRST}, offline=True, reduced_motion="reduce")
        view.goto(Path(sys.argv[1]).resolve().as_uri())
        view.locator("html[data-drawn]").wait_for(state="attached")
        view.screenshot(path=DOCS / "report.png")
        view.locator("#film-at").focus()
        view.keyboard.press("ArrowLeft")
        view.evaluate("document.activeElement.blur(); document.querySelector('nav').style.position = 'static'")
        for name, (first, last) in PARTS.items():
            view.screenshot(path=DOCS / f"{name}.png", full_page=True, clip=between(view, first, last))
        browser.close()


def between(view: Any, first: str, last: str) -> dict[str, float]:
    """The box from the heading of a section to the end of one of its parts."""
    begin, end = view.locator(f"{first} h2").bounding_box(), view.locator(last).bounding_box()
    scrolled = view.evaluate("scrollY")
    left, top = begin["x"] - MARGIN, begin["y"] - MARGIN
    height = end["y"] + end["height"] + 4 - top  # what follows is a caption
    return {"x": left, "y": top + scrolled, "width": begin["width"] + 2 * MARGIN, "height": height}


if __name__ == "__main__":
    main()
