"""The run folder, which the training process and the background process share.

::

    DIR/monitor.json                    how to look: written once, by the training process
    DIR/checks/0000000400/check.json    a check, complete once this file is there
    DIR/checks/0000000400/PROBE/*.npz   its representations, one file per layer: what a plan calls `representations`
    DIR/checks/0000000400/signals.json  its signals, once the background process is done with it
    DIR/tables, results.json, store/    an ordinary run, written again after every check
    DIR/ledger.json, alerts.json        what the checks cost and which were skipped; early warnings
    DIR/background.log                  what the background process complained of

Every file is written whole or not at all, so that each process may be killed at any moment.
"""

from __future__ import annotations

import dataclasses
import json
import math
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from toposcope import _io
from toposcope._errors import FileError
from toposcope._types import Array
from toposcope.extract import FileNames
from toposcope.representation import Representation

SCHEMA = 1
TRAIN, VALIDATION = "train", "validation"


@dataclasses.dataclass(frozen=True)
class Check:
    """One look at the network. step: of the training. measured: what else was known then. failed: why it gave nothing.

    layers: names by probe, in order of execution. said: what `extract` warned of.
    """

    step: int
    measured: Mapping[str, float] = dataclasses.field(default_factory=dict)
    failed: str | None = None
    layers: Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    said: tuple[str, ...] = ()


def network_of(step: int, probe: str) -> str:
    """What tables call the network of a check."""
    return f"step {step}" if probe == TRAIN else f"step {step}, {probe}"


@dataclasses.dataclass(frozen=True)
class RunFolder:
    """Where everything of a monitor lies."""

    path: Path

    @property
    def log(self) -> Path:
        """Complaints of the background process."""
        return self.path / "background.log"

    def write_settings(self, settings: Mapping[str, Any]) -> None:
        """Keep how to look."""
        _io.write_json(self.path / "monitor.json", {"schema": SCHEMA, **settings})

    def settings(self) -> dict[str, Any]:
        """Read how to look. Raises FileError."""
        found = _io.read_json(self.path / "monitor.json")
        if not isinstance(found, dict) or found.get("schema") != SCHEMA:
            raise FileError(f"{self.path}/monitor.json was written by another version of toposcope; use a new folder")
        return found

    def at(self, step: int) -> Path:
        """The folder of a check."""
        return self.path / "checks" / f"{step:010d}"

    def steps(self) -> list[int]:
        """Steps of all checks that are complete, in order."""
        return sorted(int(file.parent.name) for file in self.path.glob("checks/*/check.json"))

    def write(self, check: Check, found: Mapping[str, Mapping[str, Representation]]) -> None:
        """Keep a check. found: probe → layer → representation. Raises FileError."""
        where = self.at(check.step)
        for probe, layers in found.items():
            names = FileNames()
            for layer, representation in layers.items():
                source = dataclasses.replace(representation.source, network=network_of(check.step, probe))
                arrays: dict[str, Array] = {
                    "points": representation.points,
                    "sample_ids": representation.sample_ids,
                }
                if representation.labels is not None:
                    arrays["labels"] = representation.labels
                arrays["source"] = _text(source.to_json())
                _io.write_arrays(where / probe / f"{names.of(layer)}.npz", arrays, durable=False)
        fields = {**dataclasses.asdict(check), "layers": {probe: list(layers) for probe, layers in found.items()}}
        _write(where / "check.json", fields)

    def read(self, step: int) -> Check:
        """A check. Raises FileError."""
        fields = _io.read_json(self.at(step) / "check.json")
        measured = {name: float(value) for name, value in fields["measured"].items()}
        layers = {probe: tuple(names) for probe, names in fields["layers"].items()}
        return Check(int(fields["step"]), measured, fields["failed"], layers, tuple(fields["said"]))

    def remove(self, step: int) -> None:
        """Forget a check."""
        shutil.rmtree(self.at(step), ignore_errors=True)

    def finish(self, step: int, signals: list[dict[str, Any]]) -> None:
        """Keep the signals of a check, which is thereby done."""
        _write(self.at(step) / "signals.json", signals)

    def is_finished(self, step: int) -> bool:
        """Whether the background process is done with a check."""
        return (self.at(step) / "signals.json").is_file()

    def signals(self, step: int) -> list[dict[str, Any]]:
        """The signals of a check that is done. Raises FileError."""
        return [
            {**row, **{name: float(row[name]) for name in ("value", "low", "high")}}
            for row in _io.read_json(self.at(step) / "signals.json")
        ]

    def alerts(self) -> list[str]:
        """What the last tables warn of."""
        try:
            return [str(line) for line in _io.read_json(self.path / "alerts.json")]
        except FileError:
            return []

    def write_alerts(self, alerts: list[str]) -> None:
        """Keep what the tables warn of."""
        _write(self.path / "alerts.json", alerts)

    def write_ledger(self, ledger: Mapping[str, Any]) -> None:
        """Keep what the checks cost, and which were skipped."""
        _write(self.path / "ledger.json", ledger)

    def ledger(self) -> dict[str, Any]:
        """What the checks cost, as far as it is known."""
        try:
            return dict(_io.read_json(self.path / "ledger.json"))
        except FileError:
            return {"spent": 0.0, "trained": 0.0, "share": None, "skipped": []}


def _write(path: Path, value: Any) -> None:
    """JSON, whole or not at all. Not flushed to the disk: training would wait for that."""
    text = json.dumps(_finite(value), indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False)
    with _io.atomic_write(path, durable=False) as file:
        file.write(text.encode("utf-8"))


def _text(value: str) -> Array:
    import numpy as np

    return np.array(value)


def _finite(value: Any) -> Any:
    """JSON has neither NaN nor infinity: they travel as text that `float` reads."""
    if isinstance(value, Mapping):
        return {key: _finite(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(entry) for entry in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value
