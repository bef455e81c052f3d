"""extract(): what comes out, what is restored, and what is said."""

from __future__ import annotations

import random
import subprocess
import sys
import warnings

import numpy as np
import pytest
import torch
from torch import nn

from toposcope._errors import ActivationError, FileError, InputError, LayerError, ToposcopeWarning
from toposcope.extract import Network, extract, load_inputs, network_layers
from toposcope.extract.rows import Budget, Rows


def test_taps_equal_a_hand_written_forward(small, images):
    small.eval()
    found = extract(small, images, ["conv", "act", "layer1.*", "layer2", "head"], batch_size=4)
    with torch.no_grad():
        conv = small.conv(images)
        hand = {"conv": conv.mean((2, 3))}
        x = conv.relu()
        hand["act"] = x.mean((2, 3))
        for k in (0, 1):
            x = small.layer1[k](x)
            hand[f"layer1.{k}"] = x.mean((2, 3))
        hand["layer2"] = small.layer2(x).mean((2, 3))
        hand["head"] = small.head(hand["layer2"])
    assert list(found) == list(hand)
    for layer, points in hand.items():
        np.testing.assert_allclose(found[layer].points, points.numpy(), atol=1e-6)
        assert found[layer].points.dtype == np.float32


@pytest.mark.parametrize("reduce", ["auto", "flatten", "mean", "max", "spatial:3"])
def test_batch_size_does_not_matter(small, images, reduce):
    whole = extract(small, images, ["layer1", "head"], reduce, batch_size=10)
    for batch_size in (1, 3, 7):
        parts = extract(small, images, ["layer1", "head"], reduce, batch_size=batch_size)
        for layer in whole:
            np.testing.assert_allclose(parts[layer].points, whole[layer].points, atol=1e-5)
            np.testing.assert_array_equal(parts[layer].sample_ids, np.arange(10))


def test_in_place_activation_does_not_corrupt_the_layer_before_it(small, images):
    flat = extract(small, images, ["conv", "layer1.0.conv1"], "flatten")
    assert (flat["conv"].points < 0).any()
    assert (flat["layer1.0.conv1"].points < 0).any()
    with torch.no_grad():
        np.testing.assert_allclose(flat["conv"].points, small.conv(images).flatten(1).numpy(), atol=1e-6)


def test_in_place_changes_do_not_reach_tokens_and_vectors():
    class Wipes(nn.Module):
        def __init__(self):
            super().__init__()
            self.tokens, self.vector = nn.Identity(), nn.Identity()

        def forward(self, x):
            y = self.vector(self.tokens(x * 1)[:, 0])
            y.zero_()
            return x.zero_()

    for reduce in ("flatten", "cls", "last", "tokens", "spatial:2"):
        x = torch.randn(4, 5, 3)
        with pytest.warns(ToposcopeWarning) if reduce == "cls" else warnings.catch_warnings():
            found = extract(Wipes(), x.clone(), "*", reduce)
        assert (found["tokens"].points != 0).all()
        np.testing.assert_array_equal(found["vector"].points, x[:, 0].numpy())


def test_a_module_called_twice_gives_name_and_name_1(images):
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.f = nn.Linear(64, 64)
            self.f_1 = nn.Identity()

        def forward(self, x):
            return self.f_1(self.f(self.f(x.flatten(1))))

    found = extract(Twice(), images, "*", batch_size=4)
    assert list(found) == ["f", "f_2", "f_1"]  # f_1 is a module of its own
    np.testing.assert_array_equal(found["f_2"].points, found["f_1"].points)
    assert [found[layer].source.position for layer in found] == [0, 1, 2]
    assert [found[layer].source.depth for layer in found] == [0, 0.5, 1]


def test_relu_of_a_block_runs_twice(small, images):
    found = extract(small, images, "layer1.0.relu")
    assert list(found) == ["layer1.0.relu", "layer1.0.relu_1"]


