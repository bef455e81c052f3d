"""Published results, computed again here; writes docs/reproduced.md in one command.

    python examples/reproduced.py [--data ../shared/data] [--out runs/reproduced] [--only circle ding …]

    clusters    Barannikov et al. 2022: RTD orders clusters and rings where CKA does not
    circle      Damrich, Berens and Kobak 2024: which distance shows a noisy circle in 50 dimensions
    ding        Ding, Denain and Steinhardt 2021: sensitivity and specificity of measures, on digits
    blocks      Raghu et al. 2021, Nguyen et al. 2021: which layers of ViTs and ResNets resemble each other
    hunchback   Ansuini et al. 2019: intrinsic dimension along depth

Each part is computed from fixed seeds. What needs weights, images or embeddings that are not at hand is said in place.
Without --only the page is written whole; parts that were computed before are read from --out.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import json
import math
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

import toposcope as ts  # noqa: E402
from examples import similarity, trained  # noqa: E402
from toposcope.similarity import MEASURES  # noqa: E402
from toposcope.similarity.prepared import Prepared  # noqa: E402
from toposcope.stats import mean_interval  # noqa: E402

MEASURE = {measure.name: measure for measure in MEASURES}


def prose(text: str) -> Iterator[str]:
    """A paragraph, in lines of a page."""
    yield from textwrap.wrap(text, 125, break_long_words=False, break_on_hyphens=False)


def mean_and_bounds(values: Sequence[float], level: float = 0.95) -> tuple[float, float, float]:
    """Mean of independent values and Student's interval."""
    interval = mean_interval(np.asarray(values), level)
    return float(np.mean(values)), interval.low, interval.high


# --- clusters and rings -----------------------------------------------------------------------------------------------


def clusters() -> Iterator[str]:
    """Kendall's τ between each measure and the number of clusters or of coinciding rings."""
    yield "## RTD orders clusters and rings where CKA does not (Barannikov et al. 2022)"
    yield ""
    yield from prose(
        "Kendall's τ between a measure's distance from one cloud and the number of clusters, or of rings that "
        "coincide: here, and in brackets what the authors' notebooks print (github.com/IlyaTrofimov/RTD, "
        "`Clusters.ipynb`, `Rings.ipynb`). Same points, same seeds."
    )
    yield ""
    yield "| | clusters | rings |"
    yield "| --- | --- | --- |"
    found = {
        "clusters": similarity.orderings(similarity.clusters, similarity.CLUSTERS),
        "rings": similarity.orderings(similarity.rings, similarity.RINGS),
    }
    for name in found["clusters"]:
        cells = [f"{found[what][name]:.3f} ({similarity.PUBLISHED[what][name]:.3f})" for what in found]
        yield f"| {name} | {' | '.join(cells)} |"
    yield ""
    yield from prose(
        "RTD and CKA agree to every digit that is printed. Not reproduced: SVCCA on clusters, because the authors' "
        "code centres every input over its features and ours every feature over the inputs; IMD, because theirs is a "
        "stochastic estimate and ours the whole spectrum."
    )


# --- noisy circles ----------------------------------------------------------------------------------------------------

CIRCLE_METRICS = {
    "euclidean": "euclidean",
    "fermat, p = 3": "fermat(p=3)",
    "DTM, k = 4": "dtm(k=4, p=2)",
    "diffusion, k = 15, t = 8": "diffusion(k=15, t=8)",
    "effective resistance, k = 100": "effective_resistance(k=100)",
    "effective resistance, k = 15": "effective_resistance(k=15)",
    "cosine": "cosine",
    "correlation": "correlation",
    "kNN geodesic, k = 15": "knn_geodesic(k=15)",
    "hops, k = 15": "hops(k=15)",
}
"""Name in the table → metric; the first five with the parameters that did best in the source's figure."""


