"""Similarity measures beside other packages: RTD's time, CKA's time and memory, the cost of each, and agreement.

    python benchmarks/bench_similarity.py         writes benchmarks/similarity.md (about four minutes)

The other packages are not in an extra, since one of them pins an old scipy:

    pip install --no-deps ckatorch==1.0.3 pytorch-cka==1.1.3 magnipy==1.0.0 scikit-dimension==0.5.0
    pip install numba numexpr networkx matplotlib seaborn

CKA: every figure comes from a process of its own with one numerical thread; the contenders take turns, so that what
else runs on the machine meets all of them, and the least CPU seconds of each count. Memory is the peak resident size
less that with the inputs loaded. A contender that takes longer than --patience seconds is left out, and said to be.
Targets: RTD of 500 points, 10 draws, in 1 s on two cores; CKA of two 10,000 × 2,048 float32 layers at least 3 times
faster than pytorch-cka, in at most half its memory.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from machine import machine

SHAPE = (10_000, 2_048)
LARGE = (20_000, 64)
WITHOUT_MATRIX = (
    "CKA, RBF",
    "Procrustes",
    "CCA",
    "GULP",
    "mutual kNN",
    "RTD, size 500, 10 draws",
    "two_nn",
    "hubness",
    "ph_dimension",
    "participation_ratio",
    "anisotropy",
)
OURS = ("toposcope", "toposcope, unbiased")
OTHERS = ("Gram matrices in numpy, float32", "ckatorch 1.0.3", "pytorch-cka 1.1.3, unbiased")


def layers(n: int, d: int, e: int) -> tuple[np.ndarray, np.ndarray]:
    """Two layers with common directions, float32, as after a ReLU."""
    rng = np.random.default_rng(0)
    common = rng.normal(size=(n, 32)).astype(np.float32)
    return tuple(
        np.maximum(common @ rng.normal(size=(32, w)).astype(np.float32) + rng.normal(size=(n, w)), 0).astype(np.float32)
        for w in (d, e)
    )


def cka_of(which: str, a: np.ndarray, b: np.ndarray) -> float:
    import toposcope as ts

    if which.startswith("toposcope"):
        return ts.cka(a, b, unbiased="unbiased" in which)
    if which.startswith("Gram"):
        grams = []
        for x in (a, b):
            gram = x @ x.T
            gram -= gram.mean(axis=0)
            gram -= gram.mean(axis=1, keepdims=True)
            grams.append(gram)
        k, l = (gram.ravel() for gram in grams)  # noqa: E741
        return float(np.dot(k, l) / np.sqrt(np.dot(k, k) * np.dot(l, l)))
    import torch

    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    x, y = torch.from_numpy(a), torch.from_numpy(b)
    if which.startswith("ckatorch"):
        from ckatorch.core import cka_base

        return float(cka_base(x, y))
    from cka.hsic import hsic

    cross, own_x, own_y = hsic((x @ x.T)[None], (y @ y.T)[None])
    return float(cross / torch.sqrt(own_x * own_y))


def child(which: str, folder: Path) -> None:
    a, b = (np.load(folder / name) for name in ("a.npy", "b.npy"))
    small = [x[:50] for x in (a, b)]
    cka_of(which, *small)  # imports and warms up
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts again from what is resident
    before = peak_mb()
    start = time.perf_counter(), time.process_time()
    value = cka_of(which, a, b)
    wall, cpu = time.perf_counter() - start[0], time.process_time() - start[1]
    print(json.dumps({"value": value, "wall": wall, "cpu": cpu, "mb": peak_mb() - before}))


def peak_mb() -> float:
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def cka_table(rounds: int, patience: float) -> Iterator[str]:
    yield f"## CKA of two layers of {SHAPE[0]:,} × {SHAPE[1]:,}, float32, one thread, {rounds} turns each"
    yield ""
    runs: dict[str, list[dict[str, float]]] = {}
    failed: dict[str, str] = {}
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with tempfile.TemporaryDirectory() as folder:
        for name, layer in zip(("a.npy", "b.npy"), layers(*SHAPE, SHAPE[1]), strict=True):
            np.save(Path(folder) / name, layer)
        for _ in range(rounds):
            for which in (*OURS, *OTHERS):
                if which in failed:
                    continue
                command = [sys.executable, __file__, "--child", which, folder]
                try:
                    done = subprocess.run(command, capture_output=True, text=True, timeout=patience, env=environment)
                except subprocess.TimeoutExpired:
                    failed[which] = f"did not finish in {patience:g} s"
                    continue
                if done.returncode:
                    failed[which] = done.stderr.strip().splitlines()[-1]
                    continue
                runs.setdefault(which, []).append(json.loads(done.stdout))
    yield "| | value | CPU s, least (all) | wall s, least | more memory, MB | CPU over ours | memory over ours |"
    yield "|---|---|---|---|---|---|---|"
    for which, told in runs.items():
        cpu, wall, memory = (min(one[key] for one in told) for key in ("cpu", "wall", "mb"))
        ours = runs[OURS["unbiased" in which]]
        every = ", ".join(f"{one['cpu']:.2f}" for one in told)
        yield (
            f"| {which} | {told[0]['value']:.6f} | {cpu:.2f} ({every}) | {wall:.2f} | {memory:.0f} | "
            f"{cpu / min(one['cpu'] for one in ours):.1f} | {memory / min(one['mb'] for one in ours):.1f} |"
        )
    for which, why in failed.items():
        yield f"| {which} | {why} | | | | | |"
    a, b = layers(1500, 700, 700)
    exact = cka_of(OURS[0], a.astype(np.float64), b.astype(np.float64))
    errors = [f"{which} {abs(cka_of(which, a, b) - exact):.0e}" for which in (OURS[0], OTHERS[0]) if which in runs]
    yield ""
    yield (
        f"Off the float64 value by, on 1,500 × 700 in float32: {', '.join(errors)}. The Gram matrices of "
        "the others are sums of large products that cancel; ours are centred first, and blocks are added in float64."
    )


def rtd_table() -> Iterator[str]:
    import toposcope as ts

    yield "## RTD, 500 points, 10 draws"
    yield ""
    yield "| layers | RTD | threads | wall s, least of 3 | CPU s |"
    yield "|---|---|---|---|---|"
    rng = np.random.default_rng(0)
    square = rng.uniform(size=(1000, 2)), rng.uniform(size=(1000, 2))
    for name, (a, b) in {"two uniform squares": square, "two ReLU layers, d = 512": layers(5000, 512, 512)}.items():
        for threads in (1, 2):
            wall, cpu = [], []
            for _ in range(3):
                start = time.perf_counter(), time.process_time()
                value = ts.rtd(a, b, size=500, draws=10, threads=threads)
                wall.append(time.perf_counter() - start[0])
                cpu.append(time.process_time() - start[1])
            yield f"| {name} | {value:.3f} | {threads} | {min(wall):.2f} | {min(cpu):.2f} |"


def large_table() -> Iterator[str]:
    """Memory at 20,000 points: what needs no (n, n) matrix, and what does."""
    n, d = LARGE
    yield f"## More memory at {n:,} × {d}, float32, MB (an (n, n) matrix of float64 has {8 * n * n / 2**20:,.0f})"
    yield ""
    yield "| | CPU s | MB |"
    yield "|---|---|---|"
    for which in WITHOUT_MATRIX:
        command = [sys.executable, __file__, "--large", which]
        done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
        if done.returncode:
            yield f"| {which} | failed: {done.stderr.strip().splitlines()[-1]} | |"
            continue
        told = json.loads(done.stdout)
        yield f"| {which} | {told['cpu']:.1f} | {told['mb']:.0f} |"


def large(which: str) -> None:
    import toposcope as ts

    a, b = layers(LARGE[0], LARGE[1], LARGE[1])
    calls = {
        "CKA, RBF": lambda x, y: ts.cka(x, y, "rbf"),
        "Procrustes": ts.procrustes,
        "CCA": ts.cca,
        "GULP": ts.gulp,
        "mutual kNN": ts.mutual_knn,
        "RTD, size 500, 10 draws": lambda x, y: ts.rtd(x, y, size=min(500, len(x)), draws=10 if len(x) > 500 else 1),
        "two_nn": lambda x, y: ts.two_nn(x),
        "hubness": lambda x, y: ts.hubness(x),
        "ph_dimension": lambda x, y: ts.ph_dimension(x, draws=1),
        "participation_ratio": lambda x, y: ts.participation_ratio(x),
        "anisotropy": lambda x, y: ts.anisotropy(x),
    }
    calls[which](a[:200], b[:200])
    Path("/proc/self/clear_refs").write_text("5")
    before, start = peak_mb(), time.process_time()
    calls[which](a, b)
    print(json.dumps({"cpu": time.process_time() - start, "mb": peak_mb() - before}))


def cost_table() -> Iterator[str]:
    from toposcope.similarity import DESCRIPTORS, MEASURES

    yield "## CPU seconds of each, two layers of 1,000 × 512, float32"
    yield ""
    yield "| | CPU s |"
    yield "|---|---|"
    a, b = layers(1000, 512, 512)
    for measure in (*MEASURES, *DESCRIPTORS):
        narrow = measure.name in ("CCA", "PWCCA")  # the ranks of 512 features would need more inputs
        x, y = (a[:, :64], b[:, :64]) if narrow else (a, b)
        start = time.process_time()
        measure(x, y) if measure in MEASURES else measure(x)
        yield f"| {measure.name}{', 64 features' if narrow else ''} | {time.process_time() - start:.2f} |"


def agreement_table() -> Iterator[str]:
    """The same numbers from independent packages."""
    import scipy.integrate
    import torch
    from ckatorch.core import cka_base, cka_batch

    import toposcope as ts

    scipy.integrate.trapz = scipy.integrate.trapezoid  # magnipy 1.0.0 asks for the name that scipy gave up
    from magnipy.magnipy import Magnipy

    sys.modules.setdefault("coverage", None)  # numba would import our coverage.py
    from skdim.id import MLE, PH, TwoNN

    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(200, 6)), rng.normal(size=(200, 6))
    b += a
    x, y = torch.from_numpy(a), torch.from_numpy(b)
    batches = [z.reshape(4, 50, 6) for z in (x, y)]
    first, second = Magnipy(a, ts=np.linspace(0, 2, 30)), Magnipy(b, ts=np.linspace(0, 2, 30))
    pointwise = np.asarray(MLE(K=20).fit(a).dimension_pw_)
    rows = [
        ("linear CKA", ts.cka(a, b), float(cka_base(x, y)), "ckatorch"),
        ("minibatch CKA", ts.cka(a, b, batch=50), float(cka_batch(*batches)), "ckatorch"),
        ("two_nn", ts.two_nn(a), float(TwoNN().fit(a).dimension_), "skdim"),
        ("mle_dimension", ts.mle_dimension(a), float(1 / np.mean(1 / pointwise)), "skdim"),
        ("ph_dimension", ts.ph_dimension(a), float(PH(n_range_min=0.125, random_state=0).fit(a).dimension_), "skdim"),
        ("magnitude at 1", ts.magnitude(a), float(Magnipy(a, ts=np.array([1.0])).get_magnitude()[0][0]), "magnipy"),
        ("magnitude_scale", ts.magnitude_scale(a), float(Magnipy(a).get_t_conv()), "magnipy"),
        ("magnitude_area", ts.magnitude_area(a, until=2.0), float(first.MagArea()), "magnipy"),
        ("magnitude_difference", ts.magnitude_difference(a, b, 2.0), float(first.MagDiff(second)), "magnipy"),
    ]
    yield "## The same numbers from independent packages (scikit-dimension 0.5.0, magnipy 1.0.0, ckatorch 1.0.3)"
    yield ""
    yield "| | toposcope | theirs | relative difference |"
    yield "|---|---|---|---|"
    for name, ours, theirs, package in rows:
        yield f"| {name} ({package}) | {ours:.8g} | {theirs:.8g} | {abs(ours / theirs - 1):.1e} |"
    yield ""
    yield "ph_dimension draws other subsamples than theirs."


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--patience", type=float, default=60)
    parser.add_argument("--only", nargs="+", help="of rtd, cka, large, cost, agreement: these, and nothing is written")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("similarity.md"))
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--large", help=argparse.SUPPRESS)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    if options.child:
        child(options.child[0], Path(options.child[1]))
        return
    if options.large:
        large(options.large)
        return
    tables: dict[str, Callable[[], Iterator[str]]] = {
        "rtd": rtd_table,
        "cka": lambda: cka_table(options.rounds, options.patience),
        "large": large_table,
        "cost": cost_table,
        "agreement": agreement_table,
    }
    page = [
        "# Similarity measures",
        "",
        f"Written by `python benchmarks/bench_similarity.py` in one call; {machine()} when it began.",
    ]
    print("\n".join(page))
    for name, table in tables.items():
        if options.only is None or name in options.only:
            page.append("")
            print()
            for line in table():
                page.append(line)
                print(line, flush=True)
    if options.only is None:
        options.out.write_text("\n".join(page) + "\n", encoding="utf-8")


if __name__ == "__main__":
    if "OMP_NUM_THREADS" not in os.environ:
        os.environ["OMP_NUM_THREADS"] = "1"
        os.execv(sys.executable, [sys.executable, *sys.argv])
    main()
