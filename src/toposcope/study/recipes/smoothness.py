"""Recipe `smoothness`: do deeper networks change shape in smaller steps, and do they travel a shorter way?

The change of one step is the distance between the diagrams of adjacent layers on the same draw; the path is the sum of
all steps. Both are reported, because the first shrinks by arithmetic when one path is cut into more steps. Each is
also given as excess over sampling noise: noise does not shrink with depth, so more steps collect more of it. The unit
is the network: how a number goes with depth is tested by permuting networks, all orders where they can be counted.
Control clouds of the plan, and untrained twins, take the same steps: what they show too is not what training does.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np

from toposcope._errors import PlanError
from toposcope._types import Float64
from toposcope.stats import mean_interval, step_down_max_t
from toposcope.study import controls
from toposcope.study.plan import Study
from toposcope.study.recipes.comparisons import along_depth
from toposcope.study.recipes.matching import ends_of_training
from toposcope.study.recipes.template import template
from toposcope.study.tasks import Extracted, Layer, Side
from toposcope.study.treatments import CONTROLS
from toposcope.study.verdicts import Evidence, Planned, Quantity, Recipe, SameInputs, Verdict

ORDERS = 5040
"""Up to so many orders of the networks are all used (7 networks); beyond, so many less one are sampled."""

_QUANTITIES = ("step", "path", "step beyond noise", "path beyond noise")


def check(plan: Study) -> None:
    """Enough networks of one family for its tests to reach the level together, and draws that tell the noise."""
    if plan.cloud.draws < 2:
        raise PlanError("smoothness needs at least 2 draws to know the sampling noise; set [cloud] draws to 6 or more")
    most = max((len(members) for members in _families(plan).values()), default=0)
    enough = next(n for n in itertools.count(2) if smallest_p([1] * n) <= plan.test.alpha)
    if most < enough:
        rankings = len(_QUANTITIES) * len(plan.degrees)
        sure = next(n for n in itertools.count(enough) if smallest_p([1] * n, rankings) <= plan.test.alpha)
        raise PlanError(
            f"smoothness permutes networks of one family, and {most} of them cannot show at {plan.test.alpha:g} that a "
            f"number shrinks with depth; give at least {enough} networks of one family and of different depth "
            f"({sure} are enough however its {rankings} quantities rank them)"
        )


def smallest_p(at_each_depth: Sequence[int], rankings: int = 2) -> float:
    """The smallest adjusted p of a trend over networks, of which so many stand at each depth.

    A quantity that falls with every network does so in one order of n!, and in those that exchange networks of one
    depth. The adjustment holds it against the largest of all quantities, each of which has orders of its own in which
    it falls as far: where they rank the networks in `rankings` different ways, so many times as many. Two is the least:
    a path that grows with depth where its steps shrink.
    """
    orders = math.factorial(sum(at_each_depth)) / math.prod(math.factorial(count) for count in at_each_depth)
    return min(1.0, rankings / orders)


def _families(plan: Study) -> dict[str, list[str]]:
    """Names of the trained networks of every family."""
    found: dict[str, list[str]] = {}
    for network in ends_of_training(plan):
        found.setdefault(network.family or "", []).append(network.name)
    return found


def planned(plan: Study, networks: Sequence[Extracted], same_inputs: SameInputs) -> list[Planned]:
    """Adjacent layers of every network."""
    return along_depth(plan, networks)


def answer(evidence: Evidence) -> tuple[list[Verdict], list[Quantity]]:
    """For each family and degree: do steps shrink with depth, does the path?"""
    quantities = []
    found: dict[tuple[str, int], dict[str, float]] = {}
    for network in evidence.networks:
        for degree in evidence.plan.degrees:
            per_draw = _along(evidence, network, degree, evidence.side)
            if per_draw is None:
                continue
            found[network.network, degree] = {name: float(np.mean(values)) for name, values in per_draw.items()}
            for name, values in per_draw.items():
                low, high = math.nan, math.nan
                if len(values) > 1:
                    interval = mean_interval(values, evidence.plan.test.confidence)
                    low, high = interval.low, interval.high
                value = float(np.mean(values))
                depth = len(network.layers)
                quantities.append(Quantity(name, value, low, high, network_a=network.network, degree=degree, at=depth))
    beside = _of_controls(evidence, found)
    for (kind, name, degree), numbers in beside.items():
        quantities += [Quantity(f"{key}, {kind}s", n, network_a=name, degree=degree) for key, n in numbers.items()]
    depths = {network.network: len(network.layers) for network in evidence.networks}
    families = _families(evidence.plan)
    twins = {
        name: [
            n.name
            for n in evidence.plan.network
            if n.control and (n.control_of in members if n.control_of else (n.family or "") == name)
        ]
        for name, members in families.items()
    }
    verdicts = []
    askable = {
        family: members for family, members in families.items() if len({depths[n] for n in members if n in depths}) > 1
    }
    for family, members in families.items():
        if family in askable:
            of_family = _trends(evidence, family, members, twins[family], depths, found, len(askable))
            if of_family[0].degree is None:
                verdicts.append(of_family[0])
                continue
            verdicts += [
                verdict.beside(_beside(evidence, verdict, name, members, depths, beside))
                for verdict, (_degree, name) in zip(of_family, _asked(evidence), strict=True)
            ]
        else:
            verdicts.append(_one_depth(family, members, depths))
    return verdicts, quantities


def _one_depth(family: str, members: Sequence[str], depths: Mapping[str, int]) -> Verdict:
    """A family whose networks cannot be told apart by their depth."""
    there = [name for name in members if name in depths]
    layers = f", all with {depths[there[0]]} layers" if there else ""
    of = f" in the family {family}" if family else ""
    return Verdict(
        f"Do steps shrink with depth{of}?",
        "not checkable",
        f"{len(there)} networks{of}{layers}; whether depth matters takes networks of one family "
        "and of different depth.",
        ", ".join(there),
    )


def _too_few(
    evidence: Evidence,
    family: str,
    trained: Sequence[str],
    depths: Mapping[str, int],
    counts: Sequence[int],
    families: int,
) -> Verdict:
    """A family with too few networks at its depths for any trend to be shown."""
    level = evidence.plan.test.alpha
    of = f" in the family {family}" if family else ""
    each = next(n for n in itertools.count(1) if families * smallest_p([n] * len(counts)) <= level)
    sentence = (
        f"{len(trained)} networks{of} of {len(counts)} depths give no adjusted p below "
        f"{families * smallest_p(counts):.2g}, and the level is {level:g}; give {each} of each of these depths, or "
        "more depths."
    )
    where = ", ".join(f"{network} ({depths[network]} layers)" for network in trained)
    return Verdict(f"Do steps shrink with depth{of}?", "not checkable", sentence, where)


def _trends(
    evidence: Evidence,
    family: str,
    members: Sequence[str],
    twins: Sequence[str],
    depths: Mapping[str, int],
    found: Mapping[tuple[str, int], Mapping[str, float]],
    families: int,
) -> list[Verdict]:
    """One family: every quantity in every degree against depth; p-values are multiplied by the number of families."""
    asked = _asked(evidence)

    def whole(names: Sequence[str]) -> list[str]:
        return [n for n in names if all(name in found.get((n, degree), {}) for degree, name in asked)]

    trained = whole(members)
    counts = list(Counter(depths[n] for n in trained).values())
    reach = families * smallest_p(counts)
    if len(counts) > 1 and reach > evidence.plan.test.alpha:
        return [_too_few(evidence, family, trained, depths, counts, families)]
    correlations = _correlations(trained, depths, found, asked, evidence.plan.seed)
    of_twins = _correlations(whole(twins), depths, found, asked, evidence.plan.seed)
    adjusted = None if correlations is None else np.minimum(1.0, families * step_down_max_t(-correlations))
    return [
        _verdict(
            evidence,
            family,
            degree,
            name,
            math.nan if correlations is None else float(correlations[0, k]),
            math.nan if adjusted is None else float(adjusted[k]),
            math.nan if of_twins is None else float(of_twins[0, k]),
            {n: depths[n] for n in trained},
        )
        for k, (degree, name) in enumerate(asked)
    ]


def _asked(evidence: Evidence) -> list[tuple[int, str]]:
    return [(degree, name) for degree in evidence.plan.degrees for name in _QUANTITIES]


def _of_controls(
    evidence: Evidence, found: Mapping[tuple[str, int], Mapping[str, float]]
) -> dict[tuple[str, str, int], dict[str, float]]:
    """(kind, network, degree) → every quantity of the control clouds, and what the layers have beyond it."""
    values = {}
    for kind, network in itertools.product(evidence.plan.controls.clouds, evidence.networks):
        for degree in evidence.plan.degrees:
            own = found.get((network.network, degree))
            per_draw = _along(evidence, network, degree, partial(controls.side, evidence.plan, kind=kind))
            if own is None or per_draw is None:
                continue
            means = {name: float(np.mean(part)) for name, part in per_draw.items()}
            beyond = {f"{name} beyond": own[name] - value for name, value in means.items()}
            values[CONTROLS[kind], network.network, degree] = {**means, **beyond}
    return values


def _beside(
    evidence: Evidence,
    verdict: Verdict,
    name: str,
    members: Sequence[str],
    depths: Mapping[str, int],
    beside: Mapping[tuple[str, str, int], Mapping[str, float]],
) -> str:
    """How the same number of the control clouds goes with depth, and what the layers have beyond it."""
    said = []
    for kind in dict.fromkeys(kind for kind, _network, _degree in beside):
        names = [n for n in members if (kind, n, verdict.degree) in beside and n in depths]
        if len({depths[n] for n in names}) < 2:
            continue
        off = sum(
            not one.calibrated
            for one in evidence.controls
            if (one.control, one.quantity, one.degree) == (kind, controls.TOTAL, verdict.degree)
            and one.network_a in names
        )
        if off:
            said.append(f"{kind}s are not calibrated in {off} of these layers, so nothing is said of them")
            continue
        theirs, beyond = (
            _rho([depths[n] for n in names], [beside[kind, n, verdict.degree or 0][key] for n in names])
            for key in (name, f"{name} beyond")
        )
        said.append(f"{kind}s of the same layers give ρ = {theirs:.2f}, what is beyond them ρ = {beyond:.2f}")
    return "; ".join(said)


def _rho(x: Sequence[float], y: Sequence[float]) -> float:
    """Spearman's correlation; 0 where either does not vary."""
    from scipy.stats import rankdata

    a, b = rankdata(x), rankdata(y)
    return float(np.corrcoef(a, b)[0, 1]) if a.std() > 0 and b.std() > 0 else 0.0