def noisy_circle(n: int, dimension: int, noise: float, seed: int) -> np.ndarray:
    """The source's: even angles, a random plane through the origin, Gaussian noise in every dimension."""
    generator = np.random.RandomState(seed)
    angles = np.linspace(0, 2 * np.pi, n)
    plane = np.linalg.qr(generator.normal(size=(dimension, 2)))[0]
    circle = np.stack([np.cos(angles), np.sin(angles)], axis=1) @ plane.T
    return circle + noise * generator.normal(size=(n, dimension))


def circle(
    n: int = 1000,
    dimension: int = 50,
    noise: Sequence[float] = (0.1, 0.15, 0.2, 0.25, 0.3, 0.35),
    seeds: int = 3,
    metrics: Mapping[str, str] = CIRCLE_METRICS,
) -> Iterator[str]:
    """Mean detection score of every metric at every noise."""
    yield "## Spectral distances show a noisy circle that Euclidean ones lose (Damrich et al. 2024)"
    yield ""
    yield from prose(
        f"A circle of radius 1 and {n:,} points in {dimension} dimensions, Gaussian noise of standard deviation σ in "
        "each. Loop detection score (p₁ − p₂) / p₁ of the H1 bars, 0 where no bar dies at 1.25 times its birth; mean "
        f"of {seeds} seeds. 1: one bar alone stands out. The first five rows have the parameters that the source "
        "found best."
    )
    yield ""
    yield f"| distance | {' | '.join(f'σ = {sigma:g}' for sigma in noise)} |"
    yield f"| --- |{' --- |' * len(noise)}"
    for name, metric in metrics.items():
        cells = []
        for sigma in noise:
            scores = [
                ts.detection_score(ts.vietoris_rips(noisy_circle(n, dimension, sigma, seed), 1, metric))
                for seed in range(seeds)
            ]
            cells.append(f"{np.mean(scores):.2f}")
        yield f"| {name} | {' | '.join(cells)} |"
    yield ""
    yield from prose(
        "Published as figures without numbers, and in words: at σ = 0.25 in 50 dimensions Euclidean distances lose the "
        "loop, effective resistance and diffusion show it, and the refinements of Euclidean distances do not. That is "
        "what comes out here. The circle is centred at the origin, which flatters cosine and correlation: a layer is "
        "not. The source's t-SNE, UMAP and core distances are not metrics of this package."
    )


# --- sensitivity and specificity --------------------------------------------------------------------------------------


def pwcca_of_all(x: Prepared, y: Prepared) -> float:
    """PWCCA as the source's code has it: every direction of `x` has a weight, and what `y` lacks correlates with 0."""
    u, v = x.directions[0], y.directions[0]
    left, correlations, _ = np.linalg.svd(u.T @ v, full_matrices=True)
    weights = np.abs((u @ left).T @ x.centred).sum(axis=1)
    return float(weights[: len(correlations)] @ correlations / weights.sum())


PWCCA_OF_ALL = dataclasses.replace(MEASURE["PWCCA"], name="PWCCA of all directions", of=pwcca_of_all)
DING_MEASURES = (
    MEASURE["Procrustes"],
    MEASURE["CKA"],
    PWCCA_OF_ALL,
    *(MEASURE[name] for name in ("PWCCA", "CKA, unbiased", "RSA", "mutual kNN", "GULP", "RTD", "W1 of H1")),
)
DING_PUBLISHED = {
    # Outputs of experiments/{pca_deletion,layer_exp}/notebook.ipynb in github.com/js-d/sim_metric: ρ, τ
    "deletion": {"Procrustes": (0.860, 0.677), "CKA": (0.751, 0.564), PWCCA_OF_ALL.name: (0.870, 0.690)},
    "layers": {"Procrustes": (0.574, 0.435), "CKA": (0.628, 0.473), PWCCA_OF_ALL.name: (0.491, 0.368)},
}


def probe(train: ts.Representation, test: ts.Representation) -> float:
    """Accuracy of a linear probe: ridge regression on one-hot labels, fitted on the training inputs."""
    return _probe(train.points, np.asarray(train.labels), test.points, np.asarray(test.labels))


