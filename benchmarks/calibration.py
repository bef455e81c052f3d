"""Do the tests and intervals keep what they promise? One command simulates it and writes benchmarks/calibration.md.

    python benchmarks/calibration.py                 # all of it: a quarter of an hour on one core
    python benchmarks/calibration.py --only grid     # the rows whose name contains "grid"
    python benchmarks/calibration.py --fresh         # forget the rows that are done

Every row is written to runs/calibration.jsonl when it is done, and a second call goes on from there; rows that other
code or other versions made are made again. Seeds are fixed: the same versions give the same table.
"""

from __future__ import annotations

import argparse
import functools
import json
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import toposcope as ts
from toposcope.stats import (
    PairedCell,
    UnpairedCell,
    benjamini_hochberg,
    benjamini_yekutieli,
    effect,
    effect_interval,
    holm,
    permutation_tests,
    step_down_max_t,
)
from toposcope.stats.permutation import Relabellings

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
from digest import digest_of_code  # noqa: E402

DONE = HERE.parent / "runs" / "calibration.jsonl"
REPORT = HERE / "calibration.md"

Cloud = NDArray[Any]
Row = dict[str, Any]

NULLS = 2000
POINTS = 30
LEVEL = 0.05
CONFIDENCE = 3.2905
"""Standard normal quantile of a two-sided 99.9 % interval."""


# Clouds: (n, generator) → (n, d), rows independent.


def gaussian(n: int, rng: np.random.Generator, d: int = 10) -> Cloud:
    return rng.normal(size=(n, d))


def clustered(n: int, rng: np.random.Generator, d: int = 10) -> Cloud:
    centres = np.random.default_rng(5).normal(size=(5, d)) * 6 / d**0.5
    return centres[rng.integers(5, size=n)] + rng.normal(size=(n, d))


def far_cluster(n: int, rng: np.random.Generator, share: float = 0.05) -> Cloud:
    return rng.normal(size=(n, 10)) + 20 * (rng.random(n) < share)[:, None]


def heavy_tailed(n: int, rng: np.random.Generator, d: int = 10) -> Cloud:
    return rng.standard_t(2.5, size=(n, d))


def circle(n: int, rng: np.random.Generator, noise: float = 0.3) -> Cloud:
    angle = rng.uniform(0, 2 * np.pi, n)
    cloud = noise * rng.normal(size=(n, 10))
    cloud[:, :2] += np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return cloud


@functools.cache
def layer_rows() -> Cloud | None:
    """layer3 of ResNet-20 on CIFAR-10 images, where the data folder is beside the checkout."""
    from clouds import shared_clouds

    found = shared_clouds().get("resnet20.layer3")
    if found is None:
        return None
    kept = HERE.parent / "runs" / "calibration-layer3.npy"
    if not kept.exists():
        kept.parent.mkdir(exist_ok=True)
        np.save(kept, found(3000))
    return np.asarray(np.load(kept))


def layer(n: int, rng: np.random.Generator) -> Cloud:
    rows = layer_rows()
    assert rows is not None
    return rows[rng.permutation(len(rows))[:n]]


KINDS: dict[str, Callable[[int, np.random.Generator], Cloud]] = {
    "Gaussian, d = 10": gaussian,
    "Gaussian, d = 500": functools.partial(gaussian, d=500),
    "5 clusters, d = 10": clustered,
    "5 clusters, d = 500": functools.partial(clustered, d=500),
    "5 % of the points far away": far_cluster,
    "ResNet-20 layer3, rows split at random": layer,
}


# False positives.


def two_samples(kind: str, inputs: int, rng: np.random.Generator, paired: bool) -> tuple[ts.Representation, ...]:
    """Unpaired: disjoint rows of one source. Paired: two exchangeable noisy copies of the same rows."""
    make = KINDS[kind]
    ids = np.arange(inputs)
    if paired:
        x = make(inputs, rng)
        noise = 0.3 * x.std() * rng.normal(size=(2, *x.shape))
        return ts.Representation(x + noise[0], ids), ts.Representation(x + noise[1], ids)
    x = make(2 * inputs, rng)
    return ts.Representation(x[:inputs], ids), ts.Representation(x[inputs:], ids + inputs)


