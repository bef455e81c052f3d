"""Does persistent homology tell anything that CKA does not? Asked of networks from separate seeds, and answered.

    python examples/beside_cka.py [--out runs/beside-cka] [--page docs/beside-cka.md]

Pairs of the demo's networks, trained on digits from separate seeds, no network in two pairs: VGG beside VGG, ResNet
beside ResNet, VGG beside ResNet. All measures rank the pairs of layers; the unit of every interval is a pair of
networks. Untrained networks are asked the same. --page writes the numbers between the marks of that page.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from examples.metric_audit import write  # noqa: E402

import toposcope as ts  # noqa: E402
from examples import trained  # noqa: E402

PAIRINGS = (("vgg", "vgg"), ("resnet", "resnet"), ("vgg", "resnet"))
LEFT_OUT = ("magnitude difference", "IMD", "MTopDiv")
"""Dear, or undefined where widths differ."""


def pairs_of(
    a: str, b: str, pairs: int, out: Path, epochs: int | None, untrained: bool
) -> tuple[list[dict[str, ts.Representation]], list[dict[str, ts.Representation]]]:
    """The layers of `pairs` networks of each kind; no seed stands in two pairs."""
    first = range(pairs)
    second = range(pairs, 2 * pairs) if a == b else first
    return tuple(  # type: ignore[return-value]
        [trained.digits_layers(name, seed, out, epochs=epochs, untrained=untrained) for seed in seeds]
        for name, seeds in ((a, first), (b, second))
    )


def table(
    a: str,
    b: str,
    pairs: int,
    out: Path,
    epochs: int | None = None,
    untrained: bool = False,
    draws: int = 4,
    measures: tuple[ts.Measure, ...] | None = None,
) -> ts.SimilarityTable:
    """All measures between the layers of every pair of networks."""
    chosen = measures or tuple(m for m in ts.similarity.MEASURES if m.name not in LEFT_OUT)
    return ts.similarity_table(*pairs_of(a, b, pairs, out, epochs, untrained), measures=chosen, draws=draws)


def against_cka(found: ts.SimilarityTable) -> Iterator[tuple[str, float, float, float, float]]:
    """Measure, its agreement with CKA beyond depth with bounds, and agreement with depth in it; most alike first."""
    rows = found.agreements
    rows = rows[(rows["measure_a"] == "CKA") | (rows["measure_b"] == "CKA")].copy()
    rows["other"] = [b if a == "CKA" else a for a, b in zip(rows["measure_a"], rows["measure_b"], strict=True)]
    for row in rows.sort_values("beyond_depth", ascending=False).to_dict("records"):
        yield (
            str(row["other"]),
            row["beyond_depth"],
            row["beyond_depth_low"],
            row["beyond_depth_high"],
            row["agreement"],
        )


def page(found: dict[str, ts.SimilarityTable], accuracies: dict[str, list[float]]) -> str:
    """What was found, as a part of docs/beside-cka.md."""
    lines = [
        "Accuracy on held-out digits: "
        + "; ".join(
            f"{len(shares)} {name.upper() if name == 'vgg' else 'ResNet'}s {min(shares):.1%} to {max(shares):.1%}"
            for name, shares in accuracies.items()
        )
        + ".",
        "",
        *(f"- **{name}**: {one.answer}." for name, one in found.items()),
        "",
        "Agreement of every measure with CKA beyond depth, with bounds over pairs of networks (1: the same ranking of",
        "pairs of layers, up to noise; in brackets with depth left in):",
        "",
        f"| measure | {' | '.join(found)} |",
        f"| --- |{' --- |' * len(found)}",
    ]
    by_table = {name: {row[0]: row for row in against_cka(one)} for name, one in found.items()}
    first = next(iter(by_table.values()))
    for measure in dict.fromkeys(itertools.chain(first, *by_table.values())):
        cells = []
        for rows in by_table.values():
            if measure not in rows:
                cells.append("not defined")
                continue
            _, beyond, low, high, whole = rows[measure]
            cells.append(f"{beyond:.2f}, {low:.2f} to {high:.2f} ({whole:.2f})" if beyond == beyond else "noise")
        lines.append(f"| {measure} | {' | '.join(cells)} |")
    notes = {note for one in found.values() for note in one.notes}
    return "\n".join([*lines, "", *(f"{note}." for note in sorted(notes))]).rstrip()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT / "runs" / "beside-cka")
    parser.add_argument("--pairs", type=int, default=6)
    parser.add_argument("--page", type=Path)
    options = parser.parse_args()
    found = {}
    for (a, b), untrained in itertools.product(PAIRINGS, (False, True)):
        if untrained and a != b:
            continue
        name = f"{a} beside {b}{', untrained' if untrained else ''}"
        found[name] = table(a, b, options.pairs, options.out, untrained=untrained)
        print(f"{name}: {found[name].answer}", flush=True)
    accuracies = {
        name: [trained.digits_accuracy(name, seed, options.out) for seed in range(2 * options.pairs)]
        for name in ("vgg", "resnet")
    }
    text = page(found, accuracies)
    print(text)
    if options.page is not None:
        write(options.page, text)


if __name__ == "__main__":
    main()
