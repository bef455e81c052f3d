"""Is one bar longer than noise makes them? The universal null distribution of Bobrowski and Skraba 2023."""

from __future__ import annotations

import dataclasses
import warnings

import numpy as np
from numpy.typing import NDArray

from toposcope import _check
from toposcope._errors import InputError, ToposcopeWarning
from toposcope._types import Float64
from toposcope.diagram import PersistenceDiagram

FEW_BARS = 20
"""Fewer bars than that centre the null badly: the bar that is tested makes a large part of the mean."""


@dataclasses.dataclass(frozen=True, eq=False)
class BarSignificance:
    """A p-value for every bar of one degree, in the rows of `diagram.in_degree(degree)`.

    ratio: (k,) death / birth. p_value: (k,) under the universal null. p_adjusted: (k,) Bonferroni over the k bars.
    significant: (k,) p_adjusted <= alpha. longest_ratio: the largest ratio, 1 where there is no bar. least_ratio: bars
    of at least this ratio are the significant ones, NaN where there is no bar to centre the null on.
    """

    degree: int
    alpha: float
    ratio: Float64
    p_value: Float64
    p_adjusted: Float64
    significant: NDArray[np.bool_]
    least_ratio: float

    @property
    def longest_ratio(self) -> float:
        """The largest death / birth; 1, which is no bar at all, where the degree is empty."""
        return float(self.ratio.max(initial=1.0))

    def __len__(self) -> int:
        return len(self.ratio)

    def __repr__(self) -> str:
        count = int(self.significant.sum())
        return (
            f"<BarSignificance H{self.degree}: {count} of {len(self)} bars at {self.alpha:g}, "
            f"longest ratio {self.longest_ratio:.3g}>"
        )

    def _repr_html_(self) -> str:
        """For notebooks: the bars of the smallest p."""
        from toposcope import _html

        first = np.argsort(self.p_value, kind="stable")[:8].tolist()
        rows = [
            (row, *(f"{column[row]:.3g}" for column in (self.ratio, self.p_value, self.p_adjusted))) for row in first
        ]
        columns = ["row", "death / birth", "p", f"p adjusted over {len(self)} bars"]
        title = f"H{self.degree}: {int(self.significant.sum())} of {len(self)} bars significant at {self.alpha:g}"
        null = "Universal null distribution (Bobrowski and Skraba 2023), which is a conjecture."
        return _html.card(title, _html.table(columns, rows), _html.sentence(null))


def bar_significance(diagram: PersistenceDiagram, degree: int = 1, alpha: float = 0.05) -> BarSignificance:
    """Test every bar of one degree against the universal null distribution of noise.

    diagram: of a full Vietoris–Rips filtration. degree: at least 1. alpha: family-wise over the bars of the degree.
    With π = death / birth, the null law of ℓ = log log π + B, B = -γ - mean(log log π), is the left-skewed Gumbel law
    whatever the cloud is drawn from; p = exp(-e^ℓ), adjusted by Bonferroni. The ratio has no units.

    The universality is a conjecture, supported by experiments of Bobrowski and Skraba (2023, "A universal null
    distribution for topological data analysis"); nobody has proved it. In high dimension the ratios crowd towards 1
    and the test finds little; benchmarks/coverage.md counts its false positives. The mean is taken over all bars, the
    tested ones too, so many true holes among few bars hide each other, and fewer than 20 bars raise a ToposcopeWarning.
    The null is stated for Rips and Čech filtrations of points; bars of a filtration that gives points a birth of their
    own (distance to a measure) have no such law.

    Raises InputError for degree 0 (its births are 0), for a degree that was not computed, for a threshold (it cuts long
    bars off, and the mean with them), for essential bars (points that are infinitely far apart), and for a bar born
    at 0, which has no ratio.
    """
    k = _check.integer(degree, "degree", at_least=1)
    level = _check.real(alpha, "alpha", above=0.0)
    if k > diagram.filtration.max_degree:
        raise InputError(
            f"degree={k}: the diagram was computed up to degree {diagram.filtration.max_degree}; "
            f"compute it with max_degree={k}"
        )
    if diagram.filtration.threshold is not None:
        raise InputError(
            f"the diagram was cut at threshold={diagram.filtration.threshold:g}, and the null speaks of all bars; "
            "compute it with threshold=None"
        )
    if len(diagram.essential(k)) or len(diagram.essential(0)) > 1:
        raise InputError(
            "the diagram has essential bars, so some points are infinitely far apart, and the null speaks of bars that "
            "all die; use a metric that is finite, or test each component"
        )
    bars = diagram.in_degree(k)
    if (bars[:, 0] <= 0).any():
        row = int(np.flatnonzero(bars[:, 0] <= 0)[0])
        raise InputError(
            f"bar {row} in degree {k} is born at 0, and death / birth says nothing of it; "
            "the distances are no metric: give every pair of different points a positive one"
        )
    if 0 < len(bars) < FEW_BARS:
        warnings.warn(
            f"degree {k} has {len(bars)} bars, and the null is centred on their mean: with fewer than {FEW_BARS} its "
            "p-values are rough; take more points",
            ToposcopeWarning,
            stacklevel=2,
        )
    # log π = log1p(length / birth) keeps the digits of bars that die just after their birth.
    excess = (bars[:, 1] - bars[:, 0]) / bars[:, 0]
    p = _universal_p(np.log(np.log1p(excess)))
    adjusted = np.minimum(p * len(p), 1.0)
    least = float("nan")
    if len(p):
        # exp(-e^l) k <= alpha, solved for l and then for the ratio; every bar is at least 1.
        centre = np.log(np.log1p(excess)).mean() + np.euler_gamma
        least = float(np.exp(np.exp(centre) * -np.log(level / len(p)))) if level < 1 else 1.0
    return BarSignificance(k, level, 1.0 + excess, p, adjusted, adjusted <= level, least)


def _universal_p(loglog: Float64) -> Float64:
    if len(loglog) == 0:
        return np.empty(0)
    centred = loglog - loglog.mean() - np.euler_gamma
    p: Float64 = np.exp(-np.exp(centred))
    return p
