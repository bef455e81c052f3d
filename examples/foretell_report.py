"""What the trainings of `foretell.py` say: partial rank correlations, with the criterion that was stated beforehand."""

from __future__ import annotations

import dataclasses
import math
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

AT = 2
"""Index of the check at which is foretold: a quarter of the training."""
ALPHA, PERMUTATIONS = 0.05, 10_000

SIGNALS: tuple[tuple[str, int | None, str], ...] = (
    ("total_persistence", 0, "shape"),
    ("total_persistence", 1, "shape"),
    ("entropy", 0, "shape"),
    ("entropy", 1, "shape"),
    ("dispersion", 0, "shape"),
    ("travelled", 0, "shape"),
    ("travelled", 1, "shape"),
    ("moved", 0, "shape"),
    ("moved", 1, "shape"),
    ("divergence", 0, "shape"),
    ("divergence", 1, "shape"),
    ("scale", None, "geometry"),
    ("p_eff", None, "geometry"),
    ("effective_rank", None, "geometry"),
)
"""Signals that are asked, of every layer: all of them are in the family that p-values are adjusted over."""

OUTCOMES = {"accuracy": "final held-out accuracy", "gap": "final training accuracy − held-out accuracy"}
BASELINES = ("held_out_accuracy", "held_out_loss")


@dataclasses.dataclass(frozen=True)
class Found:
    """One signal of one layer, on one bed, about one outcome. p: adjusted over all signals, layers and outcomes."""

    bed: str
    outcome: str
    signal: str
    layer: str
    kind: str
    rho: float
    low: float
    high: float
    p: float
    beyond: float
    p_beyond: float
    within: float

    @property
    def key(self) -> tuple[str, str, str]:
        return self.outcome, self.signal, self.layer

    @property
    def shown(self) -> bool:
        return self.p <= ALPHA

    @property
    def shown_beyond(self) -> bool:
        return self.p_beyond <= ALPHA


def name_of(signal: str, degree: int | None) -> str:
    return signal.replace("_", " ") + ("" if degree is None else f" H{degree}")


def table_of(records: Sequence[Mapping[str, Any]]) -> dict[tuple[str, str], Floats]:
    """(signal with its degree, layer) → (runs,) values at the check, of the training probe where there are two."""
    found: dict[tuple[str, str], list[float]] = {}
    for record in records:
        step = record["epochs"][AT]
        values = {
            (layer, degree, signal): value
            for at, probe, layer, degree, signal, value in record["signals"]
            if at == step and probe in ("train", "")
        }
        for layer in ("stage1", "stage2", "stage3"):
            for signal, degree, _kind in SIGNALS:
                value = values.get((layer, degree, signal), math.nan)
                found.setdefault((name_of(signal, degree), layer), []).append(value)
    return {key: np.array(values) for key, values in found.items()}


def ranks(values: Floats) -> Floats:
    """(n,) average ranks, centred."""
    from scipy.stats import rankdata

    ranked: Floats = rankdata(values)
    return ranked - ranked.mean()


def residuals(columns: Floats, controls: Floats) -> Floats:
    """Columns less what a linear fit on the controls says. columns: (n, k). controls: (n, c)."""
    design = np.column_stack([np.ones(len(columns)), controls])
    fitted, *_rest = np.linalg.lstsq(design, columns, rcond=None)
    left: Floats = columns - design @ fitted
    return left


def correlations(a: Floats, b: Floats) -> Floats:
    """(k,) correlations of the columns of (n, k) with (n,), or (k, m) with those of (n, m)."""
    size = np.linalg.norm(a, axis=0)
    return (a.T @ b) / (size[:, None] if b.ndim == 2 else size) / np.linalg.norm(b, axis=0)


def interval(rho: float, n: int, controls: int) -> tuple[float, float]:
    """95 % for a partial rank correlation: Fisher's z with the variance of Bonett and Wright 2000."""
    half = 1.96 * math.sqrt((1 + rho**2 / 2) / (n - 3 - controls))
    centre = math.atanh(max(-0.999999, min(0.999999, rho)))
    return math.tanh(centre - half), math.tanh(centre + half)


