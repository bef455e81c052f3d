"""The sliced Wasserstein distance between diagrams, over fixed directions."""

from __future__ import annotations

import numpy as np

from toposcope import _check
from toposcope._types import Array, Float64
from toposcope.diagram import PersistenceDiagram
from toposcope.distances.bars import comparable


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
    compared by sorted births and added to W_p^p; different counts give inf. Units of the filtration.

    Raises InputError for bad bars or parameters; IncomparableError unless check=False.
    Source: Carrière, Cuturi and Oudot 2017, without their factor 1/2 and over the half circle.
    """
    p = _check.real(order, "order", at_least=1)
    count = _check.integer(directions, "directions", at_least=1)
    first, second = comparable(a, b, degree, check)
    if len(first.births) != len(second.births):
        return float("inf")
    angles = (np.arange(count) + 0.5) * np.pi / count
    axes = np.stack([np.cos(angles), np.sin(angles)])
    x = np.concatenate([first.finite, _on_diagonal(second.finite)])
    y = np.concatenate([second.finite, _on_diagonal(first.finite)])
    moved = np.abs(np.sort(x @ axes, axis=0) - np.sort(y @ axes, axis=0))
    essential = np.abs(first.births - second.births)
    unit = max(float(moved.max(initial=0.0)), float(essential.max(initial=0.0))) or 1.0
    total = ((moved / unit) ** p).sum(axis=0).mean() + ((essential / unit) ** p).sum()
    return float(unit * total ** (1 / p))


def _on_diagonal(bars: Float64) -> Float64:
    middle = bars.mean(axis=1)
    return np.stack([middle, middle], axis=1)
