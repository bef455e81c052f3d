"""From bars to inputs: the first draw of each layer, packed for the page within a budget of bytes, and its images.

A layer is the number of its cloud (inputs, classes, images, shared by all layers that drew the same inputs), its plane,
its merges, and its longest bars with the rows of the cloud that make them.
"""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from toposcope._errors import ToposcopeError
from toposcope._types import Array, Float64
from toposcope.report.markup import plain, script_json
from toposcope.report.numbers import packed
from toposcope.study.holes import HIGHEST, Portrait, read_texts, read_thumbnails

if TYPE_CHECKING:
    from toposcope.study.results import Results

LONGEST = (0, 24, 12)
"""How many of the longest bars of each degree come with their inputs. Of degree 0 every merge is there."""
LAYER_BYTES = 2_600_000
"""What the portraits of layers may weigh; layers of the largest effects come first."""
IMAGE_BYTES = 2_000_000
"""What images may weigh, and texts too; inputs on the longest bars come first."""
LARGEST_CLOUD = 65_535
"""Rows of a cloud are 16-bit numbers in the page."""


@dataclasses.dataclass(frozen=True)
class Missing:
    """What the view does not hold. bars: longest bars kept and bars in all, of degrees 1 and 2. why: of no view."""

    kept: int = 0
    bars: int = 0
    layers: int = 0
    images: int = 0
    shown: int = 0
    why: str = ""


def holes(
    results: Results, layers: Sequence[tuple[str, str]], order: Sequence[int], top: float, levels: int, thumbnails: bool
) -> tuple[dict[str, Any] | None, Missing]:
    """Portraits of the layers, and what was left out.

    layers: (network, layer) by number. order: their numbers, those that matter most first. top, levels: filtration
    values are whole `levels` of `top`, as in the diagrams; levels + 1 is infinity.
    """
    read = dict(_portraits(results, layers, order))
    if not read:
        return None, Missing(why=_why(results))
    clouds: dict[tuple[str, ...], int] = {}
    held: list[dict[str, Any]] = []
    made: dict[int, dict[str, Any]] = {}
    spent = kept = bars = 0
    for i, portrait in read.items():
        cloud = _cloud(portrait)
        name = (results.seen.thumbnails.get(layers[i][0], ""), script_json(cloud))
        entry = {"cloud": clouds.get(name, len(held)), **_layer(portrait, top, levels)}
        cost = len(script_json(entry)) + (0 if name in clouds else len(name[1]))
        if made and spent + cost > LAYER_BYTES:
            continue
        spent += cost
        if name not in clouds:
            clouds[name] = len(held)
            held.append({**cloud, "ids_of": portrait.sample_ids, "thumbnails": name[0]})
        made[i] = entry
        kept += len(entry["bars"])
        bars += sum(len(portrait.diagram.in_degree(k)) for k in range(1, HIGHEST + 1))
    images, wanting = _images(results, held, made, thumbnails)
    wanting += _texts(results, held, made, thumbnails)
    value = {
        "clouds": [{key: cloud[key] for key in ("ids", "classes", "labels", "images", "texts")} for cloud in held],
        "layers": [made.get(i) for i in range(len(layers))],
        "images": images,
    }
    return value, Missing(kept, bars, len(read) - len(made), wanting, len(images))


def _why(results: Results) -> str:
    field = results.plan.homology.field
    if field != 2:
        return f"the inputs behind bars are known for coefficients in Z/2, and this run used Z/{field}"
    if any(results.seen.portraits.values()):
        return "the run’s store is gone"
    return "this run kept none; run the study again in the same folder, and only they are made"


def _portraits(
    results: Results, layers: Sequence[tuple[str, str]], order: Sequence[int]
) -> Iterator[tuple[int, Portrait]]:
    for i in order:
        key = results.seen.portraits.get(layers[i][0], {}).get(layers[i][1])
        if key is None:
            continue
        try:
            portrait = Portrait.read(results.store, key)
        except ToposcopeError:
            continue
        if len(portrait.sample_ids) <= LARGEST_CLOUD:
            yield i, portrait


def _cloud(portrait: Portrait) -> dict[str, Any]:
    """Inputs by name, and the number of each one's class; -1 where nothing is known."""
    numbered = "row " if portrait.sample_ids.dtype.kind in "iu" else ""
    ids = [numbered + plain(entry) for entry in portrait.sample_ids.tolist()]
    if portrait.labels is None:
        return {"ids": ids, "classes": [], "labels": []}
    classes, labels = np.unique(portrait.labels, return_inverse=True)
    return {"ids": ids, "classes": [plain(name) for name in classes.tolist()], "labels": labels.tolist()}


