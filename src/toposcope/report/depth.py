"""Descriptors of every layer with their intervals over draws, as the views along depth and training draw them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from toposcope.report.index import Index, plain_clouds, records
from toposcope.report.numbers import packed
from toposcope.report.words import metric_name

if TYPE_CHECKING:
    from toposcope.study.results import Results

DESCRIPTORS = {
    "total_persistence": ("Total persistence", "sum of bar lengths"),
    "maximal_persistence": ("Longest bar", "death − birth"),
    "bars": ("Bars that die", "count"),
    "entropy": ("Persistence entropy", "normalised, 0 to 1"),
}
"""Descriptors that are drawn against depth: title and unit."""


def depth_panels(results: Results, index: Index, degrees: Sequence[int]) -> list[dict[str, Any]]:
    """Panels of descriptors: for each layer [mean, low, high], or null."""
    panels: dict[tuple[str, int | None], dict[str, Any]] = {}
    size = len(index.layers)
    for name, (title, unit) in DESCRIPTORS.items():
        for degree in degrees:
            panels[name, degree] = {"title": title, "unit": unit, "degree": degree, "values": [None] * size}
    unit = f"the {metric_name(results.plan)} distance that others are divided by"
    panels["scale", None] = {"title": "Scale", "unit": unit, "degree": None, "values": [None] * size}
    for row in records(plain_clouds(results.tables["descriptor_means"])):
        at = None if row["descriptor"] == "scale" else int(row["degree"])
        place = index.by_name.get((str(row["network"]), str(row["layer"])))
        panel = panels.get((str(row["descriptor"]), at))
        if panel is not None and place is not None:
            panel["values"][place] = [packed(row[key]) for key in ("mean", "low", "high")]
    values = [[packed(row["effective_dimension"]), None, None] for row in records(results.tables["layers"])]
    whole = {
        "title": "Effective dimension",
        "unit": "directions that share the variance: tr Σ / ‖Σ‖",
        "degree": None,
        "values": values,
    }
    return [*panels.values(), whole]
