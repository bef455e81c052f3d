"""Signals to TensorBoard and to Weights & Biases, under ``topology/LAYER/SIGNAL``, at the step of their check.

A check's signals arrive when the background process has made them: at a later check, or when the monitor closes.
"""

from __future__ import annotations

import importlib
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from toposcope._errors import InputError, MissingDependencyError

PREFIX = "topology"


def to_tensorboard(writer: Any) -> TensorBoard:
    """A writer for ``TopologyMonitor(writers=[...])``. writer: a `SummaryWriter`, or a folder for one.

    Raises MissingDependencyError where a folder is given and tensorboard is not installed; InputError for another
    object.
    """
    if isinstance(writer, (str, os.PathLike)):
        try:
            module = importlib.import_module("torch.utils.tensorboard")
        except ImportError:
            raise MissingDependencyError("tensorboard", "to_tensorboard", "monitor") from None
        return TensorBoard(module.SummaryWriter(os.fspath(writer)))
    if not callable(getattr(writer, "add_scalar", None)):
        raise InputError(f"writer of type {type(writer).__name__} has no add_scalar; pass a SummaryWriter or a folder")
    return TensorBoard(writer)


def to_wandb(run: Any = None) -> WandB:
    """A writer for ``TopologyMonitor(writers=[...])``. run: what `wandb.init` gave; None is the run that is active.

    Raises MissingDependencyError without wandb, InputError where no run is active or another object is given.
    """
    if run is None:
        try:
            run = importlib.import_module("wandb").run
        except ModuleNotFoundError as error:
            if error.name != "wandb":
                raise
            raise MissingDependencyError("wandb", "to_wandb", "wandb") from None
        if run is None:
            raise InputError("no run of Weights & Biases is active; call wandb.init() first, or pass its run")
    if not (callable(getattr(run, "log", None)) and callable(getattr(run, "define_metric", None))):
        raise InputError(f"run of type {type(run).__name__} is none of Weights & Biases; pass what wandb.init() gave")
    return WandB(run)


class TensorBoard:
    """Writes through a `SummaryWriter`, which stays the caller's to close."""

    def __init__(self, writer: Any) -> None:
        self._writer = writer

    def write(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Rows of the table of signals, all of one step."""
        for name, row in _named(rows):
            self._writer.add_scalar(name, row["value"], row["step"])
        flush = getattr(self._writer, "flush", None)
        if callable(flush):
            flush()


class WandB:
    """Logs to a run, against a step of its own: a run's steps only ever grow, and signals come late."""

    def __init__(self, run: Any) -> None:
        self._run = run
        run.define_metric(f"{PREFIX}/step")
        run.define_metric(f"{PREFIX}/*", step_metric=f"{PREFIX}/step")

    def write(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Rows of the table of signals, all of one step."""
        named = {name: row["value"] for name, row in _named(rows)}
        if named:
            self._run.log({**named, f"{PREFIX}/step": rows[0]["step"]})


def _named(rows: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Names as these tools group them; what `step` was told is there already, and NaN is nothing to draw."""
    for row in rows:
        if not row["layer"] or not math.isfinite(row["value"]):
            continue
        degree = "" if row["degree"] is None else f" H{row['degree']}"
        probe = "" if row["probe"] in ("", "train") else f" {row['probe']}"
        yield f"{PREFIX}/{row['layer']}/{row['signal']}{degree}{probe}", row
