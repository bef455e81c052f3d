"""What the charts draw, as one JSON value. Names are shown, never used as keys: layers and networks are numbers here.

Keys of the value: `networks`, `layers`, `degrees`, `measure`, `distance` and `trainings` name things; `claims` holds
the tests, `matrix` the distances between layers, `nets` those between networks, `beside` what was measured beside
them, `maps` positions in the plane, `depth` the descriptors, `diagrams`, `betti`, `lines` and `controls` the layer
view, `holes` the inputs behind bars, `files` tables as CSV, gzipped and in base64. A NaN is
null and an infinity the text "inf".
"""

from __future__ import annotations

import base64
import dataclasses
import gzip
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from toposcope.report.controls import controls, significance_lines
from toposcope.report.depth import depth_panels
from toposcope.report.diagrams import LEVELS, curves, diagrams, largest_value, read_diagrams
from toposcope.report.holes import Missing, holes
from toposcope.report.index import Index, records
from toposcope.report.markup import plain, script_json
from toposcope.report.matrix import beside, between_networks, matrices, triangles
from toposcope.report.numbers import packed, real
from toposcope.report.places import maps
from toposcope.report.words import filtration_unit

if TYPE_CHECKING:
    import pandas as pd

    from toposcope.study.plan import DistanceChoice
    from toposcope.study.results import Results

PAGE_BYTES = 9_300_000
"""What the page may weigh. When all else is in it, the shortest bars of each diagram give way, and are counted."""
FRAME_BYTES = 130_000
"""What style, script and prose weigh, roughly, and what a test and a layer add to the tables of the page."""
ROW_BYTES = 420
TABLE_BYTES = 400_000
"""A table that is larger, gzipped and in base64, is not carried in the page."""
DRAW_BY_DRAW = ("distances", "descriptors", "similarity")
"""Tables that are not either: the means over draws are what a reader takes along."""


@dataclasses.dataclass(frozen=True)
class LeftOut:
    """What the page does not hold: bars beyond the cap, layers without diagrams, tables not carried, inputs of bars."""

    bars: int
    of_bars: int
    cap: int
    layers: tuple[str, ...]
    tables: tuple[str, ...]
    holes: Missing


def payload(results: Results, thumbnails: bool = True) -> tuple[dict[str, Any], LeftOut]:
    """Everything the charts need, and what was left out of it."""
    index = Index.of(results)
    plan = results.plan
    degrees = list(range(plan.homology.max_degree + 1))
    means, halves, noise = matrices(results, index, degrees)
    others = beside(results, index, degrees)
    read, gone = read_diagrams(results, index)
    top = largest_value(read)
    points, betti = curves(results, read, degrees)
    files, too_large = _files(results)
    claims = _claims(results, index)
    named = [(index.networks[network], name) for network, name in index.layers]
    behind, missing = holes(results, named, _by_effect(claims, len(named)), top, LEVELS, thumbnails)
    value = {
        "schema": 2,
        "alpha": plan.test.alpha,
        "confidence": plan.test.confidence,
        "degrees": degrees,
        "measure": plan.distance.measure().name,
        "distance": _matched_by(plan.distance),
        "unit": filtration_unit(plan),
        "networks": _networks(results, index),
        "layers": _layers(results, index),
        "trainings": _trainings(results, index),
        "claims": claims,
        "pair": _first_pair(claims, index),
        "matrix": {"mean": triangles(means), "half": triangles(halves), "noise": [_list(row) for row in noise]},
        "nets": between_networks(index, means, noise),
        "beside": [other.to_json(index) for other in others],
        "maps": maps(plan.distance.measure().name, means, others),
        "depth": depth_panels(results, index, degrees),
        "betti": {"points": points, "layers": betti},
        "lines": significance_lines(results, index, read, degrees),
        "controls": controls(results, index, degrees, top, points),
        "holes": behind,
        "files": files,
    }
    rows = len(results.tables["tests"]) + len(index.layers)
    spare = PAGE_BYTES - FRAME_BYTES - ROW_BYTES * rows - len(script_json(value).encode("utf-8"))
    value["diagrams"], bars, of_bars, cap = diagrams(read, degrees, spare)
    return value, LeftOut(bars, of_bars, cap, gone, too_large, missing)


def _networks(results: Results, index: Index) -> list[dict[str, Any]]:
    accuracy = {str(row["network"]): packed(row["accuracy"]) for row in records(results.tables["networks"])}
    return [
        {"name": plain(name), "family": family, "accuracy": accuracy.get(name)}
        for name, family in zip(index.networks, _families(results, index), strict=True)
    ]


