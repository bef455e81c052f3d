"""Centred kernel alignment (Kornblith et al. 2019), and its unbiased and minibatch forms (Nguyen et al. 2021).

CKA = HSIC(K, L) / sqrt(HSIC(K, K) HSIC(L, L)) of two kernel matrices over the same inputs. No (n, n) matrix is built
that is larger than the layers: a linear kernel is summed on the side of the features or of the inputs, whichever is
cheaper, and an RBF kernel in blocks of rows. Where a layer has more features than inputs, its matrix is kept for the
next pair.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import DTypeLike

from toposcope import _check
from toposcope._errors import InputError
from toposcope._types import Array, Float64, Floats
from toposcope.similarity.pairs import Points, aligned
from toposcope.similarity.prepared import SHARED, Prepared

KERNELS = ("linear", "rbf")

_ROWS = 1024
"""Rows of one block of a kernel; sums within it are in the precision of the points, sums of blocks in float64."""
_TALL = 2048
"""Rows of one block of a cross-product, likewise: fewer sums of (d, d) blocks, which read more than they reckon."""
_COLUMNS = 2048
"""Features of one tile of a cross-product matrix."""
_SHARED = SHARED
"""Inputs up to which distances and kernels of a layer are kept as one matrix."""
_STACKED = 1 << 23
"""Values of the kernel blocks of many layers that are held at once: 64 MiB of float64."""
_NO_VARIANCE = (
    "a layer has no variance that its kernel sees (HSIC with itself is not positive), so CKA is not defined; "
    "leave it out or give more inputs"
)
_CANCELLED = 1e-6
"""Share of |x|² + |y|² below which an expanded |x - y|² has lost digits."""


def cka(
    a: Points,
    b: Points,
    kernel: str = "linear",
    unbiased: bool = False,
    bandwidth: float = 0.5,
    batch: int | None = None,
) -> float:
    """Centred kernel alignment of two representations of the same inputs; 1 is most similar.

    a, b: (n, d) arrays or Representations (matched by sample_ids). kernel: "linear", or "rbf" with a standard
    deviation of `bandwidth` times the median distance of each. unbiased: estimate HSIC without bias (Song et al. 2012),
    so that two unrelated representations score 0 in the mean, however wide they are; may be negative. batch: sum the
    unbiased HSIC over consecutive batches of that many inputs (Nguyen et al. 2021), which needs one batch at a time; a
    last batch of fewer than 4 is added to the one before.

    Do not believe the biased score when the width is not small against the number of inputs: it grows towards 1.
    Returns a float: in [0, 1], or at most 1 when unbiased. Raises InputError for a layer whose points coincide,
    IncomparableError when rows do not match.
    """
    _check.choice(kernel, KERNELS, "kernel")
    _check.real(bandwidth, "bandwidth", above=0.0)
    if batch is not None:
        _check.integer(batch, "batch", at_least=4)
    x, y = aligned(a, b, at_least=4 if unbiased or batch else 2)
    return cka_prepared(x, y, kernel, unbiased, bandwidth, batch)


def cka_prepared(
    x: Prepared, y: Prepared, kernel: str, unbiased: bool, bandwidth: float, batch: int | None = None
) -> float:
    """CKA of two clouds with matching rows."""
    if batch is None:
        hsic = np.array([_hsics(x, y, kernel, unbiased, bandwidth)])
    else:
        parts = (np.arange(start, stop) for start, stop in _batches(len(x), batch))
        hsic = np.array([_hsics(x.take(rows), y.take(rows), kernel, True, bandwidth) for rows in parts])
    cross, self_x, self_y = (math.fsum(column) for column in hsic.T)
    if min(self_x, self_y) <= 0:
        raise InputError(_NO_VARIANCE)
    return cross / math.sqrt(self_x * self_y)


def cka_of_all(clouds: Sequence[Prepared], unbiased: bool) -> tuple[Float64, str]:
    """Linear CKA of every two of m clouds with matching rows: (m, m), NaN where it is not defined, and why it is not.

    A block of rows of all kernels is held at a time, and one matrix product gives the inner products of all pairs.
    """
    n, m = len(clouds[0]), len(clouds)
    if not _stacking_pays(clouds):
        return _one_by_one(clouds, unbiased)
    inner, diagonals = np.zeros((m, m)), np.array([_squared_norms(cloud) for cloud in clouds])
    rows = max(1, min(_ROWS, n, _STACKED // (n * m)))
    for start in range(0, n, rows):
        stop = min(start + rows, n)
        blocks = np.empty((m, stop - start, n - start))
        for cloud, block in zip(clouds, blocks, strict=True):
            centred = cloud.points[start:].astype(np.float64) - cloud.mean
            np.matmul(centred[: stop - start], centred.T, out=block)
        # Kernels are symmetric: what is right of the diagonal block counts twice.
        left, right = blocks[:, :, : stop - start].reshape(m, -1), blocks[:, :, stop - start :].reshape(m, -1)
        inner += left @ left.T + 2 * (right @ right.T)
    zero = np.zeros(n)
    hsic = np.array(
        [
            [_Sums(inner[i, j], zero, zero, diagonals[i], diagonals[j]).hsic(unbiased) for j in range(m)]
            for i in range(m)
        ]
    )
    own = np.diagonal(hsic)
    defined = own > 0
    norms = np.sqrt(np.where(defined, own, np.nan))
    return hsic / np.outer(norms, norms), "" if defined.all() else _NO_VARIANCE


def _stacking_pays(clouds: Sequence[Prepared]) -> bool:
    """Whether all kernels cost less than the cross-products of the features of all pairs."""
    widths = np.array([cloud.points.shape[1] for cloud in clouds], dtype=np.float64)
    return bool(len(clouds[0]) * (widths.sum() + len(clouds) ** 2) < widths.sum() ** 2 - (widths**2).sum())


def _one_by_one(clouds: Sequence[Prepared], unbiased: bool) -> tuple[Float64, str]:
    values, note = np.full((len(clouds), len(clouds)), np.nan), ""
    for i, x in enumerate(clouds):
        for j, y in enumerate(clouds[: i + 1]):
            try:
                values[i, j] = values[j, i] = cka_prepared(x, y, "linear", unbiased, 0.5)
            except InputError as error:
                note = str(error)
    return values, note


def _batches(n: int, batch: int) -> Iterator[tuple[int, int]]:
    stops = list(range(batch, n + 1, batch)) or [n]
    if n - stops[-1] >= 4:
        stops.append(n)
    stops[-1] = n
    return zip([0, *stops[:-1]], stops, strict=True)


def _hsics(x: Prepared, y: Prepared, kernel: str, unbiased: bool, bandwidth: float) -> tuple[float, float, float]:
    """HSIC(K, L), HSIC(K, K), HSIC(L, L). Each cloud's own is kept with it."""
    key = ("hsic", kernel, unbiased, bandwidth if kernel == "rbf" else None)
    own = key in x.kept and key in y.kept
    # The side of the features costs n (d_x + d_y)² in all, that of the inputs n² (d_x + d_y).
    if kernel == "linear" and len(x) <= min(x.points.shape[1], y.points.shape[1], _SHARED):
        pairs = [_of_grams(x, y)] if own else [_of_grams(x, y), _of_grams(x, x), _of_grams(y, y)]
    elif kernel == "linear" and x.points.shape[1] + y.points.shape[1] <= len(x):
        pairs = [_of_features(x, y, unbiased)]
        if not own:
            pairs += [_of_features(x, x, unbiased), _of_features(y, y, unbiased)]
    else:
        pairs = _of_kernels(x, y, kernel, bandwidth)
    values = [sums.hsic(unbiased) for sums in pairs]
    if len(values) == 1:
        return values[0], x.kept[key], y.kept[key]
    return values[0], x.once(key, lambda: values[1]), y.once(key, lambda: values[2])


