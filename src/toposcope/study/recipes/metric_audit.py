"""Recipe `metric-audit`: which conclusions stay when the distance between points is another one?

The same draws are measured under every metric. Three things are asked. Do adjacent layers, and planned pairs, differ
under each? All tests of all metrics are adjusted together. Does a number of the diagram rise or fall along depth under
each? Its slope is taken draw by draw, with bounds that hold for all slopes together. And how far can each metric be
trusted here? Circles are planted at the number of points and of dimensions of the layers (Damrich, Berens and Kobak
2024), and it is counted how many the metric shows.

A difference that one metric shows and another does not is no contradiction: the other may be blind. Two directions that
are both shown are one.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from toposcope._errors import PlanError
from toposcope._types import Float64
from toposcope.cloud.metrics import metric_named
from toposcope.diagram import PersistenceDiagram
from toposcope.distances import descriptors
from toposcope.stats import CircleDetection, circle_detection, mean_interval
from toposcope.store import Store, key_of
from toposcope.study.inputs import nothing_tested
from toposcope.study.plan import Study
from toposcope.study.recipes.comparisons import along_depth, between_networks
from toposcope.study.recipes.template import template
from toposcope.study.tasks import SCHEMA, Extracted, Layer, Side, engine_versions, read_layer
from toposcope.study.treatments import UnderMetric
from toposcope.study.verdicts import Answer, Evidence, Planned, Quantity, Recipe, SameInputs, Verdict

_ANGLES = ("cosine", "correlation")
"""Metrics that see where the origin is."""


def metrics(plan: Study) -> list[str]:
    """The plan's own metric, then those it is held against."""
    return list(dict.fromkeys((plan.cloud.metric, *plan.metric_audit.metrics)))


def names(plan: Study) -> dict[str, str]:
    """What sentences call each metric: without its parameters, where that is enough to know it."""
    heads = [metric.partition("(")[0] for metric in metrics(plan)]
    return {
        metric: head if heads.count(head) == 1 else metric for metric, head in zip(metrics(plan), heads, strict=True)
    }


def check(plan: Study) -> None:
    """Enough metrics, points and draws, and loops to look for."""
    if len(metrics(plan)) < 2:
        raise PlanError(
            f"metric-audit holds metrics against each other, and {plan.cloud.metric} is the only one; "
            "give [metric_audit] metrics others than that of [cloud]"
        )
    for name in metrics(plan):
        neighbours = getattr(metric_named(name), "k", None)
        if neighbours is not None and neighbours >= plan.cloud.size:
            raise PlanError(
                f"[metric_audit] metric {name} needs draws of more than {neighbours} points, and [cloud] size is "
                f"{plan.cloud.size}; take larger draws, or a smaller k, as in {{ name = "
                f'"{name.partition("(")[0]}", k = {max(1, plan.cloud.size // 7)} }}'
            )
    if plan.homology.max_degree < 1:
        raise PlanError("metric-audit plants circles, which are loops; set [homology] max_degree = 1 or higher")
    if plan.cloud.draws < 2:
        raise PlanError("metric-audit needs at least 2 draws for a slope with bounds; set [cloud] draws to 6 or more")


def under(plan: Study, layer: Layer, metric: str) -> Side:
    """The clouds of a layer under one metric; under the plan's own they are the plan's."""
    own = Side.of(plan, layer)
    if metric == plan.cloud.metric:
        return own
    return Side(layer, plan.cloud.model_copy(update={"metric": metric}), UnderMetric(metric, own.treatment))


def sides(plan: Study, networks: Sequence[Extracted]) -> list[Side]:
    """Every layer under every metric."""
    return [under(plan, layer, metric) for metric in metrics(plan) for n in networks for layer in n.layers]


def planned(plan: Study, networks: Sequence[Extracted], same_inputs: SameInputs) -> list[Planned]:
    """Adjacent layers of every network, then `[[compare]]`, under every metric."""
    asked = [*along_depth(plan, networks), *between_networks(plan, networks, same_inputs)]
    return [
        Planned(
            _claim(one.claim, metric),
            under(plan, one.a.layer, metric),
            under(plan, one.b.layer, metric),
            one.paired,
        )
        for metric in metrics(plan)
        for one in asked
    ]


def _claim(claim: str, metric: str) -> str:
    return f"{claim}, {metric}"


