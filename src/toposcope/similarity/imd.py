"""Intrinsic multi-scale distance (Tsitsulin et al. 2020): heat that stays in a neighbourhood graph, at all times."""

from __future__ import annotations

import numpy as np

from toposcope import _check
from toposcope._types import Float64
from toposcope.similarity.neighbours import nearest
from toposcope.similarity.pairs import Points, prepared
from toposcope.similarity.prepared import Prepared

_TIMES = np.logspace(-1, 1, 256)


def imd(a: Points, b: Points, k: int = 5) -> float:
    """Largest weighted difference between the heat traces of two neighbourhood graphs; 0 is most similar.

    a: (n, d), b: (m, e): inputs, their numbers and widths may differ. k: neighbours of the unweighted graphs. The heat
    trace is Σ exp(-tλ) / n over the spectrum of the normalised Laplacian, the weight exp(-2(t + 1/t)), t in [0.1, 10].
    The spectrum is computed whole, where the authors' code estimates it, and the result is not multiplied by 10⁶ as
    there: O(n³). Returns a float >= 0; a pseudometric.

    Raises InputError when there are not more points than k. Source: Tsitsulin et al. 2020.
    """
    k = _check.integer(k, "k", at_least=1)
    return imd_prepared(prepared(a, "a"), prepared(b, "b"), k)


def imd_prepared(x: Prepared, y: Prepared, k: int) -> float:
    """Of two clouds."""
    weights = np.exp(-2 * (_TIMES + 1 / _TIMES))
    return float((weights * np.abs(_heat_trace(x, k) - _heat_trace(y, k))).max())


def _heat_trace(x: Prepared, k: int) -> Float64:
    """(256,) share of the heat that is where it started, at each time."""

    def make() -> Float64:
        n = len(x)
        joined = np.zeros((n, n))
        joined[np.arange(n)[:, None], nearest(x, k)[1]] = 1
        np.maximum(joined, joined.T, out=joined)
        roots = np.sqrt(joined.sum(axis=1))
        # The spectrum of I - D^(-1/2) A D^(-1/2).
        spectrum = 1 - np.linalg.eigvalsh(joined / roots[:, None] / roots)
        return np.asarray(np.exp(-np.outer(_TIMES, spectrum)).mean(axis=1))

    return x.once(("heat trace", k), make)
