"""A plan in words: what was done, how, and when not to believe it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from toposcope.report.markup import Html, plain, tag
from toposcope.report.numbers import counted, whole

if TYPE_CHECKING:
    from toposcope.study.plan import Study
    from toposcope.study.results import Results

ADJUSTMENTS = {
    "max-t": "step-down max-T (Westfall–Young)",
    "holm": "Holm’s step-down",
    "by": "Benjamini–Yekutieli (share of wrong rejections, any dependence)",
    "bh": "Benjamini–Hochberg (share of wrong rejections, if the tests depend positively)",
    "none": "none: each p-value stands alone, and several tests make a false find likely",
}

REFERENCES = (
    ("Świder 2024, the study toposcope grew from", "https://arxiv.org/abs/2407.06286"),
    (
        "Koyama, Mémoli, Robins and Turner 2023, Faster computation of degree-1 persistent homology using the reduced "
        "Vietoris–Rips filtration",
        "https://arxiv.org/abs/2307.16333",
    ),
    (
        "Bauer 2021, Ripser: efficient computation of Vietoris–Rips persistence barcodes",
        "https://doi.org/10.1007/s41468-021-00071-5",
    ),
    (
        "Cohen-Steiner, Edelsbrunner and Harer 2007, Stability of persistence diagrams",
        "https://doi.org/10.1007/s00454-006-1276-5",
    ),
    ("Westfall and Young 1993, Resampling-Based Multiple Testing, Wiley", None),
    ("Székely and Rizzo 2013, Energy statistics", "https://doi.org/10.1016/j.jspi.2013.03.018"),
    (
        "Kornblith, Norouzi, Lee and Hinton 2019, Similarity of neural network representations revisited (CKA)",
        "https://arxiv.org/abs/1905.00414",
    ),
    ("Borg and Groenen 2005, Modern Multidimensional Scaling", "https://doi.org/10.1007/0-387-28981-X"),
)


def methods(results: Results) -> Html:
    """Methods, cautions and references, as this run used them."""
    from toposcope.rips.engine import in_kernel
    from toposcope.stats.permutation import ENUMERATED, SAMPLED

    plan = results.plan
    cloud, homology, test = plan.cloud, plan.homology, plan.test
    made = flat(results.provenance)
    if in_kernel(homology.max_degree, homology.field):
        engine = (
            f"the native kernel of toposcope {plain(made.get('toposcope', ''))} (a sweep over edges and their lunes)"
        )
    else:
        engine = f"gudhi {plain(made.get('gudhi', ''))} (its Ripser engine)"
    threshold = (
        "without a threshold"
        if homology.threshold is None
        else f"up to a filtration value of {homology.threshold:g}; classes alive there never die in these diagrams"
    )
    paragraphs: list[tuple[str, str]] = [
        (
            "Clouds",
            f"A layer’s activations on N inputs are N points. {counted(cloud.draws, 'disjoint draw')} of "
            f"N\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}{cloud.size} inputs were taken, chosen by a hash of the inputs’ "
            f"ids and seed {plan.seed} before anything was looked at; every layer, network and checkpoint that "
            "holds the same inputs uses the same draws. Equal N matters: more points give longer diagrams, whatever "
            "the shape.",
        ),
        ("Scale", _scale_sentence(plan)),
        (
            "Homology",
            f"Vietoris–Rips persistent homology in {degrees(plan)} with coefficients in Z/{homology.field}, "
            f"{threshold}, computed exactly by {engine}. A filtration value is a diameter, the longest edge of a "
            "simplex (not a radius). H0 counts pieces, H1 loops, H2 voids; a bar lasts from its birth to its death.",
        ),
        ("Distance", _distance_sentence(plan)),
        (
            "Noise and effect",
            "The sampling noise of a layer is the mean distance between two disjoint draws of it: what a distance "
            "amounts to when nothing differs but the inputs. The effect is (mean distance between draws of a and "
            "draws of b − mean distance within) / mean distance within; pairs of draws of the same inputs are left "
            "out. It is 0 in expectation for equal laws, and “2× sampling noise” is an effect of 1.",
        ),
        (
            "Tests",
            f"{_planned(results)} were fixed beforehand. The "
            "statistic is the energy distance between the two groups of diagrams. The exchangeable unit is the draw: "
            "with the same inputs on both sides the two diagrams of a draw are swapped, with different inputs the "
            f"draws are relabelled. Up to {whole(ENUMERATED)} relabellings are all used and p is exact; beyond, "
            f"{whole(SAMPLED)} are sampled. Adjustment: {ADJUSTMENTS[test.adjust]}"
            + (
                f", {'family-wise ' if test.adjust in ('max-t', 'holm') else ''}level {test.alpha:g}."
                if test.adjust != "none"
                else f", level {test.alpha:g} for each."
            ),
        ),
        (
            "Intervals",
            f"The interval of a mean is Student’s t at {100 * test.confidence:g} % over disjoint draws of this size. "
            "The interval of an effect, at 95 %, leaves 0 out exactly where its test rejects at 0.05, and is otherwise "
            "Student’s t of a jackknife over draws; it holds for one test alone, and the headline picks the largest of "
            "many. Intervals of curves hold for one point at a time, and overlap of two intervals is not a test.",
        ),
    ]
    cautions = (
        f"A rejection says that the laws of the diagrams of two fixed networks differ at N = {cloud.size}. It does "
        "not say which architecture or training made it: that needs several trained networks as units.",
        "A missing significance is no similarity. "
        + (
            "“The same” is claimed only where a bound lies below the margin."
            if any(math.isfinite(value) for value in results.tables["verdicts"]["margin"])
            else "That two layers are the same is never claimed here."
        ),
        "Layers of different width or spectrum have different diagrams for reasons that nobody would call "
        "topology; look at the effective dimension beside them.",
        "p-values depend on the split into draws, which the seed and the inputs’ ids fix.",
    )
    paragraphs += _beside(results)
    items = [
        tag("li", tag("a", text, href=link, rel="noreferrer noopener") if link else text) for text, link in REFERENCES
    ]
    return tag(
        "div",
        *(tag("div", tag("h3", title), tag("p", text)) for title, text in paragraphs),
        tag("div", tag("h3", "Cautions"), tag("ul", *(tag("li", text) for text in cautions))),
        tag("div", tag("h3", "References"), tag("ul", *items, class_="references")),
        class_="methods",
    )


def _planned(results: Results) -> str:
    """What was tested."""
    claims = {str(claim) for claim in results.tables["tests"]["claim"]}
    if claims & {f"depth of {network.name}" for network in results.plan.network}:
        return "Adjacent layers of every network and the comparisons that the plan names"
    return "The comparisons, those that the recipe asks for,"


def _beside(results: Results) -> list[tuple[str, str]]:
    """What stands beside the tests, where the plan asks for it: controls, other settings, similarity."""
    found: list[tuple[str, str]] = []
    if len(results.tables["controls"]):
        found.append(
            (
                "Controls",
                "A Gaussian control of a draw has its mean and covariance, a shuffled one the values of every feature "
                "without their dependence; neither has a shape beyond that. Effects and total persistence are computed "
                "for controls as for layers, and an excess is what the layers have beyond them. Stand-ins, clouds made "
                "as controls are, are held against controls of their own: where they differ too often the controls "
                "are not calibrated, and no excess is named.",
            )
        )
    if len(results.tables["audit"]):
        found.append(
            (
                "Other settings",
                "Every verdict was asked again with one setting of the plan changed at a time; the settings were fixed "
                "beforehand, and all their answers stand with the verdicts.",
            )
        )
    if len(results.tables["similarity_means"]):
        names = sorted({plain(name) for name in results.tables["similarity_means"]["measure"]})
        found.append(
            (
                "Beside it",
                f"{'; '.join(names)}: means over the same draws, without a test. Where two networks saw different "
                "inputs, what needs rows that match is blank.",
            )
        )
    return found


def filtration_unit(plan: Study) -> str:
    """What a filtration value is a multiple of."""
    scale = plan.cloud.scale
    if scale is None:
        return "diameter"
    return f"diameter / {scale[1:]}-quantile of distances" if isinstance(scale, str) else f"diameter / {scale:g}"


def flat(provenance: Mapping[str, Any]) -> dict[str, Any]:
    """Provenance without its nested tables."""
    values: dict[str, Any] = {}
    for key, value in provenance.items():
        values |= dict(value) if isinstance(value, Mapping) else {key: value}
    return values


def level(plan: Study) -> str:
    """The level of the tests."""
    kind = {"none": " for each", "by": " of rejections", "bh": " of rejections"}.get(plan.test.adjust, ", family-wise")
    return f"α = {plan.test.alpha:g}{kind}"


def missing_networks(results: Results) -> list[str]:
    """Networks of the plan that gave nothing."""
    there = {str(name) for name in results.tables["networks"]["network"]}
    return [plain(network.name) for network in results.plan.network if network.name not in there]


def why_no_tests(results: Results) -> str:
    """Why there are none."""
    if results.plan.cloud.draws < 2:
        return "one draw has no spread"
    if len(results.tables["layers"]) < 2:
        return "there is one layer only"
    return "none could be made, and the warnings say why"


def degrees(plan: Study) -> str:
    """H0, H1, …"""
    return ", ".join(f"H{k}" for k in range(plan.homology.max_degree + 1))


def metric_name(plan: Study) -> str:
    """The metric between points as it is written inside a sentence."""
    return "Euclidean" if plan.cloud.metric == "euclidean" else plan.cloud.metric


def scale_name(plan: Study) -> str:
    """The scale, in a few words."""
    scale = plan.cloud.scale
    if scale is None:
        return f"none: raw {metric_name(plan)} distances"
    if isinstance(scale, str):
        return f"each draw ÷ the {scale[1:]}-quantile of its own {metric_name(plan)} distances"
    return f"{metric_name(plan)} distances ÷ {scale:g}"


def _scale_sentence(plan: Study) -> str:
    scale, metric = plan.cloud.scale, metric_name(plan)
    metric = metric[:1].upper() + metric[1:]
    if scale is None:
        return (
            f"{metric} distances between points were used as they are: a difference in size is part of "
            "every distance here."
        )
    if isinstance(scale, str):
        return (
            f"{metric} distances of each draw were divided by their own {scale[1:]}-quantile, so that "
            "size alone is not a difference in shape; the divisor is shown along depth as “scale”."
        )
    return f"{metric} distances were divided by {scale:g}, the same everywhere."


def distance_name(plan: Study) -> str:
    """The distance, in a few words."""
    choice = plan.distance
    if choice.name == "bottleneck":
        return "bottleneck (L∞)"
    if choice.name == "sliced_wasserstein":
        return f"sliced Wasserstein of order {choice.order:g}, {choice.directions} directions"
    return f"Wasserstein of order {choice.order:g} (ground norm {_norm(choice.ground)})"


def _distance_sentence(plan: Study) -> str:
    choice = plan.distance
    if choice.name == "bottleneck":
        how = (
            "the smallest possible longest move that turns one diagram into the other (bottleneck, L∞), computed "
            "exactly"
        )
    elif choice.name == "sliced_wasserstein":
        how = (
            f"the Wasserstein distance of order {choice.order:g} of the diagrams projected to lines, averaged over "
            f"{choice.directions} fixed directions (an approximation of sliced Wasserstein)"
        )
    else:
        how = (
            "the cost of the cheapest matching of their bars, each to another or to the diagonal (Wasserstein of "
            f"order {choice.order:g}, ground norm {_norm(choice.ground)}), computed exactly"
        )
    return (
        f"The distance between two diagrams of one degree is {how}. Diagrams with different numbers of bars that "
        "never die are infinitely far apart."
    )


def _norm(ground: float) -> str:
    return "L∞" if math.isinf(ground) else f"L{ground:g}"