class Outputs(nn.Module):
    def __init__(self):
        super().__init__()
        self.pair, self.table, self.nested = Pair(), Table(), Nested()

    def forward(self, x):
        self.pair(x), self.nested(x)
        return self.table(x)


class Pair(nn.Module):
    def forward(self, x):
        return None, x.flatten(1), x


class Table(nn.Module):
    def forward(self, x):
        return {"hidden": x, "logits": x.flatten(1)[:, :3]}


class Nested(nn.Module):
    def forward(self, x):
        return [(x.flatten(1), 1)]


def test_tuple_and_dict_outputs_give_their_first_tensor_and_say_which(images):
    found = extract(Outputs(), images, ["*", "output"])
    assert {layer: found[layer].source.reduction for layer in found} == {
        "pair": "item 1 of a tuple: vector as it is",
        "nested": "item 0 of a tuple in item 0 of a list: vector as it is",
        "table": "'logits' of dict: vector as it is",
        "output": "'logits' of dict: vector as it is",
    }
    assert found["output"].dimension == 3


def test_source_says_where_it_came_from(small, images):
    found = extract(small, images, "layer*", name="mine")
    assert list(found) == ["layer1", "layer2"]
    source = found["layer2"].source
    assert (source.network, source.layer, source.module) == ("mine", "layer2", "Sequential")
    assert source.reduction == "mean over 4×4 positions"
    assert source.shape == (8, 4, 4)
    assert source.data == "array 10×1×8×8"
    assert (source.position, source.depth) == (1, 1.0)
    assert extract(small, images, "head")["head"].source.depth == 0


def test_ids_and_labels_travel(small, images):
    batches = [(images[:6], [1, 2, 3, 4, 5, 6], list("abcdef")), (images[6:], [7, 8, 9, 10], list("ghij"))]
    found = extract(small, batches, "head")["head"]
    assert found.sample_ids.tolist() == list("abcdefghij")
    assert found.labels.tolist() == list(range(1, 11))


def test_reductions_by_pattern(small, images):
    found = extract(small, images, ["conv", "layer1", "head"], {"layer*": "flatten", "conv": "max"})
    assert found["layer1"].source.reduction == "flattened from 4×8×8"
    assert found["conv"].source.reduction == "maximum over 8×8 positions"
    assert found["head"].source.reduction == "vector as it is"


def test_tokens_and_pixels_repeat_the_id(small, images):
    found = extract(small, [(images, torch.arange(10) * 7)], "layer2", "pixels")
    pixels = found["layer2"]
    assert pixels.points.shape == (160, 8)
    assert pixels.sample_ids.tolist() == np.repeat(np.arange(10), 16).tolist()
    assert pixels.labels.tolist() == np.repeat(np.arange(10) * 7, 16).tolist()
    mean = extract(small, images, "layer2")["layer2"].points
    np.testing.assert_allclose(pixels.points.reshape(10, 16, 8).mean(1), mean, atol=1e-5)


# --- restored ---------------------------------------------------------------------------------------------------------


class Cross(RuntimeError):
    pass


@pytest.mark.parametrize("fails", [False, True])
def test_everything_is_as_it_was(small, images, fails):
    small.train()
    small.layer1[0].eval()
    modes = [part.training for part in small.modules()]
    small.head.weight.requires_grad_(False)
    grads = [parameter.requires_grad for parameter in small.parameters()]
    if fails:
        small.drop.register_forward_pre_hook(lambda *_: (_ for _ in ()).throw(Cross("cross")))
    torch.manual_seed(3), np.random.seed(3), random.seed(3)
    states = torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()

    def disturb(done, total):
        torch.rand(3), np.random.rand(3), random.random()

    with pytest.raises(InputError, match="cross") if fails else warnings.catch_warnings():
        extract(small, images, ["all", "stages", "output"], progress=disturb, batch_size=3)
    assert [part.training for part in small.modules()] == modes
    assert [parameter.requires_grad for parameter in small.parameters()] == grads
    assert not any(part._forward_hooks for part in small.modules())
    assert torch.equal(torch.get_rng_state(), states[0])
    assert (np.random.get_state()[1] == states[1]).all()
    assert random.getstate() == states[2]
    assert torch.is_grad_enabled()


