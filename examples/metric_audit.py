"""Two published claims that seem to disagree, held against the distance between points.

    python examples/metric_audit.py [--out runs/metric-audit] [--page docs/metric-audit.md]

Naitzat, Zhitnikov and Lim (2020) see Betti numbers fall with depth; Wheeler, Bouza and Bubenik (2021) see that the
norm of persistence landscapes does not, and often rises with training. The first count hops over a graph of nearest
neighbours, the second read raw Euclidean distances. Here both are asked of one set of clouds: fully connected networks
of six hidden layers, trained on digits from separate seeds, and what they make of digits that they have not seen. The
same study is asked again with distances divided by their own 0.9-quantile.

--page writes the numbers between the marks of that page.
"""

from __future__ import annotations

import argparse
import itertools
import re
from pathlib import Path

import numpy as np

import toposcope as ts

HIDDEN = 6
WIDTH = 50

PLAN = """
recipe = "metric-audit"
name = "digits"
{networks}
[cloud]
size = {size}
draws = 8
scale = "none"

[metric_audit]
metrics = [{metrics}]
descriptors = ["landscape_norm", "total_persistence", "bars"]
noise = [0.05, 0.1, 0.2, 0.3]

[audit]
scale = ["q0.9"]
"""
METRICS = (
    "cosine",
    "correlation",
    "hops(k=10)",
    "knn_geodesic(k=15)",
    "fermat",
    "dtm",
    "diffusion",
    "effective_resistance",
)


def digits() -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Images and labels to train on, and those held out: the demo's split."""
    from toposcope.extract import load_inputs

    def flat(part: str) -> tuple[np.ndarray, np.ndarray]:
        batch = next(load_inputs(f"digits:{part}").batches(batch_size=2000))
        return batch.tensors.flatten(1).numpy(), np.asarray(batch.labels)

    return flat("train"), flat("test")


def layers_of_a_network(seed: int, steps: int) -> tuple[list[np.ndarray], float]:
    """The held-out images and what each hidden layer makes of them, and the accuracy on them."""
    import torch

    (images, labels), (held_out, theirs) = digits()
    torch.manual_seed(seed)
    widths = [images.shape[1]] + [WIDTH] * HIDDEN
    hidden = [torch.nn.Sequential(torch.nn.Linear(a, b), torch.nn.ReLU()) for a, b in itertools.pairwise(widths)]
    network = torch.nn.Sequential(*hidden, torch.nn.Linear(WIDTH, 10))
    optimiser = torch.optim.Adam(network.parameters(), lr=2e-3)
    x, y = torch.from_numpy(images), torch.from_numpy(labels)
    for _ in range(steps):
        rows = torch.randint(0, len(x), (64,))
        loss = torch.nn.functional.cross_entropy(network(x[rows]), y[rows])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    kept = [torch.from_numpy(held_out)]
    with torch.no_grad():
        for layer in hidden:
            kept.append(layer(kept[-1]))
        right = (network(kept[0]).argmax(dim=1).numpy() == theirs).mean()
    return [layer.numpy() for layer in kept], float(right)


def save(folder: Path, layers: list[np.ndarray]) -> None:
    """One file for each layer; layer 0 are the images."""
    ids = np.array([f"digit-{k:04d}" for k in range(len(layers[0]))])
    for position, points in enumerate(layers):
        source = ts.Source(layer=f"layer{position}", position=position)
        ts.Representation(points, ids, source=source).save(folder / f"layer{position}.npz")


