"""Recipe `finetuning`: where does a fine-tuned network part from the one it was fine-tuned from?

Layer by layer the distance between the laws of diagrams is bounded, all layers together. The two networks agree up to
the last layer before which every bound lies below the margin, and have parted from the first whose bound lies above
it; the onset lies between them. The margin is how far apart two trainings from different seeds are at the same layer.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

from toposcope._errors import PlanError
from toposcope.study.plan import Comparing, Network, Study
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
from toposcope.study.verdicts import Evidence, Quantity, Recipe, Verdict


def expand(plan: Study) -> Study:
    """Every fine-tuned network compared with its base."""
    tuned = _tuned(plan)
    if not tuned:
        raise PlanError(
            "finetuning needs a network that says which one it was fine-tuned from; set `base` to that network's name"
        )
    compared = {(pair.a, pair.b) for pair in plan.compare}
    pairs = [
        Comparing(a=base, b=network.name, claim=_claim(network))
        for network, base in tuned
        if (base, network.name) not in compared
    ]
    return plan.model_copy(update={"compare": (*plan.compare, *pairs)})


def _tuned(plan: Study) -> list[tuple[Network, str]]:
    return [(network, network.base) for network in plan.network if network.base is not None]


def _claim(network: Network) -> str:
    return f"fine-tuning {network.base} to {network.name}"


def answer(evidence: Evidence) -> tuple[list[Verdict], list[Quantity]]:
    """The onset of every fine-tuning, in every degree."""
    by_name = {network.network: network for network in evidence.networks}
    verdicts = []
    quantities = []
    for network, base in _tuned(evidence.plan):
        if network.name not in by_name or base not in by_name:
            continue
        close = closeness_by_name(evidence, by_name[base], by_name[network.name])
        quantities += [one.quantity for one in close]
        layers = len(layers_by_name(by_name[base].layers, by_name[network.name].layers))
        for degree in evidence.plan.degrees:
            verdicts.append(_onset(evidence, network, [one for one in close if one.degree == degree], degree, layers))
    return verdicts, quantities


def _onset(evidence: Evidence, network: Network, close: Sequence[Closeness], degree: int, layers: int) -> Verdict:
    """close: of the layers that could be bounded, of so many."""
    question = f"Where does {network.name} part from {network.base}, H{degree}?"
    rows = [row for row in evidence.tested(_claim(network)) if row["degree"] == degree]
    differing = [str(row["layer_a"]) for row in rows if row["p_adjusted"] <= evidence.plan.test.alpha]
    tests = (
        f"a difference was shown in {len(differing)} of {len(rows)} layers"
        + (f", first {differing[0]}" if differing else "")
        + f" (adjusted p ≤ {evidence.plan.test.alpha:g})"
    )
    name = f"{network.base} → {network.name}, H{degree}"
    where = f"{network.base} and {network.name}"
    if not close:
        sentence = f"{name}: nothing could be bounded; 8 or more draws are needed, and see the warnings."
        return Verdict(question, "undecided", sentence, where, degree)
    known = [one for one in close if math.isfinite(one.margin)]
    if not known:
        return Verdict(question, "not checkable", f"{name}: {tests}; {NO_MARGIN}.", where, degree)
    agree = list(itertools.takewhile(lambda one: one.same, close))
    parted = next((one for one in close if one.different), None)
    farthest = max(known, key=lambda one: one.estimate / one.margin)
    if parted is not None and agree:
        found = (
            f"the two agree to within the margin up to {agree[-1].a.layer.layer} and have parted by "
            f"{parted.a.layer.layer}"
        )
    elif parted is not None:
        found = f"no layer was shown to agree to within the margin, and they have parted by {parted.a.layer.layer}"
    elif len(agree) == layers:
        found = "the two agree to within the margin in every layer"
    else:
        upto = f"agree up to {agree[-1].a.layer.layer}" if agree else "were not shown to agree in the first layer"
        found = f"the two {upto}, and were not shown to part anywhere"
    sentence = (
        f"{name}: {found}{without_margin(close)}{without_bounds(layers - len(close))}; {tests}. "
        f"Farthest against its margin at {farthest.a.layer.layer}: {farthest.words}."
    )
    return Verdict(
        question,
        "yes" if parted is not None and agree else "no" if len(agree) == layers else "undecided",
        sentence,
        where,
        degree,
        farthest.estimate,
        farthest.low,
        farthest.high,
        margin=farthest.margin,
        null=f"{margin_rule(evidence.plan)}; bounds of 2·AB - AA - BB at {evidence.plan.equivalence.level:g} for all "
        "layers together",
    )


_NETWORKS = """\
[[network]]                       # before fine-tuning
name = "before"
family = "resnet"
model = "my.nets:resnet@runs/before.safetensors"
layers = ["blocks"]

[[network]]                       # after
name = "after"
base = "before"                   # the network it was fine-tuned from
family = "resnet"
model = "my.nets:resnet@runs/after.safetensors"
layers = ["blocks"]

[[network]]                       # a seed twin of `before`: it sets the margin, unless [equivalence] states one
name = "before, seed 1"
family = "resnet"
seed = 1
model = "my.nets:resnet@runs/before-1.safetensors"
layers = ["blocks"]

"""

_OWN = """\
[equivalence]
# margin = 0.5                    # of 2·AB - AA - BB, in units of the distance; without it, seed twins set it
level = 0.95

"""

RECIPE = Recipe(
    template("finetuning", "where does a fine-tuned network part from its base?", _OWN, _NETWORKS),
    between_networks_and_twins,
    answer,
    expand=expand,
)
