"""Study: a frozen plan, read from TOML and checked before anything runs."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

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

from toposcope import _check
from toposcope._errors import FileError, InputError, PlanError, close_names
from toposcope.cloud.metrics import metric_named
from toposcope.cloud.scale import scale_rule
from toposcope.distances.measures import DISTANCES, Distance, distance_named
from toposcope.distances.wasserstein import ground_norm
from toposcope.rips.vietoris_rips import prime_field
from toposcope.study import checkpoints
from toposcope.study.measures import known_measure

_LARGEST = 1 << 24
"""Bytes of a plan."""


class Part(BaseModel):
    """A table of the plan: frozen, and closed to unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    @field_validator("*")
    @classmethod
    def _of_64_bits(cls, value: Any) -> Any:
        if _widest(value) > 63:
            raise ValueError("a whole number of a plan has at most 63 bits and a sign, as in TOML; take a smaller one")
        return value


def _widest(value: Any) -> int:
    """Bits of the largest whole number in a value."""
    if isinstance(value, dict):
        value = tuple(value.values())
    if isinstance(value, tuple):
        return max(map(_widest, value), default=0)
    return value.bit_length() if isinstance(value, int) else 0


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
    labels"). control_of: name of the network that it is a control of; without one it is a control of its family.

    In TOML one block may stand for many: checkpoints, a glob or a list of files, are weights of `model`. Each becomes a
    network, called "NAME STEP", with the number in which the files' names differ as its step, in order of the steps;
    the family is the block's name unless it says another. Names without numbers give "NAME STEM", without a step.
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
    control_of: str | None = None

    @model_validator(mode="after")
    def _one_source(self) -> Network:
        if self.control_of is not None and self.control is None:
            raise ValueError(
                f"network {self.name!r} is a control of {self.control_of!r} and does not say of which kind; set "
                'control = "untrained" or control = "random labels"'
            )
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
    where tests depend positively), "none" neither. degrees: of homology that tests and verdicts read, each at most
    `[homology] max_degree`; None reads all. Tables of descriptors and distances hold all in any case.
    """

    __test__ = False

    alpha: float = Field(default=0.05, gt=0, lt=1)
    adjust: Literal["max-t", "holm", "by", "bh", "none"] = "max-t"
    confidence: float = Field(default=0.95, gt=0, lt=1)
    degrees: Annotated[tuple[Annotated[int, Field(ge=0)], ...] | None, Field(strict=False)] = None

    @field_validator("degrees")
    @classmethod
    def _in_order(cls, value: tuple[int, ...] | None) -> tuple[int, ...] | None:
        if value is not None and (not value or list(value) != sorted(set(value))):
            raise ValueError(f"give at least one degree, each larger than the one before, not {list(value)}")
        return value


class Extraction(Part):
    """`[extract]`: how activations are computed. batch_size and device may change the last bits, so both are part of
    every artefact's key.

    shard: inputs of one task. A network that sees more of them is run by several workers at once, each of which loads
    it once; every batch is the same whatever the shards, and so are the bits.
    """

    batch_size: int = Field(default=64, ge=1)
    shard: int = Field(default=4096, ge=1)
    device: str | None = None
    precision: Literal["float16", "bfloat16"] | None = None


class Similarity(Part):
    """`[similarity]`: what stands beside the distances, between all layers on the same draws; nothing is tested by it.

    measures: of similarity between layers of the same inputs ("cka", "cka-unbiased", "procrustes", "rsa", …), and
    further distances between their diagrams ("bottleneck", …). In draws of few inputs the plain "cka" of wide layers is
    large whatever they hold, so the default is its unbiased form. An empty list asks for none.
    """

    measures: Annotated[tuple[Annotated[str, AfterValidator(known_measure)], ...], Field(strict=False)] = (
        "cka-unbiased",
    )


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


class Controls(Part):
    """`[controls]`: clouds that every layer is held against, draw by draw.

    clouds: "gaussian", of the covariance of the layer's other draws, shrunk; "shuffled", every column of the draw
    permuted on its own. stand_ins: clouds of the control's own kind that are treated as the layer is: where too many
    of them differ from their controls, nothing is called an excess.
    """

    clouds: Annotated[tuple[Literal["gaussian", "shuffled"], ...], Field(strict=False)] = ()
    stand_ins: int = Field(default=20, ge=20)

    @field_validator("clouds")
    @classmethod
    def _once(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(value)) < len(value):
            raise ValueError(f"every kind of control is named once, not {list(value)}")
        return value


COURSES = ("bars", "total_persistence", "maximal_persistence", "entropy", "landscape_norm")
"""Numbers of a diagram that can be followed along depth."""


class MetricAudit(Part):
    """`[metric_audit]`: the metrics under which every conclusion is asked for, and the circles that are planted.

    metrics: of the points of a cloud, beside the plan's own. descriptors: numbers of a diagram whose course along depth
    is followed, of `COURSES`; the landscape's norm is the integral of all its functions, Σ length² / 4. noise: standard
    deviations, in each dimension, of circles of radius 1. circles: planted for each noise, and as many clouds without
    one. found: share of them that a metric has to show.
    """

    metrics: Annotated[tuple[Annotated[str, BeforeValidator(_metric)], ...], Field(strict=False)] = (
        "euclidean",
        "cosine",
        "correlation",
        *(_metric(name) for name in ("knn_geodesic", "fermat", "dtm", "diffusion", "effective_resistance")),
    )
    descriptors: Annotated[tuple[str, ...], Field(min_length=1, strict=False)] = (
        "total_persistence",
        "maximal_persistence",
    )
    noise: Annotated[tuple[Annotated[float, Field(gt=0, allow_inf_nan=False)], ...], Field(strict=False)] = (
        0.1,
        0.2,
        0.3,
    )
    circles: int = Field(default=20, ge=5)
    found: float = Field(default=0.8, gt=0, le=1)

    @field_validator("metrics")
    @classmethod
    def _several(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value:
            raise ValueError("give at least one metric beside that of [cloud]")
        return tuple(dict.fromkeys(value))

    @field_validator("descriptors")
    @classmethod
    def _known_descriptors(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for name in value:
            if name not in COURSES:
                raise ValueError(f"descriptor {name!r} is not known{close_names(name, COURSES)}")
        return tuple(dict.fromkeys(value))

    @field_validator("noise")
    @classmethod
    def _rising(cls, value: tuple[float, ...]) -> tuple[float, ...]:
        if not value or list(value) != sorted(set(value)):
            raise ValueError("give at least one standard deviation, each larger than the one before")
        return value


class Audit(Part):
    """`[audit]`: settings under which every verdict is asked again, each changed alone; TOML writes no scale as "none".

    size, metric, scale, components, without_outliers: of `[cloud]`. distance: name of `[distance]`. degree: read alone,
    in place of `[test] degrees`; a verdict on another degree is held against the same question about this one.
    """

    size: Annotated[tuple[Annotated[int, Field(ge=2)], ...], Field(strict=False)] = ()
    metric: Annotated[tuple[Annotated[str, BeforeValidator(_metric)], ...], Field(strict=False)] = ()
    scale: Annotated[tuple[Annotated[str | float | None, AfterValidator(_scale)], ...], Field(strict=False)] = ()
    components: Annotated[tuple[Annotated[int, Field(ge=1)], ...], Field(strict=False)] = ()
    without_outliers: Annotated[tuple[bool, ...], Field(strict=False)] = ()
    distance: Annotated[tuple[Annotated[str, AfterValidator(_distance)], ...], Field(strict=False)] = ()
    degree: Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(strict=False)] = ()


class Study(Part):
    """A plan: which networks, inputs, draws, homology, distance and tests. `Study.read` reads one from TOML."""

    recipe: Literal[
        "architectures",
        "betti-collapse",
        "finetuning",
        "layers",
        "metric-audit",
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
    similarity: Similarity = Similarity()
    equivalence: Equivalence = Equivalence()
    sample_size: SampleSize = SampleSize()
    train_test: TrainTest = TrainTest()
    outliers: Outliers = Outliers()
    separation: Separation = Separation()
    betti_collapse: BettiCollapse = BettiCollapse()
    controls: Controls = Controls()
    metric_audit: MetricAudit = MetricAudit()
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
        for place, degrees in (("[test] degrees", self.test.degrees or ()), ("[audit] degree", self.audit.degree)):
            if degrees and max(degrees) > self.homology.max_degree:
                raise ValueError(
                    f"{place} names degree {max(degrees)}, and [homology] max_degree is {self.homology.max_degree}; "
                    f"set that to {max(degrees)}, and [test] degrees to those that verdicts are to read"
                )
        for network in self.network:
            if network.base is not None and network.base not in names:
                raise ValueError(
                    f"network {network.name!r} has base {network.base!r}, which is not there"
                    f"{close_names(network.base, names)}"
                )
            if network.control_of is not None:
                if network.control_of not in names:
                    raise ValueError(
                        f"network {network.name!r} is control_of {network.control_of!r}, which is not there"
                        f"{close_names(network.control_of, names)}"
                    )
                if self.network[names.index(network.control_of)].control is not None:
                    raise ValueError(
                        f"network {network.name!r} is control_of {network.control_of!r}, which is a control itself; "
                        "name the network that both are controls of"
                    )
            if network.model is not None and self.source_of(network) is None:
                raise ValueError(f"network {network.name!r} has no inputs; give [inputs] source, or its own `inputs`")
        return self

    @property
    def degrees(self) -> tuple[int, ...]:
        """Of homology, that tests and verdicts read."""
        return tuple(range(self.homology.max_degree + 1)) if self.test.degrees is None else self.test.degrees

    def source_of(self, network: Network) -> str | None:
        """The inputs of a network: its own, or the plan's."""
        return network.inputs or self.inputs.source

    @classmethod
    def parse(cls, table: dict[str, Any], where: str = "the plan", name: str = "study") -> Study:
        """A Study from the tables of a TOML file. Raises PlanError in one line: what, where, how to mend it."""
        try:
            table = {**table, "network": checkpoints.spelled_out(table["network"])} if "network" in table else table
        except ValueError as error:
            raise PlanError(f"{where}: {error}") from None
        try:
            return cls.model_validate({"name": name, **table})
        except ValidationError as error:
            raise PlanError(f"{where}: {_first_mistake(error)}") from None

    def _repr_html_(self) -> str:
        """For notebooks: the plan's recipe, networks and clouds."""
        from toposcope import _html

        cloud = self.cloud
        rows = [(one.name, one.family or "", one.model or one.representations or "") for one in self.network]
        facts = {
            "recipe": self.recipe,
            "seed": self.seed,
            "inputs": self.inputs.source,
            "clouds": f"{cloud.draws} disjoint draws of {cloud.size}, {cloud.metric}, scale {cloud.scale}",
            "homology": f"degrees 0 to {self.homology.max_degree} over Z/{self.homology.field}",
            "distance": self.distance.measure().name,
            "test": f"level {self.test.alpha:g}, adjusted by {self.test.adjust}, "
            + ", ".join(f"H{degree}" for degree in self.degrees),
        }
        return _html.card(f"plan {self.name}", _html.facts(facts), _html.table(["network", "family", "model"], rows))

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
        given = f", not {_check.brief(first['input'])}" if isinstance(first["input"], (str, int, float, bool)) else ""
        text = f"`{place}`: {first['msg'][0].lower()}{first['msg'][1:]}{given}"
    more = len(mistakes) - 1
    return text + (f" (and {more} more)" if more else "")


def _keys_at(place: tuple[int | str, ...]) -> list[str]:
    """The keys of the table at a place of a plan; a number in it is the place in a list of tables."""
    part: type[Part] = Study
    for name in place:
        if isinstance(name, str):
            kind = part.model_fields[name].annotation
            part = next(one for one in (kind, *get_args(kind)) if isinstance(one, type) and issubclass(one, Part))
    return [*part.model_fields, *([checkpoints.KEY] if part is Network else [])]


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
