from collections.abc import Callable, Sequence

from toposcope._types import Float64, Ints

checks: bool
"""Whether the module was built with its own assertions."""

class Prepared:
    def __init__(self, finite: Float64, births: Float64) -> None: ...

def distance(a: Prepared, b: Prepared, order: float, ground: float) -> float: ...
def sliced(a: Prepared, b: Prepared, order: float, directions: int) -> float: ...
def matching(
    a: Prepared, b: Prepared, order: float, ground: float, in_the_plane: bool = False
) -> tuple[Ints, Float64, Float64, Float64, float]: ...
def distances(
    diagrams: Sequence[Prepared],
    pairs: Ints,
    order: float,
    ground: float,
    threads: int = 1,
    progress: Callable[[int], None] | None = None,
) -> Float64: ...
def sliced_distances(
    diagrams: Sequence[Prepared],
    pairs: Ints,
    order: float,
    directions: int,
    threads: int = 1,
    progress: Callable[[int], None] | None = None,
) -> Float64: ...
def lower_bounds(diagrams: Sequence[Prepared], pairs: Ints, order: float, ground: float) -> Float64: ...
def sliced_lower_bounds(diagrams: Sequence[Prepared], pairs: Ints, directions: int) -> Float64: ...
