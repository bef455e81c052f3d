"""Nouns as text, for a terminal: what `toposcope show` prints, and the tables at the end of a run.

Colours are the terminal's; where it has none, or is none, every view says the same without them. Text from files has
its control characters made visible.
"""

from __future__ import annotations

import dataclasses
import math
import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from toposcope._errors import ToposcopeError, ToposcopeWarning
from toposcope.diagram import PersistenceDiagram
from toposcope.distances import descriptors
from toposcope.stats import bar_significance
from toposcope.terminal import text

if TYPE_CHECKING:
    import pandas as pd

    from toposcope._types import Array, Float64
    from toposcope.comparison import Comparison
    from toposcope.representation import Representation
    from toposcope.study.holes import Portrait
    from toposcope.study.results import Results

_COLOURS = ("blue", "dark_orange", "green", "magenta")
_MOST_BARS = 8
_MOST_TESTS = 12
_MOST_CELLS = 16
_SHADES = " ░▒▓█"
ALPHA = 0.05
"""Level of the bars that are marked."""


def view_diagram(console: Console, diagram: PersistenceDiagram, title: str = "diagram") -> None:
    """How it was made, descriptors of every degree, and the longest bars of each as bars on one axis."""
    how = diagram.filtration
    scaled = "" if how.scale is None else f", distances divided by {how.scale} = {how.scale_value:.4g}"
    cut = "" if how.threshold is None else f", up to {how.threshold:g}"
    points = "" if how.n_points is None else f" of {how.n_points} points"
    console.print(Text(text(f"{title}{points}: {how.metric}{scaled}{cut}, over Z/{how.field}"), style="bold"))
    top = max(how.max_degree, int(diagram.degrees.max(initial=0)))
    facts = {degree: descriptors(diagram, degree) for degree in range(top + 1)}
    rows = [[f"H{k}", *(_number(value) for value in values.values())] for k, values in facts.items()]
    print_columns(console, ["degree", *(name.replace("_", " ") for name in facts[0])], rows)
    finite = diagram.pairs[np.isfinite(diagram.pairs)]
    end = float(finite.max(initial=0.0)) or 1.0
    room = max(16, min(48, console.width - 42))
    for k in range(top + 1):
        bars = diagram.in_degree(k)
        if len(bars):
            console.print()
            _barcode(console, diagram, k, bars, end, room)


def _barcode(console: Console, diagram: PersistenceDiagram, degree: int, bars: Float64, end: float, room: int) -> None:
    significant, said = _significant(diagram, degree, len(bars))
    order = np.argsort(-(bars[:, 1] - bars[:, 0]), kind="stable")[:_MOST_BARS]
    shown = f"longest {len(order)} of {len(bars)} bars" if len(order) < len(bars) else _counted(len(bars), "bar")
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column(f"H{degree}: {shown}", min_width=room, no_wrap=True)
    for name in ("birth", "death", "ratio"):
        table.add_column(name, justify="right")
    colour = _COLOURS[degree % len(_COLOURS)]
    for row in order.tolist():
        birth, death = bars[row].tolist()
        ratio = "∞" if math.isinf(death) and birth > 0 else (f"{death / birth:.3g}" if birth > 0 else "")
        mark = " *" if significant[row] else ""
        table.add_row(
            Text(bar_text(birth, death, end, room), style=colour), _number(birth), _number(death), ratio + mark
        )
    console.print(table)
    if said:
        console.print(Text(said, style="dim"))


def bar_text(birth: float, death: float, end: float, room: int) -> str:
    """A bar on an axis of `room` cells from 0 to `end`, in half cells; one that never dies runs on into an arrow."""
    halves = 2 * room
    first = min(math.floor(birth / end * halves), halves - 1)
    last = halves if math.isinf(death) else max(first + 1, min(round(death / end * halves), halves))
    cells = []
    for cell in range(room):
        left, right = first <= 2 * cell < last, first <= 2 * cell + 1 < last
        cells.append({(True, True): "━", (True, False): "╸", (False, True): "╺", (False, False): " "}[left, right])
    if math.isinf(death):
        cells[-1] = "▶"
    return "".join(cells)


