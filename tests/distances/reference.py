"""Random diagrams, and distances between them by methods that have nothing in common with the native ones."""

import warnings

import gudhi.hera
import numpy as np
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_bipartite_matching

import toposcope as ts


def random_bars(rng: np.random.Generator, count: int, kind: str) -> np.ndarray:
    """(count, 2) bars of one kind."""
    if kind == "lattice":  # ties everywhere
        births = rng.integers(0, 6, count).astype(float)
        return np.stack([births, births + rng.integers(1, 5, count)], axis=1)
    if kind == "born together":  # as in degree 0
        return np.stack([np.zeros(count), rng.exponential(1, count) ** 2 + 1e-3], axis=1)
    if kind == "born together on a lattice":
        return np.stack([np.full(count, 0.5), 0.5 + rng.integers(1, 30, count)], axis=1)
    if kind == "clustered":
        births = rng.choice([0.0, 1.0, 5.0], count) + rng.normal(0, 0.05, count)
        return np.stack([births, births + rng.exponential(0.2, count) + 1e-6], axis=1)
    if kind == "long and short":
        births = rng.random(count)
        return np.stack([births, births + 10.0 ** rng.uniform(-6, 1, count)], axis=1)
    births = rng.random(count)
    return np.stack([births, births + rng.random(count) * rng.choice([0.05, 1.0], count) + 1e-9], axis=1)


KINDS = ["lattice", "born together", "born together on a lattice", "clustered", "long and short", "mixed"]

bars_strategy = st.builds(
    lambda seed, count, kind: random_bars(np.random.default_rng(seed), count, kind),
    st.integers(0, 2**32 - 1),
    st.integers(0, 12),
    st.sampled_from(KINDS),
)


def diagram(bars: np.ndarray) -> ts.PersistenceDiagram:
    """Bars as degree 1 of a diagram."""
    return ts.PersistenceDiagram(bars, np.ones(len(bars), dtype=int))


def distances_in_the_plane(a: np.ndarray, b: np.ndarray, ground: float) -> np.ndarray:
    """(k, l) distances under the L_ground norm."""
    difference = np.abs(a[:, None] - b[None])
    if ground == np.inf:
        return difference.max(axis=2)
    return difference.sum(axis=2) if ground == 1 else np.hypot(difference[..., 0], difference[..., 1])


def distances_to_diagonal(a: np.ndarray, ground: float) -> np.ndarray:
    """(k,) distances, by the nearest point of the diagonal itself."""
    middle = a.mean(axis=1)
    return np.diagonal(distances_in_the_plane(a, np.stack([middle, middle], axis=1), ground))


def dense_wasserstein(a: np.ndarray, b: np.ndarray, order: float, ground: float) -> float:
    """By one square assignment that carries the diagonal as points, one for every bar."""
    k, m = len(a), len(b)
    costs = np.zeros((k + m, k + m))
    costs[:k, :m] = distances_in_the_plane(a, b, ground)
    costs[:k, m:] = distances_to_diagonal(a, ground)[:, None]
    costs[k:, :m] = distances_to_diagonal(b, ground)[None, :]
    rows, columns = linear_sum_assignment(costs**order)
    return float((costs[rows, columns] ** order).sum() ** (1 / order))


def dense_bottleneck(a: np.ndarray, b: np.ndarray) -> float:
    """The least candidate value at which that square has a perfect matching, by binary search."""
    k, m = len(a), len(b)
    costs = np.zeros((k + m, k + m))
    costs[:k, :m] = distances_in_the_plane(a, b, np.inf)
    costs[:k, m:] = ((a[:, 1] - a[:, 0]) / 2)[:, None]
    costs[k:, :m] = ((b[:, 1] - b[:, 0]) / 2)[None, :]
    candidates = np.unique(np.concatenate([[0.0], costs.ravel()]))
    low, high = 0, len(candidates) - 1
    while low < high:
        middle = (low + high) // 2
        allowed = csr_array(costs <= candidates[middle])
        if (maximum_bipartite_matching(allowed, perm_type="column") >= 0).all():
            high = middle
        else:
            low = middle + 1
    return float(candidates[low])


def gudhi_wasserstein(a: np.ndarray, b: np.ndarray, order: float, ground: float) -> float:
    """Optimal transport by POT, through gudhi."""
    from gudhi.wasserstein import wasserstein_distance

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return float(wasserstein_distance(a, b, order=order, internal_p=ground))


def hera_bottleneck(a: np.ndarray, b: np.ndarray) -> float:
    """Hera's exact mode. (gudhi's own stops early on some diagrams with ties, up to 3.13: GUDHI PR 1367.)"""
    return float(gudhi.hera.bottleneck_distance(a, b, 0))
