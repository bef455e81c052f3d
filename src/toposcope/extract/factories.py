"""Networks that a function or class of the user's makes, and the source files that decide what it makes."""

from __future__ import annotations

import ast
import contextlib
import importlib
import importlib.util
import os
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from toposcope._errors import InputError, close_names, one_line
from toposcope.extract.network import FORMS, Network, Spec, bare


def factory(parts: Spec, spec: str) -> Network:
    """What ``package.module:factory`` returns: a module, or (module, preprocess). Runs that code. Raises InputError."""
    import torch

    if parts.weights == "pretrained":
        raise InputError(f"{spec!r}: a factory has no weights of its own; use {bare(spec)}@FILE or @random")
    with working_folder_importable():
        _find_module(parts.source, spec)
        factory: Any = importlib.import_module(parts.source)
        for attribute in parts.name.split("."):
            if not hasattr(factory, attribute):
                raise InputError(f"{parts.source} has no {attribute!r}{close_names(attribute, dir(factory))}")
            factory = getattr(factory, attribute)
        if not callable(factory):
            raise InputError(f"{bare(spec)} is a {type(factory).__name__}, not a factory; name a function or class")
        try:
            made = factory()
        except TypeError as error:
            raise InputError(f"{bare(spec)}() failed: {one_line(error)}; a factory takes no arguments") from error
    module, preprocess = made if isinstance(made, tuple) and len(made) == 2 else (made, None)
    if not isinstance(module, torch.nn.Module):
        raise InputError(f"{bare(spec)}() gave a {type(made).__name__}; return a module, or (module, preprocess)")
    return Network(module, parts.name, None, preprocess)


def _find_module(name: str, spec: str) -> str | None:
    """The source file of an importable module; raises InputError when there is none of that name."""
    try:
        found = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        found = None
    if found is None:
        raise InputError(f"model {spec!r}: there is no module {name!r}; use {FORMS}")
    return found.origin if found.has_location else None


_PACKAGES = {"site-packages", "dist-packages"}
"""Folders of installed packages, also of environments that are shared by a `.pth` file."""


def source_files(name: str, spec: str) -> list[str]:
    """Source files of a module and of what it imports, installed packages left out; nothing is executed."""
    first = _find_module(name, spec)
    installed = tuple({sysconfig.get_paths()[kind] for kind in ("purelib", "platlib", "stdlib", "platstdlib")})
    found = {name: first}
    waiting = [name]
    while waiting:
        module = waiting.pop()
        file = found[module]
        if file is None or not file.endswith(".py"):
            continue
        package = module if Path(file).name == "__init__.py" else module.rpartition(".")[0]
        try:
            tree = ast.parse(Path(file).read_bytes())
        except (OSError, SyntaxError, ValueError):
            continue  # importing it will say what is wrong
        for other in _imported(tree, package) - found.keys():
            try:
                place = importlib.util.find_spec(other)
            except Exception:  # looking for a submodule imports its package, which may fail in any way
                place = None
            origin = place.origin if place is not None and place.has_location else None
            if origin is not None and not origin.startswith(installed) and not _PACKAGES & set(Path(origin).parts):
                found[other] = origin
                waiting.append(other)
    return [file for _name, file in sorted(found.items()) if file is not None]


def _imported(tree: ast.AST, package: str) -> set[str]:
    """Names of the modules that a source imports, `from x import y` counted as x and x.y."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*parents, *([node.module] if node.module else [])])
            names |= {base, *(f"{base}.{alias.name}" for alias in node.names)}
    # toposcope itself counts by its version and schema.
    return {name for name in names if name and (name.split(".")[0] != "toposcope" or package.startswith("toposcope"))}


@contextlib.contextmanager
def working_folder_importable() -> Iterator[None]:
    """Have modules of the working folder found first inside the block."""
    folder = os.getcwd()
    sys.path.insert(0, folder)
    try:
        importlib.invalidate_caches()
        yield
    finally:
        with contextlib.suppress(ValueError):
            sys.path.remove(folder)
