"""Whether there are enough inputs, draws and points for what a plan asks: one check, one wording."""

from __future__ import annotations

from collections.abc import Sequence

from toposcope._errors import PlanError
from toposcope.stats import enough_draws


def check_held(whose: str, held: int, size: int, draws: int, remedy: str = "", reserve: int = 0) -> None:
    """Raise PlanError where `held` inputs cannot give `draws` disjoint draws of `size` with a reserve each.

    whose: what holds the inputs, in words. remedy: what to set lower, instead of the largest size and number of draws
    that there are inputs for.
    """
    each = size + reserve
    if held >= each * draws:
        return
    settings = [f"[cloud] size = {held // draws}"] if held >= 2 * draws else []
    settings += [f"draws = {held // each}"] if held >= each else []
    lower = remedy or (f"set {' or '.join(settings)}" if settings else "set [cloud] size and draws lower")
    beside = f" with a reserve of {reserve}" if reserve else ""
    raise PlanError(
        f"{whose} holds {held} inputs, and {draws} disjoint draws of {size}{beside} need {each * draws}; give more "
        f"inputs, or {lower}"
    )


def check_points(sizes: Sequence[int], degrees: Sequence[int], where: str) -> None:
    """Raise PlanError where clouds have too few points for a bar: their diagrams would be empty, and all the same.

    The smallest cloud with a bar in degree k is a cross-polytope's corners. where: the sizes come from, in the plan.
    """
    fewest = 2 * max(degrees) + 2
    if min(sizes) < fewest:
        raise PlanError(
            f"no cloud of {min(sizes)} points has a bar in degree {max(degrees)}, so nothing could differ; set {where} "
            f"to {fewest} or more"
        )


def nothing_tested(alpha: float) -> str:
    """Why no test was made, and how many draws would do; the end of a sentence."""
    draws = enough_draws(alpha, paired=True)
    return f"nothing could be tested; give at least {draws or 'more'} draws, and see the warnings"
