"""What the charts draw, as one JSON value. Names are shown, never used as keys: layers and networks are numbers here.

Keys of the value: `networks`, `layers`, `degrees` and `measure` name things; `claims` holds the tests, `matrix` the
distances between layers, `nets` those between networks, `maps` positions in the plane, `depth` the descriptors,
`diagrams` and `betti` the layer view, `pairs` matched bars, `holes` the inputs behind bars, `files` small tables as
CSV. A NaN is null and an infinity the text "inf".
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from toposcope._errors import ToposcopeError
from toposcope._types import Float64
from toposcope.report.embedding import embed
from toposcope.report.holes import Missing, holes, words
from toposcope.report.markup import plain, script_json
from toposcope.report.numbers import packed, real
from toposcope.report.pairs import matchings
from toposcope.report.words import filtration_unit

if TYPE_CHECKING:
    import pandas as pd

    from toposcope.diagram import PersistenceDiagram
    from toposcope.study.results import Results

PAGE_BYTES = 2_800_000
"""What the page may weigh. When all else is in it, the shortest bars of each diagram give way, and are counted."""
FRAME_BYTES = 90_000
"""What style, script and prose weigh, roughly, and what a test and a layer add to the tables of the page."""
ROW_BYTES = 420
TABLE_BYTES = 150_000
"""A table whose CSV is larger is not carried in the page."""
CURVE_POINTS = (161, 81)
"""Filtration values at which Betti curves are drawn; the second for more than `MANY_CURVES` of them."""
MANY_CURVES = 240
FEWEST_BARS = 8
"""So many bars of every diagram are drawn in any case."""
LEVELS = 65_534
"""Coordinates of bars are rounded to this fraction of the axis, far below a pixel; the value above it is infinity."""

DESCRIPTORS = {
    "total_persistence": ("Total persistence", "sum of bar lengths"),
    "maximal_persistence": ("Longest bar", "death − birth"),
    "bars": ("Bars that die", "count"),
    "entropy": ("Persistence entropy", "normalised, 0 to 1"),
}
"""Descriptors that are drawn against depth: title and unit."""


@dataclasses.dataclass(frozen=True)
class Index:
    """Networks and layers by number, and what is known of each."""

    networks: list[str]
    layers: list[tuple[int, str]]
    depth: list[float]
    by_name: Mapping[tuple[str, str], int]

    @classmethod
    def of(cls, results: Results) -> Index:
        """The networks and layers of the tables, in their order."""
        networks = [str(name) for name in results.tables["networks"]["network"]]
        rows = records(results.tables["layers"])
        networks += [name for name in dict.fromkeys(str(row["network"]) for row in rows) if name not in networks]
        layers = [(networks.index(str(row["network"])), str(row["layer"])) for row in rows]
        depth: list[float] = []
        for (network, _layer), row in zip(layers, rows, strict=True):
            peers = [i for i, (other, _name) in enumerate(layers) if other == network]
            known = real(row["depth"])
            # Saved activations may not know their place: then order stands for depth.
            depth.append(known if math.isfinite(known) else (len(depth) - peers[0]) / max(1, len(peers) - 1))
        return cls(networks, layers, depth, {(networks[n], name): i for i, (n, name) in enumerate(layers)})

    def of_pair(self, row: Mapping[str, Any]) -> tuple[int | None, int | None]:
        """Numbers of the two layers of a row of the distances or tests."""
        return (
            self.by_name.get((str(row["network_a"]), str(row["layer_a"]))),
            self.by_name.get((str(row["network_b"]), str(row["layer_b"]))),
        )


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
    degrees = list(range(results.plan.homology.max_degree + 1))
    means, halves, noise = matrices(results, index, degrees)
    diagrams, gone = _read(results, index)
    points, betti = _curves(results, diagrams, degrees)
    files, too_large = _files(results)
    layers = records(results.tables["layers"])
    claims = _claims(results, index)
    named = [(index.networks[network], name) for network, name in index.layers]
    behind, missing = holes(results, named, _by_effect(claims, len(named)), _top(diagrams), LEVELS, thumbnails)
    first = [draws[0] if draws else None for draws in diagrams]
    value = {
        "schema": 1,
        "alpha": results.plan.test.alpha,
        "confidence": results.plan.test.confidence,
        "degrees": degrees,
        "measure": results.plan.distance.measure().name,
        "unit": filtration_unit(results.plan),
        "networks": [
            {"name": plain(name), "family": family}
            for name, family in zip(index.networks, _families(results, index), strict=True)
        ],
        "layers": [
            {
                "network": network,
                "name": plain(name),
                "depth": packed(index.depth[i]),
                **{key: plain(layers[i][key]) for key in ("module", "shape", "reduction")},
                **{key: packed(layers[i][key]) for key in ("dimension", "effective_dimension", "duplicates", "scale")},
            }
            for i, (network, name) in enumerate(index.layers)
        ],
        "claims": claims,
        "pair": _first_pair(claims, index),
        "matrix": {"mean": _triangles(means), "half": _triangles(halves), "noise": [_list(row) for row in noise]},
        "nets": between_networks(index, means, noise),
        "maps": _maps(means),
        "depth": _depth(results, index, degrees),
        "betti": {"points": points, "layers": betti},
        "holes": behind,
        "pairs": matchings(claims, first, degrees, results.plan.distance, _top(diagrams), LEVELS),
        "files": files,
    }
    rows = len(results.tables["tests"]) + len(index.layers)
    spare = PAGE_BYTES - FRAME_BYTES - ROW_BYTES * rows - len(script_json(value).encode("utf-8"))
    value["diagrams"], bars, of_bars, cap = _diagrams(diagrams, degrees, spare)
    return value, LeftOut(bars, of_bars, cap, gone, too_large, missing)


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of a table."""
    return [{str(key): value for key, value in row.items()} for row in table.to_dict("records")]


