"""Recipe `betti-collapse`: does a classifier carry a known manifold to a point, layer by layer?

Naitzat, Zhitnikov and Lim (2020) follow the Betti numbers of each class through the layers of a classifier and see
them fall to those of a point, faster with ReLU than with tanh. Betti numbers are read in the Vietoris–Rips complex of a
class at one radius, in hops over its graph of k nearest neighbours, so that stretching counts for little. k and the
radius are chosen on the inputs alone, whose Betti numbers are known, and then hold for every layer.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from toposcope._errors import PlanError
from toposcope._types import Float64, Ints
from toposcope.cloud.metrics import Hops
from toposcope.stats import labellings, mean_interval, smallest_p_of_networks, unequal_numbers
from toposcope.store import Store, key_of
from toposcope.study.inputs import check_held
from toposcope.study.plan import Homology, Study
from toposcope.study.recipes.matching import ends_of_training
from toposcope.study.recipes.template import template
from toposcope.study.tasks import SCHEMA, Extracted, Layer, Side, engine_versions, read_layer
from toposcope.study.treatments import OfClass
from toposcope.study.verdicts import Answer, Evidence, Planned, Quantity, Recipe, SameInputs, Verdict


def check(plan: Study) -> None:
    """Whose Betti numbers are known, and in how many degrees."""
    options = plan.betti_collapse
    names = [network.name for network in plan.network]
    if options.inputs not in names:
        raise PlanError(
            "betti-collapse reads k and the radius off the inputs themselves; save them as a representation, give it a "
            "[[network]] of its own, and set [betti_collapse] inputs to its name"
        )
    if not options.betti:
        raise PlanError(
            "betti-collapse needs to know the inputs' topology; give [betti_collapse.betti] the Betti numbers of every "
            'class, such as "0" = [1, 2]'
        )
    degrees = {len(numbers) for numbers in options.betti.values()}
    if len(degrees) > 1 or max(degrees) > 3:
        raise PlanError("[betti_collapse] betti needs equally many numbers for every class, of degrees 0 to 2 at most")
    if max(options.neighbours) >= plan.cloud.size:
        raise PlanError(
            f"[betti_collapse] neighbours = {max(options.neighbours)} needs clouds of more points, and [cloud] size is "
            f"{plan.cloud.size}"
        )


def planned(plan: Study, networks: Sequence[Extracted], same_inputs: SameInputs) -> list[Planned]:
    """Nothing is tested over draws: Betti numbers at one radius are counted."""
    return []


@dataclasses.dataclass(frozen=True)
class BettiNumbers:
    """Counts the Betti numbers of one class of one layer, for every k and radius of the grid."""

    uses_torch: ClassVar[bool] = False

    side: Side
    neighbours: tuple[int, ...]
    radii: tuple[int, ...]
    degrees: int
    seed: int

    @property
    def key(self) -> str:
        """Of the counts."""
        return key_of(
            "betti",
            schema=SCHEMA,
            side=self.side.key,
            grid=[self.neighbours, self.radii, self.degrees],
            seed=self.seed,
            versions=engine_versions(),
        )

    @property
    def title(self) -> str:
        """For progress and failures."""
        return f"Betti numbers of {self.side.title}"

    def perform(self, store: Store, progress: Callable[[int, int | None], None] | None = None) -> None:
        """Keep (draws, neighbours, radii, degrees) counts."""
        layer = read_layer(store, self.side.layer.key)
        cloud = self.side.cloud
        counts = np.zeros((cloud.draws, len(self.neighbours), len(self.radii), self.degrees), dtype=np.int64)
        for draw in range(cloud.draws):
            points = self.side.drawn(layer, draw, self.seed)
            for i, k in enumerate(self.neighbours):
                in_hops = cloud.model_copy(update={"metric": str(Hops(k)), "scale": None})
                side = dataclasses.replace(self.side, cloud=in_hops)
                diagram = side.diagram(points, Homology(threshold=float(max(self.radii))), self.degrees - 1)
                for degree in range(self.degrees):
                    counts[draw, i, :, degree] = diagram.betti(np.array(self.radii, dtype=np.float64), degree)
        store.write(self.key, {"counts": counts})


def _task(plan: Study, layer: Layer, label: str) -> BettiNumbers:
    options = plan.betti_collapse
    degrees = max(len(numbers) for numbers in options.betti.values())
    return BettiNumbers(Side(layer, plan.cloud, OfClass(label)), options.neighbours, options.radii, degrees, plan.seed)


def measurements(plan: Study, networks: Sequence[Extracted]) -> list[BettiNumbers]:
    """Every class of every layer. Raises PlanError where a class has too few inputs."""
    for network in networks:
        held = dict(network.labels)
        for label in plan.betti_collapse.betti:
            whose = f"class {label!r} of {network.network!r}"
            check_held(whose, held.get(label, 0), plan.cloud.size, plan.cloud.draws)
    return [
        _task(plan, layer, label)
        for network in networks
        for layer in network.layers
        for label in plan.betti_collapse.betti
    ]


def answer(evidence: Evidence) -> tuple[list[Verdict], list[Quantity]]:
    """For each network whether its classes end as points, then whether families differ in how fast."""
    plan = evidence.plan
    options = plan.betti_collapse
    counts: dict[tuple[str, str], Ints] = {}
    for task in measurements(plan, evidence.networks):
        if task.key in evidence.store:
            label = task.side.clouds.removeprefix("class ")
            counts[task.side.layer.key, label] = evidence.store.read(task.key)["counts"]
    by_name = {network.network: network for network in evidence.networks}
    inputs = by_name.get(options.inputs)
    chosen = None if inputs is None else _chosen(plan, inputs.layers[0], counts)
    if chosen is None:
        sentence = (
            f"No k in {list(options.neighbours)} and radius in {list(options.radii)} sees the known Betti numbers in "
            f"{options.agreement:.0%} of the inputs' draws, so nothing can be followed; give denser clouds "
            "([cloud] size) or another grid."
        )
        return [Verdict("Do the classes collapse?", "not checkable", sentence)], []
    i, j, share = chosen
    assert inputs is not None
    totals: dict[str, list[tuple[Layer, Float64]]] = {}
    quantities = []
    for network in evidence.networks:
        if network.network == options.inputs:
            continue
        totals[network.network] = [(inputs.layers[0], _total(plan, inputs.layers[0], counts, i, j))]
        for layer in network.layers:
            if all((layer.key, label) in counts for label in options.betti):
                totals[network.network].append((layer, _total(plan, layer, counts, i, j)))
        for layer, values in totals[network.network]:
            low, high = _bounds(values, plan)
            at = layer.source.depth if layer.source.depth is not None else math.nan
            names: dict[str, Any] = {"network_a": network.network, "layer_a": layer.layer, "at": at}
            quantities.append(Quantity("total Betti number", float(values.mean()), low, high, **names))
    verdicts = [_collapse(evidence, name, path, counts, (i, j), share) for name, path in totals.items()]
    verdicts += _faster(evidence, totals)
    return verdicts, quantities


def _chosen(plan: Study, layer: Layer, counts: Mapping[tuple[str, str], Ints]) -> tuple[int, int, float] | None:
    """The k and radius, by place in the grid, that see the known Betti numbers in most draws; None if in too few."""
    options = plan.betti_collapse
    if any((layer.key, label) not in counts for label in options.betti):
        return None
    right = [(counts[layer.key, label] == np.array(known)).all(axis=-1) for label, known in options.betti.items()]
    share = np.mean(np.concatenate(right), axis=0)
    i, j = np.unravel_index(int(np.argmax(share)), share.shape)
    return (int(i), int(j), float(share[i, j])) if share[i, j] >= options.agreement else None


def _total(plan: Study, layer: Layer, counts: Mapping[tuple[str, str], Ints], i: int, j: int) -> Float64:
    """(draws,) sum of all Betti numbers over classes."""
    parts = [counts[layer.key, label][:, i, j].sum(axis=-1) for label in plan.betti_collapse.betti]
    return np.asarray(np.sum(parts, axis=0), dtype=np.float64)


def _bounds(values: Float64, plan: Study) -> tuple[float, float]:
    if len(values) < 2:
        return math.nan, math.nan
    interval = mean_interval(values, plan.test.confidence)
    return interval.low, interval.high


def _collapse(
    evidence: Evidence,
    name: str,
    path: Sequence[tuple[Layer, Float64]],
    counts: Mapping[tuple[str, str], Ints],
    place: tuple[int, int],
    share: float,
) -> Verdict:
    plan = evidence.plan
    options = plan.betti_collapse
    question = f"Does {name} carry the classes to points?"
    if len(path) < 2:
        return Verdict(question, "undecided", f"{name}: no layer could be measured; see the failures.", name)
    last, values = path[-1]
    point = np.array([1] + [0] * (max(len(known) for known in options.betti.values()) - 1))
    i, j = place
    ends = [(counts[last.key, label][:, i, j] == point).all(axis=-1) for label in options.betti]
    as_points = float(np.mean(ends))
    low, high = _bounds(values - path[0][1].mean(), plan)
    result: Answer = "yes" if as_points >= options.agreement else "no" if low > 0 else "undecided"
    along = ", ".join(f"{layer.layer or 'inputs'} {part.mean():.1f}" for layer, part in path)
    accuracy = {network.network: network.accuracy for network in evidence.networks}[name]
    sentence = (
        f"{name}{'' if accuracy is None else f' (accuracy {accuracy:.1%})'}: in {last.layer} {as_points:.0%} of "
        f"classes and draws have the Betti numbers of a point. Total Betti number along depth: {along} (k = "
        f"{options.neighbours[i]}, radius {options.radii[j]} hops, chosen on the inputs, which they describe rightly "
        f"in {share:.0%} of draws)."
    )
    return Verdict(
        question,
        result,
        sentence,
        f"{name} {last.layer}",
        None,
        float(values.mean() - path[0][1].mean()),
        low,
        high,
        null=f"change of the total Betti number from the inputs; Student t at {plan.test.confidence:g} over draws",
    )


def _faster(evidence: Evidence, totals: Mapping[str, Sequence[tuple[Layer, Float64]]]) -> list[Verdict]:
    """Whether one family sheds Betti numbers earlier than another: the mean over depth, networks as units."""
    plan = evidence.plan
    families: dict[str, list[str]] = {}
    for network in ends_of_training(plan):
        if network.family is not None and len(totals.get(network.name, ())) > 1:
            families.setdefault(network.family, []).append(network.name)
    verdicts = []
    for a, b in itertools.combinations(families, 2):
        question = f"Do Betti numbers fall earlier in {a} than in {b}, or later?"
        sizes = [len(families[a]), len(families[b])]
        if min(sizes) < 2 or smallest_p_of_networks(sizes) > plan.test.alpha:
            enough = next(n for n in itertools.count(2) if smallest_p_of_networks([n, n]) <= plan.test.alpha)
            sentence = (
                f"{a} and {b}: {sizes[0]} and {sizes[1]} networks cannot show at {plan.test.alpha:g} which sheds Betti "
                f"numbers earlier; train {enough} of each, from separate seeds."
            )
            verdicts.append(Verdict(question, "not checkable", sentence, f"{a} and {b}"))
            continue
        left = np.array([_left(totals[name]) for name in (*families[a], *families[b])])
        dealt = labellings(sizes, plan.seed)
        gaps = np.array([left[labels == 0].mean() - left[labels == 1].mean() for labels in dealt])
        p = float((np.abs(gaps) >= abs(gaps[0]) - 1e-12).mean())
        shown = p <= plan.test.alpha
        order = f"fall {'earlier' if gaps[0] < 0 else 'later'} in {a}"
        sentence = (
            f"{a} and {b}: Betti numbers {order if shown else 'were not shown to fall at other depths'} "
            f"(mean over depth, as a share of the inputs': {left[: sizes[0]].mean():.2f} and "
            f"{left[sizes[0] :].mean():.2f}, p = {p:.2g}, {sizes[0]} and {sizes[1]} networks)"
            f"{unequal_numbers(np.abs(np.subtract.outer(left, left)), dealt[0], [a, b], shown)}."
        )
        verdicts.append(
            Verdict(
                question,
                "yes" if shown else "undecided",
                sentence,
                f"{a} and {b}",
                None,
                float(gaps[0]),
                p_adjusted=p,
                null=f"networks keep their paths and are dealt out anew; {len(dealt)} relabellings; two-sided",
            )
        )
    return verdicts


def _left(path: Sequence[tuple[Layer, Float64]]) -> float:
    """Mean over a network's layers of what is left of the inputs' total Betti number."""
    start = float(path[0][1].mean())
    return float(np.mean([values.mean() for _layer, values in path[1:]])) / start if start else math.nan


_NETWORKS = """\
[[network]]                       # the inputs themselves, with their labels: points, sample_ids, labels in an .npz
name = "inputs"
representations = "rings.npz"

[[network]]
name = "relu 0"
family = "relu"
seed = 0
model = "my.nets:relu@runs/relu-0.safetensors"
inputs = "rings.npz"
layers = ["*"]

"""

_OWN = """\
[betti_collapse]
inputs = "inputs"                 # the network above that holds the inputs
neighbours = [8, 12, 16]          # k of the graph; k and radius are chosen on the inputs alone
radii = [1, 2, 3, 4]              # in hops

[betti_collapse.betti]            # known Betti numbers of every class, degree 0 first
"0" = [1, 0]
"1" = [1, 1]

"""

RECIPE = Recipe(
    template("betti-collapse", "does a classifier carry a known manifold to a point?", _OWN, _NETWORKS, 150),
    planned,
    answer,
    check,
    measurements=measurements,
)
