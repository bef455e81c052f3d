"""What the stages of a study ask of whoever performs its tasks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from toposcope.store import Store
from toposcope.study.tasks import Task


class Performer(Protocol):
    """Whatever performs tasks: see `toposcope.run`."""

    store: Store
    failed: list[tuple[str, str]]
    damaged: set[str]
    performed: int
    used: set[str]
    suspicious: bool

    @property
    def workers(self) -> int:
        """How many work at once."""

    def perform(self, stage: str, tasks: Sequence[Task]) -> set[str]:
        """Perform what is missing; returns the keys of all that is there."""

    def fail(self, title: str, error: Exception) -> None:
        """Note a failure."""

    def discard(self, key: str, lost: Iterable[str]) -> None:
        """Forget an artefact that is of no use without others that are lost."""

    def say(self, line: str) -> None:
        """Something worth a line."""
