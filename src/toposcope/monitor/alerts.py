"""Early warnings, by stated rules over the series of signals. A warning is a reason to look, not a verdict."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from toposcope.monitor.folder import Check
from toposcope.monitor.signals import FALLING, Series

FALL = 0.5
"""A signal that has fallen to this share of what it was."""
IN_A_ROW = 2
"""At so many checks in a row, so that one odd check says nothing."""


def alerts(of: Series, checks: Sequence[Check]) -> list[str]:
    """Sentences, in order of their steps.

    Collapse: the upper bound of effective rank, p_eff or the total persistence of degree 0 lies below half of the
    largest lower bound so far, at two checks in a row. Divergence: the lower bound of 2·AB - AA - BB of the train and
    validation draws lies above the upper bound that it had at the first check, at two checks in a row. And every check
    whose activations are not finite.
    """
    found: list[tuple[int, str]] = [
        (check.step, f"step {check.step}: nothing could be seen: {check.failed}") for check in checks if check.failed
    ]
    for (probe, layer, signal, degree), rows in of.items():
        name = f"{layer} ({probe})"
        if (signal, degree) in FALLING:
            fallen = _first_of_a_row(_fallen(rows))
            if fallen is not None:
                row, before = rows[fallen], max(_bound(r, "low") for r in rows[:fallen])
                what = signal.replace("_", " ") + ("" if degree is None else f" of H{degree}")
                found.append(
                    (
                        row["step"],
                        f"step {row['step']}: {name} may be collapsing: its {what} is {row['value']:.3g} (at most "
                        f"{_bound(row, 'high'):.3g}), less than half of the {before:.3g} that it had",
                    )
                )
        if signal == "divergence":
            first = _bound(rows[0], "high")
            apart = _first_of_a_row([_bound(row, "low") > first for row in rows])
            if apart is not None:
                row = rows[apart]
                found.append(
                    (
                        row["step"],
                        f"step {row['step']}: {layer} tells training from validation inputs in H{degree}: divergence "
                        f"{row['value']:.3g} (at least {row['low']:.3g}), beyond the {first:.3g} of the first check",
                    )
                )
    return [sentence for _step, sentence in sorted(found)]


def _fallen(rows: Sequence[Mapping[str, Any]]) -> list[bool]:
    fallen = []
    largest = -math.inf
    for row in rows:
        fallen.append(_bound(row, "high") < FALL * largest)
        largest = max(largest, _bound(row, "low"))
    return fallen


def _bound(row: Mapping[str, Any], side: str) -> float:
    """A bound of the signal, or what never leads to a warning where there is none."""
    value = float(row[side])
    return value if math.isfinite(value) else (-math.inf if side == "low" else math.inf)


def _first_of_a_row(flags: Sequence[bool]) -> int | None:
    for start in range(len(flags) - IN_A_ROW + 1):
        if all(flags[start : start + IN_A_ROW]):
            return start
    return None
