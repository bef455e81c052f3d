"""What distances over draws say, and how sure it is. The draws of inputs are the sample."""

from __future__ import annotations

from toposcope.stats.adjust import holm, step_down_max_t
from toposcope.stats.bands import ConfidenceBand, FasyBand, confidence_band, fasy_band
from toposcope.stats.equivalence import (
    EquivalenceResult,
    Margin,
    energy_bound,
    energy_bounds,
    seed_twin_margin,
    test_equivalence,
)
from toposcope.stats.intervals import mean_interval
from toposcope.stats.permutation import Cell, PairedCell, UnpairedCell, effect, permutation_tests, smallest_p
from toposcope.stats.power import PowerPlan, PowerRow, plan_power
from toposcope.stats.significance import BarSignificance, bar_significance

__all__ = [
    "BarSignificance",
    "Cell",
    "ConfidenceBand",
    "EquivalenceResult",
    "FasyBand",
    "Margin",
    "PairedCell",
    "PowerPlan",
    "PowerRow",
    "UnpairedCell",
    "bar_significance",
    "confidence_band",
    "effect",
    "energy_bound",
    "energy_bounds",
    "fasy_band",
    "holm",
    "mean_interval",
    "permutation_tests",
    "plan_power",
    "seed_twin_margin",
    "smallest_p",
    "step_down_max_t",
    "test_equivalence",
]