def _layer(portrait: Portrait, top: float, levels: int) -> dict[str, Any]:
    behind = portrait.diagram.representatives
    assert behind is not None
    bars = []
    counts = []
    for degree in range(1, HIGHEST + 1):
        rows = np.flatnonzero(portrait.diagram.degrees == degree)
        counts.append(len(rows))
        lengths = portrait.diagram.pairs[rows, 1] - portrait.diagram.pairs[rows, 0]
        for row in rows[np.argsort(-lengths, kind="stable")[: LONGEST[degree]]].tolist():
            birth, death = levels_of(portrait.diagram.pairs[row], top, levels).tolist()
            parts = behind.birth_simplex(row), behind.death_simplex(row), behind.cycle(row)
            bars.append([degree, birth, death, *(part.tolist() for part in parts)])
    low, high = portrait.plane.min(axis=0), portrait.plane.max(axis=0)
    span = float((high - low).max()) or 1.0
    return {
        "plane": words(np.rint((portrait.plane - low) / span * levels)),
        "sides": [packed(side) for side in (high - low) / span],
        "explained": [packed(share, 3) for share in portrait.explained],
        "merges": words(behind.merges),
        "heights": words(levels_of(portrait.heights, top, levels)),
        "bars": bars,
        "of": counts,
    }


def levels_of(values: Float64, top: float, levels: int) -> Array:
    """Filtration values as whole levels of `top`; levels + 1 is infinity."""
    found = np.full(values.shape, levels + 1, dtype=np.int64)
    finite = np.isfinite(values)
    found[finite] = np.rint(np.clip(values[finite] / top, 0, 1) * levels)
    return found


def words(numbers: Array) -> str:
    """Whole numbers below 65,536, row by row, as base64 of 16-bit words, the lower byte first."""
    return base64.b64encode(numbers.astype("<u2").tobytes()).decode("ascii")


def _images(
    results: Results, clouds: list[dict[str, Any]], layers: Mapping[int, Mapping[str, Any]], thumbnails: bool
) -> tuple[list[str], int]:
    """Data URIs, and for each cloud the number of every row's image (-1: none). Also how many did not fit."""
    for cloud in clouds:
        cloud["images"] = [-1] * len(cloud["ids"])
    if not thumbnails:
        return [], 0
    pixels: dict[str, Mapping[str, Array]] = {}
    for key in {cloud["thumbnails"] for cloud in clouds} - {""}:
        try:
            pixels[key] = read_thumbnails(results.store, key)
        except ToposcopeError:
            continue
    images: list[str] = []
    places: dict[tuple[str, str], int] = {}
    spent = wanting = 0
    for number, row in dict.fromkeys(_rows(clouds, layers)):
        cloud = clouds[number]
        name = (cloud["thumbnails"], str(cloud["ids_of"][row]))
        if name not in places:
            known = pixels.get(name[0], {}).get(name[1])
            if known is None:
                continue
            uri = data_uri(known)
            if spent + len(uri) > IMAGE_BYTES:
                wanting += 1
                continue
            spent += len(uri)
            places[name] = len(images)
            images.append(uri)
        cloud["images"][row] = places[name]
    return images, wanting


def _texts(
    results: Results, clouds: list[dict[str, Any]], layers: Mapping[int, Mapping[str, Any]], thumbnails: bool
) -> int:
    """Give each cloud what its rows say ("": nothing is known). Returns how many did not fit."""
    said: dict[str, Mapping[str, str]] = {}
    for key in {cloud["thumbnails"] for cloud in clouds} - {""} if thumbnails else ():
        with contextlib.suppress(ToposcopeError):
            said[key] = read_texts(results.store, key)
    spent = wanting = 0
    for cloud in clouds:
        cloud["texts"] = [""] * len(cloud["ids"]) if said.get(cloud["thumbnails"]) else []
    for number, row in dict.fromkeys(_rows(clouds, layers)):
        cloud = clouds[number]
        text = plain(said.get(cloud["thumbnails"], {}).get(str(cloud["ids_of"][row]), ""))
        if not text:
            continue
        spent += len(script_json(text))
        if spent > IMAGE_BYTES:
            wanting += 1
            continue
        cloud["texts"][row] = text
    return wanting


def _rows(clouds: Sequence[Mapping[str, Any]], layers: Mapping[int, Mapping[str, Any]]) -> Iterable[tuple[int, int]]:
    """(cloud, row) of every input: those on the longest bars of the first layers, then the others."""
    for entry in layers.values():
        for _degree, _birth, _death, born, died, cycle in entry["bars"]:
            yield from ((entry["cloud"], row) for row in (*cycle, *born, *died))
    for number, cloud in enumerate(clouds):
        yield from ((number, row) for row in range(len(cloud["ids"])))


def data_uri(pixels: Array) -> str:
    """(s, s, 3) uint8 pixels as a data URI: PNG or JPEG, whichever is smaller. Grey stays grey."""
    from PIL import Image

    picture = Image.fromarray(np.ascontiguousarray(pixels))
    if (pixels == pixels[..., :1]).all():
        picture = picture.convert("L")
    found = []
    for kind, options in (("png", {"optimize": True}), ("jpeg", {"quality": 80, "optimize": True})):
        file = io.BytesIO()
        picture.save(file, kind, **options)
        found.append((len(file.getvalue()), kind, file.getvalue()))
    _size, kind, content = min(found)
    return f"data:image/{kind};base64,{base64.b64encode(content).decode('ascii')}"
