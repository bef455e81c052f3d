"""Weights from a file: nothing here unpickles or runs code that came with them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toposcope._errors import FileError, InputError, one_line
from toposcope.extract.network import bare
from toposcope.extract.packages import import_package, quiet

if TYPE_CHECKING:
    import torch


WRAPPERS = ("state_dict", "model_state_dict", "model")
PREFIXES = ("module.", "_orig_mod.", "model.")
SAME = "is it the same architecture?"


def load_weights(module: torch.nn.Module, path: str, spec: str) -> None:
    """Load a state dict from `.safetensors` or from what torch.save wrote, tensors only.

    A dict under 'state_dict' or 'model' and the prefixes of DataParallel, torch.compile and Lightning are seen through.
    Raises FileError when the file cannot be read and InputError when it doesn't fit the module.
    """
    state = read_state(Path(path))
    own = tuple(module.state_dict())
    state = unprefixed(state, [prefix for prefix in PREFIXES if not any(key.startswith(prefix) for key in own)])
    try:
        missing, unexpected = module.load_state_dict(state, strict=False)
    except RuntimeError as error:
        raise InputError(f"{path} doesn't fit {bare(spec)}: {one_line(error, 300)}; {SAME}") from None
    check_fit(missing, unexpected, path, spec)


def unprefixed(state: dict[str, Any], prefixes: Sequence[str]) -> dict[str, Any]:
    """A state dict without those of `prefixes` that all its names have."""
    for prefix in [*prefixes, *prefixes]:  # wrapped twice, in either order
        if all(key.startswith(prefix) for key in state):
            state = {key.removeprefix(prefix): value for key, value in state.items()}
    return state


def check_fit(missing: Iterable[str], unexpected: Iterable[str], path: str, spec: str) -> None:
    """Raise InputError when a state dict and a network don't have the same names."""
    named = (("missing", sorted(missing)), ("unexpected", sorted(unexpected)))
    told = [f"{kind} {some(keys)}" for kind, keys in named if keys]
    if told:
        raise InputError(f"{path} doesn't fit {bare(spec)}: {'; '.join(told)}; {SAME}")


def some(keys: list[str], most: int = 3) -> str:
    """The first few names, and how many more there are."""
    return ", ".join(keys[:most]) + (f" and {len(keys) - most} more" if len(keys) > most else "")


def read_state(path: Path) -> dict[str, Any]:
    """The state dict in a file, tensors only. Raises FileError."""
    import pickle

    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    if not path.is_file():
        raise FileError(f"weights {path} do not exist; give a .safetensors file or a saved state dict")
    try:
        if path.suffix == ".safetensors":
            state: Any = load_file(path)
        else:
            with quiet():
                state = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        raise FileError(
            f"{path} holds more than tensors, which is not loaded because it could run code; "
            "save model.state_dict() alone, or use .safetensors"
        ) from None
    except (OSError, SafetensorError, RuntimeError, EOFError, ValueError, KeyError) as error:
        raise FileError(f"{path} is not a readable state dict: {one_line(error)}") from error
    for wrapper in WRAPPERS:
        if isinstance(state, dict) and isinstance(state.get(wrapper), dict):
            state = state[wrapper]
    if not isinstance(state, dict) or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise FileError(f"{path} holds no state dict; save model.state_dict()")
    return dict(state)


def external_data(graph: Path) -> list[Path]:
    """The files beside an ONNX graph that hold its larger tensors. Raises FileError."""
    onnx = import_package("onnx", "reading an ONNX graph", "onnx")
    try:
        model = onnx.load(os.fspath(graph), load_external_data=False)
    except OSError as error:
        raise FileError(f"cannot read {graph}: {error.strerror or error}; check the path") from error
    except Exception:
        initializers: list[Any] = []  # not a graph: loading it will say so
    else:
        initializers = list(model.graph.initializer)
    locations = {entry.value for part in initializers for entry in part.external_data if entry.key == "location"}
    # A graph that cannot be read names nothing; then FILE.data and the like count all the same.
    locations |= {file.name for file in graph.parent.glob("*") if file.name.startswith(graph.name) and file != graph}
    beside = [graph.parent / location for location in sorted(locations)]
    return [file for file in beside if file.is_file()]
