"""What a dry run says against what the run then takes: one command writes benchmarks/forecast.md.

    python benchmarks/bench_forecast.py      # some five minutes on an idle machine

Five studies of different kinds, each first with `--dry-run`, then for good, in processes of their own on one worker.
CPU seconds are the process's own and hardly depend on what else the machine does; wall-clock times do, so the load
stands beside. Memory is the most that the process held; disk is the run's folder with its report.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from machine import machine

PAGE = Path(__file__).resolve().parent / "forecast.md"
DIGITS = '[inputs]\nsource = "digits:test"\n'
ZOO = "toposcope.demo.networks"


def model(name: str, factory: str, seed: int = 0) -> str:
    return f'[[network]]\nname = "{name}"\nmodel = "{ZOO}:{factory}@random"\nseed = {seed}\n'


def saved(name: str, folder: Path) -> str:
    return f'[[network]]\nname = "{name}"\nrepresentations = "{folder / name}"\n'


def save(folder: Path, name: str, layers: int, n: int, dimension: int, seed: int, classes: int = 8) -> None:
    """Layers between noise on a low-dimensional surface and clusters, as trained networks have."""
    generator = np.random.default_rng(seed)
    labels = np.arange(n) % classes
    (folder / name).mkdir(parents=True)
    hidden = generator.normal(size=(n, 6))
    centres = generator.normal(size=(classes, 6))
    for layer in range(layers):
        apart = 3 * layer / max(1, layers - 1)
        points = np.tanh((hidden + apart * centres[labels]) @ generator.normal(size=(6, dimension)))
        points += 0.1 * generator.normal(size=points.shape)
        ids = np.array([f"input {row}" for row in range(n)])
        np.savez(folder / name / f"layer{layer}.npz", points=points.astype(np.float32), sample_ids=ids, labels=labels)


def studies(folder: Path) -> dict[str, tuple[str, str]]:
    """Name → what it is, and its plan."""
    for name, seed in (("wide", 1), ("wider", 2)):
        save(folder, name, 5, 3000, 768, seed)
    save(folder, "many", 24, 1600, 64, 3)
    save(folder, "classes", 8, 1600, 128, 4)
    compare = '[[compare]]\na = "{}"\nb = "{}"\n'
    return {
        "audited": (
            "3 networks on digits, 16 layers, controls, audit of 3 settings",
            'recipe = "layers"\n'
            + DIGITS
            + model("resnet", "resnet")
            + model("vgg", "vgg")
            + model("vit", "vit")
            + compare.format("resnet", "vit")
            + "[cloud]\nsize = 100\ndraws = 8\n"
            + '[similarity]\nmeasures = ["cka-unbiased", "bottleneck"]\n[controls]\nclouds = ["gaussian"]\n'
            + '[audit]\nmetric = ["cosine"]\ndistance = ["bottleneck"]\nsize = [50]\n',
        ),
        "wide": (
            "2 networks of saved layers, 768 dimensions, draws of 500",
            'recipe = "layers"\n'
            + saved("wide", folder)
            + saved("wider", folder)
            + compare.format("wide", "wider")
            + "[cloud]\nsize = 500\ndraws = 6\n",
        ),
        "many": (
            "24 saved layers, all distances of 10 draws in degrees 0 and 1, three measures beside",
            'recipe = "layers"\n'
            + saved("many", folder)
            + "[cloud]\nsize = 160\ndraws = 10\n"
            + '[similarity]\nmeasures = ["cka-unbiased", "rsa", "procrustes"]\n',
        ),
        "separation": (
            "8 saved layers with 8 classes, draws of each class",
            'recipe = "separation"\n'
            + saved("classes", folder)
            + "[cloud]\nsize = 100\ndraws = 8\n[separation]\nsize = 24\ndraws = 8\n",
        ),
        "sample size": (
            "a network on digits in degrees 0 to 2, draws of 25, 50, 100",
            'recipe = "sample-size"\n'
            + DIGITS
            + model("vit", "vit")
            + model("resnet", "resnet")
            + "[cloud]\nsize = 100\ndraws = 6\n[homology]\nmax_degree = 2\n[sample_size]\nsizes = [25, 50, 100]\n",
        ),
    }


def process(arguments: list[str]) -> tuple[str, float, float, int]:
    """Standard output, CPU seconds, wall seconds and peak bytes of `toposcope` with these arguments."""
    begun = time.perf_counter()
    with tempfile.TemporaryFile("w+") as out:
        one = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
        command = [sys.executable, "-m", "toposcope", *arguments]
        child = subprocess.Popen(command, stdout=out, env={**os.environ, **one})
        _pid, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        wall = time.perf_counter() - begun
        out.seek(0)
        if child.returncode:
            raise SystemExit(f"{arguments} ended with {child.returncode}")
        return out.read(), usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss << 10


def size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def share(said: float, was: float) -> str:
    return f"{100 * (said / was - 1):+.0f} %"


def main() -> None:
    on = machine()
    cells = []
    notes = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for study, (words, plan) in studies(folder / "data").items():
            path = folder / f"{study}.toml"
            path.write_text(plan)
            run = ["run", str(path), "--out", str(folder / study), "--workers", "1"]
            text, dry, _wall, _peak = process([*run, "--dry-run", "--json"])
            said = json.loads(text)
            _text, cpu, wall, peak = process([*run, "--quiet"])
            disk = size(folder / study)
            performed = json.loads((folder / study / "results.json").read_text())["provenance"]["tasks_performed"]
            cells.append(
                f"| {study} | {said['tasks']} | {performed} | {said['seconds']:.1f} | {cpu:.1f} | "
                f"{share(said['seconds'], cpu)} | {said['wall']:.1f} | {wall:.1f} | {said['memory'] / 1e6:.0f} | "
                f"{peak / 1e6:.0f} | {share(said['memory'], peak)} | {said['disk'] / 1e6:.1f} | {disk / 1e6:.1f} | "
                f"{share(said['disk'], disk)} | {dry:.1f} |"
            )
            notes.append(f"- {study}: {words}")
            print(cells[-1], flush=True)
    lines = [
        "# What a dry run says, and what the run takes",
        "",
        f"Written by `python benchmarks/bench_forecast.py`; {on} when it began. One worker; "
        "seconds, MB. Wall-clock times depend on what else the machine does.",
        "",
        "| study | tasks, said | performed | CPU, said | taken | off by | wall, said | taken | memory, said | peak | "
        "off by | disk, said | written | off by | CPU of the dry run |",
        "| --- |" + " ---: |" * 14,
        *cells,
        "",
        *notes,
        "",
    ]
    PAGE.write_text("\n".join(lines))


if __name__ == "__main__":
    main()
