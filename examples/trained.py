"""Networks for the examples: the demo's three, trained on digits from any seed, and the CIFAR-10 ResNets.

Weights are kept in a store, so that a second call trains nothing.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np

import toposcope as ts

DIGITS = ("vgg", "resnet", "vit")
CIFAR = {20: 9, 32: 15, 44: 21, 56: 27}
"""Depth of a CIFAR-10 ResNet → number of its blocks."""


def digits_layers(
    name: str,
    seed: int,
    folder: Path,
    inputs: str = "digits:test",
    reduce: str = "auto",
    epochs: int | None = None,
    untrained: bool = False,
) -> dict[str, ts.Representation]:
    """The blocks of one of the demo's networks on digits. epochs: None for the demo's own number."""
    network = _digits_network(name, seed, folder, epochs, untrained)
    return ts.extract(network, inputs, layers="blocks", reduce=reduce)


def digits_accuracy(name: str, seed: int, folder: Path, epochs: int | None = None) -> float:
    """Share of the held-out digits that the network knows."""
    output = ts.extract(_digits_network(name, seed, folder, epochs, False), "digits:test", layers="output")["output"]
    return float((np.argmax(output.points, axis=1) == output.labels).mean())


def _digits_network(name: str, seed: int, folder: Path, epochs: int | None, untrained: bool) -> object:
    import torch

    from toposcope.demo import networks
    from toposcope.demo.plan import RESNET, VGG, VIT
    from toposcope.demo.training import read_weights
    from toposcope.store import Store

    base = dict(zip(DIGITS, (VGG, RESNET, VIT), strict=True))[name]
    epochs = base.epochs if epochs is None else epochs
    training = dataclasses.replace(base, epochs=epochs, checkpoints=(0, epochs), seed=seed)
    store = Store(folder / "store")
    if training.key not in store:
        training.perform(store)
    network = getattr(networks, name)()
    weights = read_weights(store, training, 0 if untrained else epochs)
    network.load_state_dict({key: torch.from_numpy(np.array(weight)) for key, weight in weights.items()})
    return network


def cifar_layers(
    depth: int, data: Path, limit: int, untrained: bool = False, reduce: str = "flatten"
) -> dict[str, ts.Representation]:
    """The blocks of a CIFAR-10 ResNet on so many held-out images. data: the folder of shared data.

    Raises FileError where the images or the weights are not there.
    """
    weights = "random" if untrained else str(data / "resnet_cifar10" / f"resnet{depth}.safetensors")
    model = f"examples.cifar_resnet:resnet{depth}@{weights}"
    images = f"{data / 'cifar10_jpeg_10k.zip'}:test"
    return ts.extract(model, images, layers="blocks", reduce=reduce, limit=limit, memory=1 << 29)
