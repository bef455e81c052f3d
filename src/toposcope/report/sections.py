"""The words and tables of the page, in the order in which a reader needs them. Charts are drawn in the places left."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from toposcope.report.holes import Missing
from toposcope.report.markup import Html, escaped, join, plain, tag
from toposcope.report.numbers import NONE, counted, number, p_value, real, whole
from toposcope.report.payload import LeftOut, records
from toposcope.report.toml import plan_toml
from toposcope.report.words import (
    ADJUSTMENTS,
    degrees,
    distance_name,
    filtration_unit,
    flat,
    level,
    methods,
    scale_name,
)

if TYPE_CHECKING:
    from toposcope.study.results import Results

PARTS = {
    "networks": "Networks",
    "tests": "Planned comparisons",
    "distances": "Distances",
    "map": "Map",
    "depth": "Along depth",
    "layers": "Two layers",
    "holes": "Bars and their inputs",
    "methods": "Methods",
    "provenance": "Provenance",
}
"""Sections after the first screen: anchor and heading."""

LABELS = {
    "toposcope": "toposcope",
    "python": "Python",
    "platform": "Platform",
    "cores": "Cores",
    "seed": "Seed",
    "plan": "Plan digest",
    "started": "Started",
    "seconds": "Seconds",
    "tasks_performed": "Tasks performed",
    "workers": "Workers",
    "folder": "Folder",
}
"""Provenance that is no package's version."""


def body(results: Results, data: Mapping[str, Any], left_out: LeftOut) -> Html:
    """Everything that a reader sees before a script has run."""
    makers = {
        "networks": _networks(results, data),
        "tests": _tests(results, data),
        "distances": _distances(results, data),
        "map": _map(results, data),
        "depth": _depth(results),
        "layers": _layers(results, data, left_out),
        "holes": _holes(results, data, left_out.holes),
        "methods": methods(results),
        "provenance": _provenance(results, left_out),
    }
    parts = [
        tag("section", tag("h2", title, id_=f"{name}-title"), makers[name], id_=name, aria_labelledby=f"{name}-title")
        for name, title in PARTS.items()
    ]
    return join(
        [
            tag("a", "Skip to the results", class_="skip", href="#main"),
            tag("main", _first_screen(results, data), _contents(), *parts, id_="main"),
            tag("div", id_="tip", role="status", aria_live="polite", hidden=True),
        ],
        "\n",
    )


def _contents() -> Html:
    links = [tag("a", title, href=f"#{name}") for name, title in PARTS.items()]
    return tag("nav", *links, aria_label="Sections")


