"""What is done to the rows of a draw before their homology: nothing, or what a question needs.

Every treatment gives clouds of the size that was asked for, because diagrams of unequal clouds are never compared, and
takes draw i of every layer and treatment from the same inputs, so that two treatments of a draw are paired.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any, ClassVar, Protocol

import numpy as np

from toposcope._errors import InputError
from toposcope._types import Float64, Floats, Ints
from toposcope.cloud import GaussianControl, ShuffledControl, disjoint_draws, local_outliers
from toposcope.representation import Representation


class Treatment(Protocol):
    """A frozen value with its parameters."""

    @property
    def name(self) -> str:
        """What tables call the treated clouds."""

    def to_json(self) -> dict[str, Any]:
        """The kind and every parameter: part of the keys of artefacts."""

    def cloud(self, representation: Representation, size: int, draws: int, draw: int, seed: int) -> Representation:
        """`size` rows: draw `draw` of `draws` disjoint ones. Raises InputError where there are too few."""


@dataclasses.dataclass(frozen=True)
class Plain:
    """The draw as it is."""

    name: ClassVar[str] = "plain"

    def to_json(self) -> dict[str, Any]:
        """The kind alone."""
        return {"kind": self.name}

    def cloud(self, representation: Representation, size: int, draws: int, draw: int, seed: int) -> Representation:
        """The rows of the draw."""
        return representation.take(disjoint_draws(representation.sample_ids, size, draws, seed)[draw])


PLAIN = Plain()


@dataclasses.dataclass(frozen=True)
class WithoutOutliers:
    """The draw with a reserve, less its outliers, cut to size.

    Outliers are found within the draw, so that draws stay independent: rows whose local outlier factor exceeds
    `threshold`. The reserve is the same inputs for every layer.
    """

    neighbours: int
    threshold: float
    reserve: float
    name: ClassVar[str] = "without outliers"

    def to_json(self) -> dict[str, Any]:
        """Kind and parameters."""
        return {"kind": self.name, **dataclasses.asdict(self)}

    def cloud(self, representation: Representation, size: int, draws: int, draw: int, seed: int) -> Representation:
        """The first `size` rows of the draw that are no outliers. Raises InputError where the reserve is too small."""
        rows, outlying = self.drawn(representation, size, draws, draw, seed)
        if len(rows) - outlying.sum() < size:
            raise InputError(
                f"draw {draw} has {outlying.sum()} outliers among {len(rows)} points, and {len(rows) - size} are held "
                "in reserve; set [outliers] reserve or threshold higher"
            )
        return representation.take(rows[~outlying][:size])

    def drawn(
        self, representation: Representation, size: int, draws: int, draw: int, seed: int
    ) -> tuple[Ints, np.ndarray[tuple[int], np.dtype[np.bool_]]]:
        """The rows of the draw with its reserve, in random order, and which of them are outliers."""
        rows = disjoint_draws(representation.sample_ids, size + math.ceil(self.reserve * size), draws, seed)[draw]
        return rows, local_outliers(representation.take(rows), self.neighbours, self.threshold)


@dataclasses.dataclass(frozen=True)
class Thinned:
    """What outliers are removed from, less as many rows at random: the rows stand in random order, so the first do."""

    reserve: float
    name: ClassVar[str] = "thinned at random"

    def to_json(self) -> dict[str, Any]:
        """Kind and parameters."""
        return {"kind": self.name, **dataclasses.asdict(self)}

    def cloud(self, representation: Representation, size: int, draws: int, draw: int, seed: int) -> Representation:
        """The first `size` rows of the draw with its reserve."""
        rows = disjoint_draws(representation.sample_ids, size + math.ceil(self.reserve * size), draws, seed)[draw]
        return representation.take(rows[:size])


@dataclasses.dataclass(frozen=True)
class OfClass:
    """Draws of the inputs of one class, by its name as text."""

    label: str

    @property
    def name(self) -> str:
        """``class LABEL``."""
        return f"class {self.label}"

    def to_json(self) -> dict[str, Any]:
        """Kind and class."""
        return {"kind": "class", "label": self.label}

    def cloud(self, representation: Representation, size: int, draws: int, draw: int, seed: int) -> Representation:
        """The rows of the draw among those of the class. Raises InputError where there are no labels or too few."""
        if representation.labels is None:
            raise InputError("the inputs have no labels; give a folder with a subfolder for each class, or labels")
        members = np.flatnonzero(representation.labels.astype(np.str_) == self.label)
        return representation.take(members[disjoint_draws(representation.sample_ids[members], size, draws, seed)[draw]])


CONTROLS = {"gaussian": "Gaussian control", "shuffled": "shuffled control"}
"""Kinds of control clouds, as plans and as tables call them."""


@dataclasses.dataclass(frozen=True)
class ControlOf:
    """A control cloud in the place of every draw: one that shares what is trivial about the layer and nothing else.

    kind: "gaussian" has the mean and the shrunk covariance of the layer's other draws, which are held-out rows;
    "shuffled" has the draw's own columns, each permuted on its own. base: how the draws are taken. The random numbers
    of a draw are the same for every layer, so a Gaussian control mixes the same inputs in all of them.
    """

    kind: str
    base: Treatment = PLAIN

    @property
    def name(self) -> str:
        """``Gaussian control`` or ``shuffled control``."""
        return CONTROLS[self.kind]

    def to_json(self) -> dict[str, Any]:
        """Kind, and how the draws are taken."""
        return {"kind": "control", "of": self.kind, "base": self.base.to_json()}

    def cloud(self, representation: Representation, size: int, draws: int, draw: int, seed: int) -> Representation:
        """The control of the draw, under the draw's ids and labels. Raises InputError where there are too few rows."""
        drawn = [self.base.cloud(representation, size, draws, k, seed) for k in range(draws)]
        generator = np.random.default_rng(np.random.SeedSequence([seed, draw, size, len(self.kind)]))
        points = control_cloud(self.kind, [one.points for one in drawn], draw, generator)
        return dataclasses.replace(drawn[draw], points=points.astype(drawn[draw].points.dtype))


def control_cloud(kind: str, clouds: Sequence[Floats], draw: int, generator: np.random.Generator) -> Float64:
    """A control of one of several disjoint draws of a layer: (size, d). With one draw, a Gaussian is fitted to it."""
    if kind == "shuffled":
        return ShuffledControl()(clouds[draw], generator)
    others = [cloud for k, cloud in enumerate(clouds) if k != draw] or [clouds[draw]]
    return GaussianControl("shrunk", np.concatenate(others))(clouds[draw], generator)


@dataclasses.dataclass(frozen=True)
class UnderMetric:
    """Clouds that are taken as they were, and measured under another metric than the plan's: tables call them by it."""

    metric: str
    taken: Treatment = PLAIN

    @property
    def name(self) -> str:
        """The metric, after the treatment where there is one."""
        return self.metric if self.taken == PLAIN else f"{self.taken.name}, {self.metric}"

    def to_json(self) -> dict[str, Any]:
        """Kind, metric and treatment."""
        return {"kind": "metric", "metric": self.metric, "taken": self.taken.to_json()}

    def cloud(self, representation: Representation, size: int, draws: int, draw: int, seed: int) -> Representation:
        """The rows of the draw, treated."""
        return self.taken.cloud(representation, size, draws, draw, seed)
