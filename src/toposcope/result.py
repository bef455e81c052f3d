"""Interval and TestResult: what a statistic says, and how far it can be believed."""

from __future__ import annotations

import dataclasses

import numpy as np

from toposcope._errors import InputError
from toposcope._types import Float64


@dataclasses.dataclass(frozen=True)
class Interval:
    """A confidence interval: `low`, `high`, its nominal `level`, and the `method` that made it.

    Both ends belong to it, but for the low end where `open_low`: "(0, …]" are values above 0.
    """

    low: float
    high: float
    level: float
    method: str
    open_low: bool = False

    def __post_init__(self) -> None:
        if not self.low <= self.high:
            raise InputError(f"an interval from {self.low} to {self.high} is empty")

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high and not (self.open_low and value == self.low)

    def __str__(self) -> str:
        return f"{'(' if self.open_low else '['}{self.low:.3g}, {self.high:.3g}]"

    def _repr_html_(self) -> str:
        """For notebooks: the interval as a line, with 0."""
        from toposcope import _html

        facts = {"level": f"{self.level:.0%}", "method": self.method}
        return _html.card(f"interval {self}", _html.interval(self.low, self.high), _html.facts(facts))


@dataclasses.dataclass(frozen=True, eq=False)
class TestResult:
    """Outcome of a permutation test.

    statistic: the observed value. p_value: under the null. effect: (mean distance between the two groups - mean
    distance within them) / mean distance within; 0 for equal laws. interval: of the effect, or None where no method
    with known coverage applies. null: (B,) statistic under every relabelling used. unit: what was exchanged.
    claim: one sentence that names the null. adjustment: how `p_adjusted` was made over a family of tests, if it was.
    """

    __test__ = False

    statistic: float
    p_value: float
    effect: float
    interval: Interval | None
    null: Float64
    unit: str
    seed: int
    claim: str
    p_adjusted: float | None = None
    adjustment: str = "none"

    def __post_init__(self) -> None:
        if not 0 < self.p_value <= 1:
            raise InputError(f"p_value={self.p_value} is not in (0, 1]")
        null = np.array(self.null, dtype=np.float64)
        null.flags.writeable = False
        object.__setattr__(self, "null", null)

    def __repr__(self) -> str:
        return f"<TestResult p={self.p_value:.3g}, effect {self.effect:.3g}: {self.claim}>"

    def _repr_html_(self) -> str:
        """For notebooks: the claim, p, the effect with its interval, and the statistic among those of the null."""
        from toposcope import _html

        adjusted = (
            None
            if self.p_adjusted is None or self.adjustment == "none"
            else f"{self.p_adjusted:.3g} ({self.adjustment})"
        )
        facts = {
            "p": f"{self.p_value:.3g}",
            "p adjusted": adjusted,
            "effect": f"{self.effect:.3g}" + (f" {self.interval}" if self.interval else ", no interval"),
            "interval": self.interval and f"{self.interval.level:.0%}, {self.interval.method}",
            "unit": self.unit,
            "relabellings": len(self.null),
            "seed": self.seed,
        }
        line = _html.interval(self.interval.low, self.interval.high, self.effect) if self.interval else ""
        pictures = _html.histogram(self.null, self.statistic) + (f"<br/>{line}" if line else "")
        return _html.card("test of a difference", _html.sentence(self.claim), pictures, _html.facts(facts))