@dataclasses.dataclass(frozen=True, eq=False)
class _Sums:
    """What HSIC reads of two kernel matrices: their inner product, row sums and diagonals."""

    inner: float
    rows_k: Float64
    rows_l: Float64
    diagonal_k: Float64
    diagonal_l: Float64

    def hsic(self, unbiased: bool) -> float:
        """Up to one factor: <HKH, L>, or n(n - 3) times the unbiased estimate of Song et al. 2012, eq. 5."""
        n = len(self.rows_k)
        if not unbiased:
            return self.inner - 2 / n * float(self.rows_k @ self.rows_l) + _total(self.rows_k, self.rows_l) / n**2
        rows_k, rows_l = self.rows_k - self.diagonal_k, self.rows_l - self.diagonal_l
        off_diagonal = self.inner - float(self.diagonal_k @ self.diagonal_l)
        return off_diagonal + _total(rows_k, rows_l) / ((n - 1) * (n - 2)) - 2 / (n - 2) * float(rows_k @ rows_l)


def _total(k: Float64, l: Float64) -> float:  # noqa: E741 (L is the second kernel)
    return float(k.sum()) * float(l.sum())


def _of_grams(x: Prepared, y: Prepared) -> _Sums:
    """Linear kernels of few inputs in many dimensions: each matrix is smaller than its layer, and is kept with it."""
    zero = np.zeros(len(x))
    k, l = _gram(x), _gram(y)  # noqa: E741
    return _Sums(float(np.einsum("ij,ij->", k, l)), zero, zero, np.diagonal(k), np.diagonal(l))


