"""Pieces of markup that every section is made of: figures, tables, names with their colour, lists."""

from __future__ import annotations

from collections.abc import Sequence

from toposcope.report.markup import Html, escaped, join, tag


def figure(name: str, caption: str) -> Html:
    """The place of a chart, which a script fills, and what it shows in words."""
    missing = tag("noscript", tag("p", "This chart is drawn by a script, and scripts are off.", class_="empty"))
    return tag("figure", tag("div", missing, class_="plot"), tag("figcaption", caption), id_=f"figure-{name}")


def table(
    columns: Sequence[str], rows: Sequence[Sequence[object]], numeric: Sequence[int] = (), caption: str = ""
) -> Html:
    """Rows of cells; those that are `Html` cells already stay as they are. numeric: columns set to the right."""
    head = tag(
        "tr", *(tag("th", name, scope="col", class_="n" if i in numeric else None) for i, name in enumerate(columns))
    )
    lines = []
    for row in rows:
        cells = [cell if isinstance(cell, Html) and cell.startswith("<td") else tag("td", cell) for cell in row]
        lines.append(tag("tr", *cells))
    return tag(
        "div",
        tag("table", tag("caption", caption) if caption else "", tag("thead", head), tag("tbody", *lines)),
        class_="scroll",
        tabindex="0",
        role="region",
        aria_label=caption or f"Table: {', '.join(columns[:3])} …",
    )


def cell(value: object) -> Html:
    """A number in a table."""
    return tag("td", value, class_="n")


def swatch(network: int, name: str) -> Html:
    """A network's name with its colour."""
    return tag("span", tag("i", class_=f"swatch c{network % 8}", aria_hidden="true"), name, class_="name")


def swatches(names: Sequence[str]) -> Html:
    """How many networks there are, and the names of the first."""
    shown = names if len(names) <= 8 else names[:7]
    more = f" and {len(names) - len(shown)} more" if len(shown) < len(names) else ""
    return join(
        [tag("span", f"{len(names)}: "), join([swatch(i, name) for i, name in enumerate(shown)], " "), escaped(more)]
    )


def listing(lines: Sequence[str], none: str) -> Html:
    """Lines one below the other, or `none` in words."""
    if not lines:
        return tag("p", none, class_="note")
    return tag("ul", *(tag("li", line) for line in lines), class_="log")
