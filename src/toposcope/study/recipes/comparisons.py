"""Comparisons that several recipes plan: along the depth of a network, and between networks."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from toposcope.study.plan import Study
from toposcope.study.recipes.matching import matched_layers
from toposcope.study.tasks import Extracted, Side
from toposcope.study.verdicts import Planned, SameInputs


def along_depth(plan: Study, networks: Sequence[Extracted]) -> list[Planned]:
    """Adjacent layers of every network."""
    return [
        Planned(f"depth of {network.network}", Side.of(plan, a), Side.of(plan, b), paired=True, controlled=True)
        for network in networks
        for a, b in itertools.pairwise(network.layers)
    ]


def between_networks(plan: Study, networks: Sequence[Extracted], same_inputs: SameInputs) -> list[Planned]:
    """The layers of every pair of networks that `[[compare]]` names."""
    by_name = {network.network: network for network in networks}
    comparisons = []
    for pair in plan.compare:
        if pair.a not in by_name or pair.b not in by_name:
            continue  # its extraction failed, and that is said
        claim = pair.claim or f"{pair.a} against {pair.b}"
        comparisons += [
            Planned(claim, Side.of(plan, x), Side.of(plan, y), same_inputs[pair.a, pair.b], controlled=True)
            for x, y in matched_layers(by_name[pair.a].layers, by_name[pair.b].layers)
        ]
    return comparisons
