"""Recipe `train-test`: do the images a network was trained on have the same topology inside it as those it never saw?

Every network is run on both, layer by layer, on disjoint draws of equal size. "The same" is a bound of the distance
between the laws of diagrams that lies below a margin; a missing significance would not show it.
"""

from __future__ import annotations

from collections.abc import Sequence

from toposcope._errors import PlanError
from toposcope.study.plan import Comparing, Study
from toposcope.study.recipes.matching import layers_by_name
from toposcope.study.recipes.sameness import (
    NO_MARGIN,
    Closeness,
    between_networks_and_twins,
    closeness_by_name,
    margin_rule,
    without_bounds,
    without_margin,
)
from toposcope.study.recipes.template import template
from toposcope.study.verdicts import Answer, Evidence, Quantity, Recipe, Verdict

_SEEN = " on training inputs"


def is_copy(network: str) -> bool:
    """Whether this is the name of a network that the recipe ran on training inputs."""
    return network.endswith(_SEEN)


def expand(plan: Study) -> Study:
    """Every trained network once more, on its training inputs, and compared with itself."""
    if not plan.train_test.train:
        raise PlanError('train-test needs the inputs that the networks were trained on; give [train_test] train = "…"')
    here = [
        network
        for network in plan.network
        if not is_copy(network.name) and network.model is not None and network.control is None
    ]
    known = {network.name for network in plan.network}
    seen = [
        network.model_copy(update={"name": network.name + _SEEN, "inputs": plan.train_test.train})
        for network in here
        if network.name + _SEEN not in known
    ]
    if not here:
        raise PlanError("train-test runs networks on two sets of inputs, so a trained [[network]] needs a `model`")
    compared = {(pair.a, pair.b) for pair in plan.compare}
    pairs = [
        Comparing(a=network.name, b=network.name + _SEEN, claim=_claim(network.name))
        for network in here
        if (network.name, network.name + _SEEN) not in compared
    ]
    return plan.model_copy(update={"network": (*plan.network, *seen), "compare": (*plan.compare, *pairs)})


def _claim(network: str) -> str:
    return f"training against held-out inputs, {network}"


def answer(evidence: Evidence) -> tuple[list[Verdict], list[Quantity]]:
    """One verdict for each network."""
    by_name = {network.network: network for network in evidence.networks}
    verdicts = []
    quantities = []
    for network in evidence.plan.network:
        seen = by_name.get(network.name + _SEEN)
        held_out = by_name.get(network.name)
        if seen is None or held_out is None:
            continue
        # One network, so its layers match by name.
        close = closeness_by_name(evidence, held_out, seen)
        asked = len(layers_by_name(held_out.layers, seen.layers)) * len(evidence.plan.degrees)
        verdicts.append(_verdict(evidence, network.name, close, asked))
        quantities += [one.quantity for one in close]
    return verdicts, quantities


def _verdict(evidence: Evidence, name: str, close: Sequence[Closeness], asked: int) -> Verdict:
    """close: of the layers and degrees that could be bounded, of so many."""
    plan = evidence.plan
    question = f"Do training and held-out inputs have the same topology in {name}?"
    rows = evidence.tested(_claim(name))
    differing = [row for row in rows if row["p_adjusted"] <= plan.test.alpha]
    places = len({one.a.layer.layer for one in close})
    shown = len({row["layer_a"] for row in differing})
    tests = f"a difference was shown in {shown} of {places} layers (adjusted p ≤ {plan.test.alpha:g})"
    if not close:
        sentence = f"{name}: nothing could be bounded; 8 or more draws are needed, and see the warnings."
        return Verdict(question, "undecided", sentence, name)
    known = [one for one in close if one.margin == one.margin]
    if not known:
        return Verdict(question, "not checkable", f"{name}: {tests}; {NO_MARGIN}.", name)
    same, apart = [one for one in known if one.same], [one for one in known if one.different]
    result: Answer = "no" if apart else "yes" if len(same) == asked else "undecided"
    farthest = max(apart or known, key=lambda one: one.estimate / one.margin)
    sentence = (
        f"{name}: training and held-out inputs are the same to within the margin in {len(same)} of {asked} layers "
        f"and degrees, shown to be farther apart in {len(apart)}{without_margin(close)}"
        f"{without_bounds(asked - len(close))}; {tests}. Farthest against its margin at "
        f"{farthest.a.layer.layer}, H{farthest.degree}: {farthest.words}."
    )
    return Verdict(
        question,
        result,
        sentence,
        f"{name} {farthest.a.layer.layer}",
        farthest.degree,
        farthest.estimate,
        farthest.low,
        farthest.high,
        margin=farthest.margin,
        null=f"{margin_rule(plan)}; bounds of 2·AB - AA - BB at {plan.equivalence.level:g} for all layers together",
    )


_OWN = """\
[train_test]
train = "digits:train"            # what the networks were trained on; [inputs] source holds what they never saw

[equivalence]
# margin = 0.5                    # of 2·AB - AA - BB, in units of the distance; without it, seed twins set it
level = 0.95

"""

RECIPE = Recipe(
    template("train-test", "do training and held-out inputs have the same topology?", _OWN),
    between_networks_and_twins,
    answer,
    expand=expand,
)