def _probe(x: np.ndarray, y: np.ndarray, held_out: np.ndarray, theirs: np.ndarray, ridge: float = 1e-3) -> float:
    mean, spread = x.mean(axis=0), np.linalg.norm(x - x.mean(axis=0)) / math.sqrt(len(x))
    a, b = ((points.astype(np.float64) - mean) / (spread or 1.0) for points in (x, held_out))
    classes = np.unique(y)
    wanted = (y[:, None] == classes).astype(np.float64)
    weights = np.linalg.solve(a.T @ a + ridge * len(a) * np.eye(a.shape[1]), a.T @ (wanted - wanted.mean(axis=0)))
    return float((classes[np.argmax(b @ weights + wanted.mean(axis=0), axis=1)] == theirs).mean())


def deleted(train: np.ndarray, test: np.ndarray, keep: int) -> tuple[np.ndarray, np.ndarray]:
    """Both, with all but the `keep` largest principal components of `train` projected out."""
    directions = np.linalg.svd(train - train.mean(axis=0), full_matrices=False)[2][:keep]
    return tuple((points - train.mean(axis=0)) @ directions.T for points in (train, test))  # type: ignore[return-value]


def ding(
    out: Path,
    seeds: int = 10,
    epochs: int | None = None,
    inputs: int = 300,
    measures: Sequence[ts.Measure] = DING_MEASURES,
) -> Iterator[str]:
    """Rank correlation of dissimilarity and of difference in probe accuracy, on VGGs from several seeds."""
    networks = [
        {part: trained.digits_layers("vgg", seed, out, f"digits:{part}", epochs=epochs) for part in ("train", "test")}
        for seed in range(seeds)
    ]
    names = list(networks[0]["test"])
    rows = ts.disjoint_draws(networks[0]["test"][names[0]].sample_ids, inputs, 1)[0]
    yield "## Which measure follows what a layer can do? (Ding et al. 2021)"
    yield ""
    yield from prose(
        f"{seeds} VGGs of the demo, trained on digits from separate seeds; what a layer can do is the accuracy of a "
        "linear probe on 800 digits that nobody was trained on. A measure is good when its dissimilarity from a "
        "reference (the seed with the best probe) goes with the difference in accuracy: Spearman's ρ and Kendall's "
        f"τ, mean over reference layers, dissimilarities on {inputs} inputs. *Deletion*: the same layer of every "
        "seed, with its smallest principal components deleted step by step (they mostly do not matter, until they "
        "do). *Layers*: every layer of every seed. Intervals leave out one seed at a time."
    )
    yield ""
    found = {
        "deletion": _deletion(networks, names[-3:], rows, measures),
        "layers": _across(networks, names, rows, measures),
    }
    for what, title in (("deletion", "deletion"), ("layers", "layers and seeds")):
        yield f"| {title} | ρ here | τ here | ρ, τ published, BERT |"
        yield "| --- | --- | --- | --- |"
        for name in (measure.name for measure in measures):
            rho, low, high, tau = found[what][name]
            published = DING_PUBLISHED[what].get(name)
            told = "–" if published is None else f"{published[0]:.3f}, {published[1]:.3f}"
            yield f"| {name} | {rho:.2f} ({low:.2f} to {high:.2f}) | {tau:.2f} | {told} |"
        yield ""
    yield from prose(
        "Published: BERT, probes on SST-2 (deletion) and QNLI (layers), figures in the outputs of the authors' "
        "notebooks (github.com/js-d/sim_metric). Their embeddings and BERT seeds are not at hand, and neither are "
        "their other two benchmarks, which need BERTs tuned and pre-trained from many seeds; so the figures are not "
        "expected to agree. `ts.pwcca` is a mean over as many correlations as the smaller rank, so that a layer "
        "which lost directions can score higher for it; the source's code counts what is lost as 0, and so does the "
        "third row."
    )
    yield ""
    yield from prose(_ding_said(found))


