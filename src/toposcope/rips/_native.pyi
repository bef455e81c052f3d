from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from toposcope._types import Floats, Ints

checks: bool
"""Whether the kernel was built with its own assertions."""

_Degree = tuple[NDArray[np.float64], Ints, Ints]

def persistence(
    distances: Floats,
    max_degree: int,
    threshold: float,
    threads: int = 1,
    cycles: bool = False,
    instructions: str = "",
    to_the_end: bool = False,
    window_edges: int = 0,
) -> tuple[Sequence[_Degree], Ints, tuple[Ints, Ints], dict[str, int]]: ...
def is_distances(distances: Floats) -> bool: ...
def forest(distances: Floats, threshold: float) -> Ints: ...
def forest_of_edges(n: int, edges: Ints) -> Ints: ...
def instructions() -> list[str]: ...