@dataclasses.dataclass(frozen=True)
class PlantedCircles:
    """Plants circles and counts how many a metric shows. layer: whose offset from the origin they take, for angles."""

    uses_torch: ClassVar[bool] = False

    metric: str
    size: int
    dimension: int
    noise: tuple[float, ...]
    circles: int
    seed: int
    layer: Layer | None

    @property
    def key(self) -> str:
        """Of the scores."""
        return key_of(
            "circles",
            schema=SCHEMA,
            metric=self.metric,
            size=self.size,
            dimension=self.dimension,
            noise=self.noise,
            circles=self.circles,
            seed=self.seed,
            layer=None if self.layer is None else self.layer.key,
            versions=engine_versions(),
        )

    @property
    def title(self) -> str:
        """For progress and failures."""
        where = f"{self.dimension} dimensions" if self.layer is None else self.layer.title
        return f"planted circles under {self.metric}, {where}"

    def perform(self, store: Store, progress: Callable[[int, int | None], None] | None = None) -> None:
        """Keep the scores with a circle and without, the offset, and how many clouds the metric could not take."""
        offset = 0.0
        if self.layer is not None:
            points = read_layer(store, self.layer.key).points.astype(np.float64)
            centre = points.mean(axis=0)
            spread = float(np.sqrt(((points - centre) ** 2).sum(axis=1).mean()))
            offset = float(np.linalg.norm(centre)) / spread if spread > 0 else 0.0
        found = circle_detection(
            self.metric, self.size, self.dimension, self.noise, self.circles, self.seed, offset=offset
        )
        numbers = {"offset": np.array(offset), "undefined": np.array(found.undefined)}
        store.write(self.key, {"scores": found.scores, "without": found.without, **numbers})

    def read(self, store: Store) -> CircleDetection:
        """What was kept."""
        kept = store.read(self.key)
        return CircleDetection(
            self.metric,
            self.size,
            self.dimension,
            self.noise,
            kept["scores"],
            kept["without"],
            int(kept["undefined"]),
        )


def planted(plan: Study, layer: Layer, metric: str) -> PlantedCircles | None:
    """The circles that stand for one layer; none for one dimension, in which there is no circle."""
    components = plan.cloud.components
    dimension = layer.dimension if components is None else min(layer.dimension, components)
    if dimension < 2:
        return None
    options = plan.metric_audit
    # Principal components are centred, so their angles are seen from the middle of the cloud.
    of_layer = layer if metric in _ANGLES and components is None else None
    return PlantedCircles(metric, plan.cloud.size, dimension, options.noise, options.circles, plan.seed, of_layer)


def measurements(plan: Study, networks: Sequence[Extracted]) -> list[PlantedCircles]:
    """Circles for every metric and number of dimensions; for angles, for every layer."""
    tasks = [planted(plan, layer, metric) for metric in metrics(plan) for n in networks for layer in n.layers]
    return list({task.key: task for task in tasks if task is not None}.values())


def answer(evidence: Evidence) -> tuple[list[Verdict], list[Quantity]]:
    """In how far the conclusions hang on the metric; then every claim and course; then the circles."""
    detection, of_circles = _circles(evidence)
    trusted = _trusted(evidence, detection)
    courses, of_courses = _courses(evidence)
    claims = [
        verdict
        for claim in dict.fromkeys(one.claim for one in _asked(evidence))
        if (verdict := _about_claim(evidence, claim, trusted)) is not None
    ]
    directions = [_about_course(evidence, key, slopes, trusted) for key, slopes in courses.items()]
    seen = [_about_circles(evidence, layers, detection) for layers in _by_dimension(evidence, detection)]
    return [_headline(evidence, claims, directions, trusted), *claims, *directions, *seen], [*of_courses, *of_circles]


def _asked(evidence: Evidence) -> list[Planned]:
    """What is planned under the plan's own metric, and so under each."""
    plan = evidence.plan
    return [
        *along_depth(plan, evidence.networks),
        *between_networks(plan, evidence.networks, evidence.same_inputs),
    ]


# Circles


Detections = Mapping[tuple[str, str], CircleDetection]
"""By key of a layer and metric."""


def _circles(evidence: Evidence) -> tuple[dict[tuple[str, str], CircleDetection], list[Quantity]]:
    """What was planted for every layer and metric, and its numbers."""
    plan = evidence.plan
    found: dict[tuple[str, str], CircleDetection] = {}
    quantities = []
    for layer in (layer for network in evidence.networks for layer in network.layers):
        for metric in metrics(plan):
            task = planted(plan, layer, metric)
            if task is None or task.key not in evidence.store:
                continue
            one = found[layer.key, metric] = task.read(evidence.store)
            of: dict[str, Any] = {"network_a": layer.network, "layer_a": layer.layer}
            bounds = one.interval(plan.test.confidence)
            for noise, share, scores, bound in zip(one.noise, one.found, one.scores, bounds, strict=True):
                mean = float(scores.mean())
                quantities += [
                    Quantity("planted circles found", float(share), **of, degree=1, at=noise, clouds=metric),
                    Quantity("detection score", mean, bound.low, bound.high, **of, degree=1, at=noise, clouds=metric),
                ]
            largest = float(one.without.max())
            quantities.append(Quantity("detection score without a circle", largest, **of, degree=1, clouds=metric))
    return found, quantities