def _ding_said(found: Mapping[str, Mapping[str, tuple[float, float, float, float]]]) -> str:
    of_three = [name for name in DING_PUBLISHED["deletion"] if name in found["deletion"]]
    if len(of_three) < 3:
        return "The measures here are not the three that were published."
    parts = []
    for what, told in DING_PUBLISHED.items():
        here = sorted(of_three, key=lambda name, what=what: -found[what][name][0])
        there = sorted(of_three, key=lambda name, told=told: -told[name][0])
        parts.append(
            f"{what}: {', '.join(here)} here, " + ("as published" if here == there else f"{', '.join(there)} published")
        )
    return f"From the best down: {'; '.join(parts)}."


KEPT = (0.75, 0.5, 0.25, 0.12, 0.06, 0.03)
"""Shares of the principal components that are kept."""

Scored = tuple[int, Prepared, float]
"""Seed, the layer on the inputs of the comparison, probe accuracy."""


def _deletion(
    networks: Sequence[Mapping[str, Mapping[str, ts.Representation]]],
    layers: Sequence[str],
    rows: np.ndarray,
    measures: Sequence[ts.Measure],
) -> dict[str, tuple[float, float, float, float]]:
    groups: list[tuple[Scored, list[Scored]]] = []
    for layer in layers:
        whole: list[Scored] = []
        cut: list[Scored] = []
        for seed, network in enumerate(networks):
            train, test = (network[part][layer] for part in ("train", "test"))
            width = train.dimension
            for keep in sorted(
                {width, *(max(1, round(width * share)) for share in (0.75, 0.5, 0.25, 0.12, 0.06, 0.03))}
            ):
                x, y = deleted(train.points.astype(np.float64), test.points.astype(np.float64), keep)
                score = _probe(x, np.asarray(train.labels), y, np.asarray(test.labels))
                (whole if keep == width else cut).append((seed, Prepared(y[rows]), score))
        groups += _references(whole, [*whole, *cut])
    return _correlations(groups, measures, len(networks))


def _across(
    networks: Sequence[Mapping[str, Mapping[str, ts.Representation]]],
    layers: Sequence[str],
    rows: np.ndarray,
    measures: Sequence[ts.Measure],
) -> dict[str, tuple[float, float, float, float]]:
    by_layer: dict[str, list[Scored]] = {
        layer: [
            (
                seed,
                Prepared(n["test"][layer].points[rows].astype(np.float64)),
                probe(n["train"][layer], n["test"][layer]),
            )
            for seed, n in enumerate(networks)
        ]
        for layer in layers
    }
    everything = [one for of_layer in by_layer.values() for one in of_layer]
    groups = [group for of_layer in by_layer.values() for group in _references(of_layer, everything)]
    return _correlations(groups, measures, len(networks))


def _references(candidates: Sequence[Scored], everything: Sequence[Scored]) -> list[tuple[Scored, list[Scored]]]:
    """The candidate with the best probe beside all others, and the runner-up, for when that seed is left out."""
    best = sorted(candidates, key=lambda one: -one[2])[:2]
    return [(reference, [one for one in everything if one is not reference]) for reference in best]


def _correlations(
    groups: Sequence[tuple[Scored, list[Scored]]], measures: Sequence[ts.Measure], seeds: int
) -> dict[str, tuple[float, float, float, float]]:
    """ρ with the bounds of a jackknife over seeds, and τ, for each measure. groups: best and runner-up, alternating."""
    from scipy.stats import kendalltau, spearmanr, t

    found = {}
    for measure in measures:
        sign = -1.0 if measure.larger_is_more_similar else 1.0
        told = [
            (reference, others, [sign * measure.of(reference[1], other[1]) for other in others])
            for reference, others in groups
        ]

        def mean(statistic: Callable[..., float], without: int | None, told: list = told) -> float:
            values = []
            for best, second in zip(told[::2], told[1::2], strict=True):
                reference, others, apart = second if best[0][0] == without else best
                kept = [k for k, other in enumerate(others) if other[0] != without]
                gaps = [abs(others[k][2] - reference[2]) for k in kept]
                values.append(float(statistic([apart[k] for k in kept], gaps).statistic))
            return float(np.mean(values))

        rho = mean(spearmanr, None)
        rest = np.array([mean(spearmanr, seed) for seed in range(seeds)])
        half = float(t.ppf(0.975, seeds - 1)) * math.sqrt((seeds - 1) / seeds * ((rest - rest.mean()) ** 2).sum())
        found[measure.name] = (rho, rho - half, min(rho + half, 1.0), mean(kendalltau, None))
    return found


