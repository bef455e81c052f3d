"""From a bar to the inputs that make it: one draw of each layer looked at closely, and small images of its inputs.

A portrait is the diagram of a layer's first draw with representatives, the inputs behind its points, and the draw in
the plane. Thumbnails are made once for all networks that see the same inputs. Both are artefacts like any other.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from toposcope._errors import FileError, InputError, ToposcopeError
from toposcope._types import Array, Float64, Floats
from toposcope.cloud.controls import Control, GaussianControl, ShuffledControl
from toposcope.diagram import PersistenceDiagram
from toposcope.representation import Representation
from toposcope.rips.engine import LARGEST_MATRIX, in_kernel, streams
from toposcope.store import Store, key_of
from toposcope.study.performer import Performer
from toposcope.study.plan import Homology, Network, Study
from toposcope.study.tasks import Extracted, Side, engine_versions, installed_versions, read_layer

if TYPE_CHECKING:
    from PIL import Image

SCHEMA = 2
DRAW = 0
"""The draw that portraits are taken of."""
SIDE = 32
"""Longest side of a thumbnail, in pixels; smaller images stay as they are."""
TEXT = 240
"""So many characters of a text are kept."""
HIGHEST = 2
"""Highest degree of which representatives are known."""


@dataclasses.dataclass(frozen=True, eq=False)
class Portrait:
    """One draw of a layer, looked at closely.

    diagram: its bars in degrees 0 to 2, with representatives that name rows of the draw. sample_ids: (n,) of the rows.
    labels: (n,) or None. plane: (n, 2) float64, the rows on their first two principal axes, in units of the
    activations. explained: share of the variance (0 to 1) that each axis carries. controls: diagrams of one cloud of
    each kind of control of the draw, by what it is called: for the eye, and no test.
    """

    diagram: PersistenceDiagram
    sample_ids: Array
    labels: Array | None
    plane: Float64
    explained: tuple[float, float]
    controls: Mapping[str, PersistenceDiagram] = dataclasses.field(default_factory=dict)

    @property
    def heights(self) -> Float64:
        """(m,) filtration value of each of the `merges` of the diagram's representatives, ascending.

        Merges at 0 join equal points. They have no bar, so they are those that the finite bars of degree 0 leave over.
        """
        behind = self.diagram.representatives
        assert behind is not None
        deaths = np.sort(self.diagram.finite(0)[:, 1])
        return np.concatenate([np.zeros(len(behind.merges) - len(deaths)), deaths])

    def bars(self) -> Iterator[dict[str, Any]]:
        """Every bar in the order of the diagram, by the sample ids behind it.

        degree, birth, death; born and died: the inputs of its first and last simplex; cycle: those around a loop.
        """
        behind = self.diagram.representatives
        assert behind is not None
        for bar, (birth, death) in enumerate(self.diagram.pairs.tolist()):
            rows = {"born": behind.birth_simplex(bar), "died": behind.death_simplex(bar), "cycle": behind.cycle(bar)}
            names = {part: self.sample_ids[some].tolist() for part, some in rows.items()}
            yield {"degree": int(self.diagram.degrees[bar]), "birth": birth, "death": death, **names}

    @classmethod
    def read(cls, store: Store, key: str) -> Portrait:
        """Read what `Holes` kept. Raises FileError."""
        arrays = store.read(key)
        diagram = PersistenceDiagram.from_arrays(arrays, key)
        missing = {"sample_ids", "plane", "explained"} - set(arrays)
        if missing or diagram.representatives is None:
            raise FileError(f"{key} is not a portrait of a draw; remove {store.path(key)} and run again")
        first, second = arrays["explained"].tolist()
        beside = {
            name: PersistenceDiagram.from_arrays(_without_prefix(arrays, prefix), key)
            for prefix, name in _CONTROLS.items()
            if f"{prefix} pairs" in arrays
        }
        return cls(diagram, arrays["sample_ids"], arrays.get("labels"), arrays["plane"], (first, second), beside)


@dataclasses.dataclass(frozen=True)
class Holes:
    """The portrait of one draw of one layer."""

    uses_torch: ClassVar[bool] = False

    side: Side
    draw: int
    seed: int
    homology: Homology

    @functools.cached_property
    def key(self) -> str:
        """Of the portrait: the representation, the draw, and every parameter."""
        return key_of(
            "portrait",
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
        return f"holes of {self.side.title}, draw {self.draw}"

    def perform(self, store: Store, progress: Callable[[int, int | None], None] | None = None) -> None:
        """Draw, compute with representatives, project, keep."""
        drawn = self.side.drawn(read_layer(store, self.side.layer.key), self.draw, self.seed)
        diagram = self.side.diagram(drawn, self.homology, min(self.homology.max_degree, HIGHEST), representatives=True)
        plane, explained = principal_plane(drawn.points)
        arrays = {**diagram.to_arrays(self.title), "sample_ids": drawn.sample_ids, "plane": plane}
        if drawn.labels is not None:
            arrays["labels"] = drawn.labels
        store.write(self.key, {**arrays, **self._controls(drawn), "explained": np.array(explained)})

    def _controls(self, drawn: Representation) -> dict[str, Array]:
        """The diagrams of one control of each kind, where one can be made."""
        arrays: dict[str, Array] = {}
        kinds: tuple[Control, ...] = (GaussianControl(), ShuffledControl())
        for kind, prefix in zip(kinds, _CONTROLS, strict=True):
            generator = np.random.default_rng([self.seed, self.draw])
            try:
                points = kind(drawn.points, generator).astype(drawn.points.dtype)
                cloud = dataclasses.replace(drawn, points=points)
                diagram = self.side.diagram(cloud, self.homology, min(self.homology.max_degree, HIGHEST))
            except ToposcopeError:  # a metric may find such a cloud degenerate; nothing is said of it then
                continue
            arrays |= {f"{prefix} {name}": array for name, array in diagram.to_arrays(self.title).items()}
        return arrays


_CONTROLS = {"gaussian": "Gaussian control", "shuffled": "shuffled control"}
"""Prefix of a control's arrays in a portrait → what it is called."""


