"""The networks of examples/paper.toml for images of 32 pixels: tests name them in its place."""

import numpy as np
import torch

from toposcope.extract.packages import import_torchvision

import_torchvision("the networks of the paper")

from torchvision import models  # noqa: E402


def preprocess(image) -> torch.Tensor:
    pixels = np.asarray(image.resize((32, 32)), dtype=np.float32) / 255
    return torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))


def resnet18():
    return models.resnet18(), preprocess


def resnet50():
    return models.resnet50(), preprocess


def vgg19():
    network = torch.nn.Module()
    network.features = models.vgg.make_layers(models.vgg.cfgs["E"])
    network.forward = lambda images: network.features(images).flatten(1)
    return network, preprocess


def vit_b_16():
    return models.vit_b_16(image_size=32), preprocess


def plane():
    """A small classifier of points in the plane."""
    relu = torch.nn.ReLU
    return torch.nn.Sequential(torch.nn.Linear(2, 8), relu(), torch.nn.Linear(8, 8), relu(), torch.nn.Linear(8, 2))