def test_a_network_stays_trainable(small, images):
    extract(small, images, "all")
    small.train()(images).sum().backward()
    assert small.conv.weight.grad is not None


def test_a_network_that_caches_a_tensor_stays_trainable(images):
    class Caches(nn.Module):
        def __init__(self):
            super().__init__()
            self.f, self.cache = nn.Linear(64, 2), None

        def forward(self, x):
            self.cache = torch.ones(64) if self.cache is None else self.cache
            return self.f(x.flatten(1) * self.cache)

    network = Caches()
    extract(network, images)
    network(images).sum().backward()


def test_interrupted_pass_restores(small, images):
    def stop(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        extract(small, images, "all", progress=stop)
    assert not any(part._forward_hooks for part in small.modules())
    assert small.training


def test_dropout_is_off_and_the_same_seed_gives_the_same_bits(small, images):
    small.train()
    first, second = (extract(small, images, "head")["head"].points for _ in range(2))
    assert (first == second).all()


def test_wrapped_modules_have_their_own_names(small, images):
    assert list(extract(nn.DataParallel(small), images, "head")) == ["head"]

    class Compiled(nn.Module):
        def __init__(self, inner):
            super().__init__()
            self._orig_mod = inner

    found = extract(Compiled(small), images, "head")["head"]
    assert found.source.network == "Small"


# --- said -------------------------------------------------------------------------------------------------------------


def test_modules_that_never_run_are_named(small, images):
    with pytest.warns(ToposcopeWarning, match=r"Small: 1 module\(s\) match but never run: unused"):
        found = extract(small, images, "*")
    assert list(found) == ["conv", "act", "layer1", "layer2", "drop", "head"]


def test_all_means_the_leaves_that_run(small, images):
    found = extract(small, images, "all")
    assert "unused" not in found
    assert "layer1" not in found
    assert {"conv", "act", "layer1.0.relu", "layer1.0.relu_1", "drop", "head"} <= set(found)


def test_only_modules_that_never_run_is_an_error(small, images):
    with pytest.raises(LayerError, match=r"none gives one row per input \(never run: unused\)"):
        extract(small, images, "unused")


def test_layers_without_one_row_per_input_are_named(images):
    class Odd(nn.Module):
        def __init__(self):
            super().__init__()
            self.windows, self.count, self.text, self.keep = (Windows(), Count(), Text(), nn.Identity())

        def forward(self, x):
            self.windows(x), self.count(x), self.text(x)
            return self.keep(x)

    class Windows(nn.Module):
        def forward(self, x):
            return x.reshape(len(x) * 4, -1)

    class Count(nn.Module):
        def forward(self, x):
            return (x > 0).flatten(1)

    class Text(nn.Module):
        def forward(self, x):
            return "nothing"

    with pytest.warns(
        ToposcopeWarning, match="3 layer.*windows gives .40, 16. for 10 inputs; count gives a tensor of bool"
    ):
        found = extract(Odd(), images, "*")
    assert list(found) == ["keep"]


def test_constant_layers_and_duplicates_are_reported(small, images):
    doubled = torch.cat([images, images[:2]])
    with pytest.warns(ToposcopeWarning, match="head has duplicates: 2 of its 12 rows repeat an earlier one, first 10"):
        extract(small, doubled, "head")
    with pytest.warns(ToposcopeWarning, match="head is constant: all of its 10 rows are equal"):
        extract(small, torch.zeros_like(images), "head")


def test_nan_stops_that_layer_only_and_the_others_are_kept(small, images):
    class Breaks(nn.Module):
        def forward(self, x):
            return x.masked_fill(x == x[0, 0], float("nan")) if self.now else x

        now = False

    small.drop = Breaks()
    small.drop.now = True
    ids = [f"img{k}" for k in range(10)]
    with pytest.raises(
        ActivationError, match=r"2 layer\(s\) .*drop \(1 values, first in input 'img4'\), head \(3 values"
    ) as caught:
        extract(small, _late(small, images, ids), "all")
    finished = caught.value.finished
    assert "conv" in finished
    assert "head" not in finished
    assert len(finished["conv"]) == 10
    assert "float16" not in str(caught.value)


def _late(small, images, ids):
    """Two batches, of which only the second meets a NaN."""
    small.drop.now = False
    yield images[:4], None, ids[:4]
    small.drop.now = True
    yield images[4:], None, ids[4:]


def test_half_precision_that_overflowed_is_named(images):
    network = nn.Sequential(nn.Flatten(), nn.Linear(64, 4, bias=False), nn.Linear(4, 2))
    nn.init.uniform_(network[1].weight, 2e4, 4e4)
    with pytest.raises(
        ActivationError, match=r"1 \(\d+ values.*float16 overflowed beyond 65504: use precision='bfloat16'"
    ):
        extract(network, images.abs(), "*", precision="float16")
    assert len(extract(network, images.abs(), "*", precision="bfloat16")) == 3
    with pytest.raises(ActivationError, match="float16 overflowed"):
        extract(network.half(), images.abs(), "*")


def test_nan_in_half_precision_may_be_overflow(images):
    class Difference(nn.Module):
        def forward(self, x):
            return x * 4e4 - x * 4e4

    network = nn.Sequential(nn.Flatten(), Difference(), nn.Linear(64, 2)).half()
    with pytest.raises(ActivationError, match="float16 may have overflowed inside them: try precision='bfloat16'"):
        extract(network, images.abs() + 2, "*")


@pytest.mark.parametrize("precision", ["float16", "bfloat16"])
def test_mean_of_half_precision_adds_up_in_float32(precision):
    network = nn.Sequential(nn.Conv2d(1, 1, 1, bias=False), nn.Identity())
    nn.init.constant_(network[0].weight, 1.0)
    x = torch.full((2, 1, 200, 200), 2.0)
    x[1] = 3.0
    found = extract(network, x, "0", precision=precision)["0"]
    assert found.points.dtype == np.float32
    np.testing.assert_allclose(found.points[:, 0], [2, 3], rtol=1e-6)


def test_float64_networks_give_float64(small, images):
    found = extract(small.double(), images, ["conv", "head"])
    assert {found[layer].points.dtype for layer in found} == {np.dtype(np.float64)}


def test_progress_counts_inputs(small, images):
    told = []
    extract(small, images, "head", batch_size=4, progress=lambda done, total: told.append((done, total)))
    assert told == [(4, 10), (8, 10), (10, 10)]
    told.clear()
    extract(small, iter([images]), "head", progress=lambda done, total: told.append((done, total)))
    assert told == [(10, None)]


def test_limit(small, images):
    assert extract(small, images, "head", limit=5)["head"].sample_ids.tolist() == [0, 2, 4, 6, 8]
    assert len(extract(small, iter([images[:4], images[4:]]), "head", limit=6)["head"]) == 6


# --- files ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stream", [False, True])
def test_above_memory_vectors_go_to_mapped_files(small, images, tmp_path, stream):
    expected = extract(small, images, ["conv", "head"], "flatten", batch_size=3)
    inputs = iter(images.split(3)) if stream else images
    found = extract(small, inputs, ["conv", "head"], "flatten", batch_size=3, memory=2000, out=tmp_path / "deep")
    assert isinstance(found["conv"].points, np.memmap)
    assert not isinstance(found["head"].points, np.memmap)
    assert [file.name for file in (tmp_path / "deep").iterdir()] == ["conv.npy"]
    for layer in expected:
        np.testing.assert_array_equal(found[layer].points, expected[layer].points)
    np.testing.assert_array_equal(np.load(tmp_path / "deep" / "conv.npy"), expected["conv"].points)


def test_temporary_files_live_as_long_as_the_arrays(small, images, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    found = extract(small, images, "conv", "flatten", batch_size=3, memory=0)["conv"].points
    assert isinstance(found, np.memmap)
    assert not list(tmp_path.iterdir())
    np.testing.assert_array_equal(found, extract(small, images, "conv", "flatten")["conv"].points)


def test_a_failed_pass_leaves_no_files(small, images, tmp_path):
    def batches():
        yield images
        yield "not a batch"

    with pytest.raises(InputError, match="batch 1 is a str"):
        extract(small, batches(), "conv", "flatten", memory=0, out=tmp_path)
    assert not list(tmp_path.iterdir())


def test_broken_layers_leave_no_files(images, tmp_path):
    network = nn.Sequential(nn.Flatten(), nn.Linear(64, 4))
    images[7, 0, 0, 0] = np.inf
    with pytest.raises(ActivationError, match="first in input 7"):
        extract(network, images, "*", memory=0, out=tmp_path, batch_size=4)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written_is_a_file_error(small, images, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(
        FileError, match=r"cannot write the vectors of layer conv to .*file.*free space there, pass out="
    ):
        extract(small, images, "conv", memory=0, out=tmp_path / "file")


def test_layers_of_one_file_name_get_two_files(tmp_path):
    budget = Budget(0, tmp_path)
    assert [budget.names.of(layer) for layer in ("a/b", "a.b", "/a/b")] == ["a.b", "a.b~2", "a.b~3"]


def test_rows_that_grow_are_moved_to_a_file_when_memory_ends(tmp_path):
    rows = Rows("x", Budget(100, tmp_path), None)
    blocks = [np.arange(4, dtype=np.float32).reshape(2, 2) + k for k in range(20)]
    for k, block in enumerate(blocks):
        rows.append(block, np.array([2 * k, 2 * k + 1]), None)
    points = rows.finish()
    assert isinstance(points, np.memmap)
    np.testing.assert_array_equal(points, np.concatenate(blocks))
    assert rows.columns()[0].tolist() == list(range(40))


# --- refused ----------------------------------------------------------------------------------------------------------


def test_inputs_that_the_network_does_not_take(small):
    with pytest.raises(InputError, match=r"Small failed on its first batch, \(2, 3, 8, 8\): .*channels.*preprocess="):
        extract(small, torch.zeros(2, 3, 8, 8))
    network = Network(small, "net", input_size=(1, 8, 8))
    with pytest.raises(InputError, match="net failed .* it takes 1×8×8"):
        extract(network, torch.zeros(2, 3, 8, 8))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_size": 0}, "batch_size=0 must be an integer of at least 1"),
        ({"precision": "float8"}, "precision='float8' is not known"),
        ({"reduce": "median"}, "reduce='median' is not known"),
        ({"reduce": "spatial:0"}, "k in spatial:k must be a whole number"),
        ({"reduce": "spatial:k"}, "k in spatial:k must be a whole number"),
        ({"reduce": "spatial:65"}, "layer conv has only 8×8 positions"),
        ({"reduce": "cls"}, r"reduce='cls' needs tokens \(n, t, d\), but layer conv gives \(10, 4, 8, 8\); use 'mean'"),
        ({"reduce": "tokens"}, "reduce='tokens' needs tokens .* use 'pixels'"),
        ({"memory": -1}, "memory=-1"),
        ({"seed": -1}, "seed=-1"),
        ({"limit": 0}, "limit=0"),
        ({"device": "quantum"}, "device='quantum' cannot be used"),
        ({"device": "cuda:99"}, "device='cuda:99' cannot be used"),
    ],
)
def test_options_that_are_none(small, images, options, message):
    with pytest.raises(InputError, match=message):
        extract(small, images, "conv", **options)
    assert not small.conv._forward_hooks


def test_models_that_are_none(images):
    with pytest.raises(
        InputError, match="model of type int is not understood; pass a torch module or torchvision:NAME"
    ):
        extract(3, images)


def test_no_inputs(small):
    with pytest.raises(InputError, match="batches holds no inputs"):
        extract(small, iter([]), "conv")


def test_feature_maps_of_changing_size(small, images):
    batches = [images, torch.randn(3, 1, 12, 12)]
    with pytest.raises(InputError, match="layer conv gives 576 values per row now and 256 before"):
        extract(small, batches, "conv", "flatten")
    found = extract(small, batches, "conv")["conv"]
    assert found.source.reduction == "mean over 8×8 positions (sizes vary)"
    assert len(found) == 13


def test_a_layer_that_skips_batches_is_reported(images):
    class Sometimes(nn.Module):
        def __init__(self):
            super().__init__()
            self.f, self.g = nn.Flatten(), nn.Flatten()

        def forward(self, x):
            return self.f(x) if len(x) == 4 else self.g(x)

    with pytest.warns(ToposcopeWarning, match="ran for only") as told:
        found = extract(Sometimes(), images, "*", batch_size=4)
    assert found["f"].sample_ids.tolist() == list(range(8))
    assert found["g"].sample_ids.tolist() == [8, 9]
    assert len(told) == 2


# --- sequences --------------------------------------------------------------------------------------------------------


class Tokens(nn.Module):
    """Embeds ids, runs torch's own transformer, and averages."""

    def __init__(self, batch_first: bool = True) -> None:
        super().__init__()
        self.embed = nn.Embedding(11, 8)
        layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=batch_first)
        self.encoder = nn.TransformerEncoder(layer, 3, enable_nested_tensor=batch_first)
        self.first = batch_first

    def forward(self, input_ids, attention_mask=None):
        padding = None if attention_mask is None else attention_mask == 0
        x = self.embed(input_ids)
        x = self.encoder(x if self.first else x.transpose(0, 1), src_key_padding_mask=padding)
        return (x if self.first else x.transpose(0, 1)).mean(1)


