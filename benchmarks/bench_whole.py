"""A study from saved representations to its page, against a script with scipy, ripser.py and persim.

    python benchmarks/bench_whole.py                 # writes benchmarks/whole.md; about ten minutes, 6 GB of disk
    python benchmarks/bench_whole.py 2 5 4           # networks, layers, draws: a fraction, printed only

Four networks of 20 layers, 10 disjoint draws of 1,000 of the same 10,000 inputs, H0 and H1, W1 between the same draws
of every two layers, tests of adjacent layers and of every two networks layer by layer, similarity, and the report, on
two workers. The layers are made up: ten clusters of unequal spread that part with depth, mixed into 64 to 2,048
channels and rectified. Making them is not timed.

The script does for the same files what its packages offer: distances by scipy, their 0.9-quantile, ripser.py, and
persim's Wasserstein distance, which is W1 with the L2 ground norm. It is run on a stated fraction, and its time for all
of it follows from the means, spread over two cores without loss. Tests, similarity and report are not asked of it.
"""

from __future__ import annotations

import itertools
import resource
import sys
import tempfile
import time
import tomllib
import warnings
from pathlib import Path

import numpy as np
from machine import machine

import toposcope as ts

PAGE = Path(__file__).resolve().parent / "whole.md"
WIDTHS = (64, 256, 512, 1024, 2048)
INPUTS, SIZE = 10_000, 1_000
WORKERS = 2
PAIRS = 12
"""Distances of each degree that the script measures."""


