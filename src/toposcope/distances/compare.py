"""All pairs of diagrams under one distance."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from toposcope import _check
from toposcope._errors import InputError
from toposcope.comparison import Comparison
from toposcope.diagram import PersistenceDiagram
from toposcope.distances.measures import Distance, distance_named


def compare(
    diagrams: Sequence[PersistenceDiagram],
    distance: str | Distance = "wasserstein",
    labels: Sequence[str] | None = None,
    degree: int = 1,
    threads: int | None = None,
) -> Comparison:
    """All pairwise distances of m diagrams in one degree.

    diagrams: m diagrams of equal clouds. distance: a name ("wasserstein", "bottleneck", "sliced_wasserstein") or a
    distance with parameters, such as `ts.Wasserstein(order=2)`. labels: m names, default their numbers. threads: None
    takes one per core; the result does not depend on it. Returns a Comparison with an (m, m) matrix.

    Raises InputError and IncomparableError before anything is computed in vain: at the first pair that cannot be
    compared.
    """
    measure = distance_named(distance)
    degree = _check.integer(degree, "degree")
    if threads is not None:
        _check.integer(threads, "threads", at_least=1)
    m = len(diagrams)
    names = [str(k) for k in range(m)] if labels is None else [str(label) for label in labels]
    if len(names) != m:
        raise InputError(f"{len(names)} labels were given for {m} diagrams; give one label for each")
    for k, diagram in enumerate(diagrams):
        if not isinstance(diagram, PersistenceDiagram):
            raise InputError(f"diagrams[{k}] is a {type(diagram).__name__}, not a PersistenceDiagram")
    # Being comparable is transitive: the first diagram stands for all, and nothing is computed in vain.
    for other in diagrams[1:]:
        measure(_without_bars(diagrams[0]), _without_bars(other), 0)
    pairs = list(itertools.combinations(range(m), 2))
    values = np.zeros((m, m))
    with ThreadPoolExecutor(threads) as pool:
        for (i, j), value in zip(
            pairs, pool.map(lambda pair: measure(diagrams[pair[0]], diagrams[pair[1]], degree), pairs), strict=True
        ):
            values[i, j] = values[j, i] = value
    return Comparison(
        values,
        tuple(names),
        measure.name,
        {"degree": degree, **measure.parameters},
        measure.is_metric,
        measure.larger_is_more_similar,
        measure.invariances,
    )


def _without_bars(diagram: PersistenceDiagram) -> PersistenceDiagram:
    return PersistenceDiagram(np.empty((0, 2)), np.empty(0, dtype=np.int64), diagram.filtration)
