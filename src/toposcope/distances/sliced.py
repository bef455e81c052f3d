"""The sliced Wasserstein distance between diagrams, over fixed directions."""

from __future__ import annotations

from toposcope import _check
from toposcope._types import Array
from toposcope.diagram import PersistenceDiagram
from toposcope.distances import _native
from toposcope.distances.bars import comparable
from toposcope.distances.wasserstein import finite_order


def sliced_wasserstein(
    a: PersistenceDiagram | Array,
    b: PersistenceDiagram | Array,
    degree: int = 1,
    order: float = 1,
    directions: int = 50,
    check: bool = True,
) -> float:
    """The sliced Wasserstein distance: the mean over directions of the distance between projected diagrams.

    a, b: PersistenceDiagram or (k, 2) array. Each diagram is joined by the other's projections to the diagonal, both
    are projected onto a line, and sorted projections are compared. The result is
    (mean over θ in [0, π) of W_p^p)^(1/p), the mean taken at `directions` fixed angles (k + ½)π/directions: the same
    diagrams always give the same number, and it converges to the integral as directions grow. Essential bars are
    compared by sorted births and added to W_p^p; different counts give inf. Units of the filtration. With order 1 the
    triangle inequality holds; with higher orders it can fail.

    Raises InputError for bad bars or parameters; IncomparableError unless check=False.
    Source: Carrière, Cuturi and Oudot 2017, without their factor 1/2 and over the half circle.
    """
    p = finite_order(order)
    count = _check.integer(directions, "directions", at_least=1)
    first, second = comparable(a, b, degree, check)
    return _native.sliced(first.prepared(), second.prepared(), p, count)
