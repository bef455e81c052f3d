"""The architectures that toposcope promises, from every source, with random weights and small inputs."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from toposcope.extract import extract, load_network, network_layers, packages

packages.import_torchvision("these tests")  # before transformers, which stumbles over one that doesn't import

# Random heads that start at zero, and class tokens that have met no patch yet, are the same for every input.
pytestmark = pytest.mark.filterwarnings("ignore:.* is constant")


def pixels(n, size):
    return torch.randn(n, 3, size, size, generator=torch.Generator().manual_seed(0))


RESNETS = {"resnet18": 8, "resnet34": 16, "resnet50": 16, "resnet101": 33, "resnet152": 50}


@pytest.mark.parametrize("name", RESNETS)
@pytest.mark.parametrize("source", ["torchvision", "timm"])
def test_resnets(source, name):
    network = load_network(f"{source}:{name}@random")
    assert network.input_size == (3, 224, 224)
    x = pixels(2, 32)
    found = extract(network, x, ["stages", "output"])
    assert list(found) == ["layer1", "layer2", "layer3", "layer4", "output"]
    wide = 1 if name in ("resnet18", "resnet34") else 4
    assert [found[layer].dimension for layer in found] == [64 * wide, 128 * wide, 256 * wide, 512 * wide, 1000]
    with torch.no_grad():
        np.testing.assert_allclose(found["output"].points, network.module(x).numpy(), atol=1e-4)
    blocks = network_layers(network, 32, "blocks")
    assert len(blocks) == RESNETS[name]
    assert {info.type for info in blocks} == {"BasicBlock" if wide == 1 else "Bottleneck"}


@pytest.mark.parametrize("spec", ["torchvision:vgg19", "torchvision:vgg19_bn", "timm:vgg19", "timm:vgg19_bn"])
def test_vggs(spec):
    network = load_network(f"{spec}@random")
    found = network_layers(network, 32, "blocks")
    assert len(found) == 16
    assert {info.type for info in found} == {"ReLU"}
    assert [info.length for info in found] == [64] * 2 + [128] * 2 + [256] * 4 + [512] * 8
    assert [info.shape[1] for info in network_layers(network, 32, "stages")] == [32, 16, 8, 4, 2]


@pytest.mark.parametrize(
    ("spec", "width", "tokens"),
    [
        ("torchvision:vit_b_16", 768, 197),
        ("timm:vit_small_patch16_224", 384, 197),
        ("timm:deit_small_patch16_224", 384, 197),
        ("timm:deit_small_distilled_patch16_224", 384, 198),
        ("hf:vit", 768, 197),
        ("hf:deit", 768, 198),
    ],
)
def test_vision_transformers(spec, width, tokens):
    network = load_network(f"{spec}@random")
    x = pixels(2, 224)
    found = extract(network, x, ["blocks", "output", "**conv_proj", "**patch_embed"][: 3 if "torchv" in spec else 2])
    blocks = [found[layer] for layer in found if "conv_proj" not in layer and layer != "output"]
    assert len(blocks) == 12
    assert {(block.dimension, block.source.reduction) for block in blocks} == {(width, f"CLS token of {tokens}")}
    assert {block.source.shape for block in blocks} == {(tokens, width)}
    if width == 768:
        return
    last = list(found)[-2]
    whole = extract(network, x[:1], last, "flatten")[last].points.reshape(tokens, width)
    np.testing.assert_allclose(found[last].points[0], whole[0], atol=1e-4)
    ends = [info.name for info in network_layers(network, None, "stages")]
    assert ends == [block.source.layer for block in blocks][2::3]


def test_tokens_before_the_class_token_is_added_are_averaged():
    network = load_network("timm:vit_small_patch16_224@random")
    found = extract(network, pixels(2, 224), ["patch_embed", "patch_embed.proj", "norm", "fc_norm", "pos_drop"])
    assert {layer: found[layer].source.reduction for layer in found} == {
        "patch_embed.proj": "mean over 14×14 positions",
        "patch_embed": "mean over 196 tokens",
        "pos_drop": "CLS token of 197",
        "norm": "CLS token of 197",
        "fc_norm": "vector as it is",
    }


def test_transformers_resnet():
    network = load_network("hf:resnet@random")
    found = extract(network, pixels(2, 64), ["stages", "output"])
    assert [found[layer].dimension for layer in found] == [256, 512, 1024, 2048, 2]
    assert found["output"].source.reduction == "'logits' of ImageClassifierOutputWithNoAttention: vector as it is"
    assert len(network_layers(network, 64, "blocks")) == 16


@pytest.mark.parametrize("spec", ["torchvision:swin_t", "timm:swin_tiny_patch4_window7_224"])
def test_channels_last_is_known_by_the_source(spec):
    network = load_network(f"{spec}@random")
    found = network_layers(network, None, "stages")
    assert [info.length for info in found] == [96, 192, 384, 768]
    assert found[0].shape == (56, 56, 96)
    first = network_layers(network, None, "**proj" if "timm" in spec else "features.0.0")[0]
    assert first.shape[0] == first.length == 96


@pytest.mark.parametrize("spec", ["torchvision:convnext_tiny", "timm:convnext_tiny"])
def test_channels_last_inside_a_channels_first_network(spec):
    found = {info.name: info for info in network_layers(f"{spec}@random", 64, "all")}
    widths = {96, 192, 384, 768, 1536, 3072, 1000}
    assert {info.length for info in found.values()} <= widths


def test_bert_has_a_class_token_and_gpt_has_none():
    import transformers

    small = {
        "vocab_size": 50,
        "hidden_size": 8,
        "num_hidden_layers": 4,
        "num_attention_heads": 2,
        "intermediate_size": 8,
    }
    ids = {"input_ids": torch.arange(24).reshape(3, 8)}
    found = extract(transformers.BertModel(transformers.BertConfig(**small)), ids, ["blocks", "output"])
    assert [found[layer].source.reduction for layer in found][:1] == ["CLS token of 8"]
    assert list(found)[-1] == "output"
    config = transformers.GPT2Config(vocab_size=50, n_embd=8, n_layer=3, n_head=2)
    found = extract(transformers.GPT2Model(config), ids, "blocks")
    assert list(found) == ["h.0", "h.1", "h.2"]
    assert found["h.0"].source.reduction.endswith("mean over 8 tokens")


@pytest.mark.parametrize(
    ("spec", "low"),
    [("torchvision:resnet18", -2.2), ("timm:vit_small_patch16_224", -1.01), ("hf:vit", -1.01), ("timm:resnet18", -2.2)],
)
def test_preprocessing_belongs_to_the_weights(spec, low):
    network = load_network(f"{spec}@random")
    black = network.preprocess(Image.new("L", (300, 200)))
    assert tuple(black.shape) == network.input_size == (3, 224, 224)
    assert low <= float(black.min()) <= -1
    images = np.zeros((2, 40, 30), dtype=np.uint8)
    images[1] = 255
    layer = "patch_embed.proj" if "vit_small" in spec else "**projection" if spec == "hf:vit" else "conv1"
    assert len(extract(network, images, layer)) == 1


@pytest.mark.parametrize(
    ("spec", "count"),
    [
        ("torchvision:mobilenet_v2", 17),
        ("torchvision:efficientnet_b0", 16),
        ("timm:efficientnet_b0", 16),
        ("torchvision:densenet121", 58),
    ],
)
def test_blocks_of_other_networks(spec, count):
    assert len(network_layers(f"{spec}@random", 64, "blocks")) == count
