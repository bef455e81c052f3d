"""Aliases for the arrays that travel through toposcope; the docstrings give shapes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Floats = NDArray[np.floating[Any]]
"""Points (n, d) or distances (n, n), float32 or float64."""
Float64 = NDArray[np.float64]
Ints = NDArray[np.int64]
