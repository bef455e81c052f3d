"""What every test may use."""

from __future__ import annotations

import os

# Before torch is imported: on two cores, two threads of each of two processes only wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from collections.abc import Generator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import toposcope as ts

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
    """Where everything should be there (TOPOSCOPE_SKIP_IS_FAILURE), a skip is a failure."""
    report = yield
    if report.skipped and os.environ.get("TOPOSCOPE_SKIP_IS_FAILURE"):
        report.outcome = "failed"
        report.longrepr = f"skipped where nothing may be: {report.longrepr}"
    return report


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture
def shared() -> Path:
    """The folder of real data beside the checkout."""
    if not SHARED.is_dir():
        pytest.skip("the data folder ../shared/data is not beside this checkout")
    return SHARED


def save_layers(folder: Path, layers: int = 3, n: int = 120, width: int = 8, seed: int = 0, noise: float = 0.0) -> Path:
    """Representations of a small random network, one file per layer."""
    inputs = np.random.default_rng(99)
    labels = np.arange(n) % 5
    x = inputs.normal(size=(n, width)) + 3 * np.eye(5, width)[labels]
    weights = np.random.default_rng(seed)
    for layer in range(layers):
        x = np.maximum(x @ weights.normal(size=(width, width)) / np.sqrt(width), 0)
        x = x + noise * np.random.default_rng(seed + 1).normal(size=x.shape)
        ids = np.array([f"input-{k:03d}" for k in range(n)])
        ts.Representation(x.astype(np.float32), ids, labels, ts.Source(layer=f"block{layer}", position=layer)).save(
            folder / f"block{layer}.npz"
        )
    return folder
