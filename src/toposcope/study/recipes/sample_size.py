"""Recipe `sample-size`: how many points does a cloud need before its diagram says something of the layer?

Every layer is drawn at several sizes, each twice the one before. N* is the smallest size from which on the total
persistence of disjoint draws of a layer spreads little about its mean, and the layers stand in the same order as at
twice that size. How far apart the diagrams of two draws lie, as a share of their own extent, is given beside it.
Diagrams of different sizes are never compared, except in one quantity that shows why: two draws of *one* layer, at N
and at 2N, lie far apart for no other reason than their number of points.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from toposcope._errors import PlanError
from toposcope.diagram import PersistenceDiagram
from toposcope.distances import total_persistence
from toposcope.study.inputs import check_held, check_points
from toposcope.study.plan import Study
from toposcope.study.recipes.template import template
from toposcope.study.tasks import Extracted, Layer, Side
from toposcope.study.verdicts import Evidence, Planned, Quantity, Recipe, SameInputs, Verdict

FEWEST_LAYERS = 4
"""Fewer layers have too few orders for their agreement to say anything."""


def check(plan: Study) -> None:
    """Two draws are the least that have a spread, and clouds without a bar have none."""
    if plan.cloud.draws < 2:
        raise PlanError("sample-size needs at least 2 draws to see a spread; set [cloud] draws to 6 or more")
    check_points(plan.sample_size.sizes, plan.degrees, "the smallest of [sample_size] sizes")


def sides(plan: Study, networks: Sequence[Extracted]) -> list[Side]:
    """Every layer at every size. Raises PlanError where there are too few inputs for the largest."""
    largest = max(plan.sample_size.sizes)
    for network in networks:
        for layer in network.layers:
            if layer.inputs == layer.rows:
                remedy = "leave the largest of [sample_size] sizes out"
                check_held(f"network {network.network!r}", layer.inputs, largest, plan.cloud.draws, remedy)
    return [_at(plan, layer, size) for n in networks for layer in n.layers for size in plan.sample_size.sizes]


def planned(plan: Study, networks: Sequence[Extracted], same_inputs: SameInputs) -> list[Planned]:
    """Nothing is tested: whether draws differ by chance is known; the question is by how much."""
    return []


def answer(evidence: Evidence) -> tuple[list[Verdict], list[Quantity]]:
    """One verdict for each network and degree."""
    verdicts = []
    quantities = []
    for network in evidence.networks:
        layers = [
            layer
            for layer in network.layers
            if all(_at(evidence.plan, layer, size).key in evidence.diagrams for size in evidence.plan.sample_size.sizes)
        ]
        for degree in evidence.plan.degrees:
            found = _of(evidence, layers, degree)
            quantities += [*found, *_artefact(evidence, layers, degree)]
            verdicts.append(_verdict(evidence, network.network, layers, degree, found))
            if verdicts[-1].answer == "yes":
                name = network.network
                quantities.append(
                    Quantity(
                        "points that are enough", min(_stable(evidence, layers, found)), network_a=name, degree=degree
                    )
                )
    return verdicts, quantities


def _at(plan: Study, layer: Layer, size: int) -> Side:
    return Side(layer, plan.cloud.model_copy(update={"size": size}))


def _of(evidence: Evidence, layers: Sequence[Layer], degree: int) -> list[Quantity]:
    """`spread` of every layer at every size, and `rank agreement` of every size with its double."""
    plan = evidence.plan
    quantities = []
    ranked: dict[int, list[float]] = {}
    for size in plan.sample_size.sizes:
        ranked[size] = []
        for layer in layers:
            side = _at(plan, layer, size)
            diagrams = evidence.diagrams[side.key]
            apart = evidence.distances[side.key, side.key][degree]
            within = float(apart.sum() / (len(apart) * (len(apart) - 1)))
            extent = float(np.mean([_to_diagonal(evidence, diagram, degree) for diagram in diagrams]))
            totals = np.array([total_persistence(diagram, degree) for diagram in diagrams])
            names: dict[str, Any] = {"network_a": layer.network, "layer_a": layer.layer, "degree": degree, "at": size}
            quantities += [
                Quantity("spread", _share(float(totals.std(ddof=1)), float(totals.mean())), **names),
                Quantity("distance between draws over their extent", _share(within, extent), **names),
            ]
            ranked[size].append(float(totals.mean()))
    if len(layers) >= FEWEST_LAYERS:
        for small, large in itertools.pairwise(plan.sample_size.sizes):
            agreement = _rank_correlation(ranked[small], ranked[large])
            quantities.append(
                Quantity("rank agreement", agreement, network_a=layers[0].network, degree=degree, at=small)
            )
    return quantities


def _artefact(evidence: Evidence, layers: Sequence[Layer], degree: int) -> list[Quantity]:
    """What the number of points alone does: a draw at N against one of other inputs at 2N, of one layer."""
    measure = evidence.plan.distance.measure()
    quantities = []
    for layer in layers:
        for small, large in itertools.pairwise(evidence.plan.sample_size.sizes):
            a = evidence.diagrams[_at(evidence.plan, layer, small).key]
            b = evidence.diagrams[_at(evidence.plan, layer, large).key]
            alike = [PersistenceDiagram(d.pairs, d.degrees, a[0].filtration) for d in b]
            # Draw i at N is part of draw i // 2 at 2N, so the one after that is taken.
            pairs = [(i, (i // 2 + 1) % len(b)) for i in range(len(a))]
            value = float(np.mean([measure(a[i], alike[j], degree) for i, j in pairs]))
            names: dict[str, Any] = {"network_a": layer.network, "layer_a": layer.layer}
            quantities.append(
                Quantity(f"{measure.name} between draws at N and at 2N", value, **names, degree=degree, at=small)
            )
            own = evidence.distances[_at(evidence.plan, layer, small).key, _at(evidence.plan, layer, small).key][degree]
            within = float(own.sum() / (len(own) * (len(own) - 1)))
            quantities.append(Quantity(f"{measure.name} between draws at N", within, **names, degree=degree, at=small))
    return quantities


def _to_diagonal(evidence: Evidence, diagram: PersistenceDiagram, degree: int) -> float:
    """The distance of a diagram from the one without its bars that die."""
    lasting = ~np.isfinite(diagram.pairs[:, 1])
    bare = PersistenceDiagram(diagram.pairs[lasting], diagram.degrees[lasting], diagram.filtration)
    return evidence.plan.distance.measure()(diagram, bare, degree)


def _share(part: float, whole: float) -> float:
    """Infinite for a layer without a bar in any draw: nothing is known of what does not show."""
    return part / whole if whole else math.inf


def _rank_correlation(a: Sequence[float], b: Sequence[float]) -> float:
    """Spearman's; 0 where one side does not vary."""
    from scipy.stats import rankdata

    x, y = rankdata(a), rankdata(b)
    if x.std() == 0 or y.std() == 0:
        return 0.0
    return float(np.corrcoef(x, y)[0, 1])