def _without_prefix(arrays: Mapping[str, Array], prefix: str) -> dict[str, Array]:
    return {name.removeprefix(f"{prefix} "): array for name, array in arrays.items() if name.startswith(f"{prefix} ")}


def principal_plane(points: Floats) -> tuple[Float64, tuple[float, float]]:
    """Rows on the first two principal axes (n, 2), and the share of the variance that each axis carries.

    Each axis points to where its entry of largest size is positive. Axes without variance are 0.
    """
    from scipy.linalg import eigh

    centred = np.asarray(points, dtype=np.float64)
    centred = centred - centred.mean(axis=0)
    n, d = centred.shape
    plane = np.zeros((n, 2))
    total = float(np.einsum("ij,ij->", centred, centred))
    count = min(n, d, 2)
    if not total > 0:
        return plane, (0.0, 0.0)
    # The smaller of the two Gram matrices has the same spectrum.
    gram = centred @ centred.T if n <= d else centred.T @ centred
    values, vectors = eigh(gram, subset_by_index=[len(gram) - count, len(gram) - 1])
    values, vectors = np.maximum(values[::-1], 0.0), vectors[:, ::-1]
    found = vectors * np.sqrt(values) if n <= d else centred @ vectors
    for axis in range(count):
        most = found[np.argmax(np.abs(found[:, axis])), axis]
        plane[:, axis] = found[:, axis] * (1.0 if most >= 0 else -1.0)
    shares = [*(values / total).tolist(), 0.0]
    return plane, (float(shares[0]), float(shares[1]))


