"""Residual networks for digits at four depths: three stages of one to four blocks, otherwise the demo's."""

from __future__ import annotations

from torch import nn

from toposcope.demo.networks import ResNet


def resnet_1() -> nn.Module:
    return ResNet(blocks=1)


def resnet_2() -> nn.Module:
    return ResNet(blocks=2)


def resnet_3() -> nn.Module:
    return ResNet(blocks=3)


def resnet_4() -> nn.Module:
    return ResNet(blocks=4)
