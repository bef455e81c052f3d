"""The first screen: the headline with its numbers, what was compared, whether controls and audit agree, warnings."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from toposcope.report.blocks import swatches
from toposcope.report.index import records
from toposcope.report.markup import Html, plain, tag
from toposcope.report.numbers import counted, number, p_value, real, whole
from toposcope.report.words import (
    ADJUSTMENTS,
    degrees,
    distance_name,
    level,
    missing_networks,
    scale_name,
    why_no_tests,
)

if TYPE_CHECKING:
    from toposcope.study.results import Results


def first_screen(results: Results, data: Mapping[str, Any]) -> Html:
    """All that somebody reads who reads no further."""
    plan, tables = results.plan, results.tables
    others = results.findings[1:]
    tests = len(tables["tests"])
    names = [plain(name) for name in tables["networks"]["network"]]
    untested = sum(warning.startswith("not tested") for warning in results.warnings)
    untested_text = f"; {counted(untested, 'comparison')} could not be tested (see warnings)" if untested else ""
    missing = missing_networks(results)
    draws = counted(plan.cloud.draws, "disjoint draw" if plan.cloud.draws > 1 else "draw")
    facts: list[tuple[str, object]] = [
        ("Networks", swatches(names)),
        ("Layers", f"{whole(len(tables['layers']))} in all"),
        ("Clouds", f"{draws} of {counted(plan.cloud.size, 'input')}, the same number in every layer"),
        ("Homology", f"{degrees(plan)}, Vietoris–Rips, Z/{plan.homology.field}"),
        ("Distance", distance_name(plan)),
        ("Scale", scale_name(plan)),
        (
            "Tests",
            f"{counted(tests, 'permutation test')} at {level(plan)}{untested_text}"
            if tests
            else f"none: {why_no_tests(results)}",
        ),
    ]
    if plan.test.adjust == "none" or tests:
        facts.append(("Adjusted by", ADJUSTMENTS[plan.test.adjust]))
    if missing:
        facts.insert(1, ("Not there", f"{', '.join(missing)}: extraction failed"))
    return tag(
        "header",
        tag(
            "div",
            tag("p", f"toposcope report · {plain(plan.name)}", class_="kicker"),
            tag("h1", _unbroken(results.headline)),
            _verdict(results),
            _look(data),
            _status(results),
            tag("p", *_how_to_read(results), class_="reading"),
            tag("ul", *(tag("li", _unbroken(finding)) for finding in others), class_="findings") if others else "",
            class_="headline",
        ),
        tag(
            "dl",
            *(tag("div", tag("dt", term), tag("dd", value)) for term, value in facts),
            class_="facts",
            aria_label="What was compared",
        ),
    )


def _verdict(results: Results) -> Html | str:
    """The numbers of the headline: what was asked, the answer, the effect with its bounds, and where."""
    found = [row for row in records(results.tables["verdicts"]) if str(row["sentence"]) == results.headline]
    if not found:
        return ""
    row = found[0]
    low, high = real(row["low"]), real(row["high"])
    facts: list[tuple[str, str]] = [(plain(row["question"]), plain(row["answer"]))]
    if not math.isnan(real(row["effect"])):
        bounds = f", {number(low)} to {number(high)}" if math.isfinite(low) or math.isfinite(high) else ", no interval"
        facts.append(("Largest effect (0: sampling noise alone)", f"{number(row['effect'])}{bounds}"))
    if not math.isnan(real(row["margin"])):
        facts.append(("Margin for “the same”", number(row["margin"])))
    if not math.isnan(real(row["p_adjusted"])):
        name = "Unadjusted p" if results.plan.test.adjust == "none" else "Adjusted p"
        facts.append((name, p_value(row["p_adjusted"])))
    if plain(row["where"]):
        degree = real(row["degree"])
        facts.append(("Where", plain(row["where"]) + ("" if math.isnan(degree) else f", H{int(degree)}")))
    facts.append(("Under other settings", plain(row["audit"]) or "not tried"))
    return tag("dl", *(tag("div", tag("dt", term), tag("dd", value)) for term, value in facts), class_="measures")


def _look(data: Mapping[str, Any]) -> Html | str:
    """The way from the headline to the inputs of its layer."""
    if data["holes"] is None:
        return ""
    known = [i for i in (*reversed(data["pair"]), *range(len(data["layers"]))) if data["holes"]["layers"][i]]
    layer = data["layers"][known[0]]
    name = f"{data['networks'][layer['network']]['name']} / {layer['name']}"
    return tag("p", tag("a", f"Look into {name}: its loops, and the inputs on them", href="#holes"), class_="look")


def _unbroken(sentence: str) -> str:
    """The sentence with its equations kept on one line."""
    return sentence.replace(" = ", "\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}")


def _how_to_read(results: Results) -> list[object]:
    plan = results.plan
    text: list[object] = [
        tag("strong", "How to read this. "),
        "The shape of a layer is the persistence diagrams of its activations. ",
    ]
    if len(results.tables["tests"]):
        text.append(
            "“Differ in shape” means that a test over draws of inputs rejected that both layers’ diagrams follow "
            f"one law, for these fixed networks and clouds of {plan.cloud.size} inputs. Where no difference was "
            "shown, equality was not shown either. 1× sampling noise is how far two draws of one layer lie apart."
        )
    else:
        text.append("Nothing here was tested: differences below are described, and may be sampling noise.")
    return text


def _status(results: Results) -> Html:
    parts = []
    for count, noun, place in (
        (len(results.warnings), "warning", "warnings"),
        (len(results.failed), "failed task", "failed"),
    ):
        if count:
            parts.append(tag("a", counted(count, noun), href=f"#{place}", class_="flag"))
        else:
            parts.append(tag("span", f"no {noun}s"))
    return tag("p", *parts, class_="status")
