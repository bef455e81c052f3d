"""One activation → one vector per input (or per token, or per pixel), and the words that say how."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from toposcope import _check
from toposcope._errors import InputError

if TYPE_CHECKING:
    import torch

REDUCTIONS = ("auto", "flatten", "mean", "max", "cls", "last", "tokens", "pixels")


@dataclasses.dataclass(frozen=True, eq=False)
class Reduced:
    """rows: (m, d) tensor, float32 or float64. how: in words. per_input: (n,) rows each; None: one."""

    rows: torch.Tensor
    how: str
    per_input: torch.Tensor | None = None


def check_reduction(how: object) -> str:
    """`how` if it is a reduction: one of REDUCTIONS or ``spatial:k``. Raises InputError."""
    if isinstance(how, str) and how.startswith("spatial:"):
        count = how.partition(":")[2]
        if not count.isdecimal() or int(count) < 1:
            raise InputError(f"reduce={how!r}: k in spatial:k must be a whole number of at least 1")
        return how
    return (
        _check.choice(how, (*REDUCTIONS, "spatial:k"), "reduce") if how != "spatial:k" else check_reduction("spatial:")
    )


def first_tensor(output: Any) -> tuple[torch.Tensor | None, str]:
    """The tensor in what a module returned, and where it was: '', "item 0 of a tuple", "'logits' of …"."""
    import torch

    if isinstance(output, torch.Tensor):
        return output, ""
    kind = type(output).__name__
    fields: dict[Any, Any] = {}
    if isinstance(output, Mapping):
        fields = dict(output)
    elif hasattr(output, "_asdict"):
        fields = output._asdict()
    elif isinstance(output, (tuple, list)):
        fields = dict(enumerate(output))
    elif dataclasses.is_dataclass(output):
        fields = {field.name: getattr(output, field.name) for field in dataclasses.fields(output)}
    for key in sorted(fields, key=lambda key: key != "logits"):  # logits first, the others in their order
        tensor, where = first_tensor(fields[key])
        if tensor is not None:
            place = f"item {key} of a {kind}" if isinstance(key, int) else f"{key!r} of {kind}"
            return tensor, f"{where} in {place}" if where else place
    return None, ""


def positions(shape: tuple[int, ...], channels_last: bool) -> tuple[tuple[int, ...], int]:
    """Of one input's activation: the sizes of its axes of positions, and its number of channels."""
    if len(shape) < 2:
        return (), shape[0] if shape else 1
    return (shape[:-1], shape[-1]) if channels_last else (shape[1:], shape[0])


