"""Comparison: a matrix of distances between things, and what the measure promises. Matching: who is matched to whom."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from toposcope._errors import InputError
from toposcope._types import Float64, Ints


@dataclasses.dataclass(frozen=True, eq=False)
class Comparison:
    """All pairs of m things under one measure.

    values: (m, m) float64; `inf` where two diagrams have different numbers of essential bars. labels: m names.
    measure: name of the measure, with its `parameters`. is_metric: zero on equals, symmetric, triangle inequality.
    larger_is_more_similar: which way to read it. invariances: what may be done to the points without changing it.
    computed: (m, m) whether a value was computed; where it was not, because only the nearest or those within a radius
    were asked for, the value is a lower bound of it. Every one was, unless it is said.
    """

    values: Float64
    labels: tuple[str, ...]
    measure: str
    parameters: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    is_metric: bool = True
    larger_is_more_similar: bool = False
    invariances: tuple[str, ...] = ()
    computed: NDArray[np.bool_] = dataclasses.field(default_factory=lambda: np.array(True))

    def __post_init__(self) -> None:
        values = np.array(self.values, dtype=np.float64)
        labels = tuple(str(label) for label in self.labels)
        if values.shape != (len(labels), len(labels)):
            raise InputError(f"values has shape {values.shape}, but {len(labels)} labels need a square matrix of them")
        if np.isnan(values).any():
            raise InputError("values of a comparison must not be NaN")
        computed = np.array(self.computed, dtype=np.bool_)
        computed = np.full(values.shape, computed) if computed.ndim == 0 else computed
        if computed.shape != values.shape:
            raise InputError(f"computed has shape {computed.shape}, values {values.shape}; it says which of them are")
        values.flags.writeable = computed.flags.writeable = False
        object.__setattr__(self, "computed", computed)
        object.__setattr__(self, "values", values)
        object.__setattr__(self, "labels", labels)
        object.__setattr__(self, "parameters", MappingProxyType(dict(self.parameters)))

    def __len__(self) -> int:
        return len(self.labels)

    def __repr__(self) -> str:
        given = "".join(f", {name}={value}" for name, value in self.parameters.items())
        bounds = self.computed.size - int(self.computed.sum())
        said = f"; {bounds} of {self.computed.size} values are lower bounds" if bounds else ""
        return f"<Comparison of {len(self)}: {self.measure}{given}{said}>"

    def _repr_html_(self) -> str:
        """For notebooks: a heatmap, and how to read it."""
        from toposcope import _html

        parameters = ", ".join(f"{name}={value}" for name, value in self.parameters.items())
        finite = self.values[np.isfinite(self.values)]
        bounds = self.computed.size - int(self.computed.sum())
        facts = {
            "things": ", ".join(self.labels[:8]) + (f" and {len(self) - 8} more" if len(self) > 8 else ""),
            "parameters": parameters or None,
            "sense": "larger is more similar" if self.larger_is_more_similar else "smaller is more similar",
            "metric": "yes" if self.is_metric else "no",
            "values": f"{finite.min():.4g} to {finite.max():.4g}" if finite.size else "none is finite",
            "infinite": int((~np.isfinite(self.values)).sum()) or None,
            "lower bounds": f"{bounds} of {self.computed.size} values" if bounds else None,
        }
        picture = _html.heat(self.values, self.labels, self.larger_is_more_similar)
        return _html.card(f"{self.measure}, {len(self)} by {len(self)}", picture, _html.facts(facts))


@dataclasses.dataclass(frozen=True, eq=False)
class Matching:
    """Which bar is matched to which, or to the diagonal.

    pairs: (m, 2) rows of the two diagrams in one degree (`in_degree`), -1 for the diagonal; sorted by the first, those
    of the diagonal last. No row stands twice. costs: (m,) how far each is moved, in units of the filtration.

    Raises InputError when shapes don't fit, a row stands twice, or a pair names no bar.
    """

    pairs: Ints
    costs: Float64

    def __post_init__(self) -> None:
        pairs, costs = np.array(self.pairs, dtype=np.int64), np.array(self.costs, dtype=np.float64)
        if pairs.ndim != 2 or pairs.shape[1] != 2 or costs.shape != (len(pairs),):
            raise InputError(f"pairs {pairs.shape} and costs {costs.shape} of a matching must be (m, 2) and (m,)")
        for side in pairs.T:
            rows = side[side >= 0]
            if len(np.unique(rows)) < len(rows):
                raise InputError("a row stands twice in a matching; every bar has one partner")
        if (pairs < 0).all(axis=1).any() or not (costs >= 0).all():
            raise InputError("a pair of a matching names no bar, or its cost is not a number of at least 0")
        pairs.flags.writeable = costs.flags.writeable = False
        object.__setattr__(self, "pairs", pairs)
        object.__setattr__(self, "costs", costs)

    @property
    def to_diagonal(self) -> NDArray[np.bool_]:
        """(m,) whether a pair is a bar and the diagonal."""
        return np.asarray((self.pairs < 0).any(axis=1))

    def norm(self, order: float) -> float:
        """(sum of costs^order)^(1/order), without over- or underflow; order inf: the largest cost."""
        largest = float(self.costs.max(initial=0.0))
        if order == np.inf or largest in (0.0, np.inf):
            return largest
        if order == 1:
            return float(self.costs.sum())
        return float(largest * np.sum((self.costs / largest) ** order) ** (1 / order))

    def __len__(self) -> int:
        return len(self.pairs)

    def __repr__(self) -> str:
        alone = int(self.to_diagonal.sum())
        return f"<Matching of {len(self) - alone} pairs of bars, {alone} bars to the diagonal>"

    def _repr_html_(self) -> str:
        """For notebooks: the largest moves."""
        from toposcope import _html

        most = np.argsort(-self.costs, kind="stable")[:6]
        rows = [
            (*("diagonal" if row < 0 else row for row in self.pairs[at].tolist()), _html.number(float(self.costs[at])))
            for at in most
        ]
        return _html.card(repr(self)[1:-1], _html.table(["row of a", "row of b", "moves by"], rows))