def partial(
    signals: Floats, outcomes: Floats, controls: Floats, generator: np.random.Generator
) -> tuple[Floats, Floats]:
    """(signals, outcomes) partial rank correlations, and their p-values by max-T over all of them.

    The outcome's residuals are permuted over runs (Freedman and Lane 1983), for all signals and outcomes alike.
    """
    x = residuals(np.column_stack([ranks(column) for column in signals.T]), controls)
    y = residuals(np.column_stack([ranks(column) for column in outcomes.T]), controls)
    rho = correlations(x, y)
    largest = np.empty(PERMUTATIONS)
    for k in range(PERMUTATIONS):
        shuffled = residuals(y[generator.permutation(len(y))], controls)
        largest[k] = np.abs(correlations(x, shuffled)).max()
    p = (1 + (largest[:, None, None] >= np.abs(rho) - 1e-12).sum(axis=0)) / (1 + PERMUTATIONS)
    return rho, p


def curve_of(records: Sequence[Mapping[str, Any]], name: str, upto: int) -> Floats:
    """(runs, checks) ranks of a curve at every check after the first, up to one."""
    columns = [[record["curves"][name][k] for record in records] for k in range(1, upto + 1)]
    return np.column_stack([ranks(np.array(column, dtype=np.float64)) for column in columns])


def of_bed(bed: str, records: Sequence[Mapping[str, Any]]) -> tuple[list[Found], dict[str, dict[str, float]]]:
    """Every signal about every outcome, and what is already known from a labelled held-out set."""
    table = table_of(records)
    keys = [key for key, values in table.items() if np.isfinite(values).all() and np.ptp(values) > 0]
    signals = np.column_stack([table[key] for key in keys])
    outcomes = np.column_stack([[float(record[name]) for record in records] for name in OUTCOMES])
    loss = curve_of(records, "loss", AT)
    generator = np.random.default_rng(0)
    rho, p = partial(signals, outcomes, loss, generator)
    validated = np.column_stack([loss, curve_of(records, "held_out_accuracy", AT)])
    beyond, p_beyond = partial(signals, outcomes, validated, generator)
    settings = [(record["noise"], record["width"], record["decay"]) for record in records]
    same = np.column_stack([[float(one == other) for one in settings] for other in sorted(set(settings))[1:]])
    x = residuals(np.column_stack([ranks(column) for column in signals.T]), np.column_stack([same, loss]))
    y = residuals(np.column_stack([ranks(column) for column in outcomes.T]), np.column_stack([same, loss]))
    within = correlations(x, y)
    kinds = {name_of(signal, degree): kind for signal, degree, kind in SIGNALS}
    found = [
        Found(
            bed,
            outcome,
            *keys[i],
            kinds[keys[i][0]],
            float(rho[i, j]),
            *interval(float(rho[i, j]), len(records), loss.shape[1]),
            float(p[i, j]),
            float(beyond[i, j]),
            float(p_beyond[i, j]),
            float(within[i, j]),
        )
        for i in range(len(keys))
        for j, outcome in enumerate(OUTCOMES)
    ]
    known: dict[str, dict[str, float]] = {}
    for j, outcome in enumerate(OUTCOMES):
        target = ranks(outcomes[:, j])
        known[outcome] = {"loss": float(np.corrcoef(loss[:, -1], target)[0, 1])}
        for name in BASELINES:
            values = ranks(np.array([record["curves"][name][AT] for record in records]))
            left = residuals(np.column_stack([values, target]), loss)
            known[outcome][name] = float(np.corrcoef(left.T)[0, 1])
    return found, known


def write(path: Path, records: Mapping[str, Sequence[Mapping[str, Any]]], told: Mapping[str, str]) -> None:
    """The page."""
    every: list[Found] = []
    known = {}
    for bed, runs in records.items():
        found, known[bed] = of_bed(bed, runs)
        every += found
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([*_head(records, told, every), *_beds(records, every, known), *_tail(every)]) + "\n")


def agreed(every: Sequence[Found], beyond: bool = False) -> list[tuple[Found, ...]]:
    """Signals that were shown on every bed, with one sign."""
    by_key: dict[tuple[str, str, str], list[Found]] = {}
    for one in every:
        by_key.setdefault(one.key, []).append(one)
    beds = {one.bed for one in every}
    groups = []
    for members in by_key.values():
        shown = [one.shown_beyond if beyond else one.shown for one in members]
        signs = {(one.beyond if beyond else one.rho) > 0 for one in members}
        if len(members) == len(beds) and all(shown) and len(signs) == 1:
            groups.append(tuple(members))
    return groups


