"""Layer patterns → names, in a time that no pattern can draw out."""

from __future__ import annotations

import functools
import json
import re
import subprocess
import sys
import warnings
from collections.abc import Iterable, Sequence

from toposcope._errors import LayerError

LONGEST = 1000
"""Characters of a pattern."""
SECONDS = 5.0
"""For a regular expression that may take exponential time: Python's engine tries every way to split a repetition."""
_HARMLESS = 3
"""Repetitions, none of them of a group, that cost at most a cubic number of steps in the length of a name."""
_MATCH = (
    "import json, re, sys, warnings; warnings.simplefilter('ignore'); pattern, names = json.load(sys.stdin); "
    "print(json.dumps([bool(re.fullmatch(pattern, name)) for name in names]))"
)


def matching(pattern: str, names: Iterable[str]) -> set[str]:
    """The names that a layer pattern means.

    ``*`` and ``?`` stop at a dot, ``**`` crosses it, ``re:PATTERN`` is a regular expression for whole names. In the
    names of ONNX nodes a slash counts as a dot, and one at the beginning doesn't count.
    Raises LayerError for a broken expression, or one that would take for ever.
    """
    if len(pattern) > LONGEST:
        raise LayerError(f"layer pattern {pattern[:40]!r}… has {len(pattern)} characters; use at most {LONGEST}")
    if pattern.startswith("re:"):
        return _expression(pattern, list(names))
    parts = _parts(_dotted(pattern))
    return {name for name in names if _glob(parts, _dotted(name))}


@functools.lru_cache(maxsize=4096)
def matches(pattern: str, name: str) -> bool:
    """Whether a layer pattern means the module `name`."""
    return bool(matching(pattern, [name]))


def _dotted(name: str) -> str:
    return name.replace("/", ".").lstrip(".")


# --- globs ------------------------------------------------------------------------------------------------------------


def _parts(pattern: str) -> Sequence[str]:
    found: list[str] = re.findall(r"\*\*|.", pattern, re.DOTALL)
    return found


def _glob(parts: Sequence[str], name: str) -> bool:
    """Whether a glob means a name: all places in the pattern that may be reached are followed at once."""
    places = _skip(parts, {0})
    for char in name:
        reached = set()
        for place in places:
            part = parts[place] if place < len(parts) else ""
            if part == "**" or (part == "*" and char != "."):
                reached.add(place)
            elif part == char or (part == "?" and char != "."):
                reached.add(place + 1)
        places = _skip(parts, reached)
        if not places:
            return False
    return len(parts) in places


def _skip(parts: Sequence[str], places: set[int]) -> set[int]:
    """Stars may stand for nothing."""
    found = set(places)
    for place in places:
        end = place
        while end < len(parts) and parts[end] in ("*", "**"):
            end += 1
            found.add(end)
    return found


# --- regular expressions ----------------------------------------------------------------------------------------------


@functools.cache
def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return re.compile(pattern[3:])
    except (re.error, RecursionError, OverflowError) as error:
        raise LayerError(f"layer pattern {pattern!r} is not a regular expression: {error}; mend it") from None


def _expression(pattern: str, names: list[str]) -> set[str]:
    compiled = _compiled(pattern)
    if _is_harmless(pattern[3:]) and all(len(name) <= 200 for name in names):
        return {name for name in names if compiled.fullmatch(name)}
    # The engine cannot be stopped in this process, which may be a thread of a larger program.
    try:
        answer = subprocess.run(
            [sys.executable, "-I", "-S", "-c", _MATCH],
            input=json.dumps([pattern[3:], names]),
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=True,
        )
    except subprocess.TimeoutExpired:
        raise LayerError(
            f"layer pattern {pattern!r} is still trying after {SECONDS:g} s, because repetitions inside it overlap; "
            "write it without repeated groups, or use globs"
        ) from None
    except (OSError, subprocess.CalledProcessError) as error:
        raise LayerError(f"layer pattern {pattern!r} cannot be tried: {error}; use globs") from None
    return {name for name, found in zip(names, json.loads(answer.stdout), strict=True) if found}


def _is_harmless(expression: str) -> bool:
    """Whether few single characters repeat, and nothing larger does."""
    plain = re.sub(r"\\.|\(\?", "", expression, flags=re.DOTALL)
    return len(re.findall(r"[*+?{]", plain)) <= _HARMLESS and not re.search(r"\)[*+?{]", plain)
