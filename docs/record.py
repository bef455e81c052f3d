"""Record a real run in a terminal and write it as an animated SVG: `python docs/record.py` writes docs/terminal.svg.

The command runs in a pseudo-terminal; what it prints is kept with the time at which it came. The picture plays it back
in ten seconds, faster than it was where it took longer, and says so. Animation is CSS alone: no script, no font,
nothing to fetch. Who prefers reduced motion sees the last screen.
"""

from __future__ import annotations

import dataclasses
import html
import os
import pty
import re
import select
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
COLUMNS, ROWS = 104, 44
SHOWN = "toposcope demo"
SECONDS, TYPING, HOLD = 10.0, 0.8, 3.0
"""Of the whole picture, of typing the command, and of the last screen."""
APART = 0.12
"""Seconds of the picture between two screens, at least: more would only make the file larger."""
WIDTH, HEIGHT, PAD = 8.0, 17.0, 14.0
COLOURS = {
    "30": "#484f58", "31": "#ff7b72", "32": "#56d364", "33": "#e3b341", "34": "#79c0ff", "35": "#d2a8ff",
    "36": "#56d4dd", "37": "#c9d1d9", "38;5;208": "#ffa657", "38;5;237": "#6e7681",
}  # fmt: skip
INK, PAGE, QUIET = "#e6edf3", "#0d1117", "#9da7b3"

Style = tuple[str, bool, bool]
"""Colour, bold, dim."""
PLAIN: Style = (INK, False, False)
ESCAPE = re.compile(r"\x1b\[([?\d;]*)([A-Za-z])|\x1b\].*?(?:\x07|\x1b\\)|\r|\n|[^\x1b\r\n]")


class Screen:
    """As much of a terminal as progress bars and tables use: colours, carriage return, moving up, clearing lines."""

    def __init__(self, columns: int = COLUMNS) -> None:
        self.columns = columns
        self.lines: list[list[tuple[str, Style]]] = [[]]
        self.row = self.column = 0
        self.style = PLAIN

    def feed(self, text: str) -> None:
        """Take what a program printed."""
        for match in ESCAPE.finditer(text):
            found, code, verb = match.group(), match.group(1) or "", match.group(2)
            if found == "\r":
                self.column = 0
            elif found == "\n":
                self._down()
            elif verb == "m":
                self._colour(code)
            elif verb == "A":
                self.row = max(0, self.row - int(code or 1))
            elif verb == "C":
                self.column = min(self.columns - 1, self.column + int(code or 1))
            elif verb == "K":
                keep = [] if code == "2" else self.lines[self.row][: self.column]
                self.lines[self.row] = keep
            elif verb is None and len(found) == 1:
                self._put(found)

    def text(self) -> list[str]:
        """The lines without their colours."""
        return ["".join(char for char, _style in line).rstrip() for line in self.lines]

    def picture(self) -> tuple[tuple[tuple[str, Style], ...], ...]:
        """The last lines that a terminal shows, as runs of one style each."""
        return tuple(tuple(_runs(line)) for line in self.lines[-ROWS:])

    def _put(self, char: str) -> None:
        if self.column >= self.columns:
            self.column = 0
            self._down()
        line = self.lines[self.row]
        line.extend([(" ", PLAIN)] * (self.column + 1 - len(line)))
        line[self.column] = (char, self.style)
        self.column += 1

    def _down(self) -> None:
        self.row += 1
        if self.row == len(self.lines):
            self.lines.append([])

    def _colour(self, code: str) -> None:
        colour, bold, dim = self.style
        if code in ("", "0"):
            self.style = PLAIN
            return
        plain = re.sub(r"38;(?:5;\d+|2;\d+;\d+;\d+)", "", code)
        if code != plain:
            part = re.search(r"38;5;\d+", code)
            colour = COLOURS.get(part.group(), QUIET) if part else QUIET
        for part in filter(None, plain.split(";")):
            if part == "1":
                bold = True
            elif part == "2":
                dim = True
            elif part in ("0", "22", "39"):
                colour, bold, dim = PLAIN
            elif part in COLOURS:
                colour = COLOURS[part]
        self.style = (colour, bold, dim)


def _runs(line: list[tuple[str, Style]]) -> Iterator[tuple[str, Style]]:
    start = 0
    for place in range(1, len(line) + 1):
        if place == len(line) or line[place][1] != line[start][1]:
            yield "".join(char for char, _style in line[start:place]), line[start][1]
            start = place


def record(command: list[str], folder: Path) -> tuple[list[tuple[float, str]], float]:
    """Run a command in a terminal. Returns what it printed, each piece with its second, and how long it took."""
    import fcntl
    import termios

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    where = {**os.environ, "TERM": "xterm-256color", "COLUMNS": str(COLUMNS), "LINES": str(ROWS)}
    begin = time.monotonic()
    process = subprocess.Popen(command, cwd=folder, stdin=theirs, stdout=theirs, stderr=theirs, env=where)
    os.close(theirs)
    pieces, held = [], b""
    while True:
        ready, _, _ = select.select([ours], [], [], 0.1)
        if ready:
            try:
                data = os.read(ours, 65536)
            except OSError:  # the other end is closed
                data = b""
            if not data:
                break
            held += data
            text = held.decode("utf-8", errors="ignore")
            held = held[len(text.encode()) :]
            pieces.append((time.monotonic() - begin, text))
        elif process.poll() is not None:
            break
    os.close(ours)
    if process.wait() != 0:
        raise SystemExit("".join(text for _at, text in pieces))
    return pieces, time.monotonic() - begin


