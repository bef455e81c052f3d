"""What topology stands beside: published experiments, and whether it adds to CKA on two networks trained here.

    python examples/similarity.py

1. Clusters and rings (Barannikov et al. 2022): RTD orders them where CKA does not.
2. The hunchback of intrinsic dimension along depth (Ansuini et al. 2019), here on digits and a small VGG.
3. Two VGGs from different seeds: does the topology of their layers add to what CKA says?
"""

from __future__ import annotations

import dataclasses
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

import toposcope as ts

CLUSTERS = (2, 3, 4, 5, 6, 10, 12)
RINGS = (1, 2, 3, 4, 5)
PUBLISHED = {  # Kendall's tau in the outputs of Clusters.ipynb and Rings.ipynb, github.com/IlyaTrofimov/RTD
    "clusters": {"RTD": 1.0, "CKA": 0.23809523809523814, "SVCCA": 0.14285714285714288, "IMD": 0.4285714285714286},
    "rings": {"RTD": 0.8, "CKA": -0.2, "SVCCA": -0.2, "IMD": 0.8},
}


def clusters(count: int) -> np.ndarray:
    """300 Gaussian points in one cloud, or moved onto a circle of `count` clusters; as in the authors' notebook."""
    generator = np.random.RandomState(7)
    groups = [generator.multivariate_normal(np.zeros(2), np.eye(2), 5) for _ in range(60)]
    if count == 1:
        return np.concatenate(groups)
    angles = 2 * np.pi * (np.arange(60) % count) / count
    centres = 10 * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return np.concatenate([group + centre for group, centre in zip(groups, centres, strict=True)])


def rings(count: int) -> np.ndarray:
    """Five concentric rings of 100 points, of which `count` coincide; as in the authors' notebook."""
    angles = 2 * np.pi * np.arange(100) / 100
    circle = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    others = [1.25, 0.75, 1.5, 0.5]
    radii = [1.0] * count + others[: 5 - count]
    return np.concatenate([radius * circle for radius in radii])


def orderings(make: Callable[[int], np.ndarray], counts: tuple[int, ...]) -> dict[str, float]:
    """Kendall's tau between each measure's distance from one cloud to `count` and that count."""
    from scipy.stats import kendalltau

    measures = {"RTD": ts.rtd, "CKA": ts.cka, "SVCCA": ts.svcca, "IMD": ts.imd}
    base = make(1)
    return {
        name: float(kendalltau([measure(base, make(count)) for count in counts], counts).statistic)
        for name, measure in measures.items()
    }


def vgg_layers(seeds: tuple[int, ...], reduce: str, epochs: int = 4) -> dict[tuple[int, int], dict[str, object]]:
    """(seed, epoch) → layers of the demo's VGG on the digits it was not trained on, before and after training."""
    import torch

    from toposcope.demo.networks import vgg
    from toposcope.demo.plan import VGG
    from toposcope.demo.training import read_weights
    from toposcope.store import Store

    layers = {}
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder))
        for seed in seeds:
            training = dataclasses.replace(VGG, epochs=epochs, checkpoints=(0, epochs), seed=seed)
            training.perform(store)
            for epoch in training.checkpoints:
                network = vgg()
                weights = read_weights(store, training, epoch)
                network.load_state_dict({name: torch.from_numpy(np.array(w)) for name, w in weights.items()})
                layers[seed, epoch] = ts.extract(network, "digits:test", layers="blocks", reduce=reduce)
    return layers


def dimensions(layers: dict[str, object]) -> dict[str, float]:
    """Intrinsic dimension of every layer, by two nearest neighbours as in the source."""
    return {name: ts.two_nn(layer) for name, layer in layers.items()}


def topology_beside_cka(a: dict[str, object], b: dict[str, object]) -> ts.SimilarityTable:
    """The table of a few measures between all layers of two networks."""
    names = ("CKA", "Procrustes", "RSA", "mutual kNN", "RTD", "IMD")
    measures = [measure for measure in ts.similarity.MEASURES if measure.name in names]
    return ts.similarity_table(a, b, measures=measures, draws=8)


def main() -> None:
    for name, (make, counts) in {"clusters": (clusters, CLUSTERS), "rings": (rings, RINGS)}.items():
        print(f"Kendall's tau between measure and number of {name}: here (published)")
        for measure, tau in orderings(make, counts).items():
            print(f"  {measure:6} {tau:6.3f} ({PUBLISHED[name][measure]:.3f})")
    print("RTD and CKA agree. Their IMD is a stochastic estimate; their SVCCA centres every input over its features.")
    layers = vgg_layers((0, 1), "flatten")
    for epoch, state in ((0, "untrained"), (4, "trained")):
        found = dimensions(layers[0, epoch])
        print(f"Intrinsic dimension along depth, VGG {state}: " + ", ".join(f"{d:.1f}" for d in found.values()))
    table = topology_beside_cka(layers[0, 4], layers[1, 4])
    print(table.agreements.round(2).to_string(index=False))
    print("\n".join((table.answer, *table.notes)))


if __name__ == "__main__":
    sys.exit(main())
