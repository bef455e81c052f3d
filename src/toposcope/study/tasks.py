"""The tasks of a study: each makes one artefact from others, and nothing but its content decides the result.

extract → representations;  representation + draw → diagram;  two lists of diagrams → distances between their draws.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import os
import warnings
from collections.abc import Callable, Hashable, Iterator, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np

from toposcope._errors import (
    ActivationError,
    FileError,
    InputError,
    PlanError,
    ToposcopeError,
    ToposcopeWarning,
    one_line,
)
from toposcope._io import digest_of_file
from toposcope._types import Array, Float64
from toposcope._version import __version__
from toposcope.cloud import duplicate_rows, effective_dimension, principal_components
from toposcope.diagram import PersistenceDiagram
from toposcope.distances import distances_of_pairs
from toposcope.representation import Representation, Source, read_representation
from toposcope.rips import vietoris_rips
from toposcope.store import Store, key_of
from toposcope.study.plan import Cloud, DistanceChoice, Extraction, Homology, Network, Study
from toposcope.study.treatments import PLAIN, Treatment, WithoutOutliers

SCHEMA = 5
"""Raised when the code changes what an artefact holds: older artefacts are then computed again."""
DIGITS = "digits"
"""Where the inputs of every split of digits come from."""


def installed_versions(*packages: str) -> dict[str, str]:
    """Versions of those packages that are installed, without importing them."""
    found = {}
    for package in packages:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


@functools.cache
def engine_versions() -> dict[str, str]:
    """Versions of what decides the bits of a diagram and of a distance: the kernel's is toposcope's own."""
    return {"toposcope": __version__, **installed_versions("gudhi", "numpy", "scipy")}


class Task(Protocol):
    """Something that makes one artefact. uses_torch: whether its threads are to be limited too."""

    uses_torch: ClassVar[bool]

    @property
    def key(self) -> str:
        """The artefact's key."""

    @property
    def title(self) -> str:
        """What a person calls it."""

    def perform(self, store: Store, progress: Callable[[int, int | None], None] | None = None) -> None:
        """Make the artefact."""


@dataclasses.dataclass(frozen=True)
class Layer:
    """One layer of one network: where its representation is kept, and what is known about it."""

    network: str
    layer: str
    key: str
    source: Source
    inputs: int
    rows: int
    dimension: int
    duplicates: int
    effective_dimension: float

    @property
    def title(self) -> str:
        """``network / layer``."""
        return f"{self.network} / {self.layer}"


@dataclasses.dataclass(frozen=True)
class Side:
    """One side of a comparison: a layer, and how clouds are taken from it. `Side.of` gives the plan's own clouds."""

    layer: Layer
    cloud: Cloud
    treatment: Treatment = PLAIN

    @classmethod
    def of(cls, plan: Study, layer: Layer) -> Side:
        """The clouds of a layer that the plan speaks of."""
        if not plan.cloud.without_outliers:
            return cls(layer, plan.cloud)
        options = plan.outliers
        return cls(layer, plan.cloud, WithoutOutliers(options.neighbours, options.threshold, options.reserve))

    @functools.cached_property
    def key(self) -> str:
        """What decides the clouds: the layer, their size and metric, and the treatment."""
        cloud = self.cloud.model_dump(mode="json")
        return key_of("side", layer=self.layer.key, cloud=cloud, treatment=self.treatment.to_json())

    def drawn(self, representation: Representation, draw: int, seed: int) -> Representation:
        """The rows of one draw, treated. Raises InputError where there are too few."""
        return self.treatment.cloud(representation, self.cloud.size, self.cloud.draws, draw, seed)

    def diagram(
        self, drawn: Representation, homology: Homology, max_degree: int, representatives: bool = False
    ) -> PersistenceDiagram:
        """The diagram of one draw, under the cloud's metric and scale, in one thread."""
        return vietoris_rips(
            drawn if self.cloud.components is None else principal_components(drawn, self.cloud.components),
            max_degree=max_degree,
            metric=self.cloud.metric,
            scale=self.cloud.scale,
            field=homology.field,
            threshold=homology.threshold,
            threads=1,
            representatives=representatives,
        )

    @property
    def clouds(self) -> str:
        """What tables call the clouds: "plain", or the treatment."""
        return self.treatment.name

    @property
    def title(self) -> str:
        """``network / layer``, and the treatment where there is one."""
        return self.layer.title + ("" if self.treatment == PLAIN else f", {self.clouds}")


