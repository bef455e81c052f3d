"""Networks trained on CIFAR-10, and its images."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from examples.cifar_resnet import CifarResNet

from toposcope.extract import extract, load_inputs, load_network


@pytest.mark.parametrize(("depth", "blocks"), [(20, 9), (32, 15), (44, 21), (56, 27)])
def test_blocks(depth, blocks):
    x = torch.randn(2, 3, 32, 32)
    found = extract(CifarResNet(depth), x, "blocks")
    assert len(found) == blocks
    assert next(iter(found)) == "layer1.0"
    assert list(extract(CifarResNet(depth), x, "stages")) == ["layer1", "layer2", "layer3"]


@pytest.mark.shared
@pytest.mark.parametrize("depth", [20, 32, 44, 56])
def test_trained_networks_are_right_on_four_of_five_images(shared, depth, monkeypatch):
    spec = f"examples.cifar_resnet:resnet{depth}@{shared / 'resnet_cifar10' / f'resnet{depth}.safetensors'}"
    network = load_network(spec)
    inputs = load_inputs(f"{shared / 'cifar10_jpeg_10k.zip'}:test", limit=300)
    found = extract(network, inputs, ["blocks", "output"], batch_size=100)
    output = found["output"]
    classes = np.array(sorted(set(inputs.labels)))
    assert len(classes) == 10
    accuracy = (classes[output.points.argmax(1)] == output.labels).mean()
    assert 0.77 <= accuracy <= 0.88
    assert output.source.checkpoint.startswith(f"resnet{depth}.safetensors (")
    assert len(found) == (depth - 2) // 2 + 1


@pytest.mark.shared
def test_fashion_mnist(shared):
    inputs = load_inputs(shared / "fashion_mnist" / "t10k-images-idx3-ubyte.gz", limit=20)
    assert inputs.labels is not None
    assert inputs.images([0])[0].shape == (28, 28)
    assert len(load_inputs(shared / "fashion_mnist" / "train_first10k.npz")) == 10_000
