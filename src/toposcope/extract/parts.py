"""What passes over inputs hear, and what becomes of it: layers as they grow, parts of them, representations."""

from __future__ import annotations

import dataclasses
import json
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from toposcope._errors import ActivationError, InputError, LayerError, ToposcopeWarning
from toposcope._types import Array, Floats
from toposcope.extract.rows import Budget, Rows, all_equal
from toposcope.representation import Representation, Source, first_equal_rows


@dataclasses.dataclass(frozen=True)
class About:
    """The network of a pass: its name, its weights in words, their seed, and whether float16 is at work in it."""

    network: str
    checkpoint: str | None
    seed: int | None
    half: bool


@dataclasses.dataclass(frozen=True, eq=False)
class Heard:
    """One layer, as a pass over some inputs heard it.

    points: (m, d), None where values were NaN or infinite: so many were `broken`, first in the input `first_broken`,
    some of them `infinite`. sample_ids, labels: (m,). inputs: how many it ran for. how: the reduction in words. shape:
    of one input's activation. kind: the module's type. width: d.
    """

    layer: str
    how: str
    shape: tuple[int, ...]
    kind: str
    inputs: int
    width: int
    broken: int
    infinite: bool
    first_broken: Any
    points: Floats | None = None
    sample_ids: Array | None = None
    labels: Array | None = None


_COLUMNS = ("points", "sample_ids", "labels")


@dataclasses.dataclass(frozen=True, eq=False)
class Part:
    """What one pass over some of the inputs heard; parts of all inputs, in order, are what one pass over them hears.

    inputs: how many. layers: in order of execution. unusable: why a layer gives no row per input. silent: modules that
    match and never ran. misread: layers of which reduce='cls' took the first token though there is no class token.
    stages: the blocks that stages end with, and the stages' names.
    """

    about: About
    data: str
    inputs: int
    layers: tuple[Heard, ...]
    unusable: Mapping[str, str]
    silent: frozenset[str]
    misread: tuple[str, ...]
    stages: Mapping[str, str]

    def to_arrays(self) -> dict[str, Array]:
        """The part as arrays, for an `.npz`."""
        fields = {
            "about": dataclasses.asdict(self.about),
            "data": self.data,
            "inputs": self.inputs,
            "unusable": dict(self.unusable),
            "silent": sorted(self.silent),
            "misread": self.misread,
            "stages": dict(self.stages),
            "layers": [
                {
                    field.name: getattr(layer, field.name)
                    for field in dataclasses.fields(Heard)
                    if field.name not in _COLUMNS
                }
                for layer in self.layers
            ],
        }
        arrays: dict[str, Array] = {"part": np.array(json.dumps(fields))}
        for number, layer in enumerate(self.layers):
            for name in _COLUMNS:
                column = getattr(layer, name)
                if column is not None:
                    arrays[f"{number} {name}"] = column
        return arrays

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Array]) -> Part:
        """What `to_arrays` gave."""
        fields = json.loads(str(arrays["part"]))
        layers = []
        for number, told in enumerate(fields["layers"]):
            columns: dict[str, Any] = {name: arrays.get(f"{number} {name}") for name in _COLUMNS}
            layers.append(Heard(**{**told, "shape": tuple(told["shape"]), **columns}))
        return cls(
            About(**fields["about"]),
            fields["data"],
            fields["inputs"],
            tuple(layers),
            fields["unusable"],
            frozenset(fields["silent"]),
            tuple(fields["misread"]),
            fields["stages"],
        )


@dataclasses.dataclass
class Layer:
    """What is known of one layer since its first output. module: its own, where it was heard by this process."""

    shape: tuple[int, ...]
    how: str
    kind: str
    rows: Rows
    module: Any = None
    grid: tuple[int, ...] = ()
    channels: int = 0

    def saw(self, shape: tuple[int, ...], how: str = "") -> None:
        """Note in words that activations of another shape came."""
        if (self.shape != shape or how.endswith("vary)")) and not self.how.endswith("vary)"):
            self.how += " (sizes vary)"