def _along(
    evidence: Evidence, network: Extracted, degree: int, clouds: Callable[[Layer], Side]
) -> dict[str, Float64] | None:
    """Steps and paths of one network, draw by draw; beyond noise there is one number for all draws.

    clouds: which of a layer, its own or its controls.
    """
    steps: list[Float64] = []
    excess: list[float] = []
    for a, b in itertools.pairwise(clouds(layer) for layer in network.layers):
        if (a.key, b.key) not in evidence.distances:
            return None
        between, within_a, within_b = (
            evidence.distances[pair][degree] for pair in ((a.key, b.key), (a.key, a.key), (b.key, b.key))
        )
        k = len(between)
        steps.append(np.diag(between))
        if k > 1:
            apart = (between.sum() - np.trace(between)) / (k * (k - 1))
            excess.append(float(apart - (within_a.sum() + within_b.sum()) / (2 * k * (k - 1))))
    if not steps or not np.isfinite(steps).all():
        return None
    found = {"step": np.mean(steps, axis=0), "path": np.sum(steps, axis=0)}
    if excess:
        found["step beyond noise"] = np.array([np.mean(excess)])
        found["path beyond noise"] = np.array([np.sum(excess)])
    return found


def _correlations(
    networks: Sequence[str],
    depths: Mapping[str, int],
    found: Mapping[tuple[str, int], Mapping[str, float]],
    asked: Sequence[tuple[int, str]],
    seed: int,
) -> Float64 | None:
    """(orders, asked) Spearman correlations of each quantity with depth under orders of the networks, the true first.

    All quantities share the orders. None where the networks do not differ in depth.
    """
    from scipy.stats import rankdata

    if len({depths[n] for n in networks}) < 2:
        return None
    n = len(networks)
    if math.factorial(n) <= ORDERS:
        orders = np.array(list(itertools.permutations(range(n))))
    else:
        orders = np.tile(np.arange(n), (ORDERS, 1))
        orders[1:] = np.random.default_rng(seed).permuted(orders[1:], axis=1)
    x = rankdata([depths[network] for network in networks])
    x = (x - x.mean()) / x.std()
    y = np.array([rankdata([found[network, degree][name] for network in networks]) for degree, name in asked])
    spread = y.std(axis=1, keepdims=True)
    y = np.divide(y - y.mean(axis=1, keepdims=True), spread, out=np.zeros_like(y), where=spread > 0)
    correlations: Float64 = np.einsum("qon,n->oq", y[:, orders], x) / n
    return correlations


