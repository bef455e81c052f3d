"""What distances over draws say, and how sure it is. The draws of inputs are the sample."""

from __future__ import annotations

from toposcope.stats.adjust import benjamini_hochberg, benjamini_yekutieli, holm, step_down_max_t
from toposcope.stats.cells import Cell, PairedCell, UnpairedCell, effect, effect_interval
from toposcope.stats.difference import test_difference, test_differences
from toposcope.stats.intervals import mean_interval
from toposcope.stats.networks import VarianceComponents, test_architectures, variance_components
from toposcope.stats.permutation import enough_draws, permutation_tests, smallest_p

__all__ = [
    "Cell",
    "PairedCell",
    "UnpairedCell",
    "VarianceComponents",
    "benjamini_hochberg",
    "benjamini_yekutieli",
    "effect",
    "effect_interval",
    "enough_draws",
    "holm",
    "mean_interval",
    "permutation_tests",
    "smallest_p",
    "step_down_max_t",
    "test_architectures",
    "test_difference",
    "test_differences",
    "variance_components",
]