def _first_screen(results: Results, data: Mapping[str, Any]) -> Html:
    plan, tables = results.plan, results.tables
    others = results.findings[1:]
    tests = len(tables["tests"])
    names = [plain(name) for name in tables["networks"]["network"]]
    untested = sum(warning.startswith("not tested") for warning in results.warnings)
    untested_text = f"; {counted(untested, 'comparison')} could not be tested (see warnings)" if untested else ""
    missing = _missing(results)
    draws = counted(plan.cloud.draws, "disjoint draw" if plan.cloud.draws > 1 else "draw")
    facts: list[tuple[str, object]] = [
        ("Networks", _swatches(names)),
        ("Layers", f"{whole(len(tables['layers']))} in all"),
        ("Clouds", f"{draws} of {counted(plan.cloud.size, 'input')}, the same number in every layer"),
        ("Homology", f"{degrees(plan)}, Vietoris–Rips, Z/{plan.homology.field}"),
        ("Distance", distance_name(plan)),
        ("Scale", scale_name(plan)),
        (
            "Tests",
            f"{counted(tests, 'permutation test')} at {level(plan)}{untested_text}"
            if tests
            else f"none: {_why_no_tests(results)}",
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


def _networks(results: Results, data: Mapping[str, Any]) -> Html:
    rows = []
    for i, row in enumerate(records(results.tables["networks"])):
        accuracy = real(row["accuracy"])
        measured: object = NONE
        if math.isfinite(accuracy):
            measured = tag("span", f"{100 * accuracy:.1f} %", tag("small", f" of {whole(row['judged'])}"))
        rows.append(
            [
                _swatch(i, plain(row["network"])),
                plain(row["family"]) or NONE,
                plain(row["checkpoint"]) or NONE,
                plain(row["data"]) or NONE,
                _cell(whole(row["inputs"])),
                _cell(whole(row["layers"])),
                _cell(measured),
            ]
        )
    rows += [
        [tag("em", name), "extraction failed", NONE, NONE, _cell(NONE), _cell(NONE), _cell(NONE)]
        for name in _missing(results)
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
            _swatch(layer["network"], f"{data['networks'][layer['network']]['name']} / {layer['name']}"),
            _cell(number(layer["depth"], 2)),
            layer["module"] or NONE,
            layer["shape"] or NONE,
            layer["reduction"] or NONE,
            _cell(whole(layer["dimension"])),
            _cell(number(layer["effective_dimension"])),
            _cell(whole(layer["duplicates"])),
            _cell(number(layer["scale"])),
        ]
        for layer in data["layers"]
    ]
    heads = ["Layer", "Depth", "Module", "Shape", "Reduction", "Length", "Effective dim.", "Duplicates", "Mean scale"]
    return join(
        [
            _table(columns, rows, numeric=(4, 5, 6)),
            tag("p", note, class_="note"),
            tag(
                "details",
                tag("summary", "The layer" if len(layers) == 1 else f"All {counted(len(layers), 'layer')}"),
                _table(heads, layers, numeric=(1, 5, 6, 7, 8)),
            ),
        ]
    )


def _tests(results: Results, data: Mapping[str, Any]) -> Html:
    rows = records(results.tables["tests"])
    if not rows:
        return join([tag("p", f"No tests: {_why_no_tests(results)}.", class_="empty"), *_answers(results)])
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
            _figure("tests", caption),
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
                _cell(NONE if math.isnan(real(row["degree"])) else f"H{int(real(row['degree']))}"),
                _cell(_bounded(row)),
                _cell(number(row["margin"])),
                _cell(p_value(row["p_adjusted"])),
            ]
            for row in verdicts
        ]
        columns = ["Question", "Answer", "Where", "Degree", "Effect", "Margin", "Adjusted p"]
        table = _table(columns, rows, numeric=(3, 4, 5, 6))
        parts.append(tag("details", tag("summary", f"{counted(len(rows), 'verdict')} with numbers"), table))
    audit = records(results.tables["audit"])
    if audit:
        rows = [
            [
                plain(row["question"]),
                plain(row["setting"]),
                plain(row["answer"]),
                "yes" if str(row["survives"]) == "True" else "no",
                _cell(number(row["effect"])),
                _cell(p_value(row["p_adjusted"])),
            ]
            for row in audit
        ]
        columns = ["Question", "Setting", "Answer", "Survives", "Effect", "Adjusted p"]
        table = _table(columns, rows, numeric=(4, 5))
        parts.append(tag("details", tag("summary", "Every verdict under other settings"), table))
    return parts


def _bounded(row: Mapping[str, Any]) -> str:
    """An effect with its bounds, where there are any."""
    low, high = real(row["low"]), real(row["high"])
    bounds = f" ({number(low)} to {number(high)})" if math.isfinite(low) or math.isfinite(high) else ""
    return number(row["effect"]) + bounds


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
            _cell(number(row["statistic"])),
            _cell(effect),
            _cell(p_value(row["p"])),
            _cell(p_value(row["p_adjusted"])),
            "yes" if real(row["p_adjusted"]) <= alpha else "no",
        ]
        body_rows.append([*cells, plain(row["unit"]), plain(row["null"])] if several else cells)
    if several:
        columns += ["Unit", "Null hypothesis"]
    words = plain(claim) if several else f"{plain(claim)}. Unit: {units.pop()}. Null: {nulls.pop()}."
    return _table(columns, body_rows, numeric=(2, 3, 4, 5), caption=words)


