"""Which networks a question is about, and which layer of one stands beside which of another."""

from __future__ import annotations

from collections.abc import Sequence

from toposcope.study.plan import Network, Study
from toposcope.study.tasks import Layer


def ends_of_training(plan: Study) -> list[Network]:
    """Networks that stand for what training gives: on the plan's own inputs, not fine-tuned, no control, and of the
    checkpoints of one training the last."""
    candidates = [n for n in plan.network if n.control is None and n.base is None and n.inputs is None]

    def training(network: Network) -> tuple[object, ...]:
        return network.family, network.architecture, network.seed

    last: dict[tuple[object, ...], float] = {}
    for network in candidates:
        if network.step is not None:
            last[training(network)] = max(last.get(training(network), 0.0), network.step)
    return [n for n in candidates if n.step is None or n.step == last[training(n)]]


def layers_by_name(a: Sequence[Layer], b: Sequence[Layer]) -> list[tuple[Layer, Layer]]:
    """Pairs of layers of one name: for two states of one network."""
    names = {layer.layer: layer for layer in b}
    return [(layer, names[layer.layer]) for layer in a if layer.layer in names]


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
