"""Presets, and what a module tells about its tensor."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from toposcope._errors import LayerError
from toposcope.extract import extract, taps


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ("layr1", "layers='layr1' matches no module; close names: layer1"),
        (["conv", "nope.*"], "layers='nope.*' matches no module"),
        ("re:(", r"layer pattern 're:\(' is not a regular expression"),
        ([], r"layers=\[\] names no layer"),
        ("", "layers='' names no layer"),
        ([3], r"layers=\[3\] names no layer"),
    ],
)
def test_patterns_that_yield_nothing(small, images, layers, message):
    with pytest.raises(LayerError, match=message):
        extract(small, images, layers)


def test_lists_of_modules_are_no_layers(images):
    network = nn.Sequential()
    network.parts = nn.ModuleList([nn.Identity()])
    with pytest.raises(LayerError, match="layers='parts' matches no module; close names: parts.0"):
        extract(network, images, "parts")


def test_a_module_called_output_is_that_module(images):
    network = nn.Sequential()
    network.output = nn.Flatten()
    network.last = nn.Linear(64, 2)
    assert extract(network, images, "output")["output"].source.module == "Flatten"
    network = nn.Sequential(nn.Flatten())
    network.last = nn.Linear(64, 2)
    found = extract(network, images, ["output", "last"])
    assert list(found) == ["last", "output"]
    assert found["output"].source.module == "Sequential"


def test_blocks_and_stages_of_a_residual_network(small, images):
    assert list(extract(small, images, "blocks")) == ["layer1.0", "layer1.1", "layer2.0", "layer2.1"]
    assert list(extract(small, images, "stages")) == ["layer1", "layer2"]
    # A stage's own name is already taken by a pattern: both stay.
    assert list(extract(small, images, ["stages", "layer1"])) == ["layer1.1", "layer1", "layer2.1"]
    assert list(extract(small, images, ["stages", "layer1.0"])) == ["layer1.0", "layer1", "layer2"]


def test_blocks_of_plain_chains_are_the_activations_after_convolutions():
    units = [nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Conv2d(2, 2, 3), nn.BatchNorm2d(2), nn.GELU(), nn.MaxPool2d(2)]
    network = nn.Sequential(*units, nn.Flatten(), nn.Linear(2, 2), nn.ReLU())
    assert taps.blocks(network) == ["1", "4"]
    assert list(extract(network, torch.randn(3, 1, 6, 6), "stages", "flatten")) == ["1", "4"]


def test_blocks_that_are_attributes():
    class Mix(nn.Module):
        def __init__(self):
            super().__init__()
            self.up, self.down = nn.Linear(4, 8), nn.Linear(8, 4)

        def forward(self, x):
            return x + self.down(self.up(x).relu())

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second, self.head = Mix(), Mix(), nn.Linear(4, 2)

        def forward(self, x):
            return self.head(self.second(self.first(x)))

    assert list(extract(Net(), torch.randn(3, 4), "blocks")) == ["first", "second"]


def test_a_network_without_blocks_says_so(images):
    with pytest.raises(LayerError, match="layers='blocks': Sequential has no repeated blocks and no convolution units"):
        extract(nn.Sequential(nn.Flatten(), nn.Linear(64, 2)), images, "blocks")


def test_stage_ends():
    def ends(sizes, channels=None):
        return taps.stage_ends([(str(k), (s,), (channels or sizes)[k]) for k, s in enumerate(sizes)])

    assert ends([8, 8, 4, 4, 2]) == ["1", "3", "4"]
    assert ends([4, 4, 4, 4], [1, 1, 2, 2]) == ["1", "3"]
    assert ends([5] * 12) == ["2", "5", "8", "11"]
    assert ends([5] * 6) == ["0", "2", "3", "5"]
    assert ends([5] * 3) == ["0", "1", "2"]
    assert ends([]) == []


def test_layouts_are_read_from_the_modules():
    mixed = nn.ModuleDict(
        {
            "conv": nn.Conv2d(3, 4, 1),
            "mlp": nn.Sequential(nn.Linear(4, 4), nn.GELU(), nn.Dropout()),
            "line": nn.Sequential(nn.Conv1d(2, 2, 1), nn.ReLU()),
            "group": nn.GroupNorm(1, 4),
        }
    )
    layouts = taps.Layouts(mixed, None)
    assert not layouts.channels_last(mixed["conv"], 4)
    assert all(layouts.channels_last(part, 4) for part in (mixed["mlp"], *mixed["mlp"]))
    assert not layouts.channels_last(mixed["group"], 4)
    assert not layouts.channels_last(mixed["line"][1], 3)
    assert layouts.channels_last(mixed["mlp"][1], 3)
    assert taps.Layouts(mixed, True).channels_last(mixed, 4)
    assert not taps.Layouts(mixed, True).channels_last(mixed["conv"], 4)
