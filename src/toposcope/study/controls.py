"""What a study's layers have beyond their controls, and whether the controls can be trusted with that.

Clouds: every draw of a layer beside a Gaussian or a shuffled cloud of its own, as `[controls] clouds` asks. What is
held against them is the total persistence of a draw, and the effect of every comparison that a recipe plans. Networks:
those that the plan calls controls, such as untrained twins, beside a second one of their kind.

A control is itself an estimate. Clouds that are made as the controls are, stand-ins, are therefore treated as the layer
is: where they differ from controls of their own more often than chance allows, nothing is called an excess, and no
p-value is smaller than the share of stand-ins that differ as much.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, Literal

import numpy as np

from toposcope._errors import PlanError
from toposcope._types import Float64, Floats
from toposcope.cloud import GaussianControl, ShuffledControl
from toposcope.diagram import PersistenceDiagram
from toposcope.distances import total_persistence
from toposcope.stats import (
    PairedCell,
    UnpairedCell,
    effect,
    energy_bounds,
    enough_draws,
    mean_interval,
    step_down_max_t,
    swaps,
)
from toposcope.stats.equivalence import FEWEST_DRAWS
from toposcope.store import Store, key_of
from toposcope.study.plan import Homology, Study
from toposcope.study.tasks import SCHEMA, Extracted, Layer, Side, engine_versions, read_layer
from toposcope.study.treatments import CONTROLS, ControlOf, control_cloud
from toposcope.study.verdicts import Control, Evidence, Planned, SameInputs

_TIE = 1e-9

MISFIT = 0.01
"""A kind of control is not trusted where so many false excesses, or more, would come about this rarely by chance."""

TOTAL = "total persistence"
EFFECT = "effect"
APART = "2·AB - AA - BB"
CONTROL_NETWORKS = "control networks"
"""The claim of planned pairs of a network and its controls, and of two controls of one kind."""


def check(plan: Study) -> None:
    """Enough draws for a control to differ from its layer at the level. Raises PlanError."""
    needed = enough_draws(plan.test.alpha, paired=True)
    if plan.controls.clouds and (needed is None or plan.cloud.draws < needed):
        raise PlanError(
            f"[controls] clouds are held against their layers draw by draw, and {plan.cloud.draws} draws cannot show a "
            f"difference at {plan.test.alpha:g}; "
            + ("set [test] alpha higher" if needed is None else f"set [cloud] draws = {needed} or more")
        )
    fewest = math.ceil(1 / plan.test.alpha - 1e-9) - 1
    if plan.controls.clouds and plan.controls.stand_ins < fewest:
        raise PlanError(
            f"{plan.controls.stand_ins} stand-ins cannot show an excess at {plan.test.alpha:g}; set [controls] "
            f"stand_ins = {fewest} or more"
        )


def side(plan: Study, layer: Layer, kind: str) -> Side:
    """The control clouds of a layer."""
    return of_side(Side.of(plan, layer), kind)


def of_side(plain: Side, kind: str) -> Side:
    """The control clouds of a layer whose draws are taken in some way."""
    return dataclasses.replace(plain, treatment=ControlOf(kind, plain.treatment))


def sides(plan: Study, networks: Sequence[Extracted]) -> list[Side]:
    """Control clouds of every layer, in every kind that the plan names."""
    return [
        side(plan, layer, kind) for network in networks for layer in network.layers for kind in plan.controls.clouds
    ]


def planned(
    plan: Study, networks: Sequence[Extracted], same_inputs: SameInputs, asked: Sequence[Planned]
) -> list[Planned]:
    """The comparisons of the recipe between control clouds, and networks beside their control networks; measured,
    not tested."""
    between_clouds = [
        Planned(one.claim, of_side(one.a, kind), of_side(one.b, kind), one.paired, tested=False)
        for one in asked
        if one.controlled
        for kind in plan.controls.clouds
    ]
    by_name = {network.network: network for network in networks}
    between_networks = [
        Planned(CONTROL_NETWORKS, Side.of(plan, x), Side.of(plan, y), same_inputs[a, b], tested=False)
        for _kind, pairs in _network_pairs(plan)
        for a, b in pairs
        if a in by_name and b in by_name
        for x, y in _same_names(by_name[a], by_name[b])
    ]
    return [*between_clouds, *{(p.a.key, p.b.key): p for p in between_networks}.values()]


def _same_names(a: Extracted, b: Extracted) -> list[tuple[Layer, Layer]]:
    names = {layer.layer: layer for layer in b.layers}
    return [(layer, names[layer.layer]) for layer in a.layers if layer.layer in names]


def controls_of(plan: Study, name: str) -> dict[str, list[str]]:
    """Kind → names of the networks that `control_of` calls controls of one network."""
    found: dict[str, list[str]] = {}
    for network in plan.network:
        if network.control is not None and network.control_of == name:
            found.setdefault(network.control, []).append(network.name)
    return found


def _network_pairs(plan: Study) -> list[tuple[str, list[tuple[str, str]]]]:
    """For every network and kind of its controls: itself with each, then each two of them."""
    found = []
    for network in plan.network:
        for kind, names in controls_of(plan, network.name).items():
            pairs = [(network.name, name) for name in names]
            found.append((kind, [*pairs, *itertools.combinations(names, 2)]))
    return found


@dataclasses.dataclass(frozen=True)
class StandIns:
    """How often clouds that are made as the controls of a layer are would be told from controls of their own."""

    uses_torch: ClassVar[bool] = False

    side: Side
    kind: str
    count: int
    seed: int
    homology: Homology

    @property
    def key(self) -> str:
        """Of the p-values."""
        return key_of(
            "stand-ins",
            schema=SCHEMA,
            side=self.side.key,
            clouds=self.kind,
            count=self.count,
            seed=self.seed,
            homology=self.homology.model_dump(mode="json"),
            versions=engine_versions(),
        )

    @property
    def title(self) -> str:
        """For progress and failures."""
        return f"stand-ins of {self.side.layer.title} for its {CONTROLS[self.kind]}"

    def perform(self, store: Store, progress: Callable[[int, int | None], None] | None = None) -> None:
        """Keep (count, degrees) p-values and the statistics that they come from."""
        layer, draws = read_layer(store, self.side.layer.key), self.side.cloud.draws
        drawn = [self.side.drawn(layer, draw, self.seed) for draw in range(draws)]
        clouds = [one.points for one in drawn]
        degrees = self.homology.max_degree + 1

        def totals(points: Floats, draw: int) -> list[float]:
            made = dataclasses.replace(drawn[draw], points=points.astype(clouds[draw].dtype))
            return _totals(self.side.diagram(made, self.homology, self.homology.max_degree), degrees)

        p_values, statistics = [], []
        for number in range(self.count):
            generator = np.random.default_rng(np.random.SeedSequence([self.seed, number, len(self.kind), draws]))
            made = _stand_in(self.kind, clouds, generator)
            own = [control_cloud(self.kind, made, draw, generator) for draw in range(draws)]
            values, controls = (
                np.array([totals(cloud, draw) for draw, cloud in enumerate(some)]) for some in (made, own)
            )
            null = _studentised(values - controls, self.seed)
            p_values.append((null >= null[0] - _TIE).mean(axis=0))
            statistics.append(null[0])
            if progress is not None:
                progress(number + 1, self.count)
        store.write(self.key, {"p": np.array(p_values), "statistic": np.array(statistics)})


def _stand_in(kind: str, clouds: Sequence[Floats], generator: np.random.Generator) -> list[Float64]:
    """Draws of a source that has no excess by how it was made: one Gaussian, or columns without dependence."""
    if kind == "shuffled":
        return [ShuffledControl()(cloud, generator) for cloud in clouds]
    gaussian = GaussianControl("shrunk", np.concatenate(clouds))
    everything = gaussian(np.concatenate(clouds), generator)
    return np.split(everything, np.cumsum([len(cloud) for cloud in clouds])[:-1])


def measurements(plan: Study, networks: Sequence[Extracted]) -> list[StandIns]:
    """The stand-ins of every layer, in every kind that the plan names."""
    return [
        StandIns(Side.of(plan, layer), kind, plan.controls.stand_ins, plan.seed, plan.homology)
        for network in networks
        for layer in network.layers
        for kind in plan.controls.clouds
    ]


def _totals(diagram: PersistenceDiagram, degrees: int) -> list[float]:
    return [total_persistence(diagram, degree) for degree in range(degrees)]


def _studentised(differences: Float64, seed: int) -> Float64:
    """(relabellings, tests) absolute mean of (draws, tests) paired differences under every change of their signs, in
    units of their root mean square; the observed first."""
    scale = np.sqrt((differences**2).sum(axis=0))
    unit = np.divide(differences, scale, out=np.zeros_like(differences), where=scale > 0)
    return np.asarray(np.abs(swaps(len(differences), seed) @ unit) / math.sqrt(len(differences)))


# --- what comes of them -----------------------------------------------------------------------------------------------


def held_against(evidence: Evidence, asked: Sequence[Planned]) -> list[Control]:
    """Every layer, and every comparison of the recipe, beside its controls."""
    layers = _layers(evidence)
    calibration = {
        (one.control, one.network_a, one.layer_a, one.degree): (one.calibration, one.calibrated) for one in layers
    }
    return [*layers, *_comparisons(evidence, asked, calibration), *_networks(evidence)]


def _layers(evidence: Evidence) -> list[Control]:
    """Total persistence of every layer beside that of its control clouds; tests adjusted together."""
    plan, degrees = evidence.plan, evidence.plan.homology.max_degree + 1
    places: list[tuple[Layer, Literal["gaussian", "shuffled"], int]] = []
    pairs: list[tuple[Float64, Float64]] = []
    for network in evidence.networks:
        for layer, kind in itertools.product(network.layers, plan.controls.clouds):
            clouds = [evidence.side(layer).key, side(plan, layer, kind).key]
            if any(key not in evidence.diagrams for key in clouds):
                continue
            totals = [np.array([_totals(diagram, degrees) for diagram in evidence.diagrams[key]]) for key in clouds]
            for degree in range(degrees):
                places.append((layer, kind, degree))
                pairs.append((totals[0][:, degree], totals[1][:, degree]))
    if not places:
        return []
    null = _studentised(np.stack([own - control for own, control in pairs], axis=1), plan.seed)
    p_values = (null >= null[0] - _TIE).mean(axis=0)
    adjusted = step_down_max_t(null)
    known = _stand_ins(evidence)
    found = []
    for k, ((layer, kind, degree), (own, control)) in enumerate(zip(places, pairs, strict=True)):
        mean = float(control.mean())
        relative = (own - control) / mean if mean > 0 else np.full(len(own), math.nan)
        interval = mean_interval(relative, plan.test.confidence) if np.isfinite(relative).all() else None
        share, as_far = math.nan, 1.0
        if (layer.key, kind) in known:
            p, statistic = (part[:, degree] for part in known[layer.key, kind])
            share = float((p <= plan.test.alpha).mean())
            as_far = (1 + int((statistic >= null[0, k] - _TIE).sum())) / (1 + len(statistic))
        found.append(
            Control(
                CONTROLS[kind],
                TOTAL,
                layer.network,
                layer.layer,
                degree=degree,
                value=float(own.mean()),
                control_value=mean,
                excess=float(relative.mean()),
                low=math.nan if interval is None else max(interval.low, -1.0),  # nothing falls short by more than all
                high=math.nan if interval is None else interval.high,
                p=max(float(p_values[k]), as_far),
                p_adjusted=max(float(adjusted[k]), as_far),
                calibration=share,
                calibrated=_trusted(share, plan),
            )
        )
    return found


def _stand_ins(evidence: Evidence) -> dict[tuple[str, str], tuple[Float64, Float64]]:
    """(key of a layer, kind) → p-values and statistics of its stand-ins, (stand-ins, degrees) each."""
    kept = {
        (task.side.layer.key, task.kind): evidence.store.read(task.key)
        for task in measurements(evidence.plan, evidence.networks)
        if task.key in evidence.store
    }
    return {place: (arrays["p"], arrays["statistic"]) for place, arrays in kept.items()}


def _trusted(share: float, plan: Study) -> bool:
    from scipy.stats import binom

    tried = plan.controls.stand_ins
    return math.isfinite(share) and bool(binom.sf(round(share * tried) - 1, tried, plan.test.alpha) > MISFIT)


def _comparisons(
    evidence: Evidence,
    asked: Sequence[Planned],
    calibration: Mapping[tuple[str, str, str, int | None], tuple[float, bool]],
) -> list[Control]:
    """The effect of every planned comparison beside the effect between the controls of its two layers."""
    found = []
    for one, kind in itertools.product(asked, evidence.plan.controls.clouds):
        control = of_side(one.a, kind), of_side(one.b, kind)
        if not one.controlled:
            continue
        for degree in range(evidence.plan.homology.max_degree + 1):
            cells = [cell_of(evidence, a, b, degree, one.paired) for a, b in ((one.a, one.b), control)]
            own, beside = (math.nan if cell is None else effect(cell) for cell in cells)
            if not math.isfinite(own) or not math.isfinite(beside):
                continue
            x, y = one.a.layer, one.b.layer
            known = [calibration.get((CONTROLS[kind], z.network, z.layer, degree), (math.nan, False)) for z in (x, y)]
            found.append(
                Control(
                    CONTROLS[kind],
                    EFFECT,
                    x.network,
                    x.layer,
                    y.network,
                    y.layer,
                    degree,
                    own,
                    beside,
                    own - beside,
                    calibration=max(share for share, _trusted in known),
                    calibrated=all(trusted for _share, trusted in known),
                )
            )
    return found


def cell_of(evidence: Evidence, a: Side, b: Side, degree: int, paired: bool) -> PairedCell | UnpairedCell | None:
    """The distances between the draws of two sides; None where they were not all measured, or one is infinite."""
    keys = (a.key, a.key), (b.key, b.key), (a.key, b.key)
    if any(key not in evidence.distances for key in keys):
        return None
    parts = [evidence.distances[key][degree] for key in keys]
    if min(parts[2].shape) < 2 or not all(np.isfinite(part).all() for part in parts):
        return None
    return (PairedCell if paired else UnpairedCell)(f"{a.title} and {b.title}", *parts)


def _networks(evidence: Evidence) -> list[Control]:
    """How far a layer lies from that of a control network, beside how far two such control networks lie apart.

    A second control of the kind is what calibrates the first. Bounds hold for all layers and degrees together.
    """
    plan = evidence.plan
    degrees = range(plan.homology.max_degree + 1)
    layers = {(n.network, layer.layer): layer for n in evidence.networks for layer in n.layers}

    def cell(a: str, b: str, layer: str, degree: int) -> PairedCell | UnpairedCell | None:
        if (a, layer) not in layers or (b, layer) not in layers:
            return None
        x, y = evidence.side(layers[a, layer]), evidence.side(layers[b, layer])
        return cell_of(evidence, x, y, degree, evidence.same_inputs[a, b])

    asked = [
        (network.network, kind, names, layer, degree)
        for network in evidence.networks
        for kind, names in controls_of(plan, network.network).items()
        for layer in network.layers
        for degree in degrees
    ]
    level = 1 - (1 - plan.test.confidence) / max(1, sum(len(names) for _n, _k, names, _l, _d in asked))
    found = []
    for network_name, kind, names, layer, degree in asked:
        own = [c for name in names if (c := cell(network_name, name, layer.layer, degree)) is not None]
        twins = [c for pair in itertools.combinations(names, 2) if (c := cell(*pair, layer.layer, degree)) is not None]
        if not own or any(len(one.between) < FEWEST_DRAWS for one in (*own, *twins)):
            continue
        # With several controls, of the nearest one.
        value, low, high = min((energy_bounds(one, level) for one in own), key=lambda bounds: bounds[0])
        apart = [energy_bounds(one)[0] for one in twins]
        second = max(0.0, float(np.mean(apart))) if apart else math.nan
        found.append(
            Control(
                kind,
                APART,
                layer.network,
                layer.layer,
                ", ".join(names),
                layer.layer,
                degree,
                value,
                second,
                value - second,
                low - second,
                high - second,
                calibrated=bool(apart),
            )
        )
    return found


# --- in words ---------------------------------------------------------------------------------------------------------


def about_layers(evidence: Evidence, networks: Sequence[str]) -> str:
    """What the layers of some networks have beyond their control clouds: one sentence for each kind."""
    said = []
    for kind in dict.fromkeys(one.control for one in evidence.controls if one.quantity == TOTAL):
        rows = [
            one
            for one in evidence.controls
            if one.control == kind and one.quantity == TOTAL and one.network_a in networks
        ]
        if not rows:
            continue
        trusted = [one for one in rows if one.calibrated]
        shown = [one for one in trusted if one.p_adjusted <= evidence.plan.test.alpha]
        text = f"{kind}s: "
        if not trusted:
            text += f"not calibrated in any of {len(rows)} layers and degrees"
        elif not shown:
            text += (
                f"in none of {len(trusted)} layers and degrees was the total persistence shown to differ from theirs"
            )
        else:
            most = max(shown, key=lambda one: abs(one.excess))
            above = sum(one.excess > 0 for one in shown)
            text += (
                f"total persistence exceeds theirs in {above} and falls short in {len(shown) - above} of "
                f"{len(trusted)} layers and degrees (most {_place(most)}, {most.excess:+.0%}, {most.low:+.0%} to "
                f"{most.high:+.0%}, adjusted p = {most.p_adjusted:.2g})"
            )
        if trusted and len(trusted) < len(rows):
            text += f"; {len(rows) - len(trusted)} more are not calibrated"
        said.append(text)
    return "; ".join(said)


def about_comparison(evidence: Evidence, a: tuple[str, str], b: tuple[str, str], degree: int) -> str:
    """How much of one comparison's effect the controls of its two layers show; nothing without control clouds.

    a, b: network and layer.
    """
    place = (*a, *b, degree)
    said = []
    for one in evidence.controls:
        if one.quantity == EFFECT and (one.network_a, one.layer_a, one.network_b, one.layer_b, one.degree) == place:
            said.append(
                f"the {one.control}s of these two layers show an effect of {one.control_value:.2f} (excess "
                f"{one.excess:.2f})"
                if one.calibrated
                else f"{one.control}s of these two layers are not calibrated"
            )
    return "; ".join(said)


def about_networks(evidence: Evidence, networks: Sequence[str]) -> str:
    """How far networks lie from their control networks, beside how far two of those lie apart."""
    said = []
    for name in networks:
        for kind in dict.fromkeys(one.control for one in evidence.controls if one.quantity == APART):
            rows = [
                one for one in evidence.controls if (one.control, one.quantity, one.network_a) == (kind, APART, name)
            ]
            if not rows:
                continue
            if not rows[0].calibrated:
                said.append(f"{name} beside one {kind} network: no excess without a second one of the kind")
                continue
            beyond = [one for one in rows if one.low > 0]
            said.append(
                f"{name} lies farther from {kind} networks than these from each other in {len(beyond)} of {len(rows)} "
                "layers and degrees"
            )
    return "; ".join(said)


def _place(one: Control) -> str:
    return f"{one.network_a} {one.layer_a} in H{one.degree}"


def sentence(*parts: str) -> str:
    """The text of a verdict about its controls; nothing where there is nothing to say."""
    return "; ".join(part for part in parts if part)
