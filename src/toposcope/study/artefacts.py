"""Finding things by file name or key, and keeping a run's store tidy."""

from __future__ import annotations

import os
from pathlib import Path

from toposcope import _io
from toposcope._errors import FileError
from toposcope._types import Array
from toposcope.diagram import PersistenceDiagram
from toposcope.representation import Representation, Source, read_representation
from toposcope.store import Cleaned, Store
from toposcope.study.holes import Portrait
from toposcope.study.results import Results


def read_file(path: str | os.PathLike[str]) -> PersistenceDiagram | Representation:
    """A diagram or a representation, whichever the file holds. Raises FileError."""
    file = Path(path)
    if file.suffix == ".npz":
        arrays = _io.read_arrays(file)
        if "pairs" in arrays:
            return PersistenceDiagram.from_arrays(arrays, str(file))
    return read_representation(file)


def find(
    what: str, folder: Path | None = None
) -> PersistenceDiagram | Portrait | Representation | Results | dict[str, Array]:
    """What a file, a run's folder or an artefact's key stands for.

    A key is looked for in the store of `folder`, or of every run under `runs/`; an artefact that is no noun comes as
    its arrays. Raises FileError when there is none.
    """
    path = Path(what)
    if path.is_dir():
        return Results.read(path)
    if path.is_file():
        return read_file(path)
    folders = [folder] if folder is not None else sorted(Path("runs").glob("*"))
    for run in folders:
        store = Store(run / "store")
        if "-" in what and what in store:
            arrays = store.read(what)
            if "plane" in arrays:
                return Portrait.read(store, what)
            if "pairs" in arrays:
                return PersistenceDiagram.from_arrays(arrays, what)
            if "points" in arrays:
                source = Source.from_json(str(arrays["source"]))
                return Representation(arrays["points"], arrays["sample_ids"], arrays.get("labels"), source)
            return arrays
    raise FileError(
        f"{what} is neither a file, nor the folder of a run, nor a key in {', '.join(map(str, folders)) or 'runs/'}"
    )


def list_store(folder: Path) -> list[tuple[str, int, int, int]]:
    """(kind, artefacts, bytes, how many the results use) of a run's store. Raises FileError when there is no store."""
    store = _store_of(folder)
    used = set(Results.read(folder).artefacts) if (folder / "results.json").is_file() else set()
    kinds: dict[str, list[str]] = {}
    for key in store:
        kinds.setdefault(key.rsplit("-", 1)[0], []).append(key)
    return [
        (kind, len(keys), sum(store.size(key) for key in keys), len(used.intersection(keys)))
        for kind, keys in kinds.items()
    ]


def clean_store(folder: Path) -> Cleaned:
    """Remove what the results of a run do not use: nothing but rubbish while a run is at work there.

    Raises FileError without results.
    """
    return _store_of(folder).clean(Results.read(folder).artefacts)


def check_store(folder: Path) -> tuple[int, list[str]]:
    """Read every artefact of a run whole. Returns how many there are, and the keys of those that were damaged.

    The damaged are removed. Raises FileError when there is no store.
    """
    store = _store_of(folder)
    keys = list(store)
    return len(keys), [key for key in keys if not store.intact(key, whole=True)]


def _store_of(folder: Path) -> Store:
    if not (folder / "store").is_dir():
        raise FileError(f"{folder} has no store; give the folder of a run")
    store = Store(folder / "store")
    store.check_format()
    return store
