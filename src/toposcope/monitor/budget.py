"""What a monitor may cost: a share of training time, measured, and paid before it is spent."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

from toposcope import _check
from toposcope._errors import InputError

_REMEMBERED = 3
"""The next check is taken to cost what the dearest of so many last ones did."""


def share_of(budget: str | float | None) -> float | None:
    """``"2 %"``, ``"0.5%"`` or 0.02 as a share of training time; None is no limit.

    Raises InputError for what is no share above 0 and below 1.
    """
    if budget is None:
        return None
    if isinstance(budget, str):
        match = re.fullmatch(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*%\s*", budget)
        if match is None:
            raise InputError(f"budget={budget!r} is no share of training time; write '2 %', 0.02, or None for no limit")
        share = float(match[1]) / 100
    else:
        share = _check.real(budget, "budget")
    if not 0 < share < 1:
        hint = f"; write '{share:g} %' if you mean {share:g} percent" if 1 <= share < 100 else ""
        raise InputError(f"budget={budget!r} must be above 0 and below 100 % of training time{hint}")
    return share


class Budget:
    """Seconds that training was blocked, against the seconds that it had.

    A check is afforded when everything spent so far, and what it will probably cost, stay within the share of the
    training time so far. The first check is lent: at step 0 there is no training time yet, and what came later would
    have no beginning. Until it is paid back, others wait.

    share: as `share_of` gives it. spent, trained: seconds in the monitor and outside it, since the first step. clock:
    seconds, for tests.
    """

    def __init__(self, share: float | None, clock: Callable[[], float] = time.perf_counter) -> None:
        self.share = share
        self.spent = 0.0
        self.trained = 0.0
        self._clock = clock
        self._left: float | None = None
        self._entered = 0.0
        self._costs: list[float] = []

    def enter(self) -> None:
        """Training waits from here on."""
        now = self._clock()
        if self._left is not None:
            self.trained += now - self._left
        self._entered = now

    def leave(self, checked: bool) -> None:
        """Training goes on. checked: whether a check was taken meanwhile, whose cost is then known."""
        now = self._clock()
        cost = now - self._entered
        self.spent += cost
        if checked:
            self._costs = [*self._costs, cost][-_REMEMBERED:]
        self._left = now

    @property
    def overhead(self) -> float:
        """Seconds spent as a share of the seconds trained; 0 before any."""
        return self.spent / self.trained if self.trained else 0.0

    def refusal(self) -> str | None:
        """Why a check cannot be afforded now, in words; None when it can."""
        if self.share is None or not self._costs:
            return None
        expected = max(self._costs)
        so_far = self.spent + self._clock() - self._entered
        if so_far + expected <= self.share * self.trained:
            return None
        return (
            f"a check takes about {expected:.2g} s, and {so_far:.2g} s of {self.trained:.3g} s of training are spent "
            f"already: the budget is {self.share:.2%}"
        )

    def state(self) -> dict[str, float | list[float]]:
        """For a checkpoint."""
        return {"spent": self.spent, "trained": self.trained, "costs": list(self._costs)}

    def restore(self, state: dict[str, float | list[float]]) -> None:
        """Go on from a checkpoint."""
        costs = state["costs"]
        assert isinstance(costs, list)
        self.spent, self.trained = _number(state["spent"]), _number(state["trained"])
        self._costs = [float(cost) for cost in costs]
        self._left = None


def _number(value: object) -> float:
    return _check.real(value, "seconds", at_least=0.0)
