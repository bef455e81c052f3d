"""Names in a plan → measures that stand beside its distance: of similarity between layers, and of diagrams."""

from __future__ import annotations

from toposcope._errors import InputError, close_names
from toposcope.distances.measures import DISTANCES
from toposcope.similarity import MEASURES, Measure

SIMILARITIES: dict[str, Measure] = {
    measure.name.lower().replace(", ", "-").replace(" ", "-"): measure
    for measure in MEASURES
    if measure.is_paired and measure.is_symmetric
}
"""Measures between two layers of the same inputs; none of them sees a rotation. `DISTANCES` may be named too."""


def known_measure(name: str) -> str:
    """`name` if a plan may ask for it. Raises InputError, with close names."""
    names = [*SIMILARITIES, *DISTANCES]
    if name not in names:
        raise InputError(f"measure {name!r} is not known{close_names(name, names)}; there are {', '.join(names)}")
    return name
