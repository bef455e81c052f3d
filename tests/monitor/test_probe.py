"""A look at a network leaves no trace; a probe is the same inputs every time."""

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import toposcope as ts
from tests.monitor.loops import monitor, network, probe, train
from toposcope.monitor.probe import Probe, untouched


@pytest.mark.parametrize("autocast", [False, True])
def test_training_is_the_same_to_the_bit_with_and_without_a_monitor(tmp_path: Path, autocast: bool) -> None:
    plain = train(None, autocast=autocast)
    watcher = monitor(tmp_path / "run", inputs=probe(), validation=probe(1))
    watched = train(watcher, autocast=autocast)
    watcher.close(wait=False)
    assert watcher.taken == (0, 4, 8)
    assert plain.keys() == watched.keys()
    for name, value in plain.items():
        assert torch.equal(value, watched[name]), name


def make(inputs, **options) -> Probe:
    given = {"size": 8, "draws": 3, "seed": 0, "batch_size": 7, "preprocess": None}
    return Probe("train", inputs, **{**given, **options})


def test_modules_with_a_life_of_their_own_come_back_as_they_were() -> None:
    class Folding(nn.Linear):
        """Like LoRA layers, it changes its weights when it is told to evaluate."""

        def train(self, mode: bool = True) -> nn.Module:
            if not mode:
                self.weight.data += 1e-3
            return super().train(mode)

    class Counting(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("calls", torch.zeros(2))
            self.register_buffer("seen", torch.full((2,), float("nan")))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            self.calls += 1
            self.seen = x.detach().sum() + torch.rand(())
            return x

    net = nn.Sequential(Folding(5, 4), Counting(), nn.ReLU(), nn.Linear(4, 2))
    net[2].eval()
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    identities = {name: id(buffer) for name, buffer in net.named_buffers()}
    state = torch.random.get_rng_state()
    found, _said = make(probe()).look(net, ["0", "3"], "auto", "net")
    assert list(found) == ["0", "3"]
    for name, tensor in net.state_dict().items():
        assert torch.equal(tensor.nan_to_num(-7), before[name].nan_to_num(-7)), name
    assert {name: id(buffer) for name, buffer in net.named_buffers()} == identities
    assert torch.equal(torch.random.get_rng_state(), state)
    assert [part.training for part in net] == [True, True, False, True]


def test_states_are_kept_where_the_look_fails() -> None:
    net = network()
    state, modes = torch.random.get_rng_state(), [part.training for part in net.modules()]
    with pytest.raises(ts.InputError, match="failed on its first batch"):
        make(probe(features=4)).look(net, ["2"], "auto", "net")
    assert torch.equal(torch.random.get_rng_state(), state)
    assert [part.training for part in net.modules()] == modes


def test_lazy_parameters_are_refused() -> None:
    with pytest.raises(ts.InputError, match="after one batch"), untouched(nn.Sequential(nn.LazyLinear(3))):
        pass


def test_the_rows_are_those_of_the_draws_and_no_others() -> None:
    inputs = probe(n=60)
    held = make(inputs)
    draws = ts.disjoint_draws(np.arange(60), 8, 3, 0)
    assert set(held.ids) == set(np.concatenate(draws))
    again = ts.disjoint_draws(held.ids, 8, 3, 0)
    for before, after in zip(draws, again, strict=True):
        assert np.array_equal(before, held.ids[after])
    found, _said = held.look(network(), ["2"], "auto", "net")
    expected = ts.extract(network(), inputs[held.ids], ["2"])["2"].points
    assert np.allclose(found["2"].points, expected, atol=1e-6)


def test_a_probe_is_a_copy() -> None:
    inputs = probe()
    held = make(inputs)
    digest = held.digest()
    inputs[:] = 0
    assert held.digest() == digest


def test_streams_loaders_and_dicts_are_read_once() -> None:
    data = torch.utils.data.TensorDataset(torch.from_numpy(probe()), torch.arange(49) % 3)
    loader = torch.utils.data.DataLoader(data, batch_size=10, shuffle=True)
    state = torch.random.get_rng_state()
    with pytest.warns(ts.ToposcopeWarning, match="the loader shuffles"):
        held = make(loader)
    assert torch.equal(torch.random.get_rng_state(), state), "a loader that shuffles draws from the training's states"
    assert len(held.ids) == 24
    assert held.inputs.labels is not None
    held.check_same(loader)
    generated = make(torch.from_numpy(probe()[k : k + 10]) for k in range(0, 49, 10))
    assert len(generated.ids) == 24
    columns = {"x": torch.from_numpy(probe()), "attention_mask": torch.ones(49, 5)}
    of_columns = make(columns)
    of_columns.check_same({name: tensor.clone() for name, tensor in columns.items()})
    with pytest.raises(ts.InputError, match="has changed"):
        of_columns.check_same({**columns, "x": columns["x"] + 1})


def test_other_inputs_are_refused() -> None:
    inputs = probe()
    held = make(inputs)
    held.check_same(inputs)
    held.check_same(inputs.copy())
    others = [inputs + 1, inputs[::-1], inputs.astype(np.float64), torch.from_numpy(inputs), "digits:train", iter([])]
    for other in others:
        with pytest.raises(ts.InputError, match="the train probe has changed"):
            held.check_same(other)
    named = make("digits:test")
    named.check_same("digits:test")
    with pytest.raises(ts.InputError, match="has changed"):
        named.check_same("digits:train")


def test_unusable_inputs_are_named() -> None:
    with pytest.raises(
        ts.InputError, match="train probe: 3 disjoint draws of 8 points need 24 inputs, and there are 9"
    ):
        make(probe(n=9))
    with pytest.raises(ts.InputError, match="holds no inputs"):
        make(itertools.chain())
    uneven = [torch.zeros(12, 5), torch.zeros(12, 6)]
    with pytest.raises(ts.InputError, match="must all have one shape"):
        make(uneven)