def _significant(diagram: PersistenceDiagram, degree: int, count: int) -> tuple[Array, str]:
    """(k,) which bars the universal null rejects, and what to say of it."""
    nothing = np.zeros(count, dtype=np.bool_)
    if degree == 0:
        return nothing, ""
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", ToposcopeWarning)
            found = bar_significance(diagram, degree, ALPHA)
    except ToposcopeError as error:
        return nothing, f"significance not tested: {text(error).partition('; ')[0]}"
    rough = ", roughly: few bars" if caught else ""
    number = int(found.significant.sum())
    said = f"{'*' if number else 'none'} significant at {ALPHA:g} under the universal null, a conjecture{rough}"
    return found.significant, said


def view_representation(console: Console, representation: Representation) -> None:
    """Shape, source, values, equal rows and classes."""
    from toposcope.representation import first_equal_rows

    n, d = representation.points.shape
    console.print(Text(text(f"{representation.name}: {n} points in {d} dimensions"), style="bold"))
    points = representation.points
    rows: list[tuple[str, object]] = [("dtype", points.dtype)]
    if n and d:
        spread = float(np.asarray(points, dtype=np.float64).std(axis=0).mean())
        rows.append(("values", f"{_number(float(points.min()))} to {_number(float(points.max()))}"))
        rows.append(("spread", f"{_number(spread)} (mean standard deviation of a feature)"))
        constant = int((points.max(axis=0) == points.min(axis=0)).sum())
        rows.append(("constant", f"{constant} of {d} features"))
        equal = int((first_equal_rows(points) != np.arange(n)).sum())
        rows.append(("equal rows", f"{equal} repeat an earlier one"))
    ids = representation.sample_ids
    rows.append(("inputs", f"{len(np.unique(ids))}: " + ", ".join(map(str, ids[:4].tolist())) + (", …" * (n > 4))))
    named = ("network", "layer")
    source = dataclasses.asdict(representation.source)
    rows += [(name, value) for name, value in source.items() if value is not None and name not in named]
    _print_facts(console, rows)
    if representation.labels is not None and n:
        names, counts = np.unique(representation.labels, return_counts=True)
        console.print()
        most = max(counts.tolist())
        table = Table(box=None, pad_edge=False, header_style="bold")
        table.add_column("class")
        table.add_column("points", justify="right")
        table.add_column("")
        for name, count in list(zip(names.tolist(), counts.tolist(), strict=True))[:20]:
            table.add_row(Text(text(name)), str(count), Text("▇" * max(1, round(24 * count / most)), style="blue"))
        console.print(table)
        if len(names) > 20:
            console.print(f"and {len(names) - 20} more classes")


def view_portrait(console: Console, portrait: Portrait) -> None:
    """A diagram, and the inputs around its longest loops."""
    view_diagram(console, portrait.diagram, "portrait of a draw")
    bars = sorted(portrait.bars(), key=lambda bar: bar["birth"] - bar["death"])
    for degree in (1, 2, 0):
        some = [bar for bar in bars if bar["degree"] == degree][:_MOST_BARS]
        if not some:
            continue
        console.print()
        names = {0: ("", "joined by"), 1: ("around", "dies by"), 2: ("born of", "dies by")}[degree]
        rows = [
            (
                f"H{degree}",
                _number(bar["birth"]),
                _number(bar["death"]),
                *((" ".join(map(str, bar["cycle"])),) if degree == 1 else ()),
                *((" ".join(map(str, bar["born"])),) if degree == 2 else ()),
                " ".join(map(str, bar["died"])),
            )
            for bar in some
        ]
        print_columns(console, ["degree", "birth", "death", *(name for name in names if name)], rows)
    console.print(Text("One representative of many; --json has every bar.", style="dim"))


def view_comparison(console: Console, comparison: Comparison) -> None:
    """A heat table; far is dark."""
    sense = "larger is more similar" if comparison.larger_is_more_similar else "smaller is more similar"
    console.print(Text(text(f"{comparison.measure}, {len(comparison)} by {len(comparison)}: {sense}"), style="bold"))
    heat_table(console, comparison.values, comparison.labels, comparison.labels, comparison.larger_is_more_similar)
    bounds = comparison.computed.size - int(comparison.computed.sum())
    if bounds:
        console.print(f"{bounds} of {comparison.computed.size} values are lower bounds")


