"""Does the shape of a network's layers, early in training, foretell how well it will do, beyond the loss curve?

    python examples/foretell.py --out runs/foretell --data ../shared/data

Trains small convolutional networks on digits and on CIFAR-10 images, over settings of label noise, width and weight
decay and over seeds, watches each with `ts.TopologyMonitor`, and writes `foretell.md` from what came of it. About
10 minutes of one core. Trainings that are there are kept, so an interrupted run goes on. Without the CIFAR images it
asks digits alone, and says so.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import shutil
import sys
import time
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import toposcope as ts  # noqa: E402
from examples import foretell_report  # noqa: E402
from toposcope._io import read_json, write_json  # noqa: E402

NOISE, WIDTHS, DECAYS = (0.0, 0.2, 0.4), (6, 12), (0.0, 0.1)
"""Share of training labels that are replaced by random ones; channels of the first stage; AdamW's weight decay."""

SHARES = (0.0, 0.125, 0.25, 0.5, 1.0)
"""Checks, as shares of the training. What is foretold is foretold at the third."""

LAYERS = ["stage1", "stage2", "stage3"]


@dataclasses.dataclass(frozen=True)
class Bed:
    """Where networks are trained and looked at. train, held_out: (images, labels), each (n, c, h, w) and (n,)."""

    name: str
    train: tuple[Any, Any]
    held_out: tuple[Any, Any]
    epochs: int
    seeds: int
    rate: float
    told: str

    def checks(self) -> list[int]:
        """Epochs after which there is a check; 0 is before the first."""
        return [round(share * self.epochs) for share in SHARES]


def beds(data: Path) -> Iterator[Bed]:
    """Digits, and CIFAR-10 images at 16×16 where they are."""
    yield Bed(
        "digits",
        pixels("digits:train", 400, None),
        pixels("digits:test", None, None),
        epochs=32,
        seeds=4,
        rate=3e-3,
        told="400 of scikit-learn's 8×8 digits to train on, 800 held out",
    )
    archive = data / "cifar10_jpeg_10k.zip"
    if archive.is_file():
        yield Bed(
            "cifar",
            pixels(f"{archive}:train", 2000, 16),
            pixels(f"{archive}:test", 1500, 16),
            epochs=16,
            seeds=3,
            rate=3e-3,
            told="2,000 CIFAR-10 images at 16×16 to train on, 1,500 held out",
        )
    else:
        print(f"{archive} is not there: digits alone are asked")


def pixels(source: str, limit: int | None, side: int | None) -> tuple[Any, Any]:
    """Images in [0, 1], centred, and their classes as numbers."""
    import torch

    from toposcope.extract import load_inputs

    def small(image: Any) -> Any:
        array = np.asarray(image.convert("RGB").resize((side, side)), dtype=np.float32) / 255
        return torch.from_numpy(array.transpose(2, 0, 1).copy())

    batch = list(load_inputs(source, limit=limit, preprocess=small if side else None).batches(256))
    images = torch.cat([part.tensors for part in batch])
    _names, labels = np.unique(np.concatenate([part.labels for part in batch]), return_inverse=True)
    return images - images.mean(dim=(0, 2, 3), keepdim=True), torch.as_tensor(labels)


def network(channels: int, width: int) -> Any:
    """Three stages of two convolutions with batch normalisation, each followed by pooling; one linear layer."""
    from torch import nn

    def stage(before: int, after: int) -> nn.Module:
        parts: list[nn.Module] = []
        for entering in (before, after):
            parts += [nn.Conv2d(entering, after, 3, padding=1, bias=False), nn.BatchNorm2d(after), nn.ReLU()]
        return nn.Sequential(*parts)

    sizes = [width, 2 * width, 4 * width]
    stages = {
        f"stage{k + 1}": stage(before, after)
        for k, (before, after) in enumerate(zip([channels, *sizes], sizes, strict=False))
    }
    layers: dict[str, nn.Module] = {}
    for name, part in stages.items():
        layers |= {name: part, f"pool{name[-1]}": nn.MaxPool2d(2)}
    layers |= {"mean": nn.AdaptiveAvgPool2d(1), "flat": nn.Flatten(), "head": nn.Linear(sizes[-1], 10)}
    return nn.Sequential(OrderedDict(layers))


