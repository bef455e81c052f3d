"""The claims of Świder (2024, arXiv 2407.06286) on networks that anyone can have: digits, CIFAR-10, and PyPI's.

    python examples/findings.py --out runs/findings --data ../shared/data

Trains what is needed, runs every plan below, and writes `findings.md` from the tables of those runs. Whatever is there
is kept, so an interrupted run goes on. `--beds digits` leaves the others out; `--data` is the folder with the CIFAR-10
images and the weights that `docs/findings.md` names.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import toposcope as ts  # noqa: E402
from examples import findings_cifar, findings_report, findings_zoo  # noqa: E402
from toposcope.demo.plan import FINETUNED, PRETRAINED, RESNET, VGG, VIT  # noqa: E402
from toposcope.demo.training import Training, read_weights  # noqa: E402
from toposcope.store import Store  # noqa: E402

SEEDS = range(5)
DEPTHS = (1, 2, 3, 4)

COMMON = """
[homology]
max_degree = 1

[distance]
name = "wasserstein"
order = 1

[test]
alpha = 0.05
adjust = "max-t"
"""

AUDIT = """
[audit]                           # fixed before any result; each changed alone
metric = ["cosine"]
scale = ["none"]
distance = ["bottleneck"]
"""

CONTROLS = """
[controls]
clouds = ["gaussian"]
"""

DIGITS = (
    """\
[inputs]
source = "digits:test"

[cloud]
size = 80
draws = 8
"""
    + COMMON
)

CIFAR = (
    """\
[inputs]
source = "{data}/cifar10_jpeg_10k.zip:test"
limit = {limit}

[cloud]
size = 100
draws = 8
"""
    + COMMON
)

PLANS = {
    "digits-paper": 'recipe = "paper"\n\n'
    + DIGITS
    + """
[sample_size]
sizes = [25, 50, 100]

[train_test]
train = "digits:train"
"""
    + CONTROLS
    + AUDIT,
    "digits-smoothness": 'recipe = "smoothness"\n\n' + DIGITS + CONTROLS + AUDIT,
    "digits-finetuning": 'recipe = "finetuning"\n\n' + DIGITS + AUDIT,
    "digits-training": 'recipe = "training"\n\n' + DIGITS + AUDIT,
    "digits-separation": 'recipe = "separation"\n\n'
    + DIGITS
    + """
[separation]
size = 10
draws = 6
""",
    "cifar-paper": 'recipe = "paper"\n\n'
    + CIFAR
    + """
[sample_size]
sizes = [50, 100, 200, 400]

[train_test]
train = "{data}/cifar10_jpeg_10k.zip:train"
"""
    + AUDIT,
    "cifar-seeds": 'recipe = "paper"\n\n'
    + CIFAR.replace("size = 100", "size = 80")
    + """
[sample_size]
sizes = [25, 50]

[train_test]
train = "{data}/cifar10_jpeg_10k.zip:train"
"""
    + AUDIT,
    "cifar-finetuning": 'recipe = "finetuning"\n\n' + CIFAR + AUDIT,
    "cifar-separation": 'recipe = "separation"\n\n'
    + CIFAR
    + """
[separation]
size = 20
draws = 6
""",
    "zoo-paper": 'recipe = "paper"\n\n'
    + CIFAR.replace("size = 100", "size = 80")
    + """
[sample_size]
sizes = [25, 50, 100]

[outliers]
reserve = 0.5

