"""The blocks of a page, and what it takes to execute them: shared by the site and by the tests.

A page is Markdown. Its fenced blocks are executed from top to bottom in one namespace and one folder:

- ``python`` and ``{run}`` are Python; ``{run}`` shows on the site what it prints and draws.
- ``sh`` and ``{terminal}`` are command lines; those that start with ``toposcope`` are carried out, ``> FILE`` included.
  ``{terminal}`` shows on the site what they print.
- ``{raises}`` is Python, a line of dashes, and the error it raises.
- ``toml`` is a plan, or a part of one.
"""

from __future__ import annotations

import contextlib
import dataclasses
import io
import os
import re
import shlex
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
FENCE = re.compile(r"^(?P<fence>`{3,})(?P<kind>[^\n`]*)\n(?P<body>.*?)^(?P=fence)\s*$", re.MULTILINE | re.DOTALL)
EXECUTED = ("python", "{run}", "sh", "{terminal}", "{raises}", "toml")
STAND_INS = {"torchvision:resnet18@random": "toposcope.demo.networks:resnet@random"}
"""What pages name and tests replace by something small."""


@dataclasses.dataclass(frozen=True)
class Block:
    """One fenced block: its kind, its content without option lines, the line it starts at."""

    kind: str
    body: str
    line: int


def blocks(text: str) -> list[Block]:
    """Every fenced block of a page that is executed."""
    found = []
    for match in FENCE.finditer(text):
        words = match["kind"].split()
        if words and words[0] in EXECUTED:
            body = re.sub(r"\A(?::[a-z]+:.*\n)+\n?", "", match["body"])
            found.append(Block(words[0], body, text.count("\n", 0, match.start()) + 1))
    return found


class Page:
    """A page being executed: one namespace, one folder, in which `examples` is the project's."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.names: dict[str, Any] = {"__name__": "page"}
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / "examples").exists():
            (folder / "examples").symlink_to(ROOT / "examples")

    def execute(self, block: Block) -> str:
        """Execute one block and return what it prints. Raises whatever it raises, AssertionError for a wrong page."""
        kind = block.kind.strip("{}")
        if kind == "toml":
            plan_part(block.body)
            return ""
        with self._at_work():
            if kind in ("sh", "terminal"):
                return "".join(self._command(line) for line in commands(block.body))
            if kind == "raises":
                code, _dashes, expected = block.body.rpartition("\n---\n")
                return self._error(code, expected.strip())
            return self._python(block.body)

    @contextlib.contextmanager
    def _at_work(self) -> Iterator[None]:
        before = Path.cwd()
        os.chdir(self.folder)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                yield
        finally:
            os.chdir(before)

    def _python(self, code: str) -> str:
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            exec(compile(code, "<page>", "exec"), self.names)
        return out.getvalue()

    def _error(self, code: str, expected: str) -> str:
        try:
            self._python(code)
        except Exception as error:
            said = f"{type(error).__name__}: {error}"
            pattern = ".*".join(re.escape(part) for part in expected.replace("\n", " ").split("…"))
            assert re.fullmatch(pattern, said), f"the page says\n  {expected}\nand the error is\n  {said}"
            return said
        raise AssertionError(f"the page promises {expected!r}, and nothing was raised")

    def _command(self, line: str) -> str:
        from toposcope.cli import main

        line, _, target = line.partition(" > ")
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main(shlex.split(line)[1:])
        said = out.getvalue()
        assert code == 0, f"{line}\n{said}{err.getvalue()}"
        if not target:
            return said
        for name, stand_in in STAND_INS.items():
            said = said.replace(name, stand_in)
        Path(target.strip()).write_text(said, encoding="utf-8")
        return ""


def commands(body: str) -> list[str]:
    """The lines that start with toposcope, without the comments behind them."""
    lines = [line.removeprefix("$ ").split("  #")[0].strip() for line in body.splitlines()]
    return [line for line in lines if line.startswith("toposcope ")]


def plan_part(body: str) -> None:
    """Check a plan, or tables of one, put into a plan that has everything else."""
    import tomllib

    from toposcope.study import Study

    fields = tomllib.loads(body)
    network = {"name": "a", "model": "my.nets:a@random"}
    named = {one["name"] for one in fields.get("network", [])}
    for pair in fields.get("compare", []):
        fields.setdefault("network", []).extend(
            {**network, "name": name} for name in (pair["a"], pair["b"]) if name not in named
        )
        named |= {pair["a"], pair["b"]}
    Study.model_validate({"recipe": "layers", "inputs": {"source": "digits"}, "network": [network], **fields})
