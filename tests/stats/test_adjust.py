"""Adjustments for many tests, against scipy and by their definitions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import false_discovery_control

import toposcope as ts
from toposcope.stats import benjamini_hochberg, benjamini_yekutieli, holm
from toposcope.stats.adjust import multiplier

p_values = st.lists(st.floats(1e-6, 1.0), min_size=1, max_size=30).map(np.array)


@given(p_values)
def test_false_discovery_adjustments_are_scipys(p: np.ndarray) -> None:
    np.testing.assert_allclose(benjamini_hochberg(p), false_discovery_control(p, method="bh"), rtol=1e-12)
    np.testing.assert_allclose(benjamini_yekutieli(p), false_discovery_control(p, method="by"), rtol=1e-12)


@given(p_values)
def test_promises_are_ordered(p: np.ndarray) -> None:
    # Hochberg's step-up never exceeds Holm, and what holds under any dependence never undercuts what needs more.
    assert (p <= benjamini_hochberg(p) + 1e-12).all()
    assert (benjamini_hochberg(p) <= holm(p) + 1e-12).all()
    assert (benjamini_hochberg(p) <= benjamini_yekutieli(p)).all()


@pytest.mark.parametrize(
    ("adjust", "factor"), [("none", 1), ("max-t", 1), ("holm", 4), ("bh", 4), ("by", 4 * (1 + 1 / 2 + 1 / 3 + 1 / 4))]
)
def test_a_lone_small_p_value_is_multiplied(adjust: str, factor: float) -> None:
    assert multiplier(adjust, 4) == pytest.approx(factor)
    p = np.array([1e-3, 1.0, 1.0, 1.0])
    adjusted = {"holm": holm, "bh": benjamini_hochberg, "by": benjamini_yekutieli}.get(adjust)
    if adjusted is not None:
        assert adjusted(p)[0] == pytest.approx(1e-3 * factor)


def test_unknown_adjustment() -> None:
    with pytest.raises(ts.InputError, match="adjust='sidak' is not known"):
        multiplier("sidak", 3)
