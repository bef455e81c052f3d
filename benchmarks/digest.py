"""The code that a simulated row hangs on, as a digest: rows of other code are simulated again."""

from __future__ import annotations

import ast
import hashlib
from pathlib import Path

import numpy as np
import scipy

import toposcope

PACKAGES = ("cloud", "rips", "distances", "stats")


def digest_of_code(*files: str) -> str:
    """Of these files, the packages that compute, kernels included, and the versions beneath them.

    Comments, docstrings and layout of Python do not count.
    """
    source = Path(toposcope.__file__).parent
    whole = hashlib.sha256(f"numpy {np.__version__} scipy {scipy.__version__}".encode())
    for file in map(Path, files):
        whole.update(without_words(file.read_text(encoding="utf-8")).encode())
    for package in PACKAGES:
        for path in sorted((source / package).rglob("*")):
            if path.suffix == ".py":
                whole.update(without_words(path.read_text(encoding="utf-8")).encode())
            elif path.suffix in (".cpp", ".hpp"):
                whole.update(path.read_bytes())
    return whole.hexdigest()[:16]


def without_words(source: str) -> str:
    """A module as its syntax tree, without docstrings and other strings that stand alone."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [one for one in body if not _is_text(one)] or [ast.Pass()]  # type: ignore[attr-defined]
    return ast.dump(tree)


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