def heat_table(
    console: Console,
    values: Array,
    rows: Sequence[str],
    columns: Sequence[str],
    larger_is_more_similar: bool = False,
) -> None:
    """A matrix with a shade before every value, the farther the denser; NaN stays empty.

    Columns are numbered like the rows; what does not fit the terminal is left out and said.
    """
    shown = np.asarray(values, dtype=np.float64)
    name_room = min(28, max((len(text(name)) for name in rows), default=0))
    each = 8
    fit = max(1, min(_MOST_CELLS, (console.width - name_room - 5) // each))
    finite = shown[np.isfinite(shown)]
    low, top = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 1, 0, 0))
    table.add_column("", justify="right")
    table.add_column("", max_width=name_room, overflow="ellipsis", no_wrap=True)
    for place in range(min(len(columns), fit)):
        table.add_column(str(place + 1), justify="right", no_wrap=True)
    for place, name in enumerate(rows[: 4 * _MOST_CELLS]):
        cells = []
        for value in shown[place, :fit].tolist():
            share = 1.0 if math.isinf(value) else 0.0 if math.isnan(value) else (value - low) / ((top - low) or 1.0)
            share = 1 - share if larger_is_more_similar and math.isfinite(value) else share
            shade = _SHADES[min(int(share * len(_SHADES)), len(_SHADES) - 1)]
            cells.append(Text(f"{shade} {_short(value)}" if not math.isnan(value) else "", style=_heat_style(share)))
        table.add_row(str(place + 1), Text(text(name)), *cells)
    console.print(table)
    if list(columns) != list(rows):
        console.print("columns: " + "; ".join(f"{k + 1} {text(name)}" for k, name in enumerate(columns[:fit])))
    left_out = [
        _counted(count - most, kind)
        for kind, count, most in (("row", len(rows), 4 * _MOST_CELLS), ("column", len(columns), fit))
        if count > most
    ]
    if left_out:
        console.print(Text(f"left out: {', '.join(left_out)} (a wider terminal shows more columns)", style="dim"))


def _heat_style(share: float) -> str:
    return "" if share < 0.2 else "cyan" if share < 0.5 else "yellow" if share < 0.8 else "bold red"


def view_arrays(console: Console, arrays: Mapping[str, Array], key: str) -> None:
    """An artefact of another kind: its arrays, with the range of those that are numbers."""
    console.print(Text(text(key), style="bold"))
    rows = []
    for name, array in arrays.items():
        numbers = array.dtype.kind in "iuf" and array.size
        held = f"{_number(float(array.min()))} to {_number(float(array.max()))}" if numbers else ""
        if array.dtype.kind == "U" and array.size:
            first = str(array.ravel()[0])
            held = first if len(first) <= 60 else first[:59] + "…"
        rows.append((name, str(array.dtype), "×".join(map(str, array.shape)) or "one", held))
    print_columns(console, ["array", "dtype", "shape", "values"], rows)


def view_results(console: Console, results: Results) -> None:
    """What was studied, the findings, the strongest tests, and how far the layers are apart."""
    plan, tables = results.plan, results.tables
    layers = len(tables["layers"])
    console.print(
        Text(
            text(
                f"{plan.name} ({plan.recipe}): {_counted(len(tables['networks']), 'network')}, "
                f"{_counted(layers, 'layer')}, {plan.cloud.draws} disjoint draws of {plan.cloud.size} inputs, "
                f"H0 to H{plan.homology.max_degree}, {plan.distance.measure().name}"
            ),
            style="bold",
        )
    )
    view_findings(console, results)
    if len(tables["verdicts"]):
        console.print()
        rows = tables["verdicts"][["question", "answer", "where", "degree", "effect", "p_adjusted"]]
        print_columns(
            console,
            ["question", "answer", "where", "H", "effect", "p adjusted"],
            [
                (
                    row["question"],
                    row["answer"],
                    _word(row["where"]),
                    _whole(row["degree"]),
                    _short(row["effect"]),
                    _p(row["p_adjusted"]),
                )
                for row in _records(rows)
            ],
        )
    view_tests(console, results)
    _view_means(console, results)


def view_findings(console: Console, results: Results) -> None:
    """The headline and every other finding, with what controls and audit say; on a terminal the headline's alone."""
    from toposcope.study.verdicts import claimed

    verdicts = {str(row["sentence"]): row for row in _records(results.tables["verdicts"])}
    left_out = False
    for place, finding in enumerate(results.findings or (results.headline,)):
        row = verdicts.get(finding)
        doubts = {name: _word(row[name]) for name in ("controls", "audit")} if row and console.is_terminal else {}
        claim = claimed(finding, doubts["controls"], doubts["audit"]) if doubts else finding
        console.print(Text(text(claim), style="" if place else "bold"))
        for name, said in doubts.items():
            if said and not place:
                console.print(Padding(Text(f"{name}: {text(said)}", style="dim"), (0, 0, 0, 2)))
        left_out |= place > 0 and any(doubts.values())
    if left_out:
        console.print(Text("what controls and audit say of these findings: tables/verdicts.csv", style="dim"))