def test_masked_mean_ignores_padding():
    torch.manual_seed(0)
    network = Tokens()
    ids = torch.stack([torch.randperm(11)[:6] for _ in range(4)])
    mask = torch.ones(4, 6, dtype=torch.int64)
    mask[1, 4:] = 0
    mask[3, 2:] = 0
    fields = {"input_ids": ids, "attention_mask": mask, "sample_ids": np.array(list("abcd")), "labels": np.arange(4)}
    for reduce, hand in (
        ("auto", lambda row, k: row[:k].mean(0)),
        ("max", lambda row, k: row[:k].amax(0)),
        ("last", lambda row, k: row[k - 1]),
        ("cls", lambda row, k: row[0]),
    ):
        with pytest.warns(ToposcopeWarning, match="no class token") if reduce == "cls" else warnings.catch_warnings():
            found = extract(network, fields, "encoder.layers.*", reduce, batch_size=2)
        assert list(found) == [f"encoder.layers.{k}" for k in range(3)]
        single = [
            extract(network, {"input_ids": ids[r : r + 1, :k]}, "encoder.layers.2", "flatten")
            for r, k in enumerate((6, 4, 6, 2))
        ]
        rows = [
            hand(torch.from_numpy(one["encoder.layers.2"].points.reshape(k, 8)), k)
            for one, k in zip(single, (6, 4, 6, 2), strict=True)
        ]
        np.testing.assert_allclose(found["encoder.layers.2"].points, torch.stack(rows).numpy(), atol=1e-5)
    assert found["encoder.layers.0"].sample_ids.tolist() == list("abcd")
    assert found["encoder.layers.0"].labels.tolist() == [0, 1, 2, 3]
    tokens = extract(network, fields, "encoder.layers.2", "tokens", batch_size=3)["encoder.layers.2"]
    assert tokens.sample_ids.tolist() == list("aaaaaabbbbccccccdd")
    assert tokens.source.reduction == "one row per unmasked token of 6"