def false_positives(name: str, kind: str, paired: bool, nulls: int) -> Iterator[Row]:
    """Rejections per degree; 7 pairs of draws or 6 and 6, few enough that every relabelling is used."""
    draws = 7 if paired else 6
    rng = seeded(name)
    p: dict[int, list[float]] = {0: [], 1: []}
    sizes: dict[int, list[float]] = {0: [], 1: []}
    for null in range(nulls):
        a, b = two_samples(kind, draws * POINTS, rng, paired)
        found = ts.test_differences({"": (a, b)}, (0, 1), draws=draws, adjust="none", seed=null, threads=1)
        for (_name, degree), result in found.items():
            p[degree].append(result.p_value)
            sizes[degree].append(exact_size(result.null))
    for degree in (0, 1):
        name = f"{kind}; {'paired' if paired else 'unpaired'}; H{degree}"
        yield rate_row(name, np.array(p[degree]), LEVEL, size=float(np.mean(sizes[degree])))


def exact_size(null: Cloud) -> float:
    """The largest step at or below the level that p can take: the rate of an exact test with this null sample.

    Ties make it smaller. In paired tests they are no rarity: where two kinds of draws are so far apart that all their
    bars meet the diagonal, swapping one kind altogether changes nothing.
    """
    counts = np.unique(np.round(null / np.abs(null).max(), 9), return_counts=True)[1]
    shares = np.cumsum(counts[::-1]) / len(null)
    return float(shares[shares <= LEVEL + 1e-12].max(initial=0.0))


def variants(name: str, nulls: int, kind: str = "5 % of the points far away", **options: Any) -> Iterator[Row]:
    """Other ways to ask: joined degrees, landscapes, a pooled scale, repeated splits, the same inputs handed out."""
    rng = seeded(name)
    p = []
    for null in range(nulls):
        if options.get("paired") is False:
            x = KINDS[kind](2 * 6 * POINTS, rng)
            a = b = ts.Representation(x, np.arange(len(x)))
        else:
            a, b = two_samples(kind, 6 * POINTS, rng, paired=False)
        p.append(ts.test_difference(a, b, draws=6, seed=null, threads=1, **options).p_value)
    yield rate_row(f"{kind}; {name}", np.array(p), LEVEL, lattice=462, below="splits" in options)


def scale_per_representation(name: str, nulls: int) -> Iterator[Row]:
    """What is not offered: each representation divided by its own scale before the draws are taken."""
    rng = seeded(name)
    p = []
    for null in range(nulls):
        pair = two_samples("5 % of the points far away", 6 * POINTS, rng, paired=False)
        scaled = []
        for one in pair:
            distances = ts.pairwise_distances(one.points)
            scale = np.quantile(distances[np.triu_indices(len(distances), 1)], 0.9)
            scaled.append(ts.Representation(one.points / scale, one.sample_ids))
        found = ts.test_difference(*scaled, degree=0, draws=6, scale=None, seed=null, threads=1)
        p.append(found.p_value)
    yield rate_row(name, np.array(p), LEVEL, holds=False)


def not_exchangeable(name: str, nulls: int) -> Iterator[Row]:
    """Equal laws, pairs that are not exchangeable: b's heavy-tailed quantile is a's, turned by a tenth.

    One number per draw stands for its diagram. In nine draws of ten b's is a little larger, in one it is far smaller.
    """
    for draws in (8, 10, 12):
        rng = seeded(f"{name} {draws}")
        paired, apart = [], []
        for _null in range(nulls):
            turn = rng.random((3, draws))
            x, y, z = ((1 - u) ** (-1 / 1.2) for u in (turn[0], (turn[0] + 0.1) % 1, turn[1]))
            paired.append(permutation_tests([scalar_cell(PairedCell, x, y)], 1.0)[0].p_value)
            apart.append(permutation_tests([scalar_cell(UnpairedCell, x[:6], z[:6])], 1.0)[0].p_value)
        yield rate_row(
            f"heavy-tailed laws, equal, {draws} pairs not exchangeable; paired", np.array(paired), LEVEL, holds=False
        )
        if draws == 8:
            yield rate_row(
                "the same laws, 6 and 6 draws of different inputs; unpaired", np.array(apart), LEVEL, lattice=462
            )


