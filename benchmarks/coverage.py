"""What the statistics promise, simulated: one command writes benchmarks/coverage.md.

    python benchmarks/coverage.py                 # all of it, 11 minutes of one core
    python benchmarks/coverage.py --only bands

Rows that are done are kept in runs/coverage.jsonl, and a second call continues; rows that other code or other versions
made are made again. Laws of diagrams are the empirical laws of large pools of diagrams: draws are taken from a pool
with replacement, so the truth that a band or a bound has to cover is known exactly.
"""

from __future__ import annotations

import argparse
import functools
import itertools
import json
import os
import platform
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from safetensors.numpy import save_file
from scipy.spatial.distance import cdist
from scipy.stats import skew

import toposcope as ts
from toposcope.cloud import GaussianControl
from toposcope.demo.plan import RESNET, VGG, VIT
from toposcope.demo.training import read_weights
from toposcope.stats import Cell, PairedCell, UnpairedCell, energy_bounds, mean_interval, permutation_tests
from toposcope.stats.bands import half_width
from toposcope.store import Store

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "benchmarks"))
from digest import digest_of_code  # noqa: E402

KEPT = ROOT / "runs" / "coverage.jsonl"
PAGE = ROOT / "benchmarks" / "coverage.md"
Cloud = Callable[[int, np.random.Generator], Any]
Row = dict[str, Any]


# Clouds ------------------------------------------------------------------------------------------------------------


def ring(noise: float, dimension: int = 20) -> Cloud:
    def make(n: int, rng: np.random.Generator) -> Any:
        angle = rng.uniform(0, 2 * np.pi, n)
        points = noise * rng.normal(size=(n, dimension))
        points[:, 0] += np.cos(angle)
        points[:, 1] += np.sin(angle)
        return points

    return make


def disc(noise: float, dimension: int = 20) -> Cloud:
    """A Gaussian with the mean and covariance of the ring."""

    def make(n: int, rng: np.random.Generator) -> Any:
        points = noise * rng.normal(size=(n, dimension))
        points[:, :2] += rng.normal(size=(n, 2)) / np.sqrt(2)
        return points

    return make


def gaussian(dimension: int, widths: Any = 1.0) -> Cloud:
    return lambda n, rng: rng.normal(size=(n, dimension)) * widths


def clusters(n: int, rng: np.random.Generator) -> Any:
    centres = np.random.default_rng(5).normal(size=(5, 8)) * 3
    return centres[rng.integers(5, size=n)] + rng.normal(size=(n, 8))


def far_cluster(n: int, rng: np.random.Generator) -> Any:
    points = rng.normal(size=(n, 5))
    points[rng.random(n) < 0.05] += 20
    return points


def split_cluster(apart: float, dimension: int = 20) -> Cloud:
    """Two Gaussian clusters; `apart` is the distance of their centres in standard deviations."""

    def make(n: int, rng: np.random.Generator) -> Any:
        points = rng.normal(size=(n, dimension))
        points[:, 0] += apart * (rng.integers(2, size=n) - 0.5)
        return points

    return make


def matched_cluster(apart: float, dimension: int = 20) -> Cloud:
    """One Gaussian with the covariance of the two clusters."""
    widths = np.ones(dimension)
    widths[0] = np.sqrt(1 + apart**2 / 4)
    return gaussian(dimension, widths)


# Equivalence -------------------------------------------------------------------------------------------------------