def _stable(evidence: Evidence, layers: Sequence[Layer], found: Sequence[Quantity]) -> list[int]:
    """The sizes from which on, and at every larger one that was tried, spread and ranks are as wanted."""
    wanted = evidence.plan.sample_size
    spread, agreement = _read(found)
    stable = list(
        itertools.takewhile(
            lambda size: spread[size] <= wanted.spread and agreement.get(size, 1.0) >= wanted.agreement,
            reversed(wanted.sizes),
        )
    )
    return [size for size in stable if size in agreement] if len(layers) >= FEWEST_LAYERS else stable


def _read(found: Sequence[Quantity]) -> tuple[dict[int, float], dict[int, float]]:
    """For each size the largest spread over layers, and how well ranks agree with those at twice the size."""
    spread: dict[int, float] = {}
    for q in found:
        if q.quantity == "spread":
            spread[int(q.at)] = max(q.value, spread.get(int(q.at), 0.0))
    return spread, {int(q.at): q.value for q in found if q.quantity == "rank agreement"}


def _verdict(
    evidence: Evidence, network: str, layers: Sequence[Layer], degree: int, found: Sequence[Quantity]
) -> Verdict:
    wanted = evidence.plan.sample_size
    question = f"How many points does {network} need in H{degree}?"
    if not layers:
        sentence = f"{network}, H{degree}: no layer has diagrams at every size, so nothing can be said."
        return Verdict(question, "undecided", sentence, network, degree)
    spread, agreement = _read(found)
    stable = _stable(evidence, layers, found)
    ranks_known = len(layers) >= FEWEST_LAYERS
    null = f"largest spread over {len(layers)} layers at most {wanted.spread:g}" + (
        f", Spearman at N and 2N at least {wanted.agreement:g}" if ranks_known else ""
    )
    seen = "; ".join(
        (f"N = {size}: spread {spread[size]:.2f}" if math.isfinite(spread[size]) else f"N = {size}: a layer has no bar")
        + (f", ranks agree {agreement[size]:.2f}" if size in agreement else "")
        for size in wanted.sizes
    )
    few = "one layer is" if len(layers) == 1 else f"{len(layers)} layers are"
    caveat = "" if ranks_known else f" ({few} too few to compare their order)"
    if stable:
        size = min(stable)
        sentence = f"{network}, H{degree}: {size} points are enough{caveat}: {seen}."
        return Verdict(question, "yes", sentence, network, degree, effect=spread[size], margin=wanted.spread, null=null)
    last = wanted.sizes[-1]
    settled = ranks_known and spread[last] <= wanted.spread
    why = (
        "the order of the layers at twice the largest size is not known" if settled else "not stable at any size tried"
    )
    sentence = f"{network}, H{degree}: {why}{caveat}; give inputs for N = {2 * last}. {seen}."
    return Verdict(question, "undecided", sentence, network, degree, spread[last], margin=wanted.spread, null=null)


_OWN = """\
[sample_size]
sizes = [25, 50, 100]             # each twice the one before
spread = 0.1                      # largest standard deviation of total persistence over draws, as a share of its mean
agreement = 0.8                   # least Spearman correlation of the layers' order at N and at 2N

"""

RECIPE = Recipe(
    template("sample-size", "how many points does a cloud need?", _OWN), planned, answer, check=check, sides=sides
)