def scalar_cell(kind: type, x: Cloud, y: Cloud) -> Any:
    distances = [np.abs(u[:, None] - v[None, :]) for u, v in ((x, x), (y, y), (x, y))]
    return kind("", *distances)


def architectures(name: str, nulls: int) -> Iterator[Row]:
    """4 and 4 networks of one random architecture, each with its own weights, on the same inputs."""
    rng = seeded(name)
    p = []
    for null in range(nulls):
        x = rng.normal(size=(3 * POINTS, 10))
        networks = [
            ts.Representation(
                np.maximum(x @ rng.normal(size=(10, 6)) + rng.normal(size=6), 0) @ rng.normal(size=(6, 8)),
                np.arange(len(x)),
            )
            for _ in range(8)
        ]
        found = ts.test_architectures({"a": networks[:4], "b": networks[4:]}, draws=3, seed=null, threads=1)
        p.append(found.p_value)
    yield rate_row("8 random networks, 4 called a and 4 called b; H1", np.array(p), LEVEL, lattice=35)


# Grids.


def grid(name: str, nulls: int, true_layers: int) -> Iterator[Row]:
    """20 layers × 4 measurements, 12 pairs of draws, neighbouring cells alike; some layers differ."""
    rng = seeded(name)
    pairs, layers, kinds, dimension = 12, 20, 4, 6
    truth = np.zeros((layers, kinds), dtype=bool)
    truth[:true_layers] = True
    wrong = {"max-T": 0.0, "Holm": 0.0, "Benjamini–Yekutieli": 0.0, "Benjamini–Hochberg": 0.0}
    found = dict.fromkeys(wrong, 0.0)
    for null in range(nulls):
        # Draws of one input set move all layers together: a shared part, and one of the cell's own.
        shared = rng.normal(size=(2, pairs, dimension))
        values = shared[:, None, None] + rng.normal(size=(2, layers, kinds, pairs, dimension))
        values[1] += 1.5 * truth[..., None, None]
        swaps = Relabellings(pairs, pairs, True, None, null)
        statistics = np.stack(
            [swaps.statistics(vector_cell(*values[:, i, j]), "energy") for i in range(layers) for j in range(kinds)],
            axis=1,
        )
        p = (statistics >= statistics[0] - 1e-9).mean(axis=0)
        studentised = (statistics - statistics.mean(axis=0)) / statistics.std(axis=0)
        adjusted = {
            "max-T": step_down_max_t(studentised),
            "Holm": holm(p),
            "Benjamini–Yekutieli": benjamini_yekutieli(p),
            "Benjamini–Hochberg": benjamini_hochberg(p),
        }
        for method, values_ in adjusted.items():
            rejected = values_ <= LEVEL
            false = (rejected & ~truth.ravel()).sum()
            wrong[method] += (false > 0) if method in ("max-T", "Holm") else false / max(rejected.sum(), 1)
            found[method] += (rejected & truth.ravel()).sum() / max(truth.sum(), 1)
    for method in wrong:
        what = "any wrong rejection" if method in ("max-T", "Holm") else "share of wrong rejections"
        rate = wrong[method] / nulls
        bound = LEVEL + CONFIDENCE * (LEVEL * (1 - LEVEL) / nulls) ** 0.5
        yield {
            "row": f"{method}: {what}, {4 * true_layers} true effects of 80",
            "rate": rate,
            "expected": f"at most {LEVEL:g}",
            "interval": [0.0, bound],
            "holds": rate <= bound,
            "note": f"{found[method] / nulls:.0%} of the true effects found" if true_layers else "",
            "nulls": nulls,
        }


def vector_cell(x: Cloud, y: Cloud) -> PairedCell:
    distances = [np.sqrt(((u[:, None] - v[None, :]) ** 2).sum(axis=-1)) for u, v in ((x, x), (y, y), (x, y))]
    return PairedCell("", *distances)


# Intervals.


