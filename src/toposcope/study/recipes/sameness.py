"""How close two layers are, held against a margin: the half of every verdict that says "the same".

Closeness is the energy distance between the laws of their diagrams, 2·AB - AA - BB, with confidence bounds. The margin
is the plan's, or what seed twins set: networks of one family, trained alike from different seeds, are as far apart as
two networks are for no reason that anyone would name.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Iterable, Sequence

import numpy as np

from toposcope._errors import InputError
from toposcope.stats import PairedCell, UnpairedCell, energy_bounds
from toposcope.study.plan import Network, Study
from toposcope.study.recipes.comparisons import between_networks
from toposcope.study.recipes.matching import layers_by_name, matched_layers
from toposcope.study.tasks import Extracted, Side
from toposcope.study.verdicts import Evidence, Planned, Quantity, SameInputs

TWINS = "seed twins"


def twins(plan: Study) -> list[tuple[str, str]]:
    """Pairs of networks that differ in their seed alone, as far as the plan says."""

    def trained(network: Network) -> tuple[object, ...]:
        return (
            network.family,
            network.architecture,
            network.base,
            network.step,
            network.control,
            plan.source_of(network),
        )

    return [
        (a.name, b.name)
        for a, b in itertools.combinations(plan.network, 2)
        if a.family is not None and trained(a) == trained(b) and a.seed != b.seed
    ]


def twin_comparisons(plan: Study, networks: Sequence[Extracted], same_inputs: SameInputs) -> list[Planned]:
    """Every pair of twins, layer by layer: measured, not tested. None where the plan states a margin."""
    if plan.equivalence.margin is not None:
        return []
    by_name = {network.network: network for network in networks}
    return [
        Planned(TWINS, Side.of(plan, x), Side.of(plan, y), same_inputs[a, b], tested=False)
        for a, b in twins(plan)
        if a in by_name and b in by_name
        for x, y in matched_layers(by_name[a].layers, by_name[b].layers)
    ]


def between_networks_and_twins(plan: Study, networks: Sequence[Extracted], same_inputs: SameInputs) -> list[Planned]:
    """The networks that `[[compare]]` names, and seed twins where no margin is stated."""
    return [*between_networks(plan, networks, same_inputs), *twin_comparisons(plan, networks, same_inputs)]


@dataclasses.dataclass(frozen=True)
class Closeness:
    """2·AB - AA - BB of two layers in one degree, its simultaneous bounds, and the margin; NaN where there is none."""

    a: Side
    b: Side
    degree: int
    estimate: float
    low: float
    high: float
    margin: float

    @property
    def same(self) -> bool:
        """Shown to lie below the margin."""
        return self.high < self.margin

    @property
    def different(self) -> bool:
        """Shown to lie above it."""
        return self.low > self.margin

    @property
    def quantity(self) -> Quantity:
        """A row of the table of quantities, at the depth of a."""
        a, b = self.a.layer, self.b.layer
        return Quantity(
            "2·AB - AA - BB",
            self.estimate,
            self.low,
            self.high,
            a.network,
            a.layer,
            b.network,
            b.layer,
            self.degree,
            a.source.depth if a.source.depth is not None else math.nan,
        )

    @property
    def words(self) -> str:
        """The figures."""
        return f"{self.estimate:.3g} ({self.low:.3g} to {self.high:.3g}), margin {self.margin:.3g}"


def closeness(evidence: Evidence, pairs: Iterable[tuple[Side, Side]]) -> list[Closeness]:
    """Closeness of each pair in every degree, with bounds that hold for all of them together.

    Pairs that were not measured whole, have too few draws, or lie infinitely far apart, are left out.
    """
    cells = [
        (a, b, degree, cell)
        for a, b in pairs
        if (a.key, b.key) in evidence.distances
        for degree in evidence.plan.degrees
        if (cell := _cell(evidence, a, b, degree)) is not None
    ]
    # Two one-sided bounds of every cell: together they miss with at most the chance that is left.
    level = 1 - (1 - evidence.plan.equivalence.level) / max(1, 2 * len(cells))
    found = []
    for a, b, degree, cell in cells:
        try:
            estimate, low, high = energy_bounds(cell, level)
        except InputError:
            continue
        found.append(Closeness(a, b, degree, estimate, low, high, margin(evidence, a, degree)))
    return found


def closeness_by_name(evidence: Evidence, a: Extracted, b: Extracted) -> list[Closeness]:
    """Closeness of the layers of one name in two states of one network."""
    pairs = layers_by_name(a.layers, b.layers)
    return closeness(evidence, [(evidence.side(x), evidence.side(y)) for x, y in pairs])


def margin(evidence: Evidence, side: Side, degree: int) -> float:
    """The plan's margin, or the mean over pairs of twins of that layer; NaN where neither is there.

    Twins of the side's own family and architecture count, and the layer is found by name. Where many layers have none,
    those that have one are selected, and theirs are too large (`seed_twin_margin` says by how much).
    """
    plan = evidence.plan
    if plan.equivalence.margin is not None:
        return plan.equivalence.margin
    family = {network.name: (network.family, network.architecture) for network in plan.network}
    layers = {
        (network.network, layer.layer): Side.of(plan, layer)
        for network in evidence.networks
        for layer in network.layers
    }
    estimates = []
    for a, b in twins(plan):
        if family[a] != family.get(side.layer.network):
            continue
        x, y = layers.get((a, side.layer.layer)), layers.get((b, side.layer.layer))
        if x is not None and y is not None and (x.key, y.key) in evidence.distances:
            cell = _cell(evidence, x, y, degree)
            estimates += [] if cell is None else [energy_bounds(cell)[0]]
    value = float(np.mean(estimates)) if estimates else math.nan
    return value if value > 0 else math.nan


def margin_rule(plan: Study) -> str:
    """Where the margin comes from, in words."""
    if plan.equivalence.margin is not None:
        return f"margin {plan.equivalence.margin:g}, stated in the plan"
    pairs = len(twins(plan))
    return f"margin: mean distance between seed twins of the same layer ({pairs} pairs)" if pairs else "no margin"


def without_margin(close: Sequence[Closeness]) -> str:
    """How many layers and degrees the seed twins set no margin for, in words; nothing where there is one for each."""
    missing = sum(not math.isfinite(one.margin) for one in close)
    return f", with no margin in {missing}, whose seed twins are not told apart" if missing else ""


def without_bounds(missing: int) -> str:
    """How many layers and degrees have no bounds, in words; nothing where all have."""
    return f", without bounds in {missing}, where a task failed or a distance is infinite" if missing else ""


NO_MARGIN = (
    "nothing can be called the same without a margin: state [equivalence] margin, or add networks of the same family "
    "that differ in their seed (seeds that are not told apart at this size and number of draws set no margin)"
)


def _cell(evidence: Evidence, a: Side, b: Side, degree: int) -> PairedCell | UnpairedCell | None:
    """The distances between the draws of two sides; None for one draw, and where a distance is infinite."""
    paired = evidence.same_inputs[a.layer.network, b.layer.network]
    kind = PairedCell if paired else UnpairedCell
    within_a, within_b, between = (
        evidence.distances[pair][degree] for pair in ((a.key, a.key), (b.key, b.key), (a.key, b.key))
    )
    try:
        return kind(f"{a.title} and {b.title}", within_a, within_b, between)
    except InputError:
        return None
