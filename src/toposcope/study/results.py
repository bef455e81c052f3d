"""Results: what a run made of a plan. Tidy tables, the diagrams behind them, findings, and where it all came from."""

from __future__ import annotations

import dataclasses
import os
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toposcope import _io
from toposcope._errors import FileError, InputError, close_names
from toposcope.diagram import PersistenceDiagram
from toposcope.store import Store
from toposcope.study.columns import COLUMNS, NUMBERS
from toposcope.study.holes import Portrait, Seen
from toposcope.study.plan import Study

if TYPE_CHECKING:
    import pandas as pd

SCHEMA = 3


@dataclasses.dataclass(frozen=True)
class Failure:
    """A task that failed, and what it said."""

    title: str
    message: str


@dataclasses.dataclass(frozen=True, eq=False)
class Results:
    """The outcome of `ts.run`.

    plan: the Study. tables: name → pandas DataFrame (see `toposcope.study.columns.COLUMNS`). findings: sentences
    computed from the tables, the headline first. warnings: everything a reader has to know. failed: tasks that failed.
    provenance: versions, machine, seeds, times, command. keys: artefact of every diagram, by network, layer, draw.
    artefacts: keys of everything the run was made from. folder: where all of it is. seen: keys of portraits and images.
    controls: keys of the diagrams of control clouds, by what tables call the clouds, then as `keys`.
    stamp: what decided all this; a run with the same stamp would give the same.
    kept: read as an earlier run left it, because there was nothing to do.
    """

    plan: Study
    tables: Mapping[str, pd.DataFrame]
    findings: tuple[str, ...]
    warnings: tuple[str, ...]
    failed: tuple[Failure, ...]
    provenance: Mapping[str, Any]
    keys: Mapping[str, Mapping[str, tuple[str, ...]]]
    artefacts: tuple[str, ...]
    folder: Path
    seen: Seen = dataclasses.field(default_factory=Seen)
    controls: Mapping[str, Mapping[str, Mapping[str, tuple[str, ...]]]] = dataclasses.field(default_factory=dict)
    stamp: str | None = None
    kept: bool = False

    @property
    def headline(self) -> str:
        """The first finding."""
        return (
            self.findings[0]
            if self.findings
            else "Nothing was tested: the plan compares no layers, or has too few draws."
        )

    def _repr_html_(self) -> str:
        """For notebooks: findings, warnings, failures, and what tables there are."""
        from toposcope import _html

        rows = [(name, len(table)) for name, table in self.tables.items() if len(table)]
        said = [*self.warnings, *(f"failed: {failure.title}: {failure.message}" for failure in self.failed)]
        return _html.card(
            self.headline,
            _html.listed(self.findings[1:]),
            _html.table(["table", "rows"], rows),
            _html.listed(said),
            _html.facts({"folder": self.folder, "plan": f"{self.plan.name} ({self.plan.recipe})"}),
        )

    @property
    def store(self) -> Store:
        """The artefacts of this run."""
        return Store(self.folder / "store")

    def diagram(self, network: str, layer: str, draw: int = 0, clouds: str = "plain") -> PersistenceDiagram:
        """The diagram of one draw of one layer, or of its control: "Gaussian control", "shuffled control".

        Raises InputError for an unknown name, FileError when it is gone.
        """
        kinds = {"plain": self.keys, **self.controls}
        if clouds not in kinds:
            raise InputError(
                f"there are no clouds {clouds!r} in this run, only {', '.join(kinds)}; name others in [controls] clouds"
            )
        if network not in kinds[clouds]:
            raise InputError(f"there is no network {network!r}{close_names(network, kinds[clouds])}")
        layers = kinds[clouds][network]
        if layer not in layers:
            raise InputError(f"network {network!r} has no layer {layer!r}{close_names(layer, layers)}")
        if not 0 <= draw < len(layers[layer]):
            raise InputError(f"{network} / {layer} has {len(layers[layer])} draws, numbered from 0; there is no {draw}")
        return PersistenceDiagram.from_arrays(self.store.read(layers[layer][draw]))

    def portrait(self, network: str, layer: str) -> Portrait:
        """The first draw of a layer with the inputs behind its bars.

        Raises InputError for an unknown name or a layer without one, FileError when it is gone.
        """
        self.diagram(network, layer)
        key = self.seen.portraits.get(network, {}).get(layer)
        if key is None:
            raise InputError(
                f"no portrait of {network} / {layer} was made: run the study again to add it (coefficients in Z/2 only)"
            )
        return Portrait.read(self.store, key)

    def write(self) -> None:
        """Write `tables/*.csv`, `study.json` and `results.json` into the folder, each atomically."""
        for name, table in self.tables.items():
            _io.write_text(self.folder / "tables" / f"{name}.csv", table.to_csv(index=False, lineterminator="\n"))
        _io.write_json(
            self.folder / "results.json",
            {
                "schema": SCHEMA,
                "plan": self.plan.to_json(),
                "findings": self.findings,
                "warnings": self.warnings,
                "failed": [dataclasses.asdict(failure) for failure in self.failed],
                "provenance": dict(self.provenance),
                "keys": self.keys,
                "artefacts": self.artefacts,
                "seen": dataclasses.asdict(self.seen),
                "stamp": self.stamp,
                "controls": self.controls,
            },
        )

    @classmethod
    def read(cls, folder: str | os.PathLike[str]) -> Results:
        """Read the results of a run from its folder. Raises FileError when it holds none, or of another version."""
        where = Path(folder)
        if not (where / "results.json").is_file():
            raise FileError(f"{where} holds no results.json; give the folder of a run that finished")
        fields = _io.read_json(where / "results.json")
        if not isinstance(fields, dict) or fields.get("schema") != SCHEMA:
            raise FileError(f"{where}/results.json was written by another version of toposcope; run the study again")
        for name in COLUMNS:
            if not (where / "tables" / f"{name}.csv").is_file():
                raise FileError(f"there is no {where}/tables/{name}.csv; run the study again")
        return cls(
            plan=Study.from_json(fields["plan"], str(where)),
            tables=_Tables(where / "tables"),
            findings=tuple(fields["findings"]),
            warnings=tuple(fields["warnings"]),
            failed=tuple(Failure(**failure) for failure in fields["failed"]),
            provenance=fields["provenance"],
            keys={
                network: {layer: tuple(keys) for layer, keys in layers.items()}
                for network, layers in fields["keys"].items()
            },
            artefacts=tuple(fields["artefacts"]),
            folder=where,
            seen=Seen(**fields.get("seen", {})),
            stamp=fields.get("stamp"),
            controls={
                kind: {
                    network: {layer: tuple(keys) for layer, keys in layers.items()}
                    for network, layers in networks.items()
                }
                for kind, networks in fields.get("controls", {}).items()
            },
        )


class _Tables(Mapping[str, "pd.DataFrame"]):
    """Tables of a finished run, each read when it is asked for. Raises FileError for one that cannot be read."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._read: dict[str, pd.DataFrame] = {}

    def __getitem__(self, name: str) -> pd.DataFrame:
        if name not in self._read:
            path = self._folder / f"{name}.csv"
            try:
                self._read[name] = _read_table(path, COLUMNS[name])
            except (OSError, ValueError) as error:
                raise FileError(f"cannot read {path}: {error}; run the study again") from error
        return self._read[name]

    def __iter__(self) -> Iterator[str]:
        return iter(COLUMNS)

    def __len__(self) -> int:
        return len(COLUMNS)


def _read_table(path: Path, columns: list[str]) -> pd.DataFrame:
    """A table with every float and every name as it was written."""
    import pandas as pd

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # newer pandas always reads floats so
        return pd.read_csv(
            path,
            dtype={name: str for name in columns if name not in NUMBERS},
            keep_default_na=False,
            na_values=[""],
            float_precision="round_trip",
        )
