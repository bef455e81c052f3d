"""Three small networks for 8×8 grey images: a VGG, a residual network and a vision transformer.

They are built like their large relatives, so that what is said of layers, blocks and class tokens holds for them too.
Each factory is a MODEL: ``toposcope.demo.networks:vgg@FILE.safetensors``.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class VGG(nn.Module):
    """Simonyan and Zisserman 2015, in small: six convolution units, three poolings, one linear layer."""

    def __init__(self, classes: int = 10) -> None:
        super().__init__()
        units: list[nn.Module] = []
        width = 1
        for channels in (16, 32, 64):
            for _ in range(2):
                units += [nn.Conv2d(width, channels, 3, padding=1), nn.BatchNorm2d(channels), nn.ReLU(inplace=True)]
                width = channels
            units.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*units)
        self.classifier = nn.Linear(width, classes)

    def forward(self, images: Tensor) -> Tensor:
        """(N, 1, 8, 8) to (N, classes)."""
        logits: Tensor = self.classifier(self.features(images).flatten(1))
        return logits


class BasicBlock(nn.Module):
    """Two convolutions and a shortcut (He et al. 2016)."""

    def __init__(self, before: int, channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, channels, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or before != channels:
            self.shortcut = nn.Conv2d(before, channels, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(N, before, H, W) to (N, channels, H / stride, W / stride)."""
        inner = torch.relu(self.bn1(self.conv1(x)))
        return torch.relu(self.bn2(self.conv2(inner)) + self.shortcut(x))


class ResNet(nn.Module):
    """He et al. 2016, in small: a stem and three stages of `blocks` residual blocks."""

    def __init__(self, blocks: int = 2, classes: int = 10) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        width = 16
        for stage, channels in enumerate((16, 32, 64), start=1):
            stage_blocks = []
            for position in range(blocks):
                stride = 2 if stage > 1 and position == 0 else 1
                stage_blocks.append(BasicBlock(width, channels, stride))
                width = channels
            self.add_module(f"layer{stage}", nn.Sequential(*stage_blocks))
        self.fc = nn.Linear(width, classes)

    def forward(self, images: Tensor) -> Tensor:
        """(N, 1, 8, 8) to (N, classes)."""
        x = torch.relu(self.bn1(self.conv1(images)))
        for stage in (1, 2, 3):
            x = self.get_submodule(f"layer{stage}")(x)
        logits: Tensor = self.fc(x.mean(dim=(2, 3)))
        return logits


class Block(nn.Module):
    """A transformer block, normalisation first."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.attention = nn.MultiheadAttention(width, heads, batch_first=True)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))

    def forward(self, tokens: Tensor) -> Tensor:
        """(N, tokens, width) to the same."""
        normal = self.norm1(tokens)
        tokens = tokens + self.attention(normal, normal, normal, need_weights=False)[0]
        out: Tensor = tokens + self.mlp(self.norm2(tokens))
        return out


class ViT(nn.Module):
    """Dosovitskiy et al. 2021, in small: 16 patches of 2×2 pixels, a class token, four blocks."""

    def __init__(self, width: int = 48, depth: int = 4, heads: int = 4, classes: int = 10) -> None:
        super().__init__()
        self.patch_embed = nn.Conv2d(1, width, 2, 2)
        self.cls_token = nn.Parameter(torch.randn(1, 1, width) * 0.02)
        self.pos_embed = nn.Parameter(torch.randn(1, 17, width) * 0.02)
        self.blocks = nn.Sequential(*(Block(width, heads) for _ in range(depth)))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, classes)

    def forward(self, images: Tensor) -> Tensor:
        """(N, 1, 8, 8) to (N, classes)."""
        patches = self.patch_embed(images).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.cls_token.expand(len(images), -1, -1), patches], dim=1) + self.pos_embed
        logits: Tensor = self.head(self.norm(self.blocks(tokens))[:, 0])
        return logits


def vgg() -> nn.Module:
    """The VGG for ten classes."""
    return VGG()


def resnet() -> nn.Module:
    """The residual network for ten classes."""
    return ResNet()


def resnet_half() -> nn.Module:
    """The residual network for five classes."""
    return ResNet(classes=5)


def vit() -> nn.Module:
    """The vision transformer for ten classes."""
    return ViT()