@dataclasses.dataclass(frozen=True)
class Extracted:
    """What a network gave: layers in order of execution, measured accuracy, warnings, and what is broken.

    labels: each label of the inputs as text, with how many inputs have it; none where inputs have no labels.
    """

    network: str
    layers: tuple[Layer, ...]
    data: str
    origin: str
    labels: tuple[tuple[str, int], ...]
    checkpoint: str | None
    accuracy: float | None
    judged: int
    warnings: tuple[str, ...]
    broken: tuple[str, ...]

    @classmethod
    def read(cls, store: Store, key: str) -> Extracted:
        """Read the manifest of an extraction. Raises FileError."""
        fields = json.loads(str(store.read(key)["manifest"]))
        layers = tuple(
            Layer(**{**layer, "source": Source.from_json(json.dumps(layer["source"]))}) for layer in fields["layers"]
        )
        lists = {name: tuple(fields[name]) for name in ("warnings", "broken")}
        labels = tuple((str(label), int(count)) for label, count in fields["labels"])
        return cls(**{**fields, **lists, "layers": layers, "labels": labels})

    def called(self, network: str, data: str, origin: str, checkpoint: str | None) -> Extracted:
        """The same under other names."""
        layers = tuple(
            dataclasses.replace(
                layer,
                network=network,
                source=dataclasses.replace(
                    layer.source, network=network, checkpoint=checkpoint or layer.source.checkpoint
                ),
            )
            for layer in self.layers
        )
        return dataclasses.replace(
            self, network=network, layers=layers, data=data, origin=origin, checkpoint=checkpoint
        )

    def write(self, store: Store, key: str) -> None:
        """Write the manifest; it comes last, so that it stands only for layers that are all there."""
        fields = dataclasses.asdict(self)
        for layer, fact in zip(fields["layers"], self.layers, strict=True):
            layer["source"] = json.loads(fact.source.to_json())
        store.write(key, {"manifest": np.array(json.dumps(fields, sort_keys=True))})