def _layers(results: Results, index: Index) -> list[dict[str, Any]]:
    rows = records(results.tables["layers"])
    return [
        {
            "network": network,
            "name": plain(name),
            "depth": packed(index.depth[i]),
            **{key: plain(row[key]) for key in ("module", "shape", "reduction")},
            **{key: packed(row[key]) for key in ("dimension", "effective_dimension", "duplicates", "scale")},
        }
        for i, ((network, name), row) in enumerate(zip(index.layers, rows, strict=True))
    ]


def _trainings(results: Results, index: Index) -> list[dict[str, Any]]:
    """Checkpoints of one training by number, in order of their steps, where at least two of them are there."""
    from toposcope.study.recipes.training import trainings

    found = []
    for name, members in trainings(results.plan).items():
        there = [member for member in members if member.name in index.networks]
        if len(there) > 1:
            numbers = [index.networks.index(member.name) for member in there]
            steps = [packed(member.step, 9) for member in there]
            found.append({"name": plain(name), "networks": numbers, "steps": steps})
    return found


def _matched_by(choice: DistanceChoice) -> dict[str, Any]:
    """The distance whose matching the page shows: a sliced one has none, and its unsliced kin stands for it."""
    if choice.name == "bottleneck":
        return {"name": "bottleneck", "order": "inf", "ground": "inf"}
    return {"name": f"W{choice.order:g}", "order": packed(choice.order, 9), "ground": packed(choice.ground, 9)}


def _families(results: Results, index: Index) -> list[int]:
    """A number for each network's family; a network without one is a family of its own."""
    named = {str(row["network"]): plain(row["family"]) for row in records(results.tables["networks"])}
    labels = [named.get(name) or f"\0{i}" for i, name in enumerate(index.networks)]
    known = list(dict.fromkeys(labels))
    return [known.index(label) for label in labels]


def _claims(results: Results, index: Index) -> list[dict[str, Any]]:
    """Tests by claim, planned comparisons before steps along depth."""
    own = {f"depth of {name}": n for n, name in enumerate(index.networks)}
    claims: dict[str, list[dict[str, Any]]] = {}
    for row in records(results.tables["tests"]):
        claims.setdefault(str(row["claim"]), []).append(row)
    out = []
    for claim, rows in claims.items():
        cells = []
        for row in rows:
            a, b = index.of_pair(row)
            if a is None or b is None:
                continue
            cells.append(
                {
                    "a": a,
                    "b": b,
                    "degree": int(row["degree"]),
                    "shown": bool(real(row["p_adjusted"]) <= results.plan.test.alpha),
                    **{key: packed(row[key]) for key in ("effect", "low", "high", "p", "p_adjusted")},
                }
            )
        out.append({"claim": plain(claim), "network": own.get(claim), "cells": cells})
    return sorted(out, key=lambda entry: entry["network"] is not None)


def _first_pair(claims: Sequence[Mapping[str, Any]], index: Index) -> list[int]:
    """The two layers that the layer view opens with: the largest effect of the first claim about two."""
    for claim in claims:
        finite = [
            cell for cell in claim["cells"] if isinstance(cell["effect"], (int, float)) and cell["a"] != cell["b"]
        ]
        if finite:
            most = max(finite, key=lambda cell: float(cell["effect"]))
            return [most["a"], most["b"]]
    last = len(index.layers) - 1
    return [0, last] if index.layers else []


def _by_effect(claims: Sequence[Mapping[str, Any]], layers: int) -> list[int]:
    """Layers by number, those first whose comparisons have the largest effects, claim by claim."""
    order: list[int] = []
    for claim in claims:
        for cell in sorted(claim["cells"], key=lambda cell: -_finite(cell["effect"])):
            order += [cell["b"], cell["a"]]
    return list(dict.fromkeys([*order, *range(layers)]))


def _finite(value: object) -> float:
    return float(value) if isinstance(value, (int, float)) else -math.inf


def _files(results: Results) -> tuple[dict[str, str], tuple[str, ...]]:
    from toposcope.study.columns import COLUMNS

    files, too_large = {}, []
    for name in COLUMNS:
        text = "" if name in DRAW_BY_DRAW else _zipped(results.tables[name])
        if not text or len(text) > TABLE_BYTES:
            too_large.append(f"{name}.csv")
        else:
            files[f"{name}.csv"] = text
    return files, tuple(too_large)


def _zipped(table: pd.DataFrame) -> str:
    csv = table.to_csv(index=False, lineterminator="\n").encode("utf-8", errors="replace")
    return base64.b64encode(gzip.compress(csv, mtime=0)).decode("ascii")


def _list(row: Any) -> list[float | str | None]:
    return [packed(value) for value in row]
