"""From artefacts to tidy tables: one row per observation, every float in full."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from toposcope._errors import InputError
from toposcope._types import Array, Float64
from toposcope.diagram import PersistenceDiagram
from toposcope.distances import descriptors
from toposcope.stats import Cell, PairedCell, UnpairedCell, mean_interval, permutation_tests
from toposcope.study.audit import Audited
from toposcope.study.beside import Beside
from toposcope.study.columns import COLUMNS
from toposcope.study.plan import Study
from toposcope.study.tasks import Distances, Extracted, Side
from toposcope.study.verdicts import Evidence, Planned, Quantity, Verdict


@dataclasses.dataclass(frozen=True, eq=False)
class Measured:
    """Distances between the draws of two sides: the task, and its (degrees, pairs) values."""

    a: Side
    b: Side
    task: Distances
    values: Float64 = dataclasses.field(default_factory=lambda: np.empty((0, 0)))

    @property
    def within(self) -> bool:
        """Whether both are one side."""
        return self.a.key == self.b.key

    @property
    def names(self) -> tuple[str, str, str, str]:
        """network_a, layer_a, network_b, layer_b."""
        return self.a.layer.network, self.a.layer.layer, self.b.layer.network, self.b.layer.layer

    @property
    def clouds(self) -> tuple[str, str]:
        """clouds_a, clouds_b."""
        return self.a.clouds, self.b.clouds


def all_tables(
    evidence: Evidence,
    sides: Sequence[Side],
    measured: Sequence[Measured],
    verdicts: Sequence[Verdict],
    quantities: Sequence[Quantity],
    audited: Sequence[Audited],
) -> dict[str, pd.DataFrame]:
    """Every table of a run, by name."""
    plan = evidence.plan
    measure = plan.distance.measure().name
    described = descriptors_table(sides, evidence.diagrams, plan.homology.max_degree)
    return {
        "verdicts": pd.DataFrame([dataclasses.astuple(verdict) for verdict in verdicts], columns=COLUMNS["verdicts"]),
        "controls": pd.DataFrame(
            [dataclasses.astuple(control) for control in evidence.controls], columns=COLUMNS["controls"]
        ),
        "audit": pd.DataFrame([dataclasses.astuple(row) for row in audited], columns=COLUMNS["audit"]),
        "quantities": pd.DataFrame(
            [dataclasses.astuple(quantity) for quantity in quantities], columns=COLUMNS["quantities"]
        ),
        "networks": networks_table(plan, evidence.networks),
        "layers": layers_table(evidence),
        "descriptors": described,
        "descriptor_means": descriptor_means_table(described, plan.test.confidence),
        "distances": distances_table(measured, measure),
        "distance_means": distance_means_table(measured, evidence.same_inputs, measure, plan.test.confidence),
        "tests": evidence.tests,
        **Beside().tables(plan.test.confidence),  # until something is measured beside the distances
    }


def matrices(measured: Sequence[Measured]) -> dict[tuple[str, str], Float64]:
    """(degrees, draws, draws) distances of every pair of sides of which all draws were measured, by their keys."""
    found = {}
    for one in measured:
        k, m = one.a.cloud.draws, one.b.cloud.draws
        if not one.within and len(one.task.draws) != k * m:
            continue
        matrix = np.zeros((len(one.values), k, m))
        for column, (i, j) in enumerate(one.task.draws):
            matrix[:, i, j] = one.values[:, column]
            if one.within:
                matrix[:, j, i] = one.values[:, column]
        found[one.a.key, one.b.key] = matrix
        found[one.b.key, one.a.key] = matrix.transpose(0, 2, 1)
    return found


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


def layers_table(evidence: Evidence) -> pd.DataFrame:
    """One row per layer, in order of execution."""
    rows = []
    for layer in (layer for network in evidence.networks for layer in network.layers):
        source = layer.source
        diagrams = evidence.diagrams.get(evidence.side(layer).key, [])
        scales = [diagram.filtration.scale_value for diagram in diagrams]
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
    sides: Iterable[Side], diagrams: Mapping[str, Sequence[PersistenceDiagram]], max_degree: int
) -> pd.DataFrame:
    """One row per network, layer, draw, degree and descriptor; `scale` is a descriptor of its own, degree 0."""
    rows: list[tuple[Any, ...]] = []
    for side in sides:
        network, layer, depth, clouds = side.layer.network, side.layer.layer, side.layer.source.depth, side.clouds
        for draw, diagram in enumerate(diagrams.get(side.key, [])):
            for degree in range(max_degree + 1):
                for name, value in descriptors(diagram, degree).items():
                    rows.append((network, layer, depth, draw, degree, name, value, clouds))
            rows.append((network, layer, depth, draw, 0, "scale", diagram.filtration.scale_value, clouds))
    return pd.DataFrame(rows, columns=COLUMNS["descriptors"])


def descriptor_means_table(table: pd.DataFrame, confidence: float) -> pd.DataFrame:
    """Mean and interval of every descriptor over disjoint draws."""
    groups: dict[tuple[Any, ...], list[float]] = {}
    for row in table.itertuples(index=False):
        key = (row.network, row.layer, row.depth, row.degree, row.descriptor, row.clouds)
        groups.setdefault(key, []).append(float(str(row.value)))
    rows = []
    for key, values in groups.items():
        draws = np.array(values)
        *names, clouds = key
        rows.append((*names, float(draws.mean()), *_bounds(draws, confidence), len(draws), clouds))
    return pd.DataFrame(rows, columns=COLUMNS["descriptor_means"])


def distances_table(measured: Sequence[Measured], measure: str) -> pd.DataFrame:
    """One row per pair of sides, degree and pair of draws."""
    names: list[tuple[Any, ...]] = []
    counts: list[int] = []
    draws: list[Array] = []
    values: list[Float64] = []
    for one in measured:
        for degree, row in enumerate(one.values):
            names.append((*one.names, degree, measure, *one.clouds))
            counts.append(len(row))
            draws.append(np.array(one.task.draws, dtype=np.int64).reshape(-1, 2))
            values.append(row)
    if not values:
        return pd.DataFrame(columns=COLUMNS["distances"])
    first, second = np.concatenate(draws).T
    repeated: list[Array] = [
        np.repeat(np.array(column, dtype=_kind(column)), counts) for column in zip(*names, strict=True)
    ]
    columns = (*repeated[:6], first, second, np.concatenate(values), *repeated[6:])
    return pd.DataFrame(dict(zip(COLUMNS["distances"], columns, strict=True)))


def _kind(column: Sequence[Any]) -> type:
    return int if isinstance(column[0], int) else object


def distance_means_table(
    measured: Sequence[Measured], same_inputs: Mapping[tuple[str, str], bool], measure: str, confidence: float
) -> pd.DataFrame:
    """One row per pair of sides and degree: mean over draws i of d(a_i, b_i), its interval, and the noise of both."""
    noise = {one.a.key: one.values.mean(axis=1) for one in measured if one.within and one.values.shape[1]}
    rows: list[tuple[Any, ...]] = []
    for one in measured:
        if one.within:
            continue
        diagonal = [k for k, (i, j) in enumerate(one.task.draws) if i == j]
        floors = [noise[side.key] for side in (one.a, one.b) if side.key in noise]
        same = same_inputs[one.a.layer.network, one.b.layer.network]
        for degree, row in enumerate(one.values[:, diagonal]):
            low, high = _bounds(row, confidence)
            floor = float(np.mean([part[degree] for part in floors])) if floors else math.nan
            mean = float(row.mean()) if len(row) else math.nan
            rows.append((*one.names, degree, measure, mean, low, high, len(row), same, floor, *one.clouds))
    return pd.DataFrame(rows, columns=COLUMNS["distance_means"])


def tests_table(
    plan: Study,
    comparisons: Sequence[Planned],
    distances: Mapping[tuple[str, str], Float64],
) -> tuple[pd.DataFrame, list[str]]:
    """One row per planned comparison and degree. Returns the table and what could not be tested, in words.

    distances: as `matrices` gives them. Paired and unpaired comparisons, and those of other numbers of draws, are
    families with their own relabellings; each family's adjusted p-values are multiplied by the number of families, so
    that the level holds for all of them together.
    """
    families: dict[tuple[bool, int, int], list[tuple[int, Planned, int, Cell]]] = {}
    warnings = []
    for position, comparison in enumerate(comparison for comparison in comparisons if comparison.tested):
        pair = (comparison.a.key, comparison.b.key)
        needed = [pair, (pair[0], pair[0]), (pair[1], pair[1])]
        if any(key not in distances for key in needed):
            warnings.append(f"not tested, because a task failed: {_name(comparison)}")
            continue
        for degree in plan.degrees:
            between, within_a, within_b = (distances[key][degree] for key in needed)
            kind = PairedCell if comparison.paired else UnpairedCell
            try:
                cell = kind(f"{_name(comparison)}, H{degree}", within_a, within_b, between)
            except InputError as error:
                warnings.append(f"not tested: {error}")
                continue
            family = (comparison.paired, *cell.between.shape)
            families.setdefault(family, []).append((position, comparison, degree, cell))
    factor = 1 if plan.test.adjust == "none" else len(families)
    rows: dict[tuple[int, int], tuple[Any, ...]] = {}
    for (paired, _k, _m), members in families.items():
        cells = [cell for _position, _comparison, _degree, cell in members]
        try:
            results = permutation_tests(cells, plan.test.alpha / factor, plan.test.adjust, plan.seed)
        except InputError as error:
            warnings.append(f"no tests of {'paired' if paired else 'unpaired'} comparisons: {error}")
            continue
        for (position, comparison, degree, _cell), result in zip(members, results, strict=True):
            low, high = (result.interval.low, result.interval.high) if result.interval else (math.nan, math.nan)
            null = "the pair of diagrams of a draw is exchangeable" if paired else "all draws follow one law"
            several = f", times {factor} families" if factor > 1 else ""
            rows[position, degree] = (
                comparison.claim,
                comparison.a.layer.network,
                comparison.a.layer.layer,
                comparison.b.layer.network,
                comparison.b.layer.layer,
                degree,
                result.statistic,
                result.effect,
                low,
                high,
                result.p_value,
                min(1.0, (result.p_adjusted or result.p_value) * factor),
                result.unit,
                f"{null}; {len(result.null)} relabellings; adjusted by {result.adjustment}{several}",
                comparison.a.clouds,
                comparison.b.clouds,
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
