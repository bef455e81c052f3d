"""All distances of a cloud: time, peak memory and error of `ts.pairwise_distances` and of what else is at hand.

    python benchmarks/bench_points.py            writes benchmarks/points.md (about three minutes, most of it pdist)
    python benchmarks/bench_points.py --points 500 --dimensions 64 512 --out -

Every figure comes from a process of its own with one thread: CPU seconds of the best of three runs (one run where it
takes longer than ten seconds), and by how much the run raised the peak of resident memory. The limit is a plain float64
matrix product of the same size: an expansion needs half of it, n²d multiplications and additions with symmetry.
Targets at d = 25,088: at least 6 times as fast as pdist, and 1.5 times as fast as scikit-learn.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from machine import machine

from toposcope.cloud import _pairs

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
ENGINES = {
    "ours": "ours, float32",
    "ours64": "ours, float64",
    "ours_cosine": "ours, cosine",
    "sklearn": "scikit-learn",
    "pdist": "scipy pdist",
    "gemm": "half a float64 product",
}
OF_THE_CLOUD = ("knn_geodesic", "fermat(p=2, k=15)", "fermat", "dtm", "diffusion", "effective_resistance")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, default=2000)
    parser.add_argument("--dimensions", type=int, nargs="+", default=[64, 512, 2048, 25088])
    parser.add_argument("--out", default=str(Path(__file__).with_name("points.md")), help="- for the terminal only")
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        print(json.dumps(measure(options.child[0], options.points, int(options.child[1]))))
        return
    lines = [
        "# Distances between points",
        "",
        f"Written by `python benchmarks/bench_points.py`; {machine()} from other work, {_pairs.instructions()[-1]}.",
        f"{options.points} points, float32, one thread. Each cell: CPU seconds, and megabytes by which the run raised",
        f"the peak of memory (the result alone is {options.points**2 * 4 / 2**20:.0f} MB of float32).",
        "",
        "| d | " + " | ".join(ENGINES.values()) + " | pdist / ours | scikit-learn / ours | product / ours |",
        "| --- |" + " --- |" * (len(ENGINES) + 3),
    ]
    for d in options.dimensions:
        found = {engine: child(engine, d, options.points) for engine in ENGINES}
        cells = [f"{f['seconds']:.3f} s, {f['megabytes']:.0f} MB" for f in found.values()]
        ours = found["ours"]["seconds"]
        ratios = [f"{found[other]['seconds'] / ours:.1f}" for other in ("pdist", "sklearn", "gemm")]
        lines.append(f"| {d} | " + " | ".join([*cells, *ratios]) + " |")
        print(lines[-1], flush=True)
    lines += [
        "",
        "The last column is the share of the limit of a float64 matrix product: above 1, no expansion in float64 can",
        "be as fast on this machine, however well it is written.",
        "",
        "## Largest relative error",
        "",
        "Over all pairs of a cloud of 300 points in 512 dimensions in float32: two clusters 1e4 apart, an offset of",
        "100, and near-duplicates (1e-3); against differences in float64.",
        "",
        "| ours, float32 | ours, float64 | torch device | scikit-learn | float32 product, centred |",
        "| --- | --- | --- | --- | --- |",
        "| " + " | ".join(f"{error:.1e}" for error in child("errors", 512, 300)["errors"]) + " |",
        "",
        "## Metrics of the whole cloud",
        "",
        "1000 points in 64 dimensions: CPU seconds, and megabytes (the result is 4 MB of float32).",
        "",
        "| " + " | ".join(OF_THE_CLOUD) + " |",
        "|" + " --- |" * len(OF_THE_CLOUD),
    ]
    found_of = [child(metric, 64, 1000) for metric in OF_THE_CLOUD]
    lines.append("| " + " | ".join(f"{f['seconds']:.2f} s, {f['megabytes']:.0f} MB" for f in found_of) + " |")
    text = "\n".join(lines) + "\n"
    print(text)
    if options.out != "-":
        Path(options.out).write_text(text)


def child(engine: str, dimension: int, points: int) -> dict[str, Any]:
    """What `measure` returns, in a fresh process with one thread."""
    command = [sys.executable, __file__, "--points", str(points), "--child", engine, str(dimension)]
    environment = {**os.environ, **dict.fromkeys(THREADS, "1")}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def measure(engine: str, n: int, d: int) -> dict[str, Any]:
    if engine == "errors":
        return {"errors": errors(n, d)}
    import numpy as np

    # Activations: non-negative, half of them zero.
    points = np.random.default_rng(0).standard_normal((n, d), dtype=np.float32)
    np.maximum(points, 0, out=points)
    run, small = runner(engine, points), runner(engine, points[:100])
    small()  # what the first call imports
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    times = []
    for _ in range(3):
        start = time.process_time()
        run()
        times.append(time.process_time() - start)
        if times[0] > 10:
            break
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"seconds": min(times) / (2 if engine == "gemm" else 1), "megabytes": (peak - before) / 1024}


def runner(engine: str, points: Any) -> Callable[[], Any]:
    import numpy as np

    import toposcope as ts

    if engine == "pdist":
        from scipy.spatial.distance import pdist

        return lambda: pdist(points)
    if engine == "sklearn":
        from sklearn.metrics import euclidean_distances

        return lambda: euclidean_distances(points)
    if engine == "gemm":
        left, right = points.astype(np.float64), points.astype(np.float64)  # two arrays: numpy must not use symmetry
        return lambda: left @ right.T
    if engine == "ours64":
        return lambda: ts.pairwise_distances(points, dtype=np.float64)
    metric = {"ours": "euclidean", "ours_cosine": "cosine"}.get(engine, engine)
    return lambda: ts.pairwise_distances(points, metric)


def errors(n: int, d: int) -> list[float]:
    """Largest relative errors: ours in float32 and float64, by a torch device, scikit-learn, a float32 expansion."""
    import numpy as np
    from scipy.spatial.distance import pdist
    from sklearn.metrics import euclidean_distances

    import toposcope as ts

    rng = np.random.default_rng(0)
    half = rng.normal(size=(n // 2, d))
    wide = np.concatenate([half, half + 1e-3 * rng.normal(size=half.shape)]) + 100
    wide[rng.random(n) < 0.5] += 1e4 / np.sqrt(d)
    points = wide.astype(np.float32)
    exact = pdist(points.astype(np.float64))
    upper = np.triu_indices(n, 1)
    centred = points - points.mean(axis=0)
    norms = (centred**2).sum(axis=1)
    product = np.sqrt(np.maximum(norms[:, None] + norms[None] - 2 * centred @ centred.T, 0))
    found = [
        ts.pairwise_distances(points, condensed=True),
        ts.pairwise_distances(points, dtype=np.float64, condensed=True),
        ts.pairwise_distances(points, condensed=True, device="cpu"),
        euclidean_distances(points)[upper],
        product[upper],
    ]
    return [float(np.max(np.abs(values - exact) / exact)) for values in found]


if __name__ == "__main__":
    main()
