"""Recipe `layers`: how does the shape of a network's representation change along its depth, and between networks?

Every layer of every network is measured against every other on the same draws of the same inputs. Planned comparisons
are tested: adjacent layers of each network, and the layers of every pair of networks that `[[compare]]` names. Steps
along depth also get bounds that hold for all of them together. Where `[controls]` names control clouds, every verdict
says what of it these show too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from toposcope.study import controls
from toposcope.study.inputs import nothing_tested
from toposcope.study.plan import Study
from toposcope.study.recipes.comparisons import along_depth, between_networks
from toposcope.study.recipes.sameness import closeness
from toposcope.study.recipes.template import template
from toposcope.study.tasks import Extracted
from toposcope.study.verdicts import Evidence, Planned, Quantity, Recipe, SameInputs, Verdict

_COMPARE = """\
# [[compare]]                     # a planned comparison, layer by layer, tested and adjusted with all others
# a = "resnet"
# b = "saved"
# claim = "resnet against saved"

[controls]                        # what has a layer beyond clouds that share its covariance, or its features alone?
clouds = []                       # "gaussian", "shuffled"; each takes a few times as many diagrams

"""


def planned(plan: Study, networks: Sequence[Extracted], same_inputs: SameInputs) -> list[Planned]:
    """Adjacent layers of every network, then `[[compare]]`; paired where both hold the same inputs."""
    return [*along_depth(plan, networks), *between_networks(plan, networks, same_inputs)]


def answer(evidence: Evidence) -> tuple[list[Verdict], list[Quantity]]:
    """One verdict for each claim, built from the table of tests; claims of `[[compare]]` come first. The quantities are
    the steps along depth with simultaneous bounds, from 8 draws on."""
    plan = evidence.plan
    claims: dict[str, list[dict[str, Any]]] = {}
    for row in evidence.tests.to_dict("records"):
        claims.setdefault(str(row["claim"]), []).append({str(key): value for key, value in row.items()})
    depth = {f"depth of {network.name}" for network in plan.network}
    answers = [
        _verdict(f"Do the layers differ: {claim}?", _about_layers(claim, rows, plan), rows, plan).beside(
            controls.sentence(_beside(evidence, _most(rows, plan)))
        )
        for claim, rows in claims.items()
        if claim not in depth
    ]
    along = [row for claim, rows in claims.items() if claim in depth for row in rows]
    if along:
        most = _most(along, plan)
        sentence = (
            f"Along depth: {len(_pairs(_differing(along, plan.test.alpha)))} of {len(_pairs(along))} steps between "
            f"adjacent layers change the shape, most {most['network_a']}, {most['layer_a']} → {most['layer_b']} "
            f"({_size(most, plan)})."
        )
        names = [network.network for network in evidence.networks]
        beside = controls.sentence(
            controls.about_layers(evidence, names), _beside(evidence, most), controls.about_networks(evidence, names)
        )
        answers.append(_verdict("Does the shape change along depth?", sentence, along, plan).beside(beside))
    steps = [(one.a, one.b) for one in along_depth(plan, evidence.networks)]
    return answers or [_nothing(evidence)], [one.quantity for one in closeness(evidence, steps)]


def _nothing(evidence: Evidence) -> Verdict:
    """Where there is no test at all: none was planned, or none was possible."""
    question = "Does the shape change along depth?"
    if not planned(evidence.plan, evidence.networks, evidence.same_inputs):
        sentence = (
            "Nothing was compared: no network has two layers, and no [[compare]] names two networks; give either."
        )
        return Verdict(question, "not checkable", sentence)
    said = nothing_tested(evidence.plan.test.alpha)
    return Verdict(question, "undecided", f"{said[:1].upper()}{said[1:]}.")


def _beside(evidence: Evidence, row: dict[str, Any]) -> str:
    """What the controls of two layers say of their difference."""
    a, b = (row["network_a"], row["layer_a"]), (row["network_b"], row["layer_b"])
    return controls.about_comparison(evidence, a, b, int(row["degree"]))


def _verdict(question: str, sentence: str, rows: list[dict[str, Any]], plan: Study) -> Verdict:
    """The numbers are those of the largest effect that was shown, else of the largest."""
    most = _most(rows, plan)
    return Verdict(
        question,
        "yes" if _differing(rows, plan.test.alpha) else "undecided",
        sentence,
        where=f"{most['network_a']} {most['layer_a']} and {most['network_b']} {most['layer_b']}",
        degree=int(most["degree"]),
        effect=most["effect"],
        low=most["low"],
        high=most["high"],
        p_adjusted=most["p_adjusted"],
        null=most["null"],
    )


def _most(rows: list[dict[str, Any]], plan: Study) -> dict[str, Any]:
    return max(_differing(rows, plan.test.alpha) or rows, key=lambda row: row["effect"])


def _about_layers(claim: str, rows: list[dict[str, Any]], plan: Study) -> str:
    alpha = plan.test.alpha
    pairs, differing = _pairs(rows), _differing(rows, alpha)
    most = _most(rows, plan)
    name = claim[:1].upper() + claim[1:]
    if not differing:
        return (
            f"{name}: no difference in shape was shown in any of {len(pairs)} layers at α = {alpha:g} (largest at "
            f"{_place(most)}, {_size(most, plan)}); that is not evidence that they are equal."
        )
    count = len(_pairs(differing))
    if count == 1 < len(pairs):
        return f"{name}: 1 of {len(pairs)} layers differs in shape, {_place(most)} ({_size(most, plan)})."
    which = f"all {count}" if count == len(pairs) else f"{count} of {len(pairs)}"
    first = f", first {_place(differing[0])}" if count < len(pairs) else ""
    return f"{name}: {which} layers differ in shape{first}, most {_place(most)} ({_size(most, plan)})."


def _place(row: dict[str, Any]) -> str:
    if row["layer_a"] == row["layer_b"]:
        return str(row["layer_a"])
    return f"{row['network_a']} {row['layer_a']} and {row['network_b']} {row['layer_b']}"


def _pairs(rows: list[dict[str, Any]]) -> set[tuple[str, ...]]:
    return {(row["network_a"], row["layer_a"], row["network_b"], row["layer_b"]) for row in rows}


def _differing(rows: list[dict[str, Any]], alpha: float) -> list[dict[str, Any]]:
    return [row for row in rows if row["p_adjusted"] <= alpha]


def _size(row: dict[str, Any], plan: Study) -> str:
    name = "unadjusted p" if plan.test.adjust == "none" else "adjusted p"
    return f"H{row['degree']}, {1 + row['effect']:.1f}× sampling noise, {name} = {row['p_adjusted']:.2g}"


RECIPE = Recipe(
    template("layers", "how the shape of each layer's activations changes along depth and between networks.", _COMPARE),
    planned,
    answer,
)
