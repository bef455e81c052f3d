"""Distances between layers and between networks, and what was measured beside them, as the heatmaps draw them."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from toposcope._types import Float64
from toposcope.report.index import Index, plain_clouds, records
from toposcope.report.numbers import packed, real

if TYPE_CHECKING:
    from toposcope.study.results import Results


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


@dataclasses.dataclass(frozen=True, eq=False)
class Other:
    """Something measured between every two layers beside the plan's distance.

    larger: whether more of it is more similar. mean, half: (1 or degrees, layers, layers), the mean over draws and half
    its interval; NaN where it is not defined.
    """

    name: str
    larger: bool
    by_degree: bool
    mean: Float64
    half: Float64

    def to_json(self, index: Index) -> dict[str, Any]:
        """For the page."""
        noise = np.full(self.mean.shape[:2], 1.0 if self.larger else 0.0)
        return {
            "name": self.name,
            "larger": self.larger,
            "byDegree": self.by_degree,
            "mean": triangles(self.mean),
            "half": triangles(self.half),
            "nets": between_networks(index, self.mean, noise),
        }


def beside(results: Results, index: Index, degrees: Sequence[int]) -> list[Other]:
    """What the run measured beside its distance, measure by measure."""
    from toposcope.study.measures import SIMILARITIES

    larger = {measure.name for measure in SIMILARITIES.values() if measure.larger_is_more_similar}
    found: dict[str, Other] = {}
    size = len(index.layers)
    for row in records(results.tables["similarity_means"]):
        a, b = index.of_pair(row)
        name = str(row["measure"])
        degree = real(row["degree"])
        by_degree = not math.isnan(degree)
        if a is None or b is None or (by_degree and int(degree) not in degrees):
            continue
        if name not in found:
            empty = np.full((len(degrees) if by_degree else 1, size, size), np.nan)
            found[name] = Other(name, name in larger, by_degree, empty, empty.copy())
        k = int(degree) if by_degree else 0
        found[name].mean[k, a, b] = found[name].mean[k, b, a] = real(row["mean"])
        found[name].half[k, a, b] = found[name].half[k, b, a] = (real(row["high"]) - real(row["low"])) / 2
    return list(found.values())


def triangles(matrix: Float64) -> list[list[float | str | None]]:
    """The entries above the diagonal, row by row, of each degree's matrix."""
    above = np.triu_indices(matrix.shape[-1], 1)
    return [[packed(value) for value in entry[above]] for entry in matrix]