def bound_on_points(paired: bool, draws: int, level: float, trials: int = 2000) -> Row:
    """Laws of points in p dimensions instead of diagrams: the bound asks for a distance and nothing else."""
    covered: dict[tuple[str, int, float], tuple[float, float]] = {}
    for dimension in (1, 3, 20):
        widths = 1 / np.sqrt(np.arange(1, dimension + 1))
        for name in ("normal", "t3", "exponential"):
            for shift in (0.0, 0.3, 0.6, 1.0, 1.5, 3.0):
                rng = np.random.default_rng([7, draws, dimension, int(10 * shift), len(name)])
                estimates, lows, highs = np.empty(trials), np.empty(trials), np.empty(trials)
                for trial in range(trials):
                    a, b, common = (_law(name, (draws, dimension), rng) * widths for _ in range(3))
                    if paired:
                        a, b = 0.5 * a + common, 0.5 * b + common
                    b[:, 0] += shift
                    kind = PairedCell if paired else UnpairedCell
                    cell = kind("simulated", cdist(a, a), cdist(b, b), cdist(a, b))
                    estimates[trial], lows[trial], highs[trial] = energy_bounds(cell, level)
                truth = estimates.mean() if shift else 0.0
                covered[name, dimension, shift] = float((highs >= truth).mean()), float((lows <= truth).mean())
    equal, other = ([c for (_, _, shift), c in covered.items() if (shift == 0) is same] for same in (True, False))
    return {
        "design": "paired" if paired else "unpaired",
        "draws": draws,
        "level": level,
        "upper bound, equal laws": _range([high for high, _low in equal]),
        "upper, laws that differ": _range([high for high, _low in other]),
        "lower bound, equal laws": _range([low for _high, low in equal]),
        "lower, laws that differ": _range([low for _high, low in other]),
        "simulated": f"{len(covered)} laws, {trials} each",
    }


def _law(name: str, shape: tuple[int, ...], rng: np.random.Generator) -> Any:
    if name == "normal":
        return rng.normal(size=shape)
    return rng.standard_t(3, size=shape) if name == "t3" else rng.exponential(size=shape)


def _paired_copies(noise: float) -> Callable[[int, np.random.Generator], tuple[Any, Any]]:
    def make(n: int, rng: np.random.Generator) -> tuple[Any, Any]:
        points = clusters(n, rng)
        return points + 0.3 * rng.normal(size=points.shape), points + noise * rng.normal(size=points.shape)

    return make


EQUIVALENCE: dict[str, tuple[bool, Callable[[int, np.random.Generator], tuple[Any, Any]]]] = {
    "one law: Gaussian, d=10": (False, lambda n, rng: (gaussian(10)(n, rng), gaussian(10)(n, rng))),
    "ring, noise 0.20 and 0.25": (False, lambda n, rng: (ring(0.2)(n, rng), ring(0.25)(n, rng))),
    "ring and Gaussian of its covariance": (False, lambda n, rng: (ring(0.2)(n, rng), disc(0.2)(n, rng))),
    "far cluster of 5 %, and none": (False, lambda n, rng: (far_cluster(n, rng), gaussian(5)(n, rng))),
    "two equally noisy copies of clusters": (True, _paired_copies(0.3)),
    "copies of clusters, noise 0.3 and 0.8": (True, _paired_copies(0.8)),
}


def bound_on_diagrams(name: str, degree: int, pool: int = 120, points: int = 40, trials: int = 4000) -> Row:
    paired, make = EQUIVALENCE[name]
    rng = np.random.default_rng([11, degree, len(name)])
    clouds = [make(points, rng) for _ in range(pool)]
    equal = name.startswith(("one law", "two equally"))
    diagrams = [ts.vietoris_rips(pair[side], degree, scale="q0.9") for side in (0, 1) for pair in clouds]
    values = ts.compare(diagrams, degree=degree, threads=1).values
    aa, bb, ab = values[:pool, :pool], values[pool:, pool:], values[:pool, pool:]
    if equal:  # both are drawn from one pool, or the two of a pair may be swapped: then the laws are the same exactly
        ab, bb = (ab, bb) if paired else (aa, aa)
    truth = 0.0 if equal else float((ab + ab.T - aa - bb).mean())
    row: Row = {"laws": name, "degree": degree, "distance between laws": f"{truth:.3g}"}
    for draws in (8, 12, 16):
        held = np.empty((trials, 2))
        for trial in range(trials):
            i = rng.integers(pool, size=draws)
            j = i if paired else rng.integers(pool, size=draws)
            cell: Cell
            if paired and equal:
                swap = np.concatenate([i, i + pool]).reshape(2, draws)
                swap = np.where(rng.random(draws) < 0.5, swap, swap[::-1])
                parts = [values[np.ix_(x, y)] for x, y in ((swap[0],) * 2, (swap[1],) * 2, (swap[0], swap[1]))]
                cell = PairedCell("simulated", *parts)
            else:
                parts = [aa[np.ix_(i, i)], bb[np.ix_(j, j)], ab[np.ix_(i, j)]]
                cell = (PairedCell if paired else UnpairedCell)("simulated", *parts)
            _estimate, low, high = energy_bounds(cell)
            held[trial] = high >= truth, low <= truth
        row[f"{draws} draws, upper and lower"] = " and ".join(f"{share:.3f}" for share in held.mean(axis=0))
    return row


