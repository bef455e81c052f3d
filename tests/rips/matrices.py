"""Random symmetric matrices of every kind that breaks Rips engines, each made from a seed."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

FAMILIES = (
    "euclidean", "grid", "uniform", "ties", "few_values", "zeros", "duplicates", "infinite", "disconnected",
    "ultrametric", "circle", "one_value", "graph",
)  # fmt: skip


def symmetric(entries: NDArray[Any]) -> NDArray[np.float32]:
    upper = np.triu(entries, 1)
    return (upper + upper.T).astype(np.float32)


def matrix(family: str, n: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """An (n, n) float32 matrix with zero diagonal; a metric only where the family makes one."""
    if n == 0:
        return np.zeros((0, 0), dtype=np.float32)
    if family == "euclidean":
        return _euclidean(rng.normal(size=(n, int(rng.integers(1, 6)))))
    if family == "grid":
        return _euclidean(rng.integers(0, int(rng.integers(2, 6)), size=(n, int(rng.integers(1, 5)))))
    if family == "uniform":
        return symmetric(rng.uniform(size=(n, n)))
    if family == "ties":
        return symmetric(rng.integers(1, int(rng.integers(3, 40)), size=(n, n)))
    if family == "few_values":
        return symmetric(rng.integers(1, 4, size=(n, n)))
    if family == "zeros":
        return symmetric(rng.integers(0, int(rng.integers(2, 12)), size=(n, n)))
    if family == "duplicates":
        points = rng.normal(size=(max(1, n // 3), 3))
        return _euclidean(points[rng.integers(len(points), size=n)])
    if family == "infinite":
        entries = rng.uniform(size=(n, n))
        entries[rng.uniform(size=(n, n)) < rng.uniform(0.05, 0.7)] = np.inf
        return _mirrored(entries)
    if family == "disconnected":
        distances = _euclidean(rng.normal(size=(n, 3)))
        part = rng.integers(0, 3, size=n)
        distances[part[:, None] != part[None, :]] = np.inf
        return distances
    if family == "ultrametric":
        levels = np.sort(rng.integers(0, 3, size=(n, 4)), axis=0)
        return symmetric((levels[:, None, :] != levels[None, :, :]).sum(axis=2))
    if family == "circle":
        angles = rng.uniform(0, 2 * np.pi, size=n)
        return _euclidean(np.stack([np.cos(angles), np.sin(angles)], axis=1) + rng.normal(size=(n, 2)) * 0.05)
    if family == "one_value":
        return symmetric(np.full((n, n), float(rng.integers(0, 2))))
    if family == "graph":
        steps = np.where(rng.uniform(size=(n, n)) < 3.0 / n, 1.0, np.inf)
        hops = np.where(np.triu(np.ones((n, n), bool), 1), steps, np.inf)
        hops = np.minimum(hops, hops.T)
        np.fill_diagonal(hops, 0)
        for k in range(n):
            hops = np.minimum(hops, hops[:, k : k + 1] + hops[k : k + 1, :])
        return hops.astype(np.float32)
    raise ValueError(family)


def threshold(distances: NDArray[np.float32], rng: np.random.Generator) -> float:
    """No threshold half of the time, else one that is often a length of the matrix itself."""
    finite = distances[np.isfinite(distances)]
    if rng.uniform() < 0.5 or not len(finite):
        return float("inf")
    value = float(rng.choice(finite))
    return value if rng.uniform() < 0.5 else value * float(rng.uniform(0.5, 1.2))


def _mirrored(entries: NDArray[Any]) -> NDArray[np.float32]:
    lower = np.tril(np.ones(entries.shape, dtype=bool), -1)
    entries = np.where(lower, entries.T, entries)
    np.fill_diagonal(entries, 0)
    return entries.astype(np.float32)


def _euclidean(points: NDArray[Any]) -> NDArray[np.float32]:
    difference = points[:, None, :].astype(np.float64) - points[None, :, :]
    return np.sqrt((difference**2).sum(axis=2)).astype(np.float32)
