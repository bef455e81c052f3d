"""A small run, and the same with hostile names wherever a name can stand."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import toposcope as ts
from tests.conftest import save_layers
from toposcope.study import Failure, Results, Study

EVIL = '</script><img src=x onerror="alert(1)">&amp;\n\u202e<b>\u2028'


def study(folder: Path, networks: int = 2, layers: int = 3, **cloud: Any) -> Study:
    for k in range(networks):
        save_layers(folder / f"net{k}", layers=layers, seed=k)
    table: dict[str, Any] = {
        "recipe": "layers",
        "network": [{"name": f"net{k}", "representations": str(folder / f"net{k}")} for k in range(networks)],
        "cloud": {"size": 14, "draws": 6, **cloud},
    }
    if networks > 1:
        table["compare"] = [{"a": "net0", "b": "net1", "claim": "seeds"}]
    return Study.parse(table)


@pytest.fixture(scope="session")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Results:
    folder = tmp_path_factory.mktemp("run")
    return ts.run(study(folder), out=folder / "out")


def renamed(results: Results) -> Results:
    """The same results with hostile names wherever a name can stand."""
    names = {"net0": EVIL, "net1": "__proto__", "block1": "<script>alert(1)</script>", "seeds": "<u>'seeds'"}
    tables = {}
    for name, table in results.tables.items():
        columns = {
            column: table[column].replace(names)
            for column in table.columns
            if pd.api.types.is_string_dtype(table[column])
        }
        tables[name] = table.assign(**columns)
    tables["layers"] = tables["layers"].assign(module=EVIL, shape=EVIL, reduction=EVIL)
    tables["networks"] = tables["networks"].assign(data=EVIL, checkpoint=EVIL, accuracy=[0.97, math.nan], judged=500)
    keys = {
        names.get(network, network): {names.get(layer, layer): found for layer, found in layers.items()}
        for network, layers in results.keys.items()
    }
    plan = results.plan.model_copy(
        update={
            "name": EVIL,
            "network": tuple(
                entry.model_copy(update={"name": names[entry.name], "family": EVIL}) for entry in results.plan.network
            ),
        }
    )
    return dataclasses.replace(
        results,
        plan=plan,
        tables=tables,
        keys=keys,
        findings=(EVIL, *results.findings),
        warnings=(EVIL, "half a pair \ud800"),
        failed=(Failure(EVIL, EVIL),),
        provenance={**results.provenance, "folder": EVIL, EVIL: EVIL},
    )
