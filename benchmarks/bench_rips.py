"""The homology kernel beside the fastest packages: one command writes benchmarks/rips.md, in about ten minutes.

    python benchmarks/bench_rips.py                          # every section; needs the benchmark extra
    python benchmarks/bench_rips.py --section "H0+H1, n=1000"  # that one alone; the others stay as they are in the file
    chrt -r 1 python benchmarks/bench_rips.py                # on a busy machine, where niceness may not reach far

Every engine gets the same float32 matrix, one run (ours the best of three), in a process of its own with one thread;
what is compared is CPU time. An engine is stopped at ten times our own time (on the torus at sixty times, at least 1 s,
at most 10 s): then its time is a lower bound, marked ">". One that is never among the fastest at a size is not run
there: "–". Memory is what the peak of the process rose by during the run.
"""

from __future__ import annotations

import argparse
import functools
import importlib.util
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
from clouds import CLOUDS, shared_clouds  # noqa: E402
from machine import machine  # noqa: E402

PEERS = {
    "redzed-tda 0.1.1": "redzed_tda",
    "gudhi": "gudhi",
    "giotto-ph 0.2.4": "gph",
    "holos-tda 0.9.0": "holos_tda",
    "tda 0.3.0": "tda",
    "ripser 0.6.15": "ripser",
}
HOPELESS = {
    (1, 2000): ["ripser 0.6.15"],
    (1, 4000): ["ripser 0.6.15", "giotto-ph 0.2.4"],
    (2, 500): ["ripser 0.6.15"],
    (2, 1000): ["ripser 0.6.15", "giotto-ph 0.2.4", "holos-tda 0.9.0"],
}
"""By degree and size: engines that were stopped on nearly every cloud and never among the three fastest."""

ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS"), "1")


def run_engine(engine: str, distances: Any, degree: int) -> None:
    if engine == "ours":
        from toposcope.rips import _native

        _native.persistence(distances, degree, np.inf)
    elif engine.startswith("redzed"):
        import redzed_tda

        redzed_tda.rips(distances, maxdim=degree)
    elif engine == "gudhi":
        from gudhi.sklearn.rips_persistence import RipsPersistence

        RipsPersistence(
            homology_dimensions=list(range(degree + 1)),
            input_type="full distance matrix",
            homology_coeff_field=2,
            n_jobs=1,
        ).fit_transform([distances])
    elif engine.startswith("giotto"):
        import gph

        gph.ripser_parallel(distances, maxdim=degree, metric="precomputed", n_threads=1)
    elif engine.startswith("holos"):
        import holos_tda

        holos_tda.rips_condensed(distances[np.triu_indices(len(distances), 1)].astype(np.float64), max_dim=degree)
    elif engine.startswith("tda"):
        import tda

        tda.persistent_homology(distances, max_dim=degree, distance_matrix=True, parallel=False)
    else:
        import ripser

        ripser.ripser(distances, maxdim=degree, distance_matrix=True)


def memory_now() -> float:
    """Resident memory in MB; the peak is counted from here on."""
    Path("/proc/self/clear_refs").write_text("5")
    return _status("VmRSS")


def memory_peak() -> float:
    return _status("VmHWM")


def _status(field: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(field))


def child(engine: str, path: str, degree: int, limit: float) -> None:
    """Time one engine in this process and print what it took."""
    distances = np.load(path)
    run_engine(engine, distances[:40, :40].copy(), degree)  # imports and first-call work are not homology
    used = int(time.process_time()) + 1
    if limit:
        resource.setrlimit(resource.RLIMIT_CPU, (used + int(limit) + 1, used + int(limit) + 1))
    before = memory_now()
    cpu, wall = time.process_time(), time.perf_counter()
    run_engine(engine, distances, degree)
    took = {"cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall}
    took["memory"] = memory_peak() - before
    print(json.dumps(took))


def measure(engine: str, path: str, degree: int, limit: float = 0) -> dict[str, float] | None:
    """What an engine took, or None if it was stopped or failed."""
    command = [sys.executable, str(Path(__file__).resolve()), "--child", engine, path, str(degree), str(limit)]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | ONE_THREAD, check=False)
    lines = done.stdout.strip().splitlines()
    return json.loads(lines[-1]) if done.returncode == 0 and lines else None


