"""The clouds that the homology benchmarks run on: each a function of the size and the seed alone.

Every cloud is (n, d) float32. The layer-like ones imitate what toposcope is for, activations of images after a ReLU;
the torus has long loops, the cube has no structure at all. Two more are layers of a trained ResNet-20 on CIFAR-10
images, where the data folder beside the checkout has them (`shared_clouds`).
"""

from __future__ import annotations

import functools
import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Cloud = NDArray[np.float32]


def clustered_relu(n: int, seed: int = 0) -> Cloud:
    """Ten clusters of unequal spread, mixed and rectified: d=512."""
    rng = np.random.default_rng([seed, 1])
    centres = rng.normal(size=(10, 32)) * 2.0
    labels = rng.integers(10, size=n)
    latent = centres[labels] + rng.normal(size=(n, 32)) * rng.uniform(0.4, 1.2, size=10)[labels, None]
    mixing = rng.normal(size=(32, 512)) / np.sqrt(32)
    return np.maximum(latent @ mixing + 0.3 * rng.normal(size=(n, 512)), 0).astype(np.float32)


def conv_features(n: int, seed: int = 0) -> Cloud:
    """Random 5×5 convolution, rectified and pooled, of 16×16 patches of the two photographs of scikit-learn: d=4096."""
    from sklearn.datasets import load_sample_images

    rng = np.random.default_rng([seed, 2])
    photos = [image.astype(np.float32) / 255 for image in load_sample_images().images]
    size, kernel, channels, out = 20, 5, 64, 8
    filters = rng.normal(size=(channels, kernel * kernel * 3)).astype(np.float32) / 5
    features = np.empty((n, channels * out * out), dtype=np.float32)
    for row in range(n):
        photo = photos[int(rng.integers(len(photos)))]
        top = int(rng.integers(photo.shape[0] - size))
        left = int(rng.integers(photo.shape[1] - size))
        patch = photo[top : top + size, left : left + size]
        windows = np.lib.stride_tricks.sliding_window_view(patch, (kernel, kernel), axis=(0, 1))
        responses = np.maximum(windows.reshape(16, 16, -1) @ filters.T, 0)
        features[row] = responses.reshape(out, 2, out, 2, channels).mean(axis=(1, 3)).ravel()
    return features


def digits(n: int, seed: int = 0) -> Cloud:
    """Handwritten digits of scikit-learn, d=64; beyond 1,797 images, shifted copies with grey noise."""
    from sklearn.datasets import load_digits

    rng = np.random.default_rng([seed, 3])
    images = np.asarray(load_digits().images, dtype=np.float32)
    order = rng.permutation(len(images))
    chosen = images[order[np.arange(n) % len(images)]]
    again = np.arange(n) >= len(images)
    chosen = np.where(again[:, None, None], np.roll(chosen, 1, axis=2) + rng.normal(size=chosen.shape), chosen)
    return chosen.reshape(n, 64).astype(np.float32)


def digits_relu(n: int, seed: int = 0) -> Cloud:
    """One random rectified layer over the digits: d=512."""
    rng = np.random.default_rng([seed, 4])
    images = digits(n, seed) / 16
    return np.maximum(images @ rng.normal(size=(64, 512)) / 8 + 0.1 * rng.normal(size=512), 0).astype(np.float32)


def clifford_torus(n: int, seed: int = 0) -> Cloud:
    """The flat torus in R^4, turned into R^100, with noise: two long loops and one void."""
    rng = np.random.default_rng([seed, 5])
    u, v = rng.uniform(0, 2 * np.pi, size=(2, n))
    torus = np.stack([np.cos(u), np.sin(u), np.cos(v), np.sin(v)], axis=1)
    turn = np.linalg.qr(rng.normal(size=(100, 4)))[0]
    return (torus @ turn.T + 0.01 * rng.normal(size=(n, 100))).astype(np.float32)


def uniform_cube(n: int, seed: int = 0) -> Cloud:
    """Independent uniform coordinates, d=50: the hard side, every scale looks alike."""
    return np.random.default_rng([seed, 6]).uniform(size=(n, 50)).astype(np.float32)


CLOUDS: dict[str, Callable[[int], Cloud]] = {
    "clustered": clustered_relu,
    "conv": conv_features,
    "digits": digits,
    "digits_relu": digits_relu,
    "torus": clifford_torus,
    "cube": uniform_cube,
}

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


def shared_clouds() -> dict[str, Callable[[int], Cloud]]:
    """Layers of the trained network, if its weights and images are there; none otherwise."""
    if not (SHARED / "resnet_cifar10" / "resnet20.safetensors").exists():
        return {}
    return {
        "resnet20.layer1": lambda n: cifar_resnet20(n, "layer1"),
        "resnet20.layer3": lambda n: cifar_resnet20(n, "layer3"),
    }


def cifar_resnet20(n: int, layer: str) -> Cloud:
    """Spatial means of a stage of ResNet-20 on n images, classes in turn: d=16 (layer1) or 64 (layer3)."""
    return np.concatenate([_resnet20(start, min(n, start + 250))[layer] for start in range(0, n, 250)])


@functools.cache
def _resnet20(start: int, stop: int) -> dict[str, Cloud]:
    from safetensors.numpy import load_file

    weights = load_file(SHARED / "resnet_cifar10" / "resnet20.safetensors")
    mean, spread = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    x = ((_cifar_images(start, stop) / 255 - mean) / spread).astype(np.float32)
    x = np.maximum(_norm(_convolve(x, weights["conv1.weight"]), weights, "bn1"), 0)
    means = {}
    for stage in (1, 2, 3):
        for block in range(3):
            name = f"layer{stage}.{block}"
            stride = 2 if stage > 1 and block == 0 else 1
            y = np.maximum(_norm(_convolve(x, weights[f"{name}.conv1.weight"], stride), weights, f"{name}.bn1"), 0)
            y = _norm(_convolve(y, weights[f"{name}.conv2.weight"]), weights, f"{name}.bn2")
            short = x[:, ::stride, ::stride]
            more = (y.shape[-1] - short.shape[-1]) // 2
            x = np.maximum(y + np.pad(short, ((0, 0), (0, 0), (0, 0), (more, more))), 0)
        means[f"layer{stage}"] = x.mean(axis=(1, 2))
    return means


def _cifar_images(start: int, stop: int) -> NDArray[np.float32]:
    """Images of the archive, (n, 32, 32, 3), one of every class in turn."""
    from PIL import Image

    with zipfile.ZipFile(SHARED / "cifar10_jpeg_10k.zip") as archive:
        names = sorted(name for name in archive.namelist() if name.endswith(".jpg"))
        classes = sorted({name.split("/")[1] for name in names})
        by_class = [[name for name in names if name.split("/")[1] == each] for each in classes]
        chosen = [by_class[k % len(classes)][k // len(classes)] for k in range(start, stop)]
        return np.stack([np.asarray(Image.open(io.BytesIO(archive.read(name)))) for name in chosen]).astype(np.float32)


def _convolve(x: NDArray[np.float32], kernel: NDArray[np.float32], stride: int = 1) -> NDArray[np.float32]:
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(1, 2))[:, ::stride, ::stride]
    return np.tensordot(windows, kernel, axes=([3, 4, 5], [1, 2, 3]))


def _norm(x: NDArray[np.float32], weights: dict[str, NDArray[np.float32]], name: str) -> NDArray[np.float32]:
    slope = weights[f"{name}.weight"] / np.sqrt(weights[f"{name}.running_var"] + 1e-5)
    return (x - weights[f"{name}.running_mean"]) * slope + weights[f"{name}.bias"]
