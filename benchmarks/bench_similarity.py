"""Similarity measures beside other packages: RTD's time, CKA's time and memory, the cost of each, and agreement.

    python benchmarks/bench_similarity.py [--threads 2] [--only rtd cka cost agreement]

The other packages are not in an extra, since one of them pins an old scipy:

    pip install --no-deps ckatorch==1.0.3 pytorch-cka==1.1.3 magnipy==1.0.0 scikit-dimension==0.5.0
    pip install numba numexpr networkx matplotlib seaborn

Every CKA figure comes from a process of its own; memory is the peak resident size less that with the inputs loaded.
Targets: RTD of 500 points, 10 draws, in 1 s on two cores; CKA of two 10,000 × 2,048 float32 layers at least 3 times
faster and in at most half the memory of every other.
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
from pathlib import Path

import numpy as np

SHAPE = (10_000, 2_048)
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
    wall, cpu = [], []
    while len(wall) < 3 and sum(wall) < 10:
        start = time.perf_counter(), time.process_time()
        value = cka_of(which, a, b)
        wall.append(time.perf_counter() - start[0])
        cpu.append(time.process_time() - start[1])
    print(json.dumps({"value": value, "wall": min(wall), "cpu": min(cpu), "mb": peak_mb() - before}))


def peak_mb() -> float:
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def cka_table(threads: int) -> None:
    print(f"\n## CKA of two layers of {SHAPE[0]:,} × {SHAPE[1]:,}, float32, {threads} threads\n")
    print("| | value | wall s | CPU s | more memory, MB | CPU over ours | memory over ours |")
    print("|---|---|---|---|---|---|---|")
    ours: dict[str, dict[str, float]] = {}
    scratch = tempfile.TemporaryDirectory()
    folder = scratch.name
    for name, layer in zip(("a.npy", "b.npy"), layers(*SHAPE, SHAPE[1]), strict=True):
        np.save(Path(folder) / name, layer)
    for which in ("toposcope", "toposcope, unbiased", *OTHERS):
        done = subprocess.run([sys.executable, __file__, "--child", which, folder], capture_output=True, text=True)
        if done.returncode:
            print(f"| {which} | failed: {done.stderr.strip().splitlines()[-1]} | | | | | |")
            continue
        told = json.loads(done.stdout)
        ours.setdefault(which, told)
        beside = ours["toposcope, unbiased" if "unbiased" in which else "toposcope"]
        print(
            f"| {which} | {told['value']:.6f} | {told['wall']:.2f} | {told['cpu']:.2f} | {told['mb']:.0f} | "
            f"{told['cpu'] / beside['cpu']:.1f} | {told['mb'] / beside['mb']:.1f} |",
            flush=True,
        )


def rtd_table(threads: int) -> None:
    import toposcope as ts

    print(f"\n## RTD, 500 points, 10 draws, {threads} threads\n")
    print("| layers | RTD | wall s, best of 3 | CPU s |\n|---|---|---|---|")
    rng = np.random.default_rng(0)
    square = rng.uniform(size=(1000, 2)), rng.uniform(size=(1000, 2))
    for name, (a, b) in {"two uniform squares": square, "two ReLU layers, d = 512": layers(5000, 512, 512)}.items():
        wall, cpu = [], []
        for _ in range(3):
            start = time.perf_counter(), time.process_time()
            value = ts.rtd(a, b, size=500, draws=10, threads=threads)
            wall.append(time.perf_counter() - start[0])
            cpu.append(time.process_time() - start[1])
        print(f"| {name} | {value:.3f} | {min(wall):.2f} | {min(cpu):.2f} |", flush=True)


def cost_table() -> None:
    from toposcope.similarity import DESCRIPTORS, MEASURES

    print("\n## CPU seconds of each, two layers of 1,000 × 512, float32\n")
    print("| | CPU s |\n|---|---|")
    a, b = layers(1000, 512, 512)
    for measure in (*MEASURES, *DESCRIPTORS):
        if measure.name in ("CCA", "PWCCA"):
            continue
        start = time.process_time()
        measure(a, b) if measure in MEASURES else measure(a)
        print(f"| {measure.name} | {time.process_time() - start:.2f} |", flush=True)
    start = time.process_time()
    for measure in (m for m in MEASURES if m.name in ("CCA", "PWCCA")):
        measure(a[:, :64], b[:, :64])
    print(f"| CCA and PWCCA, 64 features | {time.process_time() - start:.2f} |")


def agreement_table() -> None:
    """The same numbers from independent packages."""
    import scipy.integrate
    import torch
    from ckatorch.core import cka_base, cka_batch

    import toposcope as ts

    scipy.integrate.trapz = scipy.integrate.trapezoid  # magnipy 1.0.0 asks for the name that scipy gave up
    from magnipy.magnipy import Magnipy
    from skdim.id import MLE, PH, TwoNN

    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(200, 6)), rng.normal(size=(200, 6))
    b += a
    x, y = torch.from_numpy(a), torch.from_numpy(b)
    batches = [z.reshape(4, 50, 6) for z in (x, y)]
    first, second = Magnipy(a, ts=np.linspace(0, 2, 30)), Magnipy(b, ts=np.linspace(0, 2, 30))
    neighbours = 20
    rows = [
        ("linear CKA", ts.cka(a, b), float(cka_base(x, y)), "ckatorch"),
        ("minibatch CKA", ts.cka(a, b, batch=50), float(cka_batch(*batches)), "ckatorch"),
        ("two_nn", ts.two_nn(a), float(TwoNN().fit(a).dimension_), "skdim"),
        ("mle_dimension", ts.mle_dimension(a), 0.0, "skdim"),
        ("ph_dimension", ts.ph_dimension(a), float(PH(n_range_min=0.125, random_state=0).fit(a).dimension_), "skdim"),
        ("magnitude at 1", ts.magnitude(a), float(Magnipy(a, ts=np.array([1.0])).get_magnitude()[0][0]), "magnipy"),
        ("magnitude_scale", ts.magnitude_scale(a), float(Magnipy(a).get_t_conv()), "magnipy"),
        ("magnitude_area", ts.magnitude_area(a, until=2.0), float(first.MagArea()), "magnipy"),
        ("magnitude_difference", ts.magnitude_difference(a, b, 2.0), float(first.MagDiff(second)), "magnipy"),
    ]
    pointwise = MLE(K=neighbours).fit(a).dimension_pw_
    rows[3] = ("mle_dimension", ts.mle_dimension(a), float(1 / np.mean(1 / np.asarray(pointwise))), "skdim")
    print("\n## The same numbers from independent packages (scikit-dimension 0.5.0, magnipy 1.0.0)\n")
    print("| | toposcope | theirs | relative difference |\n|---|---|---|---|")
    for name, ours, theirs, package in rows:
        print(f"| {name} ({package}) | {ours:.8g} | {theirs:.8g} | {abs(ours / theirs - 1):.1e} |", flush=True)
    print("\nph_dimension draws other subsamples than theirs.")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--only", nargs="+", default=("rtd", "cka", "cost", "agreement"))
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    if options.child:
        child(options.child[0], Path(options.child[1]))
        return
    if os.environ.get("OMP_NUM_THREADS") != str(options.threads):
        os.environ["OMP_NUM_THREADS"] = str(options.threads)
        os.execv(sys.executable, [sys.executable, *sys.argv])
    for name, table in (
        ("rtd", lambda: rtd_table(options.threads)),
        ("cka", lambda: cka_table(options.threads)),
        ("cost", cost_table),
        ("agreement", agreement_table),
    ):
        if name in options.only:
            table()


if __name__ == "__main__":
    main()
