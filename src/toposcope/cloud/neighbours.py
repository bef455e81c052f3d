"""Distances that the whole cloud decides: over its graph of nearest neighbours, or its density.

All take the (n, n) Euclidean distances in float64 and return (n, n) float64, symmetric to the bit.

In the graph of k nearest neighbours, k does not count the point itself; of equally near points the first rows are
taken; two points are joined when either is among the other's k. Source: Damrich, Berens and Kobak 2024, who show which
of these distances find a noisy circle in many dimensions.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from toposcope._errors import InputError
from toposcope._types import Float64
from toposcope.cloud.pairs import between_two

_ROWS = 512


def shortest_paths(lengths: Float64, joined: NDArray[np.bool_] | None = None) -> Float64:
    """Lengths of shortest paths over the joined pairs (None: all); inf where there is no path."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import csgraph_from_dense, dijkstra, floyd_warshall

    if joined is None:
        # In a dense matrix scipy takes 0 for no edge; between equal points it is one.
        paths: Float64 = floyd_warshall(csgraph_from_dense(lengths, null_value=np.inf))
    else:
        rows, columns = np.nonzero(joined)
        places = rows.astype(np.int32), columns.astype(np.int32)  # older releases of scipy know no wider ones
        paths = dijkstra(csr_array((lengths[rows, columns], places), shape=lengths.shape))
    # The sum along a path depends on the direction in its last bits.
    return np.minimum(paths, paths.T)


def neighbour_graph(distances: Float64, k: int) -> NDArray[np.bool_]:
    """(n, n) whether two points are joined: either is among the k nearest of the other. Raises InputError if k >= n."""
    n = len(distances)
    joined = np.zeros((n, n), dtype=np.bool_)
    for start, others in _without_themselves(distances, k):
        reach = np.partition(others, k - 1, axis=1)[:, k - 1 : k]
        near, at_reach = others < reach, others == reach
        missing = k - near.sum(axis=1, keepdims=True)
        joined[start : start + len(others)] = near | (at_reach & (np.cumsum(at_reach, axis=1) <= missing))
    return joined | joined.T


def mean_reach(distances: Float64, k: int, p: float) -> Float64:
    """(n,) the p-mean of each point's distances to its k nearest others. Raises InputError if k >= n."""
    reach = np.empty(len(distances))
    for start, others in _without_themselves(distances, k):
        nearest = np.sort(np.partition(others, k - 1, axis=1)[:, :k], axis=1)
        farthest = nearest[:, -1]
        if np.isfinite(p):
            share = nearest / np.where(farthest > 0, farthest, 1.0)[:, None]
            farthest = farthest * np.mean(share**p, axis=1) ** (1 / p)
        reach[start : start + len(others)] = farthest
    return reach


def to_measure(distances: Float64, k: int, p: float) -> Float64:
    """Distances under which dense places are born early: births 2f on the diagonal, edges max(2f, 2g, f + g + d)."""
    reach = mean_reach(distances, k, p)
    values = distances + reach[:, None]
    values += reach[None, :]
    # (d + f) + g and (d + g) + f may differ in the last bit.
    values = np.minimum(values, values.T)
    np.maximum(values, 2 * np.maximum(reach[:, None], reach[None, :]), out=values)
    np.fill_diagonal(values, 2 * reach)
    return values


def spectral(joined: NDArray[np.bool_], weights: Callable[[Float64], Float64], squared: bool, name: str) -> Float64:
    """Distances between the rows of the spectral embedding D^(-1/2) U w(Λ) of a connected graph.

    U, Λ: eigenvectors and eigenvalues of its normalised Laplacian 1 - D^(-1/2) A D^(-1/2), all but the constant one. A
    is 0 or 1, D holds the degrees. Raises InputError for a graph in several pieces.
    """
    from scipy.sparse.csgraph import connected_components
    from threadpoolctl import threadpool_limits

    pieces = connected_components(joined, directed=False)[0]
    if pieces > 1:
        raise InputError(
            f"metric={name}: the graph of nearest neighbours falls into {pieces} pieces, between which it is not "
            "defined; take a larger k, or metric='knn_geodesic', which is inf between pieces"
        )
    degrees = joined.sum(axis=1).astype(np.float64)
    laplacian = np.eye(len(joined)) - joined / np.sqrt(np.outer(degrees, degrees))
    with threadpool_limits(1):  # the bits of a decomposition depend on the threads of the linear algebra
        eigenvalues, vectors = np.linalg.eigh(laplacian)
    embedding = vectors[:, 1:] * weights(eigenvalues[1:]) / np.sqrt(degrees)[:, None]
    metric = "sqeuclidean" if squared else "euclidean"
    return np.asarray(between_two(embedding, metric, np.dtype(np.float64)), dtype=np.float64)


def _without_themselves(distances: Float64, k: int) -> Any:
    """Blocks of rows, with the row where each starts; the distance to itself is set to inf."""
    n = len(distances)
    if k >= n:
        raise InputError(f"k={k} nearest neighbours need more than {k} points, and there are {n}; take a smaller k")
    for start in range(0, n, _ROWS):
        others = distances[start : start + _ROWS].copy()
        others[np.arange(len(others)), start + np.arange(len(others))] = np.inf
        yield start, others
