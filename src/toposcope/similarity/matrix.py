"""One measure between every two of several layers: what a heatmap of a network shows."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import numpy as np

from toposcope._errors import IncomparableError, InputError
from toposcope.comparison import Comparison
from toposcope.similarity.measures import CKA, Measure
from toposcope.similarity.pairs import Points, aligned, prepared

Layers = Mapping[str, Points] | Sequence[Points]
"""Layers by name, or numbered from 0."""


def similarity_matrix(layers: Layers, measure: Measure = CKA) -> Comparison:
    """A measure between all pairs of layers, of one network or of several.

    layers: arrays or Representations by name (of one network in order of depth, of several as "network / layer"), or a
    sequence of them. measure: one of `ts.similarity.MEASURES`, `diagram_distance(...)` or your own. What several pairs
    read of a layer (its spectrum, its distances, its kernel matrix, its diagram) is computed once. Returns a Comparison
    of m layers; row i, column j is the measure of layer i and layer j, which a measure that is not symmetric tells
    apart.

    Raises InputError where the measure is not defined on a pair, naming it; IncomparableError where inputs, or widths
    that have to agree, do not.
    """
    named = dict(layers) if isinstance(layers, Mapping) else {str(k): layer for k, layer in enumerate(layers)}
    if not named:
        raise InputError("there are no layers to compare; give at least one")
    first = next(iter(named.values()))
    clouds = [
        aligned(first, layer)[1] if measure.is_paired else prepared(layer, f"layer {name}")
        for name, layer in named.items()
    ]
    values = np.empty((len(clouds), len(clouds)))
    for (i, a), (j, b) in itertools.product(enumerate(named), enumerate(named)):
        if measure.is_symmetric and j < i:
            values[i, j] = values[j, i]
            continue
        try:
            values[i, j] = measure.of(clouds[i], clouds[j])
        except IncomparableError as error:
            raise IncomparableError(f"{measure.name} between {a} and {b}: {error}") from None
        except InputError as error:
            raise InputError(f"{measure.name} between {a} and {b}: {error}") from None
    return Comparison(
        values,
        tuple(str(name) for name in named),
        measure.name,
        is_metric=measure.is_metric,
        larger_is_more_similar=measure.larger_is_more_similar,
        invariances=measure.invariances,
    )
