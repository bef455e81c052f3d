"""The packages that networks come with: imported where needed, quietly, with an error that says what to install."""

from __future__ import annotations

import contextlib
import importlib
import io
import logging
import sys
import warnings
from collections.abc import Iterator
from typing import Any

from toposcope._errors import MissingDependencyError


def import_torch(needed_for: str) -> Any:
    """torch, or MissingDependencyError."""
    return import_package("torch", needed_for, "torch")


def import_package(package: str, needed_for: str, extra: str) -> Any:
    """A package, imported quietly, or MissingDependencyError."""
    try:
        with quiet():
            return importlib.import_module(package)
    except ModuleNotFoundError as error:
        if error.name != package:
            raise
        raise MissingDependencyError(package, needed_for, extra) from None


_KEPT: list[Any] = []  # a torch.library.Library takes its operators along when it is collected


def import_torchvision(needed_for: str) -> Any:
    """torchvision, also beside a torch without its compiled operators; or MissingDependencyError.

    A torchvision built for another torch (a CUDA build beside a CPU torch) stops at its own registration of
    `torchvision::nms`. Networks don't need the operator, only its name, which is all that is defined here.
    """
    try:
        return import_package("torchvision", needed_for, "vision")
    except RuntimeError as error:
        if "operator torchvision::nms does not exist" not in str(error):
            raise
    import torch

    for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
        del sys.modules[name]
    library: Any = torch.library
    library = library.Library("torchvision", "FRAGMENT")
    for operator in ("nms", "qnms"):
        library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    _KEPT.append(library)
    return import_package("torchvision", needed_for, "vision")


def version_of(package: str) -> str:
    """Name and version of an installed package, for cache keys."""
    import importlib.metadata

    try:
        return f"{package} {importlib.metadata.version(package)}"
    except importlib.metadata.PackageNotFoundError:
        return f"{package} not installed"


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep the model libraries' chatter off stdout and stderr; what matters is raised or warned about in our words."""
    loggers = [logging.getLogger(name) for name in ("timm", "transformers", "huggingface_hub", "httpx", "torch")]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.CRITICAL)
        with (
            warnings.catch_warnings(),
            contextlib.redirect_stderr(io.StringIO()),
            contextlib.redirect_stdout(io.StringIO()),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