APART = (0.3, 0.6, 1.0, 2.0)


def margins(paired: bool, twins: int, draws: int, layers: int = 2000) -> Row:
    """Every two of the twins, and a network that is held against the first, are equally far apart in every layer."""
    row: Row = {"design": "paired" if paired else "unpaired", "twins": twins, "draws": draws}
    shares: dict[str, list[str]] = {}
    for apart in APART:
        rng = np.random.default_rng([41, twins, draws, int(10 * apart), paired])
        centres = apart / np.sqrt(2) * np.eye(twins + 1)
        truth = _distance_of_laws(centres[0], centres[1], np.random.default_rng(43))
        found, same = np.empty(layers), np.empty(layers, dtype=bool)
        for layer in range(layers):
            networks = _on_draws(centres, draws, rng)
            pairs = itertools.combinations(networks[:twins], 2)
            found[layer] = np.mean([energy_bounds(_cell_of(PairedCell, a, b))[0] for a, b in pairs])
            # Unpaired, the other network saw inputs of its own, as training inputs are.
            other = networks[twins] if paired else _on_draws(centres, draws, rng)[twins]
            kind = PairedCell if paired else UnpairedCell
            same[layer] = energy_bounds(_cell_of(kind, networks[0], other))[2] < found[layer]
        kept = found > 0
        shares.setdefault("layers with a margin", []).append(f"{kept.mean():.2f}")
        shares.setdefault("its mean over the truth", []).append(f"{found[kept].mean() / truth:.2f}")
        shares.setdefault("called the same", []).append(f"{(kept & same).mean():.3f}")
    return row | {name: ", ".join(values) for name, values in shares.items()}


def _on_draws(centres: Any, draws: int, rng: np.random.Generator) -> Any:
    """(networks, draws, d) points that stand for diagrams: every network sees the same inputs, and adds noise."""
    networks, d = centres.shape
    return centres[:, None] + 0.5 * rng.normal(size=(draws, d)) + rng.normal(size=(networks, draws, d))


def _cell_of(kind: Callable[..., Cell], a: Any, b: Any) -> Cell:
    return kind("simulated", cdist(a, a), cdist(b, b), cdist(a, b))


def _distance_of_laws(a: Any, b: Any, rng: np.random.Generator, pairs: int = 1_000_000) -> float:
    """2·AB - AA - BB of `_on_draws`, of different draws: both laws are one, but for their centres."""
    noise = 1.25**0.5 * rng.normal(size=(pairs, len(a))) * 2**0.5
    return float(2 * (np.linalg.norm(noise + a - b, axis=1) - np.linalg.norm(noise, axis=1)).mean())


# Bands -------------------------------------------------------------------------------------------------------------

BANDS: dict[str, Cloud] = {
    "ring in d=20, noise 0.2": ring(0.2),
    "Gaussian, d=10": gaussian(10),
    "five clusters, d=8": clusters,
    "far cluster of 5 %, d=5": far_cluster,
}


def band(name: str, degree: int, curve: str, pool: int = 2000, points: int = 50, trials: int = 1000) -> Row:
    rng = np.random.default_rng([13, degree, len(name)])
    diagrams = [ts.vietoris_rips(BANDS[name](points, rng), scale="q0.9") for _ in range(pool)]
    values = np.linspace(0, max(float(diagram.finite(degree).max()) for diagram in diagrams), 80)
    if curve == "Betti":
        curves = np.array([diagram.betti(values, degree) for diagram in diagrams], dtype=np.float64)
    else:
        levels = int(curve.split()[-1])
        curves = np.array([ts.landscape(diagram, values, degree, levels).ravel() for diagram in diagrams])
    truth = curves.mean(axis=0)
    row: Row = {"cloud": name, "degree": degree, "curve": curve}
    for draws in (8, 12, 16):
        held = 0
        for trial in range(trials):
            drawn = curves[rng.integers(pool, size=draws)]
            mean = drawn.mean(axis=0)
            held += np.abs(mean - truth).max() <= half_width(drawn - mean, 0.95, 500, trial) + 1e-12
        row[f"{draws} draws"] = f"{held / trials:.3f}"
    return row