# --- which layers resemble each other ---------------------------------------------------------------------------------


def halves(values: np.ndarray) -> float:
    """Mean CKA between the lower and the upper half of the layers, over the mean within the halves."""
    m = len(values)
    upper = np.arange(m) >= m / 2
    off = ~np.eye(m, dtype=bool)
    between = values[~upper][:, upper].mean()
    within = np.concatenate([values[half[:, None] & half & off] for half in (upper, ~upper)]).mean()
    return float(between / within)


def blocks(
    data: Path | None,
    out: Path,
    seeds: int = 5,
    limit: int = 1000,
    figure: Path | None = None,
    epochs: int | None = None,
) -> Iterator[str]:
    """CKA between all layers of ViTs and ResNets on digits, and of CIFAR-10 ResNets of four depths."""
    yield "## Are a ViT's layers more alike than a ResNet's? (Raghu et al. 2021; Nguyen et al. 2021)"
    yield ""
    yield from prose(
        "Unbiased linear CKA between all blocks of a network, on inputs that it was not trained on. *Lower with "
        "upper*: mean CKA between the lower and the upper half of the blocks, over the mean within the halves; 1 is "
        "a uniform network."
    )
    yield ""
    yield "| network | blocks | lower with upper | first with last | least between neighbours |"
    yield "| --- | --- | --- | --- | --- |"
    matrices: dict[str, np.ndarray] = {}
    uniform: dict[str, list[float]] = {}
    measure = MEASURE["CKA, unbiased"]
    for name in ("vit", "resnet"):
        of_seeds = []
        for seed in range(seeds):
            layers = trained.digits_layers(name, seed, out, reduce="flatten", epochs=epochs)
            of_seeds.append(ts.similarity_matrix(layers, measure).values)
        matrices[f"{name}, digits"] = np.mean(of_seeds, axis=0)
        uniform[name] = [halves(values) for values in of_seeds]
        cells = [
            uniform[name],
            [values[0, -1] for values in of_seeds],
            [np.diagonal(values, 1).min() for values in of_seeds],
        ]
        told = [
            f"{mean:.2f} ({low:.2f} to {high:.2f})" for mean, low, high in (mean_and_bounds(values) for values in cells)
        ]
        yield f"| {name}, digits, {seeds} seeds | {len(of_seeds[0])} | {' | '.join(told)} |"
    for depth, count in trained.CIFAR.items():
        if data is None:
            break
        values = ts.similarity_matrix(trained.cifar_layers(depth, data, limit), measure).values
        matrices[f"ResNet-{depth}, CIFAR-10"] = values
        yield (
            f"| ResNet-{depth}, CIFAR-10 | {count} | {halves(values):.2f} | {values[0, -1]:.2f} | "
            f"{np.diagonal(values, 1).min():.2f} |"
        )
    if data is None:
        yield "| ResNets, CIFAR-10 | the images are not at hand | | | |"
    yield ""
    yield from prose(_uniform_said(uniform["vit"], uniform["resnet"]))
    yield ""
    if figure is not None:
        draw(matrices, figure)
        yield f"![CKA between all blocks of each network]({figure.name})"
        yield ""
    yield from prose(
        "Published as heatmaps, and in words: the layers of a ViT are more uniform than those of a ResNet, whose "
        "heatmap falls into lower and upper stages; and networks with too much capacity for their data show a block "
        "of alike layers (Nguyen et al.). Here the networks are small; intervals are over seeds, and the CIFAR-10 "
        "networks have one seed each, hence none. Not reproduced: ViT-B/L/H and ResNet-50/152 on ImageNet and JFT, "
        "and the wide and deep networks of Nguyen et al., whose weights are not at hand."
    )


