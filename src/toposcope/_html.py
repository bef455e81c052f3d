"""What a notebook shows of a noun: small pieces of HTML and SVG, for light and dark pages alike.

Ink is `currentColor`, so that it follows the page; the other colours stand out on white and on black. There is no
script, no style sheet and nothing to fetch, and every text is escaped.
"""

from __future__ import annotations

import html
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from toposcope._types import Array

DEGREES = ("#2f8fd0", "#e06c1f", "#1f9d78", "#c269a0")
"""Of homology degrees; each with 3 to 1 or more against white and against black."""
_TABLE = "border-collapse:collapse;margin:0;font:inherit;color:inherit"
_NUMBER = re.compile(r"[-−–]?[\d.]*∞?(e[-+]?\d+)?")
_SIDE = 190
_MOST_BARS = 600
"""Bars of one degree that are drawn; of more, the longest."""
_MOST_CELLS = 30


def text(value: object) -> str:
    """Escaped, control characters made visible."""
    return html.escape("".join(char if char.isprintable() else repr(char)[1:-1] for char in str(value)))


def number(value: float) -> str:
    """Four significant digits; infinity by its sign."""
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    return f"{value:.4g}"


def card(title: object, *parts: str) -> str:
    """A noun's box: a title and its parts side by side, where there is room. title: as text; parts: HTML."""
    inner = "".join(f'<div style="flex:0 1 auto">{part}</div>' for part in parts if part)
    return (
        '<div style="font:13px/1.45 system-ui,sans-serif;max-width:56em">'
        f'<div style="font-weight:600;margin-bottom:.3em">{text(title)}</div>'
        f'<div style="display:flex;flex-wrap:wrap;gap:1.2em;align-items:flex-start">{inner}</div></div>'
    )


def sentence(value: object) -> str:
    """A line of prose."""
    return f'<div style="max-width:44em;margin:.2em 0">{text(value)}</div>'


