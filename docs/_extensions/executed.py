"""Sphinx directives whose content is made by the program: executed code, command lines, errors, plans, references."""

from __future__ import annotations

import contextlib
import inspect
import io
import re
import sys
import tempfile
from pathlib import Path
from typing import Any, ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from pages import Block, Page
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

PICTURES = "_generated"


class Executed(SphinxDirective):
    """A directive whose content is executed in the page's namespace."""

    has_content = True

    @property
    def page(self) -> Page:
        """The one of this document, begun anew with every reading of it."""
        pages: dict[str, Page] = self.env.temp_data.setdefault("executed", {})
        if self.env.docname not in pages:
            pages[self.env.docname] = Page(Path(tempfile.mkdtemp(prefix="page-")))
        return pages[self.env.docname]

    def carry_out(self, kind: str) -> str:
        """What the block prints; a failure is an error of this line."""
        body = "\n".join(self.content) + "\n"
        try:
            return self.page.execute(Block(kind, body, self.lineno))
        except Exception as error:
            raise self.error(f"{type(error).__name__}: {error}") from error


def literal(text: str, language: str, classes: tuple[str, ...] = ()) -> nodes.literal_block:
    """A block of code or output."""
    return nodes.literal_block(text, text, language=language, classes=list(classes))


class Run(Executed):
    """Python that is shown and executed, with what it prints and draws. alt: what the picture shows."""

    option_spec: ClassVar[dict[str, Any]] = {"alt": directives.unchanged, "hide": directives.flag}

    def run(self) -> list[nodes.Node]:
        """Code, output, pictures."""
        import matplotlib

        matplotlib.use("svg")
        from matplotlib import pyplot, rcParams

        rcParams.update({"svg.hashsalt": "toposcope", "font.size": 9.5, "svg.fonttype": "path"})
        printed = self.carry_out("{run}")
        found: list[nodes.Node] = []
        if "hide" not in self.options:
            found.append(literal("\n".join(self.content), "python"))
        if printed:
            found.append(literal(printed.rstrip("\n"), "text", ("output",)))
        for number in pyplot.get_fignums():
            if not self.options.get("alt"):
                raise self.error("a block that draws says what its picture shows: give it :alt:")
            count = self.env.temp_data["pictures"] = self.env.temp_data.get("pictures", 0) + 1
            name = f"{self.env.docname.replace('/', '-')}-{count}.svg"
            target = Path(self.env.srcdir) / PICTURES / name
            target.parent.mkdir(exist_ok=True)
            pyplot.figure(number).savefig(target, metadata={"Date": None})
            found.append(nodes.image(uri=f"/{PICTURES}/{name}", alt=self.options["alt"], classes=["picture"]))
        pyplot.close("all")
        return found


class Terminal(Executed):
    """Command lines and what they print."""

    def run(self) -> list[nodes.Node]:
        """One block: a prompt before every command."""
        parts = []
        for line in self.content:
            body = Block("{terminal}", line + "\n", self.lineno)
            try:
                said = self.page.execute(body)
            except Exception as error:
                raise self.error(str(error)) from error
            parts.append(f"$ {line}\n{said}")
        return [literal("".join(parts).rstrip("\n"), "text", ("terminal",))]


class Raises(Executed):
    """Python and the error it raises: the message first."""

    def run(self) -> list[nodes.Node]:
        """The message as it is, then the code."""
        said = self.carry_out("{raises}")
        code = "\n".join(self.content).rpartition("\n---\n")[0]
        return [literal(said, "text", ("error",)), literal(code, "python")]


