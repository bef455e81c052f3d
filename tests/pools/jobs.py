"""Small tasks that do what is asked of them: end well, raise, hang, run out of memory, kill their worker."""

from __future__ import annotations

import dataclasses
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import numpy as np

from toposcope import _io
from toposcope._errors import ArtefactError, InputError, StoreError
from toposcope.store import Store, key_of


@dataclasses.dataclass(frozen=True)
class Job:
    """what: "keep", or what goes wrong. once: a file; where it is there already, nothing goes wrong any more.

    ballast: makes the task large.
    """

    uses_torch: ClassVar[bool] = False

    number: int
    what: str = "keep"
    once: str | None = None
    ballast: str = ""

    @property
    def key(self) -> str:
        return key_of("job", number=self.number)

    @property
    def title(self) -> str:
        return f"job {self.number}"

    def perform(self, store: Store, progress: Callable[[int, int | None], None] | None = None) -> None:
        what = self.what
        if self.once is not None:
            if Path(self.once).exists():
                what = "keep"
            else:
                Path(self.once).write_text(str(os.getpid()))
        if what == "raise":
            raise ZeroDivisionError("a bug")
        if what == "input":
            raise InputError("of no use")
        if what == "artefact":
            raise ArtefactError("gone", "diagram-0")
        if what == "store":
            raise StoreError("full")
        if what == "hang":
            time.sleep(1000)
        if what == "hang writing":
            with _io.atomic_write(store.path(self.key), beside=store.folder / "temporary") as file:
                file.write(b"half")
                time.sleep(1000)
        if what == "memory":
            np.ones(1 << 29)
        if what == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        if what == "exit":
            os._exit(3)
        if what == "slow":
            for part in range(5):
                time.sleep(0.1)
                if progress is not None:
                    progress(part, 5)
        store.write(self.key, {"value": np.array([self.number]), "process": np.array([os.getpid()])})
        if what == "keep and die":
            os.kill(os.getpid(), signal.SIGKILL)


def quiet(key: str, share: float) -> None:
    """Progress that nobody reads."""