def _trusted(evidence: Evidence, detection: Detections) -> list[str]:
    """Metrics that show the planted circles of every layer at the least noise that was tried."""
    share = evidence.plan.metric_audit.found
    return [
        metric
        for metric in metrics(evidence.plan)
        if (of_metric := [one for (_layer, name), one in detection.items() if name == metric])
        and all(math.isfinite(one.up_to(share)) for one in of_metric)
    ]


def _by_dimension(evidence: Evidence, detection: Detections) -> list[list[Layer]]:
    """Layers of one number of dimensions together, in order of that number."""
    groups: dict[int, list[Layer]] = {}
    for layer in (layer for network in evidence.networks for layer in network.layers):
        there = [detection.get((layer.key, metric)) for metric in metrics(evidence.plan)]
        if any(there):
            groups.setdefault(next(one.dimension for one in there if one is not None), []).append(layer)
    return [groups[dimension] for dimension in sorted(groups)]


def _about_circles(evidence: Evidence, layers: Sequence[Layer], detection: Detections) -> Verdict:
    """Which metrics show circles in layers of one number of dimensions; angles count by their worst layer."""
    plan = evidence.plan
    options = plan.metric_audit
    reach: dict[str, float] = {}
    dimension = 0
    for metric in metrics(plan):
        there = [detection[layer.key, metric] for layer in layers if (layer.key, metric) in detection]
        if there:
            dimension = there[0].dimension
            reach[metric] = min((one.up_to(options.found) for one in there), key=lambda up: (math.isfinite(up), up))
    called = names(plan)
    blind = [called[metric] for metric, up_to in reach.items() if not math.isfinite(up_to)]
    parts = [
        f"up to noise {noise:g} under {', '.join(seeing)}"
        for noise in reversed(options.noise)
        if (seeing := [called[metric] for metric, up_to in reach.items() if up_to == noise])
    ]
    parts += [f"at no noise that was tried under {', '.join(blind)}"] if blind else []
    sentence = (
        f"Circles planted among {plan.cloud.size} points in {dimension} dimensions are shown, {options.found:.0%} or "
        f"more of them, {'; '.join(parts)} ({options.circles} circles of radius 1 for each noise "
        f"{_list(options.noise)} in each dimension, and {options.circles} clouds without; seed {plan.seed})."
    )
    return Verdict(
        f"Does every metric show a circle planted among {plan.cloud.size} points in {dimension} dimensions?",
        "no" if blind else "yes",
        sentence,
        ", ".join(dict.fromkeys(layer.network for layer in layers)),
        1,
        effect=min((up_to for up_to in reach.values() if math.isfinite(up_to)), default=math.nan),
        margin=options.found,
        null="found: the score exceeds that of every cloud without a circle",
    )


def _list(numbers: Iterable[float]) -> str:
    return ", ".join(f"{number:g}" for number in numbers)


# Claims


def _about_claim(evidence: Evidence, claim: str, trusted: Sequence[str]) -> Verdict | None:
    """The steps and pairs of one claim: under which metrics each is shown to differ."""
    plan = evidence.plan
    shown: dict[tuple[str, ...], dict[str, bool]] = {}
    smallest: dict[tuple[str, ...], float] = {}
    for metric in metrics(plan):
        for row in evidence.tested(_claim(claim, metric)):
            cell = tuple(str(row[name]) for name in ("network_a", "layer_a", "network_b", "layer_b", "degree"))
            shown.setdefault(cell, {})[metric] = row["p_adjusted"] <= plan.test.alpha
            smallest[cell] = min(smallest.get(cell, 1.0), float(row["p_adjusted"]))
    question = f"Do the layers differ whatever the metric: {claim}?"
    if not shown:
        sentence = f"{_first_upper(claim)}: {nothing_tested(plan.test.alpha)}."
        return Verdict(question, "undecided", sentence, claim)
    asked = len(metrics(plan))
    whole = [cell for cell, by in shown.items() if len(by) == asked and all(by.values())]
    some = [cell for cell, by in shown.items() if any(by.values()) and cell not in whole]
    untested = sum(len(by) < asked for by in shown.values())
    by_metric = {metric: sum(by.get(metric, False) for by in shown.values()) for metric in metrics(plan)}
    counts = ", ".join(f"{names(plan)[metric]} {count}" for metric, count in by_metric.items())
    agreed = _agreed(shown, trusted)
    sentence = (
        f"{_first_upper(claim)}: of {len(shown)} comparisons (pairs of layers, H{plan.degrees[0]} to "
        f"H{plan.degrees[-1]}), {len(whole)} shown to differ under all {asked} metrics, {len(some)} under some, "
        f"{len(shown) - len(whole) - len(some)} under none"
        + (f", and {untested} could not be tested under every metric" if untested else "")
        + f"; by metric: {counts}."
        + (f" Of the metrics that show planted circles: {agreed}." if 0 < len(trusted) < asked else "")
        + (" Where one metric shows a difference and another does not, the other may be blind." if some else "")
    )
    most = min(whole or some or shown, key=lambda cell: smallest[cell])
    return Verdict(
        question,
        "yes" if whole and not some else "undecided",
        sentence,
        f"{most[0]} {most[1]} and {most[2]} {most[3]}",
        int(most[4]),
        effect=len(whole) / len(shown),
        p_adjusted=smallest[most],
        null="tests of all metrics adjusted together; effect: share of comparisons shown under every metric",
    )