def _pair_name(row: Mapping[str, Any]) -> str:
    a, b = plain(row["layer_a"]), plain(row["layer_b"])
    if plain(row["network_a"]) == plain(row["network_b"]):
        return f"{a} → {b}"
    return a if a == b else f"{a} | {b}"


def _distances(results: Results, data: Mapping[str, Any]) -> Html:
    if len(data["layers"]) < 2:
        return tag("p", "One layer has nothing to be compared with.", class_="empty")
    measure = data["measure"]
    several = results.plan.cloud.draws > 1
    diagonal = (
        "On the diagonal stands its noise: the mean distance between two disjoint draws of that one layer."
        if several
        else "One draw tells nothing of sampling noise, so the diagonal is empty and no distance can be put in "
        "proportion."
    )
    unknown = " Hatched: not measured, because a task failed." if _anywhere(None, data) else ""
    infinite = (
        " ∞: diagrams with different numbers of bars that never die; a larger threshold or none mends that."
        if _anywhere("inf", data)
        else ""
    )
    shared = (
        " Layers that saw the same inputs are compared on the same draw, which also takes out what the draws have "
        "in common: such a distance can lie below 1× noise. The tests leave those pairs of draws out."
        if several
        else ""
    )
    layers = (
        f"Mean {measure} distance over draws between every two layers; rows and columns are in the same order. "
        f"{diagonal}{shared}{infinite}{unknown}"
    )
    networks = (
        "Mean over matched layers: every layer of the network with fewer layers, with the layer of the other at "
        "the nearest relative depth. On the diagonal: the mean noise of the network’s layers."
    )
    figures = [_figure("matrix", layers)]
    if len(data["networks"]) > 1:
        figures.append(_figure("nets", networks))
    return join([tag("div", id_="matrix-controls", class_="controls"), tag("div", *figures, class_="matrices")])


def _anywhere(value: object, data: Mapping[str, Any]) -> bool:
    return any(value in row for row in data["matrix"]["mean"])


def _map(results: Results, data: Mapping[str, Any]) -> Html:
    if not any(data["maps"]):
        return tag("p", "A map needs three layers or more at finite distances that are not all 0.", class_="empty")
    caption = (
        "Every layer as a point, placed so that distances in the plane come as near as they can to mean "
        f"{data['measure']} distances (metric scaling, SMACOF). Lines follow each network from its first layer "
        "(open mark) to its last (arrow). Marks of one form are one family. Axes have no meaning of their own, "
        "only distances do."
    )
    return _figure("map", caption)


def _depth(results: Results) -> Html:
    plan = results.plan
    if plan.cloud.draws > 1:
        band = (
            f"Bands are {100 * plan.test.confidence:g} % Student t intervals of the mean over {plan.cloud.draws} "
            "disjoint draws, point by point."
        )
    else:
        band = "One draw has no spread: there are no bands."
    caption = (
        f"Relative depth 0 is a network’s first layer that was looked at, 1 its last. {band} Lengths are in units "
        f"of the filtration ({filtration_unit(plan)}). Effective dimension is of the whole cloud and has no band. "
        "Mean birth and death, and bars that never die, are in descriptor_means.csv."
    )
    return _figure("depth", caption)


