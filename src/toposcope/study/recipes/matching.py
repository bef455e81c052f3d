"""Which layer of one network stands beside which of another."""

from __future__ import annotations

from collections.abc import Sequence

from toposcope.study.tasks import Layer


def matched_layers(a: Sequence[Layer], b: Sequence[Layer]) -> list[tuple[Layer, Layer]]:
    """Pairs of layers: by name where all names of the shorter are in the other, else by relative depth."""
    names = {layer.layer: layer for layer in b}
    if {layer.layer for layer in a} <= set(names):
        return [(layer, names[layer.layer]) for layer in a]
    if len(a) > len(b):
        return [(x, y) for y, x in matched_layers(b, a)]

    def depth(layers: Sequence[Layer], position: int) -> float:
        return position / max(1, len(layers) - 1)

    return [
        (layer, b[min(range(len(b)), key=lambda j: (abs(depth(b, j) - depth(a, i)), j))]) for i, layer in enumerate(a)
    ]
