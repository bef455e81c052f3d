"""Everything toposcope raises on purpose, in one tree.

::

    ToposcopeError
    ├── InputError                 what was passed cannot be used; also a ValueError
    │   ├── IncomparableError      two things that must not be compared as they are
    │   ├── LayerError             a layer pattern that yields nothing
    │   ├── PlanError              a study plan that cannot be run as written
    │   └── ActivationError        activations that are NaN, infinite or of no use as a point cloud
    ├── FileError                  a file that cannot be read or written; also an OSError
    │   ├── ArtefactError          an artefact of a store that is damaged or gone, and is made again
    │   └── StoreError             a store that cannot be used: what stops a run
    ├── UnavailableError           something this installation or machine cannot do
    │   ├── MissingDependencyError an optional package is not installed; also an ImportError
    │   └── WeightsError           pre-trained weights that would have to be downloaded and cannot be
    └── TaskError                  tasks of a run failed; the rest is finished and kept

    ToposcopeWarning               a UserWarning; nothing is dropped in silence

Every message says what is wrong, where, and how to mend it, in one line.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any


class ToposcopeError(Exception):
    """Base of every error that toposcope raises on purpose."""


class InputError(ToposcopeError, ValueError):
    """What was passed cannot be used."""


class IncomparableError(InputError):
    """Two things that must not be compared as they are."""


class LayerError(InputError):
    """A layer pattern that yields nothing."""


class PlanError(InputError):
    """A study plan that cannot be run as written."""


class ActivationError(InputError):
    """Activations that are NaN, infinite or of no use as a point cloud.

    finished: layer → Representation of the layers that are fine, where a whole network was extracted.
    """

    def __init__(self, message: str, finished: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.finished: Mapping[str, Any] = finished or {}


class FileError(ToposcopeError, OSError):
    """A file that cannot be read or written."""


class ArtefactError(FileError):
    """An artefact of a store that is damaged or gone, and is made again. key: whose it is."""

    def __init__(self, message: str, key: str = "") -> None:
        super().__init__(message)
        self.key = key


class StoreError(FileError):
    """A store that cannot be used: no space, no permission, a file system that fails. It stops a run."""


class UnavailableError(ToposcopeError):
    """Something this installation or machine cannot do."""


class MissingDependencyError(UnavailableError, ImportError):
    """An optional package is not installed."""

    def __init__(self, package: str, needed_for: str, extra: str) -> None:
        super().__init__(f"{needed_for} needs {package}, which is not installed: pip install 'toposcope[{extra}]'")


class WeightsError(UnavailableError):
    """Pre-trained weights that would have to be downloaded and cannot be."""


class TaskError(ToposcopeError):
    """Tasks of a run failed; the rest is finished and kept."""


class ToposcopeWarning(UserWarning):
    """Something the reader of a result has to know."""


_FEW = 12
"""Names that an error lists whole."""


def close_names(name: str, names: Iterable[str], most: int = 3) -> str:
    """``"; close names: a, b"`` for an error message, or the first names when none is close. Of few, all are better."""
    known = list(names)
    close = difflib.get_close_matches(name, known, n=most, cutoff=0.6 if len(known) <= _FEW else 0.4)
    if close:
        return "; close names: " + ", ".join(close)
    if not known:
        return ""
    return "; known: " + ", ".join(known[:_FEW]) + (f" and {len(known) - _FEW} more" if len(known) > _FEW else "")


def one_line(error: BaseException | str, most: int | None = 300) -> str:
    """What an error says, in one line of at most that many characters; the name of its type where it says nothing."""
    said = " ".join(str(error).split()) or type(error).__name__
    return said if most is None or len(said) <= most else said[: most - 1] + "…"
