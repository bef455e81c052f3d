"""Tasks one after the other, in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from toposcope.pools.work import Limits, Outcome, Work, attempt, check_limits
from toposcope.store import Store


class Here:
    """No worker but this process: the simplest pool, which cannot end a task that hangs."""

    workers = 1

    def __init__(self, store: Store, limits: Limits = Limits()) -> None:  # noqa: B008 (frozen)
        self._store, self._limits = store, check_limits(limits)

    def outcomes(self, tasks: Sequence[Work], tell: Callable[[str, float], None]) -> Iterator[Outcome]:
        """As `Pool.outcomes`."""
        for task in tasks:

            def progress(part: int, whole: int | None, key: str = task.key) -> None:
                if whole:
                    tell(key, part / whole)

            yield attempt(task, self._store, self._limits, progress)

    def outcomes_elsewhere(self, failed: Sequence[tuple[Work, Outcome]]) -> Iterator[Outcome]:
        """Here again, since there is nowhere else."""
        for task, _outcome in failed:
            yield attempt(task, self._store, self._limits)

    def close(self, at_once: bool = False) -> None:
        """Nothing to let go."""