def _uniform_said(vit: Sequence[float], resnet: Sequence[float]) -> str:
    """The two kinds of networks against each other: networks are dealt out anew, all ways."""
    values = np.array([*vit, *resnet])
    observed = float(np.mean(vit) - np.mean(resnet))
    chosen = itertools.combinations(range(len(values)), len(vit))
    gaps = [values[list(some)].mean() - np.delete(values, some).mean() for some in chosen]
    p = float(np.mean(np.array(gaps) >= observed - 1e-12))
    told = "are more alike" if p <= 0.05 else "were not shown to be more alike"
    return (
        f"On digits the halves of the ViTs {told} than those of the ResNets (difference {observed:+.2f}, one-sided "
        f"p = {p:.2g}, networks dealt out anew in all {len(gaps)} ways). They differ in their number of blocks, too."
    )


def draw(matrices: Mapping[str, np.ndarray], path: Path) -> None:
    """One heatmap for each network, on one scale."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    columns = 3
    rows = -(-len(matrices) // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(9, 3 * rows), layout="constrained", squeeze=False)
    image = None
    for ax, (name, values) in itertools.zip_longest(axes.ravel(), matrices.items(), fillvalue=(None, None)):
        if name is None:
            ax.set_axis_off()
            continue
        image = ax.imshow(values, vmin=0, vmax=1, cmap="magma", origin="lower")
        ax.set_title(name, fontsize=10)
        ticks = sorted({0, len(values) // 2, len(values) - 1})
        ax.set_xticks(ticks, [str(tick + 1) for tick in ticks])
        ax.set_yticks(ticks, [str(tick + 1) for tick in ticks])
    for ax in axes[-1]:
        ax.set_xlabel("block")
    for ax in axes[:, 0]:
        ax.set_ylabel("block")
    figure.colorbar(image, ax=axes, label="unbiased linear CKA", shrink=0.8)
    figure.savefig(path, dpi=110)
    plt.close(figure)


# --- intrinsic dimension along depth ----------------------------------------------------------------------------------

ZOO = {"mobilenet": ("mobilenet_v2", "features.*"), "efficientnet": ("efficientnet_lite0", "blocks.*")}


def dimensions(layers: Mapping[str, ts.Representation], size: int) -> tuple[np.ndarray, np.ndarray]:
    """(layers, draws) of the intrinsic dimension by two nearest neighbours, and (layers,) numbers of features."""
    first = next(iter(layers.values()))
    draws = ts.disjoint_draws(first.sample_ids, size, len(first) // size)
    values = [[ts.two_nn(layer.take(rows)) for rows in draws] for layer in layers.values()]
    return np.array(values), np.array([layer.dimension for layer in layers.values()])


def hunchback(data: Path | None, out: Path, limit: int = 1500, size: int = 500, zoo: bool = True) -> Iterator[str]:
    """Intrinsic dimension of trained and untrained networks, block by block."""
    yield "## Intrinsic dimension rises, then falls, in trained networks only (Ansuini et al. 2019)"
    yield ""
    if data is None:
        yield from prose(
            "The images of CIFAR-10 are not at hand, so nothing was computed here; `examples/similarity.py` shows "
            "the course on digits."
        )
        return
    yield from prose(
        f"Two nearest neighbours (Facco et al. 2017) on whole activations of {size} held-out CIFAR-10 images, mean of "
        f"{limit // size} disjoint draws; *peak over last* with Student's interval over draws. A hunchback has its "
        "peak inside, well above both ends."
    )
    yield ""
    yield "| network | first block | peak (block) | last block | peak over last |"
    yield "| --- | --- | --- | --- | --- |"
    for depth in trained.CIFAR:
        for untrained in (False, True) if depth in (20, 56) else (False,):
            values, _ = dimensions(trained.cifar_layers(depth, data, limit, untrained), size)
            yield _course(f"ResNet-{depth}{', untrained' if untrained else ''}", values)
    missing = []
    for name, (factory, pattern) in ZOO.items() if zoo else ():
        try:
            from examples import findings_zoo

            weights = findings_zoo.fetch(name, out / "zoo")
        except (RuntimeError, ImportError) as error:
            missing.append(f"{name} ({error})")
            continue
        for untrained in (False, True):
            layers = ts.extract(
                f"examples.findings_zoo:{factory}@{'random' if untrained else weights}",
                f"{data / 'cifar10_jpeg_10k.zip'}:test",
                layers=pattern,
                reduce="flatten",
                limit=limit,
                memory=1 << 29,
            )
            values, _ = dimensions(layers, size)
            yield _course(f"{name}{', untrained' if untrained else ' (ImageNet weights, images at 64 pixels)'}", values)
    yield ""
    if missing:
        yield from prose(f"Not at hand: {'; '.join(missing)}.")
        yield ""
    yield from prose(
        "Published for AlexNet, VGGs and ResNets on ImageNet: along the layers the dimension first increases and "
        "then progressively decreases; it does neither in untrained networks; and in the last hidden layer it "
        "predicts the accuracy. The networks and images are other ones here, so the course is what can agree. Two "
        "nearest neighbours of 500 points fall short of dimensions above about log 500, so peaks are lower bounds. "
        "That the last dimension predicts the accuracy cannot be asked of four networks of one family."
    )


def _course(name: str, values: np.ndarray) -> str:
    means = values.mean(axis=1)
    peak = int(means.argmax())
    ratio, low, high = mean_and_bounds(values[peak] / values[-1])
    return (
        f"| {name} | {means[0]:.1f} | {means[peak]:.1f} ({peak + 1} of {len(means)}) | {means[-1]:.1f} | "
        f"{ratio:.2f} ({low:.2f} to {high:.2f}) |"
    )


# --- the page ---------------------------------------------------------------------------------------------------------

_HEAD = """\
# Published results, computed again