def _gram(x: Prepared) -> Float64:
    """(n, n) inner products of the centred rows; every row sums to 0."""

    def make() -> Float64:
        gram = np.empty((len(x), len(x)))
        for start, block in _gram_blocks(x):
            gram[start : start + len(block), start:] = block
            gram[start:, start : start + len(block)] = block.T
        return gram

    return x.once("gram", make)


def _of_features(x: Prepared, y: Prepared, unbiased: bool) -> _Sums:
    """Linear kernels of centred points: <K, L> = ‖X'Y‖², and every row of K sums to 0. Diagonals where unbiased."""
    inner = 0.0
    for i in range(0, x.points.shape[1], _COLUMNS):
        for j in range(i if x is y else 0, y.points.shape[1], _COLUMNS):
            square = _squared_cross_product(x, y, i, j)
            inner += square if i == j or x is not y else 2 * square
    zero = np.zeros(len(x))
    return _Sums(inner, zero, zero, *((_squared_norms(x), _squared_norms(y)) if unbiased else (zero, zero)))


def _squared_cross_product(x: Prepared, y: Prepared, i: int, j: int) -> float:
    """‖X'Y‖² of the centred columns from i and from j on. A block with itself is a symmetric product, half as dear."""
    widths = (min(z.points.shape[1] - first, _COLUMNS) for z, first in ((x, i), (y, j)))
    tile = np.zeros(tuple(widths))
    part = np.empty(tile.shape, dtype=np.result_type(x.points, y.points))
    for start in range(0, len(x), _TALL):
        left = _centred(x, start, i, _TALL)
        right = left if x is y and i == j else _centred(y, start, j, _TALL)
        tile += np.matmul(left.T, right, out=part)
    return float(np.einsum("ij,ij->", tile, tile))


def _centred(x: Prepared, start: int, column: int, rows: int) -> Floats:
    """A block of centred rows, in the precision of the points.

    The mean is subtracted in two parts, so that a difference of float32 points keeps the digits of its float64 mean.
    """
    columns = slice(column, column + _COLUMNS)
    coarse = x.mean[columns].astype(x.points.dtype)
    block: Floats = x.points[start : start + rows, columns] - coarse
    block -= (x.mean[columns] - coarse).astype(x.points.dtype)
    return block


def _squared_norms(x: Prepared) -> Float64:
    """(n,) squared norms of the centred rows."""

    def make() -> Float64:
        norms = np.zeros(len(x))
        for start in range(0, len(x), _ROWS):
            for column in range(0, x.points.shape[1], _COLUMNS):
                block = _centred(x, start, column, _ROWS).astype(np.float64, copy=False)
                norms[start : start + _ROWS] += np.einsum("ij,ij->i", block, block)
        return norms

    return x.once("squared norms", make)


def _of_kernels(x: Prepared, y: Prepared, kernel: str, bandwidth: float) -> list[_Sums]:
    """All three pairs from blocks of rows of both kernels, at and right of the diagonal only: K and L are symmetric."""
    n = len(x)
    inner = np.zeros(3)
    rows, diagonals = np.zeros((2, n)), np.zeros((2, n))
    blocks = zip(_kernel_blocks(x, kernel, bandwidth), _kernel_blocks(y, kernel, bandwidth), strict=True)
    for (start, k), (_, l) in blocks:  # noqa: E741
        stop = start + len(k)
        for place, (p, q) in enumerate(((k, l), (k, k), (l, l))):
            diagonal = float(np.einsum("ij,ij->", p[:, : len(p)], q[:, : len(p)]))
            inner[place] += 2 * float(np.einsum("ij,ij->", p, q)) - diagonal
        for place, p in enumerate((k, l)):
            rows[place, start:stop] += p.sum(axis=1)
            rows[place, stop:] += p[:, len(p) :].sum(axis=0)
            diagonals[place, start:stop] = np.diagonal(p)
    sides = ((0, 1), (0, 0), (1, 1))
    return [
        _Sums(float(value), rows[i], rows[j], diagonals[i], diagonals[j])
        for value, (i, j) in zip(inner, sides, strict=True)
    ]


