"""Progress: bars on a terminal, lines elsewhere, nothing when quiet."""

import io
import itertools
import re

import pytest
from rich.console import Console

from toposcope import terminal
from toposcope.terminal import TerminalProgress, print_table, text


def watch(progress: TerminalProgress) -> None:
    with progress:
        progress.stage("homology", 10, 4)
        for done in range(1, 7):
            progress.advance("homology", done)
        progress.stage("nothing", 0, 0)
        progress.say("a\x1b[2Jline")


def test_live_bars(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.StringIO()
    monkeypatch.setattr(
        terminal, "Console", lambda **_options: Console(file=out, force_terminal=True, width=100, highlight=False)
    )
    progress = TerminalProgress()
    assert progress.live
    watch(progress)
    assert "homology" in out.getvalue()
    assert "10/10" in out.getvalue()
    assert "\\x1b[2Jline" in out.getvalue()
    assert "nothing" not in out.getvalue()
    progress.say("word " * 30)
    told = re.sub(r"\x1b\[[?\d;]*[A-Za-z]", "", out.getvalue()).splitlines()
    assert max(len(line) for line in told if line.startswith("word")) <= 100
    progress.stage("kept", 5, 5)
    assert all(task.finished_time is not None for task in progress._bars.tasks)


def test_plain_lines_now_and_then(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    clock = itertools.count(0, 3)
    monkeypatch.setattr(terminal.time, "monotonic", lambda: float(next(clock)))
    watch(TerminalProgress())
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "homology: 10 tasks, 4 of them kept from before"
    assert lines[1] == "homology: 6 of 10, about 12 s left"
    assert lines[-1] == "a\\x1b[2Jline"
    assert len(lines) == 4


def test_the_time_left_is_told_once_something_is_known_of_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [0.0]
    monkeypatch.setattr(terminal.time, "monotonic", lambda: clock[0])
    progress = TerminalProgress()
    progress.stage("training", 4, 0)
    for clock[0], done in ((6.0, 0.04), (12.0, 0.4), (18.0, 2)):
        progress.advance("training", done)
    progress.stage("long", 1000, 0)
    for clock[0], done in ((24.0, 1), (50.0, 4)):
        progress.advance("long", done)
    assert capsys.readouterr().err.splitlines() == [
        "training: 4 tasks",
        "training: 0 of 4",
        "training: 0 of 4, about 1 min 48 s left",
        "training: 2 of 4, about 18 s left",
        "long: 1000 tasks",
        "long: 1 of 1000",
        "long: 4 of 1000, about 132 min 48 s left",
    ]


def test_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    watch(TerminalProgress(quiet=True))
    assert capsys.readouterr().err == ""


def test_one_task_told_in_parts(capsys: pytest.CaptureFixture[str]) -> None:
    progress = TerminalProgress()
    tell = progress.part("extraction")
    tell(64, 128)
    tell(128, 128)
    assert capsys.readouterr().err == "extraction: 128 tasks\n"


@pytest.mark.parametrize(("seconds", "words"), [(0.2, "0 s"), (89, "89 s"), (125, "2 min 05 s"), (-1, "0 s")])
def test_durations(seconds: float, words: str) -> None:
    assert terminal._duration(seconds) == words


def test_tables(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(["name", "value"], [("a\nb", 1.23456), ("c", None)], title="T")
    out = capsys.readouterr().out
    assert "a\\nb" in out
    assert "1.235" in out
    assert text("é✓") == "é✓"
    print_table(["none"], [])