def compare(n: int, degree: int, work: str) -> list[str]:
    """A row per cloud: ours beside the peers."""
    clouds = CLOUDS | shared_clouds()
    head = ["cloud", "ours: CPU s", "wall s", "memory MB", *(f"{peer}: CPU s" for peer in PEERS), "fastest / ours"]
    rows = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    ratios = []
    for name in clouds:
        path = saved_distances(clouds[name](n), work)
        runs = [run for run in (measure("ours", path, degree) for _ in range(3)) if run]
        ours = min(runs, key=lambda run: run["cpu"])
        limit = min(10.0, max(1.0, (60 if name == "torus" else 10) * ours["cpu"]))
        cells, times = [], []
        for peer, module in PEERS.items():
            if peer in HOPELESS.get((degree, n), []) or not importlib.util.find_spec(module):
                cells.append("–")
                continue
            took = measure(peer, path, degree, limit)
            times.append(took["cpu"] if took and took["cpu"] <= limit else limit)
            cells.append(f">{limit:.1f}" if times[-1] == limit else f"{times[-1]:.3f}")
        ratios.append(min(times) / ours["cpu"])
        mark = ">" if min(times) == limit else ""
        cells = [f"{ours['cpu']:.4f}", f"{ours['wall']:.4f}", f"{ours['memory']:.0f}", *cells]
        rows.append(said(f"| {name} | " + " | ".join(cells) + f" | {mark}{ratios[-1]:.1f} |"))
    mean = float(np.exp(np.mean(np.log(ratios))))
    rows.append(said(f"\nRatio to the fastest: geometric mean {mean:.1f}, least {min(ratios):.1f}."))
    return rows


def saved_distances(points: Any, work: str) -> str:
    from toposcope.cloud import pairwise_distances

    path = os.path.join(work, "distances.npy")
    np.save(path, pairwise_distances(points).astype(np.float32, copy=False))
    return path


def said(line: str) -> str:
    print(line, flush=True)
    return line


def threads() -> list[str]:
    """Wall time of one and of two threads in turn, the best of nine: whatever else runs takes one of two cores away."""
    from toposcope.cloud import pairwise_distances
    from toposcope.rips import _native

    def walls(work: Callable[[int], Any]) -> tuple[float, float]:
        best = [float("inf")] * 2
        for _ in range(9):
            for workers in (1, 2):
                start = time.perf_counter()
                work(workers)
                best[workers - 1] = min(best[workers - 1], time.perf_counter() - start)
        return best[0], best[1]

    rows = ["| | one thread, s | two threads, s | speed-up |", "| --- | --- | --- | --- |"]
    for name in ("clustered", "conv", "digits", "torus"):
        distances = pairwise_distances(CLOUDS[name](4000)).astype(np.float32)
        one, two = walls(functools.partial(_native.persistence, distances, 1, np.inf))
        rows.append(said(f"| one diagram, {name}, n=4000 | {one:.3f} | {two:.3f} | {one / two:.2f} |"))
    matrices = [pairwise_distances(CLOUDS["digits_relu"](1000)).astype(np.float32) for _ in range(4)] * 25

    def many(workers: int) -> None:
        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(lambda each: _native.persistence(each, 1, np.inf), matrices))

    one, two = walls(many)
    rows.append(said(f"| 100 diagrams, digits_relu, n=1000 | {one:.3f} | {two:.3f} | {one / two:.2f} |"))
    return rows