def test_tokens_before_inputs_are_turned_round():
    torch.manual_seed(0)
    rows, columns = Tokens(True), Tokens(False)
    columns.load_state_dict(rows.state_dict())
    ids = torch.randint(1, 11, (4, 6))
    for layers in ("encoder.layers.*", "all"):
        expected, found = (extract(network, ids, layers, "flatten") for network in (rows, columns))
        for layer in set(expected) & set(found):
            np.testing.assert_allclose(found[layer].points, expected[layer].points, atol=1e-5)
    square = torch.stack([torch.randperm(11)[:6] for _ in range(6)])
    with pytest.warns(ToposcopeWarning, match="as many tokens as inputs, in either order: use another batch_size"):
        found = extract(columns, square, ["embed", "encoder.layers.0.self_attn", "output"], "flatten")
    assert list(found) == ["encoder.layers.0.self_attn", "output"]
    expected = extract(rows, square, "encoder.layers.0.self_attn", "flatten")
    np.testing.assert_allclose(
        found["encoder.layers.0.self_attn"].points, expected["encoder.layers.0.self_attn"].points, atol=1e-5
    )


def test_fused_transformer_layers_are_off_only_inside(small):
    def enabled():
        return torch.backends.mha.get_fastpath_enabled()

    seen = []
    network = Tokens()
    network.embed.register_forward_hook(lambda *_: seen.append(enabled()))
    extract(network, torch.arange(12).reshape(2, 6) % 11, "all")
    assert seen == [False]
    assert enabled()


