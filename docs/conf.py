"""The documentation: Sphinx and MyST. `make docs` builds it; a warning is an error."""

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_extensions"))

from toposcope import __version__

project = "toposcope"
author = "The toposcope developers"
copyright = "The toposcope developers, MIT licence"
release = version = __version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "executed"]
exclude_patterns = ["_build", "_generated", "_extensions"]
html_theme = "furo"
html_title = f"toposcope {__version__}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sphinx = False
html_copy_source = False
html_show_sourcelink = False

myst_enable_extensions = ["colon_fence", "dollarmath"]
myst_heading_anchors = 3
autodoc_member_order = "bysource"
autodoc_typehints = "none"
autodoc_preserve_defaults = True
python_use_unqualified_type_names = True
maximum_signature_line_length = 88
default_role = "code"
suppress_warnings = ["misc.highlighting_failure"]

ROOT = Path(__file__).resolve().parent.parent


def _write_benchmarks(app):
    """One page for each table of benchmarks/."""
    folder = Path(app.srcdir) / "benchmarks"
    folder.mkdir(exist_ok=True)
    tables = {path.name: path for path in sorted((ROOT / "benchmarks").glob("*.md"))}
    for old in folder.glob("*.md"):
        if old.name not in tables:
            old.unlink()
    for name, path in tables.items():
        text = path.read_text(encoding="utf-8")
        page = folder / name
        if not page.exists() or page.read_text(encoding="utf-8") != text:
            page.write_text(text, encoding="utf-8")


def _with_every_page(text):
    """The index without patterns that match nothing, and with the pages that it does not name."""
    lines = [line for line in text.split("\n") if "*" not in line or list(ROOT.glob(f"docs/{line}.md"))]
    named = {path.stem for line in lines if line for path in ROOT.glob(f"docs/{line}.md")} | {"index"}
    others = sorted(path.stem for path in ROOT.glob("docs/*.md") if path.stem not in named)
    if others:
        lines += ["```{toctree}", ":caption: More", ":maxdepth: 1", "", *others, "```", ""]
    return "\n".join(lines)


def _relink(app, docname, source):
    """Links of a checkout, as links of the site: tables of benchmarks are pages here, other files are only named."""
    text = source[0]
    if docname == "contributing":
        text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
        text = text.replace("](docs/", "](").replace("](src/", "](../")
    if docname == "index":
        text = _with_every_page(text)
    text = re.sub(r"\]\((?:\.\./)+benchmarks/([\w-]+\.md)([^)]*)\)", r"](/benchmarks/\1\2)", text)
    source[0] = re.sub(r"\[([^\]]+)\]\((?:\.\./)+[^)]*\)", r"\1", text) if "/" not in docname else text


_FOR_EVERYBODY = {
    "<pre>": '<pre tabindex="0">',  # scrolled by keys, too
    '<div class="table-wrapper': '<div tabindex="0" class="table-wrapper',
    '<th class="head"><p></p></th>': '<td class="head"></td>',
    'role="heading"><': 'role="heading" aria-level="2"><',
    '<aside class="sidebar-drawer">': '<aside class="sidebar-drawer" aria-label="Pages">',
    '<aside class="toc-drawer': '<aside aria-label="On this page" class="toc-drawer',
}
"""What the theme leaves out of its HTML for those who see or point otherwise."""


def _mend_html(app, error):
    if error is None and app.builder.format == "html":
        for page in Path(app.outdir).rglob("*.html"):
            text = mended = page.read_text(encoding="utf-8")
            for found, better in _FOR_EVERYBODY.items():
                mended = mended.replace(found, better)
            if mended != text:
                page.write_text(mended, encoding="utf-8")


def setup(app):
    """Pages that come from elsewhere in the checkout, and HTML that everybody can read."""
    app.connect("builder-inited", _write_benchmarks)
    app.connect("source-read", _relink)
    app.connect("build-finished", _mend_html)
