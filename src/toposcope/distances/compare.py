"""All pairs of diagrams under one distance, or as many of them as are needed."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from toposcope import _check
from toposcope._errors import InputError
from toposcope._types import Float64, Ints
from toposcope.comparison import Comparison
from toposcope.diagram import PersistenceDiagram
from toposcope.distances.bars import bars_of, check_comparable
from toposcope.distances.measures import Bulk, Distance, Prepared, distance_named

Progress = Callable[[int, int | None], None]


def compare(
    diagrams: Sequence[PersistenceDiagram],
    distance: str | Distance = "wasserstein",
    labels: Sequence[str] | None = None,
    degree: int = 1,
    threads: int | None = None,
    nearest: int | None = None,
    within: float | None = None,
    progress: Progress | None = None,
) -> Comparison:
    """All pairwise distances of m diagrams in one degree.

    diagrams: m diagrams of equal clouds. distance: a name ("wasserstein", "bottleneck", "sliced_wasserstein") or a
    distance with parameters, such as `ts.Wasserstein(order=2)`. labels: m names, default their numbers. threads: None
    takes one per core; the result is the same to the bit for every number. progress: called with the pairs done and the
    pairs there are (None where that is not known), about ten times a second and at the end.

    nearest=k: enough pairs to be sure of the k nearest others of every diagram. within=r: every pair at most r apart.
    The other pairs are not computed: in the Comparison that comes back, `computed` is False there and the value is a
    lower bound. Both need a distance that has one: difference of the sorted distances to the diagonal for Wasserstein
    and bottleneck, of the distances to the empty diagram for the sliced one of order 1.

    Raises InputError and IncomparableError before anything is computed in vain.
    """
    measure = distance_named(distance)
    degree = _check.integer(degree, "degree")
    m = len(diagrams)
    names = [str(k) for k in range(m)] if labels is None else [str(label) for label in labels]
    if len(names) != m:
        raise InputError(f"{len(names)} labels were given for {m} diagrams; give one label for each")
    pairs = np.stack(np.triu_indices(m, 1), axis=1).astype(np.int64)
    if nearest is None and within is None:
        values = distances_of_pairs(diagrams, pairs, measure, degree, threads, progress)
        computed = np.full(len(pairs), True)
    else:
        values, computed = _as_needed(diagrams, pairs, measure, degree, threads, nearest, within, progress)
    return Comparison(
        _square(m, pairs, values, 0.0),
        tuple(names),
        measure.name,
        {"degree": degree, **measure.parameters},
        measure.is_metric,
        measure.larger_is_more_similar,
        measure.invariances,
        _square(m, pairs, computed, True),
    )


def distances_of_pairs(
    diagrams: Sequence[PersistenceDiagram],
    pairs: Ints,
    distance: str | Distance = "wasserstein",
    degree: int = 1,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Float64:
    """(p,) distances of pairs (p, 2) of positions in diagrams; each diagram's bars are prepared once.

    The block that a run keeps and resumes. The rest as in `compare`. Raises InputError and IncomparableError.
    """
    measure = distance_named(distance)
    workers = _workers(threads)
    _check_diagrams(diagrams)
    pairs = np.ascontiguousarray(pairs, dtype=np.int64)
    if pairs.ndim != 2 or pairs.shape[1] != 2:
        raise InputError(f"pairs has shape {pairs.shape}, but pairs are (p, 2) positions of diagrams")
    if pairs.size and not (pairs.min() >= 0 and pairs.max() < len(diagrams)):
        raise InputError(f"pairs name positions {pairs.min()} to {pairs.max()}; there are 0 to {len(diagrams) - 1}")
    if isinstance(measure, Bulk):
        return _measured(measure, _prepared(diagrams, degree), pairs, workers, progress, len(pairs))
    with ThreadPoolExecutor(workers) as pool:
        return np.array(
            list(pool.map(lambda pair: measure(diagrams[pair[0]], diagrams[pair[1]], degree), pairs)), dtype=np.float64
        )


def _check_diagrams(diagrams: Sequence[PersistenceDiagram]) -> None:
    for k, diagram in enumerate(diagrams):
        if not isinstance(diagram, PersistenceDiagram):
            raise InputError(f"diagrams[{k}] is a {type(diagram).__name__}, not a PersistenceDiagram")
    # Being comparable is transitive: the first diagram stands for all.
    for other in diagrams[1:]:
        check_comparable(diagrams[0], other)


def _prepared(diagrams: Sequence[PersistenceDiagram], degree: int) -> list[Prepared]:
    return [bars_of(diagram, degree, f"diagrams[{k}]").prepared() for k, diagram in enumerate(diagrams)]


def _workers(threads: int | None) -> int:
    if threads is None:
        return os.cpu_count() or 1
    return min(_check.integer(threads, "threads", at_least=1), 256)


def _measured(
    measure: Bulk,
    diagrams: list[Prepared],
    pairs: Ints,
    workers: int,
    progress: Progress | None,
    count: int | None,
    before: int = 0,
) -> Float64:
    """Values of pairs; progress is told what is done of count, of which some was before."""
    if progress is None:
        return measure.pairs(diagrams, pairs, workers)
    values = measure.pairs(diagrams, pairs, workers, lambda done: progress(before + done, count))
    progress(before + len(pairs), count)
    return values


def _as_needed(
    diagrams: Sequence[PersistenceDiagram],
    pairs: Ints,
    measure: Distance,
    degree: int,
    threads: int | None,
    nearest: int | None,
    within: float | None,
    progress: Progress | None,
) -> tuple[Float64, NDArray[np.bool_]]:
    """Values of all pairs, lower bounds where they are not needed, and which were computed."""
    if nearest is not None and within is not None:
        raise InputError("nearest and within were both given; ask for one of them")
    if not isinstance(measure, Bulk):
        raise InputError(
            f"{measure.name} has no lower bound, so nearest and within cannot skip anything; leave them out"
        )
    workers = _workers(threads)
    _check_diagrams(diagrams)
    prepared = _prepared(diagrams, degree)
    # Rounding must not hide a pair.
    values = measure.lower_bounds(prepared, pairs) * (1 - 1e-12)
    computed = np.full(len(pairs), False)
    if within is not None:
        radius = _check.real(within, "within", at_least=0)
        wanted = np.flatnonzero(values <= radius)
        values[wanted] = _measured(measure, prepared, pairs[wanted], workers, progress, len(wanted))
        computed[wanted] = True
        return values, computed
    k = _check.integer(nearest, "nearest", at_least=1)
    while len(wanted := _still_needed(len(diagrams), pairs, values, computed, k)):
        done = int(computed.sum())
        values[wanted] = _measured(measure, prepared, pairs[wanted], workers, progress, None, done)
        computed[wanted] = True
    return values, computed


def _still_needed(m: int, pairs: Ints, values: Float64, computed: NDArray[np.bool_], k: int) -> Ints:
    """Numbers of pairs to compute next: of every diagram those of least bound that may be among its k nearest, at most
    k at a time.
    """
    order = np.argsort(values, kind="stable")
    needed: set[int] = set()
    of_diagram: list[list[int]] = [[] for _ in range(m)]
    for number in order.tolist():
        of_diagram[pairs[number, 0]].append(number)
        of_diagram[pairs[number, 1]].append(number)
    for numbers in of_diagram:
        known = [number for number in numbers if computed[number]]
        farthest = values[known[k - 1]] if len(known) >= k else np.inf
        open_numbers = [number for number in numbers if not computed[number]]
        needed.update(number for number in open_numbers[:k] if values[number] < farthest or len(known) < k)
    return np.array(sorted(needed), dtype=np.int64)


def _square(m: int, pairs: Ints, values: NDArray[Any], diagonal: float | bool) -> NDArray[Any]:
    square = np.full((m, m), diagonal, dtype=values.dtype)
    square[pairs[:, 0], pairs[:, 1]] = square[pairs[:, 1], pairs[:, 0]] = values
    return square