# Means over draws --------------------------------------------------------------------------------------------------

NETWORKS = {"vgg": VGG, "resnet": RESNET, "vit": VIT}
LAYERS = {"first": 0, "last": -1}
SKEWED: dict[str, Callable[[int, np.random.Generator], Any]] = {
    "no layer: normal": lambda n, rng: 10 + rng.normal(size=n),
    "no layer: lognormal, sigma 0.8": lambda n, rng: rng.lognormal(sigma=0.8, size=n),
}
STATISTICS: dict[str, Callable[[ts.PersistenceDiagram, int], float]] = {
    "total persistence": ts.total_persistence,
    "longest bar": lambda diagram, degree: float(np.ptp(diagram.finite(degree), axis=1).max(initial=0.0)),
}


@functools.cache
def layer_of(network: str, layer: str) -> Any:
    """(1797, d) points of all digits in the first or last block of a network of the demo, trained."""
    training = NETWORKS[network]
    store = Store(KEPT.parent / "coverage-networks")
    if training.key not in store:
        training.perform(store)
    weights = KEPT.parent / "coverage-networks" / f"{network}.safetensors"
    arrays = read_weights(store, training, training.epochs)
    save_file({key: np.ascontiguousarray(array) for key, array in arrays.items()}, weights)
    layers = list(ts.extract(f"{training.factory}@{weights}", "digits", "blocks").values())
    return layers[LAYERS[layer]].points


@functools.cache
def diagrams_of(network: str, layer: str, pool: int, points: int) -> list[ts.PersistenceDiagram]:
    x = layer_of(network, layer)
    rng = np.random.default_rng([31, *map(ord, network + layer)])
    rows = (rng.choice(len(x), points, replace=False) for _ in range(pool))
    return [ts.vietoris_rips(x[chosen], 1, scale="q0.9", threads=1) for chosen in rows]


def mean_over_draws(law: str, degree: Any, statistic: str, pool: int = 1500, trials: int = 20_000) -> Row:
    rng = np.random.default_rng([37, *map(ord, f"{law}{degree}{statistic}")])
    if law in SKEWED:
        values = SKEWED[law](100 * pool, rng)
    else:
        network, layer = law.split(", ")
        diagrams = diagrams_of(network, layer, pool, 50)
        values = np.array([STATISTICS[statistic](diagram, degree) for diagram in diagrams])
    row: Row = {"layer": law, "degree": degree, "statistic": statistic}
    row["spread over mean"] = f"{values.std() / values.mean():.2f}"
    row["skewness"] = f"{skew(values):.2f}"
    for draws in (4, 8, 12, 16):
        drawn = values[rng.integers(len(values), size=(trials, draws))]
        one = mean_interval(drawn[0])  # half its width is one multiple of the deviation in every trial
        half = (one.high - one.low) / 2 / drawn[0].std(ddof=1) * drawn.std(axis=1, ddof=1)
        row[f"{draws} draws"] = f"{np.mean(np.abs(drawn.mean(axis=1) - values.mean()) <= half):.3f}"
    return row


# Bars --------------------------------------------------------------------------------------------------------------


def false_bars(dimension: int, points: int, degree: int = 1, nulls: int = 2000) -> Row:
    rng = np.random.default_rng([17, dimension, points, degree])
    count, bars = 0, 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ts.ToposcopeWarning)
        for _ in range(nulls):
            result = ts.bar_significance(ts.vietoris_rips(rng.normal(size=(points, dimension)), degree), degree)
            count += bool(result.significant.any())
            bars += len(result)
    return {
        "d": dimension,
        "points": points,
        "degree": degree,
        "bars on average": f"{bars / nulls:.1f}",
        "clouds with a significant bar": f"{count / nulls:.4f}",
        "nulls": nulls,
    }


