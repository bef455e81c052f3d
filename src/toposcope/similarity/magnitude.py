"""Magnitude: the effective number of points of a cloud, at every scale (Leinster 2013; Limbeck et al. 2024)."""

from __future__ import annotations

import math

import numpy as np

from toposcope import _check
from toposcope._errors import InputError
from toposcope._types import Array, Float64
from toposcope.similarity.pairs import Points, prepared
from toposcope.similarity.prepared import Prepared

_STEPS = 30


def magnitude(a: Points, scale: float = 1.0) -> float:
    """Magnitude of the cloud, distances multiplied by `scale`: Σ w where Σ_j exp(-scale d_ij) w_j = 1 for all i.

    a: (n, d) array or Representation; a set, so equal points count once. scale: at least 0, in 1 / units of the
    points. Returns a float from 1 (scale 0: everything is one point) to the number of distinct points (scale inf).
    Two points at distance 1 have 2 / (1 + exp(-scale)). O(n³).

    Raises InputError for a scale that is negative or no number. Source: Leinster 2013.
    """
    return _at(prepared(a, at_least=1), _check.real(scale, "scale", at_least=0.0))


def magnitude_function(a: Points, scales: Array) -> Float64:
    """`magnitude` at each of several scales. scales: (k,). Returns (k,) float64. Raises as `magnitude` does."""
    x = prepared(a, at_least=1)
    values = _check.floats(scales, "scales").ravel()
    return np.array([_at(x, _check.real(float(value), "scales", at_least=0.0)) for value in values])


def magnitude_scale(a: Points, share: float = 0.95) -> float:
    """The scale at which the magnitude reaches a share of the number of distinct points.

    a: (n, d) array or Representation, at least 2 distinct points. share: above 1/n, below 1. Returns a float in
    1 / units of the points, to a relative 1e-6. Raises InputError for a share that no scale reaches. Source: Limbeck
    et al. 2024, where 0.95 ends the interval of evaluation.
    """
    return _convergence(prepared(a), share)


def magnitude_area(a: Points, until: float | None = None) -> float:
    """Area under the magnitude function from 0 to a scale: diversity over many scales.

    a: (n, d) array or Representation, at least 2 distinct points. until: None takes the cloud's own `magnitude_scale`;
    give one number to compare clouds. Trapezoids on 30 even steps, as published. Returns a float in 1 / units of the
    points. Raises InputError when all points coincide. Source: Limbeck et al. 2024.
    """
    x = prepared(a)
    end = _convergence(x, 0.95) if until is None else _check.real(until, "until", above=0.0)
    return _area(_function(x, end), end)


def magnitude_difference(a: Points, b: Points, until: float | None = None) -> float:
    """Area between two magnitude functions from 0 to a scale; 0 is most similar.

    a: (n, d), b: (m, e): inputs, their numbers and widths may differ, but their units must agree; a difference in
    number is a difference. until: None takes the mean of both `magnitude_scale`s (their median, as published for sets
    of clouds), and then it is no metric; with a fixed scale it is a pseudometric. Trapezoids on 30 even steps. Returns
    a float >= 0. Raises InputError when all points of a cloud coincide. Source: Limbeck et al. 2024.
    """
    end = None if until is None else _check.real(until, "until", above=0.0)
    return magnitude_difference_prepared(prepared(a, "a"), prepared(b, "b"), end)


def magnitude_difference_prepared(x: Prepared, y: Prepared, until: float | None) -> float:
    """Of two clouds."""
    end = (_convergence(x, 0.95) + _convergence(y, 0.95)) / 2 if until is None else until
    return _area(np.abs(_function(x, end) - _function(y, end)), end)


def _function(x: Prepared, end: float) -> Float64:
    return np.array([_at(x, scale) for scale in np.linspace(0, end, _STEPS)])


def _area(values: Float64, end: float) -> float:
    """By trapezoids on even steps from 0 to `end`."""
    return float(values.sum() - (values[0] + values[-1]) / 2) * end / (_STEPS - 1)


def _at(x: Prepared, scale: float) -> float:
    """Magnitude at one scale.

    With exp(-td) = 1 + E and s = 1'E⁻¹1 it is s / (1 + s) (Sherman and Morrison). E = expm1(-td) keeps its digits
    where td is small and the matrix itself is nearly all ones.
    """
    cloud = x.distinct
    n = len(cloud)
    if scale == 0 or n == 1:
        return 1.0
    excess = np.expm1(-scale * cloud.distances())
    inverse = float(np.linalg.solve(excess, np.ones(n)).sum())
    return min(max(inverse / (1 + inverse), 1.0), float(n))


def _convergence(x: Prepared, share: float) -> float:
    n = len(x.distinct)
    part = _check.real(share, "share", above=0.0)
    if n < 2:
        raise InputError("all points of a layer coincide, so its magnitude is 1 at every scale; leave it out")
    if not 1 / n < part < 1:
        raise InputError(f"share={share!r} must lie above 1/{n} and below 1: magnitude goes from 1 to {n}")

    def make() -> float:
        from scipy.optimize import brentq

        # In logarithm of the scale, from a bracket around the inverse of the mean distance.
        low = high = -math.log(float(x.distinct.distances().mean()) * n / (n - 1))
        while _at(x, math.exp(low)) > part * n:
            low -= 1
        while _at(x, math.exp(high)) < part * n:
            high += 1
        return math.exp(brentq(lambda t: _at(x, math.exp(t)) - part * n, low, high, xtol=1e-6, rtol=1e-9))

    return x.once(("magnitude scale", part), make)
