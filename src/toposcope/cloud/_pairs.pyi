from toposcope._types import Float64, Floats

def distances(
    points: Floats,
    out: Floats,
    measure: str,
    threads: int = 1,
    shift: Float64 | None = None,
    scale: Float64 | None = None,
    instructions: str = "",
) -> None: ...
def instructions() -> list[str]: ...