def view_tests(console: Console, results: Results) -> None:
    """The tests of a run, strongest first; nothing where there are none."""
    tests = results.tables["tests"]
    if not len(tests):
        return
    alpha = results.plan.test.alpha
    found = int((tests["p_adjusted"] <= alpha).sum())
    console.print()
    console.print(
        Text(
            f"{found} of {_counted(len(tests), 'test')} reject at {alpha:g}, adjusted by {results.plan.test.adjust}; "
            "effect: × sampling noise − 1",
            style="bold",
        )
    )
    order = tests.assign(_by=-tests["effect"]).sort_values(["p_adjusted", "_by"], kind="stable")
    rows = []
    for row in _records(order.head(_MOST_TESTS)):
        a, b = _pair(row["network_a"], row["layer_a"], row["network_b"], row["layer_b"])
        interval = "" if math.isnan(row["low"]) else f"[{_short(row['low'])}, {_short(row['high'])}]"
        mark = "*" if row["p_adjusted"] <= alpha else ""
        rows.append((a, b, f"H{row['degree']}", _short(row["effect"]), interval, _p(row["p_adjusted"]) + mark))
    print_columns(console, ["layer", "against", "", "effect", "interval", "p adjusted"], rows)
    if len(tests) > _MOST_TESTS:
        console.print(Text(f"and {len(tests) - _MOST_TESTS} more in tables/tests.csv", style="dim"))


def _view_means(console: Console, results: Results) -> None:
    """Mean distances between layers, of many the last of each network, in the highest degree that was studied."""
    means = results.tables["distance_means"]
    means = means[(means["clouds_a"] == "plain") & (means["clouds_b"] == "plain")]
    if not len(means):
        return
    degree = int(means["degree"].max())
    means = means[means["degree"] == degree]
    known = results.tables["layers"]
    names = list(zip(known["network"], known["layer"], strict=True))
    last = len(names) > _MOST_CELLS
    if last:
        names = list(dict(names).items())
    place = {name: k for k, name in enumerate(names)}
    matrix = np.full((len(names), len(names)), np.nan)
    for row in _records(means):
        i, j = place.get((row["network_a"], row["layer_a"])), place.get((row["network_b"], row["layer_b"]))
        if i is not None and j is not None:
            matrix[i, j] = matrix[j, i] = row["mean"]
    one = len({network for network, _layer in names}) == 1
    labels = [layer if one else f"{network} / {layer}" for network, layer in names]
    console.print()
    measure = means["measure"].iloc[0]
    which = "the last layers of the networks" if last else "layers"
    console.print(Text(f"mean {text(measure)} in H{degree} between draws of {which}", style="bold"))
    heat_table(console, matrix, labels, labels)


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows by column."""
    return [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]


def _pair(network_a: str, layer_a: str, network_b: str, layer_b: str) -> tuple[str, str]:
    """Names of two layers, the second without what it shares with the first."""
    if network_a == network_b:
        return f"{network_a} / {layer_a}", str(layer_b)
    return f"{network_a} / {layer_a}", str(network_b) if layer_a == layer_b else f"{network_b} / {layer_b}"


def print_columns(console: Console, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """A table of text that is ready; columns of numbers to the right."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for position, name in enumerate(columns):
        right = bool(rows) and all(_looks_numeric(str(row[position])) for row in rows)
        table.add_column(name, justify="right" if right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(text(cell)) for cell in row))
    console.print(table)


def _print_facts(console: Console, rows: Sequence[tuple[str, object]]) -> None:
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column("", style="dim")
    table.add_column("", overflow="fold")
    for name, value in rows:
        table.add_row(text(name), Text(text(value)))
    console.print(table)


def _looks_numeric(cell: str) -> bool:
    return not cell.strip("0123456789.,e+-−∞*[] ")


def _number(value: float) -> str:
    return "∞" if math.isinf(value) else f"{value:.4g}"


def _short(value: float) -> str:
    return "" if math.isnan(value) else "∞" if math.isinf(value) else f"{value:.3g}"


def _p(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.2g}"


def _whole(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.0f}"


def _word(value: object) -> str:
    return value if isinstance(value, str) else ""


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
