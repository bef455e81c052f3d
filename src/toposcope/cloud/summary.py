"""What to know about a cloud before believing its diagram: duplicates, constant columns, effective dimension."""

from __future__ import annotations

import numpy as np

from toposcope import _check
from toposcope._types import Floats
from toposcope.representation import Representation, first_equal_rows

_BLOCK = 1 << 22
"""Values of a cloud that are centred at once."""


def duplicate_rows(points: Floats | Representation) -> int:
    """How many rows repeat an earlier row exactly. Duplicates are bars of zero length, which a diagram drops."""
    first = first_equal_rows(_check.points(points))
    return int(np.count_nonzero(first < np.arange(len(first))))


def effective_dimension(points: Floats | Representation) -> float:
    """p_eff = tr Σ / ‖Σ‖, the trace of the covariance over its largest eigenvalue; 0 for a constant cloud.

    Close to the dimension when variance is spread evenly: then distances concentrate and a diagram sees little.
    Source: Hiraoka et al. 2024; Sansford et al. 2026.
    """
    cloud = _check.points(points)
    if cloud.size == 0:
        return 0.0
    mean = cloud.mean(axis=0, dtype=np.float64)
    n, d = cloud.shape
    trace = 0.0
    gram = np.zeros((min(n, d), min(n, d)))
    # Of the smaller Gram matrix, from blocks along the other axis: a cloud may be larger than the memory.
    step = max(1, _BLOCK // gram.shape[0])
    for start in range(0, max(n, d), step):
        some = slice(start, start + step)
        block = cloud[some] - mean if n > d else cloud[:, some] - mean[some]
        trace += float(np.einsum("ij,ij->", block, block))
        gram += block.T @ block if n > d else block @ block.T
    if trace == 0:
        return 0.0
    return trace / _largest_eigenvalue(gram)


def _largest_eigenvalue(gram: Floats) -> float:
    if len(gram) <= 1024:
        return float(np.linalg.eigvalsh(gram)[-1])
    from scipy.sparse.linalg import eigsh

    # A fixed start makes the iteration the same on every run.
    start = gram.sum(axis=0) + np.linalg.norm(gram) * np.linspace(1, 2, len(gram))
    return float(eigsh(gram, k=1, which="LM", v0=start, return_eigenvectors=False)[0])
