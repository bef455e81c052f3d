"""What a run will cost, in numbers and in words."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

from toposcope.estimate.networks import NetworkForecast
from toposcope.pools.work import size_in_words


@dataclasses.dataclass(frozen=True)
class Forecast:
    """What a plan asks for, its audit included, and what it will take.

    needed: inputs. diagrams, pairs (of sides, in one distance), alike (pairs of layers and measures of
    `[similarity]`), measurements (of the recipe, and stand-ins), portraits, thumbnails: how many. tasks: all of them,
    extractions included. extraction, homology, distances, similarity, looking (portraits and thumbnails), measuring:
    seconds of one core. describing: of the driver, for statistics, tables and report. starting: of each process. wall:
    seconds on so many workers, if nothing else uses the machine. memory: bytes of one worker at its peak. disk: bytes
    of the run's folder.
    """

    recipe: str
    networks: tuple[NetworkForecast, ...]
    workers: int
    needed: int
    tasks: int
    diagrams: int
    pairs: int
    settings: int
    alike: int
    measurements: int
    portraits: int
    thumbnails: int
    extraction: float
    homology: float
    distances: float
    similarity: float
    measuring: float
    looking: float
    describing: float
    starting: float
    wall: float
    memory: int
    disk: int

    @property
    def seconds(self) -> float:
        """Seconds of one core in all."""
        parts = (self.extraction, self.homology, self.distances, self.similarity, self.measuring, self.looking)
        return sum(parts) + self.describing + self.starting * (1 if self.workers == 1 else 1 + self.workers)

    def lines(self) -> list[str]:
        """The plan as a person reads it."""
        lines = []
        for network in self.networks:
            held = "unknown" if network.inputs is None else str(network.inputs)
            short = "" if network.inputs is None or network.inputs >= self.needed else "  TOO FEW"
            lines.append(
                f"{network.name}: {len(network.layers)} layers, up to {network.dimension} dimensions; "
                f"{self.needed} inputs needed, {held} held{short}"
            )
        looked = f"{self.portraits} portraits" + (
            f", {self.thumbnails} sheets of thumbnails" if self.thumbnails else ""
        )
        for name, what, seconds, there in (
            ("extraction", f"{len(self.networks)} networks", self.extraction, True),
            ("homology", f"{self.diagrams} diagrams", self.homology, True),
            ("distances", f"{self.pairs} pairs of clouds", self.distances, True),
            ("similarity", f"{self.alike} pairs of layers", self.similarity, self.alike),
            ("measures", f"{self.measurements} measurements", self.measuring, self.measurements),
            ("holes", looked, self.looking, self.portraits),
            ("report", "statistics, tables and report", self.describing, True),
        ):
            if there:
                lines.append(f"{name:<12}{what}, about {_amount(seconds)} s of one core")
        if any("TOO FEW" in line for line in lines):
            lines.append("too few     inputs for the draws: a run refuses this, and the seconds above mean little")
        if self.settings:
            lines.append(f"audit       {self.settings} settings, counted above")
        crew = "1 worker" if self.workers == 1 else f"{self.workers} workers"
        lines.append(f"in all      {self.tasks} tasks, about {_span(self.wall)} on {crew}")
        lines.append(
            f"memory      about {size_in_words(self.memory)} per worker; disk about {size_in_words(self.disk)}"
        )
        return lines

    def to_json(self) -> dict[str, Any]:
        """The same as JSON values."""
        return {**dataclasses.asdict(self), "seconds": self.seconds}


def _amount(seconds: float) -> str:
    return f"{seconds:.1f}" if seconds < 10 else f"{seconds:.0f}"


def _span(seconds: float) -> str:
    """A time for a reader."""
    if seconds < 120:
        return f"{_amount(seconds)} s"
    minutes = math.ceil(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes / 60:.1f} h"
