"""The census of tokens: in which layers of a transformer do patch tokens have outsized norms, class tokens apart?

It reads all tokens of a draw's inputs, not the points of its cloud. The input is the unit: numbers are means over
disjoint draws of inputs.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import ClassVar

import numpy as np

from toposcope.cloud import NORMAL_RATE, disjoint_draws, token_outliers
from toposcope.stats import mean_interval
from toposcope.store import Store, key_of
from toposcope.study.plan import Study
from toposcope.study.tasks import SCHEMA, Extracted, Side, engine_versions, read_layer
from toposcope.study.verdicts import Evidence, Quantity, Verdict

NUMBERS = {
    "share": "share of patch tokens of outsized norm",
    "inputs": "share of inputs with a patch token of outsized norm",
    "norm": "norm of outsized patch tokens over that of patch tokens",
    "class_norm": "norm of class tokens over that of patch tokens",
    "place": "share of outsized patch tokens at their most frequent place",
}


TIMES_THE_MEDIAN = 2.0
"""Tokens that stand out are called outsized from this norm on, in medians: norms are skewed, and a few always do."""


@dataclasses.dataclass(frozen=True)
class TokenCensus:
    """Counts the tokens of outsized norm of every draw of one layer."""

    uses_torch: ClassVar[bool] = False

    side: Side
    seed: int

    @property
    def key(self) -> str:
        """Of the numbers."""
        cloud = [self.side.cloud.draws, self.seed]
        return key_of("tokens", schema=SCHEMA, layer=self.side.layer.key, cloud=cloud, versions=engine_versions())

    @property
    def title(self) -> str:
        """For progress and failures."""
        return f"census of tokens of {self.side.layer.title}"

    def perform(self, store: Store, progress: Callable[[int, int | None], None] | None = None) -> None:
        """Keep every number of every draw, NaN where there is none."""
        layer = read_layer(store, self.side.layer.key)
        units, draws = np.unique(layer.sample_ids), self.side.cloud.draws
        groups = disjoint_draws(units, len(units) // draws, draws, self.seed)
        found = [token_outliers(layer.take(np.isin(layer.sample_ids, units[group]))) for group in groups]
        store.write(self.key, {name: np.array([getattr(one, name) for one in found]) for name in NUMBERS})


def measurements(plan: Study, networks: Sequence[Extracted]) -> list[TokenCensus]:
    """The census of every layer whose representation is of tokens."""
    return [
        TokenCensus(Side.of(plan, layer), plan.seed)
        for network in networks
        for layer in network.layers
        if layer.rows > layer.inputs and " token" in (layer.source.reduction or "") and layer.inputs >= plan.cloud.draws
    ]


def answer(evidence: Evidence) -> tuple[list[Verdict], list[Quantity]]:
    """For each network with tokens, whether some layer has more of outsized norm than a normal law would."""
    verdicts, quantities = [], []
    for network in evidence.networks:
        tasks = [task for task in measurements(evidence.plan, [network]) if task.key in evidence.store]
        if not tasks:
            continue
        found: dict[str, dict[str, Quantity]] = {}
        level = 1 - (1 - evidence.plan.test.confidence) / len(tasks)
        for task in tasks:
            layer = task.side.layer
            arrays = evidence.store.read(task.key)
            found[layer.layer] = {}
            for name, words in NUMBERS.items():
                known = arrays[name][np.isfinite(arrays[name])]
                low, high = math.nan, math.nan
                if len(known) > 1:
                    interval = mean_interval(known, level)
                    low, high = interval.low, interval.high
                value = float(known.mean()) if len(known) else math.nan
                found[layer.layer][name] = Quantity(words, value, low, high, layer.network, layer.layer)
        quantities += [q for numbers in found.values() for q in numbers.values() if math.isfinite(q.value)]
        verdicts.append(_verdict(evidence, network.network, found))
    return verdicts, quantities


def _verdict(evidence: Evidence, name: str, found: dict[str, dict[str, Quantity]]) -> Verdict:
    beyond = [
        layer for layer, n in found.items() if n["share"].low > NORMAL_RATE and n["norm"].value >= TIMES_THE_MEDIAN
    ]
    most = max(beyond or found, key=lambda layer: found[layer]["share"].value)
    numbers = found[most]
    share, norm, place = numbers["share"], numbers["norm"], numbers["place"]
    described = f"{share.value:.2%} of the patch tokens ({share.low:.2%} to {share.high:.2%})"
    if math.isfinite(norm.value):
        described += (
            f", in {numbers['inputs'].value:.0%} of inputs, {norm.value:.1f}× the median norm, {place.value:.0%} of "
            "them at one place"
        )
    classes = [(layer, n["class_norm"].value) for layer, n in found.items() if math.isfinite(n["class_norm"].value)]
    apart = "It has no class token."
    if classes:
        layer, value = max(classes, key=lambda entry: abs(math.log(max(entry[1], 1e-300))))
        apart = f"Class tokens, counted apart, have {value:.2f}× the median norm of patch tokens in {layer}."
    sentence = (
        f"{name}: in {len(beyond)} of {len(found)} layers more patch tokens have an outsized norm (robust z > 3.5, "
        f"{TIMES_THE_MEDIAN:g}× the median) than a normal law gives ({NORMAL_RATE:.2%}), most in {most}: {described}. "
        f"{apart}"
    )
    return Verdict(
        f"Do patch tokens of {name} have outsized norms?",
        "yes" if beyond else "undecided",
        sentence,
        f"{name} {most}",
        None,
        share.value,
        share.low,
        share.high,
        null=f"norms follow a normal law; Student t at {evidence.plan.test.confidence:g} over draws for all layers "
        "together",
    )