def plain_clouds(table: pd.DataFrame) -> pd.DataFrame:
    """The rows about plain draws: those that a recipe treated in some way are not drawn beside them."""
    kept = table
    for column in ("clouds", "clouds_a", "clouds_b"):
        if column in table:
            kept = kept[kept[column] == "plain"]
    return kept


def matrices(results: Results, index: Index, degrees: Sequence[int]) -> tuple[Float64, Float64, Float64]:
    """Mean distance and half its interval (degrees, layers, layers), and each layer's noise (degrees, layers).

    NaN where nothing was measured. Noise: mean distance between two different draws of the layer.
    """
    size = len(index.layers)
    means = np.full((len(degrees), size, size), np.nan)
    halves = means.copy()
    noise = np.full((len(degrees), size), np.nan)
    for row in records(plain_clouds(results.tables["distance_means"])):
        a, b = index.of_pair(row)
        degree = int(row["degree"])
        if a is None or b is None or degree not in degrees:
            continue
        means[degree, a, b] = means[degree, b, a] = real(row["mean"])
        halves[degree, a, b] = halves[degree, b, a] = (real(row["high"]) - real(row["low"])) / 2
    table = plain_clouds(results.tables["distances"])
    own = table[(table["network_a"] == table["network_b"]) & (table["layer_a"] == table["layer_b"])]
    for row in records(own.groupby(["network_a", "layer_a", "degree"], sort=False)["value"].mean().reset_index()):
        place = index.by_name.get((str(row["network_a"]), str(row["layer_a"])))
        if place is not None and row["degree"] in degrees:
            noise[int(row["degree"]), place] = real(row["value"])
    return means, halves, noise


def between_networks(index: Index, means: Float64, noise: Float64) -> list[dict[str, Any]]:
    """For each degree the mean over matched layers of the distance between two networks, and of their noise.

    Matched: every layer of the network with fewer layers, with that of the other nearest in relative depth (the earlier
    of two equally near). On the diagonal stands the mean noise of the network's layers.
    """
    networks = range(len(index.networks))
    members = [[i for i, (network, _layer) in enumerate(index.layers) if network == n] for n in networks]
    pairs = {(a, b): _matched(members[a], members[b], index.depth) for a in networks for b in networks if a < b}
    return [_between(members, pairs, mean, floor) for mean, floor in zip(means, noise, strict=True)]


