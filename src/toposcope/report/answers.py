"""Networks, planned comparisons, verdicts and audits, as tables that need no script."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from toposcope.report.blocks import cell, figure, swatch, table
from toposcope.report.index import records
from toposcope.report.markup import Html, join, plain, tag
from toposcope.report.numbers import NONE, counted, number, p_value, real, whole
from toposcope.report.words import missing_networks, why_no_tests

if TYPE_CHECKING:
    from toposcope.study.results import Results


def networks(results: Results, data: Mapping[str, Any]) -> Html:
    """Every network with its measured accuracy, and every layer."""
    rows = []
    for i, row in enumerate(records(results.tables["networks"])):
        accuracy = real(row["accuracy"])
        measured: object = NONE
        if math.isfinite(accuracy):
            measured = tag("span", f"{100 * accuracy:.1f} %", tag("small", f" of {whole(row['judged'])}"))
        rows.append(
            [
                swatch(i, plain(row["network"])),
                plain(row["family"]) or NONE,
                plain(row["checkpoint"]) or NONE,
                plain(row["data"]) or NONE,
                cell(whole(row["inputs"])),
                cell(whole(row["layers"])),
                cell(measured),
            ]
        )
    rows += [
        [tag("em", name), "extraction failed", NONE, NONE, cell(NONE), cell(NONE), cell(NONE)]
        for name in missing_networks(results)
    ]
    known = any(math.isfinite(real(value)) for value in results.tables["networks"]["accuracy"])
    note = (
        "Accuracy was measured in this run on the inputs of the column Data, from which the draws were taken; the "
        "small number is how many of them carry a class the network knows."
        if known
        else "Accuracy was not measured: the plan names no classes for any network, or its inputs carry no labels."
    )
    columns = ["Network", "Family", "Checkpoint", "Data", "Inputs", "Layers", "Accuracy"]
    layers = [
        [
            swatch(layer["network"], f"{data['networks'][layer['network']]['name']} / {layer['name']}"),
            cell(number(layer["depth"], 2)),
            layer["module"] or NONE,
            layer["shape"] or NONE,
            layer["reduction"] or NONE,
            cell(whole(layer["dimension"])),
            cell(number(layer["effective_dimension"])),
            cell(whole(layer["duplicates"])),
            cell(number(layer["scale"])),
        ]
        for layer in data["layers"]
    ]
    heads = ["Layer", "Depth", "Module", "Shape", "Reduction", "Length", "Effective dim.", "Duplicates", "Mean scale"]
    return join(
        [
            table(columns, rows, numeric=(4, 5, 6)),
            tag("p", note, class_="note"),
            tag(
                "details",
                tag("summary", "The layer" if len(layers) == 1 else f"All {counted(len(layers), 'layer')}"),
                table(heads, layers, numeric=(1, 5, 6, 7, 8)),
            ),
        ]
    )


def tests(results: Results) -> Html:
    """Effects of every planned comparison, and all tests and verdicts as tables."""
    rows = records(results.tables["tests"])
    if not rows:
        return join([tag("p", f"No tests: {why_no_tests(results)}.", class_="empty"), *_answers(results)])
    alpha = f"{results.plan.test.alpha:g}"
    steps = {f"depth of {network.name}" for network in results.plan.network}
    caption = (
        "Effect of every planned comparison, layer by layer from first to last. 0 is the distance between two "
        "draws of one and the same layer; 1 is twice that. A filled mark was shown to differ (adjusted p ≤ "
        f"{alpha}), a hollow one was not, which does not make it equal. Panels of a group share their axis."
    )
    claims: dict[str, list[dict[str, Any]]] = {}
    for row in sorted(rows, key=lambda row: str(row["claim"]) in steps):
        claims.setdefault(str(row["claim"]), []).append(row)
    tables = [_test_table(claim, entries, results.plan.test.alpha) for claim, entries in claims.items()]
    return join(
        [
            figure("tests", caption),
            tag("details", tag("summary", f"All {counted(len(rows), 'test')} as a table"), *tables),
            *_answers(results),
        ]
    )


def _answers(results: Results) -> list[Html]:
    """Every question with its answer, and with the answers that other settings gave."""
    parts = []
    verdicts = records(results.tables["verdicts"])
    if verdicts:
        rows = [
            [
                plain(row["question"]),
                plain(row["answer"]),
                plain(row["where"]) or NONE,
                cell(NONE if math.isnan(real(row["degree"])) else f"H{int(real(row['degree']))}"),
                cell(_bounded(row)),
                cell(number(row["margin"])),
                cell(p_value(row["p_adjusted"])),
                plain(row["null"]) or NONE,
            ]
            for row in verdicts
        ]
        columns = ["Question", "Answer", "Where", "Degree", "Effect", "Margin", "Adjusted p", "Held against"]
        numbers = table(columns, rows, numeric=(3, 4, 5, 6))
        parts.append(tag("details", tag("summary", f"{counted(len(rows), 'verdict')} with numbers"), numbers))
    controls = records(results.tables["controls"])
    if controls:
        rows = [
            [
                plain(row["control"]),
                plain(row["quantity"]),
                _where(row),
                cell(f"H{int(real(row['degree']))}"),
                cell(number(row["value"])),
                cell(number(row["control_value"])),
                cell(number(row["excess"]) + _bounds(row)),
                cell(p_value(row["p_adjusted"])),
                "yes" if str(row["calibrated"]) == "True" else "no",
            ]
            for row in controls
        ]
        columns = [
            "Control",
            "Quantity",
            "Where",
            "Degree",
            "Value",
            "Of controls",
            "Excess",
            "Adjusted p",
            "Calibrated",
        ]
        note = (
            "Where a control is not calibrated, its stand-ins differ from controls of their own: no excess is claimed."
        )
        numbers = table(columns, rows, numeric=(3, 4, 5, 6, 7), caption=note)
        parts.append(tag("details", tag("summary", f"{counted(len(rows), 'comparison')} with controls"), numbers))
    audit = records(results.tables["audit"])
    if audit:
        rows = [
            [
                plain(row["question"]),
                plain(row["setting"]),
                plain(row["answer"]),
                "yes" if str(row["survives"]) == "True" else "no",
                cell(number(row["effect"])),
                cell(p_value(row["p_adjusted"])),
            ]
            for row in audit
        ]
        columns = ["Question", "Setting", "Answer", "Survives", "Effect", "Adjusted p"]
        numbers = table(columns, rows, numeric=(4, 5))
        parts.append(tag("details", tag("summary", "Every verdict under other settings"), numbers))
    return parts


def _bounded(row: Mapping[str, Any]) -> str:
    """An effect with its bounds, where there are any."""
    return number(row["effect"]) + _bounds(row)


def _bounds(row: Mapping[str, Any]) -> str:
    low, high = real(row["low"]), real(row["high"])
    return f" ({number(low)} to {number(high)})" if math.isfinite(low) or math.isfinite(high) else ""


def _where(row: Mapping[str, Any]) -> str:
    """One layer, or two."""
    a, b = (" ".join(filter(None, (plain(row[f"network_{side}"]), plain(row[f"layer_{side}"])))) for side in "ab")
    return f"{a} and {b}" if b else a


def _test_table(claim: str, rows: Sequence[Mapping[str, Any]], alpha: float) -> Html:
    units, nulls = ({str(row[key]) for row in rows} for key in ("unit", "null"))
    columns = ["Layer", "Degree", "Statistic", "Effect", "p", "Adjusted p", f"≤ {alpha:g}"]
    several = len(units) > 1 or len(nulls) > 1
    body_rows = []
    for row in rows:
        low, high = real(row["low"]), real(row["high"])
        effect = number(row["effect"])
        if math.isfinite(low) and math.isfinite(high):
            effect += f" ({number(low)} to {number(high)})"
        cells: list[object] = [
            _pair_name(row),
            f"H{int(row['degree'])}",
            cell(number(row["statistic"])),
            cell(effect),
            cell(p_value(row["p"])),
            cell(p_value(row["p_adjusted"])),
            "yes" if real(row["p_adjusted"]) <= alpha else "no",
        ]
        body_rows.append([*cells, plain(row["unit"]), plain(row["null"])] if several else cells)
    if several:
        columns += ["Unit", "Null hypothesis"]
    words = plain(claim) if several else f"{plain(claim)}. Unit: {units.pop()}. Null: {nulls.pop()}."
    return table(columns, body_rows, numeric=(2, 3, 4, 5), caption=words)


def _pair_name(row: Mapping[str, Any]) -> str:
    a, b = plain(row["layer_a"]), plain(row["layer_b"])
    if plain(row["network_a"]) == plain(row["network_b"]):
        return f"{a} → {b}"
    return a if a == b else f"{a} | {b}"
