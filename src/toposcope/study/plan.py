"""Study: a frozen plan, read from TOML and checked before anything runs."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from toposcope._errors import FileError, InputError, PlanError, close_names
from toposcope.cloud.metrics import metric_named
from toposcope.cloud.scale import scale_rule
from toposcope.distances.measures import DISTANCES, Distance, distance_named
from toposcope.distances.wasserstein import ground_norm
from toposcope.rips.vietoris_rips import prime_field

_LARGEST = 1 << 24
"""Bytes of a plan."""


class Part(BaseModel):
    """A table of the plan: frozen, and closed to unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Inputs(Part):
    """`[inputs]`: what every network sees. source: as `ts.extract` takes it. limit: use so many only, evenly spaced."""

    source: str | None = None
    limit: int | None = Field(default=None, ge=1)


class Network(Part):
    """`[[network]]`: one network with its weights and the layers to look at, or a folder of saved representations.

    name: unique, in tables and report. model: MODEL as on the command line. representations: a folder or a glob of
    `.npz`, `.npy` or `.safetensors` files instead of a model, one file per layer, in sorted order. family: networks of
    one family share a shape in plots. seed: of random weights. inputs: a source of its own instead of `[inputs]`.
    classes: what the network's outputs stand for, in order; its accuracy on the inputs of those classes is measured.

    Recipes read four more. architecture: networks of one architecture differ in their seed; default the family. base:
    name of the network that this one was fine-tuned from. step: how far training had come, for checkpoints of one
    training. control: that it stands for no result of training ("untrained"), or for training on noise ("random
    labels").
    """

    name: str = Field(min_length=1)
    model: str | None = None
    representations: str | None = None
    family: str | None = None
    seed: int = Field(default=0, ge=0)
    layers: Annotated[tuple[str, ...], Field(min_length=1, strict=False)] = ("blocks",)
    reduce: str = "auto"
    inputs: str | None = None
    classes: Annotated[tuple[int | str, ...] | None, Field(strict=False)] = None
    architecture: str | None = None
    base: str | None = None
    step: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    control: Literal["untrained", "random labels"] | None = None

    @model_validator(mode="after")
    def _one_source(self) -> Network:
        if (self.model is None) == (self.representations is None):
            raise ValueError(f"network {self.name!r} needs either `model` or `representations`")
        return self


class Comparing(Part):
    """`[[compare]]`: a planned comparison of two networks, layer by layer.

    a, b: names of networks. claim: what it is called. Layers of equal names are compared; where the names differ, each
    layer of the shorter network with the layer of the other that is nearest in relative depth.
    """

    a: str
    b: str
    claim: str = ""


class Cloud(Part):
    """`[cloud]`: size points in each of `draws` disjoint draws, their metric and the scale they are divided by.

    metric: a name, with parameters as text, "fermat(p=3)", or as a table, { name = "fermat", p = 3 }. components:
    project every draw on so many of its principal components first. without_outliers: outliers of a draw give way to
    points of a reserve, as `[outliers]` says.
    """

    size: int = Field(default=100, ge=2)
    draws: int = Field(default=10, ge=1)
    metric: str = "euclidean"
    scale: str | float | None = "q0.9"
    components: int | None = Field(default=None, ge=1)
    without_outliers: bool = False

    @field_validator("metric", mode="before")
    @classmethod
    def _known_metric(cls, value: Any) -> str:
        return _metric(value)

    @model_validator(mode="after")
    def _enough_points(self) -> Cloud:
        neighbours = getattr(metric_named(self.metric), "k", None)
        if neighbours is not None and neighbours >= self.size:
            raise ValueError(f"metric {self.metric} needs draws of more than {neighbours} points; set size above that")
        return self

    @field_validator("scale")
    @classmethod
    def _known_scale(cls, value: str | float | None) -> str | float | None:
        return _scale(value)


def _metric(value: Any) -> str:
    table = value if isinstance(value, dict) else {"name": value}
    return str(metric_named(table.get("name", ""), **{key: table[key] for key in table if key != "name"}))


def _scale(value: str | float | None) -> str | float | None:
    return scale_rule(None if value == "none" else value)


