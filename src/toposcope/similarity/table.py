"""All measures between the layers of two networks at once, and whether topology adds to what CKA says of them.

Two measures rank the same pairs of layers. How far do their rankings agree? Layers are no sample: neighbouring layers
are alike by construction, and a test that permutes them always rejects. What is repeated independently is the *unit*: a
disjoint draw of inputs through two fixed networks, or a pair of separately trained networks.

With R_p the ranks that measure p gives to all pairs of layers in one draw, the agreement of p and q is the cosine of
the angle between the expected ranks E R_p and E R_q. Products of ranks from *different* draws estimate E R_p · E R_q
without bias, since nothing random is shared; those of p with itself say how much of its ranking is noise (Spearman's
correction for attenuation, 1904). Over several pairs of networks the products are summed. The interval leaves out one
unit at a time (jackknife of U-statistics: Arvesen 1969).
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from toposcope import _check
from toposcope._errors import InputError
from toposcope._types import Float64, Ints
from toposcope.cloud import disjoint_draws
from toposcope.similarity.measures import CKA, MEASURES, TOPOLOGY, Measure
from toposcope.similarity.pairs import Points, aligned, ids_of, share
from toposcope.similarity.prepared import Prepared

if TYPE_CHECKING:
    import pandas as pd

Layers = Mapping[str, Points] | Sequence[Points]
"""The layers of one network in order of depth, by name or from 0."""

_FEWEST_UNITS = 5
_FEWEST_POINTS = 20
_FEWEST_CELLS = 10


@dataclasses.dataclass(frozen=True, eq=False)
class Agreement:
    """How far the rankings of pairs of layers by two measures agree: 1 is the same ranking, up to noise.

    agreement: cosine between the two expected rankings, with `low` and `high`. beyond_depth, …: the same for what is
    left of the rankings when the distance of two layers in depth, and their mean depth, are regressed out.
    noise_a, noise_b: share of each ranking (beyond depth) that another draw would not repeat.
    """

    measure_a: str
    measure_b: str
    agreement: float
    low: float
    high: float
    beyond_depth: float
    beyond_depth_low: float
    beyond_depth_high: float
    noise_a: float
    noise_b: float


@dataclasses.dataclass(frozen=True, eq=False)
class SimilarityTable:
    """Every measure between every two layers.

    values: DataFrame, one row for each pair of networks, draw, pair of layers and measure: `pair`, `draw`, `layer_a`,
    `layer_b`, `measure`, `value`, `larger_is_more_similar`. agreements: DataFrame, one row for each pair of measures,
    columns of Agreement. answer: one sentence on topology beside CKA. unit: what the intervals repeat. notes: measures
    that were left out, and why. level: of the intervals.
    """

    values: pd.DataFrame
    agreements: pd.DataFrame
    answer: str
    unit: str
    notes: tuple[str, ...]
    level: float

    def __repr__(self) -> str:
        measures = self.values["measure"].nunique()
        return f"<SimilarityTable of {measures} measures, {len(self.values)} values: {self.answer}>"


def similarity_table(
    reps_a: Layers | Sequence[Layers],
    reps_b: Layers | Sequence[Layers] | None = None,
    measures: Sequence[Measure] = MEASURES,
    size: int | None = None,
    draws: int = 10,
    seed: int = 0,
    level: float = 0.95,
    same: float = 0.9,
    beside: Measure = CKA,
    topology: Measure = TOPOLOGY,
) -> SimilarityTable:
    """All measures between the layers of two networks, their agreement, and what topology adds to CKA.

    reps_a, reps_b: the layers of one network each, in order of depth (a mapping of names, or a sequence of arrays or
    Representations of the same inputs); reps_b None compares the layers of reps_a with each other. The unit is then a
    disjoint draw of inputs, at least 5 of them, and the answer is about these fixed networks. Or a sequence of at least
    5 networks each, with equal numbers of layers, none of which stands in two pairs: then the unit is a pair of
    networks, and the answer is about networks trained like these, on these inputs.
    measures: any of `MEASURES`, `diagram_distance(…)` or your own; `beside` and `topology` always take part. size:
    inputs of one draw (None: as many as there are). draws: disjoint draws of inputs. seed: of the draws. level: of the
    intervals. same: agreement from which on two rankings count as one.

    A measure that is not defined on some pair of layers (widths that differ, more features than inputs) is left out of
    the table, and `notes` says why. Raises InputError when there are too few inputs, units or pairs of layers for any
    interval, saying how many would do; IncomparableError when inputs do not match.
    """
    import pandas as pd

    level, same = share(level, "level"), share(same, "same")
    if not 0 < level < 1:
        raise InputError(f"level={level!r} must lie between 0 and 1")
    within = reps_b is None
    pairs, unit = _pairs_of_networks(reps_a, reps_a if reps_b is None else reps_b, draws)
    names_a, names_b = [list(network) for network in pairs[0]]
    cells = _cells(len(names_a), len(names_b), within)
    rows = _draws(pairs, size, draws, seed)
    chosen = list(dict.fromkeys([beside, topology, *measures]))
    values, notes = _values(pairs, rows, cells, chosen)
    for needed in (beside, topology):
        if needed not in values:
            raise InputError(f"the question needs {needed.name}, which is left out: {notes[needed]}")

    count = len(pairs), len(rows), len(cells)
    pair, draw, cell = (part.ravel() for part in np.indices(count))
    table = pd.concat(
        [
            pd.DataFrame(
                {
                    "pair": pair,
                    "draw": draw,
                    "layer_a": np.array([names_a[i] for i, _ in cells])[cell],
                    "layer_b": np.array([names_b[j] for _, j in cells])[cell],
                    "measure": measure.name,
                    "value": matrix.ravel(),
                    "larger_is_more_similar": measure.larger_is_more_similar,
                }
            )
            for measure, matrix in values.items()
        ],
        ignore_index=True,
    )
    agreements = _agreements(values, _depth(cells, len(names_a), len(names_b)), level)
    found = next(one for one in agreements if {one.measure_a, one.measure_b} == {beside.name, topology.name})
    frame = pd.DataFrame([dataclasses.asdict(one) for one in agreements])
    left_out = tuple(f"{measure.name} left out: {reason}" for measure, reason in notes.items())
    return SimilarityTable(table, frame, _answer(found, beside, topology, same, unit, level), unit, left_out, level)


def _pairs_of_networks(a: Any, b: Any, draws: int) -> tuple[list[tuple[dict[str, Points], dict[str, Points]]], str]:
    """Every pair of networks, and what is repeated."""
    several = _are_networks(a)
    if several != _are_networks(b):
        raise InputError("reps_a is one network and reps_b several, or the other way round; pair each with its own")
    if not several:
        _enough_units(_check.integer(draws, "draws"), "disjoint draws of inputs", f"draws={_FEWEST_UNITS}")
        first = _layers(a, "reps_a")
        return [(first, first if a is b else _layers(b, "reps_b"))], f"{draws} disjoint draws of inputs"
    if len(a) != len(b):
        raise InputError(f"reps_a has {len(a)} networks and reps_b {len(b)}; pair each with its own")
    _enough_units(len(a), "pairs of networks", f"{_FEWEST_UNITS} separately trained pairs")
    firsts = [_layers(x, "reps_a") for x in a]
    pairs = list(zip(firsts, firsts if a is b else [_layers(y, "reps_b") for y in b], strict=True))
    if len({(len(x), len(y)) for x, y in pairs}) > 1:
        raise InputError("the networks have different numbers of layers; give corresponding layers of each")
    seen: set[int] = set()
    for x, y in pairs:
        layers = {id(layer) for layer in (*x.values(), *y.values())}
        if layers & seen:
            raise InputError("a network stands in two pairs, which are then not independent; use each network once")
        seen |= layers
    return pairs, f"{len(pairs)} pairs of separately trained networks"


def _are_networks(layers: Any) -> bool:
    return not isinstance(layers, Mapping) and all(isinstance(one, (Mapping, list, tuple)) for one in layers)


def _layers(layers: Layers, name: str) -> dict[str, Points]:
    named = dict(layers) if isinstance(layers, Mapping) else {str(k): layer for k, layer in enumerate(layers)}
    if not named:
        raise InputError(f"{name} has no layers; give at least one")
    return {str(key): layer for key, layer in named.items()}


def _enough_units(count: int, what: str, remedy: str) -> None:
    if count < _FEWEST_UNITS:
        raise InputError(
            f"{count} {what} give no interval, and layers are not independent of each other; take at least {remedy}"
        )


def _cells(count_a: int, count_b: int, within: bool) -> list[tuple[int, int]]:
    """The pairs of layers that are compared."""
    cells = (
        list(itertools.combinations(range(count_a), 2))
        if within
        else list(itertools.product(range(count_a), range(count_b)))
    )
    if len(cells) < _FEWEST_CELLS:
        raise InputError(f"{len(cells)} pairs of layers are too few to rank; give at least {_FEWEST_CELLS}")
    return cells


def _draws(
    pairs: list[tuple[dict[str, Points], dict[str, Points]]], size: int | None, draws: int, seed: int
) -> list[Ints]:
    """The rows of every disjoint draw."""
    _check.integer(draws, "draws", at_least=2)
    first = next(iter(pairs[0][0].values()))
    n = len(first)
    count = n // draws if size is None else size
    if count < _FEWEST_POINTS:
        raise InputError(
            f"{draws} disjoint draws of {n} inputs hold {count} each, too few to compare; give at least "
            f"{draws * _FEWEST_POINTS} inputs, and a size of at least {_FEWEST_POINTS}"
        )
    return disjoint_draws(ids_of(first, n), count, draws, _check.integer(seed, "seed"))


def _values(
    pairs: list[tuple[dict[str, Points], dict[str, Points]]],
    rows: list[Ints],
    cells: list[tuple[int, int]],
    measures: list[Measure],
) -> tuple[dict[Measure, Float64], dict[Measure, str]]:
    """(pairs, draws, cells) values of each measure, and why some have none."""
    values = {measure: np.empty((len(pairs), len(rows), len(cells))) for measure in measures}
    notes: dict[Measure, str] = {}
    reference = next(iter(pairs[0][0].values()))
    for (pair, (a, b)), (draw, chosen) in itertools.product(enumerate(pairs), enumerate(rows)):
        layers_a = [_drawn(reference, layer, chosen) for layer in a.values()]
        layers_b = layers_a if a is b else [_drawn(reference, layer, chosen) for layer in b.values()]
        for cell, (i, j) in enumerate(cells):
            for measure in [measure for measure in measures if measure not in notes]:
                try:
                    values[measure][pair, draw, cell] = measure.of(layers_a[i], layers_b[j])
                except InputError as error:
                    notes[measure] = f"between {list(a)[i]} and {list(b)[j]}, {error}"
    return {measure: matrix for measure, matrix in values.items() if measure not in notes}, notes


def _drawn(reference: Points, layer: Points, draw: Ints) -> Prepared:
    """The rows of one draw, in the order of the reference's inputs."""
    return aligned(reference, layer)[1].take(draw)


