"""The ResNets that He et al. (2016, section 4.2) trained on CIFAR-10: 6n + 2 layers, three stages of n blocks.

Shortcuts are their option A, which has no weights: every second position, and zeros for the channels that are new.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

MEAN = np.array([0.485, 0.456, 0.406], dtype=np.float32)
STD = np.array([0.229, 0.224, 0.225], dtype=np.float32)


class BasicBlock(nn.Module):
    def __init__(self, before: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, width, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.stride, self.new = stride, width - before

    def forward(self, x: Tensor) -> Tensor:
        y = functional.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        shortcut = x[:, :, :: self.stride, :: self.stride]
        half = self.new // 2
        return functional.relu(y + functional.pad(shortcut, (0, 0, 0, 0, half, self.new - half)))


class CifarResNet(nn.Module):
    def __init__(self, depth: int) -> None:
        super().__init__()
        n = (depth - 2) // 6
        self.conv1 = nn.Conv2d(3, 16, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.layer1 = self._stage(16, 16, n, 1)
        self.layer2 = self._stage(16, 32, n, 2)
        self.layer3 = self._stage(32, 64, n, 2)
        self.linear = nn.Linear(64, 10)

    @staticmethod
    def _stage(before: int, width: int, n: int, stride: int) -> nn.Sequential:
        return nn.Sequential(BasicBlock(before, width, stride), *(BasicBlock(width, width, 1) for _ in range(n - 1)))

    def forward(self, x: Tensor) -> Tensor:
        x = functional.relu(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        return self.linear(x.mean((2, 3)))


def preprocess(image: object) -> Tensor:
    """A 32×32 RGB image as the weights were trained on it."""
    pixels = (np.asarray(image, dtype=np.float32) / 255 - MEAN) / STD
    return torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))


def resnet8() -> tuple[nn.Module, object]:
    return CifarResNet(8), preprocess


def resnet14() -> tuple[nn.Module, object]:
    return CifarResNet(14), preprocess


def resnet20() -> tuple[nn.Module, object]:
    return CifarResNet(20), preprocess


def resnet32() -> tuple[nn.Module, object]:
    return CifarResNet(32), preprocess


def resnet44() -> tuple[nn.Module, object]:
    return CifarResNet(44), preprocess


def resnet56() -> tuple[nn.Module, object]:
    return CifarResNet(56), preprocess