def _distance(value: str) -> str:
    if value not in DISTANCES:
        raise ValueError(f"distance {value!r} is not known{close_names(value, DISTANCES)}")
    return value


class Homology(Part):
    """`[homology]`: degrees 0 to max_degree over Z/field, up to a threshold after scaling."""

    max_degree: int = Field(default=1, ge=0, le=3)
    field: int = Field(default=2, ge=2)
    threshold: float | None = Field(default=None, gt=0, allow_inf_nan=False)

    @field_validator("field")
    @classmethod
    def _prime(cls, value: int) -> int:
        return prime_field(value)


class DistanceChoice(Part):
    """`[distance]`: the distance between diagrams. TOML writes the ground norm of infinity as `inf`."""

    name: str = "wasserstein"
    order: float = Field(default=1.0, ge=1, allow_inf_nan=False)
    ground: float = float("inf")
    directions: int = Field(default=50, ge=1)

    @field_validator("name")
    @classmethod
    def _known_name(cls, value: str) -> str:
        return _distance(value)

    @field_validator("ground")
    @classmethod
    def _known_ground(cls, value: float) -> float:
        return ground_norm(value)

    def measure(self) -> Distance:
        """The distance itself."""
        return distance_named(self.name, order=self.order, ground=self.ground, directions=self.directions)


class Test(Part):
    """`[test]`: level of the permutation tests, how they are adjusted, and the level of intervals.

    adjust: "max-t" and "holm" bound the chance of any wrong rejection, "by" and "bh" the share of wrong ones ("bh"
    where tests depend positively), "none" neither.
    """

    __test__ = False

    alpha: float = Field(default=0.05, gt=0, lt=1)
    adjust: Literal["max-t", "holm", "by", "bh", "none"] = "max-t"
    confidence: float = Field(default=0.95, gt=0, lt=1)


class Extraction(Part):
    """`[extract]`: how activations are computed. batch_size and device may change the last bits, so both are part of
    every artefact's key."""

    batch_size: int = Field(default=64, ge=1)
    device: str | None = None
    precision: Literal["float16", "bfloat16"] | None = None


class Equivalence(Part):
    """`[equivalence]`: when two layers count as the same.

    margin: of 2·AB - AA - BB, the distance between the laws of their diagrams at `[cloud] size` points, absolute, in
    units of the distance. Without one, seed twins set it: networks of one family that differ in their `seed` alone.
    level: of the bounds, for all layers and degrees of one verdict together.
    """

    margin: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    level: float = Field(default=0.95, ge=0.5, lt=1)


class TrainTest(Part):
    """`[train_test]`: train: the inputs that networks were trained on; `[inputs] source` holds those they were not."""

    train: str = ""


class SampleSize(Part):
    """`[sample_size]`: which sizes to try, and what "stable" means.

    sizes: points in each cloud, every one twice the one before, so that rankings at N and 2N can be compared.
    spread: the largest standard deviation of total persistence over disjoint draws, as a share of its mean.
    agreement: the least Spearman correlation of the layers' ranks at N and at 2N.
    """

    sizes: Annotated[tuple[Annotated[int, Field(ge=2)], ...], Field(min_length=2, strict=False)] = (25, 50, 100)
    spread: float = Field(default=0.1, gt=0, lt=1)
    agreement: float = Field(default=0.8, gt=0, le=1)

    @field_validator("sizes")
    @classmethod
    def _doubling(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if any(b != 2 * a for a, b in itertools.pairwise(value)):
            raise ValueError(f"every size must be twice the one before, not {list(value)}")
        return value


class Outliers(Part):
    """`[outliers]`: points of a draw whose local outlier factor exceeds `threshold` give way to others.

    reserve: points drawn beyond `[cloud] size` to take their places, as a share of it. neighbours: of the factor.
    """

    neighbours: int = Field(default=20, ge=1)
    threshold: float = Field(default=1.5, ge=1, allow_inf_nan=False)
    reserve: float = Field(default=0.2, gt=0, le=1)


class Separation(Part):
    """`[separation]`: size points in each of `draws` disjoint draws of one class; classes with fewer are left out."""

    size: int = Field(default=20, ge=2)
    draws: int = Field(default=6, ge=1)


class BettiCollapse(Part):
    """`[betti_collapse]`: what is known of the inputs, and where Betti numbers are read.

    inputs: name of the network that stands for the inputs themselves (saved points). betti: class → its Betti numbers
    in degrees 0, 1, …. neighbours, radii: grid of k and of hops in which the pair is looked for that sees them.
    agreement: the least share of the inputs' draws and classes in which it does.
    """

    inputs: str = ""
    betti: dict[str, Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(min_length=1, strict=False)]] = {}
    neighbours: Annotated[tuple[Annotated[int, Field(ge=1)], ...], Field(min_length=1, strict=False)] = (8, 12, 16)
    radii: Annotated[tuple[Annotated[int, Field(ge=1)], ...], Field(min_length=1, strict=False)] = (1, 2, 3, 4)
    agreement: float = Field(default=0.9, gt=0, le=1)