def _depth(cells: list[tuple[int, int]], count_a: int, count_b: int) -> Float64:
    """(cells, 3) an intercept, and the ranks of the distance in depth and of the mean depth of each pair of layers."""
    from scipy.stats import rankdata

    a = np.array([i / max(count_a - 1, 1) for i, _ in cells])
    b = np.array([j / max(count_b - 1, 1) for _, j in cells])
    return np.stack([np.ones(len(cells)), rankdata(np.abs(a - b)), rankdata(a + b)], axis=1)


def _agreements(values: dict[Measure, Float64], depth: Float64, level: float) -> list[Agreement]:
    from scipy.stats import rankdata

    # Only what the depths of two layers do not explain is left of each ranking.
    basis = np.linalg.svd(depth, full_matrices=False)
    explained = basis[0][:, basis[1] > 1e-9 * basis[1][0]]
    ranks, beyond = {}, {}
    for measure, matrix in values.items():
        towards_similar = matrix if measure.larger_is_more_similar else -matrix
        centred = rankdata(towards_similar, axis=-1) - (matrix.shape[-1] + 1) / 2
        ranks[measure] = centred
        beyond[measure] = centred - centred @ explained @ explained.T
    out = []
    for p, q in itertools.combinations(values, 2):
        whole, rest = _agreement(ranks[p], ranks[q], level), _agreement(beyond[p], beyond[q], level)
        out.append(Agreement(p.name, q.name, *whole, *rest, _noise(beyond[p]), _noise(beyond[q])))
    return out


