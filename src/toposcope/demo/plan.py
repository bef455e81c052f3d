"""What the demo trains, and the study it runs over all of it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np

from toposcope import _io
from toposcope._errors import TaskError
from toposcope.demo.training import Training, read_weights
from toposcope.report import report
from toposcope.run import Driver, Progress, Silence, open_pool, run
from toposcope.store import Store
from toposcope.study import Results, Study

_ALL = tuple(range(10))
_FIRST, _SECOND = (0, 1, 2, 3, 4), (5, 6, 7, 8, 9)
_NETWORKS = "toposcope.demo.networks"

VGG = Training("vgg", f"{_NETWORKS}:vgg", _ALL, epochs=12, rate=3e-3, batch=32, checkpoints=(0, 1, 4, 12))
RESNET = Training("resnet", f"{_NETWORKS}:resnet", _ALL, epochs=12, rate=3e-3, batch=32, checkpoints=(0, 1, 4, 12))
VIT = Training("vit", f"{_NETWORKS}:vit", _ALL, epochs=60, rate=2e-3, batch=64, checkpoints=(0, 5, 20, 60))
PRETRAINED = Training(
    "resnet-0to4", f"{_NETWORKS}:resnet_half", _FIRST, epochs=12, rate=3e-3, batch=32, checkpoints=(0, 12), seed=1
)
FINETUNED = Training(
    "resnet-5to9",
    f"{_NETWORKS}:resnet_half",
    _SECOND,
    epochs=8,
    rate=1e-3,
    batch=32,
    checkpoints=(8,),
    seed=2,
    base=PRETRAINED,
)
# The transformer takes longest, so it starts first.
TRAININGS = (VIT, RESNET, VGG, PRETRAINED)


def demo(
    out: str | os.PathLike[str] = "runs/demo",
    workers: int = 1,
    progress: Progress | None = None,
    thumbnails: bool = True,
) -> Results:
    """Train, fine-tune, study, report: the whole job on scikit-learn's digits.

    out: folder for checkpoints, the plan, the run and `report.html`. What an earlier demo finished there is kept.
    thumbnails: show the digits in the report.
    Raises MissingDependencyError without torch, TaskError when a network cannot be trained.
    """
    folder = Path(out)
    watcher = progress or Silence()
    trained = ", ".join(f"{training.name} ({training.epochs} epochs)" for training in TRAININGS)
    watcher.say(f"demo: trains {trained} on digits, then fine-tunes {FINETUNED.name} from {PRETRAINED.name}")
    store = Store(folder / "store")
    with store.session(), open_pool(workers, store) as pool:
        driver = Driver(store, pool, watcher)
        for stage, trainings in (("training", TRAININGS), ("fine-tuning", (FINETUNED,))):
            driver.perform(stage, trainings)
            if driver.failed:
                raise TaskError("; ".join(f"{title}: {message}" for title, message in driver.failed))
    for training in (*TRAININGS, FINETUNED):
        _write_checkpoints(driver.store, training, folder / "checkpoints")
    _io.write_text(folder / "study.toml", plan_text(folder))
    study = Study.read(folder / "study.toml")
    results = run(study, folder, workers=workers, progress=watcher, thumbnails=thumbnails)
    report(results, folder / "report.html")
    return results


def checkpoint(training: Training, epoch: int) -> str:
    """File name of one checkpoint."""
    return f"{training.name}-epoch{epoch:02d}.safetensors"


def plan_text(folder: Path) -> str:
    """The plan, as a person would write it."""
    blocks = []
    for training in (VGG, RESNET, VIT):
        last = training.checkpoints[-1]
        # The checkpoints of one training carry their step, and the report follows it.
        steps = training.checkpoints if training is RESNET else ()
        blocks.append(_network(training, last, training.name, training.name, folder, step=last in steps))
        blocks.append(_network(training, 0, f"{training.name} untrained", training.name, folder, step=0 in steps))
        blocks += [
            _network(training, epoch, f"{training.name} epoch {epoch}", training.name, folder, step=True)
            for epoch in steps[1:-1]
        ]
        blocks.append(_network(training, last, f"{training.name} on train", training.name, folder, "digits:train"))
    blocks.append(_network(PRETRAINED, PRETRAINED.epochs, "resnet 0-4", "resnet", folder))
    blocks.append(_network(FINETUNED, FINETUNED.epochs, "resnet 0-4→5-9", "resnet", folder))
    comparisons = [
        ("resnet 0-4", "resnet 0-4→5-9", "fine-tuning on unseen classes"),
        *((name, f"{name} on train", f"training against held-out images, {name}") for name in ("vgg", "resnet", "vit")),
        *((f"{name} untrained", name, f"training {name}") for name in ("vgg", "resnet", "vit")),
        ("vgg", "resnet", "VGG against ResNet"),
        ("vgg", "vit", "VGG against ViT"),
        ("resnet", "vit", "ResNet against ViT"),
    ]
    blocks += [f"[[compare]]\na = {_text(a)}\nb = {_text(b)}\nclaim = {_text(claim)}\n" for a, b, claim in comparisons]
    return _HEAD + "\n".join(blocks)


_HEAD = """\
# Written by `toposcope demo`: digits, three architectures, their untrained twins, and one that was fine-tuned.
recipe = "layers"
name = "demo"
seed = 0

[inputs]
source = "digits:test"    # images that no network was trained on

[cloud]
size = 100
draws = 8

[homology]
max_degree = 1

[distance]
name = "wasserstein"
order = 1

[test]
alpha = 0.05
adjust = "max-t"

[similarity]              # what stands beside the distances in the report
measures = ["cka-unbiased", "bottleneck"]

[controls]                # what clouds without any structure of their own would show
clouds = ["gaussian", "shuffled"]

[audit]                   # every verdict is asked again under each of these
metric = ["cosine"]
distance = ["bottleneck"]

"""


def _network(
    training: Training, epoch: int, name: str, family: str, folder: Path, inputs: str | None = None, step: bool = False
) -> str:
    weights = (folder / "checkpoints" / checkpoint(training, epoch)).as_posix()
    lines = [
        "[[network]]",
        f"name = {_text(name)}",
        f"family = {_text(family)}",
        f"model = {_text(f'{training.factory}@{weights}')}",
        'layers = ["blocks"]',
        f"classes = {list(training.classes)}",
    ]
    if step:
        lines.append(f"step = {float(epoch)}")
    if inputs:
        lines.append(f"inputs = {_text(inputs)}")
    return "\n".join(lines) + "\n"


def _text(value: str) -> str:
    """A TOML string: JSON's escapes are TOML's."""
    return json.dumps(value, ensure_ascii=False)


def _write_checkpoints(store: Store, training: Training, folder: Path) -> None:
    from safetensors.numpy import save

    for epoch in training.checkpoints:
        with _io.atomic_write(folder / checkpoint(training, epoch)) as file:
            weights = read_weights(store, training, epoch)
            file.write(save({name: np.ascontiguousarray(array) for name, array in weights.items()}))
