"""Every page is executed from top to bottom, and says what the program says."""

import os
import re
import sys
from pathlib import Path

import pytest

import toposcope as ts
from toposcope.study import TEMPLATES

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
sys.path.insert(0, str(DOCS / "_extensions"))

import pages  # noqa: E402

LEFT_OUT = {"findings"}
"""Pages that a command wrote, with nothing to execute."""
PAGES = [
    path
    for path in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.rglob("*.md"))]
    if not {"_build", "_generated", "benchmarks"} & set(path.relative_to(ROOT).parts) and path.stem not in LEFT_OUT
]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_page_is_executed(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    from matplotlib import pyplot

    monkeypatch.setattr(os, "cpu_count", lambda: 1)  # processes of a run would import everything again
    monkeypatch.setattr(sys, "path", [*sys.path])
    page = pages.Page(tmp_path)
    text = path.read_text(encoding="utf-8")
    for block in pages.blocks(text):
        try:
            page.execute(block)
        except Exception as error:
            raise AssertionError(f"{path.name}, line {block.line}: {type(error).__name__}: {error}") from error
        figures = pyplot.get_fignums()
        assert block.kind != "{run}" or bool(figures) == (":alt:" in block_text(text, block)), f"line {block.line}"
        pyplot.close("all")


def block_text(text: str, block: pages.Block) -> str:
    """The block as it stands in the page, options included."""
    return "\n".join(text.split("\n")[block.line - 1 :]).split("```\n")[0]


def test_a_page_that_is_wrong_is_found(tmp_path: Path) -> None:
    page = pages.Page(tmp_path)
    text = (
        '```{raises}\nint("x")\n---\nValueError: another …\n```\n\n'
        '```toml\nrecipe = "layer"\n```\n\n```sh\ntoposcope dance\n```\n'
    )
    for block in pages.blocks(text):
        with pytest.raises((AssertionError, ValueError)):
            page.execute(block)
    with pytest.raises(AssertionError, match="nothing was raised"):
        page.execute(pages.Block("{raises}", "1\n---\nValueError: x\n", 1))
    assert [block.line for block in pages.blocks(text)] == [1, 7, 11]


def test_every_recipe_has_a_page_with_its_plan_and_every_question() -> None:
    overview = (DOCS / "recipes.md").read_text(encoding="utf-8")
    for recipe in TEMPLATES:
        page = (DOCS / "recipes" / f"{recipe}.md").read_text(encoding="utf-8")
        assert f"```{{template}} {recipe}\n" in page
        for part in ("## Method", "## Assumptions", "## When not to believe it"):
            assert part in page
        assert f"`{recipe}`" in overview


def test_links_lead_somewhere() -> None:
    for path in PAGES:
        text = re.sub(r"^(`{3,}).*?^\1", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
        for target in re.findall(r"\]\(([^)#\s]+)", text):
            if not target.startswith(("http://", "https://")):
                assert (path.parent / target).exists(), f"{path.name}: {target}"


def test_pictures_are_described() -> None:
    for path in PAGES:
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"!\[\s*\]", text), path.name
        assert text.count("```{image}") == len(re.findall(r"```\{image\} \S+\n:alt: \S", text)), path.name


def test_names_of_the_library_that_pages_use_exist() -> None:
    for path in PAGES:
        for name in re.findall(r"`ts\.(\w+)", path.read_text(encoding="utf-8")):
            assert hasattr(ts, name), f"{path.name}: ts.{name}"


def test_tests_that_pages_name_exist() -> None:
    named = {
        (path.name, file, name)
        for path in PAGES
        for file, name in re.findall(r"`(tests/[\w/]+\.py)::(\w+)", path.read_text(encoding="utf-8"))
    }
    assert len(named) > 15
    for page, file, name in named:
        assert f"\ndef {name}(" in (ROOT / file).read_text(encoding="utf-8"), f"{page}: {file}::{name}"
