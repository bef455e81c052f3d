"""Text that may be hostile, made safe by construction: HTML that escapes every child, JSON that cannot end a script."""

from __future__ import annotations

import html
import json
import math
import re
from typing import Any

_INVISIBLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\ud800-\udfff]")
# What could end a script or a line of it, turn text around, or cannot stand in UTF-8 (half of a surrogate pair).
_UNSAFE = re.compile("[<>&\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]")
_VOID = frozenset({"meta", "br", "hr", "link"})


class Html(str):
    """Text that is markup already."""

    __slots__ = ()


def plain(value: object) -> str:
    """`value` as one line that shows what it holds.

    Nothing and NaN are "". Line breaks become "⏎"; controls, zero-width and direction marks, and halves of surrogate
    pairs become "\N{REPLACEMENT CHARACTER}", so that no name can pose as another or turn the text around it.
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    text = re.sub(r"\r\n?|[\n\x85\u2028\u2029]", "⏎", str(value)).replace("\t", " ")
    return _INVISIBLE.sub("\N{REPLACEMENT CHARACTER}", text)


def escaped(value: object, lines: bool = False) -> Html:
    """`value` as HTML text; lines: keep line breaks."""
    if isinstance(value, Html):
        return value
    text = "\n".join(plain(line) for line in str(value).splitlines()) if lines else plain(value)
    return Html(html.escape(text, quote=True))


def tag(name: str, *children: object, **attributes: object) -> Html:
    """An element. Every child and attribute that is not `Html` is escaped.

    A trailing underscore of an attribute's name is dropped and the others become hyphens (`class_`, `aria_label`);
    True gives a bare attribute, None and False none.
    """
    parts = [name]
    for key, value in attributes.items():
        if value is None or value is False:
            continue
        label = key.rstrip("_").replace("_", "-")
        parts.append(label if value is True else f'{label}="{escaped(value)}"')
    opened = f"<{' '.join(parts)}>"
    if name in _VOID:
        return Html(opened)
    return Html(f"{opened}{''.join(escaped(child) for child in children)}</{name}>")


def join(parts: list[Html], between: str = "") -> Html:
    """Several pieces of markup as one."""
    return Html(between.join(parts))


def script_json(value: Any) -> str:
    """`value` as JSON that is safe inside a script element. Raises ValueError for NaN and infinity."""
    text = json.dumps(value, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
    return _UNSAFE.sub(lambda found: f"\\u{ord(found.group()):04x}", text)
