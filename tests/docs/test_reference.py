"""The references are read off the program: every public name, every verb and option."""

import re
import sys
from pathlib import Path

import pytest

import toposcope as ts

DOCS = Path(__file__).resolve().parents[2] / "docs"
sys.path.insert(0, str(DOCS / "_extensions"))

pytest.importorskip("sphinx")
import executed  # noqa: E402


def test_every_public_name_is_in_the_reference_once() -> None:
    page = (DOCS / "api.md").read_text(encoding="utf-8")
    asked = re.findall(r"```\{public\} (.+)", page)
    assert asked[-1] == "*"
    shown: list[str] = []
    for wanted in asked:
        shown += [
            name
            for name in executed.public_names()
            if name not in shown and (wanted == "*" or executed.package(name) in wanted.split())
        ]
    assert sorted([*shown, "__version__"]) == sorted(ts.__all__)
    for name in shown:
        assert f"toposcope.{name}" in executed.autodoc(name) or executed._is_module(name)


def test_every_verb_and_option_is_in_the_reference() -> None:
    import typer

    from toposcope.cli import app

    page = executed.commands_page()
    for name, verb in typer.main.get_command(app).commands.items():
        section = page.split(f"## {name}\n")[1].split("\n## ")[0]
        for parameter in verb.params:
            for option in parameter.opts:
                assert option in section, f"{name}: {option}"
    assert "```{commands}" in (DOCS / "cli.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("docstring", "rst"),
    [
        ("Take `a*b` of x_ and *y*.", "Take ``a*b``\\  of x\\_ and \\*y\\*."),
        ("A ``b`` c", "A ``b``\\  c"),
        ("of `two\nlines` here", "of ``two lines``\\  here"),
        ("Two:\n- a\n  b\n- c\nEnd.", "Two:\n\n- a\n  b\n- c\n\nEnd."),
        ("A tree.\n\n::\n\n    a_ | b", "A tree.\n\n::\n\n    a_ | b"),
    ],
)
def test_docstrings_become_restructured_text(docstring: str, rst: str) -> None:
    assert "\n".join(executed.as_rst(docstring.split("\n"))) == rst