def reduce_activation(
    activation: torch.Tensor, how: str, *, channels_last: bool, class_token: bool, mask: torch.Tensor | None, layer: str
) -> Reduced:
    """Reduce (n, ...) to (n, d), or to one row per token or position.

    activation: a vector (n, d), tokens (n, t, d), or channels and positions (n, c, h, w), (n, h, w, c) where
    `channels_last`; any number of axes. class_token: whether the first token is one. mask: (n, t), 0 at padding.
    Vectors stay as they are. Half precision is added up in float32. Rows may share the activation's memory: copy them
    before the network goes on.

    Raises InputError where the reduction asks for tokens or positions that the activation doesn't have.
    """
    import torch

    x = activation.detach()
    wide = torch.float64 if x.dtype == torch.float64 else torch.float32
    n = len(x)
    if x.ndim <= 2:
        return Reduced(x.reshape(n, -1).to(wide), "vector as it is")
    grid, _ = positions(tuple(x.shape[1:]), channels_last)
    tokens = x.ndim == 3 and channels_last
    size = "×".join(map(str, grid))
    what = f"{size} tokens" if tokens else f"{size} positions"
    if mask is not None:
        mask = mask.to(x.device).bool() if tokens and tuple(mask.shape) == (n, x.shape[1]) else None
    if how == "auto":
        how = "cls" if tokens and class_token else "mean"

    if how == "flatten":
        return Reduced(x.reshape(n, -1).to(wide), "flattened from " + "×".join(map(str, x.shape[1:])))
    if how in ("cls", "last") and not tokens:
        raise InputError(_misfit(how, "tokens (n, t, d)", layer, x, "mean"))
    if how == "cls":
        told = f"CLS token of {size}" if class_token else f"first of {size} tokens, which is no class token"
        return Reduced(x[:, 0].to(wide), told)
    if how == "last":
        if mask is None:
            return Reduced(x[:, -1].to(wide), f"last of {size} tokens")
        last = mask.shape[1] - 1 - mask.flip(1).int().argmax(1)
        rows = x[torch.arange(n, device=x.device), last]
        return Reduced(rows.to(wide), f"last unmasked of {size} tokens")

    axes = tuple(range(1, x.ndim - 1)) if channels_last else tuple(range(2, x.ndim))
    if how == "mean":
        if mask is None:
            return Reduced(x.mean(axes, dtype=wide), f"mean over {what}")
        weights = mask.to(wide) / mask.sum(1, keepdim=True).clamp(min=1)
        # Masked by hand first: 0 · inf of a padded token would be NaN.
        kept = x.to(wide).masked_fill(~mask[:, :, None], 0)
        return Reduced(torch.bmm(weights[:, None, :], kept)[:, 0], f"masked mean over {what}")
    if how == "max":
        if mask is None:
            return Reduced(x.amax(axes).to(wide), f"maximum over {what}")
        return Reduced(x.to(wide).masked_fill(~mask[:, :, None], -math.inf).amax(1), f"masked maximum over {what}")

    by_position = (x if channels_last else x.movedim(1, -1)).flatten(1, -2)  # (n, positions, channels)
    if how.startswith("spatial:"):
        count = int(how.partition(":")[2])
        if count > by_position.shape[1]:
            raise InputError(f"reduce={how!r}: layer {layer} has only {what}; use a smaller k, or 'flatten'")
        chosen = by_position[:, fixed_positions(grid, count)].reshape(n, -1)
        return Reduced(chosen.to(wide), f"{count} fixed positions of {size}, concatenated")
    if (how == "tokens") != tokens:
        asked = "tokens (n, t, d)" if how == "tokens" else "positions (n, c, h, w)"
        raise InputError(_misfit(how, asked, layer, x, "pixels" if how == "tokens" else "tokens"))
    # The census of tokens counts a class token apart, and reads here that there is one.
    first = ", class token first" if tokens and class_token else ""
    if mask is not None:
        return Reduced(by_position[mask].to(wide), f"one row per unmasked token of {size}{first}", mask.sum(1))
    rows = by_position.reshape(-1, by_position.shape[-1]).to(wide)
    per_input = torch.full((n,), by_position.shape[1])
    return Reduced(rows, f"one row per {'token' if tokens else 'position'}, {size} per input{first}", per_input)


def fixed_positions(grid: tuple[int, ...], count: int) -> list[int]:
    """`count` distinct positions of a grid, spread evenly, the same ones every time; the first is the middle.

    The additive recurrence R_d (M. Roberts, "The unreasonable effectiveness of quasirandom sequences", 2018).
    """
    phi = 2.0
    for _ in range(32):
        phi = (1 + phi) ** (1 / (len(grid) + 1))
    found: dict[int, None] = {}
    step = 0
    while len(found) < count:
        index = 0
        for axis, length in enumerate(grid):
            index = index * length + int((0.5 + step * phi ** -(axis + 1)) % 1.0 * length)
        found[index] = None
        step += 1
    return list(found)


def _misfit(how: str, needed: str, layer: str, x: torch.Tensor, instead: str) -> str:
    return (
        f"reduce={how!r} needs {needed}, but layer {layer} gives {tuple(x.shape)}; "
        f"use {instead!r} there, with reduce={{pattern: reduction}}"
    )