def circle(noise: float, points: int, trials: int = 300) -> Row:
    rng = np.random.default_rng([19, points, int(100 * noise)])
    found, band_found = 0, 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ts.ToposcopeWarning)
        for trial in range(trials):
            cloud = ring(noise, 2)(points, rng)
            diagram = ts.vietoris_rips(cloud)
            found += int(ts.bar_significance(diagram).significant.sum()) == 1
            band_found += bool(ts.fasy_band(cloud, repeats=200, seed=trial).longer(diagram).any())
    return {
        "noise": noise,
        "points": points,
        "exactly one bar significant": f"{found / trials:.3f}",
        "longer than the Fasy band": f"{band_found / trials:.3f}",
    }


# Controls ----------------------------------------------------------------------------------------------------------


def controls(kind: str, dimension: int, spectrum: str, points: int = 60, clouds: int = 30) -> Row:
    widths = np.ones(dimension) if spectrum == "flat" else 1 / np.sqrt(np.arange(1, dimension + 1))
    declared = trusted = called = 0
    rate = 0.0
    for cloud in range(clouds):
        rng = np.random.default_rng([23, dimension, cloud])
        sample = gaussian(dimension, widths)
        made = sample(points, rng)
        covariance = "sample" if kind == "sample" else "shrunk"
        control = GaussianControl(covariance, sample(points, rng) if kind == "shrunk, held-out rows" else None)
        result = ts.control_excess(made, _total_h0, control, controls=39, seed=cloud)
        declared += result.p_value <= 0.05
        trusted += result.calibrated
        called += result.is_excess
        rate += result.calibration
    return {
        "covariance": kind,
        "spectrum": spectrum,
        "d / n": f"{dimension} / {points}",
        "p <= 0.05": f"{declared / clouds:.2f}",
        "stand-ins with an excess": f"{rate / clouds:.2f}",
        "calibrated": f"{trusted / clouds:.2f}",
        "called an excess": f"{called / clouds:.2f}",
    }


def control_clouds(kind: str, dimension: int, spectrum: str, studies: int = 30) -> Row:
    """What a study says of a Gaussian layer beside its control clouds: 8 draws of 50 points, degrees 0 and 1."""
    widths = np.ones(dimension) if spectrum == "flat" else 1 / np.sqrt(np.arange(1, dimension + 1))
    rates = np.zeros((studies, 2, 4))
    with tempfile.TemporaryDirectory() as folder:
        for number in range(studies):
            rng = np.random.default_rng([37, dimension, number, len(kind)])
            points = rng.normal(size=(400, dimension)) * widths
            if kind == "shuffled":
                points = np.abs(points) * rng.gamma(1, size=dimension)
            where = Path(folder) / str(number)
            ts.Representation(points, np.arange(400), source=ts.Source(layer="layer")).save(where / "layer.npz")
            plan = {
                "recipe": "layers",
                "network": [{"name": "null", "representations": str(where)}],
                "cloud": {"size": 50, "draws": 8},
                "controls": {"clouds": [kind]},
            }
            table = ts.run(ts.Study.parse(plan), where / "run", thumbnails=False).tables["controls"]
            shown = table["calibrated"] & (table["p_adjusted"] <= 0.05)
            numbers = (table["calibration"], table["calibrated"], shown, table["excess"].abs())
            rates[number] = np.stack([column.to_numpy(dtype=float) for column in numbers], axis=1)
    mean = rates.mean(axis=0)
    words = ("stand-ins told apart", "calibrated", "called an excess", "relative excess, absolute")
    row: Row = {"clouds": kind, "spectrum": spectrum, "d": dimension}
    return row | {f"{word}: H0, H1": f"{mean[0, k]:.2f}, {mean[1, k]:.2f}" for k, word in enumerate(words)}


def _total_h0(cloud: Any) -> float:
    return ts.total_persistence(ts.vietoris_rips(cloud, 0), 0)


# Power -------------------------------------------------------------------------------------------------------------

