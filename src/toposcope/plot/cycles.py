"""A loop of a representation, in the plane, with the inputs that make it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from toposcope import _check
from toposcope._errors import InputError
from toposcope._types import Array, Float64, Ints
from toposcope.diagram import PersistenceDiagram
from toposcope.plot.axes import INK, QUIET, axes, colour, expect, marker
from toposcope.representation import Representation

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MOST_CLASSES = 20
"""Classes that still get a colour and shape of their own."""
_FAR = 1.28
"""How far out thumbnails stand, in units of the cloud's reach from its middle."""


def cycle(
    representation: Representation,
    diagram: PersistenceDiagram | None = None,
    rank: int = 0,
    ax: Axes | None = None,
    images: Array | Mapping[Any, Array] | None = None,
    scale: str | float | None = None,
) -> Axes:
    """The inputs around one loop: a representation in the plane of its first two principal axes, a cycle drawn in it.

    diagram: of exactly this cloud, computed with `representatives=True`; None computes it, distances divided by
    `scale`. rank: which bar of degree 1, 0 the longest (essential ones first). images: of the inputs, (n, h, w) or
    (n, h, w, 3) in the order of the rows, or by sample id; those around the loop are shown about the cloud, joined to
    their points. Labels are told apart by colour and shape.

    The loop is one representative of many (see `Representatives`), and the plane shows less than all of the distances:
    points that look near may be far. Both are said in the title, with the share of the variance that is seen.

    Raises InputError for another noun, a diagram of another cloud or without representatives, a rank that does not
    exist, and images that do not fit.
    """
    from toposcope.study.holes import principal_plane

    cloud = expect(representation, Representation, "cycle")
    place = _check.integer(rank, "rank")
    if diagram is None:
        from toposcope.rips import vietoris_rips

        diagram = vietoris_rips(cloud, scale=scale, representatives=True)
    found = expect(diagram, PersistenceDiagram, "cycle")
    loop, (birth, death) = _loop(cloud, found, place)
    pictures = _pictures(cloud, images)
    plane, explained = principal_plane(cloud.points)
    ax = axes(ax)
    _cloud(ax, plane, cloud.labels)
    closed = np.append(loop, loop[:1])
    ax.plot(plane[closed, 0], plane[closed, 1], color=INK, linewidth=1.6, zorder=4, gid="cycle")
    ax.scatter(plane[loop, 0], plane[loop, 1], s=60, facecolors="none", edgecolors=INK, linewidths=1.2, zorder=5)
    if pictures:
        _thumbnails(ax, plane, loop, [pictures.get(int(row)) for row in loop])
    until = "never dies" if np.isinf(death) else f"dies at {death:.3g}"
    ax.set_title(
        f"{cloud.name}: loop {place + 1} by length, born at {birth:.3g}, {until}\n"
        f"one representative of many, around {len(loop)} inputs; {sum(explained):.0%} of the variance seen",
        fontsize="small",
    )
    ax.set_aspect("equal", adjustable="datalim")
    ax.set_xlabel(f"first principal axis ({explained[0]:.0%})")
    ax.set_ylabel(f"second principal axis ({explained[1]:.0%})")
    return ax


def _loop(cloud: Representation, diagram: PersistenceDiagram, rank: int) -> tuple[Ints, tuple[float, float]]:
    if diagram.filtration.n_points not in (None, len(cloud)):
        raise InputError(
            f"the diagram is of {diagram.filtration.n_points} points, and the representation has {len(cloud)}; "
            "pass the diagram of exactly these points"
        )
    behind = diagram.representatives
    if behind is None:
        raise InputError("the diagram does not know its representatives; compute it with representatives=True")
    rows = np.flatnonzero(diagram.degrees == 1)
    if rank >= len(rows):
        raise InputError(f"rank={rank}: the diagram has {len(rows)} bars in degree 1, and the longest is rank 0")
    lengths = diagram.pairs[rows, 1] - diagram.pairs[rows, 0]
    row = int(rows[np.argsort(-lengths, kind="stable")[rank]])
    loop = behind.cycle(row)
    if len(loop) and int(loop.max()) >= len(cloud):
        raise InputError(f"the cycle names row {int(loop.max())} of {len(cloud)}; pass the diagram of these points")
    birth, death = diagram.pairs[row].tolist()
    return loop, (birth, death)


def _pictures(cloud: Representation, images: Array | Mapping[Any, Array] | None) -> dict[int, Array]:
    """Image of every row that has one."""
    if images is None:
        return {}
    if isinstance(images, Mapping):
        ids = cloud.sample_ids.tolist()
        by_row = {row: np.asarray(images[name]) for row, name in enumerate(ids) if name in images}
    else:
        given = np.asarray(images)
        if given.shape[:1] != (len(cloud),):
            raise InputError(f"images has shape {given.shape}, but there are {len(cloud)} points; give one per row")
        by_row = dict(enumerate(given))
    for row, image in by_row.items():
        if image.ndim not in (2, 3) or (image.ndim == 3 and image.shape[2] not in (3, 4)):
            raise InputError(f"the image of row {row} has shape {image.shape}; use (h, w), (h, w, 3) or (h, w, 4)")
    return by_row


def _cloud(ax: Axes, plane: Float64, labels: Array | None) -> None:
    if labels is None or len(np.unique(labels)) > _MOST_CLASSES:
        ax.scatter(plane[:, 0], plane[:, 1], s=16, color=QUIET, alpha=0.6, linewidths=0, zorder=2)
        return
    for place, label in enumerate(np.unique(labels)):
        some = plane[labels == label]
        ax.scatter(some[:, 0], some[:, 1], s=18, color=colour(place), marker=marker(place), alpha=0.7, linewidths=0,
                   label=str(label), zorder=2)  # fmt: skip
    ax.legend(frameon=False, fontsize="x-small", loc="upper left", bbox_to_anchor=(1.0, 1.0), title="class")


def _thumbnails(ax: Axes, plane: Float64, loop: Ints, pictures: list[Array | None]) -> None:
    """Images on a circle about the cloud, in the order of the cycle, turned so that each is near its point."""
    from matplotlib.offsetbox import AnnotationBbox, OffsetImage

    middle = (plane.max(axis=0) + plane.min(axis=0)) / 2
    reach = float(np.linalg.norm(plane - middle, axis=1).max()) * _FAR
    at = plane[loop] - plane[loop].mean(axis=0)
    angles = np.arctan2(at[:, 1], at[:, 0])
    turning = np.sign(np.sum(np.sin(np.diff(np.append(angles, angles[0]))))) or 1.0
    even = turning * 2 * np.pi * np.arange(len(loop)) / len(loop)
    even = even + np.angle(np.exp(1j * (angles - even)).sum())
    for row, angle, picture in zip(loop, even, pictures, strict=True):
        if picture is None:
            continue
        where = middle + reach * np.array([np.cos(angle), np.sin(angle)])
        image = OffsetImage(picture, zoom=26 / max(picture.shape[:2]), cmap="gray_r" if picture.ndim == 2 else None)
        ax.add_artist(
            AnnotationBbox(
                image,
                (float(plane[row, 0]), float(plane[row, 1])),
                xybox=(float(where[0]), float(where[1])),
                xycoords="data",
                boxcoords="data",
                pad=0.1,
                bboxprops={"edgecolor": QUIET, "linewidth": 0.6},
                arrowprops={"arrowstyle": "-", "color": QUIET, "linewidth": 0.6},
                zorder=6,
            )
        )
    ax.update_datalim(middle + reach * 1.12 * np.array([[-1, -1], [1, 1]]))
    ax.autoscale_view()