[equivalence]                     # no seed twins here: half a unit of scale in the length of all bars together
margin = 0.5
"""
    + AUDIT,
}
"""Every plan without its networks, which `networks` gives; its name says the bed."""

LIMITS = {
    "cifar-paper": 3200,
    "cifar-seeds": 800,
    "cifar-finetuning": 800,
    "cifar-separation": 2000,
    "zoo-paper": 960,
}
CLASSES = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]


# --- digits: networks that are trained here ---------------------------------------------------------------------------


def trainings() -> dict[str, Training]:
    """Every training on digits by the name of its file."""
    found = {}
    for name, training in (("vgg", VGG), ("resnet", RESNET), ("vit", dataclasses.replace(VIT, epochs=40))):
        for seed in SEEDS:
            marks = (0, training.epochs) if (name, seed) != ("resnet", 0) else (0, 1, 3, 6, 12)
            found[f"{name}-{seed}"] = dataclasses.replace(training, seed=seed, checkpoints=marks)
    for blocks in DEPTHS:
        for seed in (10, 11):
            factory = f"examples.findings_networks:resnet_{blocks}"
            found[f"depth{blocks}-{seed}"] = dataclasses.replace(
                RESNET, factory=factory, seed=seed, checkpoints=(0, 12)
            )
    for seed in (1, 2, 3):
        base = dataclasses.replace(PRETRAINED, seed=seed, checkpoints=(PRETRAINED.epochs,))
        found[f"base-{seed}"] = base
        found[f"tuned-{seed}"] = dataclasses.replace(FINETUNED, seed=seed + 10, base=base)
    return found


def train(folder: Path) -> None:
    """Weights of every checkpoint, as safetensors."""
    from safetensors.numpy import save_file

    store = Store(folder / "store")
    folder.mkdir(parents=True, exist_ok=True)
    for name, training in trainings().items():
        if training.key not in store:
            began = time.process_time()
            training.perform(store)
            print(f"trained  {name}  {time.process_time() - began:.0f} s", flush=True)
        for epoch in training.checkpoints:
            weights = read_weights(store, training, epoch)
            arrays = {key: np.ascontiguousarray(array) for key, array in weights.items()}
            save_file(arrays, folder / f"{name}-{epoch}.safetensors")


def block(name: str, model: str, layers: Sequence[str] = ("blocks",), **keys: object) -> str:
    """One `[[network]]`."""
    lines = {"name": name, "model": model, "layers": list(layers), **keys}
    text = "\n".join(f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in lines.items())
    return f"\n[[network]]\n{text}\n"


def digits_networks(plan: str, weights: Path) -> Iterator[str]:
    """The networks of a plan on digits."""
    known = trainings()

    def network(training: str, name: str, epoch: int | None = None, **keys: object) -> str:
        at = known[training].epochs if epoch is None else epoch
        classes = {} if keys.get("control") else {"classes": list(known[training].classes)}
        model = f"{known[training].factory}@{weights.as_posix()}/{training}-{at}.safetensors"
        return block(name, model, **classes, **keys)

    if plan == "digits-paper":
        for kind in ("vgg", "resnet", "vit"):
            for seed in SEEDS:
                yield network(f"{kind}-{seed}", f"{kind} {seed}", family=kind, seed=seed)
    elif plan == "digits-smoothness":
        for blocks in DEPTHS:
            for seed in (10, 11):
                kind = {"family": "resnet", "architecture": f"resnet-{3 * blocks}", "seed": seed}
                name = f"resnet-{3 * blocks} {seed}"
                yield network(f"depth{blocks}-{seed}", name, **kind)
                yield network(f"depth{blocks}-{seed}", f"{name} untrained", 0, control="untrained", **kind)
    elif plan == "digits-finetuning":
        for seed in (1, 2, 3):
            yield network(f"base-{seed}", f"0-4, seed {seed}", family="resnet", seed=seed)
            yield network(f"tuned-{seed}", f"5-9, seed {seed}", family="resnet", seed=seed, base=f"0-4, seed {seed}")
    elif plan == "digits-training":
        for epoch in known["resnet-0"].checkpoints:
            yield network("resnet-0", f"epoch {epoch}", epoch, family="resnet", seed=0, step=float(epoch))
    else:
        for kind in ("vgg", "resnet", "vit"):
            yield network(f"{kind}-0", kind, family=kind)


# --- CIFAR-10: four depths that were trained elsewhere, seeds of two that are trained here ----------------------------


def cifar_networks(plan: str, data: Path, weights: Path) -> Iterator[str]:
    """First and last block of each stage of four ResNets; every block of small ones, or of one that was fine-tuned."""
    given = data.as_posix() + "/resnet_cifar10/resnet{}.safetensors"
    if plan == "cifar-seeds":
        for depth in findings_cifar.DEPTHS:
            for seed in findings_cifar.SEEDS:
                model = f"examples.cifar_resnet:resnet{depth}@{weights.as_posix()}/resnet{depth}-{seed}.safetensors"
                kind = {"family": "resnet", "architecture": f"resnet-{depth}", "seed": seed}
                yield block(f"resnet-{depth} {seed}", model, classes=CLASSES, **kind)
    elif plan == "cifar-finetuning":
        factory, family = "examples.cifar_resnet:resnet20", "resnet-20"
        yield block(family, f"{factory}@{given.format(20)}", classes=CLASSES, family=family)
        for seed in findings_cifar.TUNED:
            model = f"{factory}@{weights.as_posix()}/tuned-{seed}.safetensors"
            yield block(f"on fashion, seed {seed}", model, family=family, seed=seed, base=family)
    else:
        for depth in (20, 32, 44, 56):
            model = f"examples.cifar_resnet:resnet{depth}@{given.format(depth)}"
            kind = {"family": "resnet", "architecture": f"resnet-{depth}"}
            yield block(f"resnet-{depth}", model, ("layer*.0", "stages"), classes=CLASSES, **kind)


# --- zoo: trained networks that come with packages --------------------------------------------------------------------

ZOO = {
    "mobilenet": ("mobilenet_v2", [f"features.{k}" for k in (1, 3, 6, 10, 13, 17)], {"family": "mobilenet"}),
    "mobilenet-b": ("mobilenet_v2", [f"features.{k}" for k in (1, 3, 6, 10, 13, 17)], {"family": "mobilenet-b"}),
    "efficientnet": ("efficientnet_lite0", ["blocks.*"], {"family": "efficientnet"}),
    "vgg16": ("vgg16", ["blocks"], {"family": "vgg"}),
    "vgg16-edges": ("vgg16", ["blocks"], {"family": "vgg", "base": "vgg16"}),
    "vit": ("vit_small", ["blocks"], {"family": "vit"}),
}


def zoo_networks(folder: Path, missing: dict[str, str]) -> Iterator[str]:
    """Whatever can be downloaded here; what cannot is noted in `missing`."""
    there = {}
    for name in ZOO:
        try:
            there[name] = findings_zoo.fetch(name, folder)
        except RuntimeError as error:
            missing[name] = str(error)
    for name, file in there.items():
        factory, layers, keys = ZOO[name]
        if keys.get("base") in missing:
            keys = {key: value for key, value in keys.items() if key != "base"}
        yield block(name, f"examples.findings_zoo:{factory}@{file.as_posix()}", layers, **keys)


# --- the command ------------------------------------------------------------------------------------------------------


def plan_text(name: str, out: Path, data: Path, missing: dict[str, str]) -> str:
    """A plan with its networks. Raises FileNotFoundError, RuntimeError where there is nothing to run it on."""
    bed = name.split("-")[0]
    if bed != "digits" and not (data / "cifar10_jpeg_10k.zip").is_file():
        raise FileNotFoundError(f"{data}/cifar10_jpeg_10k.zip, the CIFAR-10 images, is not there")
    head = PLANS[name]
    if bed != "digits":
        head = head.replace("{data}", data.as_posix()).replace("{limit}", str(LIMITS[name]))
    if bed == "digits":
        networks = list(digits_networks(name, out / "digits"))
    elif bed == "cifar":
        networks = list(cifar_networks(name, data, out / "cifar"))
    else:
        networks = list(zoo_networks(out / "zoo", missing))
    if not networks:
        raise RuntimeError("; ".join(missing.values()))
    return head + "".join(networks)


class Said:
    """Progress in lines."""

    def stage(self, name: str, total: int, kept: int) -> None:
        print(f"  {name}: {total}, {kept} kept", flush=True)

    def advance(self, name: str, done: float) -> None:
        pass

    def say(self, line: str) -> None:
        print(f"  {line}", flush=True)


def main(out: Path, data: Path, beds: Sequence[str], target: Path) -> None:
    """Train, plan, run, write."""
    began = time.time()
    if "digits" in beds:
        train(out / "digits")
    if "cifar" in beds and (data / "cifar10_jpeg_10k.zip").is_file():
        findings_cifar.train(out / "cifar", data)
    plans = out / "plans"
    plans.mkdir(parents=True, exist_ok=True)
    absent: dict[str, str] = {}
    missing: dict[str, str] = {}
    for name in PLANS:
        if name.split("-")[0] not in beds:
            absent[name] = "this bed was left out of the run"
            continue
        try:
            (plans / f"{name}.toml").write_text(plan_text(name, out, data, missing), encoding="utf-8")
        except (FileNotFoundError, RuntimeError) as error:
            absent[name] = str(error)
            continue
        print(f"{name}  {time.time() - began:.0f} s", flush=True)
        began_plan = time.process_time()
        results = ts.run(ts.Study.read(plans / f"{name}.toml"), out / name, progress=Said())
        print(f"  {time.process_time() - began_plan:.0f} s of CPU; {len(results.failed)} failed", flush=True)
    runs = {name: ts.Results.read(out / name) for name in PLANS if name not in absent}
    heads = {name: PLANS[name].replace("{limit}", str(LIMITS.get(name, ""))) for name in PLANS}
    text = findings_report.page(runs, absent, missing, heads)
    with tempfile.NamedTemporaryFile("w", dir=target.parent, delete=False, encoding="utf-8") as file:
        file.write(text)
    Path(file.name).replace(target)
    target.chmod(0o644)
    print(f"findings  {target}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("runs/findings"))
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--beds", nargs="+", default=["digits", "cifar", "zoo"], choices=["digits", "cifar", "zoo"])
    parser.add_argument("--write", type=Path, help="where the page goes; default OUT/findings.md")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    main(given.out, given.data, given.beds, given.write or given.out / "findings.md")
