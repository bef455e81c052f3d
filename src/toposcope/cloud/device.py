"""Euclidean and angular distances by float64 matrix products on a torch device."""

from __future__ import annotations

from typing import Any

import numpy as np

from toposcope._errors import InputError, MissingDependencyError, UnavailableError, one_line
from toposcope._types import Float64, Floats
from toposcope.cloud.pairs import unit_rows
from toposcope.representation import first_equal_rows

PRODUCTS = ("euclidean", "sqeuclidean", "cosine", "correlation")
"""Metrics that a matrix product gives."""

_CANCELLED = 1e-6
"""Squared distances below this share of |x|² + |y|² have lost digits in the expansion and are computed again."""

_BLOCK_BYTES = 1 << 28
"""float64 memory of one block, on the device."""


def by_products(cloud: Floats, metric: str, device: str) -> Float64:
    """(n, n) float64 distances of a cloud under one of `PRODUCTS`.

    |x-y|² = |x|² + |y|² - 2x·y in float64, on centred data; pairs in which that cancels are computed from differences.
    The device holds the cloud as it is and as float64. Raises as `torch_device`.
    """
    torch, place = torch_device(device)
    first = first_equal_rows(cloud)
    chosen, group = np.unique(first, return_inverse=True)
    if metric in ("cosine", "correlation"):
        shift, scale = unit_rows(cloud, centred=metric == "correlation")
        vectors: Floats = (cloud[chosen] - shift[chosen, None]) * scale[chosen, None]
    else:
        vectors = cloud if len(chosen) == len(cloud) else cloud[chosen]
    squares = _squares(vectors, torch, place)
    if metric == "euclidean":
        np.sqrt(squares, out=squares)
    elif metric != "sqeuclidean":
        squares *= 0.5
    if len(chosen) == len(cloud):
        return squares
    # Every pair of equal rows would be computed again from differences, and a dead layer has nothing else.
    expanded: Float64 = np.ascontiguousarray(squares[group][:, group])
    return expanded


def torch_device(device: str) -> tuple[Any, Any]:
    """torch and a device of it that multiplies float64.

    Raises MissingDependencyError without torch, InputError for a name that torch does not know, UnavailableError for a
    device that this machine does not have, and for "mps", which has no float64.
    """
    try:
        import torch
    except ImportError:
        raise MissingDependencyError("torch", f"device={device!r}", "torch") from None
    try:
        place = torch.device(device)
    except (RuntimeError, TypeError):
        raise InputError(f"device={device!r} is not known to torch; use 'cpu', 'cuda' or 'cuda:1'") from None
    if place.type == "mps":
        raise UnavailableError("device='mps' has no float64, which distances are computed in; use device=None")
    try:
        torch.zeros(1, dtype=torch.float64, device=place)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise UnavailableError(f"device={device!r} cannot be used here: {one_line(error)}; use device=None") from None
    return torch, place


def _squares(cloud: Floats, torch: Any, place: Any) -> Float64:
    n, d = cloud.shape
    squares = np.zeros((n, n))
    if n == 0 or d == 0:
        return squares
    points = torch.empty((n, d), dtype=torch.float32 if cloud.dtype == np.float32 else torch.float64, device=place)
    step = max(1, _BLOCK_BYTES // (8 * d))
    for start in range(0, n, step):
        block = np.array(cloud[start : start + step], order="C")  # torch wants arrays that may be written
        points[start : start + step] = torch.from_numpy(block).to(place)
    centred = points.to(torch.float64, copy=True)
    centred -= centred.mean(dim=0)
    norms = torch.linalg.vector_norm(centred, dim=1) ** 2
    rows = max(1, _BLOCK_BYTES // (8 * n))
    for start in range(0, n, rows):
        stop = min(n, start + rows)
        sums = norms[start:stop, None] + norms[None, start:]
        block = torch.addmm(sums, centred[start:stop], centred[start:].T, alpha=-2)
        lost = torch.nonzero(block < _CANCELLED * sums)
        for chunk in lost.split(step):
            i, j = chunk[:, 0], chunk[:, 1]
            difference = points[start + i].to(torch.float64) - points[start + j]
            block[i, j] = (difference * difference).sum(dim=1)
        found = block.cpu().numpy()
        # Only what lies right of the diagonal; the other half is its mirror image, equal to the bit.
        found[:, : stop - start] = np.triu(found[:, : stop - start], 1)
        squares[start:stop, start:] = found
    squares += squares.T
    return squares