def _kernel_blocks(x: Prepared, kernel: str, bandwidth: float) -> Iterator[tuple[int, Float64]]:
    """First row of each block, and its kernel values from there to the last input."""
    if kernel == "linear":
        yield from _gram_blocks(x)
        return
    sigma = bandwidth * median_distance(x)
    if sigma == 0:
        raise InputError("the median distance of a layer is 0, which leaves an RBF kernel no bandwidth; leave it out")
    for start, squares in _square_blocks(x):
        yield start, np.exp(squares / (-2 * sigma**2))


def _gram_blocks(x: Prepared, dtype: DTypeLike | None = None) -> Iterator[tuple[int, Float64]]:
    """Inner products of centred rows, multiplied in the precision of the points if no other is given."""
    centred = np.empty(x.points.shape, dtype=dtype or x.points.dtype)
    for start in range(0, len(x), _ROWS):
        centred[start : start + _ROWS] = x.points[start : start + _ROWS].astype(np.float64) - x.mean
    for start in range(0, len(x), _block(len(x))):
        stop = start + _block(len(x))
        yield start, (centred[start:stop] @ centred[start:].T).astype(np.float64, copy=False)


def _block(n: int) -> int:
    """Rows of one block of a kernel: 32 MiB of float64."""
    return max(16, min(_ROWS, (1 << 22) // n))


def _square_blocks(x: Prepared) -> Iterator[tuple[int, Float64]]:
    """Squared distances: of the matrix that all measures share where it is small, else anew for each block."""
    if len(x) <= _SHARED:
        for start in range(0, len(x), _block(len(x))):
            yield start, x.distances()[start : start + _block(len(x)), start:] ** 2
        return
    norms = _squared_norms(x)
    for start, block in _gram_blocks(x, np.float64):
        sums = norms[start : start + len(block), None] + norms[None, start:]
        squares = sums - 2 * block
        # Where the expansion cancels, the difference of the two points does not.
        for row, column in np.argwhere(squares < _CANCELLED * sums):
            difference = x.points[start + row].astype(np.float64) - x.points[start + column]
            squares[row, column] = difference @ difference
        yield start, squares


def median_distance(x: Prepared) -> float:
    """Median of the n(n-1)/2 Euclidean distances, by counting in ever narrower bins: blocks of rows, no matrix."""

    def make() -> float:
        count = len(x) * (len(x) - 1) // 2
        middle = (count - 1) // 2, count // 2
        low, high = 0.0, 4 * float(_squared_norms(x).max()) * (1 + 1e-6)
        below = 0
        while True:
            counts = np.sum([np.histogram(upper, 4096, (low, high))[0] for upper in _uppers(x)], axis=0)
            ends = below + np.cumsum(counts)
            first, last = (int(np.searchsorted(ends, rank, side="right")) for rank in middle)
            edges, span = np.linspace(low, high, 4097), high - low
            low, high = float(edges[first]), float(edges[last + 1])
            below = int(ends[first - 1]) if first else below
            few = int(np.sum(counts[first : last + 1])) <= _block(len(x)) * len(x)
            # Equal distances, or a gap between the two middle ones, are not narrowed any further.
            if few or high - low > span / 2 or high - low < 1e-12 * high:
                break
        inside = np.sort(np.concatenate([upper[(upper >= low) & (upper <= high)] for upper in _uppers(x)]))
        return float(np.sqrt(inside[[rank - below for rank in middle]]).mean())

    return x.once("median distance", make)


def _uppers(x: Prepared) -> Iterator[Array]:
    for _, squares in _square_blocks(x):
        yield squares[np.triu_indices(len(squares), 1, squares.shape[1])]