@dataclasses.dataclass(frozen=True)
class Thumbnails:
    """Small images of those inputs that portraits show. anchor: names the content of the inputs. ids: of the inputs."""

    uses_torch: ClassVar[bool] = False

    source: str
    limit: int | None
    anchor: str
    ids: tuple[str, ...]

    @functools.cached_property
    def key(self) -> str:
        """Of the pixels: the inputs, which of them, and the size."""
        return key_of(
            "thumbnails",
            schema=SCHEMA,
            limit=self.limit,
            anchor=self.anchor,
            ids=self.ids,
            side=SIDE,
            versions=installed_versions("numpy", "pillow", "scikit-learn"),
        )

    @property
    def title(self) -> str:
        """For progress and failures."""
        return f"thumbnails of {self.source}"

    def perform(self, store: Store, progress: Callable[[int, int | None], None] | None = None) -> None:
        """Keep the pixels of every input that has an image, and what it says where inputs are text."""
        from toposcope.extract import load_inputs

        inputs = load_inputs(self.source, limit=self.limit)
        row_of = {} if inputs.ids is None else {str(entry): row for row, entry in enumerate(inputs.ids.tolist())}
        known = [entry for entry in self.ids if entry in row_of]
        pixels: list[Array] = []
        for start in range(0, len(known), 64):
            try:
                images = inputs.images([row_of[entry] for entry in known[start : start + 64]])
            except InputError:  # numbers, or a stream: there is nothing to see
                known, pixels = [], []
                break
            pixels += [thumbnail(image) for image in images]
            if progress is not None:
                progress(min(start + 64, len(known)), len(known))
        side = max((len(image) for image in pixels), default=1)
        sheet = np.zeros((len(pixels), side, side, 3), dtype=np.uint8)
        for place, image in enumerate(pixels):
            sheet[place, : len(image), : len(image)] = image
        sides = np.array([len(image) for image in pixels], dtype=np.int64)
        arrays: dict[str, Array] = {"pixels": sheet, "sides": sides, "sample_ids": np.array(known, dtype=np.str_)}
        if inputs.texts is not None:
            said = {entry: str(inputs.texts[row_of[entry]])[:TEXT] for entry in self.ids if entry in row_of}
            arrays |= {"texts": np.array(list(said.values()), dtype=np.str_), "of": np.array(list(said), dtype=np.str_)}
        store.write(self.key, arrays)


def thumbnail(image: Array | Image.Image) -> Array:
    """(s, s, 3) uint8 pixels of the middle square of an image, s at most `SIDE`."""
    from PIL import Image, ImageOps

    picture = Image.fromarray(np.ascontiguousarray(image)) if isinstance(image, np.ndarray) else image
    side = min(*picture.size, SIDE)
    square = ImageOps.fit(picture.convert("RGB"), (side, side), Image.Resampling.BOX)
    return np.array(square, dtype=np.uint8)


def read_thumbnails(store: Store, key: str) -> dict[str, Array]:
    """Pixels (s, s, 3) uint8 of every input that has an image, by sample id. Raises FileError."""
    arrays = store.read(key)
    pixels, sides, ids = (arrays.get(name) for name in ("pixels", "sides", "sample_ids"))
    damaged = FileError(f"{key} does not hold thumbnails; remove {store.path(key)} and run again")
    if pixels is None or sides is None or ids is None:
        raise damaged
    n = len(ids)
    if pixels.dtype != np.uint8 or pixels.ndim != 4 or pixels.shape[3] != 3 or not n == len(pixels) == len(sides):
        raise damaged
    return {
        str(entry): image[:side, :side] for entry, image, side in zip(ids.tolist(), pixels, sides.tolist(), strict=True)
    }


def read_texts(store: Store, key: str) -> dict[str, str]:
    """What every input says, by sample id; empty where inputs are no texts. Raises FileError."""
    arrays = store.read(key)
    texts, ids = arrays.get("texts"), arrays.get("of")
    if texts is None or ids is None:
        return {}
    return {str(entry): str(text) for entry, text in zip(ids.tolist(), texts.tolist(), strict=True)}


@dataclasses.dataclass(frozen=True)
class Seen:
    """Keys of the portraits, by network and layer, and of the thumbnails, by network."""

    portraits: Mapping[str, Mapping[str, str]] = dataclasses.field(default_factory=dict)
    thumbnails: Mapping[str, str] = dataclasses.field(default_factory=dict)


