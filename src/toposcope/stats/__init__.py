"""What distances over draws say, and how sure it is. The draws of inputs are the sample."""

from __future__ import annotations

from toposcope.stats.adjust import holm, step_down_max_t
from toposcope.stats.intervals import mean_interval
from toposcope.stats.permutation import Cell, PairedCell, UnpairedCell, effect, permutation_tests, smallest_p

__all__ = [
    "Cell",
    "PairedCell",
    "UnpairedCell",
    "effect",
    "holm",
    "mean_interval",
    "permutation_tests",
    "smallest_p",
    "step_down_max_t",
]
