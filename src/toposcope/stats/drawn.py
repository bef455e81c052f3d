"""Two representations, drawn: the diagrams of disjoint draws of their inputs, and all distances between them."""

from __future__ import annotations

from typing import Any

import numpy as np

from toposcope import _check
from toposcope._errors import InputError
from toposcope.cloud import disjoint_draws
from toposcope.diagram import PersistenceDiagram
from toposcope.distances import Distance, compare, distance_named
from toposcope.representation import Representation
from toposcope.rips import vietoris_rips
from toposcope.stats.cells import Cell, PairedCell, UnpairedCell

MOST_DRAWS = 16
"""Draws taken by default where the inputs allow more: beyond, larger draws tell more than further ones."""


def are_paired(a: Representation, b: Representation, paired: bool | None = None) -> bool:
    """Whether a and b hold the same inputs (True) or none in common (False).

    paired: what the caller believes, None for nothing. Raises InputError where some inputs are shared and others are
    not, and where `paired` is not so.
    """
    shared = len(np.intersect1d(a.sample_ids, b.sample_ids))
    count_a, count_b = len(np.unique(a.sample_ids)), len(np.unique(b.sample_ids))
    found = shared == count_a == count_b
    if shared and not found:
        raise InputError(
            f"{a.name} and {b.name} share {shared} inputs, and have {count_a} and {count_b}; "
            "give the same inputs to both (take the rows of the shared ids), or none in common"
        )
    if paired is not None and paired != found:
        truth = "the same inputs" if found else "no input in common"
        raise InputError(f"paired={paired}, but {a.name} and {b.name} have {truth}; pass paired={found} or None")
    return found


def draws_of(representation: Representation, size: int, draws: int | None, seed: int, at_least: int) -> int:
    """How many disjoint draws of `size` to take: `draws`, or as many as there are inputs for, up to `MOST_DRAWS`.

    Raises InputError, with the number of inputs that would do, where fewer than `at_least` are asked for or held.
    """
    held = len(np.unique(representation.sample_ids))
    count = min(held // size, MOST_DRAWS) if draws is None else _check.integer(draws, "draws", at_least=at_least)
    if count < at_least:
        raise InputError(
            f"at least {at_least} disjoint draws of {size} points need {at_least * size} inputs, and "
            f"{representation.name} has {held}; give more inputs, or take size={max(held // at_least, 1)}"
        )
    return count


def diagrams_of_draws(
    representation: Representation,
    size: int,
    draws: int,
    degree: int = 1,
    metric: Any = "euclidean",
    scale: str | float | None = "q0.9",
    seed: int = 0,
) -> list[PersistenceDiagram]:
    """The diagrams of `draws` disjoint draws of `size` rows, chosen by a hash of the sample ids and the seed.

    scale: within each draw where it is a quantile. Raises InputError where there are too few inputs.
    """
    rows = disjoint_draws(representation.sample_ids, size, draws, seed)
    return [vietoris_rips(representation.points[chosen], degree, metric, scale) for chosen in rows]


def cell_of_draws(
    a: Representation,
    b: Representation,
    size: int,
    draws: int,
    degree: int = 1,
    distance: str | Distance | None = None,
    metric: Any = "euclidean",
    scale: str | float | None = "q0.9",
    paired: bool | None = None,
    seed: int = 0,
) -> Cell:
    """All distances between the diagrams of `draws` draws of a and as many of b: a PairedCell or an UnpairedCell.

    distance: None takes `Wasserstein(order=1)`. Raises InputError as `are_paired` and `disjoint_draws` do.
    """
    measure = distance_named("wasserstein" if distance is None else distance)
    kind = PairedCell if are_paired(a, b, paired) else UnpairedCell
    diagrams = [
        diagram
        for representation in (a, b)
        for diagram in diagrams_of_draws(representation, size, draws, degree, metric, scale, seed)
    ]
    values = compare(diagrams, measure, degree=degree).values
    return kind(f"{a.name} and {b.name}", values[:draws, :draws], values[draws:, draws:], values[:draws, draws:])