Two = Callable[[np.random.Generator], tuple[Cloud, Cloud]]
"""Makes a draw of a and one of b."""
Situations = dict[str, tuple[bool, Two]]
"""Name → whether the draws are paired, and what makes them."""


def copies(base: Callable[..., Cloud], low: float, high: float) -> Two:
    def make(rng: np.random.Generator) -> tuple[Cloud, Cloud]:
        x = base(POINTS, rng)
        return x + low * rng.normal(size=x.shape), x + high * rng.normal(size=x.shape)

    return make


def apart(first: Callable[..., Cloud], second: Callable[..., Cloud]) -> Two:
    return lambda rng: (first(POINTS, rng), second(POINTS, rng))


SITUATIONS: Situations = {
    "no effect: Gaussian": (False, apart(gaussian, gaussian)),
    "no effect: 5 % of the points far away": (False, apart(far_cluster, far_cluster)),
    "no effect: noisy copies of clusters": (True, copies(clustered, 0.5, 0.5)),
    "Gaussians of 10 and 12 dimensions": (False, apart(gaussian, functools.partial(gaussian, d=12))),
    "circles, noise 0.30 and 0.36": (False, apart(circle, functools.partial(circle, noise=0.36))),
    "Gaussians of 10 and 20 dimensions": (False, apart(gaussian, functools.partial(gaussian, d=20))),
    "Gaussian and clusters": (False, apart(gaussian, clustered)),
    "copies of clusters, noise 0.5 and 1.5": (True, copies(clustered, 0.5, 1.5)),
    "copies of a circle, noise 0.2 and 0.3": (True, copies(functools.partial(circle, noise=0.1), 0.2, 0.3)),
}
HEAVY: Situations = {
    "Gaussian, and 5 % of the points far away": (False, apart(gaussian, far_cluster)),
    "5 and 15 % of the points far away": (False, apart(far_cluster, functools.partial(far_cluster, share=0.15))),
    "Student's t, 10 and 14 dimensions": (False, apart(heavy_tailed, functools.partial(heavy_tailed, d=14))),
    "copies, 5 % far away, noise 0.5 and 1.5": (True, copies(far_cluster, 0.5, 1.5)),
}
POPULATION = 1000
"""Draws of a and of b. Those of a sample differ from each other, so few of a small population would vary too little."""


def coverage(name: str, situation: str, nulls: int, distance: str | None = "wasserstein") -> Iterator[Row]:
    """Samples of draws from a population of `POPULATION` draws of a and as many of b, whose effect is known."""
    from toposcope.stats.draws import landscape_distances

    paired, make = {**SITUATIONS, **HEAVY}[situation]
    rng, n = seeded(situation), POPULATION
    population = [make(rng) for _ in range(n)]
    clouds = [a for a, _b in population] + [b for _a, b in population]
    diagrams = [ts.vietoris_rips(cloud, 1, scale="q0.9") for cloud in clouds]
    kind = PairedCell if paired else UnpairedCell
    for degree in (0, 1):
        if distance is None:
            matrix = landscape_distances(diagrams, degree)
        else:
            matrix = ts.compare(diagrams, distance, degree=degree, threads=1).values
        truth = effect(kind("", matrix[:n, :n], matrix[n:, n:], matrix[:n, n:]))
        truth = 0.0 if situation.startswith("no effect") else truth
        for draws in (6, 10, 20):
            inside = below = 0
            for null in range(nulls):
                i, j = chosen(draws, paired, truth == 0, rng)
                cell = kind("", matrix[np.ix_(i, i)], matrix[np.ix_(j, j)], matrix[np.ix_(i, j)])
                p = permutation_tests([cell], 1.0, seed=null, permutations=999)[0].p_value
                interval = effect_interval(cell, p)
                assert interval is not None
                inside += truth in interval
                below += interval.low > truth
            yield {
                "row": f"{situation}; {'paired' if paired else 'unpaired'}; H{degree}; {draws} draws"
                + ("; landscapes" if distance is None else ""),
                "rate": inside / nulls,
                "expected": "0.95",
                "interval": [0.93, 0.97],
                "holds": 0.93 <= inside / nulls <= 0.97,
                "note": f"effect {truth:.3g}; too high {below / nulls:.1%}",
                "nulls": nulls,
            }


