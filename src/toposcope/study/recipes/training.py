"""Recipe `training`: when does the shape of a layer change while a network trains, and has it settled?

Checkpoints of one training are networks of one family and seed with a `step`. Each is compared with the first and with
the last, layer by layer, on the same draws: the onset of change is the first step that was shown to differ from the
start, and a layer that still differs between the last checkpoint but one and the end has not settled. Accuracy, where
the plan names classes, stands beside it.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

from toposcope._errors import PlanError
from toposcope.study.inputs import nothing_tested
from toposcope.study.plan import Network, Study
from toposcope.study.recipes.matching import layers_by_name
from toposcope.study.recipes.sameness import closeness_by_name
from toposcope.study.recipes.template import template
from toposcope.study.tasks import Extracted, Side
from toposcope.study.verdicts import Evidence, Planned, Quantity, Recipe, SameInputs, Verdict

START, END = "since the start of", "until the end of"
"""How the claims of the tests begin."""


def trainings(plan: Study) -> dict[str, list[Network]]:
    """The checkpoints of every training in order of their steps, by family and seed."""
    groups: dict[str, list[Network]] = {}
    for network in plan.network:
        if network.step is not None:
            groups.setdefault(f"{network.family or 'network'}, seed {network.seed}", []).append(network)
    return {name: sorted(members, key=lambda network: network.step or 0.0) for name, members in groups.items()}


def check(plan: Study) -> None:
    """At least three checkpoints of every training, each at a step of its own."""
    groups = trainings(plan)
    if not groups:
        raise PlanError(
            "training needs checkpoints of one training; give every [[network]] its `step`, or `checkpoints`"
        )
    for name, members in groups.items():
        steps = [network.step for network in members]
        if len(steps) < 3 or len(set(steps)) < len(steps):
            raise PlanError(
                f"training {name!r} has checkpoints at {', '.join(f'{step:g}' for step in steps if step is not None)}; "
                "give at least 3, each at a step of its own (family and seed tell trainings apart)"
            )


def planned(plan: Study, networks: Sequence[Extracted], same_inputs: SameInputs) -> list[Planned]:
    """Every checkpoint against the first, and against the last."""
    by_name = {network.network: network for network in networks}
    comparisons = []
    for name, members in trainings(plan).items():
        there = [by_name[member.name] for member in members if member.name in by_name]
        for early, late in itertools.combinations(there, 2):
            for claim, wanted in ((START, early is there[0]), (END, late is there[-1])):
                # First against last is one comparison, not two.
                if wanted and not (claim == END and early is there[0]):
                    comparisons += [
                        Planned(f"{claim} {name}", Side.of(plan, a), Side.of(plan, b), paired=True)
                        for a, b in layers_by_name(early.layers, late.layers)
                    ]
    return comparisons


def answer(evidence: Evidence) -> tuple[list[Verdict], list[Quantity]]:
    """For each training when its layers begin to change, and whether they have settled."""
    by_name = {network.network: network for network in evidence.networks}
    verdicts = []
    quantities = []
    for name, members in trainings(evidence.plan).items():
        there = [member for member in members if member.name in by_name]
        verdicts += [onset(evidence, name, there), settled(evidence, name, there)]
        if len(there) > 1:
            first = by_name[there[0].name]
            for member in there[1:]:
                close = closeness_by_name(evidence, first, by_name[member.name])
                quantities += [one.quantity for one in close]
        for member in there:
            accuracy = by_name[member.name].accuracy
            if accuracy is not None:
                step = member.step if member.step is not None else float("nan")
                quantities.append(Quantity("accuracy", accuracy, network_a=member.name, at=step))
    return verdicts, quantities


def onset(evidence: Evidence, name: str, members: Sequence[Network]) -> Verdict:
    """The first step that each layer was shown to differ from the start. members: the checkpoints of a training."""
    question = f"When do the layers of {name} begin to change?"
    rows = evidence.tested(f"{START} {name}")
    if not rows:
        return Verdict(question, "undecided", f"{name}: {nothing_tested(evidence.plan.test.alpha)}.", name)
    step = {member.name: member.step or 0.0 for member in members}
    alpha = evidence.plan.test.alpha
    began: dict[str, float] = {}
    for row in rows:
        if row["p_adjusted"] <= alpha:
            began[row["layer_a"]] = min(began.get(row["layer_a"], float("inf")), step[row["network_b"]])
    layers = list(dict.fromkeys(str(row["layer_a"]) for row in rows))
    most = max(rows, key=lambda row: row["effect"])
    if began:
        first = min(began, key=lambda layer: (began[layer], layers.index(layer)))
        last = max(began, key=lambda layer: (began[layer], layers.index(layer)))
        shown = (
            f"{len(began)} of {len(layers)} layers were shown to change, first {first} by step {began[first]:g}, last "
            f"{last} by step {began[last]:g}"
        )
    else:
        shown = f"none of {len(layers)} layers was shown to change, which is not evidence that they did not"
    sentence = f"{name}: {shown}; the largest effect is that of {_largest(most, step)}.{_accuracy(evidence, members)}"
    return _verdict(question, bool(began), sentence, name, most)


def settled(evidence: Evidence, name: str, members: Sequence[Network]) -> Verdict:
    """The layers that were shown to differ between the last step but one and the end."""
    question = f"Do the layers of {name} still change at the end?"
    rows = evidence.tested(f"{END} {name}")
    if not rows:
        return Verdict(question, "undecided", f"{name}: {nothing_tested(evidence.plan.test.alpha)}.", name)
    step = {member.name: member.step or 0.0 for member in members}
    steps = sorted(step.values())
    moving: dict[str, float] = {}
    for row in rows:
        if row["p_adjusted"] <= evidence.plan.test.alpha:
            moving[row["layer_a"]] = max(moving.get(row["layer_a"], -1.0), step[row["network_a"]])
    layers = list(dict.fromkeys(str(row["layer_a"]) for row in rows))
    most = max(rows, key=lambda row: row["effect"])
    late = {layer: at for layer, at in moving.items() if at == steps[-2]}
    if late:
        still = f"{len(late)} of {len(layers)} layers still change after step {steps[-2]:g}: {', '.join(late)}"
    else:
        still = (
            f"no layer was shown to differ between step {steps[-2]:g} and the end, which is not evidence that nothing "
            "changes; [equivalence] and the recipe `finetuning` bound it"
        )
    sentence = f"{name}: {still}; the largest effect is that of {_largest(most, step)}."
    return _verdict(question, bool(late), sentence, name, most)


def _largest(row: dict[str, Any], step: dict[str, float]) -> str:
    return (
        f"{row['layer_a']} in H{row['degree']}, steps {step[row['network_a']]:g} to {step[row['network_b']]:g} "
        f"({row['effect']:.2f}, adjusted p = {row['p_adjusted']:.2g})"
    )


def _accuracy(evidence: Evidence, members: Sequence[Network]) -> str:
    measured = {network.network: network.accuracy for network in evidence.networks}
    known = [(member.step, measured[member.name]) for member in members if measured.get(member.name) is not None]
    if not known:
        return ""
    return " Accuracy: " + ", ".join(f"{accuracy:.1%} at {step:g}" for step, accuracy in known) + "."


def _verdict(question: str, shown: bool, sentence: str, where: str, most: dict[str, Any]) -> Verdict:
    return Verdict(
        question,
        "yes" if shown else "undecided",
        sentence,
        where,
        int(most["degree"]),
        most["effect"],
        most["low"],
        most["high"],
        p_adjusted=most["p_adjusted"],
        null=most["null"],
    )


_NETWORKS = "".join(
    f"""\
[[network]]
name = "epoch {epoch}"
family = "resnet"
seed = 0
step = {epoch:<4}                       # checkpoints of one training share family and seed
model = "my.nets:resnet@runs/epoch{epoch:02d}.safetensors"
layers = ["blocks"]
# classes = [0, 1, 2]             # accuracy is then measured and stands beside the topology

"""
    for epoch in (0, 1, 12)
)
_NETWORKS += """\
# [[network]]                     # or all of them in one block: the number in their names is the step
# name = "resnet"
# model = "my.nets:resnet"
# checkpoints = "runs/epoch*.safetensors"
# layers = ["blocks"]

"""

RECIPE = Recipe(
    template("training", "when does the shape of each layer change while a network trains?", networks=_NETWORKS),
    planned,
    answer,
    check,
)
