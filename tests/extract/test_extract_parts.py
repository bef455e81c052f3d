"""Parts of a pass, put together, are what one pass over all inputs gives: to the bit, in words and in warnings."""

import warnings

import numpy as np
import pytest
import torch
from torch import nn

from toposcope import _io
from toposcope._errors import ActivationError, InputError, LayerError, ToposcopeWarning
from toposcope.extract import Network, Part, extract, extract_part, join, load_inputs, load_network


class Noisy(nn.Module):
    """Adds random numbers, in the pass itself."""

    def forward(self, x):
        return x + torch.randn_like(x)


class Late(nn.Module):
    """Runs a module only for batches whose first input is large, and gives infinity for the largest."""

    def __init__(self, infinite: bool = False):
        super().__init__()
        self.first, self.second, self.infinite = nn.Linear(4, 4), nn.Linear(4, 3), infinite

    def forward(self, x):
        x = self.first(x)
        if x.flatten()[0] > 0:
            self.second(x)
        return x


class Unlike(nn.Module):
    """Gives one row for all inputs in its third batch."""

    def __init__(self):
        super().__init__()
        self.odd, self.even, self.calls = nn.Identity(), nn.Linear(4, 4), 0

    def forward(self, x):
        self.odd(x.mean(0, keepdim=True) if float(x[0, 0]) == 16 else x)
        return self.even(x)


def told(action):
    """What an action returns or raises, and what it warns of."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ToposcopeWarning)
        try:
            found = action()
        except (ActivationError, InputError, LayerError) as error:
            found = {**getattr(error, "finished", {}), "error": str(error)}
    return found, [str(one.message) for one in caught if issubclass(one.category, ToposcopeWarning)]


def in_parts(network, inputs, size, path, memory=1 << 30, **options):
    """Extract in parts of `size` inputs, each of which goes through a file."""
    parts = []
    with warnings.catch_warnings():
        warnings.simplefilter("error", ToposcopeWarning)
        for start in range(0, len(inputs), size):
            part = extract_part(network, inputs, range(start, start + size), memory=memory, scratch=path, **options)
            _io.write_arrays(path / "part.npz", part.to_arrays())
            parts.append(Part.from_arrays(_io.read_arrays(path / "part.npz")))
    return join(parts, len(inputs), options.get("layers", "*"), memory, path)


NUMBERS = np.random.default_rng(0).normal(size=(40, 4)).astype(np.float32)
CASES = {
    "resnet stages": ("toposcope.demo.networks:resnet@random", {"layers": "stages"}),
    "vit tokens": ("toposcope.demo.networks:vit@random", {"reduce": "tokens", "layers": ["blocks", "output"]}),
    "vgg pixels": ("toposcope.demo.networks:vgg@random", {"reduce": "pixels", "layers": "**"}),
    "noise": (nn.Sequential(nn.Flatten(), Noisy(), nn.Linear(64, 5)), {}),
}


@pytest.mark.parametrize("memory", [1 << 30, 0])
@pytest.mark.parametrize("size", [16, 20, 5, 100])
@pytest.mark.parametrize("case", CASES)
def test_parts_are_the_whole(case, size, memory, tmp_path):
    model, options = CASES[case]
    network = load_network(model, seed=1) if isinstance(model, str) else Network(model.eval(), "n")
    inputs = load_inputs("digits:test", limit=70)
    options = {"batch_size": 8, "seed": 3, **options}
    whole, warned = told(lambda: extract(network, inputs, memory=memory, **options))
    parts, also = told(lambda: in_parts(network, inputs, size, tmp_path, memory, **options))
    same(parts, whole)
    assert also == warned
    assert [path.name for path in tmp_path.iterdir()] == ["part.npz"]


def same(parts, whole):
    assert list(parts) == list(whole)
    for name, one in whole.items():
        if name == "error":
            assert parts[name] == one
            continue
        assert parts[name].points.dtype == one.points.dtype
        assert parts[name].points.tobytes() == one.points.tobytes()
        assert parts[name].sample_ids.tolist() == one.sample_ids.tolist()
        assert (parts[name].labels is None) == (one.labels is None)
        assert parts[name].source == one.source


@pytest.mark.parametrize("module", [Late, Unlike])
def test_layers_that_fail_in_some_part(module, tmp_path):
    torch.manual_seed(0)
    network = Network(module().eval(), "n")
    numbers = np.arange(160, dtype=np.float32).reshape(40, 4) if module is Unlike else NUMBERS.copy()
    inputs = load_inputs(numbers)
    whole, warned = told(lambda: extract(network, inputs, batch_size=2))
    assert warned
    parts, also = told(lambda: in_parts(network, inputs, 6, tmp_path, batch_size=2))
    same(parts, whole)
    assert also == warned


def test_values_that_are_not_finite_are_counted_over_all_parts(tmp_path):
    torch.manual_seed(0)
    network = Network(nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 2)).eval(), "n")
    numbers = NUMBERS.copy()
    with torch.no_grad():
        network.module[1].weight[:] = torch.tensor([3e38, 0.0, 0, 0])
    whole, _ = told(lambda: extract(network, numbers, batch_size=4))
    assert "NaN or infinite" in whole["error"]
    parts, _ = told(lambda: in_parts(network, load_inputs(numbers), 8, tmp_path, batch_size=4))
    same(parts, whole)


def test_rows_of_another_length_are_refused(tmp_path):
    class Growing(nn.Module):
        def forward(self, x):
            return x.repeat(1, 1 + int(x[0, 0] > 100))

    numbers = np.arange(160, dtype=np.float32).reshape(40, 4)
    network = Network(nn.Sequential(Growing()).eval(), "n")
    whole, _ = told(lambda: extract(network, numbers, batch_size=4))
    parts, _ = told(lambda: in_parts(network, load_inputs(numbers), 8, tmp_path, batch_size=4))
    assert whole["error"] == parts["error"]
    assert "8 values per row now and 4 before" in parts["error"]


def test_a_stream_has_no_parts():
    stream = load_inputs([NUMBERS[:4], NUMBERS[4:]])
    with pytest.raises(InputError, match="of which no part can be had"):
        next(stream.batches(4, span=range(4)))


def test_batches_are_the_same_whatever_the_spans():
    inputs = load_inputs(NUMBERS)
    whole = [batch.ids.tolist() for batch in inputs.batches(7)]
    spans = [range(start, start + 9) for start in range(0, 40, 9)]
    assert [batch.ids.tolist() for span in spans for batch in inputs.batches(7, span=span)] == whole
