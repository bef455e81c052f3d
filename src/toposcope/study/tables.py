"""From artefacts to tidy tables: one row per observation, every float in full."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from toposcope._errors import InputError
from toposcope._types import Float64
from toposcope.diagram import PersistenceDiagram
from toposcope.distances import descriptors
from toposcope.stats import Cell, PairedCell, UnpairedCell, mean_interval, permutation_tests
from toposcope.study.layers import Planned
from toposcope.study.plan import Study
from toposcope.study.results import COLUMNS
from toposcope.study.tasks import Distances, Extracted, Layer


def networks_table(plan: Study, networks: Sequence[Extracted]) -> pd.DataFrame:
    """One row per network, with its measured accuracy where the plan names its classes."""
    by_name = {network.name: network for network in plan.network}
    rows = [
        (
            extracted.network,
            by_name[extracted.network].family,
            extracted.checkpoint,
            extracted.data,
            len(extracted.layers),
            max((layer.inputs for layer in extracted.layers), default=0),
            by_name[extracted.network].seed if by_name[extracted.network].model else None,
            extracted.accuracy,
            extracted.judged,
        )
        for extracted in networks
    ]
    return pd.DataFrame(rows, columns=COLUMNS["networks"])


def layers_table(networks: Sequence[Extracted], diagrams: Mapping[str, Sequence[PersistenceDiagram]]) -> pd.DataFrame:
    """One row per layer, in order of execution."""
    rows = []
    for layer in (layer for network in networks for layer in network.layers):
        source = layer.source
        scales = [diagram.filtration.scale_value for diagram in diagrams.get(layer.key, [])]
        rows.append(
            (
                layer.network,
                layer.layer,
                source.position,
                source.depth,
                source.module,
                None if source.shape is None else "×".join(str(side) for side in source.shape),
                source.reduction,
                layer.dimension,
                layer.effective_dimension,
                layer.inputs,
                layer.duplicates,
                float(np.mean(scales)) if scales else None,
            )
        )
    return pd.DataFrame(rows, columns=COLUMNS["layers"])


def descriptors_table(
    layers: Iterable[Layer], diagrams: Mapping[str, Sequence[PersistenceDiagram]], max_degree: int
) -> pd.DataFrame:
    """One row per network, layer, draw, degree and descriptor; `scale` is a descriptor of its own, degree 0."""
    rows: list[tuple[Any, ...]] = []
    for layer in layers:
        depth = layer.source.depth
        for draw, diagram in enumerate(diagrams.get(layer.key, [])):
            for degree in range(max_degree + 1):
                for name, value in descriptors(diagram, degree).items():
                    rows.append((layer.network, layer.layer, depth, draw, degree, name, value))
            rows.append((layer.network, layer.layer, depth, draw, 0, "scale", diagram.filtration.scale_value))
    return pd.DataFrame(rows, columns=COLUMNS["descriptors"])


def descriptor_means_table(table: pd.DataFrame, confidence: float) -> pd.DataFrame:
    """Mean and interval of every descriptor over disjoint draws."""
    groups: dict[tuple[Any, ...], list[float]] = {}
    for row in table.itertuples(index=False):
        key = (row.network, row.layer, row.depth, row.degree, row.descriptor)
        groups.setdefault(key, []).append(float(str(row.value)))
    rows = []
    for key, values in groups.items():
        draws = np.array(values)
        rows.append((*key, float(draws.mean()), *_bounds(draws, confidence), len(draws)))
    return pd.DataFrame(rows, columns=COLUMNS["descriptor_means"])


def distances_table(measured: Sequence[tuple[Layer, Layer, Distances, Float64]], measure: str) -> pd.DataFrame:
    """One row per pair of layers, degree and pair of draws."""
    parts = []
    for a, b, task, values in measured:
        draws = np.array(task.draws).reshape(-1, 2)
        for degree, row in enumerate(values):
            parts.append(
                pd.DataFrame(
                    {
                        "network_a": a.network,
                        "layer_a": a.layer,
                        "network_b": b.network,
                        "layer_b": b.layer,
                        "degree": degree,
                        "measure": measure,
                        "draw_a": draws[:, 0],
                        "draw_b": draws[:, 1],
                        "value": row,
                    }
                )
            )
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=COLUMNS["distances"])


def distance_means_table(
    measured: Sequence[tuple[Layer, Layer, Distances, Float64]],
    same_inputs: Mapping[tuple[str, str], bool],
    measure: str,
    confidence: float,
) -> pd.DataFrame:
    """One row per pair of layers and degree: mean over draws i of d(a_i, b_i), its interval, and the noise of both."""
    noise: dict[str, Float64] = {}
    for a, b, _task, values in measured:
        if a.key == b.key and a.network == b.network and values.shape[1]:
            noise[a.key] = values.mean(axis=1)
    rows = []
    for a, b, task, values in measured:
        if a.network == b.network and a.layer == b.layer:
            continue
        diagonal = [k for k, (i, j) in enumerate(task.draws) if i == j]
        floors = [noise[layer.key] for layer in (a, b) if layer.key in noise]
        for degree, row in enumerate(values[:, diagonal]):
            low, high = _bounds(row, confidence)
            floor = float(np.mean([part[degree] for part in floors])) if floors else math.nan
            rows.append(
                (
                    a.network,
                    a.layer,
                    b.network,
                    b.layer,
                    degree,
                    measure,
                    float(row.mean()),
                    low,
                    high,
                    len(row),
                    same_inputs[a.network, b.network],
                    floor,
                )
            )
    return pd.DataFrame(rows, columns=COLUMNS["distance_means"])


def tests_table(
    plan: Study,
    comparisons: Sequence[Planned],
    matrices: Mapping[tuple[str, str], Float64],
) -> tuple[pd.DataFrame, list[str]]:
    """One row per planned comparison and degree. Returns the table and what could not be tested, in words.

    matrices: for a pair of layer keys the (degrees, draws, draws) distances. Paired and unpaired comparisons are two
    families with their own relabellings; each family's adjusted p-values are multiplied by the number of families, so
    that the level holds for all of them together.
    """
    families: dict[bool, list[tuple[int, Planned, int, Cell]]] = {True: [], False: []}
    warnings = []
    for position, comparison in enumerate(comparisons):
        pair = (comparison.a.key, comparison.b.key)
        needed = [pair, (pair[0], pair[0]), (pair[1], pair[1])]
        if any(key not in matrices for key in needed):
            warnings.append(f"not tested, because a task failed: {_name(comparison)}")
            continue
        for degree in range(plan.homology.max_degree + 1):
            between, within_a, within_b = (matrices[key][degree] for key in needed)
            kind = PairedCell if comparison.paired else UnpairedCell
            try:
                cell = kind(f"{_name(comparison)}, H{degree}", within_a, within_b, between)
            except InputError as error:
                warnings.append(f"not tested: {error}")
                continue
            families[comparison.paired].append((position, comparison, degree, cell))
    used = [paired for paired in (True, False) if families[paired]]
    factor = 1 if plan.test.adjust == "none" else len(used)
    rows: dict[tuple[int, int], tuple[Any, ...]] = {}
    for paired in used:
        cells = [cell for _position, _comparison, _degree, cell in families[paired]]
        try:
            results = permutation_tests(
                cells, plan.test.alpha / (1 if plan.test.adjust == "none" else len(used)), plan.test.adjust, plan.seed
            )
        except InputError as error:
            warnings.append(f"no tests of {'paired' if paired else 'unpaired'} comparisons: {error}")
            continue
        for (position, comparison, degree, _cell), result in zip(families[paired], results, strict=True):
            low, high = (result.interval.low, result.interval.high) if result.interval else (math.nan, math.nan)
            null = "the pair of diagrams of a draw is exchangeable" if paired else "all draws follow one law"
            several = f", times {factor} families" if factor > 1 else ""
            rows[position, degree] = (
                comparison.claim,
                comparison.a.network,
                comparison.a.layer,
                comparison.b.network,
                comparison.b.layer,
                degree,
                result.statistic,
                result.effect,
                low,
                high,
                result.p_value,
                min(1.0, (result.p_adjusted or result.p_value) * factor),
                result.unit,
                f"{null}; {len(result.null)} relabellings; adjusted by {result.adjustment}{several}",
            )
    return pd.DataFrame([rows[place] for place in sorted(rows)], columns=COLUMNS["tests"]), warnings


def _name(comparison: Planned) -> str:
    return f"{comparison.claim}: {comparison.a.title} and {comparison.b.title}"


def _bounds(values: Float64, confidence: float) -> tuple[float, float]:
    """Interval of the mean over disjoint draws; NaN where there are too few draws or a value is infinite."""
    if len(values) < 2 or not np.isfinite(values).all():
        return math.nan, math.nan
    interval = mean_interval(values, confidence)
    return interval.low, interval.high
