"""A study over activations that were saved before: no torch, no network, only one file for each layer."""

import sys
from pathlib import Path

import numpy as np

import toposcope as ts

PLAN = """
recipe = "layers"

[[network]]
name = "rings"
representations = "{folder}"

[cloud]
size = 50
draws = 8
"""


def save_layers(folder: Path) -> None:
    """Three layers: noise, a noisy ring, and the ring with less noise, all of the same 400 inputs."""
    rng = np.random.default_rng(0)
    angle = rng.uniform(0, 2 * np.pi, size=400)
    ring = np.stack([np.cos(angle), np.sin(angle)], axis=1) @ np.linalg.qr(rng.normal(size=(20, 2)))[0].T
    ids = np.arange(400)
    for name, noise, signal in (("layer1", 0.3, 0.0), ("layer2", 0.15, 1.0), ("layer3", 0.05, 1.0)):
        points = signal * ring + noise * rng.normal(size=ring.shape)
        ts.Representation(points=points, sample_ids=ids).save(folder / f"{name}.npz")


def main(folder: Path) -> ts.Results:
    """Save, plan, run, report."""
    save_layers(folder / "activations")
    plan = folder / "rings.toml"
    plan.write_text(PLAN.format(folder=(folder / "activations").as_posix()), encoding="utf-8")
    results = ts.run(ts.Study.read(plan), out=folder / "run")
    ts.report(results, folder / "run" / "report.html")
    return results


if __name__ == "__main__":
    where = Path(sys.argv[1] if len(sys.argv) > 1 else "runs/rings")
    print(main(where).headline)