def large(work: str) -> list[str]:
    """Degree 1 of large clouds."""
    rows = ["| | CPU s | wall s | memory on top of the matrix, MB |", "| --- | --- | --- | --- |"]
    for n in (10_000, 20_000):
        path = saved_distances(CLOUDS["clustered"](n), work)
        took = measure("ours", path, 1)
        what = f"{took['cpu']:.1f} | {took['wall']:.1f} | {took['memory']:.0f}" if took else "failed | |"
        rows.append(said(f"| H0+H1, clustered, n={n} (matrix {n * n * 4 / 2**20:.0f} MB) | {what} |"))
    return rows


def degree_zero() -> list[str]:
    """Degree 0 of a cloud whose matrix would take 10 GB."""
    from toposcope.rips import vietoris_rips

    points = np.random.default_rng(0).normal(size=(50_000, 64)).astype(np.float32)
    vietoris_rips(points[:100], 0)
    before, cpu, wall = memory_now(), time.process_time(), time.perf_counter()
    vietoris_rips(points, 0)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    row = f"| H0 from points, Gaussian d=64, n=50000 | {cpu:.1f} | {wall:.1f} | {memory_peak() - before:.0f} |"
    return ["| | CPU s | wall s | memory MB, no matrix |", "| --- | --- | --- | --- |", said(row)]


def against_the_matrix() -> list[str]:
    """The aim behind the table: homology beside the distances it reads."""
    from toposcope.cloud import pairwise_distances
    from toposcope.rips import _native

    rng = np.random.default_rng(0)
    latent = rng.normal(size=(2000, 40)) + 2 * rng.normal(size=(10, 40))[rng.integers(10, size=2000)]
    points = np.maximum(latent @ rng.normal(size=(40, 2048)), 0).astype(np.float32)
    times = []
    distances = pairwise_distances(points)
    for work in (lambda: pairwise_distances(points), lambda: _native.persistence(distances, 1, np.inf)):
        runs = []
        for _ in range(3):
            cpu = time.process_time()
            work()
            runs.append(time.process_time() - cpu)
        times.append(min(runs))
    rows = [
        "| n=2000, d=2048, clustered ReLU | CPU s |",
        "| --- | --- |",
        f"| distances (`pairwise_distances`, one thread) | {times[0]:.3f} |",
        f"| H0+H1 | {times[1]:.3f} |",
    ]
    said("\n".join(rows))
    return rows


SECTIONS: dict[str, Callable[[str], list[str]]] = {
    **{f"H0+H1, n={n}": functools.partial(compare, n, 1) for n in (1000, 2000, 4000)},
    **{f"H0+H1+H2, n={n}": functools.partial(compare, n, 2) for n in (500, 1000)},
    "Threads": lambda _: threads(),
    "Beside the distances": lambda _: against_the_matrix(),
    "Large clouds": large,
    "Degree 0 without a matrix": lambda _: degree_zero(),
}


def write(path: Path, found: dict[str, list[str]]) -> None:
    """The file with these sections; those that it has already and that were not measured stay."""
    parts = path.read_text(encoding="utf-8").split("\n## ")[1:] if path.exists() else []
    texts = {part.split("\n")[0]: part.split("\n", 1)[1].strip() for part in parts}
    texts |= {name: "\n".join([*rows, "", f"({machine()} when it ended)"]) for name, rows in found.items()}
    about = (__doc__ or "").split("\n\n")
    text = ["# The homology kernel", "Written by `python benchmarks/bench_rips.py`.", about[-1].strip()]
    text += [f"## {name}\n\n{texts[name]}" for name in SECTIONS if name in texts]
    path.write_text("\n\n".join(text) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--child", nargs=4, help=argparse.SUPPRESS)
    parser.add_argument("--section", action="append", choices=list(SECTIONS), help="may be repeated; all without it")
    parser.add_argument("--out", default=str(HERE / "rips.md"))
    options = parser.parse_args()
    if options.child:
        engine, path, degree, limit = options.child
        child(engine, path, int(degree), float(limit))
        return
    os.environ.update(ONE_THREAD)
    with tempfile.TemporaryDirectory() as work:
        for name in options.section or SECTIONS:
            said(f"\n{name}")
            write(Path(options.out), {name: SECTIONS[name](work)})


if __name__ == "__main__":
    main()