POWER: dict[str, tuple[Cloud, Cloud]] = {
    "ring in d=20, noise 0.2, and a Gaussian of its covariance": (ring(0.2), disc(0.2)),
    "ring in d=20, noise 0.3, and a Gaussian of its covariance": (ring(0.3), disc(0.3)),
    "a cluster split by 10 sd, d=20, and a Gaussian of its covariance": (split_cluster(10.0), matched_cluster(10.0)),
    "half the axes 1.3 times as wide, d=20": (gaussian(20), gaussian(20, np.repeat([1.3, 1.0], 10))),
}


def power(name: str, inputs: int, size: int = 25, experiments: int = 200) -> Row:
    """Unpaired, `inputs` in all: half of them from each side."""
    a, b = POWER[name]
    rng = np.random.default_rng([29, inputs, len(name)])
    draws = inputs // (2 * size)
    cells: dict[int, list[Cell]] = {0: [], 1: []}
    points_reject = {"energy": 0, "MMD": 0}
    for _ in range(experiments):
        both = [make(draws * size, rng) for make in (a, b)]
        diagrams = [
            ts.vietoris_rips(part, 1, scale="q0.9") for cloud in both for part in cloud.reshape(draws, size, -1)
        ]
        for degree, family in cells.items():
            values = ts.compare(diagrams, degree=degree, threads=1).values
            parts = values[:draws, :draws], values[draws:, draws:], values[:draws, draws:]
            family.append(UnpairedCell("simulated", *parts))
        distances = ts.pairwise_distances(np.concatenate(both))
        kernel = np.exp(-((distances / np.median(distances[distances > 0])) ** 2) / 2)
        labels = np.array([rng.permutation(2 * draws * size) < draws * size for _ in range(199)])
        labels = np.concatenate([(np.arange(2 * draws * size) < draws * size)[None], labels])
        for test, matrix in (("energy", -distances), ("MMD", kernel)):
            points_reject[test] += _two_sample_p(matrix, labels) <= 0.05
    row: Row = {"difference": name, "inputs": inputs, "draws": f"{draws} and {draws} of {size}"}
    for degree, family in cells.items():
        results = [permutation_tests(family[k : k + 20], adjust="none", seed=k) for k in range(0, experiments, 20)]
        share = np.mean([result.p_value <= 0.05 for part in results for result in part])
        row[f"diagrams, H{degree}"] = f"{share:.2f}"
    return row | {f"points, {test}": f"{count / experiments:.2f}" for test, count in points_reject.items()}


def _two_sample_p(kernel: Any, labels: Any) -> float:
    """Permutation p of the squared distance between mean embeddings; labels: (B, n), row 0 the observed one."""
    sign = np.where(labels, 1.0, -1.0)
    statistic = np.einsum("bi,bi->b", sign @ kernel, sign)
    return float((statistic >= statistic[0] - 1e-9 * abs(statistic[0])).mean())


def forecast(name: str, pilot: int, size: int = 25, draws: int = 10, pilots: int = 15) -> Row:
    """What `plan_power` forecasts from pilots, beside the power that fresh inputs have."""
    a, b = POWER[name]
    rng = np.random.default_rng([31, pilot])
    said = []
    for seed in range(pilots):
        both = tuple(ts.Representation(make(pilot, rng), np.arange(pilot) + k * pilot) for k, make in enumerate((a, b)))
        plan = ts.plan_power(both, 1.0, sizes=(size,), draws=(draws,), simulations=200, seed=seed)
        said.append(plan.rows[0].power)
    return {
        "difference": name,
        "pilot": f"{pilot} of each",
        "design": f"{draws} and {draws} draws of {size}",
        "forecast, mean over pilots": f"{np.mean(said):.2f}",
        "sd over pilots": f"{np.std(said, ddof=1):.2f}",
        "power with fresh inputs": power(name, 2 * size * draws, size)["diagrams, H1"],
    }


# The page ----------------------------------------------------------------------------------------------------------

