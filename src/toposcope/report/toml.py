"""A plan as TOML that `Study.read` takes back."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

_INFINITY = "inf"


def plan_toml(plan: Mapping[str, Any]) -> str:
    """The tables of `Study.to_json()` as TOML. Keys without a value are left out: their default is none."""
    lines = [f"{key} = {_value(key, value)}" for key, value in plan.items() if _plain(value)]
    for key, value in plan.items():
        if isinstance(value, Mapping):
            lines += _table(f"[{key}]", value)
        elif _tables(value):
            for entry in value:
                lines += _table(f"[[{key}]]", entry)
    return "\n".join(lines) + "\n"


def _table(header: str, table: Mapping[str, Any]) -> list[str]:
    rows = [f"{key} = {_value(key, value)}" for key, value in table.items() if _plain(value)]
    if header == "[cloud]" and table.get("scale", "") is None:
        rows.append('scale = "none"')
    return ["", header, *rows] if rows else []


def _plain(value: Any) -> bool:
    return value is not None and not isinstance(value, Mapping) and not _tables(value)


def _tables(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and (not value or isinstance(value[0], Mapping))


def _value(key: str, value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return _INFINITY if math.isinf(value) else repr(value)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_value("", entry) for entry in value) + "]"
    if key == "ground" and value == _INFINITY:
        return _INFINITY
    # A TOML basic string is a JSON string; what does not show is written by its number.
    text = json.dumps(str(value), ensure_ascii=False)
    return "".join(letter if letter.isprintable() else f"\\U{ord(letter):08X}" for letter in text)
