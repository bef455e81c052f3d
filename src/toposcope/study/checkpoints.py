"""`checkpoints` of a `[[network]]`: one block that stands for the networks of many files of weights."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

KEY = "checkpoints"
_NUMBER = re.compile(r"(\d+(?:\.\d+)?)")


def spelled_out(blocks: Any) -> Any:
    """The blocks of `[[network]]`, each one with `checkpoints` replaced by one for every file that it names.

    Raises ValueError, in one line that says how to mend it. What is no list of tables is left for others to refuse.
    """
    if not isinstance(blocks, Sequence) or isinstance(blocks, str):
        return blocks
    found: list[Any] = []
    for block in blocks:
        found += _networks(block) if isinstance(block, Mapping) and KEY in block else [block]
    return found


def _networks(block: Mapping[str, Any]) -> list[dict[str, Any]]:
    name, model = block.get("name"), block.get("model")
    whose = f"network {name!r}"
    if not isinstance(name, str) or not isinstance(model, str):
        raise ValueError(f"{whose}: `checkpoints` needs a `name` and the `model` that they are weights of")
    if "@" in model or model.startswith("onnx:"):
        raise ValueError(f"{whose}: model {model!r} has weights of its own; with `checkpoints` name the model alone")
    if "step" in block:
        raise ValueError(f"{whose}: with `checkpoints` the names of the files tell the steps; leave `step` out")
    files = _files(block[KEY], whose)
    steps = _steps(files, whose)
    if steps is not None:
        files = [file for _step, file in sorted(zip(steps, files, strict=True))]
        steps = sorted(steps)
    shared = {"family": name} | {key: value for key, value in block.items() if key != KEY}
    return [
        shared
        | {"name": f"{name} {Path(file).stem if steps is None else f'{steps[k]:.15g}'}", "model": f"{model}@{file}"}
        | ({} if steps is None else {"step": steps[k]})
        for k, file in enumerate(files)
    ]


def _files(value: Any, whose: str) -> list[str]:
    """The files of a glob, or of a list of files and globs, each once."""
    entries = [value] if isinstance(value, str) else value
    if not isinstance(entries, Sequence) or not entries or not all(isinstance(entry, str) for entry in entries):
        raise ValueError(f"{whose}: `checkpoints` is a glob, or a list of files, not {value!r}")
    files: dict[str, None] = {}
    missing = []
    for entry in entries:
        matching = [entry] if os.path.isfile(entry) else []
        if not matching and glob.has_magic(entry):
            matching = sorted(file for file in glob.glob(entry) if os.path.isfile(file))
        if not matching:
            missing.append(entry)
        files |= dict.fromkeys(matching)
    if missing:
        more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
        raise ValueError(
            f"{whose}: `checkpoints`: there is no file {', '.join(map(repr, missing[:3]))}{more}; check the names, "
            "which are relative to the folder that the program runs in"
        )
    return list(files)


def _steps(files: Sequence[str], whose: str) -> list[float] | None:
    """The number in which the paths differ: of several the last one that no two share. None: they have no numbers.

    Raises ValueError where they differ in other ways, because then nobody can say which came first.
    """
    if len(files) == 1:
        numbers = _NUMBER.findall(Path(files[0]).stem)
        return [float(numbers[-1])] if numbers else None
    parts = [_NUMBER.split(file) for file in files]
    if len({tuple(one[::2]) for one in parts}) == 1:
        for place in range(len(parts[0]) - 2, 0, -2):
            steps = [float(one[place]) for one in parts]
            if len(set(steps)) == len(steps):
                return steps
    elif not any(_NUMBER.search(Path(file).stem) for file in files):
        return None
    raise ValueError(
        f"{whose}: the names {files[0]!r} and {files[1]!r} do not tell the steps; `checkpoints` are files whose names "
        "differ in one number, or have none: give every training a [[network]] of its own, and others their own `step`"
    )
