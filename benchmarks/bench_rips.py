"""The homology kernel beside the fastest packages: one command prints the table and writes benchmarks/rips.md.

    python benchmarks/bench_rips.py                  # all of it; needs the benchmark extra
    python benchmarks/bench_rips.py --only h1 --sizes 1000 --clouds torus,cube

Every engine gets the same float32 matrix, one run, in a process of its own with one thread; what is compared is CPU
time. An engine is stopped at 40 times our own time (at least 3 s, at most 25 s): then its time is a lower bound, marked
">". Memory is what the peak of the process rose by during the run.
"""

from __future__ import annotations

import argparse
import functools
import importlib.util
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
from clouds import CLOUDS, shared_clouds  # noqa: E402

PEERS = {
    "redzed-tda 0.1.1": "redzed_tda",
    "gudhi": "gudhi",
    "giotto-ph 0.2.4": "gph",
    "holos-tda 0.9.0": "holos_tda",
    "tda 0.3.0": "tda",
    "ripser 0.6.15": "ripser",
}
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


def compare(names: list[str], sizes: list[int], degree: int, peers: list[str], work: str) -> list[str]:
    """One table: a row per cloud and size, ours beside the peers."""
    from toposcope.cloud import pairwise_distances

    clouds = CLOUDS | shared_clouds()
    head = ["cloud", "n", "ours: CPU s", "wall s", "memory MB", *(f"{peer}: CPU s" for peer in peers), "fastest / ours"]
    rows = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    for n in sizes:
        ratios = []
        for name in names:
            path = os.path.join(work, "distances.npy")
            np.save(path, pairwise_distances(clouds[name](n)).astype(np.float32))
            runs = [run for run in (measure("ours", path, degree) for _ in range(3)) if run]
            ours = min(runs, key=lambda run: run["cpu"])
            limit = min(25.0, max(3.0, 40 * ours["cpu"]))
            cells, fastest = [], float("inf")
            for peer in peers:
                took = measure(peer, path, degree, limit)
                cells.append(f"{took['cpu']:.3f}" if took else f">{limit:.0f}")
                fastest = min(fastest, took["cpu"] if took else limit)
            ratios.append(fastest / ours["cpu"])
            mark = ">" if cells and all(cell.startswith(">") for cell in cells) else ""
            cells = [f"{ours['cpu']:.3f}", f"{ours['wall']:.3f}", f"{ours['memory']:.0f}", *cells]
            rows.append(f"| {name} | {n} | " + " | ".join(cells) + f" | {mark}{ratios[-1]:.1f} |")
            print(rows[-1], flush=True)
        mean = float(np.exp(np.mean(np.log(ratios))))
        rows.append(
            f"| **geometric mean** | {n} |" + " |" * (len(head) - 3) + f" **{mean:.1f}**, least {min(ratios):.1f} |"
        )
        print(rows[-1], flush=True)
    return rows


def threads() -> list[str]:
    """Wall time of one and of two threads."""
    from toposcope.cloud import pairwise_distances
    from toposcope.rips import _native

    def wall(work: Any) -> float:
        best = float("inf")
        for _ in range(3):
            start = time.perf_counter()
            work()
            best = min(best, time.perf_counter() - start)
        return best

    rows = ["| | one thread, s | two threads, s | speed-up |", "| --- | --- | --- | --- |"]
    for name in ("clustered", "digits", "torus"):
        distances = pairwise_distances(CLOUDS[name](4000)).astype(np.float32)
        one, two = (wall(functools.partial(_native.persistence, distances, 1, np.inf, t)) for t in (1, 2))
        rows.append(f"| one diagram, {name}, n=4000 | {one:.3f} | {two:.3f} | {one / two:.2f} |")
        print(rows[-1], flush=True)
    matrices = [pairwise_distances(CLOUDS["digits_relu"](1000)).astype(np.float32) for _ in range(4)] * 25

    def many(workers: int) -> None:
        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(lambda each: _native.persistence(each, 1, np.inf), matrices))

    one, two = wall(lambda: many(1)), wall(lambda: many(2))
    rows.append(f"| 100 diagrams, digits_relu, n=1000 | {one:.3f} | {two:.3f} | {one / two:.2f} |")
    print(rows[-1], flush=True)
    return rows


