"""Every layer as a point in the plane, for the plan's distance and the others that were measured."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from toposcope._types import Float64
from toposcope.report.embedding import embed
from toposcope.report.matrix import Other
from toposcope.report.numbers import packed


def maps(measure: str, means: Float64, others: Sequence[Other]) -> list[dict[str, Any]]:
    """For each distance its `name` and, degree by degree, `stress` and `at` (m, 2), or null where there is no map.

    Similarities are no distances and have none.
    """
    distances = [(measure, means), *((other.name, other.mean) for other in others if other.by_degree)]
    return [{"name": name, "degrees": [_map(entry) for entry in matrix]} for name, matrix in distances]


def _map(distances: Float64) -> dict[str, Any] | None:
    filled = distances.copy()
    np.fill_diagonal(filled, 0.0)
    places, stress = embed(filled)
    known = places[np.isfinite(places).all(axis=1)]
    if len(known) < 3 or not np.ptp(known) > 0:
        return None
    return {"stress": packed(stress, 2), "at": [[packed(x) for x in place] for place in places]}