def facts(rows: Mapping[str, object]) -> str:
    """Names and values, those that are None left out."""
    cells = "".join(
        f'<tr><th scope="row" style="text-align:left;font-weight:400;opacity:.75;padding:0 1em 0 0">{text(name)}</th>'
        f'<td style="text-align:left;padding:0">{text(value)}</td></tr>'
        for name, value in rows.items()
        if value is not None
    )
    return f'<table style="{_TABLE}">{cells}</table>'


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table with a head; columns of numbers to the right, others to the left."""
    held = [[str(cell) for cell in row] for row in rows]
    sides = ["right" if all(_NUMBER.fullmatch(row[k]) for row in held) else "left" for k in range(len(columns))]
    styles = [f"text-align:{side};padding:0 .6em" for side in sides]
    head = "".join(
        f'<th scope="col" style="{style}">{text(name)}</th>' for name, style in zip(columns, styles, strict=True)
    )
    body = "".join(
        "<tr>"
        + "".join(f'<td style="{style}">{text(cell)}</td>' for cell, style in zip(row, styles, strict=True))
        + "</tr>"
        for row in held
    )
    return f'<table style="{_TABLE}"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'


def _svg(width: float, height: float, label: str, *parts: str) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="{text(label)}" width="{width:g}" '
        f'height="{height:g}" viewBox="0 0 {width:g} {height:g}" style="font:10px system-ui,sans-serif">'
        f"<title>{text(label)}</title>{''.join(parts)}</svg>"
    )


def _mark(degree: int, x: float, y: float) -> str:
    """A shape for every degree: circle, triangle, square, diamond."""
    if degree % 4 == 0:
        shape = "m-2.4,0a2.4,2.4 0 1,0 4.8,0a2.4,2.4 0 1,0-4.8,0z"
    else:
        shape = ("m0,-3l2.9,5h-5.8z", "m-2.2,-2.2h4.4v4.4h-4.4z", "m0,-3.2l3.2,3.2l-3.2,3.2l-3.2,-3.2z")[degree % 4 - 1]
    return f"M{x:.1f},{y:.1f}{shape}"


def bars(pairs: Array, degrees: Array) -> str:
    """A persistence diagram (births and deaths of the (k, 2) pairs) as a picture of a few centimetres."""
    if len(pairs) == 0:
        return ""
    finite = pairs[np.isfinite(pairs)]
    low, top = float(finite.min()), float(finite.max())
    span = (top - low) or 1.0
    essential = bool(np.isinf(pairs[:, 1]).any())
    room = _SIDE - 50
    sky = 16 if essential else 4

    def x(value: float) -> float:
        return 44 + (value - low) / span * room

    def y(value: float) -> float:
        return sky if math.isinf(value) else sky + 12 + (1 - (value - low) / span) * (room - sky)

    parts = [
        f'<path d="M{x(low):.1f},{y(low):.1f}L{x(top):.1f},{y(top):.1f}" stroke="currentColor" stroke-opacity=".5"/>',
        f'<text x="{x(low):.1f}" y="{_SIDE - 6}" fill="currentColor">{number(low)}</text>',
        f'<text x="{x(top):.1f}" y="{_SIDE - 6}" text-anchor="end" fill="currentColor">{number(top)}</text>',
        f'<text x="{(x(low) + x(top)) / 2:.1f}" y="{_SIDE - 6}" text-anchor="middle" fill="currentColor">birth</text>',
        f'<text x="38" y="{y(top) + 3:.1f}" text-anchor="end" fill="currentColor">{number(top)}</text>',
        f'<text x="38" y="{(y(top) + y(low)) / 2:.1f}" text-anchor="end" fill="currentColor">death</text>',
    ]
    if essential:
        parts.append(
            f'<path d="M44,{sky}H{44 + room}" stroke="currentColor" stroke-opacity=".4" stroke-dasharray="1 3"/>'
            f'<text x="38" y="{sky + 4}" text-anchor="end" fill="currentColor">∞</text>'
        )
    for degree in np.unique(degrees).tolist():
        some = pairs[degrees == degree]
        some = some[np.argsort(-(some[:, 1] - some[:, 0]), kind="stable")[:_MOST_BARS]]
        path = "".join(_mark(degree, x(birth), y(death)) for birth, death in some.tolist())
        parts.append(f'<path d="{path}" fill="{DEGREES[degree % 4]}" fill-opacity=".75"/>')
    return _svg(_SIDE, _SIDE, f"persistence diagram of {len(pairs)} bars", *parts)


def heat(values: Array, labels: Sequence[str], larger_is_more_similar: bool) -> str:
    """A matrix as squares, far ones stronger; each tells its pair and value when pointed at."""
    m = min(len(labels), _MOST_CELLS)
    if m == 0:
        return ""
    shown = np.asarray(values, dtype=np.float64)[:m, :m]
    finite = shown[np.isfinite(shown)]
    low, top = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 1.0)
    cell = max(5.0, min(20.0, 200 / m))
    parts = []
    for i, j in np.ndindex(m, m):
        share = (shown[i, j] - low) / ((top - low) or 1.0) if np.isfinite(shown[i, j]) else 1.0
        share = 1 - share if larger_is_more_similar else share
        parts.append(
            f'<rect x="{j * cell:.1f}" y="{i * cell:.1f}" width="{cell - 0.5:.1f}" height="{cell - 0.5:.1f}" '
            f'fill="{DEGREES[0]}" fill-opacity="{0.08 + 0.92 * share:.2f}"><title>{text(labels[i])} · '
            f"{text(labels[j])}: {number(float(shown[i, j]))}</title></rect>"
        )
    return _svg(m * cell, m * cell, f"{m} by {m} values from {low:.4g} to {top:.4g}", *parts)


def interval(low: float, high: float, value: float | None = None) -> str:
    """A line from low to high, a dot at the value, a tick at 0."""
    ends = [end for end in (low, high, value, 0.0) if end is not None and math.isfinite(end)]
    first, last = min(ends), max(ends)
    span = (last - first) or 1.0

    def x(at: float) -> float:
        return 10 + 200 * (min(max(at, first), last) - first) / span

    parts = [
        f'<path d="M{x(0.0):.1f},2V20" stroke="currentColor" stroke-opacity=".5" stroke-dasharray="2 2"/>',
        f'<text x="{x(0.0):.1f}" y="31" text-anchor="middle" fill="currentColor">0</text>',
        f'<path d="M{x(low):.1f},11H{x(high):.1f}M{x(low):.1f},7v8M{x(high):.1f},7v8" stroke="{DEGREES[0]}" '
        'stroke-width="2" fill="none"/>',
    ]
    if value is not None and math.isfinite(value):
        parts.append(f'<circle cx="{x(value):.1f}" cy="11" r="4" fill="{DEGREES[1]}"/>')
    return _svg(220, 34, f"interval from {number(low)} to {number(high)}", *parts)


def histogram(values: Array, marked: float) -> str:
    """How values are spread, and where one of them lies."""
    finite = values[np.isfinite(values)]
    if len(finite) == 0 or not math.isfinite(marked):
        return ""
    low, top = min(float(finite.min()), marked), max(float(finite.max()), marked)
    span = (top - low) or 1.0
    counts, _edges = np.histogram(finite, bins=24, range=(low, low + span))
    tallest = max(int(counts.max()), 1)
    width = 200 / len(counts)
    parts = [
        f'<rect x="{10 + k * width:.1f}" y="{52 - 44 * count / tallest:.1f}" width="{width - 1:.1f}" '
        f'height="{44 * count / tallest:.1f}" fill="currentColor" fill-opacity=".35"/>'
        for k, count in enumerate(counts.tolist())
    ]
    at = 10 + 200 * (marked - low) / span
    parts.append(f'<path d="M{at:.1f},4V54" stroke="{DEGREES[1]}" stroke-width="2"/>')
    anchor = "end" if at > 110 else "start"
    parts.append(
        f'<text x="{at:.1f}" y="65" text-anchor="{anchor}" fill="currentColor">observed {number(marked)}</text>'
    )
    return _svg(220, 68, f"null statistics, {len(values)} of them, and the observed one", *parts)


def listed(lines: Iterable[Any], most: int = 12) -> str:
    """Lines of prose as a list; of more than `most` the first, and how many there are."""
    every = list(lines)
    items = "".join(f"<li>{text(line)}</li>" for line in every[:most])
    rest = f"<li>and {len(every) - most} more</li>" if len(every) > most else ""
    return f'<ul style="margin:.2em 0;padding-left:1.2em;max-width:48em">{items}{rest}</ul>' if every else ""
