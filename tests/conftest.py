"""What every test may use."""

from __future__ import annotations

import importlib.util
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


OPTIONAL = [
    "accelerate",
    "dask",
    "distributed",
    "gudhi",
    "lightning",
    "matplotlib",
    "onnx",
    "onnxruntime",
    "ot",
    "ripser",
    "tensorboard",
    "timm",
    "torch",
    "torchvision",
    "transformers",
    "wandb",
]
"""Packages that an installation of the core alone does without."""
ABSENT = [name for name in OPTIONAL if importlib.util.find_spec(name) is None]


def pytest_report_header() -> list[str]:
    """What tests are skipped for."""
    return [f"not installed, so tests that need it are skipped: {', '.join(ABSENT)}"] if ABSENT else []


NEEDED = {"extract": "torch", "plot": "matplotlib"}
"""Folders that have nothing to test without a package."""


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Whether a folder is left out."""
    return True if NEEDED.get(collection_path.name) in ABSENT else None


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Generator[None, Any, Any]:
    """A file of tests that imports what is not installed is skipped, and says why."""
    report = yield
    if report.failed:
        missing = [name for name in ABSENT if f"No module named '{name}" in str(report.longrepr)]
        if missing:
            report.outcome = "skipped"
            report.longrepr = (str(collector.path), 0, f"Skipped: {missing[0]} is not installed")
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
    """Where everything should be there (TOPOSCOPE_SKIP_IS_FAILURE), a skip is a failure."""
    report = yield
    error = call.excinfo.value if call.excinfo is not None else None
    said = str(error)
    lacking = isinstance(error, ImportError) and any(name in said for name in ABSENT)
    lacking |= any(
        f"needs {name}, which is not installed" in said or f"No module named '{name}'" in said for name in ABSENT
    )
    if report.failed and lacking:
        report.outcome = "skipped"
        report.longrepr = (str(item.path), 0, f"Skipped: {error}")
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
