"""The page: sections of HTML, one block of data, the charts' script; and a policy that forbids every request."""

from __future__ import annotations

import base64
import hashlib
import os
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from toposcope import _io
from toposcope._errors import InputError
from toposcope.report import palette
from toposcope.report.markup import Html, plain, script_json, tag

if TYPE_CHECKING:
    from toposcope.study.results import Results

SCRIPTS = (
    *("kit.js", "tests.js", "heat.js", "matrix.js", "nets.js", "map.js", "depth.js"),
    *("layer.js", "matching.js", "pair.js", "holes.js", "tree.js", "training.js", "main.js"),
)
"""Assets in the order in which they are joined: each defines functions that later ones use."""


def report(results: Results | str | os.PathLike[str], path: str | os.PathLike[str], thumbnails: bool = True) -> Path:
    """Write one HTML file about a run: it opens offline, holds its data, and asks the network for nothing.

    results: a Results, or the folder of a run that finished. path: where to write, ending in `.html`. thumbnails: show
    small images of inputs, where the run kept them; without, inputs go by their sample ids.
    Returns the path. The same results give the same bytes.

    Raises InputError when `path` does not end in .html; FileError when the folder holds no results, or the file cannot
    be written.
    """
    target = Path(path)
    if target.suffix.lower() != ".html":
        raise InputError(f"a report is an HTML file, and {target.name!r} does not end in .html; name it report.html")
    if isinstance(results, (str, os.PathLike)):
        from toposcope.study.results import Results

        results = Results.read(results)
    _io.write_text(target, page(results, thumbnails))
    return target


def page(results: Results, thumbnails: bool = True) -> str:
    """The HTML of a report."""
    from toposcope.report import sections
    from toposcope.report.payload import payload

    data, left_out = payload(results, thumbnails)
    style = _style()
    script = '(() => {\n"use strict";\n' + "\n".join(_asset(name) for name in SCRIPTS) + "\n})();"
    policy = (
        f"default-src 'none'; script-src {_source(script)}; style-src {_source(style)}; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=Html(policy)),
        tag("meta", name_="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name_="color-scheme", content="light dark"),
        tag("meta", name_="generator", content=f"toposcope {plain(results.provenance.get('toposcope'))}"),
        tag("link", rel="icon", href="data:,"),
        tag("title", f"{plain(results.plan.name)} · toposcope report"),
        tag("style", Html(style)),
    )
    body = tag(
        "body",
        sections.body(results, data, left_out),
        tag("script", Html(script_json(data)), type_="application/json", id_="data"),
        tag("script", Html(script)),
    )
    return f"<!doctype html>\n{tag('html', head, body, lang='en')}\n"


def _style() -> str:
    light, dark = palette.variables(dark=False), palette.variables(dark=True)
    return f":root{{{light}}}\n@media screen and (prefers-color-scheme: dark){{:root{{{dark}}}}}\n" + _asset("page.css")


def _asset(name: str) -> str:
    return resources.files("toposcope.report").joinpath("assets", name).read_text(encoding="utf-8")


def _source(text: str) -> str:
    """The policy's name for an inline script or style: nothing else of its kind runs."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode('utf-8')).digest()).decode('ascii')}'"