class Template(SphinxDirective):
    """The commented plan of a recipe, as `toposcope init` prints it."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """The plan."""
        from toposcope.study import TEMPLATES

        return [literal(TEMPLATES[self.arguments[0]].rstrip("\n"), "toml")]


class Commands(SphinxDirective):
    """Every verb of the command line with its arguments and options, read off the program."""

    def run(self) -> list[nodes.Node]:
        """A section for each verb."""
        return self.parse_text_to_nodes(commands_page(), allow_section_headings=True)


class Public(SphinxDirective):
    """The public names of some packages, with their documentation; `*` for all that the page has not shown yet."""

    required_arguments = 1
    final_argument_whitespace = True

    def run(self) -> list[nodes.Node]:
        """autodoc of each name."""
        shown: set[str] = self.env.temp_data.setdefault("public", set())
        wanted = self.arguments[0].split()
        names = [name for name in public_names() if name not in shown and (wanted == ["*"] or package(name) in wanted)]
        shown.update(names)
        text = "".join(f"```{{eval-rst}}\n{autodoc(name)}\n```\n\n" for name in names)
        return self.parse_text_to_nodes(text)


def public_names() -> list[str]:
    """What `import toposcope` offers, without its version."""
    import toposcope

    return [name for name in toposcope.__all__ if name != "__version__"]


def package(name: str) -> str:
    """The package or module that a public name comes from."""
    import toposcope

    value = getattr(toposcope, name)
    module = value.__name__ if inspect.ismodule(value) else value.__module__
    return str(module).removeprefix("toposcope.").split(".")[0]


def autodoc(name: str) -> str:
    """The directive that documents a public name."""
    import toposcope

    value = getattr(toposcope, name)
    if inspect.ismodule(value):
        members = ", ".join(getattr(value, "__all__", []))
        return f".. automodule:: {value.__name__}\n   :members: {members}"
    if inspect.isclass(value):
        members = "\n   :members:" if package(name) not in ("_errors", "study") else ""
        return f".. autoclass:: toposcope.{name}{members}"
    if callable(value):
        return f".. autofunction:: toposcope.{name}"
    return f".. autodata:: toposcope.{name}"


def commands_page() -> str:
    """Markdown of every verb: what `--help` prints."""
    import typer

    from toposcope.cli import app

    verbs = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    return "".join(f"## {name}\n\n```text\n{help_of(name)}\n```\n\n" for name in verbs)


def help_of(verb: str) -> str:
    """What `toposcope VERB --help` prints."""
    from toposcope.cli import main

    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        main([verb, "--help"])
    return "\n".join(line.rstrip() for line in out.getvalue().strip().splitlines())


_SPECIAL = re.compile(r"([*|\\])")


def as_rst(lines: list[str]) -> list[str]:
    """A docstring of this project as reStructuredText: `code` in backticks, lists, everything else plain text."""
    text, drawn, picture = "\n".join(lines).partition("\n::\n")
    parts = re.split(r"(`+)(.+?)\1", text, flags=re.DOTALL)
    parts[::3] = [re.sub(r"(?<=\w)_(?=\W|$)", r"\\_", _SPECIAL.sub(r"\\\1", part)) for part in parts[::3]]
    for place in range(1, len(parts), 3):
        parts[place] = "``"
        parts[place + 1] = " ".join(parts[place + 1].split()) + "``\\ "
    found: list[str] = []
    listed = False
    for line in "".join(parts).split("\n"):
        starts = line.startswith("- ")
        if (starts and not listed) or (listed and line.strip() and not starts and not line.startswith("  ")):
            found.append("")
        listed = starts or (listed and (line.startswith("  ") or not line.strip()))
        found.append(line)
    return found + (drawn + picture).split("\n")[1:] if drawn else found


def _docstring(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    lines[:] = as_rst(lines)


def _every_name(app: Sphinx, env: Any) -> None:
    """Fail where a public name is not in the reference."""
    from sphinx.errors import ExtensionError

    known = env.get_domain("py").objects
    missing = [name for name in public_names() if f"toposcope.{name}" not in known and not _is_module(name)]
    if missing and "api" in env.found_docs:
        raise ExtensionError(f"public names without documentation: {', '.join(missing)}")


def _is_module(name: str) -> bool:
    import toposcope

    return inspect.ismodule(getattr(toposcope, name))


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directives."""
    sys.path.insert(0, str(Path(__file__).parent))
    for name, directive in {
        "run": Run,
        "terminal": Terminal,
        "raises": Raises,
        "template": Template,
        "commands": Commands,
        "public": Public,
    }.items():
        app.add_directive(name, directive)
    app.connect("autodoc-process-docstring", _docstring)
    app.connect("env-updated", _every_name)
    return {"version": "1", "parallel_read_safe": False, "parallel_write_safe": True}