@dataclasses.dataclass
class Spell:
    """A line of the picture, and from when to when it is there (seconds)."""

    row: int
    runs: tuple[tuple[str, Style], ...]
    start: float
    end: float


def spells(pieces: list[tuple[float, str]], took: float) -> list[Spell]:
    """Every line of every screen once, in the time of the picture."""
    screen = Screen()
    frames: list[tuple[float, tuple[tuple[tuple[str, Style], ...], ...]]] = []
    prompt = "\x1b[32m$\x1b[0m "
    for typed in range(0, len(SHOWN) + 1, 2):
        screen = Screen()
        screen.feed(prompt + SHOWN[:typed])
        frames.append((TYPING * typed / len(SHOWN), screen.picture()))
    screen = Screen()
    screen.feed(f"{prompt}{SHOWN}\r\n")
    room = SECONDS - TYPING - HOLD
    for at, text in pieces:
        screen.feed(text)
        frames.append((TYPING + room * at / took, screen.picture()))
    frames = [
        frame for k, frame in enumerate(frames) if k + 1 == len(frames) or frames[k + 1][0] // APART > frame[0] // APART
    ]
    found: list[Spell] = []
    alive: dict[int, Spell] = {}
    for at, picture in frames:
        for row in range(ROWS):
            runs = picture[row] if row < len(picture) else ()
            old = alive.get(row)
            if old is not None and old.runs == runs:
                continue
            if old is not None:
                old.end = at
                del alive[row]
            if "".join(part for part, _style in runs).strip():
                alive[row] = Spell(row, runs, at, SECONDS)
                found.append(alive[row])
    return found


def svg(lines: list[Spell], took: float) -> str:
    """The animated picture."""
    rows = max(line.row for line in lines) + 1
    width, height = 2 * PAD + COLUMNS * WIDTH, 2 * PAD + (rows + 1.4) * HEIGHT
    styles, parts = [], []
    for number, line in enumerate(lines):
        lasts = line.end >= SECONDS
        first, last = 100 * line.start / SECONDS, 100 * line.end / SECONDS
        before = f"0%{{opacity:0}}{first:.2f}%{{opacity:1}}" if first > 0 else "0%{opacity:1}"
        after = "100%{opacity:1}" if lasts else f"{last:.2f}%,100%{{opacity:0}}"
        styles.append(f"@keyframes k{number}{{{before}{after}}}.l{number}{{animation-name:k{number}}}")
        parts.append(f'<g class="l l{number}{"" if lasts else " gone"}">{_text(line)}</g>')
    faster = took / (SECONDS - TYPING - HOLD)
    note = f"a real run of {took:.0f} s, {faster:.1f} times as fast" if faster > 1.05 else "a real run"
    foot = (
        f'<text x="{width - PAD:.0f}" y="{height - PAD / 2:.0f}" text-anchor="end" font-size="11" fill="{QUIET}">'
        f"{html.escape(note)}</text>"
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" '
        f'height="{height:.0f}" role="img" aria-label="{html.escape(SHOWN)}: progress bars, the headline, a table of '
        f'tests, the path of the report"><title>{html.escape(SHOWN)}</title><style>'
        'text{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;font-size:13px;'
        "white-space:pre}.gone{opacity:0}@media (prefers-reduced-motion:no-preference){"
        f".l{{animation:{SECONDS:g}s step-end infinite}}{''.join(styles)}}}</style>"
        f'<rect width="100%" height="100%" rx="8" fill="{PAGE}"/>{"".join(parts)}{foot}</svg>\n'
    )


def _text(line: Spell) -> str:
    """One line: each run at its own column, as wide as its cells whatever the font."""
    found, column = [], 0
    y = PAD + (line.row + 0.8) * HEIGHT
    for part, (colour, bold, dim) in line.runs:
        shown = part.rstrip()
        lead = len(shown) - len(shown.lstrip())
        shown = shown.lstrip()
        if shown:
            look = f' fill="{colour}"' + (' font-weight="700"' if bold else "") + (' opacity=".7"' if dim else "")
            found.append(
                f'<text x="{PAD + (column + lead) * WIDTH:.0f}" y="{y:.1f}" textLength="{len(shown) * WIDTH:.0f}" '
                f'lengthAdjust="spacingAndGlyphs" xml:space="preserve"{look}>{html.escape(shown)}</text>'
            )
        column += len(part)
    return "".join(found)


def main() -> None:
    """Record, and write docs/terminal.svg."""
    with tempfile.TemporaryDirectory() as folder:
        pieces, took = record([sys.executable, "-m", *SHOWN.split()], Path(folder))
    target = ROOT / "docs" / "terminal.svg"
    target.write_text(svg(spells(pieces, took), took), encoding="utf-8")
    print(f"{target}: {took:.1f} s, {target.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
