"""Distances between diagrams beside the exact ones of other packages: one command prints the tables and writes
benchmarks/distances.md.

    python benchmarks/bench_distances.py                  # all of it, under 10 minutes; needs the benchmark extra
    python benchmarks/bench_distances.py --only pairs     # one section; the others stay as they are

Every package gets the same arrays of bars that die, L-infinity ground norm, one thread, and is asked for an exact
answer: hera with delta=1e-9 for Wasserstein and 0 for bottleneck, gudhi's bottleneck with e=0, POT's transport through
gudhi. persim knows one Wasserstein distance, order 1 with the L2 ground norm: its time stands beside, does not count,
and is taken at the smallest size only. Ours is the public function, reading and sorting included, best of three; the
others run once, in a process of their own that is stopped at a limit: then the time is a lower bound, marked ">". Times
are milliseconds of CPU time, but for threads.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
from clouds import CLOUDS  # noqa: E402
from machine import machine  # noqa: E402

PAGE = HERE / "distances.md"

ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
PEERS = {"W1": ["hera", "POT", "persim"], "W2": ["hera", "POT"], "bottleneck": ["hera", "gudhi", "persim"]}
DIFFERENT_PROBLEM = {("persim", "W1")}
PAIRS = [("clustered", "clustered"), ("digits", "digits"), ("conv", "conv"), ("digits", "clustered"), ("conv", "cube")]


def run_peer(peer: str, measure: str, a: Any, b: Any) -> float:
    """One distance by another package."""
    import gudhi
    import gudhi.hera
    import gudhi.wasserstein

    order = 2.0 if measure == "W2" else 1.0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if peer == "persim":
            import persim

            return float((persim.bottleneck if measure == "bottleneck" else persim.wasserstein)(a, b))
        if peer == "gudhi":
            return float(gudhi.bottleneck_distance(a, b, 0))
        if peer == "POT":
            return float(gudhi.wasserstein.wasserstein_distance(a, b, order=order, internal_p=np.inf))
        if measure == "bottleneck":
            return float(gudhi.hera.bottleneck_distance(a, b, 0))
        return float(gudhi.hera.wasserstein_distance(a, b, order=order, internal_p=np.inf, delta=1e-9))


def run_ours(measure: str, a: Any, b: Any) -> float:
    import toposcope as ts

    if measure == "bottleneck":
        return ts.bottleneck(a, b)
    return ts.wasserstein(a, b, order=2.0 if measure == "W2" else 1.0)


def child() -> None:
    """Answer jobs from standard input, one a line: who, what, the two files. Says seconds and megabytes of each."""
    small = np.array([[0.0, 1.0], [0.2, 0.7]])
    for line in sys.stdin:
        who, measure, first, second, limit = json.loads(line)
        a, b = np.load(first), np.load(second)
        run = run_ours if who == "ours" else lambda *job, who=who: run_peer(who, *job)
        run(measure, small, small)  # imports are not the distance
        last = int(time.process_time() + limit) + 1
        resource.setrlimit(resource.RLIMIT_CPU, (last, resource.RLIM_INFINITY))
        Path("/proc/self/clear_refs").write_text("5")
        # Not the process's clock: with a limit set, it moves in steps of some milliseconds.
        before, start = memory("VmRSS"), time.thread_time()
        value = run(measure, a, b)
        took = time.thread_time() - start
        print(json.dumps([value, took, memory("VmHWM") - before]), flush=True)


def memory(field: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(field))


class Worker:
    """A child that answers jobs, and is replaced when one takes too long."""

    def __init__(self) -> None:
        self.process: subprocess.Popen[str] | None = None

    def ask(self, job: list[Any], limit: float) -> list[float] | None:
        """[value, seconds, megabytes], or None: stopped at the limit, or failed."""
        if self.process is None or self.process.poll() is not None:
            self.process = subprocess.Popen(
                [sys.executable, str(Path(__file__).resolve()), "--child"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                env=os.environ | ONE_THREAD,
            )
        process = self.process
        assert process.stdin
        assert process.stdout
        process.stdin.write(json.dumps(job) + "\n")
        process.stdin.flush()
        stop = threading.Timer(10 * limit + 20, process.kill)  # whatever else holds it up
        stop.start()
        answer = process.stdout.readline()
        stop.cancel()
        return json.loads(answer) if answer else None

    def end(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()


def diagrams_of(cloud: str, n: int, draws: int) -> list[Any]:
    """Diagrams of disjoint draws of one cloud, divided by a quantile of their distances, degrees 0 and 1."""
    import toposcope as ts

    points = CLOUDS[cloud](draws * n)
    rows = np.random.default_rng(1).permutation(len(points)).reshape(draws, n)
    return [ts.vietoris_rips(points[each], scale="q0.9") for each in rows]


class Bench:
    def __init__(self, work: str) -> None:
        self.work = work
        self.workers: dict[str, Worker] = {}
        self.known: dict[tuple[str, int], list[Any]] = {}
        self.worst = 0.0
        self.agreed = 0
        self.megabytes = 0.0  # the most that ours took for one pair

    def file(self, cloud: str, n: int, draw: int, degree: int) -> tuple[str, int]:
        """The bars that die, saved, and how many there are."""
        if (cloud, n) not in self.known:
            self.known[cloud, n] = diagrams_of(cloud, n, 2)
        bars = self.known[cloud, n][draw].finite(degree)
        path = os.path.join(self.work, f"{cloud}-{n}-{draw}-{degree}.npy")
        np.save(path, bars)
        return path, len(bars)

    def ask(self, who: str, measure: str, first: str, second: str, limit: float) -> list[float] | None:
        return self.workers.setdefault(who, Worker()).ask([who, measure, first, second, limit], limit)

    def row(self, measure: str, degree: int, a: tuple[str, int, int], b: tuple[str, int, int], limit: float) -> str:
        """One line of a table: ours beside the others."""
        (first, k), (second, m) = self.file(*a, degree), self.file(*b, degree)
        runs = [run for _ in range(3) if (run := self.ask("ours", measure, first, second, 120))]
        value, ours, _ = min(runs, key=lambda run: run[1])
        megabytes = max(run[2] for run in runs)
        cells, fastest, bounded = [], float("inf"), True
        for peer in ("hera", "POT", "gudhi", "persim"):
            if peer not in PEERS[measure] or (peer == "persim" and a[1] > 500):
                cells.append("")
                continue
            found = self.ask(peer, measure, first, second, limit)
            if found is None:
                cells.append(f">{limit:.0f} s")
                if (peer, measure) not in DIFFERENT_PROBLEM:
                    fastest = min(fastest, limit)
                continue
            cells.append(f"{1e3 * found[1]:.1f}")
            if (peer, measure) in DIFFERENT_PROBLEM:
                continue
            if found[1] <= fastest:
                fastest, bounded = found[1], False
            self.worst = max(self.worst, abs(found[0] - value) / max(value, 1e-300))
            self.agreed += 1
        pair = a[0] if a[0] == b[0] else f"{a[0]} – {b[0]}"
        line = f"| H{degree}, {measure} | {pair} | {a[1]} | {k}, {m} | {1e3 * ours:.2f} | "
        line += " | ".join(cells) + f" | {'>' if bounded else ''}{fastest / ours:.0f} |"
        print(line, f"({megabytes:.0f} MB)", flush=True)
        self.megabytes = max(self.megabytes, megabytes)
        return line

    def agreement(self) -> str:
        """Whether the values agree, and what ours took."""
        return (
            f"{self.agreed} values of others agree with ours up to {self.worst:.1e} relative. "
            f"The most memory that ours took for one pair: {self.megabytes:.0f} MB."
        )

    def end(self) -> None:
        for worker in self.workers.values():
            worker.end()


HEAD = [
    "| | clouds | n | bars | ours, ms | hera | POT | gudhi | persim | fastest / ours |",
    "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
]


def pairs(bench: Bench, sizes: list[int]) -> list[str]:
    """One pair at a time."""
    rows = list(HEAD)
    for n in sizes:
        for degree in (0, 1):
            for measure in PEERS:
                for first, second in PAIRS:
                    rows.append(bench.row(measure, degree, (first, n, 0), (second, n, 1), 3.0))
    return rows


def large(bench: Bench) -> list[str]:
    """Diagrams of nearly 10,000 bars: H1 of the cube, where no scale is special and little can be pruned."""
    rows = list(HEAD)
    for measure in ("W1", "W2", "bottleneck"):
        rows.append(bench.row(measure, 1, ("cube", 2000, 0), ("cube", 2000, 1), 15.0))
    return rows


def matrix() -> list[str]:
    """All pairs of 20 diagrams, five draws of each of four clouds, n=1000, W1 in both degrees."""
    import toposcope as ts

    diagrams = [each for cloud in ("clustered", "digits_relu", "conv", "torus") for each in diagrams_of(cloud, 1000, 5)]

    def ours(threads: int) -> None:
        for degree in (0, 1):
            ts.compare(diagrams, "wasserstein", degree=degree, threads=threads)

    def wall(work: Callable[[], None]) -> float:
        best = float("inf")
        for _ in range(3):
            start = time.perf_counter()
            work()
            best = min(best, time.perf_counter() - start)
        return best

    one, two = wall(lambda: ours(1)), wall(lambda: ours(2))
    every = [(i, j) for i in range(20) for j in range(i)]
    some = every[::10]
    best = {}
    for degree in (0, 1):
        for peer in ("hera", "POT"):
            start = time.process_time()
            for i, j in some:
                run_peer(peer, "W1", diagrams[i].finite(degree), diagrams[j].finite(degree))
            best[degree, peer] = (time.process_time() - start) * len(every) / len(some)
    fastest = sum(min(best[degree, peer] for peer in ("hera", "POT")) for degree in (0, 1))
    rows = ["| | seconds |", "| --- | --- |"]
    rows += [f"| ours, one thread | {one:.3f} |", f"| ours, two threads | {two:.3f} ({one / two:.2f} times faster) |"]
    rows += [f"| {peer}, H{degree}, from every tenth pair | {took:.1f} |" for (degree, peer), took in best.items()]
    rows += [f"| fastest for each degree / ours on one thread | **{fastest / one:.0f}** |"]
    print("\n".join(rows), flush=True)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=["pairs", "large", "matrix"])
    parser.add_argument("--sizes", default="500,1000,2000")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        child()
        return
    os.environ.update(ONE_THREAD)
    sizes = [int(size) for size in given.sizes.split(",")]
    sections = read_sections() if given.only else {}
    with tempfile.TemporaryDirectory() as work:
        bench = Bench(work)
        try:
            if given.only in (None, "matrix"):
                sections["All pairs of 20 diagrams, n=1000, W1, H0 and H1"] = matrix()
            if given.only in (None, "pairs"):
                sections["One pair"] = [*pairs(bench, sizes), "", bench.agreement()]
            if given.only in (None, "large"):
                sections["Nearly 10,000 bars"] = [*large(bench), "", bench.agreement()]
        finally:
            bench.end()
    text = [
        "# Distances between diagrams",
        "",
        f"Machine: {machine()} when this was written.",
        "",
        *(__doc__ or "").splitlines()[6:],
    ]
    for title, rows in sections.items():
        text += ["", f"## {title}", "", *rows]
    PAGE.write_text("\n".join(text) + "\n")


def read_sections() -> dict[str, list[str]]:
    """What the page says already, by heading."""
    parts = PAGE.read_text().split("\n## ")[1:] if PAGE.exists() else []
    return {part.splitlines()[0]: part.strip().splitlines()[2:] for part in parts}


if __name__ == "__main__":
    main()