def chosen(draws: int, paired: bool, alike: bool, rng: np.random.Generator) -> tuple[Cloud, Cloud]:
    """Diagrams of a sample: a's are the first half of the population, b's the other. Where all are alike the two change
    places at random, or the finite population itself would have a small effect."""
    n = POPULATION
    if alike and not paired:
        both = rng.permutation(2 * n)[: 2 * draws]
        return both[:draws], both[draws:]
    i = rng.permutation(n)[:draws]
    j = n + (i if paired else rng.permutation(n)[:draws])
    swapped = rng.random(draws) < 0.5 if alike else np.zeros(draws, dtype=bool)
    return np.where(swapped, j, i), np.where(swapped, i, j)


# The table.


def seeded(name: str) -> np.random.Generator:
    return np.random.default_rng(zlib.crc32(name.encode()))


def rate_row(
    row: str,
    p: Cloud,
    level: float,
    lattice: int | None = None,
    size: float | None = None,
    below: bool = False,
    holds: bool | None = None,
) -> Row:
    """Rejections at the level beside what an exact test of that lattice gives, in a 99.9 % binomial interval."""
    step = level if lattice is None else np.floor(level * lattice + 1e-9) / lattice
    expected = step if size is None else size
    spread = CONFIDENCE * (expected * (1 - expected) / len(p)) ** 0.5
    rate = float((p <= level + 1e-12).mean())
    low = 0.0 if below else expected - spread
    return {
        "row": row,
        "rate": rate,
        "expected": ("at most " if below else "") + f"{expected:.4f}",
        "interval": [low, expected + spread],
        "holds": low <= rate <= expected + spread if holds is None else holds,
        "note": "known not to hold" if holds is False else "",
        "nulls": len(p),
    }


def plan(nulls: int) -> dict[str, tuple[str, Callable[[], Iterator[Row]]]]:
    """Name of a row group → section, and what computes it."""
    groups: dict[str, tuple[str, Callable[[], Iterator[Row]]]] = {}
    for kind in KINDS:
        if kind.startswith("ResNet") and layer_rows() is None:
            print(f"skipped: {kind} (the data folder ../shared/data is not beside this checkout)")
            continue
        for paired in (False, True):
            name = f"false positives, {kind}, {'paired' if paired else 'unpaired'}"
            groups[name] = ("False positives", functools.partial(false_positives, name, kind, paired, nulls))
    asked: dict[str, dict[str, Any]] = {
        "H0 and H1 joined": {"degree": (0, 1)},
        "landscapes, H1": {"statistic": "landscape"},
        "pooled scale, H1": {"scale_of": "pooled"},
        "sliced Wasserstein, H1": {"distance": "sliced_wasserstein"},
        "twice the median p of 3 splits, H1": {"splits": 3},
        "the same inputs, handed out to a or b, H1": {"paired": False},
    }
    for name, options in asked.items():
        groups[name] = ("Other ways to ask", functools.partial(variants, name, nulls, **options))
    name = "one scale per representation, 5 % of the points far away, H0"
    groups[name] = ("What does not hold", functools.partial(scale_per_representation, name, nulls))
    name = "not exchangeable"
    groups[name] = ("What does not hold", functools.partial(not_exchangeable, name, nulls))
    name = "architectures"
    groups[name] = ("Networks as units", functools.partial(architectures, name, nulls))
    for true_layers in (0, 5):
        name = f"grid, {4 * true_layers} true effects"
        groups[name] = ("Grids of 20 × 4 tests", functools.partial(grid, name, nulls, true_layers))
    for situation in SITUATIONS:
        name = f"interval, {situation}"
        groups[name] = ("Intervals of the effect", functools.partial(coverage, name, situation, nulls))
    for situation in ("no effect: Gaussian", "Gaussians of 10 and 20 dimensions"):
        name = f"interval, landscapes, {situation}"
        groups[name] = ("Intervals of the effect", functools.partial(coverage, name, situation, nulls, None))
    for situation in HEAVY:
        name = f"interval, heavy tails, {situation}"
        groups[name] = ("Intervals under heavy tails", functools.partial(coverage, name, situation, nulls))
    return groups


