"""What the lunes of a filtration count, edge by edge: an independent check on its bars."""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from toposcope import _check
from toposcope._types import Array
from toposcope.rips import _native


@dataclasses.dataclass(frozen=True)
class LuneCounts:
    """Counts over all edges up to the threshold, bars of zero length included.

    edges: all. empty_lunes: edges whose lune is empty when they enter. merges: of two components into one.
    extra_components: the components of all other lunes beyond the first. loops_born, loops_died, voids_born: what the
    algebra made of them.
    """

    edges: int
    empty_lunes: int
    merges: int
    extra_components: int
    loops_born: int
    loops_died: int
    voids_born: int

    def agree(self) -> bool:
        """Whether both roads to the numbers of bars meet: empty lunes = merges + loops born, and extra components =
        loops that died + voids born.
        """
        return (
            self.empty_lunes == self.merges + self.loops_born
            and self.extra_components == self.loops_died + self.voids_born
        )


def lune_counts(distances: Array, threshold: float | None = None) -> LuneCounts:
    """Count what each edge does, to the last edge: nothing is cut short, so this takes longer than a diagram.

    distances: (n, n) as for metric="precomputed". threshold: inclusive.
    """
    matrix = _check.distance_matrix(distances, "distances", _native.is_distances)
    limit = math.inf if threshold is None else _check.real(threshold, "threshold", at_least=0.0)
    counts = _native.persistence(np.ascontiguousarray(matrix), 1, limit, to_the_end=True)[-1]
    return LuneCounts(
        edges=counts["edges"],
        empty_lunes=counts["empty_lunes"],
        merges=counts["deaths_0"],
        extra_components=counts["extra_components"],
        loops_born=counts["births_1"],
        loops_died=counts["deaths_1"],
        voids_born=counts["births_2"],
    )