def large(sizes: list[int], work: str) -> list[str]:
    """Degree 1 of large clouds, and degree 0 of a larger one."""
    from toposcope.cloud import pairwise_distances
    from toposcope.rips import vietoris_rips

    rows = ["| | CPU s | wall s | memory on top of the matrix, MB |", "| --- | --- | --- | --- |"]
    for n in sizes:
        path = os.path.join(work, "distances.npy")
        np.save(path, pairwise_distances(CLOUDS["clustered"](n)).astype(np.float32))
        took = measure("ours", path, 1)
        said = f"{took['cpu']:.1f} | {took['wall']:.1f} | {took['memory']:.0f}" if took else "failed | |"
        rows.append(f"| H0+H1, clustered, n={n} (matrix {n * n * 4 / 2**20:.0f} MB) | {said} |")
        print(rows[-1], flush=True)
        os.remove(path)
    rng = np.random.default_rng(0)
    points = rng.normal(size=(50_000, 16)).astype(np.float32)
    before, cpu, wall = memory_now(), time.process_time(), time.perf_counter()
    vietoris_rips(points, 0)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    rose = memory_peak() - before
    rows.append(f"| H0 from points, Gaussian d=16, n=50000 | {cpu:.1f} | {wall:.1f} | {rose:.0f} (no matrix) |")
    print(rows[-1], flush=True)
    return rows


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
        f"| distances (float64 GEMM on centred data, one thread) | {times[0]:.3f} |",
        f"| H0+H1 | {times[1]:.3f} |",
    ]
    print("\n".join(rows), flush=True)
    return rows


def machine() -> str:
    model = platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        model = next((x.split(":")[1].strip() for x in cpuinfo.read_text().splitlines() if "model name" in x), model)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    load = os.getloadavg()[0]
    return f"{os.cpu_count()} cores ({model}), {memory:.0f} GB, load {load:.1f} when it was written"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--child", nargs=4, help=argparse.SUPPRESS)
    parser.add_argument("--only", default="h1,h2,threads,matrix,large")
    parser.add_argument("--sizes", default="")
    parser.add_argument("--clouds", default=",".join(CLOUDS | shared_clouds()))
    parser.add_argument("--peers", default=",".join(PEERS))
    parser.add_argument("--out", default="")
    options = parser.parse_args()
    if options.child:
        engine, path, degree, limit = options.child
        child(engine, path, int(degree), float(limit))
        return
    os.environ.update(ONE_THREAD)
    peers = [peer for peer in options.peers.split(",") if importlib.util.find_spec(PEERS[peer])]
    sizes = [int(n) for n in options.sizes.split(",") if n]
    parts = options.only.split(",")
    text = ["# The homology kernel", "", f"Machine: {machine()}. Written by `python benchmarks/bench_rips.py`.", ""]
    with tempfile.TemporaryDirectory() as work:
        names = options.clouds.split(",")
        if "h1" in parts:
            text += ["## H0+H1", "", *compare(names, sizes or [1000, 2000, 4000], 1, peers, work), ""]
        if "h2" in parts:
            text += ["## H0+H1+H2", "", *compare(names, sizes or [500, 1000], 2, peers, work), ""]
        if "threads" in parts:
            text += ["## Threads", "", *threads(), ""]
        if "matrix" in parts:
            text += ["## Beside the distances", "", *against_the_matrix(), ""]
        if "large" in parts:
            text += ["## Large clouds", "", *large(sizes or [10_000, 20_000], work), ""]
    if options.out:
        Path(options.out).write_text("\n".join(text), encoding="utf-8")


if __name__ == "__main__":
    main()
