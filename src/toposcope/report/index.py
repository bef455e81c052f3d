"""Networks and layers by number: names are shown in the page, never used as keys."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from toposcope.report.numbers import real

if TYPE_CHECKING:
    import pandas as pd

    from toposcope.study.results import Results


@dataclasses.dataclass(frozen=True)
class Index:
    """Networks and layers by number, and what is known of each."""

    networks: list[str]
    layers: list[tuple[int, str]]
    depth: list[float]
    by_name: Mapping[tuple[str, str], int]

    @classmethod
    def of(cls, results: Results) -> Index:
        """The networks and layers of the tables, in their order."""
        networks = [str(name) for name in results.tables["networks"]["network"]]
        rows = records(results.tables["layers"])
        networks += [name for name in dict.fromkeys(str(row["network"]) for row in rows) if name not in networks]
        layers = [(networks.index(str(row["network"])), str(row["layer"])) for row in rows]
        depth: list[float] = []
        for (network, _layer), row in zip(layers, rows, strict=True):
            peers = [i for i, (other, _name) in enumerate(layers) if other == network]
            known = real(row["depth"])
            # Saved activations may not know their place: then order stands for depth.
            depth.append(known if math.isfinite(known) else (len(depth) - peers[0]) / max(1, len(peers) - 1))
        return cls(networks, layers, depth, {(networks[n], name): i for i, (n, name) in enumerate(layers)})

    def of_pair(self, row: Mapping[str, Any]) -> tuple[int | None, int | None]:
        """Numbers of the two layers of a row of the distances or tests."""
        return (
            self.by_name.get((str(row["network_a"]), str(row["layer_a"]))),
            self.by_name.get((str(row["network_b"]), str(row["layer_b"]))),
        )


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of a table."""
    return [{str(key): value for key, value in row.items()} for row in table.to_dict("records")]


def plain_clouds(table: pd.DataFrame) -> pd.DataFrame:
    """The rows about plain draws: those that a recipe treated in some way are not drawn beside them."""
    kept = table
    for column in ("clouds", "clouds_a", "clouds_b"):
        if column in table:
            kept = kept[kept[column] == "plain"]
    return kept
