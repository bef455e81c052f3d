"""Recipe `outliers`: does removing outliers change the topology more than removing as many random points?

Each draw is taken with a reserve. On one side its outliers give way to points of the reserve, on the other as many
points chosen at random do: both clouds have the same size, come from the same inputs, and are paired. Outliers have a
local outlier factor above a fixed threshold within their draw; a fixed contamination would fix their number beforehand.
"Little" is a bound of the distance between the laws of both that lies below a margin. The census counts the outliers,
and says in which network they are most frequent; where a representation is of tokens, it also counts those of outsized
norm, class tokens apart.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import ClassVar

import numpy as np

from toposcope._errors import PlanError
from toposcope._types import Float64
from toposcope.stats import labellings, mean_interval, pseudo_f, unequal_numbers
from toposcope.store import Store, key_of
from toposcope.study.inputs import check_held, nothing_tested
from toposcope.study.plan import Study
from toposcope.study.recipes import architectures, tokens
from toposcope.study.recipes.sameness import (
    NO_MARGIN,
    closeness,
    margin_rule,
    twin_comparisons,
    without_bounds,
    without_margin,
)
from toposcope.study.recipes.template import template
from toposcope.study.tasks import SCHEMA, Extracted, Layer, Side, Task, engine_versions, read_layer
from toposcope.study.treatments import Thinned, WithoutOutliers
from toposcope.study.verdicts import Evidence, Planned, Quantity, Recipe, SameInputs, Verdict


def check(plan: Study) -> None:
    """The factor needs more points than neighbours."""
    if plan.cloud.size <= plan.outliers.neighbours:
        raise PlanError(
            f"[outliers] neighbours = {plan.outliers.neighbours} needs clouds of more points than that, and "
            f"[cloud] size is {plan.cloud.size}; take larger clouds or fewer neighbours"
        )


def removed(plan: Study, layer: Layer) -> Side:
    """Clouds of a layer without their outliers."""
    options = plan.outliers
    return Side(layer, plan.cloud, WithoutOutliers(options.neighbours, options.threshold, options.reserve))


def thinned(plan: Study, layer: Layer) -> Side:
    """Clouds of a layer less as many random points."""
    return Side(layer, plan.cloud, Thinned(plan.outliers.reserve))


def sides(plan: Study, networks: Sequence[Extracted]) -> list[Side]:
    """Both clouds of every layer. Raises PlanError where there are too few inputs for the reserve."""
    size, draws, reserve = plan.cloud.size, plan.cloud.draws, math.ceil(plan.outliers.reserve * plan.cloud.size)
    for network in networks:
        for layer in network.layers:
            if layer.inputs == layer.rows:
                remedy = "set [cloud] size or draws or [outliers] reserve lower"
                check_held(f"network {network.network!r}", layer.inputs, size, draws, remedy, reserve)
    return [side(plan, layer) for network in networks for layer in network.layers for side in (removed, thinned)]


def planned(plan: Study, networks: Sequence[Extracted], same_inputs: SameInputs) -> list[Planned]:
    """Outliers removed against random points removed, for every layer; seed twins where no margin is stated."""
    against_random = [
        Planned(_claim(network.network), removed(plan, layer), thinned(plan, layer), paired=True)
        for network in networks
        for layer in network.layers
    ]
    return [*against_random, *twin_comparisons(plan, networks, same_inputs)]


def _claim(network: str) -> str:
    return f"outliers of {network} removed against random points removed"


@dataclasses.dataclass(frozen=True)
class Census:
    """Counts the outliers of every draw of one layer."""

    uses_torch: ClassVar[bool] = False

    side: Side
    seed: int

    @property
    def key(self) -> str:
        """Of the counts."""
        return key_of("census", schema=SCHEMA, side=self.side.key, seed=self.seed, versions=engine_versions())

    @property
    def title(self) -> str:
        """For progress and failures."""
        return f"census of outliers of {self.side.layer.title}"

    def perform(self, store: Store, progress: Callable[[int, int | None], None] | None = None) -> None:
        """Keep the share of outliers in every draw."""
        side = self.side
        assert isinstance(side.treatment, WithoutOutliers)
        layer = read_layer(store, side.layer.key)
        draws = side.cloud.draws
        flags = [side.treatment.drawn(layer, side.cloud.size, draws, draw, self.seed)[1] for draw in range(draws)]
        store.write(self.key, {"share": np.array([float(flag.mean()) for flag in flags])})


def censuses(plan: Study, networks: Sequence[Extracted]) -> list[Census]:
    """The census of every layer."""
    return [Census(removed(plan, layer), plan.seed) for network in networks for layer in network.layers]


def measurements(plan: Study, networks: Sequence[Extracted]) -> list[Task]:
    """The census of every layer, and of its tokens where there are any."""
    return [*censuses(plan, networks), *tokens.measurements(plan, networks)]


def answer(evidence: Evidence) -> tuple[list[Verdict], list[Quantity]]:
    """For each network whether outliers matter, and whether by less than the margin; then which network has most."""
    plan = evidence.plan
    shares = {
        census.side.layer.key: evidence.store.read(census.key)["share"]
        for census in censuses(plan, evidence.networks)
        if census.key in evidence.store
    }
    verdicts = []
    for network in evidence.networks:
        verdicts += [_about_removal(evidence, network.network), _little(evidence, network)]
    if len(evidence.networks) > 1:
        verdicts += [_census(evidence, shares), *_census_of_architectures(evidence, shares)]
    of_tokens, quantities = tokens.answer(evidence)
    verdicts += of_tokens
    for network in evidence.networks:
        for layer in network.layers:
            if layer.key in shares:
                low, high = _bounds(shares[layer.key], plan.test.confidence)
                share = float(shares[layer.key].mean())
                quantities.append(
                    Quantity("share of outliers", share, low, high, network_a=layer.network, layer_a=layer.layer)
                )
    return verdicts, quantities


def _about_removal(evidence: Evidence, network: str) -> Verdict:
    plan = evidence.plan
    question = f"Does removing the outliers of {network} change its topology more than removing random points?"
    rows = evidence.tested(_claim(network))
    if not rows:
        sentence = f"{network}: {nothing_tested(plan.test.alpha)}."
        return Verdict(question, "undecided", sentence, network)
    layers = {row["layer_a"] for row in rows}
    # The layer that is named is one of those that were shown to change, where there are any.
    shown = [row for row in rows if row["p_adjusted"] <= plan.test.alpha]
    most = max(shown or rows, key=lambda row: row["effect"])
    largest = (
        f"largest at {most['layer_a']} in H{most['degree']}, effect {most['effect']:.2f}, "
        f"adjusted p = {most['p_adjusted']:.2g}"
    )
    changed = {row["layer_a"] for row in shown}
    if changed:
        sentence = (
            f"{network}: removing outliers (LOF > {plan.outliers.threshold:g}) changes the diagrams of {len(changed)} "
            f"of {len(layers)} layers more than removing as many random points ({largest})."
        )
    else:
        sentence = (
            f"{network}: in none of {len(layers)} layers was removing outliers (LOF > {plan.outliers.threshold:g}) "
            f"shown to change the diagrams more than removing as many random points ({largest}); that is not evidence "
            "that it changes nothing."
        )
    return Verdict(
        question,
        "yes" if changed else "undecided",
        sentence,
        f"{network} {most['layer_a']}",
        int(most["degree"]),
        most["effect"],
        p_adjusted=most["p_adjusted"],
        null=most["null"],
    )


def _little(evidence: Evidence, network: Extracted) -> Verdict:
    """Whether the laws of both kinds of diagrams are closer than the margin, in every layer and degree."""
    plan, name = evidence.plan, network.network
    question = f"Does removing the outliers of {name} change its topology by less than the margin?"
    close = closeness(evidence, [(removed(plan, layer), thinned(plan, layer)) for layer in network.layers])
    if not close:
        sentence = f"{name}: nothing could be bounded; 8 or more draws are needed, and see the warnings."
        return Verdict(question, "undecided", sentence, name)
    known = [one for one in close if math.isfinite(one.margin)]
    if not known:
        return Verdict(question, "not checkable", f"{name}: {NO_MARGIN}.", name)
    same, apart = [one for one in known if one.same], [one for one in known if one.different]
    farthest = max(apart or known, key=lambda one: one.estimate / one.margin)
    asked = len(network.layers) * len(plan.degrees)
    sentence = (
        f"{name}: without outliers and without as many random points the diagrams are the same to within the margin in "
        f"{len(same)} of {asked} layers and degrees, shown to be farther apart in {len(apart)}"
        f"{without_margin(close)}{without_bounds(asked - len(close))}. Farthest against its margin at "
        f"{farthest.a.layer.layer}, H{farthest.degree}: {farthest.words}."
    )
    return Verdict(
        question,
        "no" if apart else "yes" if len(same) == asked else "undecided",
        sentence,
        f"{name} {farthest.a.layer.layer}",
        farthest.degree,
        farthest.estimate,
        farthest.low,
        farthest.high,
        margin=farthest.margin,
        null=f"{margin_rule(plan)}; bounds of 2·AB - AA - BB at {plan.equivalence.level:g} for all layers together",
    )


def _census(evidence: Evidence, shares: dict[str, Float64]) -> Verdict:
    """Networks by their mean share of outliers; the draws of a network are its sample."""
    plan = evidence.plan
    means: dict[str, Float64] = {}
    for network in evidence.networks:
        known = [shares[layer.key] for layer in network.layers if layer.key in shares]
        if known:
            means[network.network] = np.mean(known, axis=0)
    ranked = sorted(means, key=lambda name: -float(means[name].mean()))
    if len(ranked) < 2:
        return Verdict(
            "Which network has most outliers?", "undecided", "The census of outliers failed; see the failures."
        )
    described = ", ".join(f"{name} {_percent(means[name], plan.test.confidence)}" for name in ranked)
    first, second = means[ranked[0]], means[ranked[1]]
    lead = first - second
    low, high = _bounds(lead, plan.test.confidence)
    clear = low > 0
    sentence = (
        f"Share of outliers (LOF > {plan.outliers.threshold:g}), mean over layers: {described}. "
        + (f"{ranked[0]} has most" if clear else f"{ranked[0]} and {ranked[1]} cannot be told apart")
        + f" (lead {lead.mean():.1%}, {low:.1%} to {high:.1%}); this speaks of these networks, not of architectures."
    )
    return Verdict(
        "Which network has most outliers?",
        "yes" if clear else "undecided",
        sentence,
        ranked[0],
        None,
        float(lead.mean()),
        low,
        high,
        null=f"Student t at {plan.test.confidence:g} over {len(lead)} disjoint draws, first against second",
    )


def _census_of_architectures(evidence: Evidence, shares: dict[str, Float64]) -> list[Verdict]:
    """The two architectures with most outliers, networks as units; nothing where no architecture has several."""
    mean: dict[str, float] = {}
    for network in evidence.networks:
        known = [float(shares[layer.key].mean()) for layer in network.layers if layer.key in shares]
        if known:
            mean[network.network] = float(np.mean(known))
    members = {
        name: [mean[one] for one in names if one in mean] for name, names in architectures.groups(evidence.plan).items()
    }
    if len(members) < 2 or min(len(values) for values in members.values()) < 2:
        return []
    ranked = sorted(members, key=lambda name: -float(np.mean(members[name])))
    first, second = members[ranked[0]], members[ranked[1]]
    values = np.array([*first, *second])
    apart = np.abs(np.subtract.outer(values, values))
    dealt = labellings([len(first), len(second)], evidence.plan.seed)
    null = pseudo_f(apart**2, dealt)
    pairs = len(members) * (len(members) - 1) // 2
    p = min(1.0, pairs * float((null >= null[0] * (1 - 1e-9)).mean())) if np.isfinite(null[0]) else 1.0
    shown = p <= evidence.plan.test.alpha
    lead = float(np.mean(first) - np.mean(second))
    described = ", ".join(
        f"{name} {np.mean(members[name]):.1%} ({len(members[name])} networks, {min(members[name]):.1%} to "
        f"{max(members[name]):.1%})"
        for name in ranked
    )
    sentence = (
        f"Share of outliers (LOF > {evidence.plan.outliers.threshold:g}) by architecture: {described}. "
        + (
            f"{ranked[0]} has more than {ranked[1]}"
            if shown
            else f"that {ranked[0]} has more than {ranked[1]} was not shown"
        )
        + f" (lead {lead:.1%}, adjusted p = {p:.2g}, networks dealt out anew)"
        + unequal_numbers(apart, dealt[0], ranked[:2], shown)
        + "."
    )
    return [
        Verdict(
            "Which architecture has most outliers?",
            "yes" if shown else "undecided",
            sentence,
            ranked[0],
            None,
            lead,
            p_adjusted=p,
            null=f"networks are exchangeable between the two; {len(null)} labellings, times {pairs} pairs of "
            "architectures that could have led",
        )
    ]


def _percent(values: Float64, confidence: float) -> str:
    low, high = _bounds(values, confidence)
    return f"{values.mean():.1%}" + (f" ({low:.1%} to {high:.1%})" if math.isfinite(low) else "")


def _bounds(values: Float64, confidence: float) -> tuple[float, float]:
    if len(values) < 2:
        return math.nan, math.nan
    interval = mean_interval(values, confidence)
    return interval.low, interval.high


_OWN = """\
[outliers]
threshold = 1.5                   # of the local outlier factor within a draw, 1 in an even cloud
neighbours = 20
reserve = 0.2                     # inputs drawn beyond size, as a share of it, to take the places of outliers

[equivalence]
# margin = 0.5                    # of 2·AB - AA - BB, in units of the distance; without it, seed twins set it
level = 0.95

"""

RECIPE = Recipe(
    template("outliers", "does removing outliers change topology more than removing random points?", _OWN, size=80),
    planned,
    answer,
    check,
    sides,
    measurements,
)