def audit(
    out: Path, seeds: int = 3, steps: int = 600, size: int = 100, metrics: tuple[str, ...] = METRICS
) -> tuple[ts.Results, dict[str, float]]:
    """Train, save, ask under every metric. Returns the results and each network's accuracy on what is held out."""
    accuracy = {}
    for seed in range(seeds):
        layers, accuracy[f"seed {seed}"] = layers_of_a_network(seed, steps)
        save(out / f"seed-{seed}", layers)
    blocks = "".join(
        f'\n[[network]]\nname = "seed {seed}"\nrepresentations = "{(out / f"seed-{seed}").as_posix()}"\n'
        for seed in range(seeds)
    )
    plan = out / "study.toml"
    plan.write_text(
        PLAN.format(networks=blocks, size=size, metrics=", ".join(f'"{metric}"' for metric in metrics)),
        encoding="utf-8",
    )
    results = ts.run(ts.Study.read(plan), out / "run")
    ts.report(results, out / "run" / "report.html")
    return results, accuracy


def page(results: ts.Results, accuracy: dict[str, float]) -> str:
    """What the study found, as a part of docs/metric-audit.md."""
    numbers = results.tables["quantities"]
    audited = results.tables["audit"]
    verdicts = results.tables["verdicts"]
    names = [results.plan.cloud.metric, *dict.fromkeys(numbers["clouds"].drop(numbers.index[numbers["clouds"] == ""]))]
    lines = [
        f"Networks: {len(accuracy)}, accuracy on the held-out digits "
        + ", ".join(f"{share:.1%}" for share in accuracy.values())
        + f". Clouds: {results.plan.cloud.draws} disjoint draws of {results.plan.cloud.size} held-out digits, "
        "distances as they are.",
        "",
        f"> {results.headline}",
        "",
        "Change from the images to the last hidden layer, as a share of the mean, in H1, over the networks (each "
        "network's bounds, for all slopes together, are in its table):",
        "",
        "| metric | landscape norm | total persistence | bars | circles found up to noise, 50 dimensions |",
        "| --- | --- | --- | --- | --- |",
    ]
    found = numbers[numbers["quantity"] == "planted circles found"]
    for name in dict.fromkeys(names):
        cells = [_course(numbers, name, column) for column in ("landscape_norm", "total_persistence", "bars")]
        of_metric = found[(found["clouds"] == name) & (found["layer_a"] != "layer0")]
        share = of_metric.groupby("at")["value"].min() >= results.plan.metric_audit.found
        seen = share[share.cummin()]
        lines.append(f"| {name} | {' | '.join(cells)} | {'none' if seen.empty else f'{seen.index[-1]:g}'} |")
    lines += ["", "The same question with distances divided by their 0.9-quantile, draw by draw:", ""]
    asked = verdicts[verdicts["question"].str.contains("landscape norm") & (verdicts["degree"] == 1)]
    for question in asked["question"]:
        told = audited[audited["question"] == question].iloc[0]
        lines.append(f"- {told['sentence']}")
    return "\n".join(lines)


def _course(numbers, metric: str, descriptor: str) -> str:
    rows = numbers[
        (numbers["quantity"] == f"slope of {descriptor}") & (numbers["clouds"] == metric) & (numbers["degree"] == 1)
    ]
    if rows.empty:
        return "–"
    up, down = int((rows["low"] > 0).sum()), int((rows["high"] < 0).sum())
    shown = (
        "rises"
        if up == len(rows)
        else "falls"
        if down == len(rows)
        else f"{up} of {len(rows)} shown to rise, {down} to fall"
    )
    return f"{shown} ({rows['value'].min():+.2f} to {rows['value'].max():+.2f})"


def write(path: Path, text: str) -> None:
    """Put the text between the marks of a page."""
    before = path.read_text(encoding="utf-8")
    block = f"<!-- numbers -->\n\n{text}\n\n<!-- end -->"
    after, count = re.subn("<!-- numbers -->.*?<!-- end -->", lambda _: block, before, flags=re.DOTALL)
    if count != 1:
        raise SystemExit(f"{path} has no place between <!-- numbers --> and <!-- end -->")
    path.write_text(after, encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("runs/metric-audit"))
    parser.add_argument("--page", type=Path)
    options = parser.parse_args()
    results, accuracy = audit(options.out)
    text = page(results, accuracy)
    print(text)
    if options.page is not None:
        write(options.page, text)


if __name__ == "__main__":
    main()