def train(bed: Bed, noise: float, width: int, decay: float, seed: int, folder: Path) -> dict[str, Any]:
    """One training, watched. Returns its setting, its curves at the checks, its outcome, and every signal."""
    import torch

    torch.manual_seed(seed)
    images, truth = bed.train
    labels = truth.clone()
    wrong = torch.rand(len(labels)) < noise
    labels[wrong] = torch.randint(10, (int(wrong.sum()),))
    net = network(images.shape[1], width)
    optimiser = torch.optim.AdamW(net.parameters(), lr=bed.rate, weight_decay=decay)
    monitor = ts.TopologyMonitor(
        images.numpy(),
        validation=bed.held_out[0].numpy(),
        layers=LAYERS,
        every=1,
        budget=None,
        size=32,
        draws=8,
        batch_size=256,
        out=folder,
        background=False,
        say=lambda line: None,
    )
    loss_of_epoch = float("nan")
    curves: dict[str, list[float]] = {"loss": [], "held_out_loss": [], "held_out_accuracy": [], "train_accuracy": []}
    for epoch in range(bed.epochs + 1):
        if epoch:
            net.train()
            losses = []
            order = torch.randperm(len(images))
            for start in range(0, len(order), 64):
                rows = order[start : start + 64]
                loss = torch.nn.functional.cross_entropy(net(images[rows]), labels[rows])
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
                losses.append(loss.item())
            loss_of_epoch = float(np.mean(losses))
        if epoch in bed.checks():
            monitor.check(net, step=epoch)
            train_accuracy, _ = judged(net, images, labels)
            accuracy, held_out_loss = judged(net, *bed.held_out)
            for name, value in (
                ("loss", loss_of_epoch),
                ("held_out_loss", held_out_loss),
                ("held_out_accuracy", accuracy),
                ("train_accuracy", train_accuracy),
            ):
                curves[name].append(value)
    monitor.close()
    table = monitor.signals
    return {
        "bed": bed.name,
        "noise": noise,
        "width": width,
        "decay": decay,
        "seed": seed,
        "epochs": bed.checks(),
        "curves": {name: [None if value != value else value for value in values] for name, values in curves.items()},
        "accuracy": curves["held_out_accuracy"][-1],
        "gap": curves["train_accuracy"][-1] - curves["held_out_accuracy"][-1],
        "signals": [
            [
                int(row.step),
                row.probe,
                row.layer,
                None if row.degree != row.degree else int(row.degree),
                row.signal,
                row.value,
            ]
            for row in table.astype({"degree": "float"}).itertuples()
            if row.layer and row.value == row.value
        ],
    }


def judged(net: Any, images: Any, labels: Any) -> tuple[float, float]:
    """Accuracy and loss, in evaluation mode."""
    import torch

    net.eval()
    with torch.no_grad():
        outputs = torch.cat([net(part) for part in images.split(500)])
        loss = torch.nn.functional.cross_entropy(outputs, labels)
    return float((outputs.argmax(1) == labels).float().mean()), float(loss)


def trainings(bed: Bed, out: Path) -> list[dict[str, Any]]:
    """Every setting and seed of a bed; those that are there are read."""
    found = []
    cases = list(itertools.product(range(bed.seeds), NOISE, WIDTHS, DECAYS))
    for number, (seed, noise, width, decay) in enumerate(cases):
        name = f"{bed.name}-noise{noise:g}-width{width}-decay{decay:g}-seed{seed}"
        file = out / "trainings" / f"{name}.json"
        if not file.is_file():
            began = time.process_time()
            folder = out / "watched" / name
            shutil.rmtree(folder, ignore_errors=True)
            record = train(bed, noise, width, decay, seed, folder)
            record["cpu_seconds"] = time.process_time() - began
            write_json(file, record)
            if number:  # the first stays, to be looked at
                shutil.rmtree(folder)
            print(f"{number + 1} of {len(cases)}  {name}  held-out {record['accuracy']:.1%}", flush=True)
        found.append(read_json(file))
    return found


def main(arguments: Sequence[str] | None = None) -> Path:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("runs/foretell"))
    parser.add_argument(
        "--data", type=Path, default=ROOT.parent / "shared" / "data", help="folder with the CIFAR images"
    )
    parser.add_argument("--seeds", type=int, help="so many seeds in each bed, instead of 4 and 3")
    parser.add_argument("--epochs", type=int, help="so many epochs in each bed, instead of 32 and 16")
    parser.add_argument("--beds", nargs="+", default=["digits", "cifar"], choices=["digits", "cifar"])
    options = parser.parse_args(arguments)
    import torch

    torch.set_num_threads(1)
    records: dict[str, list[dict[str, Any]]] = {}
    told = {}
    for bed in beds(options.data):
        if bed.name in options.beds:
            bed = dataclasses.replace(bed, seeds=options.seeds or bed.seeds, epochs=options.epochs or bed.epochs)
            records[bed.name], told[bed.name] = trainings(bed, options.out), bed.told
    path = options.out / "foretell.md"
    foretell_report.write(path, records, told)
    print(f"report  {path}")
    return path


if __name__ == "__main__":
    main()
