"""What stands behind a diagram: clouds of its controls, and the line above which bars are longer than noise."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from toposcope._errors import ToposcopeError
from toposcope.report.diagrams import LEVELS, Draws, packed_bars
from toposcope.report.holes import words
from toposcope.report.index import Index
from toposcope.report.numbers import packed
from toposcope.study.holes import Portrait

if TYPE_CHECKING:
    from toposcope.diagram import PersistenceDiagram
    from toposcope.study.results import Results

MOST_BARS = 400
"""So many of the longest bars of each control are drawn."""


def controls(results: Results, index: Index, degrees: Sequence[int], top: float, points: int) -> dict[str, Any]:
    """Kinds of controls by number, and for every layer and degree the bars of one control of the first draw.

    points: filtration values of the Betti curves, evenly spaced from 0 to `top`; those of controls are means over as
    many draws as `draws` says, without a band. Controls that the plan asks for come first; else a portrait has one of
    each kind.
    """
    found = [_of_layer(results, index.networks[network], layer) for network, layer in index.layers]
    kinds = list(dict.fromkeys(name for layer in found for name in layer))
    values = np.linspace(0.0, top, points)
    layers = [
        [[_entry(layer.get(kind), degree, top, values) for kind in kinds] for degree in degrees] if layer else None
        for layer in found
    ]
    return {"kinds": kinds, "layers": layers}


def _entry(draws: Sequence[PersistenceDiagram] | None, degree: int, top: float, values: Any) -> dict[str, Any] | None:
    if not draws:
        return None
    mean = np.stack([diagram.betti(values, degree) for diagram in draws]).mean(axis=0)
    high = float(mean.max(initial=0.0)) or 1.0
    curve = words(np.rint(mean / high * LEVELS).astype(np.int64))
    bars = packed_bars(draws[0].in_degree(degree), top, MOST_BARS)
    return {**bars, "draws": len(draws), "curveTop": packed(high, 6), "curve": curve}


def _of_layer(results: Results, network: str, layer: str) -> Mapping[str, Sequence[PersistenceDiagram]]:
    """Diagrams of the controls of a layer, by what they are called: those of the plan, else those of its portrait."""
    asked = {kind: keys[network][layer] for kind, keys in results.controls.items() if layer in keys.get(network, {})}
    if asked:
        try:
            return {
                kind: [results.diagram(network, layer, draw, clouds=kind) for draw in range(len(keys))]
                for kind, keys in asked.items()
            }
        except ToposcopeError:
            return {}
    key = results.seen.portraits.get(network, {}).get(layer)
    if key is None:
        return {}
    try:
        return {name: [diagram] for name, diagram in Portrait.read(results.store, key).controls.items()}
    except ToposcopeError:
        return {}


def significance_lines(
    results: Results, index: Index, read: Draws, degrees: Sequence[int]
) -> list[list[float | str | None] | None]:
    """For every layer and degree the ratio death / birth above which a bar of the first draw is significant.

    By the universal null at the plan's alpha, Bonferroni over the bars of the degree. None where the null does not
    speak: degree 0, a threshold, points with births of their own, no bars.
    """
    return [
        None if draws is None else [_ratio(draws[0], degree, results.plan.test.alpha) for degree in degrees]
        for draws in read
    ]


def _ratio(diagram: PersistenceDiagram, degree: int, alpha: float) -> float | str | None:
    from toposcope.stats import bar_significance

    if degree == 0 or not len(diagram.in_degree(degree)):
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # few bars: the caption says that the null is rough then
        try:
            return packed(bar_significance(diagram, degree, alpha).least_ratio, 6)
        except ToposcopeError:
            return None