def _between(
    members: Sequence[Sequence[int]],
    pairs: Mapping[tuple[int, int], Sequence[tuple[int, int]]],
    mean: Float64,
    floor: Float64,
) -> dict[str, Any]:
    size = len(members)
    distance: list[list[Any]] = [[None] * size for _ in members]
    noise: list[list[Any]] = [[None] * size for _ in members]
    counts = [[0] * size for _ in members]
    for n, layers in enumerate(members):
        known = [floor[i] for i in layers if not math.isnan(floor[i])]
        distance[n][n] = noise[n][n] = packed(_mean(known))
        counts[n][n] = len(known)
    for (a, b), matched in pairs.items():
        known_pairs = [(i, j) for i, j in matched if not math.isnan(mean[i, j])]
        distance[a][b] = distance[b][a] = packed(_mean([mean[i, j] for i, j in known_pairs]))
        noise[a][b] = noise[b][a] = packed(_mean([(floor[i] + floor[j]) / 2 for i, j in known_pairs]))
        counts[a][b] = counts[b][a] = len(known_pairs)
    return {"mean": distance, "noise": noise, "pairs": counts}


def _matched(a: Sequence[int], b: Sequence[int], depth: Sequence[float]) -> list[tuple[int, int]]:
    if len(a) > len(b):
        return [(x, y) for y, x in _matched(b, a, depth)]
    return [(i, min(b, key=lambda j: (abs(depth[j] - depth[i]), j))) for i in a] if b else []


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else math.nan


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
    """The two layers that the layer view opens with: the largest effect of the headline's claim."""
    for claim in claims:
        finite = [cell for cell in claim["cells"] if isinstance(cell["effect"], (int, float))]
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


def _maps(means: Float64) -> list[dict[str, Any] | None]:
    maps: list[dict[str, Any] | None] = []
    for distances in means:
        filled = distances.copy()
        np.fill_diagonal(filled, 0.0)
        places, stress = embed(filled)
        known = places[np.isfinite(places).all(axis=1)]
        if len(known) < 3 or not np.ptp(known) > 0:
            maps.append(None)
            continue
        maps.append({"stress": packed(stress, 2), "at": [[packed(x) for x in place] for place in places]})
    return maps


def _depth(results: Results, index: Index, degrees: Sequence[int]) -> list[dict[str, Any]]:
    """Panels of descriptors: for each layer [mean, low, high], or null."""
    panels: dict[tuple[str, int | None], dict[str, Any]] = {}
    size = len(index.layers)
    for name, (title, unit) in DESCRIPTORS.items():
        for degree in degrees:
            panels[name, degree] = {"title": title, "unit": unit, "degree": degree, "values": [None] * size}
    unit = f"{results.plan.cloud.metric} distance that others are divided by"
    panels["scale", None] = {"title": "Scale", "unit": unit, "degree": None, "values": [None] * size}
    for row in records(plain_clouds(results.tables["descriptor_means"])):
        at = None if row["descriptor"] == "scale" else int(row["degree"])
        place = index.by_name.get((str(row["network"]), str(row["layer"])))
        panel = panels.get((str(row["descriptor"]), at))
        if panel is not None and place is not None:
            panel["values"][place] = [packed(row[key]) for key in ("mean", "low", "high")]
    values = [[packed(row["effective_dimension"]), None, None] for row in records(results.tables["layers"])]
    whole = {"title": "Effective dimension", "unit": "tr Σ / ‖Σ‖ over all inputs", "degree": None, "values": values}
    return [*panels.values(), whole]


Draws = Sequence["list[PersistenceDiagram] | None"]
"""For each layer the diagrams of its draws, None where they are gone."""


def _read(results: Results, index: Index) -> tuple[Draws, tuple[str, ...]]:
    """The diagrams of every layer, and the names of layers that have none."""
    read: list[list[PersistenceDiagram] | None] = []
    gone = []
    for network, layer in index.layers:
        name = index.networks[network]
        try:
            draws = len(results.keys.get(name, {}).get(layer, ()))
            read.append([results.diagram(name, layer, draw) for draw in range(draws)] or None)
        except ToposcopeError:
            read.append(None)
        if read[-1] is None:
            gone.append(f"{plain(name)} / {plain(layer)}")
    return read, tuple(gone)


def _top(read: Draws) -> float:
    """The largest finite birth or death, where axes end."""
    ends = [diagram.pairs[np.isfinite(diagram.pairs)] for draws in read if draws for diagram in draws]
    return float(np.concatenate(ends).max(initial=0.0)) if ends and any(len(part) for part in ends) else 1.0


