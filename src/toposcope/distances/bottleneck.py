"""The bottleneck distance between diagrams, exact."""

from __future__ import annotations

from typing import Literal, overload

import numpy as np

from toposcope._types import Array
from toposcope.comparison import Matching
from toposcope.diagram import PersistenceDiagram
from toposcope.distances import _native
from toposcope.distances.bars import comparable
from toposcope.distances.matching import matching_of


@overload
def bottleneck(
    a: PersistenceDiagram | Array,
    b: PersistenceDiagram | Array,
    degree: int = ...,
    check: bool = ...,
    matching: Literal[False] = ...,
) -> float: ...
@overload
def bottleneck(
    a: PersistenceDiagram | Array,
    b: PersistenceDiagram | Array,
    degree: int = ...,
    check: bool = ...,
    *,
    matching: Literal[True],
) -> tuple[float, Matching]: ...
def bottleneck(
    a: PersistenceDiagram | Array,
    b: PersistenceDiagram | Array,
    degree: int = 1,
    check: bool = True,
    matching: bool = False,
) -> float | tuple[float, Matching]:
    """The bottleneck distance of two diagrams under the L-infinity ground norm, exact: one of the distances between
    bars, or half the length of a bar.

    a, b: PersistenceDiagram or (k, 2) array. Units of the filtration. Essential bars are matched among themselves by
    birth; different counts of them give inf. Two empty diagrams are at distance 0. It is a metric, and at most twice
    the Gromov–Hausdorff distance of the clouds (a filtration value is a diameter). matching: also return a Matching
    that attains it, as (distance, matching); of the many that do, one that leaves most bars to the diagonal.

    Raises InputError for bad bars; IncomparableError unless check=False.
    Source: Cohen-Steiner, Edelsbrunner and Harer 2007; Chazal, de Silva and Oudot 2014; Efrat, Itai and Katz 2001 for
    the geometry.
    """
    first, second = comparable(a, b, degree, check)
    if matching:
        found = matching_of(first, second, np.inf, np.inf)
        return found.norm(np.inf), found
    return _native.distance(first.prepared(), second.prepared(), np.inf, np.inf)