def _agreement(p: Float64, q: Float64, level: float) -> tuple[float, float, float]:
    """Cosine between the expected rankings, and its interval; NaN where a ranking is mere noise.

    p, q: (pairs, draws, cells) centred ranks. The interval leaves out pairs where there are several, else draws.
    """
    from scipy.stats import t

    products = [_products(p, q), _products(p, p), _products(q, q)]

    def cosine(kept: list[Float64]) -> float:
        cross, own_p, own_q = (_between_draws(product) for product in kept)
        return cross / math.sqrt(own_p * own_q) if min(own_p, own_q) > 0 else math.nan

    k = len(p) if len(p) > 1 else p.shape[1]
    axes = (0,) if len(p) > 1 else (1, 2)
    without = np.array([cosine([_without(product, one, axes) for product in products]) for one in range(k)])
    error = math.sqrt((k - 1) / k * float(((without - without.mean()) ** 2).sum()))
    half = float(t.ppf((1 + level) / 2, k - 1)) * error
    value = cosine(products)
    return value, value - half, value + half


def _products(p: Float64, q: Float64) -> Float64:
    """(pairs, draws, draws) inner products of the rankings of every two draws."""
    products: Float64 = p @ q.swapaxes(1, 2)
    return products


def _without(products: Float64, one: int, axes: tuple[int, ...]) -> Float64:
    for axis in axes:
        products = np.delete(products, one, axis)
    return products