def _diagrams(read: Draws, degrees: Sequence[int], spare: int) -> tuple[dict[str, Any], int, int, int]:
    """Every draw's bars, coarse beyond sight. Returns them, bars left out, bars in all, and bars kept per diagram."""
    top = _top(read)
    counts = [len(diagram.in_degree(k)) for draws in read if draws for diagram in draws for k in degrees]
    cap = _cap(counts, spare)
    layers = [
        None if draws is None else [[_bars(diagram.in_degree(k), top, cap) for diagram in draws] for k in degrees]
        for draws in read
    ]
    left = sum(max(0, count - cap) for count in counts)
    return {"top": top, "levels": LEVELS, "layers": layers}, left, sum(counts), cap


def _curves(results: Results, read: Draws, degrees: Sequence[int]) -> tuple[int, list[list[dict[str, Any]] | None]]:
    """How many filtration values Betti curves are drawn at, and the curves of every layer and degree."""
    points = CURVE_POINTS[len(read) * len(degrees) > MANY_CURVES]
    values = np.linspace(0.0, _top(read), points)
    level = results.plan.test.confidence
    return points, [None if draws is None else [_curve(draws, values, k, level) for k in degrees] for draws in read]


def _cap(counts: Sequence[int], spare: int) -> int:
    """The largest number of bars per diagram and degree that fits into `spare` bytes, and at least `FEWEST_BARS`."""
    each, around = 16 / 3, 36  # two 16-bit numbers in base64, and the keys beside them
    low, high = FEWEST_BARS, max(counts, default=FEWEST_BARS)
    while low < high:
        middle = (low + high + 1) // 2
        fits = sum(around + each * min(count, middle) for count in counts) <= spare
        low, high = (middle, high) if fits else (low, middle - 1)
    return low


def _bars(bars: Float64, top: float, cap: int) -> dict[str, Any]:
    """Births and deaths as 16-bit fractions of `top`, the longest `cap` bars; LEVELS + 1 is infinity."""
    if len(bars) > cap:
        longest = np.argsort(bars[:, 0] - bars[:, 1], kind="stable")[:cap]
        kept = bars[np.sort(longest)]
    else:
        kept = bars
    finite = np.isfinite(kept)
    levels = np.full(kept.shape, LEVELS + 1)
    levels[finite] = np.rint(np.clip(kept[finite] / top, 0, 1) * LEVELS).astype(np.int64)
    born_at_zero = bool((levels[:, 0] == 0).all())
    numbers = levels[:, 1] if born_at_zero else levels.ravel()
    return {"zero": born_at_zero, "of": len(bars), "bars": words(numbers)}


def _curve(draws: Sequence[PersistenceDiagram], values: Float64, degree: int, level: float) -> dict[str, Any]:
    """Mean Betti curve and its pointwise t interval over draws, cut at 0; no interval of one draw."""
    from scipy.special import stdtrit

    counts = np.stack([diagram.betti(values, degree) for diagram in draws]).astype(np.float64)
    mean = counts.mean(axis=0)
    k = len(counts)
    half = np.zeros_like(mean)
    if k > 1:
        half = float(stdtrit(k - 1, (1 + level) / 2)) * counts.std(axis=0, ddof=1) / k**0.5
    top = float((mean + half).max(initial=0.0)) or 1.0
    parts = {"mean": mean} if k < 2 else {"mean": mean, "low": np.maximum(mean - half, 0.0), "high": mean + half}
    return {
        "top": packed(top, 6),
        "draws": k,
        **{key: words(np.rint(part / top * LEVELS).astype(np.int64)) for key, part in parts.items()},
    }


def _files(results: Results) -> tuple[dict[str, str], tuple[str, ...]]:
    files, too_large = {}, []
    for name, table in results.tables.items():
        # Draw by draw, these are the raw material; the means are what a reader takes along.
        text = "" if name in ("distances", "descriptors") else table.to_csv(index=False, lineterminator="\n")
        if not text or len(text) > TABLE_BYTES:
            too_large.append(f"{name}.csv")
        else:
            files[f"{name}.csv"] = text
    return files, tuple(too_large)


def _list(row: Float64) -> list[float | str | None]:
    return [packed(value) for value in row]


def _triangles(matrix: Float64) -> list[list[float | str | None]]:
    """The entries above the diagonal, row by row, of each degree's matrix."""
    above = np.triu_indices(matrix.shape[-1], 1)
    return [_list(entry[above]) for entry in matrix]
