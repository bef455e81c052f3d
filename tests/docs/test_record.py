"""The animated terminal: an emulator small enough to read, and a picture that needs nothing."""

import re
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"
sys.path.insert(0, str(DOCS))

import record  # noqa: E402


@pytest.mark.parametrize(
    ("printed", "seen"),
    [
        ("one\ntwo\r\nthree", ["one", "   two", "three"]),
        ("aaaa\rbb", ["bbaa"]),
        ("12 %\r\x1b[2K50 %", ["50 %"]),
        ("bar 1\r\nbar 2\x1b[1A\r\x1b[2Kbar 3", ["bar 3", "bar 2"]),
        ("abc\x1b[1A\r\x1b[1Cx", ["axc"]),
        ("\x1b[?25l\x1b[1;31mred\x1b[0m \x1b]0;title\x07!", ["red !"]),
    ],
)
def test_a_screen_shows_what_a_terminal_would(printed: str, seen: list[str]) -> None:
    screen = record.Screen()
    screen.feed(printed)
    assert screen.text() == seen


def test_long_lines_go_on_below() -> None:
    screen = record.Screen(columns=4)
    screen.feed("abcdef")
    assert screen.text() == ["abcd", "ef"]


def test_colours_make_runs() -> None:
    screen = record.Screen()
    screen.feed("a\x1b[1;36mb\x1b[0mc\x1b[38;5;208md\x1b[39me\x1b[2mf")
    assert [(text, style[0], style[1:]) for text, style in screen.picture()[0]] == [
        ("a", record.INK, (False, False)),
        ("b", record.COLOURS["36"], (True, False)),
        ("c", record.INK, (False, False)),
        ("d", record.COLOURS["38;5;208"], (False, False)),
        ("e", record.INK, (False, False)),
        ("f", record.INK, (False, True)),
    ]


def test_a_line_is_there_from_its_piece_until_it_changes() -> None:
    found = record.spells([(0.0, "10 %"), (5.0, "\r\x1b[2K90 %"), (10.0, "\r\ndone\r\n")], 10.0)
    room = record.SECONDS - record.TYPING - record.HOLD
    told = {"".join(text for text, _style in spell.runs): spell for spell in found if spell.start >= record.TYPING}
    assert told["90 %"].start == pytest.approx(record.TYPING + room / 2)
    assert told["10 %"].end == told["90 %"].start
    assert told["done"].end == record.SECONDS


def test_recording_keeps_what_was_printed_and_when(tmp_path: Path) -> None:
    code = "import sys, time; print('first', flush=True); time.sleep(0.3); print('<last>', sys.stdout.isatty())"
    pieces, took = record.record([sys.executable, "-c", code], tmp_path)
    assert "".join(text for _at, text in pieces).split() == ["first", "<last>", "True"]
    assert took > 0.3
    picture = record.svg(record.spells(pieces, took), took)
    assert "&lt;last&gt;" in picture
    with pytest.raises(SystemExit):
        record.record([sys.executable, "-c", "raise SystemExit(3)"], tmp_path)


def test_the_picture_needs_nothing_and_holds_still_for_who_prefers_it() -> None:
    source = (DOCS / "terminal.svg").read_text(encoding="utf-8")
    tree = ElementTree.fromstring(source)
    assert {element.tag.rpartition("}")[2] for element in tree.iter()} <= {"svg", "title", "style", "rect", "g", "text"}
    assert not re.search(r"url\(|@import|href|<script", source)
    assert "@media (prefers-reduced-motion:no-preference){.l{animation" in source
    assert source.index("@media") < source.index("@keyframes")
    assert len(source) < 400_000
    assert "report  runs/" in "".join(tree.itertext())
