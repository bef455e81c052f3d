"""Networks on CIFAR-10 that `findings.py` trains: four seeds of two depths, and ResNet-20 fine-tuned on Fashion-MNIST.

5,000 images are few, and six epochs are short: these networks are here because they differ in their seeds alone, which
the ones that were trained elsewhere do not.
"""

from __future__ import annotations

import io
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from examples.cifar_resnet import CifarResNet, preprocess
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

DEPTHS = (8, 14)
SEEDS = range(4)
TUNED = (1, 2, 3)
EPOCHS, TUNING_EPOCHS = 6, 2
TUNING_IMAGES = 2000


def name_of(depth: int, seed: int) -> str:
    return f"resnet{depth}-{seed}"


def train(folder: Path, data: Path) -> None:
    """Weights of every network, as safetensors; what is there is kept."""
    folder.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    wanted = {name_of(depth, seed): (depth, seed) for depth in DEPTHS for seed in SEEDS}
    if any(not (folder / f"{name}.safetensors").is_file() for name in wanted):
        images, labels = cifar(data / "cifar10_jpeg_10k.zip")
    for name, (depth, seed) in wanted.items():
        if not (folder / f"{name}.safetensors").is_file():
            torch.manual_seed(seed)
            _descend(CifarResNet(depth), images, labels, EPOCHS, 3e-3, folder / name, flips=True)
    if any(not (folder / f"tuned-{seed}.safetensors").is_file() for seed in TUNED):
        images, labels = fashion(data / "fashion_mnist" / "train_first10k.npz")
    for seed in TUNED:
        if not (folder / f"tuned-{seed}.safetensors").is_file():
            torch.manual_seed(seed)
            network = CifarResNet(20)
            fresh = {key: value for key, value in network.state_dict().items() if key.startswith("linear")}
            network.load_state_dict({**load_file(data / "resnet_cifar10" / "resnet20.safetensors"), **fresh})
            _descend(network, images, labels, TUNING_EPOCHS, 1e-3, folder / f"tuned-{seed}", flips=False)


def cifar(archive: Path) -> tuple[Tensor, Tensor]:
    """The training images as the networks take them, and the places of their classes in the alphabet."""
    with zipfile.ZipFile(archive) as file:
        names = sorted(name for name in file.namelist() if name.startswith("train/") and not name.endswith("/"))
        images = torch.stack([preprocess(Image.open(io.BytesIO(file.read(name))).convert("RGB")) for name in names])
    classes = sorted({name.split("/")[1] for name in names})
    return images, torch.tensor([classes.index(name.split("/")[1]) for name in names])


def fashion(file: Path) -> tuple[Tensor, Tensor]:
    """Fashion-MNIST in colour at 32 pixels a side, and its labels."""
    arrays = np.load(file, allow_pickle=False)
    grey = [Image.fromarray(pixels).convert("RGB").resize((32, 32), 2) for pixels in arrays["images"][:TUNING_IMAGES]]
    labels = torch.from_numpy(arrays["labels"][:TUNING_IMAGES].astype(np.int64))
    return torch.stack([preprocess(image) for image in grey]), labels


def _descend(
    network: nn.Module, images: Tensor, labels: Tensor, epochs: int, rate: float, target: Path, flips: bool
) -> None:
    began = time.process_time()
    network = network.to(memory_format=torch.channels_last)
    optimiser = torch.optim.AdamW(network.parameters(), lr=rate, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, total_steps=epochs * -(-len(images) // 64))
    network.train()
    for batch, rows in _batches(images, epochs):
        if flips:
            turned = torch.rand(len(batch)) < 0.5
            batch = torch.where(turned[:, None, None, None], batch.flip(3), batch)
        loss = nn.functional.cross_entropy(network(batch.contiguous(memory_format=torch.channels_last)), labels[rows])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    state = {key: value.contiguous() for key, value in network.state_dict().items()}
    save_file(state, target.with_name(f"{target.name}.safetensors"))
    print(f"trained  {target.name}  {time.process_time() - began:.0f} s, last loss {loss.item():.2f}", flush=True)


def _batches(images: Tensor, epochs: int) -> Iterator[tuple[Tensor, Tensor]]:
    for _ in range(epochs):
        for rows in torch.randperm(len(images)).split(64):
            yield images[rows], rows