def _between_draws(products: Float64) -> float:
    """Mean product of two different draws through the same pair of networks."""
    pairs, k, _ = products.shape
    same = np.trace(products, axis1=1, axis2=2)
    return float((products.sum() - same.sum()) / (pairs * k * (k - 1)))


def _noise(ranks: Float64) -> float:
    """Share of a ranking's variance that another draw does not repeat, from 0 to 1."""
    products = _products(ranks, ranks)
    own = float(np.trace(products, axis1=1, axis2=2).mean()) / products.shape[1]
    return float(np.clip(1 - _between_draws(products) / own, 0.0, 1.0)) if own > 0 else 1.0


def _answer(found: Agreement, beside: Measure, topology: Measure, same: float, unit: str, level: float) -> str:
    low, high = found.beyond_depth_low, found.beyond_depth_high
    whom = "networks trained like these" if "trained" in unit else "these fixed networks"
    measured = (
        f"agreement of the two rankings of pairs of layers beyond depth {found.beyond_depth:.2f}, {level:.0%} interval "
        f"[{low:.2f}, {high:.2f}] over {unit}"
    )
    if math.isnan(low):
        noise = beside.name if found.noise_a > found.noise_b else topology.name
        return (
            f"Whether {topology.name} adds to {beside.name} cannot be said here: beyond depth, the ranking by {noise} "
            "is not repeated from draw to draw; take larger draws or more of them"
        )
    if high < same:
        return f"Topology adds to what {beside.name} says here of {whom}: {measured}, below {same:g}"
    if low >= same:
        return f"Topology repeats what {beside.name} says here of {whom}: {measured}, at least {same:g}"
    return (
        f"Whether topology adds to or repeats what {beside.name} says here of {whom} is not settled: {measured} holds "
        f"{same:g}; take more units or larger draws"
    )