def test_a_block_that_runs_many_times_gives_stages():
    class Loop(nn.Module):
        def __init__(self):
            super().__init__()
            self.blocks = nn.ModuleList([nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)])

        def forward(self, x):
            for _ in range(8):
                x = self.blocks[0](x)
            return x

    x = torch.randn(2, 5, 8)
    assert list(extract(Loop(), x, "blocks")) == ["blocks.0", *(f"blocks.0_{k}" for k in range(1, 8))]
    assert list(extract(Loop(), x, "stages")) == [f"blocks.0_{k}" for k in (1, 3, 5, 7)]


def test_layers_of_a_transformer_by_preset():
    found = extract(Tokens(), torch.arange(12).reshape(2, 6) % 11, "blocks")
    assert list(found) == ["encoder.layers.0", "encoder.layers.1", "encoder.layers.2"]


# --- listings and imports ---------------------------------------------------------------------------------------------


def test_network_layers(small):
    found = network_layers(small, (1, 8, 8))
    assert [info.name for info in found][:3] == ["conv", "act", "layer1.0.conv1"]
    conv = found[0]
    assert (conv.type, conv.shape, conv.length, conv.reduction) == ("Conv2d", (4, 8, 8), 4, "mean over 8×8 positions")
    assert network_layers(small, 8, "stages")[0].name == "layer1"
    assert network_layers(Network(small, "n", input_size=(1, 8, 8)), None, "head")[0].length == 3
    with pytest.raises(InputError, match="Small doesn't say what it takes; give input_size .--input-size.: 224"):
        network_layers(small)
    with pytest.raises(InputError, match="must be whole numbers above 0"):
        network_layers(small, (1, 0, 8))


def test_import_is_cheap():
    code = (
        "import sys, toposcope.extract; heavy = {'torch', 'PIL', 'sklearn', 'onnx', 'onnxruntime', 'torchvision', "
        "'timm', 'transformers'} & set(sys.modules); assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_digits_through_a_small_network(small):
    inputs = load_inputs("digits:test", limit=50)
    found = extract(small, inputs, ["stages", "head"])
    assert list(found) == ["layer1", "layer2", "head"]
    assert found["head"].sample_ids[0].startswith("digits-")
    assert found["head"].source.data == "digits:test"