def _layers(results: Results, data: Mapping[str, Any], left_out: LeftOut) -> Html:
    if not any(data["diagrams"]["layers"]):
        return tag("p", "No diagrams: homology failed, or the run’s store is gone.", class_="empty")
    plan = results.plan
    if plan.cloud.draws > 1:
        band = f"mean over draws with its {100 * plan.test.confidence:g} % t interval, point by point, cut at 0"
        overlay = "Marks of the first draw are strong, those of the others faint."
    else:
        band, overlay = "one draw, so no band", "There is one draw."
    caption = (
        f"Above: persistence diagrams. {overlay} Bars of degree 0 are all born at 0 and stand as strokes on the "
        "left edge; bars that never die stand in the strip marked ∞. Below: Betti curves, the number of bars alive "
        f"at each filtration value ({band}; drawn at {data['betti']['points']} values)."
    )
    if data["holes"] is not None:
        caption += " A bar of the first draw leads to its inputs: click it, or press Enter where the arrow keys stand."
    notes = []
    if left_out.bars:
        notes.append(
            f"To keep this page small, {whole(left_out.bars)} of {whole(left_out.of_bars)} bars are not drawn in "
            f"the diagrams: of each draw and degree the {left_out.cap} longest are. Betti curves and all numbers "
            "use every bar."
        )
    if left_out.layers:
        some = ", ".join(left_out.layers[:12]) + (", …" if len(left_out.layers) > 12 else "")
        notes.append(f"No diagrams of {counted(len(left_out.layers), 'layer')}: {some}.")
    figures = [_figure("layer", caption)]
    if data["pairs"]["held"]:
        figures.append(_figure("pairs", _matching_words(results)))
    return join([*figures, *(tag("p", note, class_="note") for note in notes)])


def _matching_words(results: Results) -> str:
    choice = results.plan.distance
    kin = (
        " (the distances of this run are sliced, which matches no bars)" if choice.name == "sliced_wasserstein" else ""
    )
    return (
        f"The matching that attains the distance between the diagrams of the first draws{kin}. In degree 0 deaths are "
        "joined; in higher degrees a line leads from each bar of A to its partner in B, or to the diagonal, where bars "
        "of no length lie. One optimal matching of possibly several."
    )


def _holes(results: Results, data: Mapping[str, Any], missing: Missing) -> Html:
    if data["holes"] is None:
        return tag("p", f"No inputs behind bars: {missing.why}.", class_="empty")
    metric = results.plan.cloud.metric
    raw = "" if metric == "euclidean" else f" of the activations, while bars come from {metric} distances"
    loops = (
        "The first draw of one layer. Thick: the edge that closes the loop at its birth, the longest on it. Shaded: "
        "the triangle that fills it at its death. A hole has many loops around it, and the one drawn is one "
        "representative of many; birth and death are the same for all of them. The plane shows two directions of many"
        f"{raw}: what looks like a hole there need not be one, and a loop may look crossed or flat."
    )
    tree = (
        "Every input starts alone; a branch joins where two pieces meet (single linkage: the edges of the spanning "
        "tree, whose lengths are the deaths of degree 0). The slider cuts the tree, and the pieces below the cut are "
        "listed. It starts where most pieces have three inputs or more, whatever their classes."
    )
    notes = [_what_is_kept(results, missing)]
    if results.plan.homology.max_degree == 0:
        loops = "The first draw of one layer. Homology stopped at degree 0, so there are no loops."
    told = tag("p", id_="told", class_="told", aria_live="polite")
    return join(
        [told, _figure("holes", loops), _figure("tree", tree), *(tag("p", note, class_="note") for note in notes)]
    )


def _what_is_kept(results: Results, missing: Missing) -> str:
    parts = []
    if missing.kept < missing.bars:
        parts.append(
            f"To keep this page small it holds the inputs of {whole(missing.kept)} of {whole(missing.bars)} bars of "
            "degree 1 and 2 in the first draws: the longest of each layer."
        )
    if missing.layers:
        parts.append(f"{counted(missing.layers, 'layer')} with the smallest effects did not fit at all.")
    if missing.images:
        parts.append(f"Images of {counted(missing.images, 'input')} did not fit.")
    key = next((key for layers in results.seen.portraits.values() for key in layers.values()), "portrait-…")
    parts.append(
        "Inputs are small images made anew from their pixels."
        if missing.shown
        else "Inputs go by their sample ids: they are no images, or images were left out."
    )
    parts.append(
        f"Every bar of a first draw: toposcope show {key} --store FOLDER --json, where FOLDER is the run’s; the keys "
        "of all layers are in its results.json."
    )
    return " ".join(parts)


