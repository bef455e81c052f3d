"""A small run, the same with hostile names wherever a name can stand, and one whose inputs are images on a circle."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import toposcope as ts
from tests.conftest import save_layers
from toposcope.study import Failure, Results, Study
from toposcope.study.holes import Seen

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
    portraits = {
        names.get(network, network): {names.get(layer, layer): key for layer, key in layers.items()}
        for network, layers in results.seen.portraits.items()
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
        seen=Seen(portraits, {names.get(network, network): key for network, key in results.seen.thumbnails.items()}),
        findings=(EVIL, *results.findings),
        warnings=(EVIL, "half a pair \ud800"),
        failed=(Failure(EVIL, EVIL),),
        provenance={**results.provenance, "folder": EVIL, EVIL: EVIL},
    )


SECTORS = ("east", "north", "west", "south")


def pictures(folder: Path, sectors: tuple[str, ...] = SECTORS, mark: str = "", side: int = 40) -> Study:
    """Images on a circle that the last layer of the second network keeps, and the other layers don't."""
    rng = np.random.default_rng(0)
    n = 180
    angle = 2 * np.pi * rng.permutation(n) / n
    labels = np.array(sectors)[(angle // (np.pi / 2)).astype(int)]
    ids = np.array([f"image-{k:03d}{mark}" for k in range(n)])
    shade = np.stack([np.cos(angle), np.sin(angle), np.zeros(n)], axis=-1) * 120 + 128
    images = np.broadcast_to(shade[:, None, None].astype(np.uint8), (n, side, side, 3)).copy()
    images[:, side // 4 : side // 2] = 255 - images[:, side // 4 : side // 2]
    folder.mkdir(parents=True, exist_ok=True)
    np.savez(folder / "images.npz", inputs=images, sample_ids=ids, labels=labels)
    circle = np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    for network in ("net0", "net1"):
        for position, layer in enumerate(("block0", "block1")):
            points = rng.normal(size=(n, 5))
            if (network, layer) == ("net1", "block1"):
                points = np.hstack([circle, np.zeros((n, 3))]) + 0.03 * points
            source = ts.Source(layer=layer, position=position)
            ts.Representation(points, ids, labels, source).save(folder / network / f"{layer}.npz")
    networks = [{"name": name, "representations": str(folder / name)} for name in ("net0", "net1")]
    return Study.parse(
        {
            "recipe": "layers",
            "inputs": {"source": str(folder / "images.npz")},
            "network": networks,
            "compare": [{"a": "net0", "b": "net1", "claim": "fine-tuning"}],
            "cloud": {"size": 30, "draws": 6},
        }
    )


@pytest.fixture(scope="session")
def pictured(tmp_path_factory: pytest.TempPathFactory) -> Results:
    folder = tmp_path_factory.mktemp("pictured")
    return ts.run(pictures(folder / "data"), out=folder / "run")


@pytest.fixture(scope="session")
def pictured_by_an_enemy(tmp_path_factory: pytest.TempPathFactory) -> Results:
    folder = tmp_path_factory.mktemp("hostile")
    sectors = (EVIL, "__proto__", "<b>", "east")
    return renamed(ts.run(pictures(folder / "data", sectors, EVIL), out=folder / "run"))


def film(
    folder: Path,
    networks: int = 4,
    layers: int = 3,
    n: int = 180,
    size: int = 25,
    draws: int = 6,
    side: int = 16,
    texts: bool = False,
    **tables: Any,
) -> Study:
    """Checkpoints of one training, saved: a ring opens step by step in the last layers; colours or texts go round it.

    texts: inputs are tokens with texts instead of images.
    """
    rng = np.random.default_rng(0)
    angle = 2 * np.pi * rng.permutation(n) / n
    labels = np.array(SECTORS)[(angle // (np.pi / 2)).astype(int)]
    ids = np.array([f"input-{k:04d}" for k in range(n)])
    folder.mkdir(parents=True, exist_ok=True)
    if texts:
        said = np.array(
            [f"heading {math.degrees(one):.0f}° <b>{sector}</b>" for one, sector in zip(angle, labels, strict=True)]
        )
        np.savez(folder / "inputs.npz", inputs=rng.integers(0, 99, (n, 7)), sample_ids=ids, labels=labels, texts=said)
    else:
        shade = np.stack([np.cos(angle), np.sin(angle), np.zeros(n)], axis=-1)[:, None, None] * 90 + 128
        images = np.clip(shade + rng.normal(0, 25, (n, side, side, 3)), 0, 255).astype(np.uint8)
        np.savez(folder / "inputs.npz", inputs=images, sample_ids=ids, labels=labels)
    circle = np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    for step in range(networks):
        for layer in range(layers):
            open_by = step / max(1, networks - 1) * layer / max(1, layers - 1)
            points = 0.3 * rng.normal(size=(n, 6))
            points[:, :2] += 2 * open_by * circle
            source = ts.Source(layer=f"stage{layer // 4}.{layer % 4}", position=layer)
            ts.Representation(points.astype(np.float32), ids, labels, source).save(
                folder / f"step{step}" / f"{layer:02d}.npz"
            )
    return Study.parse(
        {
            "recipe": "layers",
            "name": "film",
            "inputs": {"source": str(folder / "inputs.npz")},
            "network": [
                {
                    "name": f"step {10 * 2**step}",
                    "family": "net",
                    "step": float(10 * 2**step),
                    "representations": str(folder / f"step{step}"),
                }
                for step in range(networks)
            ],
            "compare": [{"a": "step 10", "b": f"step {10 * 2 ** (networks - 1)}", "claim": "training"}],
            "cloud": {"size": size, "draws": draws},
            "similarity": {"measures": ["cka-unbiased", "bottleneck"]},
            **tables,
        }
    )


@pytest.fixture(scope="session")
def filmed(tmp_path_factory: pytest.TempPathFactory) -> Results:
    folder = tmp_path_factory.mktemp("film")
    return ts.run(film(folder / "data"), out=folder / "run")


@pytest.fixture(scope="session")
def spoken(tmp_path_factory: pytest.TempPathFactory) -> Results:
    folder = tmp_path_factory.mktemp("spoken")
    return ts.run(film(folder / "data", networks=2, layers=2, texts=True), out=folder / "run")