class Audit(Part):
    """`[audit]`: settings under which every verdict is asked again, each changed alone; TOML writes no scale as "none".

    size, metric, scale, components, without_outliers: of `[cloud]`. distance: name of `[distance]`.
    """

    size: Annotated[tuple[Annotated[int, Field(ge=2)], ...], Field(strict=False)] = ()
    metric: Annotated[tuple[Annotated[str, BeforeValidator(_metric)], ...], Field(strict=False)] = ()
    scale: Annotated[tuple[Annotated[str | float | None, AfterValidator(_scale)], ...], Field(strict=False)] = ()
    components: Annotated[tuple[Annotated[int, Field(ge=1)], ...], Field(strict=False)] = ()
    without_outliers: Annotated[tuple[bool, ...], Field(strict=False)] = ()
    distance: Annotated[tuple[Annotated[str, AfterValidator(_distance)], ...], Field(strict=False)] = ()


class Study(Part):
    """A plan: which networks, inputs, draws, homology, distance and tests. `Study.read` reads one from TOML."""

    recipe: Literal[
        "architectures",
        "betti-collapse",
        "finetuning",
        "layers",
        "outliers",
        "paper",
        "sample-size",
        "separation",
        "smoothness",
        "train-test",
        "training",
    ]
    name: str = Field(default="study", min_length=1)
    seed: int = Field(default=0, ge=0)
    inputs: Inputs = Inputs()
    network: Annotated[tuple[Network, ...], Field(min_length=1, strict=False)]
    compare: Annotated[tuple[Comparing, ...], Field(strict=False)] = ()
    cloud: Cloud = Cloud()
    homology: Homology = Homology()
    distance: DistanceChoice = DistanceChoice()
    test: Test = Test()
    extract: Extraction = Extraction()
    equivalence: Equivalence = Equivalence()
    sample_size: SampleSize = SampleSize()
    train_test: TrainTest = TrainTest()
    outliers: Outliers = Outliers()
    separation: Separation = Separation()
    betti_collapse: BettiCollapse = BettiCollapse()
    audit: Audit = Audit()

    @model_validator(mode="after")
    def _consistent(self) -> Study:
        names = [network.name for network in self.network]
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise ValueError(f"network name {repeated[0]!r} is used twice; every [[network]] needs its own")
        for pair in self.compare:
            for name in (pair.a, pair.b):
                if name not in names:
                    raise ValueError(
                        f"[[compare]] names network {name!r}, which is not there{close_names(name, names)}"
                    )
            if pair.a == pair.b:
                raise ValueError(f"[[compare]] compares {pair.a!r} with itself")
        for network in self.network:
            if network.base is not None and network.base not in names:
                raise ValueError(
                    f"network {network.name!r} has base {network.base!r}, which is not there"
                    f"{close_names(network.base, names)}"
                )
            if network.model is not None and self.source_of(network) is None:
                raise ValueError(f"network {network.name!r} has no inputs; give [inputs] source, or its own `inputs`")
        return self

    def source_of(self, network: Network) -> str | None:
        """The inputs of a network: its own, or the plan's."""
        return network.inputs or self.inputs.source

    @classmethod
    def parse(cls, table: dict[str, Any], where: str = "the plan", name: str = "study") -> Study:
        """A Study from the tables of a TOML file. Raises PlanError in one line: what, where, how to mend it."""
        try:
            return cls.model_validate({"name": name, **table})
        except ValidationError as error:
            raise PlanError(f"{where}: {_first_mistake(error)}") from None

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> Study:
        """Read a plan from a TOML file; its name is the file's, unless the plan gives one.

        Relative paths in a plan are relative to the folder that the program runs in.
        Raises FileError when the file cannot be read, PlanError when it is not a plan.
        """
        file = Path(path)
        try:
            if file.stat().st_size > _LARGEST:
                raise PlanError(f"{file} is larger than {_LARGEST} bytes; a plan is a short text")
            table = tomllib.loads(file.read_text(encoding="utf-8"))
        except OSError as error:
            raise FileError(f"cannot read {file}: {error.strerror or error}") from error
        except RecursionError:
            raise PlanError(f"{file} is not a TOML file: it is nested too deeply") from None
        except ValueError as error:  # TOMLDecodeError, text that is not UTF-8, numbers of thousands of digits
            if isinstance(error, PlanError):
                raise
            raise PlanError(f"{file} is not a TOML file: {error}") from None
        return cls.parse(table, str(file), file.stem)

    def to_json(self) -> dict[str, Any]:
        """The whole plan, defaults included, as JSON values; `Study.parse` reads it back."""
        plan: dict[str, Any] = _without_infinity(self.model_dump(mode="python"))
        return plan

    @classmethod
    def from_json(cls, value: dict[str, Any], where: str = "the plan") -> Study:
        """Read what `to_json` gave."""
        return cls.parse(_with_infinity(value), where)

    @property
    def folder(self) -> str:
        """The plan's name as that of a folder: nothing in it leads elsewhere."""
        return re.sub(r"[^\w. -]+", "-", self.name).strip(". -") or "study"

    @property
    def digest(self) -> str:
        """Twelve hex digits that name this plan's content."""
        return hashlib.sha256(json.dumps(self.to_json(), sort_keys=True).encode()).hexdigest()[:12]