SECTIONS: dict[str, tuple[str, str, Callable[[], Iterator[tuple[Callable[..., Row], tuple[Any, ...]]]]]] = {
    "bars": (
        "False positives of `bar_significance`",
        "Standard Gaussians; the share of clouds in which any bar is significant at 0.05.",
        lambda: (
            (false_bars, arguments)
            for arguments in [(d, n) for n in (50, 100, 200) for d in (2, 3, 5, 10, 20, 50)] + [(3, 60, 2), (10, 60, 2)]
        ),
    ),
    "circles": (
        "Circles found",
        "Radius 1 in the plane with Gaussian noise. The Fasy band finds none at any size that one can afford.",
        lambda: ((circle, (noise, n)) for noise in (0.05, 0.1, 0.2) for n in (50, 100, 200, 500)),
    ),
    "bands": (
        "Coverage of `confidence_band`",
        "Nominal 0.95, simultaneous over 80 filtration values; draws of 50 points.",
        lambda: (
            (band, (name, degree, curve))
            for name in BANDS
            for degree in (0, 1)
            for curve in ("landscape 1", "landscape 3", "Betti")
        ),
    ),
    "means": (
        "Coverage of `mean_interval`",
        "Nominal 0.95, 20,000 simulated; draws of 50 of the 1,797 digits, in the first and the last block of the "
        "demo's trained networks, scaled by q0.9. In the last block a network puts the classes apart.",
        lambda: (
            (mean_over_draws, arguments)
            for arguments in [
                (f"{network}, {layer}", degree, statistic)
                for network in NETWORKS
                for layer in LAYERS
                for degree, statistic in ((0, "total persistence"), (1, "total persistence"), (1, "longest bar"))
            ]
            + [(law, "—", "—") for law in SKEWED]
        ),
    ),
    "bounds": (
        "Coverage of the bounds of `energy_bounds`, laws of points",
        "Normal, t with 3 degrees of freedom and exponential laws in 1, 3 and 20 dimensions, one shifted by 0 to 3 "
        "standard deviations; the smallest and the largest coverage over these laws.",
        lambda: (
            (bound_on_points, (paired, draws, level, *trials))
            for level, numbers, *trials in (
                (0.95, (8, 12, 16, 32)),
                (0.9, (8, 16)),
                (0.99, (8, 16)),
                (0.999, (8, 16), 6000),
            )
            for paired in (True, False)
            for draws in numbers
        ),
    ),
    "diagrams": (
        "Coverage of the bounds of `energy_bounds`, laws of diagrams",
        "Nominal 0.95, one-sided; W1 between diagrams of draws of 40 points.",
        lambda: ((bound_on_diagrams, (name, degree)) for name in EQUIVALENCE for degree in (0, 1)),
    ),
    "margins": (
        "Margins of seed twins, layer by layer",
        f"Points stand for diagrams; twins lie {', '.join(f'{apart:g}' for apart in APART[:-1])} and {APART[-1]:g} "
        "standard deviations of a draw apart, which the entries of a row are for, in this order. A layer has a margin "
        "where the mean over pairs of twins is above 0. Called the same: a network as far from a twin as the twins "
        "from each other, so that 0.05 would be the level if the margin were known.",
        lambda: (
            (margins, (paired, twins, draws)) for paired in (True, False) for twins in (2, 3, 5) for draws in (8, 16)
        ),
    ),
    "power": (
        "Power",
        "At 0.05, unpaired, inputs of both sides together; the test over draws on the energy distance between diagrams "
        "(W1), beside tests on the points themselves (energy, and MMD with a Gaussian kernel of median width).",
        lambda: ((power, (name, inputs)) for name in POWER for inputs in (250, 500, 1000)),
    ),
    "forecast": (
        "What `plan_power` forecasts",
        "From pilots, beside the power that fresh inputs have.",
        lambda: ((forecast, (name, pilot)) for name in list(POWER)[:2] for pilot in (200, 400)),
    ),
    "controls": (
        "Gaussian controls of Gaussian clouds",
        "Nothing is in excess here. The statistic is the total persistence in degree 0 of unscaled clouds.",
        lambda: (
            (controls, (kind, d, spectrum))
            for kind in ("sample", "shrunk", "shrunk, held-out rows")
            for spectrum in ("flat", "decaying")
            for d in (3, 6, 15, 60)
        ),
    ),
    "studies": (
        "Control clouds of a study",
        "Layers that have no excess: Gaussian ones beside Gaussian controls, and ones of independent features beside "
        "shuffled controls. 8 draws of 50 points; a Gaussian is fitted, shrunk, to the 350 rows of the other draws; "
        "total persistence of the scaled draws; 30 studies a row.",
        lambda: (
            (control_clouds, (kind, d, spectrum))
            for kind, spectrum in (("gaussian", "flat"), ("gaussian", "decaying"), ("shuffled", "flat"))
            for d in (5, 64, 256)
        ),
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=list(SECTIONS), help="simulate one section")
    parser.add_argument("--rows", type=int, default=10**6, help="stop after so many rows")
    arguments = parser.parse_args()
    chosen, left = arguments.only, arguments.rows
    KEPT.parent.mkdir(exist_ok=True)
    kept: dict[str, Row] = {}
    code = digest_of_code(__file__)
    if KEPT.exists():
        entries = [json.loads(line) for line in KEPT.read_text().splitlines()]
        kept = {entry["key"]: entry for entry in entries if entry.get("code") == code}
    for section, (_, _, rows) in SECTIONS.items():
        for function, values in rows() if chosen in (None, section) else ():
            key = f"{section} {function.__name__}{values}"
            if key in kept or left == 0:
                continue
            left -= 1
            start = time.process_time()
            row = function(*values)
            kept[key] = {"key": key, "code": code, "row": row, "seconds": time.process_time() - start}
            with KEPT.open("a") as file:
                file.write(json.dumps(kept[key]) + "\n")
            print(f"{kept[key]['seconds']:6.1f} s  {key}  {row}", flush=True)
            write(kept)
    write(kept)


def write(kept: dict[str, Row]) -> None:
    total = sum(entry["seconds"] for entry in kept.values())
    lines = [
        "# What the statistics promise, simulated",
        "",
        f"`python benchmarks/coverage.py`: {total / 60:.0f} minutes of one core, Python {platform.python_version()}, "
        f"numpy {np.__version__}, fixed seeds.",
        "",
        *READING,
        "",
    ]
    for section, (title, words, rows) in SECTIONS.items():
        keys = [f"{section} {function.__name__}{arguments}" for function, arguments in rows()]
        done = [kept[key]["row"] for key in keys if key in kept]
        if done:
            head = list(done[0])
            lines += [f"## {title}", "", words, "", f"| {' | '.join(head)} |", f"|{' --- |' * len(head)}"]
            lines += [f"| {' | '.join(str(row[name]) for name in head)} |" for row in done]
            lines += [""]
    PAGE.write_text("\n".join(lines))


READING = """\
Read it so:

- `bar_significance` keeps its level on Gaussians in 2 to 50 dimensions, by a wide margin beyond 50 points. A noisy
  circle is found from about 100 points on; with fewer there are too few other bars to stand out from.
- `fasy_band` finds no circle at all.
- `confidence_band` is close to nominal for landscapes in degree 0 and conservative elsewhere. The far cluster is the
  hard case: a draw may miss it.
- `mean_interval` covers 93 to 96 % for draws of trained layers, also for the longest bar, whose law is skewed. It would
  not for values as skewed as a lognormal with sigma 0.8: look at the values of the draws where one stands far out.
- The equivalence bound holds, and is wide where the laws are equal. At level 0.999, which each bound of a verdict over
  many layers has, it misses up to three times as often as it says where laws are heavy-tailed and differ.
- A margin from seed twins is unbiased. But a layer whose twins come out at 0 or below has none, so over many layers
  those that have one are selected: where twins are hardly told apart, it is several times too large. The bound is wide
  there, too, and the level of "the same" holds in spite of it.
- The test over draws sees a ring that tests on the points hardly see. It does not see a change of covariance, which
  they see at once: between clouds that may differ in place, spread or covariance, test the points first. A split
  cluster is seen about as early by the points' energy as by H0, and later in H1.
- A Gaussian control of one cloud refuses itself where there are too few points for its dimension. Fitted to the other
  draws of a study it holds in many more dimensions.
""".splitlines()


def _range(shares: list[float]) -> str:
    return f"{min(shares):.3f} to {max(shares):.3f}"


if __name__ == "__main__":
    main()