def _head(
    records: Mapping[str, Sequence[Mapping[str, Any]]], told: Mapping[str, str], every: Sequence[Found]
) -> list[str]:
    beds = [
        f"- **{bed}**: {told[bed]}; {len(runs)} trainings of {int(runs[0]['epochs'][-1])} epochs."
        for bed, runs in records.items()
    ]
    return [
        "# Do signals foretell how a training ends?",
        "",
        "This page was written by the command that made the runs:",
        "",
        "    python examples/foretell.py --out runs/foretell --data ../shared/data",
        "",
        *_answer(every),
        "## What was asked, stated before anything was run",
        "",
        _prose("""
            Small convolutional networks (three stages, batch normalisation) are trained with AdamW over a grid of
            label noise (0, 20, 40 %), width (6, 12 channels) and weight decay (0, 0.1), several seeds each, and
            watched by `ts.TopologyMonitor` on two probes of 8 disjoint draws of 32 images: training images, and
            held-out ones."""),
        "",
        *beds,
        "",
        _prose("""
            At a quarter of the training, each signal of each stage is held against two outcomes at its end: the
            accuracy on held-out images, and the gap between the accuracy on the training set, with the labels that
            the network was given, and on held-out images. The number is Spearman's partial rank correlation, given
            the training loss at that check and at the one before: what the loss curve says already is taken out. The
            unit is a training."""),
        "",
        _prose(f"""
            A signal *foretells* an outcome on a bed where its adjusted p is at most {ALPHA}: the outcome's residuals
            are permuted over trainings (Freedman and Lane 1983) and the largest of all correlations counts, over all
            {len(SIGNALS)} signals × 3 stages × 2 outcomes (max-T, {PERMUTATIONS:,} permutations). An answer is *yes*
            where a signal does so on every bed with the same sign. A second question is asked of the same numbers
            with the held-out accuracy at both checks among what is given: what does the shape add for someone who has
            a validation set with labels? And a third, descriptive, within settings: what is left when noise, width
            and decay are known, so that only the seed differs?"""),
        "",
    ]


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]


def _prose(text: str) -> str:
    return textwrap.fill(" ".join(text.split()), 120, break_long_words=False, break_on_hyphens=False)


def _answer(every: Sequence[Found]) -> list[str]:
    lines = []
    for outcome, title in OUTCOMES.items():
        groups = [group for group in agreed(every) if group[0].outcome == outcome]
        beyond = [group for group in agreed(every, beyond=True) if group[0].outcome == outcome]
        if groups:
            best = max(groups, key=lambda group: min(abs(one.rho) for one in group))
            shape = sum(group[0].kind == "shape" for group in groups)
            text = f"""
                **{_capital(title)}: yes, beyond the training loss.** {len(groups)} of {len(SIGNALS) * 3} signals
                foretell it on every bed with one sign ({shape} of them persistent homology's, the others plain
                geometry); the strongest is {_label(best[0])}, with {_listed(best)}."""
        else:
            text = f"""
                **{_capital(title)}: no.** No signal foretells it beyond the training loss on every bed with one
                sign."""
        if beyond:
            most = max(beyond, key=lambda group: min(abs(one.beyond) for one in group))
            numbers = ", ".join(f"{one.beyond:+.2f} on {one.bed}" for one in most)
            text += f"""
                With the held-out accuracy at the same moment known too, {len(beyond)} still do ({_label(most[0])}:
                {numbers})."""
        else:
            text += " With the held-out accuracy at the same moment known too, none does on every bed."
        lines += [_prose(text), ""]
    shown = [one for one in every if one.shown]
    if shown:
        before, after = (float(np.median(np.abs(values))) for values in
                         ([one.rho for one in shown], [one.within for one in shown]))  # fmt: skip
        text = f"""
            {len(shown)} of the {len(every)} correlations are shown on one bed or another. Across settings a signal
            may do no more than tell how wide the network is or how noisy its labels are, and whoever trains it knows
            the first: within settings the median |ρ| of those {len(shown)} falls from {before:.2f} to {after:.2f}."""
    else:
        text = f"None of the {len(every)} correlations is shown on any bed."
    largest = max(every, key=lambda one: abs(one.within))
    text += f"""
        The largest of all within settings is {largest.within:+.2f} ({_label(largest)}, {OUTCOMES[largest.outcome]},
        {largest.bed}); it is the largest of many, adjusted for nothing, and worth no more than another look."""
    return [*lines, _prose(text), ""]


