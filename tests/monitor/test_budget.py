"""The budget: what is a share, and that it is never exceeded but by the check that was lent."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import toposcope as ts
from toposcope.monitor.budget import Budget, share_of


@pytest.mark.parametrize(
    ("budget", "share"), [("2 %", 0.02), ("0.5%", 0.005), (" 50 % ", 0.5), (0.02, 0.02), (None, None)]
)
def test_shares(budget, share) -> None:
    assert share_of(budget) == share


@pytest.mark.parametrize(
    ("budget", "hint"),
    [
        ("two", "'2 %', 0.02"),
        ("2", "'2 %', 0.02"),
        ("-1 %", "'2 %', 0.02"),
        ("0 %", "above 0 and below 100 %"),
        ("100 %", "above 0 and below 100 %"),
        (2, "write '2 %'"),
        (0.0, "above 0"),
        (True, "must be a number"),
        (float("nan"), "must be a number"),
    ],
)
def test_nonsense_is_refused(budget, hint) -> None:
    with pytest.raises(ts.InputError, match=hint):
        share_of(budget)


class Clock:
    """Seconds that only the test lets pass."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@given(
    share=st.floats(0.005, 0.5),
    work=st.lists(st.floats(0.001, 1.0), min_size=5, max_size=200),
    cost=st.floats(0.001, 0.5),
)
@settings(max_examples=100, deadline=None)
def test_the_share_is_kept_from_when_the_first_check_is_paid_back(share, work, cost) -> None:
    clock = Clock()
    budget = Budget(share, clock)
    taken = 0
    for seconds in work:
        budget.enter()
        checked = budget.refusal() is None
        if checked:
            clock.now += cost
            taken += 1
        budget.leave(checked)
        # Checks that cost what was expected never exceed the share; only the first is lent.
        assert budget.spent <= max(cost, share * budget.trained) * (1 + 1e-9)
        clock.now += seconds
    assert taken >= 1
    # And what is affordable is taken.
    budget.enter()
    if share * budget.trained > (taken + 1) * cost * (1 + 1e-9):
        assert budget.refusal() is None


def test_a_dearer_check_makes_others_wait() -> None:
    clock = Clock()
    budget = Budget(0.1, clock)
    for cost, expected in ((0.1, True), (0.0, False), (0.5, True), (0.0, False)):
        budget.enter()
        refusal = budget.refusal()
        assert (refusal is None) == expected
        clock.now += cost
        budget.leave(expected)
        clock.now += 1.0 if cost == 0.1 else 1.5
    assert refusal is not None
    assert "0.6 s of" in refusal
    assert "10.00%" in refusal
    assert budget.overhead == pytest.approx(0.6 / budget.trained)


def test_a_checkpoint_carries_the_account() -> None:
    clock = Clock()
    first = Budget(0.1, clock)
    first.enter()
    clock.now = 1.0
    first.leave(True)
    clock.now = 5.0
    first.enter()
    first.leave(False)
    second = Budget(0.1, clock)
    second.restore(first.state())
    assert (second.spent, second.trained) == (1.0, 4.0)
    clock.now = 100.0  # what passed in between is no training
    second.enter()
    assert second.trained == 4.0
    assert second.refusal() is not None