WORDS = {
    "False positives": """Both representations follow one law; the share of tests that reject at 0.05. Draws of 30
points, scaled by their own 0.9-quantile; W1; the energy statistic; every relabelling, so that p lies on a lattice and
the exact rate is the largest step at or below 0.05: 3/64 for 7 pairs, 23/462 for 6 and 6 draws, less where relabellings
tie. Ties are counted in every simulation. Paired nulls are two noisy copies of the same rows.""",
    "Other ways to ask": "The same, 6 and 6 draws.",
    "What does not hold": """Measured to be known. One scale per representation is not offered. A paired test needs
pairs that are exchangeable, not only equal laws; here b is a little larger in nine draws of ten and far smaller in one.
`paired=False` keeps the level for equal laws.""",
    "Networks as units": """Whole networks relabelled: 70 ways, 35 different statistics, and 1/35 is the largest step
below 0.05.""",
    "Grids of 20 × 4 tests": """Family-wise error for max-T and Holm, false discovery rate for the other two; 12 pairs
of draws, 2,048 shared relabellings.""",
    "Intervals of the effect": """Coverage of the 95 % interval; draws of 30 points, sampled from a population of 1,000
of each. Wanted is 0.93 to 0.97. 10 draws are the default, 6 the fewest for which an interval is given. An effect that
is there, but so small that its test seldom finds it, is covered too often: the exact test leaves 0 out, and the lower
bound stays below the effect.""",
    "Intervals under heavy tails": """The same where a draw in a few holds what the others do not: points far away, or
coordinates of Student's t with 2.5 degrees of freedom. Few draws then show too little of the spread, and the upper
bound lies too low more often than it says.""",
}


def write_report(done: dict[str, list[Row]], groups: dict[str, tuple[str, Any]]) -> None:
    lines = [
        "# Calibration",
        "",
        "Written by `python benchmarks/calibration.py`. A rate is inside when it lies in the 99.9 % binomial interval "
        "around what is expected (for coverage: in the range that is wanted).",
    ]
    for section, words in WORDS.items():
        rows = [row for name, (where, _run) in groups.items() if where == section for row in done.get(name, [])]
        if not rows:
            continue
        lines += ["", f"## {section}", "", words, "", "| | simulated | rate | expected | range | inside | |"]
        lines += ["| --- | ---: | ---: | ---: | --- | --- | --- |"]
        for row in rows:
            low, high = row["interval"]
            lines.append(
                f"| {row['row']} | {row['nulls']} | {row['rate']:.4f} | {row['expected']} | {low:.3f} to {high:.3f} | "
                f"{'yes' if row['holds'] else 'no'} | {row['note']} |"
            )
    REPORT.write_text("\n".join(lines) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="rows whose name contains this")
    parser.add_argument("--nulls", type=int, default=NULLS, help="simulations per row")
    parser.add_argument("--fresh", action="store_true", help="forget the rows that are done")
    options = parser.parse_args()
    DONE.parent.mkdir(exist_ok=True)
    if options.fresh:
        DONE.unlink(missing_ok=True)
    kept = [json.loads(line) for line in DONE.read_text().splitlines()] if DONE.exists() else []
    code = digest_of_code(__file__)
    done = {
        entry["name"]: entry["rows"] for entry in kept if (entry["asked"], entry.get("code")) == (options.nulls, code)
    }
    groups = plan(options.nulls)
    for name, (_section, compute) in groups.items():
        if name in done or options.only not in name:
            continue
        start = time.process_time()
        done[name] = list(compute())
        with DONE.open("a") as file:
            entry = {"name": name, "asked": options.nulls, "code": code, "rows": done[name]}
            file.write(json.dumps(entry, default=float) + "\n")
        seconds = time.process_time() - start
        for row in done[name]:
            print(f"{row['rate']:.4f} {'    ' if row['holds'] else 'OUT '} {row['row']}", flush=True)
        print(f"       {seconds:.0f} s", flush=True)
        write_report(done, groups)
    write_report(done, groups)


if __name__ == "__main__":
    main()
