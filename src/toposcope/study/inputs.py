"""Whether a plan's networks hold enough inputs for the draws that are asked of them: one check, one wording."""

from __future__ import annotations

from toposcope._errors import PlanError


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