_WORDS = {
    "step": "the mean change per step",
    "path": "the whole path",
    "step beyond noise": "the mean change per step beyond sampling noise",
    "path beyond noise": "the whole path beyond sampling noise",
}


def _verdict(
    evidence: Evidence,
    family: str,
    degree: int,
    name: str,
    rho: float,
    p: float,
    twins: float,
    depths: Mapping[str, int],
) -> Verdict:
    of = f" in the family {family}" if family else ""
    question = f"Does {_WORDS[name]} shrink with depth{of}, H{degree}?"
    where = ", ".join(f"{network} ({depth} layers)" for network, depth in depths.items())
    if not math.isfinite(p):
        sentence = (
            f"H{degree}: whether {_WORDS[name]} shrinks with depth{of} cannot be asked of networks that all have the "
            "same number of layers, or of which too few were measured."
        )
        return Verdict(question, "not checkable", sentence, where, degree)
    shrinks = p <= evidence.plan.test.alpha
    if math.isfinite(twins):
        control = f"The controls give ρ = {twins:.2f}" + (
            ", so training is not what does it." if shrinks and twins <= rho else "."
        )
    else:
        control = 'No control stands beside it: add untrained twins of the networks (control = "untrained").'
    sentence = (
        f"H{degree}: {_WORDS[name]} {'shrinks' if shrinks else 'was not shown to shrink'} with depth{of} over "
        f"{len(depths)} networks (Spearman ρ = {rho:.2f}, adjusted p = {p:.2g}). {control}"
    )
    null = "networks are exchangeable; their orders, one-sided, step-down max-T"
    return Verdict(question, "yes" if shrinks else "undecided", sentence, where, degree, rho, p_adjusted=p, null=null)


_NETWORKS = """\
[[network]]                       # one block for each network, of different depth and otherwise alike
name = "resnet18"
family = "resnet"
model = "torchvision:resnet18@random"
layers = ["blocks"]

[[network]]
name = "resnet34"
family = "resnet"
model = "torchvision:resnet34@random"
layers = ["blocks"]

[[network]]
name = "resnet50"
family = "resnet"
model = "torchvision:resnet50@random"
layers = ["blocks"]

[[network]]
name = "resnet101"
family = "resnet"
model = "torchvision:resnet101@random"
layers = ["blocks"]

[[network]]
name = "resnet152"
family = "resnet"
model = "torchvision:resnet152@random"
layers = ["blocks"]

# [[network]]                     # untrained twins show what depth alone does
# name = "resnet18 untrained"
# control = "untrained"
# control_of = "resnet18"
# model = "torchvision:resnet18@random"

"""

RECIPE = Recipe(
    template("smoothness", "do deeper networks change shape in smaller steps?", networks=_NETWORKS),
    planned,
    answer,
    check,
)
