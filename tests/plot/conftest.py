"""Drawings are made without a screen, and closed."""

from collections.abc import Iterator

import matplotlib
import numpy as np
import pytest

import toposcope as ts

matplotlib.use("Agg")

from matplotlib import pyplot


@pytest.fixture(autouse=True)
def _close_figures() -> Iterator[None]:
    yield
    pyplot.close("all")


@pytest.fixture(scope="module")
def circle() -> ts.Representation:
    """Sixty noisy points on a circle in five dimensions, of three classes."""
    rng = np.random.default_rng(0)
    angle = rng.uniform(0, 2 * np.pi, 60)
    points = np.zeros((60, 5))
    points[:, 0], points[:, 3] = np.cos(angle), np.sin(angle)
    points += rng.normal(scale=0.03, size=points.shape)
    ids = np.array([f"input {k}" for k in range(60)])
    return ts.Representation(points, ids, np.arange(60) % 3, ts.Source("net", layer="conv"))


@pytest.fixture(scope="module")
def loop(circle: ts.Representation) -> ts.PersistenceDiagram:
    return ts.vietoris_rips(circle, representatives=True)


@pytest.fixture(scope="module")
def draws() -> list[ts.PersistenceDiagram]:
    """Diagrams of nine draws of noise."""
    rng = np.random.default_rng(1)
    return [ts.vietoris_rips(rng.normal(size=(30, 6)), scale="q0.9") for _ in range(9)]