def _agreed(shown: Mapping[tuple[str, ...], Mapping[str, bool]], trusted: Sequence[str]) -> str:
    whole = sum(all(by.get(metric, False) for metric in trusted) for by in shown.values())
    some = sum(any(by.get(metric, False) for metric in trusted) for by in shown.values()) - whole
    return f"{whole} shown under all {len(trusted)}, and {some} under some"


def _first_upper(text: str) -> str:
    return text[:1].upper() + text[1:]


# Courses along depth


@dataclasses.dataclass(frozen=True)
class _Slope:
    """From the first layer to the last, as a share of the mean: mean over draws, with simultaneous bounds."""

    value: float
    low: float
    high: float

    @property
    def direction(self) -> int:
        """1 shown to rise, -1 shown to fall, 0 neither."""
        return 1 if self.low > 0 else -1 if self.high < 0 else 0


Course = tuple[str, str, int]
"""Network, descriptor, degree."""


def _courses(evidence: Evidence) -> tuple[dict[Course, dict[str, _Slope]], list[Quantity]]:
    """The slope of every descriptor along the depth of every network, under every metric."""
    plan = evidence.plan
    draws: dict[tuple[Course, str], Float64] = {}
    for network in evidence.networks:
        for metric, degree in itertools.product(metrics(plan), plan.degrees):
            diagrams = [evidence.diagrams.get(under(plan, layer, metric).key) for layer in network.layers]
            if len(diagrams) < 2 or any(of_layer is None for of_layer in diagrams):
                continue
            numbers = [[_numbers(one, degree) for one in of_layer] for of_layer in diagrams if of_layer is not None]
            for name in plan.metric_audit.descriptors:
                values = np.array([[number[name] for number in of_layer] for of_layer in numbers])
                if np.isfinite(values).all() and values.any() and (values != values.flat[0]).any():
                    draws[(network.network, name, degree), metric] = _slopes(values)
    level = 1 - (1 - plan.test.confidence) / max(1, len(draws))
    courses: dict[Course, dict[str, _Slope]] = {}
    quantities = []
    for (course, metric), slopes in draws.items():
        bounds = mean_interval(slopes, level)
        slope = _Slope(float(slopes.mean()), bounds.low, bounds.high)
        courses.setdefault(course, {})[metric] = slope
        network_name, name, degree = course
        quantities.append(
            Quantity(f"slope of {name}", slope.value, slope.low, slope.high, network_name, degree=degree, clouds=metric)
        )
    return courses, quantities


def _numbers(diagram: PersistenceDiagram, degree: int) -> dict[str, float]:
    bars = diagram.finite(degree)
    return {
        **descriptors(diagram, degree),
        "landscape_norm": float(((bars[:, 1] - bars[:, 0]) ** 2).sum() / 4),
    }


def _slopes(values: Float64) -> Float64:
    """(draws,) least-squares change from the first layer to the last, over the mean of all. values: (layers, draws)."""
    depth = np.linspace(-0.5, 0.5, len(values))
    slopes: Float64 = depth @ values / float(depth @ depth) / float(np.abs(values).mean())
    return slopes


