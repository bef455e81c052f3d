"""Points in the plane whose distances come as near as they can to given ones: metric scaling, the same on every run."""

from __future__ import annotations

import numpy as np

from toposcope._types import Array, Float64


def embed(distances: Array, steps: int = 500, tolerance: float = 1e-9) -> tuple[Float64, float]:
    """Metric multidimensional scaling to two dimensions: SMACOF from a classical start.

    distances: (m, m) symmetric, zero diagonal; NaN and infinite entries carry no weight. Returns positions (m, 2),
    turned to their principal axes with the first point on the left and the second not below, and Kruskal's stress-1
    √(Σ(d − d̂)² / Σd̂²). A point without any finite distance is NaN. Source: Borg and Groenen 2005, chapters 8 and 12.
    """
    given = np.asarray(distances, dtype=np.float64)
    m = len(given)
    weights = np.isfinite(given).astype(np.float64)
    np.fill_diagonal(weights, 0.0)
    held = weights.any(axis=1)
    positions = np.full((m, 2), np.nan)
    if held.sum() < 2:
        positions[held] = 0.0
        return positions, 0.0
    w = weights[np.ix_(held, held)]
    d = np.where(w > 0, np.where(np.isfinite(given), given, 0.0)[np.ix_(held, held)], 0.0)
    # Missing distances start at the mean of the others.
    start = np.where(w > 0, d, d.sum() / max(w.sum(), 1.0))
    np.fill_diagonal(start, 0.0)
    x = _classical(start)
    laplacian = np.diag(w.sum(axis=1)) - w
    inverse = np.linalg.pinv(laplacian, rcond=1e-9, hermitian=True)  # its 0 is one of rounding
    before = np.inf
    for _ in range(steps):
        reached = _between(x)
        loss = float((w * (d - reached) ** 2).sum())
        if before - loss <= tolerance * max(float((w * d**2).sum()), 1e-300):
            break
        before = loss
        ratio = np.divide(w * d, reached, out=np.zeros_like(d), where=reached > 0)
        guttman = np.diag(ratio.sum(axis=1)) - ratio
        x = inverse @ (guttman @ x)
    reached = _between(x)
    size = float((w * reached**2).sum())
    stress = float(np.sqrt((w * (d - reached) ** 2).sum() / size)) if size > 0 else 0.0
    positions[held] = _turned(x)
    return positions, stress


def _classical(d: Float64) -> Float64:
    m = len(d)
    centring = np.eye(m) - 1.0 / m
    values, vectors = np.linalg.eigh(-0.5 * centring @ (d**2) @ centring)
    x = np.zeros((m, 2))
    top = min(2, m)
    x[:, :top] = vectors[:, ::-1][:, :top] * np.sqrt(np.maximum(values[::-1][:top], 0.0))
    return x


def _between(x: Float64) -> Float64:
    distances: Float64 = np.sqrt(((x[:, None] - x[None]) ** 2).sum(axis=-1))
    return distances


def _turned(x: Float64) -> Float64:
    """Centred on the principal axes, mirrored so that the picture does not depend on an eigenvector's sign."""
    centred = x - x.mean(axis=0)
    _values, axes = np.linalg.eigh(centred.T @ centred)
    turned: Float64 = centred @ axes[:, ::-1]
    if turned[0, 0] > 0:
        turned[:, 0] *= -1
    if len(turned) > 1 and turned[1, 1] < turned[0, 1]:
        turned[:, 1] *= -1
    return turned
