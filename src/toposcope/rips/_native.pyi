from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_Degree = tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]

def persistence(
    distances: NDArray[np.float32] | NDArray[np.float64],
    max_degree: int,
    threshold: float,
    threads: int = 1,
    instructions: str = "",
    to_the_end: bool = False,
    window_edges: int = 0,
) -> tuple[Sequence[_Degree], NDArray[np.int64], dict[str, int]]: ...
def instructions() -> list[str]: ...