@dataclasses.dataclass(frozen=True)
class Extract:
    """Run one network over its inputs and keep every layer that the plan asks for."""

    uses_torch: ClassVar[bool] = True

    network: Network
    source: str
    limit: int | None
    how: Extraction
    inputs_name: str
    inputs_digest: str
    count: int
    identity: str

    @classmethod
    def planned(
        cls, plan: Study, network: Network, inputs_name: str, inputs_digest: str, count: int, weights: str
    ) -> Extract:
        """The task, with what decides its content hashed: weights, inputs, and how activations are computed.

        Weights and inputs count by their content alone: files that move or get other names stay what they are.
        """
        spec = network.model_dump(mode="json", include={"name", "seed", "layers", "reduce", "classes"})
        source = plan.source_of(network)
        assert source is not None
        identity = key_of(
            "extraction",
            schema=SCHEMA,
            network=spec,
            extract=plan.extract.model_dump(mode="json", exclude={"shard"}),
            inputs=inputs_digest,
            weights=weights,
            versions=installed_versions(
                "numpy", "pillow", "scikit-learn", "torch", "torchvision", "timm", "transformers", "onnx", "onnxruntime"
            ),
        )
        return cls(network, source, plan.inputs.limit, plan.extract, inputs_name, inputs_digest, count, identity)

    @property
    def key(self) -> str:
        """Key of the manifest."""
        return self.identity

    @property
    def title(self) -> str:
        """For progress and failures."""
        return f"extraction of {self.network.name}"

    def told(self, extracted: Extracted) -> Extracted:
        """What was extracted, with files called what this plan calls them: they may have moved since it was made."""
        from toposcope.extract import weights_file

        file = weights_file(str(self.network.model))
        checkpoint = extracted.checkpoint
        if file is not None and checkpoint is not None:
            checkpoint = f"{Path(file).name} ({checkpoint.rpartition(' (')[2]}"
        origin = extracted.origin if extracted.origin in ("", DIGITS) else self.inputs_name
        return extracted.called(self.network.name, self.source, origin, checkpoint)

    @property
    def shards(self) -> tuple[Shard, ...]:
        """Runs over some of the inputs each, where there are so many; `perform` puts together what they hear."""
        size = -(-self.how.shard // self.how.batch_size) * self.how.batch_size
        if self.count <= size:
            return ()
        return tuple(Shard(self, start, min(start + size, self.count)) for start in range(0, self.count, size))

    @property
    def layers(self) -> list[str]:
        """Patterns of the layers that are run, the output included where it is judged."""
        return [*self.network.layers, *(["output"] if self._judged else [])]

    @property
    def _judged(self) -> bool:
        return self.network.classes is not None and "output" not in self.network.layers

    def perform(self, store: Store, progress: Callable[[int, int | None], None] | None = None) -> None:
        """Extract, or put shards together; keep one representation per layer, then the manifest."""
        network, shards = self.network, self.shards
        said: list[str] = []
        broken: tuple[str, ...] = ()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", ToposcopeWarning)
            try:
                representations = self._joined(store, said, progress) if shards else self._extracted(said, progress)
            except ActivationError as error:
                # The other layers are fine, and go on.
                if set(error.finished) <= {"output"}:
                    raise
                representations, broken = dict(error.finished), (str(error).partition("; the other ")[0],)
        accuracy, count = None, 0
        if network.classes is not None and "output" in representations:
            accuracy, count = _accuracy(representations["output"], network)
        if self._judged:
            representations.pop("output", None)
            representations = _in_order(representations)
        said += _said(caught)
        _keep(store, self.key, network.name, list(representations.values()), self.source, accuracy, count, said, broken)

    def _extracted(
        self, said: list[str], progress: Callable[[int, int | None], None] | None
    ) -> dict[str, Representation]:
        from toposcope.extract import extract

        loaded, inputs = _loaded(self, said)
        return extract(
            loaded,
            inputs,
            layers=self.layers,
            reduce=self.network.reduce,
            batch_size=self.how.batch_size,
            device=self.how.device,
            precision=self.how.precision,
            name=self.network.name,
            seed=self.network.seed,
            memory=_room(),
            progress=progress,
        )

    def _joined(
        self, store: Store, said: list[str], progress: Callable[[int, int | None], None] | None
    ) -> dict[str, Representation]:
        from toposcope.extract import Part, join

        _LOADED.pop("network", None)  # it has been run over everything

        def parts() -> Iterator[Part]:
            for number, shard in enumerate(self.shards):
                arrays = store.read(shard.key, memory_map=True)
                said.extend(line for line in json.loads(str(arrays["said"])) if line not in said)
                yield Part.from_arrays(arrays)
                if progress is not None:
                    progress(number + 1, len(self.shards))

        return join(parts(), self.count, self.layers, _room(), store.scratch)


@dataclasses.dataclass(frozen=True)
class Shard:
    """Run one network over some of its inputs: the batches that begin among inputs `start` to `stop` - 1."""

    uses_torch: ClassVar[bool] = True

    of: Extract
    start: int
    stop: int

    @property
    def key(self) -> str:
        """Of what was heard: the extraction, and which inputs."""
        return key_of("shard", extraction=self.of.identity, start=self.start, stop=self.stop)

    @property
    def title(self) -> str:
        """For progress and failures."""
        return f"{self.of.title}, inputs {self.start} to {self.stop - 1}"

    def perform(self, store: Store, progress: Callable[[int, int | None], None] | None = None) -> None:
        """Run, and keep what was heard until all of it is put together."""
        from toposcope.extract import extract_part

        of, said = self.of, list[str]()
        loaded, inputs = _loaded(of, said)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", ToposcopeWarning)
            part = extract_part(
                loaded,
                inputs,
                range(self.start, self.stop),
                layers=of.layers,
                reduce=of.network.reduce,
                batch_size=of.how.batch_size,
                device=of.how.device,
                precision=of.how.precision,
                name=of.network.name,
                seed=of.network.seed,
                memory=_room(),
                scratch=store.scratch,
                progress=progress,
            )
        said += _said(caught)
        store.write(self.key, {**part.to_arrays(), "said": np.array(json.dumps(said))})


_LOADED: dict[str, tuple[Hashable, Any, list[str]]] = {}
"""The network and the inputs that this process ran last, and what was warned of: the next shard is of the same."""


def _loaded(task: Extract, said: list[str]) -> tuple[Any, Any]:
    """The network and the inputs of an extraction, loaded once by this process. Raises InputError for other inputs."""
    from toposcope.extract import load_inputs, load_network

    def checked() -> Any:
        inputs = load_inputs(task.source, limit=task.limit)
        if inputs.digest() != task.inputs_digest:
            raise InputError(
                f"inputs {task.source!r} gave other content than when the run was planned; "
                "a function must give the same inputs every time, and files must stay as they are"
            )
        return inputs

    here = os.getcwd()
    network = _once(
        "network",
        (here, task.network.model, task.identity),
        lambda: load_network(str(task.network.model), seed=task.network.seed),
        said,
    )
    return network, _once("inputs", (here, task.source, task.limit, task.inputs_digest), checked, said)


def _once(kind: str, what: Hashable, load: Callable[[], Any], said: list[str]) -> Any:
    if kind not in _LOADED or _LOADED[kind][0] != what:
        _LOADED.pop(kind, None)  # before the next one comes: two may not fit
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", ToposcopeWarning)
            found = load()
        _LOADED[kind] = what, found, _said(caught)
    said += _LOADED[kind][2]
    return _LOADED[kind][1]


def _said(caught: Sequence[warnings.WarningMessage]) -> list[str]:
    return [str(warning.message) for warning in caught if issubclass(warning.category, ToposcopeWarning)]


def _room() -> int:
    """Bytes of vectors that an extraction may hold in memory: a quarter of what its worker may."""
    from toposcope.extract import MEMORY

    try:
        import resource
    except ImportError:  # a system without such limits
        return MEMORY
    limit = resource.getrlimit(resource.RLIMIT_DATA)[0]
    return MEMORY if limit == resource.RLIM_INFINITY else min(MEMORY, limit // 4)


@dataclasses.dataclass(frozen=True)
class Import:
    """Take representations that were saved before, one file per layer, in the order of their names."""

    uses_torch: ClassVar[bool] = False
    shards: ClassVar[tuple[Shard, ...]] = ()

    network: Network
    files: tuple[tuple[str, str], ...]

    @classmethod
    def planned(cls, network: Network) -> Import:
        """The task, with every file's digest. Raises PlanError when there are no files."""
        assert network.representations is not None
        where = Path(network.representations)
        endings = {".npz", ".npy", ".safetensors"}
        if where.is_file():
            found = [where]
        elif where.is_dir():
            found = list(where.iterdir())
        else:
            start = Path(where.anchor)
            try:
                found = list(start.glob(str(where.relative_to(start))))
            except ValueError as error:
                told = f"representations = {network.representations!r} is no pattern: {one_line(error)}"
                raise PlanError(
                    f"network {network.name!r}: {told}; give a folder, a file or a pattern like a/*.npz"
                ) from None
        files = sorted(path for path in found if path.suffix in endings)
        if not files:
            raise PlanError(
                f"network {network.name!r}: representations = {network.representations!r} holds no .npz, .npy or "
                ".safetensors file; give a folder of them, one file per layer"
            )
        return cls(network, tuple((str(path), digest_of_file(path)) for path in files))

    @property
    def key(self) -> str:
        """Key of the manifest."""
        names = [(Path(path).name, digest) for path, digest in self.files]
        return key_of("import", schema=SCHEMA, network=self.network.name, files=names, numpy=np.__version__)

    @property
    def title(self) -> str:
        """For progress and failures."""
        return f"reading of {self.network.name}"

    def told(self, extracted: Extracted) -> Extracted:
        """As `Extract.told`: where no file says whose activations it holds, the plan's path does."""
        data = extracted.data or str(self.network.representations)
        return extracted.called(self.network.name, data, extracted.origin, extracted.checkpoint)

    def perform(self, store: Store, progress: Callable[[int, int | None], None] | None = None) -> None:
        """Read and check every file, keep them, then the manifest."""
        found: list[tuple[str, Representation]] = []
        broken: list[str] = []
        for number, (path, _digest) in enumerate(self.files):
            try:
                found.append((Path(path).stem, read_representation(path)))
            except ToposcopeError as error:
                broken.append(str(error))
            if progress is not None:
                progress(number + 1, len(self.files))
        if not found:
            raise FileError("; ".join(broken))
        found.sort(key=lambda named: -1 if named[1].source.position is None else named[1].source.position)
        layers = [read.source.layer for _stem, read in found]
        ordered: dict[str, Representation] = {}
        for stem, read in found:
            # Files that name the same layer (two reductions of it, say) go by their own names.
            layer = read.source.layer if layers.count(read.source.layer) == 1 else stem
            source = dataclasses.replace(read.source, network=self.network.name, layer=layer)
            ordered[f"{len(ordered)} {stem}"] = dataclasses.replace(read, source=source)
        representations = list(_in_order(ordered).values())
        data = representations[0].source.data or ""
        _keep(store, self.key, self.network.name, representations, data, None, 0, [], tuple(broken))


def _in_order(representations: dict[str, Representation]) -> dict[str, Representation]:
    """Depth counted over the layers that are left."""
    last = max(1, len(representations) - 1)
    return {
        name: dataclasses.replace(one, source=dataclasses.replace(one.source, position=k, depth=k / last))
        for k, (name, one) in enumerate(representations.items())
    }


def _accuracy(output: Representation, network: Network) -> tuple[float, int]:
    """Share of inputs whose largest output is their label, over the inputs whose label is one of the classes."""
    classes = np.asarray(network.classes)
    if output.labels is None:
        raise PlanError(f"network {network.name!r} has `classes`, but its inputs have no labels; leave `classes` out")
    if output.dimension != len(classes):
        raise PlanError(
            f"network {network.name!r} has {len(classes)} `classes` and {output.dimension} outputs; name every output"
        )
    labels = output.labels.astype(np.str_) if classes.dtype.kind == "U" else output.labels
    known = np.isin(labels, classes)
    if not known.any():
        raise PlanError(f"network {network.name!r}: no input has one of its `classes` as its label")
    right = classes[np.argmax(output.points, axis=1)] == labels
    return float(right[known].mean()), int(known.sum())


def _keep(
    store: Store,
    key: str,
    network: str,
    representations: list[Representation],
    data: str,
    accuracy: float | None,
    judged: int,
    said: list[str],
    broken: tuple[str, ...],
) -> None:
    layers: list[Layer] = []
    ids = _ids(representations[0])
    for position, representation in enumerate(representations):
        name = representation.source.layer or "layer"
        if _ids(representation) != ids:
            # A layer that saw other inputs is neither paired with the rest nor independent of it.
            first = representations[0].source.layer
            broken = (*broken, f"layer {name} holds other inputs than layer {first}, and is left out")
            continue
        layer_key = key_of("representation", extraction=key, layer=name, position=position)
        arrays: dict[str, Array] = {"points": representation.points, "sample_ids": representation.sample_ids}
        if representation.labels is not None:
            arrays["labels"] = representation.labels
        arrays["source"] = np.array(representation.source.to_json())
        store.write(layer_key, arrays)
        layers.append(
            Layer(
                network=network,
                layer=name,
                key=layer_key,
                source=representation.source,
                inputs=len(np.unique(representation.sample_ids)),
                rows=len(representation),
                dimension=representation.dimension,
                duplicates=duplicate_rows(representation),
                effective_dimension=effective_dimension(representation),
            )
        )
    origin = _origin(representations[0])
    Extracted(
        network=network,
        layers=tuple(layers),
        data=data,
        origin=origin,
        labels=label_counts(representations[0].sample_ids, representations[0].labels),
        checkpoint=representations[0].source.checkpoint if representations else None,
        accuracy=accuracy,
        judged=judged,
        warnings=tuple(said),
        broken=broken,
    ).write(store, key)


def label_counts(ids: Array | None, labels: Array | None) -> tuple[tuple[str, int], ...]:
    """Each label as text, with how many inputs have it."""
    if ids is None or labels is None:
        return ()
    _ids, first = np.unique(ids, return_index=True)
    names, counts = np.unique(labels[first].astype(np.str_), return_counts=True)
    return tuple((str(name), int(count)) for name, count in zip(names, counts, strict=True))


def _ids(representation: Representation) -> set[str]:
    return {str(entry) for entry in representation.sample_ids.tolist()}


def _origin(representation: Representation) -> str:
    """What an id must be read beside to name an input: row 3 of one file is not row 3 of another.

    The splits of digits share their ids. Text ids of an `.npz`, or of saved activations that don't say where they come
    from, were given by a person and stand for themselves.
    """
    data, ids = representation.source.data, representation.sample_ids
    if data is not None and data.split(":")[0] == DIGITS:
        return DIGITS
    if ids.dtype.kind in "iu":
        numbered = np.array_equal(ids, np.arange(len(ids)))
        return data or (f"{len(ids)} rows" if numbered else "")
    return "" if data is None or data.endswith(".npz") else data


@functools.lru_cache(maxsize=2)
def read_layer(store: Store, key: str) -> Representation:
    """The representation of a layer, large ones memory-mapped; the last ones stay, because their draws follow."""
    _LOADED.clear()  # extraction is over
    arrays = store.read(key, memory_map=True)
    source = Source.from_json(str(arrays["source"]))
    return Representation(arrays["points"], arrays["sample_ids"], arrays.get("labels"), source)


@dataclasses.dataclass(frozen=True)
class Diagram:
    """Persistent homology of one draw of one side."""

    uses_torch: ClassVar[bool] = False

    side: Side
    draw: int
    seed: int
    homology: Homology

    @functools.cached_property
    def key(self) -> str:
        """Of the diagram: the representation, the draw, and every parameter."""
        return key_of(
            "diagram",
            schema=SCHEMA,
            side=self.side.key,
            draw=self.draw,
            seed=self.seed,
            homology=self.homology.model_dump(mode="json"),
            versions=engine_versions(),
        )

    @property
    def title(self) -> str:
        """For progress and failures."""
        return f"homology of {self.side.title}, draw {self.draw}"

    def perform(self, store: Store, progress: Callable[[int, int | None], None] | None = None) -> None:
        """Draw, treat, scale, compute, keep."""
        side = self.side
        drawn = side.drawn(read_layer(store, side.layer.key), self.draw, self.seed)
        diagram = side.diagram(drawn, self.homology, self.homology.max_degree)
        names = {"network": side.layer.network, "layer": side.layer.layer, "draw": self.draw}
        source = json.dumps(names if side.treatment == PLAIN else {**names, "clouds": side.clouds})
        store.write(self.key, diagram.to_arrays(source))


@functools.lru_cache(maxsize=4096)
def read_diagram_of(store: Store, key: str) -> PersistenceDiagram:
    """A diagram by key; many pairs read the same ones."""
    return PersistenceDiagram.from_arrays(store.read(key), key)


@dataclasses.dataclass(frozen=True)
class Distances:
    """Distances between the draws of two layers, in every degree.

    a, b: keys of the diagrams of their draws, in order. draws: (draw of a, draw of b) pairs.
    """

    uses_torch: ClassVar[bool] = False

    title: str
    a: tuple[str, ...]
    b: tuple[str, ...]
    draws: tuple[tuple[int, int], ...]
    max_degree: int
    distance: DistanceChoice

    @functools.cached_property
    def key(self) -> str:
        """Of the values: the diagrams, which pairs, and the distance."""
        return key_of(
            "distances",
            schema=SCHEMA,
            a=self.a,
            b=self.b,
            draws=self.draws,
            max_degree=self.max_degree,
            measure=self.distance.name,
            parameters={name: str(value) for name, value in self.distance.measure().parameters.items()},
            versions=engine_versions(),
        )

    def perform(self, store: Store, progress: Callable[[int, int | None], None] | None = None) -> None:
        """Measure every pair, keep (degrees, pairs)."""
        diagrams = [read_diagram_of(store, key) for key in (*self.a, *self.b)]
        pairs = np.array([(i, len(self.a) + j) for i, j in self.draws], dtype=np.int64).reshape(-1, 2)
        values: Float64 = np.array(
            [
                distances_of_pairs(diagrams, pairs, self.distance.measure(), degree, threads=1)
                for degree in range(self.max_degree + 1)
            ]
        )
        store.write(self.key, {"values": values})

    def read(self, store: Store) -> Float64:
        """(max_degree + 1, pairs) values. Raises FileError."""
        values = store.read(self.key).get("values")
        if values is None or values.shape != (self.max_degree + 1, len(self.draws)):
            raise FileError(f"{store.path(self.key)} does not hold these distances; remove it and run again")
        return values
