"""What a person sees in a terminal: progress with time left, tables, one-line errors; plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Sequence
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

_EVERY = 5.0
"""Seconds between two plain progress lines of one stage."""
_TOLD_BY, _KNOWN = 0.05, 30.0
"""The share of a stage, or the seconds, after which the time left is told."""


def text(value: object) -> str:
    """One line that cannot move the cursor: control characters become visible."""
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in str(value))


class TerminalProgress:
    """Live bars on a terminal, a line now and then elsewhere, nothing when quiet. Use it as a context manager."""

    def __init__(self, quiet: bool = False) -> None:
        self.console = Console(stderr=True, highlight=False, soft_wrap=True)
        self.quiet = quiet
        self.live = self.console.is_terminal and not quiet
        self._bars = Progress(
            TextColumn("{task.description:<12}"),
            BarColumn(bar_width=28, complete_style="cyan", finished_style="green"),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=self.console,
        )
        self._stages: dict[str, TaskID] = {}
        self._plain: dict[str, tuple[int, int, float, float]] = {}

    def __enter__(self) -> TerminalProgress:
        if self.live:
            self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self.live:
            self._bars.stop()

    def stage(self, name: str, tasks: int, kept: int) -> None:
        """A stage begins; one without tasks is not worth a word."""
        if self.live and tasks:
            self._stages[name] = self._bars.add_task(name, total=tasks)
            self._bars.update(self._stages[name], completed=kept)  # which also stops the clock where nothing is left
        elif tasks and not self.quiet:
            have = f", {kept} of them kept from before" if kept else ""
            self._line(f"{name}: {tasks} task{'' if tasks == 1 else 's'}{have}")
        now = time.monotonic()
        self._plain[name] = (tasks, kept, now, now)

    def advance(self, name: str, done: float) -> None:
        """So many of the stage's missing tasks are done."""
        tasks, kept, began, told = self._plain[name]
        if self.live:
            if tasks:
                self._bars.update(self._stages[name], completed=kept + done)
            return
        now = time.monotonic()
        if self.quiet or now - told < _EVERY or not 0 < done < tasks - kept:
            return
        share = done / (tasks - kept)
        # Of the first moments most goes into starting, and they say nothing of the rest.
        known = share >= _TOLD_BY or now - began >= _KNOWN
        left = f", about {_duration((now - began) * (1 / share - 1))} left" if known else ""
        self._plain[name] = (tasks, kept, began, now)
        self._line(f"{name}: {kept + int(done)} of {tasks}{left}")

    def part(self, name: str) -> Callable[[int, int | None], None]:
        """Progress of a stage of one task, told as (done, total); the stage begins with the first word of it."""

        def tell(done: int, total: int | None) -> None:
            if name not in self._plain:
                self.stage(name, total or 1, 0)
            self.advance(name, done)

        return tell

    def say(self, line: str) -> None:
        """A line that stays."""
        if not self.quiet:
            self._line(line)

    def _line(self, line: str) -> None:
        self.console.print(Text(text(line)), style="none", soft_wrap=not self.live)  # a terminal breaks between words


def _duration(seconds: float) -> str:
    whole = max(0, round(seconds))
    return f"{whole} s" if whole < 90 else f"{whole // 60} min {whole % 60:02d} s"


def output() -> Console:
    """Standard output: as wide as the terminal, 100 columns where there is none, colours where they can be seen."""
    seen = sys.stdout.isatty()
    return Console(soft_wrap=not seen, highlight=False, width=None if seen else 100)


def print_table(columns: Sequence[str], rows: Iterable[Sequence[Any]], title: str | None = None) -> None:
    """A compact table on standard output; numbers to the right, text from files made harmless."""
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    cells = [[_cell(value) for value in row] for row in rows]
    for position, column in enumerate(columns):
        numeric = all(isinstance(row[position], (int, float)) or row[position] is None for row in (rows or []))
        table.add_column(column, justify="right" if numeric else "left", overflow="fold")
    for row in cells:
        table.add_row(*(Text(cell) for cell in row))
    Console(soft_wrap=not sys.stdout.isatty(), highlight=False, width=None if sys.stdout.isatty() else 200).print(table)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.4g}"
    return text(value)