Results that others published, computed with this package from fixed seeds. This page was written by

    python examples/reproduced.py

Numbers of this page come from that run; published ones name where they stand. More agreement, to ten digits, with
authors' own code and with other packages: [similarity](similarity.md), [benchmarks](../benchmarks/similarity.md).
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data", help="CIFAR-10 and its networks")
    parser.add_argument("--out", type=Path, default=ROOT / "runs" / "reproduced", help="weights and finished parts")
    parser.add_argument("--page", type=Path, default=ROOT / "docs" / "reproduced.md")
    parser.add_argument("--only", nargs="+", choices=("clusters", "circle", "ding", "blocks", "hunchback"))
    options = parser.parse_args()
    data = options.data if (options.data / "cifar10_jpeg_10k.zip").is_file() else None
    figure = options.page.with_name("reproduced-cka.png")
    parts: dict[str, Callable[[], Iterator[str]]] = {
        "clusters": clusters,
        "circle": circle,
        "ding": lambda: ding(options.out),
        "blocks": lambda: blocks(data, options.out, figure=figure),
        "hunchback": lambda: hunchback(data, options.out),
    }
    options.out.mkdir(parents=True, exist_ok=True)
    kept = options.out / "parts.json"
    done: dict[str, list[str]] = json.loads(kept.read_text(encoding="utf-8")) if kept.is_file() else {}
    for name in options.only or [name for name in parts if name not in done]:
        lines = []
        for line in parts[name]():
            lines.append(line)
            print(line, flush=True)
        done[name] = lines
        kept.write_text(json.dumps(done), encoding="utf-8")
        print()
    if set(done) == set(parts):
        text = "\n".join([_HEAD, *("\n".join(done[name]) + "\n" for name in parts)])
        options.page.write_text("\n".join(line.rstrip() for line in text.splitlines()) + "\n", encoding="utf-8")
        print(f"page  {options.page}")


if __name__ == "__main__":
    main()
