"""Recipe `architectures`: does the architecture make the topology, are architectures of one family alike, and does all
of that say more than CKA?

The unit is the network: trained from a seed of its own, relabelled as a whole. Two networks are as far apart as their
matched layers are in the mean, on the same draws of the same inputs. First the seeds are dealt out anew between the
architectures; then whole architectures between the families. For its relation to CKA, topology is read on one half of
the draws and CKA on the other, and networks are permuted: permuting layers would find a relation between any two
measures that change along depth. Accuracy and width are given beside it, because they may explain it, and where the
plan names control clouds, so is what clouds of the same covariance show.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar

import numpy as np

from toposcope._errors import PlanError
from toposcope._types import Float64, Ints
from toposcope.cloud import disjoint_draws
from toposcope.similarity.cka import cka
from toposcope.stats import (
    components_of,
    labellings,
    pseudo_f,
    smallest_p_of_networks,
    step_down_max_t,
    unequal_numbers,
)
from toposcope.store import Store, key_of
from toposcope.study import controls
from toposcope.study.plan import Network, Study
from toposcope.study.recipes.matching import ends_of_training, matched_layers
from toposcope.study.recipes.template import template
from toposcope.study.tasks import SCHEMA, Extracted, Layer, Side, engine_versions, read_layer
from toposcope.study.treatments import CONTROLS
from toposcope.study.verdicts import Evidence, Planned, Quantity, Recipe, SameInputs, Verdict

ORDERS = 9_999
"""Orders of the networks that are tried against CKA where there are more."""


def architecture_of(network: Network) -> str:
    """The architecture of a network: what the plan calls so, else its family, else its name."""
    return network.architecture or network.family or network.name


def groups(plan: Study) -> dict[str, list[str]]:
    """Names of the trained networks of every architecture.

    Where two architectures or more have several networks, those that have one alone are left out: nothing is known of
    how far its seeds lie apart.
    """
    found: dict[str, list[str]] = {}
    for network in ends_of_training(plan):
        found.setdefault(architecture_of(network), []).append(network.name)
    several = {name: members for name, members in found.items() if len(members) > 1}
    return several if len(several) > 1 else found


def check(plan: Study) -> None:
    """Enough networks of enough architectures for a relabelling of them to reach the level."""
    sizes = [len(members) for members in groups(plan).values()]
    if len(sizes) < 2:
        raise PlanError(
            f"architectures compares networks of at least 2 architectures, and there are {len(sizes)}; give every "
            "[[network]] its `family` or `architecture`"
        )
    if min(sizes) < 2 or smallest_p_of_networks(sizes) > plan.test.alpha:
        enough = next(n for n in itertools.count(2) if smallest_p_of_networks([n] * len(sizes)) <= plan.test.alpha)
        raise PlanError(
            f"{' and '.join(str(size) for size in sizes)} networks of {len(sizes)} architectures cannot show at "
            f"{plan.test.alpha:g} that the architecture matters; train {enough} of each, from separate seeds"
        )


def planned(plan: Study, networks: Sequence[Extracted], same_inputs: SameInputs) -> list[Planned]:
    """All draws of the matched layers of every two networks: measured for the variances, tested as networks alone."""
    ordered = _ordered(plan, networks)
    for a, b in itertools.combinations(ordered, 2):
        if not same_inputs[a.network, b.network]:
            raise PlanError(
                f"networks {a.network!r} and {b.network!r} hold different inputs, and architectures compares them on "
                "the same; leave their own `inputs` out"
            )
    return [
        Planned("architectures", Side.of(plan, x), Side.of(plan, y), paired=True, tested=False, controlled=True)
        for a, b in itertools.combinations(ordered, 2)
        for x, y in matched_layers(a.layers, b.layers)
    ]


def _ordered(plan: Study, networks: Sequence[Extracted]) -> list[Extracted]:
    """Trained networks, those of one architecture side by side."""
    by_name = {network.network: network for network in networks}
    return [by_name[name] for members in groups(plan).values() for name in members if name in by_name]


@dataclasses.dataclass(frozen=True)
class Alignment:
    """Linear CKA of the matched layers of two networks, on the second half of the draws."""

    uses_torch: ClassVar[bool] = False

    title: str
    pairs: tuple[tuple[Layer, Layer], ...]
    size: int
    draws: int
    seed: int

    @property
    def key(self) -> str:
        """Of the values."""
        return key_of(
            "cka",
            schema=SCHEMA,
            layers=[[a.key, b.key] for a, b in self.pairs],
            draws=[self.size, self.draws, self.seed],
            versions=engine_versions(),
        )

    def perform(self, store: Store, progress: Callable[[int, int | None], None] | None = None) -> None:
        """Keep one value for each pair of layers."""
        values = []
        for a, b in self.pairs:
            x, y = read_layer(store, a.key), read_layer(store, b.key)
            rows = disjoint_draws(x.sample_ids, self.size, self.draws, self.seed)
            chosen = np.concatenate(rows[self.draws // 2 :])
            place = {str(entry): k for k, entry in enumerate(y.sample_ids.tolist())}
            same = np.array([place[str(entry)] for entry in x.sample_ids[chosen].tolist()])
            values.append(cka(x.points[chosen], y.points[same], unbiased=True))
        store.write(self.key, {"values": np.array(values)})


def measurements(plan: Study, networks: Sequence[Extracted]) -> list[Alignment]:
    """CKA of every two networks, on other draws than those that topology is read on: with one draw there are none."""
    if plan.cloud.draws < 2:
        return []
    return [
        Alignment(
            f"CKA of {a.network} and {b.network}",
            tuple(matched_layers(a.layers, b.layers)),
            plan.cloud.size,
            plan.cloud.draws,
            plan.seed,
        )
        for a, b in itertools.combinations(_ordered(plan, networks), 2)
    ]


def answer(evidence: Evidence) -> tuple[list[Verdict], list[Quantity]]:
    """Architectures, then families, then CKA; for each degree."""
    plan = evidence.plan
    ordered = _ordered(plan, evidence.networks)
    names = [network.network for network in ordered]
    by_name = {network.name: network for network in plan.network}
    architectures = [architecture_of(by_name[name]) for name in names]
    families = {architecture_of(network): network.family for network in plan.network}
    degrees = plan.degrees
    whole = [_distances(evidence, ordered, degree, plan.cloud.draws, evidence.side) for degree in degrees]
    if any(matrix is None for matrix in whole):
        sentence = "Networks could not be compared, because a task failed; see the failures."
        return [Verdict("Does the architecture matter?", "undecided", sentence)], []
    matrices = [matrix for matrix in whole if matrix is not None]
    verdicts = [
        verdict.beside(_of_controls(evidence, ordered, architectures, verdict))
        for verdict in _matter(evidence, matrices, architectures, "architecture", "Does the architecture matter?")
    ]
    known = {name for members in groups(plan).values() for name in members}
    alone = [network.name for network in ends_of_training(plan) if network.name not in known]
    if alone:
        said = f"{verdicts[0].sentence} Left out, each alone of its architecture: {', '.join(alone)}."
        verdicts[0] = dataclasses.replace(verdicts[0], sentence=said)
    verdicts += _families(evidence, matrices, architectures, families)
    verdicts += _beside_cka(evidence, ordered)
    quantities = []
    for degree, matrix in zip(degrees, matrices, strict=True):
        for i, j in itertools.combinations(range(len(names)), 2):
            quantities.append(
                Quantity("distance of networks", matrix[i, j], network_a=names[i], network_b=names[j], degree=degree)
            )
        quantities += _confounds(ordered, matrix, degree)
        quantities += _variances(evidence, ordered, architectures, degree)
    return verdicts, quantities


def _of_controls(evidence: Evidence, networks: Sequence[Extracted], labels: Sequence[str], verdict: Verdict) -> str:
    """How far apart the control clouds of different architectures lie, in words."""
    plan, degree = evidence.plan, verdict.degree or 0
    names = {network.network for network in networks}
    said = []
    for kind in plan.controls.clouds:
        clouds = partial(controls.side, plan, kind=kind)
        matrix = _distances(evidence, networks, degree, plan.cloud.draws, clouds)
        if matrix is None:
            continue
        off = sum(
            not one.calibrated
            for one in evidence.controls
            if (one.control, one.quantity, one.degree) == (CONTROLS[kind], controls.TOTAL, degree)
            and one.network_a in names
        )
        beside = _effect(matrix, labels)
        said.append(
            f"{CONTROLS[kind]}s are not calibrated in {off} of these layers, so nothing is said of them"
            if off
            else f"{CONTROLS[kind]}s of the same layers lie {1 + beside:.2f}× as far apart, so "
            f"{verdict.effect - beside:.2f} of the effect is beyond them"
        )
    return "; ".join(said)


def _distances(
    evidence: Evidence, networks: Sequence[Extracted], degree: int, draws: int, clouds: Callable[[Layer], Side]
) -> Float64 | None:
    """(n, n) mean distances of matched layers over the first so many draws of the same inputs. clouds: of a layer."""
    n = len(networks)
    matrix = np.zeros((n, n))
    for i, j in itertools.combinations(range(n), 2):
        values = []
        for x, y in matched_layers(networks[i].layers, networks[j].layers):
            pair = (clouds(x).key, clouds(y).key)
            if pair not in evidence.distances:
                return None
            values.append(np.diag(evidence.distances[pair][degree])[:draws].mean())
        matrix[i, j] = matrix[j, i] = float(np.mean(values))
    return matrix if np.isfinite(matrix).all() else None


def _matter(
    evidence: Evidence, matrices: Sequence[Float64], labels: Sequence[str], unit: str, question: str
) -> list[Verdict]:
    """One verdict for each degree: pseudo-F of squared distances; all degrees share the labels that are dealt out.

    matrices: of the degrees that the plan reads.
    """
    names = list(dict.fromkeys(labels))
    sizes = [labels.count(name) for name in names]
    order = np.argsort([names.index(label) for label in labels], kind="stable")
    dealt = labellings(sizes, evidence.plan.seed)
    nulls = [pseudo_f(matrix[np.ix_(order, order)] ** 2, dealt) for matrix in matrices]
    spread = [null.std() if np.isfinite(null).all() else math.inf for null in nulls]
    studentised = [
        (null - null.mean()) / s if 0 < s < math.inf else null for null, s in zip(nulls, spread, strict=True)
    ]
    verdicts = []
    adjusted_of_all = step_down_max_t(np.stack(studentised, axis=1))
    for degree, matrix, null, adjusted in zip(evidence.plan.degrees, matrices, nulls, adjusted_of_all, strict=True):
        shown = adjusted <= evidence.plan.test.alpha
        effect = _effect(matrix, labels)
        sentence = (
            f"H{degree}: networks of different {unit} ({', '.join(names)}) lie {1 + effect:.2f}× as far apart as "
            f"networks of one; "
            + (
                f"the {unit} matters"
                if shown
                else f"it was not shown that the {unit} matters, which is no evidence against it"
            )
            + f" (pseudo-F {null[0]:.2f}, adjusted p = {adjusted:.2g}, "
            f"{' and '.join(str(size) for size in sizes)} units)"
            + unequal_numbers(matrix[np.ix_(order, order)], dealt[0], names, shown)
            + "."
        )
        verdicts.append(
            Verdict(
                f"{question[:-1]}, H{degree}?",
                "yes" if shown else "undecided",
                sentence,
                ", ".join(names),
                degree,
                effect,
                p_adjusted=float(adjusted),
                null=f"units keep their distances and are dealt out anew; {len(dealt)} relabellings; step-down max-T "
                "over degrees",
            )
        )
    return verdicts


def _effect(matrix: Float64, labels: Sequence[str]) -> float:
    """(mean distance between groups - mean within) / mean within."""
    same = np.array([[a == b for b in labels] for a in labels])
    apart = ~np.eye(len(labels), dtype=bool)
    within = matrix[same & apart]
    if not len(within) or within.mean() == 0:
        return math.nan
    return float((matrix[~same].mean() - within.mean()) / within.mean())


def _families(
    evidence: Evidence, matrices: Sequence[Float64], labels: Sequence[str], families: Mapping[str, str | None]
) -> list[Verdict]:
    """Whether architectures of one family are alike: architectures are the units."""
    question = "Are architectures of one family alike?"
    names = list(dict.fromkeys(labels))
    kinds = [families.get(name) or name for name in names]
    sizes = [kinds.count(kind) for kind in dict.fromkeys(kinds)]
    if len(sizes) < 2 or min(sizes) < 2 or smallest_p_of_networks(sizes) > evidence.plan.test.alpha:
        enough = next(n for n in itertools.count(2) if smallest_p_of_networks([n, n]) <= evidence.plan.test.alpha)
        sentence = (
            f"Whether architectures of one family are alike takes architectures as units: {len(names)} in {len(sizes)} "
            f"families cannot show it at {evidence.plan.test.alpha:g}; {enough} architectures in each of two families "
            "can (`family` and `architecture` of every [[network]])."
        )
        return [Verdict(question, "not checkable", sentence, ", ".join(names))]
    members = [[k for k, label in enumerate(labels) if label == name] for name in names]
    between = [
        np.array([[float(matrix[np.ix_(a, b)].mean()) if a is not b else 0.0 for b in members] for a in members])
        for matrix in matrices
    ]
    return _matter(evidence, between, kinds, "family", question)


def _beside_cka(evidence: Evidence, networks: Sequence[Extracted]) -> list[Verdict]:
    """Whether networks that CKA calls alike have like topology: networks are permuted, inputs are not shared."""
    plan = evidence.plan
    n = len(networks)
    alike = np.eye(n)
    tasks = measurements(plan, evidence.networks)
    for (i, j), task in zip(itertools.combinations(range(n), 2), tasks, strict=bool(tasks)):
        if task.key not in evidence.store:
            return []
        alike[i, j] = alike[j, i] = float(evidence.store.read(task.key)["values"].mean())
    orders = _orders(n, plan.seed)
    verdicts = []
    for degree in plan.degrees:
        question = f"Does topology repeat what CKA says of the networks, H{degree}?"
        matrix = _distances(evidence, networks, degree, plan.cloud.draws // 2, evidence.side) if tasks else None
        if matrix is None or n < 4:
            sentence = (
                f"H{degree}: {n} networks on {plan.cloud.draws} draws are too few to relate topology to CKA; it takes "
                "4 networks or more, and 2 draws, for the two to be read on different inputs."
            )
            verdicts.append(Verdict(question, "not checkable", sentence, degree=degree))
            continue
        null = _relations(matrix, 1 - alike, orders)
        p = float((np.abs(null) >= abs(null[0]) - 1e-9).mean())
        related = p <= plan.test.alpha
        sentence = (
            f"H{degree}: distances between networks {'go' if related else 'were not shown to go'} with 1 − CKA on "
            f"other inputs (Spearman ρ = {null[0]:.2f} over {n * (n - 1) // 2} pairs, p = {p:.2g}, {n} networks "
            "permuted)."
        )
        verdicts.append(
            Verdict(
                question,
                "yes" if related else "undecided",
                sentence,
                degree=degree,
                effect=float(null[0]),
                p_adjusted=p,
                null=f"networks are exchangeable between the two measures; {len(orders)} orders; two-sided",
            )
        )
    return verdicts


def _orders(n: int, seed: int) -> Ints:
    """Orders of n things, the first as they stand: all of them, or `ORDERS` random ones."""
    if math.factorial(n) <= ORDERS:
        return np.array(list(itertools.permutations(range(n))), dtype=np.int64)
    orders = np.tile(np.arange(n), (ORDERS + 1, 1))
    orders[1:] = np.random.default_rng(np.random.SeedSequence([seed, n])).permuted(orders[1:], axis=1)
    return orders


def _relations(a: Float64, b: Float64, orders: Ints) -> Float64:
    """Spearman correlation of the pairs of two matrices, the networks of the second in every order (Mantel 1967)."""
    from scipy.stats import rankdata

    upper = np.triu_indices(len(a), 1)
    ranks = np.zeros_like(b)
    ranks[upper] = rankdata(b[upper])
    ranks += ranks.T
    x = rankdata(a[upper])
    x = x - x.mean()
    y = ranks[orders[:, upper[0]], orders[:, upper[1]]]
    y = y - y.mean(axis=1, keepdims=True)
    norm = np.sqrt((x**2).sum() * (y[0] ** 2).sum())
    return np.asarray(y @ x / norm if norm else np.zeros(len(orders)))


def _confounds(networks: Sequence[Extracted], matrix: Float64, degree: int) -> list[Quantity]:
    """How distances go with differences in accuracy and in width: not tested, for a reader to weigh."""
    from scipy.stats import rankdata

    accuracy = [network.accuracy if network.accuracy is not None else math.nan for network in networks]
    width = [float(np.mean([math.log(layer.dimension) for layer in network.layers])) for network in networks]
    upper = np.triu_indices(len(networks), 1)
    quantities = []
    for name, values in (("accuracy", accuracy), ("log width", width)):
        apart = np.abs(np.subtract.outer(values, values))[upper]
        if np.isfinite(apart).all() and apart.std() > 0 and matrix[upper].std() > 0:
            rho = float(np.corrcoef(rankdata(apart), rankdata(matrix[upper]))[0, 1])
            quantities.append(Quantity(f"Spearman of distances and differences in {name}", rho, degree=degree))
    return quantities


def _variances(evidence: Evidence, networks: Sequence[Extracted], labels: Sequence[str], degree: int) -> list[Quantity]:
    """Shares of architecture, seed, draw and residual, where every architecture has equally many networks."""
    sizes = {labels.count(name) for name in labels}
    k = evidence.plan.cloud.draws
    if len(sizes) > 1 or k < 2:
        return []
    n = len(networks)
    squares = np.zeros((n, k, n, k))
    for i, j in itertools.combinations_with_replacement(range(n), 2):
        pairs = (
            [(layer, layer) for layer in networks[i].layers]
            if i == j
            else matched_layers(networks[i].layers, networks[j].layers)
        )
        found = [
            evidence.distances[Side.of(evidence.plan, x).key, Side.of(evidence.plan, y).key][degree] for x, y in pairs
        ]
        mean = np.mean([part**2 for part in found], axis=0)
        squares[i, :, j, :] = mean
        squares[j, :, i, :] = mean.T
    found_components = components_of(
        squares.reshape(n * k, n * k), len(set(labels)), sizes.pop(), k, evidence.plan.distance.measure().name
    )
    names: dict[str, Any] = {"degree": degree}
    return [
        Quantity(f"share of variance: {name}", found_components.share(name), **names)
        for name in found_components.components
    ]


_NETWORKS = "".join(
    f"""\
[[network]]
name = "{name} {seed}"
architecture = "{name}"{" " * (20 - len(name))}# networks of one architecture differ in their seed
family = "{family}"
seed = {seed}
model = "my.nets:{name}@runs/{name}-{seed}.safetensors"
layers = ["blocks"]

"""
    for name, family in (("resnet8", "resnet"), ("vgg6", "vgg"))
    for seed in range(4)
)

RECIPE = Recipe(
    template("architectures", "does the architecture make the topology?", networks=_NETWORKS),
    planned,
    answer,
    check,
    measurements=measurements,
)