def _label(one: Found) -> str:
    return f"{one.signal} of {one.layer}"


def _listed(group: Sequence[Found]) -> str:
    return ", ".join(
        f"ρ = {one.rho:+.2f} ({one.low:+.2f} to {one.high:+.2f}, adjusted p = {one.p:.2g}) on {one.bed}"
        for one in group
    )


def _beds(
    records: Mapping[str, Sequence[Mapping[str, Any]]],
    every: Sequence[Found],
    known: Mapping[str, Mapping[str, Mapping[str, float]]],
) -> list[str]:
    lines = []
    for bed, runs in records.items():
        accuracy = np.array([run["accuracy"] for run in runs])
        gap = np.array([run["gap"] for run in runs])
        seconds = sum(run.get("cpu_seconds", 0.0) for run in runs)
        lines += [
            f"## {bed}",
            "",
            f"{len(runs)} trainings, {seconds / 60:.0f} min of one core. Held-out accuracy at the end: "
            f"{accuracy.min():.1%} to {accuracy.max():.1%}; gap {gap.min():.1%} to {gap.max():.1%}.",
            "",
        ]
        for outcome, title in OUTCOMES.items():
            yard = known[bed][outcome]
            mine = [one for one in every if one.bed == bed and one.outcome == outcome]
            shown = sorted((one for one in mine if one.shown), key=lambda one: -abs(one.rho))
            lines += [
                _prose(f"""
                    **{_capital(title)}.** The training loss alone correlates at {yard["loss"]:+.2f}. Given
                    it, the held-out accuracy at that check correlates at {yard["held_out_accuracy"]:+.2f} and the
                    held-out loss at {yard["held_out_loss"]:+.2f}: the yardstick. Of {len(mine)} signals, {len(shown)}
                    foretell beyond the training loss, and {sum(one.shown_beyond for one in mine)} beyond held-out
                    accuracy too."""),
                "",
            ]
            rows = shown[:8] or sorted(mine, key=lambda one: -abs(one.rho))[:3]
            lines += [
                "| signal | stage | ρ given the loss (95 %) | adjusted p | ρ given held-out accuracy too | adjusted p "
                "| ρ within settings |",
                "| --- | --- | --- | --- | --- | --- | --- |",
                *map(_row, rows),
                "",
            ]
            if not shown:
                lines += ["None is shown; the three largest stand in the table.", ""]
            elif len(shown) > len(rows):
                lines += [f"The {len(rows)} strongest of {len(shown)}.", ""]
    return lines


def _row(one: Found) -> str:
    cells = [
        f"{one.signal} ({one.kind})",
        one.layer[-1],
        f"{one.rho:+.2f} ({one.low:+.2f} to {one.high:+.2f})",
        f"{one.p:.2g}",
        f"{one.beyond:+.2f}",
        f"{one.p_beyond:.2g}",
        f"{one.within:+.2f}",
    ]
    return f"| {' | '.join(cells)} |"


def _tail(every: Sequence[Found]) -> list[str]:
    shape, geometry = (
        max((abs(one.rho) for one in every if one.kind == kind), default=math.nan) for kind in ("shape", "geometry")
    )
    return [
        "## What this does not say",
        "",
        _prose(f"""
            The strongest of the shape signals reaches |ρ| = {shape:.2f} and the strongest of the plain ones (scale,
            p_eff, effective rank), which cost a singular value decomposition, {geometry:.2f}: where both foretell,
            take the cheap one. These are small networks on small images, one architecture and one optimiser, and a
            grid of settings in which label noise is the largest difference; nothing here was tried on a training that
            anyone would pay for. The intervals hold for one signal alone, and the largest of many is picked."""),
    ]