def _first_mistake(error: ValidationError) -> str:
    """The first thing that is wrong, in the field's words instead of the validator's."""
    mistakes = error.errors(include_url=False)
    first = mistakes[0]
    place = ".".join(str(part) for part in first["loc"])
    kind = first["type"]
    if kind == "extra_forbidden":
        known = _keys_at(first["loc"][:-1])
        text = f"`{place}` is not a key of a plan{close_names(str(first['loc'][-1]), known)}"
    elif kind == "missing":
        text = f"`{place}` is missing"
    elif kind == "value_error":
        message = str(first["ctx"]["error"])
        text = f"`{place}`: {message}" if place else message
    else:
        given = f", not {first['input']!r}" if isinstance(first["input"], (str, int, float, bool)) else ""
        text = f"`{place}`: {first['msg'][0].lower()}{first['msg'][1:]}{given}"
    more = len(mistakes) - 1
    return text + (f" (and {more} more)" if more else "")


def _keys_at(place: tuple[int | str, ...]) -> list[str]:
    parts: dict[str, type[Part]] = {
        "inputs": Inputs,
        "network": Network,
        "compare": Comparing,
        "cloud": Cloud,
        "homology": Homology,
        "distance": DistanceChoice,
        "test": Test,
        "extract": Extraction,
        "equivalence": Equivalence,
        "sample_size": SampleSize,
        "train_test": TrainTest,
        "outliers": Outliers,
        "separation": Separation,
        "betti_collapse": BettiCollapse,
        "audit": Audit,
    }
    part = parts[str(place[0])] if place else Study
    return list(part.model_fields)


def _without_infinity(value: Any) -> Any:
    """JSON has no infinity: it travels as text."""
    if isinstance(value, dict):
        return {key: _without_infinity(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_infinity(entry) for entry in value]
    return "inf" if isinstance(value, float) and value == float("inf") else value


def _with_infinity(value: Any) -> Any:
    if isinstance(value, dict):
        if value.get("ground") == "inf":
            value = {**value, "ground": float("inf")}
        return {key: _with_infinity(entry) for key, entry in value.items()}
    return value


def checked(plan: Study) -> Study:
    """`plan` if it is a Study. Raises InputError."""
    if not isinstance(plan, Study):
        raise InputError(f"study is a {type(plan).__name__}, not a Study; read one with ts.Study.read(path)")
    return plan