def _provenance(results: Results, left_out: LeftOut) -> Html:
    made = {name: value for name, value in flat(results.provenance).items() if value is not None}
    order = [name for name in LABELS if name in made] + sorted(made.keys() - LABELS.keys())
    known = [tag("div", tag("dt", LABELS.get(name, name)), tag("dd", made[name])) for name in order]
    toml = plan_toml(results.plan.to_json())
    not_carried = ", ".join(left_out.tables)
    return join(
        [
            tag("h3", "Warnings", id_="warnings"),
            _list(results.warnings, "There was nothing to warn of."),
            tag("h3", "Failed tasks", id_="failed"),
            _list([f"{failure.title}: {failure.message}" for failure in results.failed], "Every task finished."),
            tag("h3", "How it was made"),
            tag("dl", *known, class_="facts wide"),
            tag("h3", "How to make it again"),
            tag(
                "p",
                "Save the plan as ",
                tag("code", "study.toml"),
                " and run ",
                tag("code", "toposcope run study.toml"),
                ".",
            ),
            tag("pre", tag("code", escaped(toml, lines=True)), tabindex="0", aria_label="The plan as TOML"),
            tag("h3", "Tables"),
            tag(
                "p",
                "All tables of the run are CSV files in ",
                tag("code", "tables/"),
                " of its folder, every number in full. ",
                f"Not carried in this page, for their size: {not_carried}." if not_carried else "",
            ),
            tag("p", id_="downloads", class_="downloads"),
        ]
    )


def _figure(name: str, caption: str) -> Html:
    missing = tag("noscript", tag("p", "This chart is drawn by a script, and scripts are off.", class_="empty"))
    return tag("figure", tag("div", missing, class_="plot"), tag("figcaption", caption), id_=f"figure-{name}")


def _table(
    columns: Sequence[str], rows: Sequence[Sequence[object]], numeric: Sequence[int] = (), caption: str = ""
) -> Html:
    head = tag(
        "tr", *(tag("th", name, scope="col", class_="n" if i in numeric else None) for i, name in enumerate(columns))
    )
    lines = []
    for row in rows:
        cells = [cell if isinstance(cell, Html) and cell.startswith("<td") else tag("td", cell) for cell in row]
        lines.append(tag("tr", *cells))
    return tag(
        "div",
        tag("table", tag("caption", caption) if caption else "", tag("thead", head), tag("tbody", *lines)),
        class_="scroll",
        tabindex="0",
        role="region",
        aria_label=caption or f"Table: {', '.join(columns[:3])} …",
    )


def _cell(value: object) -> Html:
    return tag("td", value, class_="n")


def _swatch(network: int, name: str) -> Html:
    return tag("span", tag("i", class_=f"swatch c{network % 8}", aria_hidden="true"), name, class_="name")


def _swatches(names: Sequence[str]) -> Html:
    shown = names if len(names) <= 8 else names[:7]
    more = f" and {len(names) - len(shown)} more" if len(shown) < len(names) else ""
    return join(
        [tag("span", f"{len(names)}: "), join([_swatch(i, name) for i, name in enumerate(shown)], " "), escaped(more)]
    )


def _list(lines: Sequence[str], none: str) -> Html:
    if not lines:
        return tag("p", none, class_="note")
    return tag("ul", *(tag("li", line) for line in lines), class_="log")


def _missing(results: Results) -> list[str]:
    """Networks of the plan that gave nothing."""
    there = {str(name) for name in results.tables["networks"]["network"]}
    return [plain(network.name) for network in results.plan.network if network.name not in there]


def _why_no_tests(results: Results) -> str:
    if results.plan.cloud.draws < 2:
        return "one draw has no spread"
    if len(results.tables["layers"]) < 2:
        return "there is one layer only"
    return "none could be made, and the warnings say why"