def make_layers(folder: Path, networks: int, layers: int) -> list[list[Path]]:
    """Files of every layer, by network; the width grows with depth."""
    ids, classes = np.arange(INPUTS), np.random.default_rng(0).integers(10, size=INPUTS)
    labels = classes.astype(np.str_)
    files = []
    for network in range(networks):
        (folder / f"network{network}").mkdir(parents=True)
        rng = np.random.default_rng([network, 1])
        centres, spread = rng.normal(size=(10, 32)), rng.uniform(0.4, 1.2, size=10)
        latent = rng.normal(size=(INPUTS, 32)) * spread[classes, None]
        files.append([folder / f"network{network}" / f"layer{layer:02}.npz" for layer in range(layers)])
        for layer, path in enumerate(files[-1]):
            width = WIDTHS[layer * len(WIDTHS) // layers]
            parted = latent + (0.5 + 2.5 * layer / layers) * centres[classes]
            mixing = rng.normal(size=(32, width)) / np.sqrt(32)
            points = parted @ mixing + 0.3 * rng.normal(size=(INPUTS, width))
            np.savez(path, points=np.maximum(points, 0).astype(np.float32), sample_ids=ids, labels=labels)
    return files


class Stages:
    """Progress that notes when stages begin, and lets nothing through but failures."""

    def __init__(self) -> None:
        self.begun: dict[str, float] = {}
        self.tasks: dict[str, int] = {}
        self.ended: dict[str, float] = {}

    def stage(self, name: str, tasks: int, kept: int) -> None:
        self.begun.setdefault(name, time.perf_counter())
        self.tasks[name] = self.tasks.get(name, 0) + tasks

    def advance(self, name: str, done: float) -> None:
        self.ended[name] = time.perf_counter()

    def say(self, line: str) -> None:
        if line.startswith(("failed", "warning", "repair")):
            raise SystemExit(line)

    def rows(self) -> list[tuple[str, int, float]]:
        """Stage, tasks, seconds."""
        return [
            (name, self.tasks[name], self.ended[name] - began)
            for name, began in self.begun.items()
            if name in self.ended
        ]


def ours(folder: Path, networks: int, draws: int, workers: int = WORKERS) -> tuple[list[tuple[str, int, float]], float]:
    """Stage by stage (name, tasks, seconds), and seconds of all of it."""
    pairs = itertools.combinations(range(networks), 2)
    plan = ts.Study.parse(
        tomllib.loads(
            "recipe = 'layers'\n"
            + "".join(
                f"[[network]]\nname = 'network{number}'\nfamily = 'made up'\n"
                f"representations = '{folder / f'network{number}'}'\n"
                for number in range(networks)
            )
            + "".join(f"[[compare]]\na = 'network{a}'\nb = 'network{b}'\n" for a, b in pairs)
            + f"[cloud]\nsize = {SIZE}\ndraws = {draws}\n[homology]\nmax_degree = 1\n"
            "[distance]\nname = 'wasserstein'\norder = 1\n"
        )
    )
    stages = Stages()
    start = time.perf_counter()
    results = ts.run(plan, folder / "run", workers=workers, progress=stages)
    middle = time.perf_counter()
    ts.report(results, folder / "report.html")
    end = time.perf_counter()
    assert not results.failed
    rows = stages.rows()
    rest = middle - start - sum(seconds for _name, _tasks, seconds in rows)
    return [*rows, ("hashing, tests, tables", 0, rest), ("report", 0, end - middle)], end - start


def straightforward(files: list[list[Path]], networks: int, layers: int, draws: int) -> tuple[list[str], float]:
    """What was measured, in words, and seconds of one core for the whole."""
    from persim import wasserstein
    from ripser import ripser
    from scipy.spatial.distance import pdist, squareform

    chosen = [files[number % networks][step * layers // len(WIDTHS)] for number, step in enumerate(range(len(WIDTHS)))]
    diagrams = []
    start = time.process_time()
    for path in chosen:
        points = np.load(path)["points"]
        for draw in range(2):
            distances = pdist(points[draw * SIZE : (draw + 1) * SIZE])
            distances /= np.quantile(distances, 0.9)
            diagrams.append(ripser(squareform(distances), maxdim=1, distance_matrix=True)["dgms"])
    each_diagram = (time.process_time() - start) / len(diagrams)
    said = [f"{len(diagrams)} of {networks * layers * draws:,} diagrams: {each_diagram:.2f} s each"]
    pairs = list(itertools.combinations(range(0, len(diagrams), 2), 2))
    pairs = [(a + draw, b + draw) for draw in range(2) for a, b in pairs]
    taken = [pairs[number * len(pairs) // PAIRS] for number in range(PAIRS)]
    count = networks * layers * (networks * layers - 1) // 2 * draws
    total = each_diagram * networks * layers * draws
    for degree in range(2):
        start = time.process_time()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the class that never dies
            for a, b in taken:
                wasserstein(diagrams[a][degree], diagrams[b][degree])
        each = (time.process_time() - start) / PAIRS
        said.append(f"{PAIRS} of {count:,} distances in H{degree}: {each:.2f} s each")
        total += each * count
    return said, total


def in_words(seconds: float) -> str:
    return f"{seconds / 3600:.1f} h" if seconds > 7200 else f"{seconds / 60:.1f} min"


def main() -> None:
    whole = len(sys.argv) == 1
    networks, layers, draws = (4, 20, 10) if whole else map(int, sys.argv[1:4])
    on = machine()
    with tempfile.TemporaryDirectory() as name:
        files = make_layers(Path(name), networks, layers)
        rows, total = ours(Path(name), networks, draws)
        used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        said, other = straightforward(files, networks, layers, draws)
        size = (Path(name) / "report.html").stat().st_size
    lines = [
        "# The whole",
        "",
        f"Written by `python benchmarks/bench_whole.py`; {on} when it began.",
        "",
        f"{networks} networks × {layers} layers × {draws} draws of {SIZE:,} of {INPUTS:,} inputs, {WIDTHS[0]} to "
        f"{WIDTHS[-1]:,} channels, H0 and H1, W1 between the same draws of every two layers and between all draws "
        f"where a test needs them, tests, similarity, report; {WORKERS} workers. Made-up layers: clusters that part "
        "with depth, mixed and rectified.",
        "",
        "| | tasks | seconds |",
        "| --- | ---: | ---: |",
        *(f"| {name} | {tasks or ''} | {seconds:.1f} |" for name, tasks, seconds in rows),
        f"| **all** | | **{total:.1f}** ({in_words(total)}) |",
        "",
        f"The largest worker held {used[1].ru_maxrss / 2**20:.2f} GB, the driver {used[0].ru_maxrss / 2**20:.2f} GB; "
        f"the report has {size / 1e6:.1f} MB.",
        "",
        "## A script with scipy, ripser.py and persim",
        "",
        *(f"- {line}" for line in said),
        "",
        f"CPU time of one thread. For all diagrams and for the distances between the same draws alone that is "
        f"{in_words(other)}, and {in_words(other / WORKERS)} on {WORKERS} cores without any loss: "
        f"**{other / WORKERS / total:.0f} times** as long as ours, which has the tests' distances, tests, "
        "similarity and report in it.",
        "",
    ]
    if whole:
        PAGE.write_text("\n".join(lines))
    print("\n".join(lines))


if __name__ == "__main__":
    main()
