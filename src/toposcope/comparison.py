"""Comparison: a matrix of distances between things, and what the measure promises."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from toposcope._errors import InputError
from toposcope._types import Float64


@dataclasses.dataclass(frozen=True, eq=False)
class Comparison:
    """All pairs of m things under one measure.

    values: (m, m) float64; `inf` where two diagrams have different numbers of essential bars. labels: m names.
    measure: name of the measure, with its `parameters`. is_metric: zero on equals, symmetric, triangle inequality.
    larger_is_more_similar: which way to read it. invariances: what may be done to the points without changing it.
    """

    values: Float64
    labels: tuple[str, ...]
    measure: str
    parameters: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    is_metric: bool = True
    larger_is_more_similar: bool = False
    invariances: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        values = np.array(self.values, dtype=np.float64)
        labels = tuple(str(label) for label in self.labels)
        if values.shape != (len(labels), len(labels)):
            raise InputError(f"values has shape {values.shape}, but {len(labels)} labels need a square matrix of them")
        if np.isnan(values).any():
            raise InputError("values of a comparison must not be NaN")
        values.flags.writeable = False
        object.__setattr__(self, "values", values)
        object.__setattr__(self, "labels", labels)
        object.__setattr__(self, "parameters", MappingProxyType(dict(self.parameters)))

    def __len__(self) -> int:
        return len(self.labels)

    def __repr__(self) -> str:
        given = "".join(f", {name}={value}" for name, value in self.parameters.items())
        return f"<Comparison of {len(self)}: {self.measure}{given}>"
