"""What distances over draws say, and how sure it is. The draws of inputs are the sample."""

from __future__ import annotations

from toposcope.stats.adjust import benjamini_hochberg, benjamini_yekutieli, holm, step_down_max_t
from toposcope.stats.bands import ConfidenceBand, FasyBand, confidence_band, fasy_band
from toposcope.stats.cells import Cell, PairedCell, UnpairedCell, effect, effect_interval
from toposcope.stats.detection import CircleDetection, circle_detection, detection_score, planted_circle
from toposcope.stats.difference import test_difference, test_differences
from toposcope.stats.equivalence import (
    EquivalenceResult,
    Margin,
    energy_bound,
    energy_bounds,
    seed_twin_margin,
    test_equivalence,
)
from toposcope.stats.intervals import mean_interval
from toposcope.stats.networks import (
    VarianceComponents,
    components_of,
    labellings,
    pseudo_f,
    smallest_p_of_networks,
    test_architectures,
    unequal_numbers,
    variance_components,
)
from toposcope.stats.permutation import enough_draws, permutation_tests, smallest_p, swaps
from toposcope.stats.power import PowerPlan, PowerRow, plan_power
from toposcope.stats.significance import BarSignificance, bar_significance

__all__ = [
    "BarSignificance",
    "Cell",
    "CircleDetection",
    "ConfidenceBand",
    "EquivalenceResult",
    "FasyBand",
    "Margin",
    "PairedCell",
    "PowerPlan",
    "PowerRow",
    "UnpairedCell",
    "VarianceComponents",
    "bar_significance",
    "benjamini_hochberg",
    "benjamini_yekutieli",
    "circle_detection",
    "components_of",
    "confidence_band",
    "detection_score",
    "effect",
    "effect_interval",
    "energy_bound",
    "energy_bounds",
    "enough_draws",
    "fasy_band",
    "holm",
    "labellings",
    "mean_interval",
    "permutation_tests",
    "plan_power",
    "planted_circle",
    "pseudo_f",
    "seed_twin_margin",
    "smallest_p",
    "smallest_p_of_networks",
    "step_down_max_t",
    "swaps",
    "test_architectures",
    "test_difference",
    "test_differences",
    "test_equivalence",
    "unequal_numbers",
    "variance_components",
]
