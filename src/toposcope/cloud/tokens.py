"""Tokens of outsized norm in a representation of tokens, the class token apart.

Trained transformers hold a few patch tokens whose norm is many times that of the others, and keep what concerns the
whole image in them: they serve as registers (Darcet et al. 2024, "Vision transformers need registers"). A class token
does that by design, so it is counted apart.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from numpy.typing import NDArray

from toposcope import _check
from toposcope._errors import InputError
from toposcope._types import Array, Ints
from toposcope.representation import Representation

CLASS_FIRST = "class token first"
"""How the reduction of a source ends where the first token of every input is a class token."""

NORMAL_RATE = 0.00023
"""Share of values that a normal law has more than 3.5 standard deviations above its median."""


@dataclasses.dataclass(frozen=True, eq=False)
class TokenOutliers:
    """Which rows of a representation of tokens stand out by their norm.

    outliers: (n,) patch tokens of outsized norm; `take(~outliers)` leaves them out. class_tokens: (n,) the first row of
    every input, where that is a class token. share: of the patch tokens. inputs: share of inputs that have one. norm:
    their median norm over the median of all patch tokens; NaN without any. class_norm: the same of the class tokens.
    place: share of the outliers that stand at the most frequent place in the sequence; near 1 for a register that is a
    token of its own, low for patches that serve as one.
    """

    outliers: NDArray[np.bool_]
    class_tokens: NDArray[np.bool_]
    share: float
    inputs: float
    norm: float
    class_norm: float
    place: float

    def __repr__(self) -> str:
        return f"<TokenOutliers {self.share:.2%} of patch tokens, in {self.inputs:.0%} of inputs>"


def token_outliers(
    representation: Representation, threshold: float = 3.5, class_token: bool | None = None
) -> TokenOutliers:
    """Patch tokens whose norm lies far above that of the others: robust z = (norm - median) / (1.4826 MAD) > threshold.

    representation: of tokens (`reduce="tokens"`): an input's rows stand in the order of its tokens. Median and MAD are
    those of the patch tokens, all inputs together. class_token: whether the first token of every input is a class
    token, which is left out and described apart; None reads it from `source.reduction`, as `extract` writes it.
    Explicit register tokens, which some networks have after the class token, count as patch tokens and show in `place`.

    Raises InputError for a representation with one row per input.
    """
    limit = _check.real(threshold, "threshold", above=0.0)
    place = token_places(representation.sample_ids)
    if len(place) == 0 or place.max() == 0:
        raise InputError(f"{representation.name} has one row per input, not its tokens; extract with reduce='tokens'")
    first = has_class_token(representation.source.reduction) if class_token is None else class_token
    classes = np.asarray((place == 0) & first, dtype=np.bool_)
    norms = np.linalg.norm(representation.points.astype(np.float64), axis=1)
    patches = norms[~classes]
    if len(patches) == 0:
        raise InputError(f"{representation.name} has class tokens alone; extract all tokens with reduce='tokens'")
    middle = float(np.median(patches))
    spread = 1.4826 * float(np.median(np.abs(patches - middle)))
    far = np.asarray(~classes & (norms - middle > max(limit * spread, 1e-12 * float(norms.max()))), dtype=np.bool_)

    def over_patches(rows: NDArray[np.bool_]) -> float:
        return float(np.median(norms[rows])) / middle if rows.any() and middle > 0 else math.nan

    return TokenOutliers(
        outliers=far,
        class_tokens=classes,
        share=float(far.sum() / len(patches)),
        inputs=len(np.unique(representation.sample_ids[far])) / len(np.unique(representation.sample_ids)),
        norm=over_patches(far),
        class_norm=over_patches(classes),
        place=float(np.bincount(place[far]).max() / far.sum()) if far.any() else math.nan,
    )


def has_class_token(reduction: str | None) -> bool:
    """Whether a source's reduction says that the first row of every input is a class token."""
    return reduction is not None and reduction.endswith(CLASS_FIRST)


def token_places(sample_ids: Array) -> Ints:
    """(n,) place of every row among the rows of its input, from 0."""
    _ids, inverse = np.unique(sample_ids, return_inverse=True)
    grouped = np.argsort(inverse, kind="stable")
    starts = np.searchsorted(inverse[grouped], np.arange(inverse.max(initial=-1) + 1))
    place = np.empty(len(inverse), dtype=np.int64)
    place[grouped] = np.arange(len(inverse)) - starts[inverse[grouped]]
    return place
