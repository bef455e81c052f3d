"""The first screen: the headline with its numbers, what was compared, whether controls and audit agree, warnings."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from toposcope.report.blocks import swatches
from toposcope.report.index import records
from toposcope.report.markup import Html, plain, tag
from toposcope.report.numbers import NONE, counted, number, p_value, real, whole
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
    verdicts = records(tables["verdicts"])
    headline = next((row for row in verdicts if str(row["sentence"]) == results.headline), None)
    tests = len(tables["tests"])
    names = [plain(name) for name in tables["networks"]["network"]]
    untested = sum(warning.startswith("not tested") for warning in results.warnings)
    untested_text = f"; {counted(untested, 'comparison')} could not be tested (see warnings)" if untested else ""
    missing = missing_networks(results)
    draws = counted(plan.cloud.draws, "disjoint draw" if plan.cloud.draws > 1 else "draw")
    facts: list[tuple[str, object]] = [
        ("Networks", swatches(names)),
        ("Layers", f"{whole(len(tables['layers']))} in all"),
        ("Inputs", _inputs(results)),
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
            tag("h1", _unbroken(_bare(headline) if headline else results.headline)),
            _verdict(results, headline) if headline else "",
            _doubts(results, headline),
            _look(data),
            _status(results),
            tag("p", *_how_to_read(results), class_="reading"),
            _findings(results),
            class_="headline",
        ),
        tag(
            "dl",
            *(tag("div", tag("dt", term), tag("dd", value)) for term, value in facts),
            class_="facts",
            aria_label="What was compared",
        ),
    )


def _inputs(results: Results) -> str:
    """Where the inputs came from, and how many each network held."""
    found = dict.fromkeys(
        (plain(row["data"]), whole(row["inputs"])) for row in records(results.tables["networks"]) if plain(row["data"])
    )
    some = [f"{count} of {data}" for data, count in list(found)[:4]]
    return "; ".join(some) + ("; …" if len(found) > 4 else "") or NONE


def _verdict(results: Results, row: Mapping[str, Any]) -> Html:
    """The numbers of the headline: what was asked, the answer, the effect with its bounds, and where."""
    low, high = real(row["low"]), real(row["high"])
    facts: list[tuple[str, str]] = [(plain(row["question"]), plain(row["answer"]))]
    if not math.isnan(real(row["effect"])):
        bounded = math.isfinite(low) or math.isfinite(high)
        # Only a test's effect is known to be one of distances; other recipes have quantities of their own.
        tested = any(real(one["effect"]) == real(row["effect"]) for one in records(results.tables["tests"]))
        bounds = f" ({'95 %: ' * tested}{number(low)} to {number(high)})" if bounded else ", no interval"
        name = "Largest effect (× sampling noise − 1)" if tested else "Effect"
        facts.append((name, f"{number(row['effect'])}{bounds}"))
    if not math.isnan(real(row["margin"])):
        facts.append(("Margin", number(row["margin"])))
    if not math.isnan(real(row["p_adjusted"])):
        name = "Unadjusted p" if results.plan.test.adjust == "none" else "Adjusted p"
        facts.append((name, p_value(row["p_adjusted"])))
    if plain(row["where"]):
        degree = real(row["degree"])
        facts.append(("Where", plain(row["where"]) + ("" if math.isnan(degree) else f", H{int(degree)}")))
    return tag("dl", *(tag("div", tag("dt", term), tag("dd", value)) for term, value in facts), class_="measures")


def _bare(row: Mapping[str, Any]) -> str:
    """A verdict's sentence without what its controls and its audit say, which stand beside it."""
    from toposcope.study.verdicts import claimed

    return claimed(*(str(row[key]) for key in ("sentence", "controls", "audit")))


def _doubts(results: Results, row: Mapping[str, Any] | None) -> Html | str:
    """What speaks for and against the headline: its null or bound, controls, other settings, and seeds."""
    if row is None:
        return ""
    controls, audit = _minus(plain(row["controls"])), plain(row["audit"])
    shaken = "breaks at" in audit or "not calibrated" in controls
    null = plain(row["null"])
    lines: list[tuple[str, object]] = [
        *([("Held against", null)] if null else []),
        ("Controls", controls or _no_controls(results)),
        (
            "Other settings",
            f"The verdict {audit}{_tried(results, row)}."
            if audit
            else "not tried: the plan has no [audit], so whether another "
            "metric, scale or cloud size gives this answer too is not known",
        ),
    ]
    return tag(
        "dl",
        *(tag("div", tag("dt", term), tag("dd", text)) for term, text in lines),
        class_="doubts shaken" if shaken else "doubts",
        aria_label="What was rejected, and whether controls and audit agree",
    )


def _minus(text: str) -> str:
    """The text with a minus before negative numbers, where a terminal has a hyphen."""
    return re.sub(r"(?<![^\s(])-(?=\d)", "−", text)


def _tried(results: Results, row: Mapping[str, Any]) -> str:
    """The settings under which a verdict was asked again, where all are few enough to be named."""
    audit = records(results.tables["audit"])
    names = [plain(one["setting"]) for one in audit if str(one["question"]) == str(row["question"])]
    return f" ({', '.join(names)})" if "breaks at" not in str(row["audit"]) and 0 < len(names) <= 4 else ""


def _no_controls(results: Results) -> str:
    there = {plain(row["control"]) for row in records(results.tables["controls"])}
    if there:
        return (
            f"measured ({', '.join(sorted(there))}), but they do not speak of this verdict; see the table of controls"
        )
    untrained = [plain(network.name) for network in results.plan.network if network.control is not None]
    if untrained:
        return f"the plan has control networks ({', '.join(untrained)}), and this verdict does not read them"
    return "none in this plan, so what clouds without any structure of their own would show is not known"


def _findings(results: Results) -> Html | str:
    """The other verdicts, each with what its controls and its audit say."""
    by_sentence = {str(row["sentence"]): row for row in records(results.tables["verdicts"])}
    items = []
    for finding in results.findings[1:]:
        row = by_sentence.get(finding)
        notes: list[object] = []
        if row is not None:
            notes = [
                tag("small", tag("b", f"{name}: "), text)
                for name, text in (
                    ("Controls", _minus(plain(row["controls"]))),
                    ("Other settings", plain(row["audit"])),
                )
                if text
            ]
        items.append(tag("li", _unbroken(finding if row is None else _bare(row)), *notes))
    return tag("ul", *items, class_="findings") if items else ""


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
        if len(results.tables["controls"]):
            text.append(
                " Controls are clouds that share what is trivial about a layer: its mean and covariance (Gaussian), or "
                "every feature by itself (shuffled). The excess is what an effect has beyond theirs."
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