def _about_course(evidence: Evidence, course: Course, slopes: Mapping[str, _Slope], trusted: Sequence[str]) -> Verdict:
    """One number along the depth of one network: does it go one way under every metric?"""
    plan = evidence.plan
    network, name, degree = course
    words = name.replace("_", " ")
    up = [metric for metric, slope in slopes.items() if slope.direction > 0]
    down = [metric for metric, slope in slopes.items() if slope.direction < 0]
    open_ = [metric for metric in metrics(plan) if metric not in (*up, *down)]
    result: Answer = "no" if up and down else "yes" if not open_ else "undecided"
    called = names(plan)

    def under_them(some: Sequence[str]) -> str:
        return ", ".join(f"{called[metric]} ({slopes[metric].value:+.2f})" for metric in some)

    parts = [f"rises under {under_them(up)}"] if up else []
    parts += [f"falls under {under_them(down)}"] if down else []
    parts += [f"is not shown to do either under {', '.join(called[metric] for metric in open_)}"] if open_ else []
    both = [one for one in trusted if one in up], [one for one in trusted if one in down]
    verdict_of_trusted = (
        "both directions are shown, too"
        if all(both)
        else f"it {'rises' if both[0] else 'falls'} where a direction is shown"
        if any(both)
        else "no direction is shown"
    )
    sentence = (
        f"{network}, H{degree}: {words} along depth {'; '.join(parts)}."
        + (" The direction hangs on the metric." if result == "no" else "")
        + (
            f" Under those that show planted circles, {verdict_of_trusted}."
            if 0 < len(trusted) < len(metrics(plan))
            else ""
        )
    )
    widest = max(slopes.values(), key=lambda slope: abs(slope.value))
    return Verdict(
        f"Does the {words} of {network} go one way along depth whatever the metric, H{degree}?",
        result,
        sentence,
        network,
        degree,
        widest.value,
        widest.low,
        widest.high,
        null=(
            "change from the first layer to the last over the mean, largest of all metrics; Student t over draws, at "
            f"{plan.test.confidence:g} for all slopes together"
        ),
    )


# All together


def _headline(
    evidence: Evidence, claims: Sequence[Verdict], directions: Sequence[Verdict], trusted: Sequence[str]
) -> Verdict:
    """How many conclusions hold under every metric."""
    asked = metrics(evidence.plan)

    def counted(verdicts: Sequence[Verdict], result: Answer) -> int:
        return sum(verdict.answer == result for verdict in verdicts)

    least = evidence.plan.metric_audit.noise[0]
    contradicted, steady = counted(directions, "no"), counted(directions, "yes")
    alike = counted(claims, "yes")
    same = alike == len(claims) and steady == len(directions)
    result: Answer = "yes" if contradicted else "no" if same else "undecided"
    if not (claims or directions):
        result = "not checkable"
    if len(trusted) == len(asked):
        trust = f"All of them show planted circles with noise {least:g}."
    elif trusted:
        shown = ", ".join(names(evidence.plan)[one] for one in trusted)
        trust = f"Planted circles with noise {least:g} are shown by {shown}."
    else:
        trust = f"None of them shows planted circles with noise {least:g} in every layer."
    course = (
        f"Of {len(directions)} numbers along depth, {contradicted} "
        f"{'rises' if contradicted == 1 else 'rise'} under one metric and {'falls' if contradicted == 1 else 'fall'} "
        f"under another, and {steady} {'goes' if steady == 1 else 'go'} one way under all {len(asked)}"
        if directions
        else "No number has a course along depth, which takes two layers with diagrams"
    )
    differ = (
        f"that layers differ holds under all in {alike} of {len(claims)} claims"
        if claims
        else "no two layers are compared; give more layers, or a [[compare]]"
    )
    sentence = f"{course}; {differ}. {trust}"
    return Verdict(
        "Do the conclusions depend on the metric?", result, sentence, ", ".join(names(evidence.plan).values())
    )


_OWN = """\
[metric_audit]
metrics = [                       # of the points of a cloud; k must stay below [cloud] size
    "euclidean", "cosine", "correlation",
    { name = "knn_geodesic", k = 15 },
    { name = "fermat", p = 2 },
    { name = "dtm", k = 15 },
    { name = "diffusion", k = 15, t = 8 },
    { name = "effective_resistance", k = 15 },
]
descriptors = ["total_persistence", "maximal_persistence"]   # or bars, entropy, landscape_norm
noise = [0.1, 0.2, 0.3]           # of planted circles of radius 1: standard deviation in each dimension
circles = 20                      # for each noise, and as many clouds without one
found = 0.8                       # share of them that a metric has to show

# [[compare]]                     # a planned comparison, layer by layer, asked under every metric
# a = "resnet"
# b = "saved"

"""

RECIPE = Recipe(
    template("metric-audit", "which conclusions stay when the distance between points is another one?", _OWN),
    planned,
    answer,
    check,
    sides=sides,
    measurements=measurements,
)