class Layers:
    """The layers of a network as they grow, batch by batch or part by part."""

    def __init__(self, about: About, count: int | None, budget: Budget) -> None:
        self.about, self.count, self.budget = about, count, budget
        self.layers: dict[str, Layer] = {}
        self.names: dict[str, str] = {}
        self.unusable: dict[str, str] = {}
        self.silent: frozenset[str] = frozenset()
        self.misread: list[str] = []
        self.stages: dict[str, str] | None = None
        self.inputs = 0

    def refuse(self, layer: str, why: str) -> None:
        """A layer that gives no row per input is left out, whatever else came of it."""
        self.unusable[layer] = why
        if layer in self.layers:
            self.layers[layer].rows.discard()

    def add(self, part: Part) -> None:
        """As if the batches of that part came now. Raises InputError where it took the network apart in another way."""
        if not part.inputs:
            return
        if self.stages is not None and self.stages != part.stages:
            raise InputError(
                f"stages of {self.about.network} end at other blocks for other inputs; pass inputs of one size, or "
                "name the layers"
            )
        self.silent = part.silent if self.stages is None else self.silent & part.silent
        self.stages = dict(part.stages)
        self.inputs += part.inputs
        for name, why in part.unusable.items():
            self.refuse(name, why)
        self.misread += [name for name in part.misread if name not in self.misread]
        for heard in part.layers:
            if heard.layer in self.unusable:
                continue
            if heard.layer not in self.layers:
                rows = Rows(heard.layer, self.budget, self.count)
                self.layers[heard.layer] = Layer(heard.shape, heard.how, heard.kind, rows)
            layer = self.layers[heard.layer]
            layer.saw(heard.shape, heard.how)
            layer.rows.check_width(heard.width)
            if heard.broken:
                layer.rows.give_up(heard.broken, heard.infinite, heard.first_broken)
            if heard.points is None or heard.sample_ids is None:
                layer.rows.inputs += heard.inputs
            else:
                layer.rows.extend(heard.points, heard.sample_ids, heard.labels, heard.inputs)

    def part(self, data: str) -> Part:
        """What was heard. data: the inputs' name."""
        heard = []
        for key, layer in self.usable.items():
            rows = layer.rows
            one = Heard(
                self.names.get(key, key),
                layer.how,
                layer.shape,
                layer.kind,
                rows.inputs,
                rows.width or 0,
                rows.broken,
                rows.infinite,
                rows.first_broken,
            )
            if not rows.broken:
                ids, labels = rows.columns()
                one = dataclasses.replace(one, points=rows.finish(), sample_ids=ids, labels=labels)
            heard.append(one)
        return Part(
            self.about,
            data,
            self.inputs,
            tuple(heard),
            dict(self.unusable),
            self.silent,
            tuple(self.misread),
            dict(self.stages or {}),
        )

    def close(self) -> None:
        """Let go of everything that wasn't handed out."""
        for layer in self.layers.values():
            layer.rows.discard()

    def finish(self, data: str) -> dict[str, Representation]:
        """The representations, after a warning for each layer that is constant or repeats rows.

        data: the inputs' name. Raises ActivationError for layers with values that are NaN or infinite; the others are
        its `finished`.
        """
        finished: dict[str, Representation] = {}
        broken: list[str] = []
        heard = self.usable
        overflow = False
        about = self.about
        for position, (key, layer) in enumerate(heard.items()):
            name, rows = self.names.get(key, key), layer.rows
            if rows.broken:
                overflow |= rows.infinite
                broken.append(f"{name} ({rows.broken} values, first in input {rows.first_broken!r})")
                continue
            source = Source(
                network=about.network,
                checkpoint=about.checkpoint,
                layer=name,
                reduction=layer.how,
                data=data,
                seed=about.seed,
                position=position,
                depth=position / max(1, len(heard) - 1),
                shape=layer.shape,
                module=layer.kind,
            )
            ids, labels = rows.columns()
            finished[name] = Representation(rows.finish(), ids, labels, source)
            if rows.inputs < self.inputs:
                _warn(f"{finished[name].name} ran for only {rows.inputs} of {self.inputs} inputs")
            _report_degenerate(finished[name])
        if broken:
            if about.half and overflow:
                cause = "float16 overflowed beyond 65504: use precision='bfloat16' or None"
            elif about.half:
                cause = "float16 may have overflowed inside them: try precision='bfloat16' or None"
            else:
                cause = "look for such values in the inputs and the weights"
            raise ActivationError(
                f"{about.network}: {len(broken)} layer(s) hold values that are NaN or infinite: {_some(broken)}; "
                f"{cause}; the other {len(finished)} layer(s) are in this error's .finished",
                finished,
            )
        return finished

    @property
    def usable(self) -> dict[str, Layer]:
        """The layers that give one row per input, in order of execution."""
        return {name: layer for name, layer in self.layers.items() if name not in self.unusable}

    def report_unheard(self, asked: object) -> None:
        """Name the modules that never ran and those without one row per input; LayerError if nothing else is left."""
        silent = sorted(self.silent)
        lost = [f"{layer} {reason}" for layer, reason in self.unusable.items()]
        network = self.about.network
        if not self.usable:
            told = "; ".join([*(["never run: " + _some(silent)] if silent else []), *lost[:3]])
            raise LayerError(
                f"layers={asked!r} matches modules, but none gives one row per input ({told}); name others"
            )
        if silent:
            _warn(f"{network}: {len(silent)} module(s) match but never run: {_some(silent)}")
        if lost:
            _warn(f"{network}: {len(lost)} layer(s) without one row per input are left out: {_some(lost, '; ')}")
        if self.misread:
            _warn(f"{network} has no class token; reduce='cls' took the first token of {_some(self.misread)}")


def _report_degenerate(representation: Representation) -> None:
    """Warn of a constant layer or, where rows are inputs, of duplicate rows."""
    points, ids = representation.points, representation.sample_ids
    if len(points) < 2:
        return
    if all_equal(points):
        _warn(f"{representation.name} is constant: all of its {len(points)} rows are equal")
        return
    repeated = np.flatnonzero(first_equal_rows(points) < np.arange(len(points)))
    if len(repeated):
        _warn(
            f"{representation.name} has duplicates: {len(repeated)} of its {len(points)} rows repeat an earlier one, "
            f"first {ids[repeated[0]].item()!r}"
        )


def _warn(message: str) -> None:
    warnings.warn(message, ToposcopeWarning, stacklevel=5)


def _some(names: Sequence[str], separator: str = ", ", most: int = 6) -> str:
    return separator.join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
