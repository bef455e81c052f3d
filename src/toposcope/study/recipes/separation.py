"""Recipe `separation`: do the classes fall apart along depth, and does the topology of each grow simpler?

H0 merges points in order of distance; the merging edges are the minimum spanning tree. Where classes are separate,
edges join points of one class, and the edges that join different classes come late. The first is the statistic of
Friedman and Rafsky (1979), tested by permuting the labels within each draw; the second is the chance that an edge
between classes is longer than one within. Beside it, draws of each class alone: the diagrams of the first and the last
layer.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from toposcope._errors import InputError, PlanError
from toposcope._types import Float64
from toposcope.stats import holm, mean_interval
from toposcope.store import Store, key_of
from toposcope.study import controls
from toposcope.study.plan import Homology, Study
from toposcope.study.recipes.template import template
from toposcope.study.tasks import SCHEMA, Extracted, Side, engine_versions, read_layer
from toposcope.study.treatments import OfClass
from toposcope.study.verdicts import Answer, Evidence, Planned, Quantity, Recipe, SameInputs, Verdict

RELABELLINGS = 9_999


def sides(plan: Study, networks: Sequence[Extracted]) -> list[Side]:
    """The first and the last layer of every network, class by class. Raises PlanError where inputs have no labels."""
    for network in networks:
        if len(network.labels) < 2:
            raise PlanError(
                f"separation needs inputs of at least 2 classes, and those of {network.network!r} have "
                f"{len(network.labels) or 'no'} labels; give a folder with a subfolder for each class, or labels"
            )
    return [side for network in networks for pair in _ends(plan, network) for side in pair]


def _ends(plan: Study, network: Extracted) -> list[tuple[Side, Side]]:
    """First and last layer of every class with enough inputs."""
    options = plan.separation
    cloud = plan.cloud.model_copy(update={"size": options.size, "draws": options.draws})
    enough = [label for label, count in network.labels if count >= options.size * options.draws]
    first, last = network.layers[0], network.layers[-1]
    return [(Side(first, cloud, OfClass(label)), Side(last, cloud, OfClass(label))) for label in enough]


def planned(plan: Study, networks: Sequence[Extracted], same_inputs: SameInputs) -> list[Planned]:
    """First against last layer, for every class alone."""
    return [Planned(_claim(n.network), a, b, paired=True) for n in networks for a, b in _ends(plan, n)]


def _claim(network: str) -> str:
    return f"classes of {network}, first against last layer"


@dataclasses.dataclass(frozen=True)
class Merges:
    """How the H0 merges of every draw of one layer go with the labels."""

    uses_torch: ClassVar[bool] = False

    side: Side
    seed: int

    @property
    def key(self) -> str:
        """Of the statistics."""
        return key_of("merges", schema=SCHEMA, side=self.side.key, seed=self.seed, versions=engine_versions())

    @property
    def title(self) -> str:
        """For progress and failures."""
        return f"merges of {self.side.layer.title}"

    def perform(self, store: Store, progress: Callable[[int, int | None], None] | None = None) -> None:
        """Keep for every draw the share of merges within a class, under the labels and relabelled, and the order."""
        representation = read_layer(store, self.side.layer.key)
        cloud = self.side.cloud
        generator = np.random.default_rng(np.random.SeedSequence([self.seed, cloud.size]))
        shares, late = [], []
        for draw in range(cloud.draws):
            points = self.side.drawn(representation, draw, self.seed)
            if points.labels is None:
                raise InputError(f"{self.side.title} has no labels")
            diagram = self.side.diagram(points, Homology(), 0, representatives=True)
            assert diagram.representatives is not None
            # Edges of equal points come first: they have no bar, and merge in no order.
            edges = diagram.representatives.merges
            labels = np.unique(points.labels, return_inverse=True)[1]
            relabelled = np.tile(labels, (RELABELLINGS + 1, 1))
            relabelled[1:] = generator.permuted(relabelled[1:], axis=1)
            shares.append((relabelled[:, edges[:, 0]] == relabelled[:, edges[:, 1]]).mean(axis=1))
            late.append(_later(labels[edges[:, 0]] == labels[edges[:, 1]]))
        store.write(self.key, {"shares": np.array(shares), "late": np.array(late)})


def _later(within: np.ndarray[Any, np.dtype[np.bool_]]) -> float:
    """The chance that a merge between classes comes later than one within, of merges in order; NaN without both."""
    between = np.flatnonzero(~within)
    inside = np.flatnonzero(within)
    if not len(between) or not len(inside):
        return math.nan
    return float(np.searchsorted(inside, between).sum() / (len(between) * len(inside)))


def measurements(plan: Study, networks: Sequence[Extracted]) -> list[Merges]:
    """The merges of every layer."""
    return [Merges(Side.of(plan, layer), plan.seed) for network in networks for layer in network.layers]


def answer(evidence: Evidence) -> tuple[list[Verdict], list[Quantity]]:
    """For each network: whether classes fall apart, and whether each grows simpler."""
    plan = evidence.plan
    found = {
        task.side.layer.key: evidence.store.read(task.key)
        for task in measurements(plan, evidence.networks)
        if task.key in evidence.store
    }
    p_values = {key: float((s >= s[0] - 1e-12).mean()) for key, s in _pooled(found).items()}
    adjusted = dict(zip(p_values, holm(np.array(list(p_values.values()))), strict=True))
    verdicts = []
    quantities = []
    for network in evidence.networks:
        apart = _apart(evidence, network, found, adjusted)
        verdicts += [apart.beside(_of_control_networks(evidence, network, found)), _simpler(evidence, network)]
        for layer in network.layers:
            if layer.key not in found:
                continue
            names: dict[str, Any] = {"network_a": layer.network, "layer_a": layer.layer, "degree": 0}
            shares = found[layer.key]["shares"]
            at = layer.source.depth if layer.source.depth is not None else math.nan
            quantities += [
                _quantity("share of merges within a class", shares[:, 0], plan, names, at),
                Quantity("share of merges within a class, relabelled", float(shares[:, 1:].mean()), **names, at=at),
                _quantity("chance that a merge between classes comes later", found[layer.key]["late"], plan, names, at),
            ]
    return verdicts, quantities


def _pooled(found: Mapping[str, Mapping[str, Float64]]) -> dict[str, Float64]:
    return {key: entry["shares"].mean(axis=0) for key, entry in found.items()}


def _quantity(name: str, values: Float64, plan: Study, names: dict[str, Any], at: float) -> Quantity:
    known = values[np.isfinite(values)]
    if len(known) < 2:
        return Quantity(name, float(known.mean()) if len(known) else math.nan, **names, at=at)
    interval = mean_interval(known, plan.test.confidence)
    return Quantity(name, float(known.mean()), interval.low, interval.high, **names, at=at)


def _apart(
    evidence: Evidence,
    network: Extracted,
    found: Mapping[str, Mapping[str, Float64]],
    adjusted: Mapping[str, float],
) -> Verdict:
    question = f"Do the classes fall apart along the depth of {network.network}?"
    known = [layer for layer in network.layers if layer.key in found]
    if not known:
        return Verdict(question, "undecided", f"{network.network}: no layer could be measured.", network.network, 0)
    if len(known) < 2:
        sentence = f"{network.network}: {known[0].layer} alone has no depth to fall apart along; give two layers."
        return Verdict(question, "not checkable", sentence, network.network, 0)
    level = evidence.plan.test.alpha
    apart = [layer for layer in known if adjusted[layer.key] <= level]
    shares = {layer.key: found[layer.key]["shares"][:, 0] for layer in known}
    chance = float(np.mean([found[layer.key]["shares"][:, 1:].mean() for layer in known]))
    first, last = shares[known[0].key], shares[known[-1].key]
    gain = last - first
    low, high = math.nan, math.nan
    if len(gain) > 1:
        interval = mean_interval(gain, evidence.plan.test.confidence)
        low, high = interval.low, interval.high
    best = max(known, key=lambda layer: float(shares[layer.key].mean()))
    sentence = (
        f"{network.network}: in {len(apart)} of {len(known)} layers H0 merges points of one class more often than "
        f"relabelled ones (adjusted p ≤ {level:g}); {first.mean():.0%} of merges stay within a class in "
        f"{known[0].layer}, {last.mean():.0%} in {known[-1].layer}, {chance:.0%} by chance (gain {gain.mean():.1%}"
        + (f", {low:.1%} to {high:.1%}" if math.isfinite(low) else ", without bounds for one draw")
        + f"), most in {best.layer}."
    )
    falls_apart: Answer = "yes" if low > 0 else "no" if high < 0 else "undecided"
    return Verdict(
        question,
        falls_apart,
        sentence,
        f"{network.network} {known[0].layer} and {known[-1].layer}",
        0,
        float(gain.mean()),
        low,
        high,
        adjusted[best.key],
        null=f"labels are exchangeable within each draw; {RELABELLINGS} relabellings; Holm over layers",
    )


def _of_control_networks(evidence: Evidence, network: Extracted, found: Mapping[str, Mapping[str, Float64]]) -> str:
    """How far the classes fall apart in networks that stand for no training, or for training on noise."""
    by_name = {one.network: one for one in evidence.networks}
    said = []
    for kind, names in controls.controls_of(evidence.plan, network.network).items():
        there = [by_name[name] for name in names if name in by_name]
        gains = [_gain(one, found) for one in (network, *there)]
        own, theirs = gains[0], [gain for gain in gains[1:] if gain is not None]
        if own is None or not theirs or any(len(gain) != len(own) for gain in theirs):
            continue
        # Every network saw the same draws.
        excess = own - np.mean(theirs, axis=0)
        if len(excess) < 2 or not all(evidence.same_inputs[network.network, one.network] for one in there):
            continue
        interval = mean_interval(excess, evidence.plan.test.confidence)
        said.append(
            f"{kind} ({len(theirs)} network{'s' if len(theirs) > 1 else ''}) gains {np.mean(theirs):.1%}, so "
            f"{excess.mean():.1%} ({interval.low:.1%} to {interval.high:.1%}) is beyond it"
        )
    return "; ".join(said)


def _gain(network: Extracted, found: Mapping[str, Mapping[str, Float64]]) -> Float64 | None:
    """(draws,) share of merges within a class in the last layer less that in the first."""
    known = [layer for layer in network.layers if layer.key in found]
    if not known:
        return None
    return np.asarray(found[known[-1].key]["shares"][:, 0] - found[known[0].key]["shares"][:, 0])


def _simpler(evidence: Evidence, network: Extracted) -> Verdict:
    """Whether the classes' own diagrams change between the first and the last layer, and which way."""
    question = f"Does the topology of each class change along the depth of {network.network}?"
    rows = evidence.tested(_claim(network.network))
    options = evidence.plan.separation
    if not rows:
        sentence = (
            f"{network.network}: no class has the {options.size * options.draws} inputs that {options.draws} draws of "
            f"{options.size} need, or no test was possible; give more inputs of each class, or set [separation] lower."
        )
        return Verdict(question, "not checkable", sentence, network.network)
    classes = {row["clouds_a"] for row in rows}
    shown = [row for row in rows if row["p_adjusted"] <= evidence.plan.test.alpha]
    changed = {row["clouds_a"] for row in shown}
    most = max(shown or rows, key=lambda row: row["effect"])
    sentence = (
        f"{network.network}: the diagrams of {len(changed)} of {len(classes)} classes, each alone, were shown to "
        f"differ between {most['layer_a']} and {most['layer_b']} (most {most['clouds_a']}, H{most['degree']}, effect "
        f"{most['effect']:.2f}, adjusted p = {most['p_adjusted']:.2g})."
    )
    return Verdict(
        question,
        "yes" if changed else "undecided",
        sentence,
        f"{network.network} {most['layer_a']} and {most['layer_b']}",
        int(most["degree"]),
        most["effect"],
        most["low"],
        most["high"],
        p_adjusted=most["p_adjusted"],
        null=most["null"],
    )


_OWN = """\
[separation]
size = 20                         # points in each draw of one class alone
draws = 6

"""

RECIPE = Recipe(
    template("separation", "do the classes fall apart along depth?", _OWN),
    planned,
    answer,
    sides=sides,
    measurements=measurements,
)