def are_looked_at(plan: Study) -> bool:
    """Whether layers get portraits."""
    degree = plan.homology.max_degree
    return in_kernel(min(degree, HIGHEST), plan.homology.field) and not _are_too_large(plan)


def _are_too_large(plan: Study) -> bool:
    return streams(plan.cloud.size, plan.homology.max_degree, plan.homology.field)


def left_out(plan: Study) -> list[str]:
    """What the report has to say where there are no portraits because clouds are too large."""
    if not _are_too_large(plan):
        return []
    return [
        f"there are no portraits of holes, and no images beside them: draws of {plan.cloud.size} points would need a "
        f"matrix of their distances for it; take draws of at most {LARGEST_MATRIX} points for that"
    ]


def look(
    plan: Study, networks: Sequence[Extracted], keys: Collection[str], driver: Performer, thumbnails: bool
) -> Seen:
    """Take the portrait of every layer whose plain side has its key among `keys`, and small images of its inputs.

    Over another field than Z/2 there are no portraits, because representatives are the kernel's; nor of clouds whose
    diagrams are computed without a matrix of distances, which representatives need.
    """
    if not are_looked_at(plan):
        return Seen()
    tasks = [
        (network.network, layer.layer, Holes(side, DRAW, plan.seed, plan.homology))
        for network in networks
        for layer in network.layers
        if (side := Side.of(plan, layer)).key in keys
    ]
    present = driver.perform("holes", [task for _network, _layer, task in tasks])
    portraits: dict[str, dict[str, str]] = {}
    for network, layer, task in tasks:
        if task.key in present:
            driver.store.read(task.key)  # the report can't make a damaged one again, a run can
            portraits.setdefault(network, {})[layer] = task.key
    return Seen(portraits, _images(plan, networks, portraits, driver) if thumbnails and portraits else {})


def _images(
    plan: Study, networks: Sequence[Extracted], portraits: Mapping[str, Mapping[str, str]], driver: Performer
) -> dict[str, str]:
    """Key of the thumbnails of every network whose inputs can be had again."""
    by_name = {network.name: network for network in plan.network}
    sources: dict[str, list[Extracted]] = {}
    for extracted in networks:
        source = _source(plan, by_name[extracted.network], extracted, driver.store)
        if source is not None and extracted.network in portraits:
            sources.setdefault(source, []).append(extracted)
    tasks: dict[str, Thumbnails] = {}
    for source, members in sources.items():
        try:
            anchor = _anchor(plan, source, members)
        except ToposcopeError as error:
            driver.fail(f"thumbnails of {source}", error)
            continue
        keys = {key for member in members for key in portraits[member.network].values()}
        tasks[source] = Thumbnails(source, plan.inputs.limit, anchor, _inputs_on(keys, driver.store))
    present = driver.perform("thumbnails", list(tasks.values()))
    for key in present:
        driver.store.read(key)
    return {
        member.network: task.key for source, task in tasks.items() if task.key in present for member in sources[source]
    }


def _source(plan: Study, network: Network, extracted: Extracted, store: Store) -> str | None:
    """The inputs that a network saw, as `load_inputs` takes them; None where nobody can say.

    Activations that were saved before belong to the plan's inputs where they name them, or share their ids as text: a
    row number alone could be anybody's.
    """
    source = plan.source_of(network)
    if source is None or network.model is not None or extracted.data == source:
        return source
    ids = read_layer(store, extracted.layers[0].key).sample_ids
    return source if ids.dtype.kind == "U" else None


def _anchor(plan: Study, source: str, members: Sequence[Extracted]) -> str:
    """What names the content of the inputs: the key of a layer that was computed from them, else their own digest."""
    for member in members:
        if {network.name: network for network in plan.network}[member.network].model is not None:
            return member.layers[0].key
    from toposcope.extract import load_inputs

    return load_inputs(source, limit=plan.inputs.limit).digest()


def _inputs_on(portraits: Collection[str], store: Store) -> tuple[str, ...]:
    """Ids of the inputs that some portrait shows, sorted."""
    return tuple(sorted({str(entry) for key in portraits for entry in Portrait.read(store, key).sample_ids.tolist()}))
