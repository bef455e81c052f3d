"""What running tasks costs beyond their mathematics: one command writes benchmarks/scale.md.

    python benchmarks/bench_scale.py      # under two minutes; needs the dask extra

Overhead: tasks that write one number, on two workers; a worker's time beside the task itself, in ms per task.
Resume: a run of some 10,000 tasks over small random clouds, and then the same again, until it says that nothing is left
to do. Both are wall-clock times, so the load of the machine stands beside.
"""

from __future__ import annotations

import dataclasses
import os
import platform
import tempfile
import time
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

import toposcope as ts
from toposcope.pools import Processes
from toposcope.pools.cluster import Cluster, connected
from toposcope.store import Store, key_of

PAGE = Path(__file__).resolve().parent / "scale.md"
TASKS = 1500
LAYERS = 137


@dataclasses.dataclass(frozen=True)
class Small:
    """A task that is nearly nothing."""

    uses_torch: ClassVar[bool] = False
    number: int

    @property
    def key(self) -> str:
        return key_of("small", number=self.number)

    @property
    def title(self) -> str:
        return f"small {self.number}"

    def perform(self, store: Store, progress: Callable[[int, int | None], None] | None = None) -> None:
        store.write(self.key, {"value": np.array([self.number])})


def overhead(pool: Any) -> tuple[float, float]:
    """Milliseconds per task: in it, and of its worker beyond it."""
    list(pool.outcomes([Small(TASKS + number) for number in range(20)], lambda key, share: None))
    start = time.perf_counter()
    outcomes = list(pool.outcomes([Small(number) for number in range(TASKS)], lambda key, share: None))
    wall = time.perf_counter() - start
    pool.close()
    assert not any(outcome.fault for outcome in outcomes)
    inside = sum(outcome.seconds for outcome in outcomes)
    return 1e3 * inside / TASKS, 1e3 * (wall * pool.workers - inside) / TASKS


def resume(folder: Path) -> tuple[int, float, float]:
    """Tasks of a run, its seconds, and those of the same run again."""
    generator = np.random.default_rng(0)
    (folder / "data").mkdir()
    for layer in range(LAYERS):
        points = generator.normal(size=(30, 2)).astype(np.float32)
        np.savez(folder / "data" / f"layer{layer}.npz", points=points, sample_ids=np.arange(30))
    plan = ts.Study.parse(
        tomllib.loads(
            f"recipe = 'layers'\n[[network]]\nname = 'a'\nrepresentations = '{folder / 'data'}'\n"
            "[cloud]\nsize = 5\ndraws = 6\n[homology]\nmax_degree = 0\n"
        )
    )
    start = time.perf_counter()
    first = ts.run(plan, folder / "run", thumbnails=False)
    middle = time.perf_counter()
    again = ts.run(plan, folder / "run", thumbnails=False)
    assert again.kept
    return first.provenance["tasks_performed"], middle - start, time.perf_counter() - middle


def main() -> None:
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        local = overhead(Processes(2, Store(folder / "local")))
        with connected("local", 2) as client:
            dask = overhead(Cluster(client, Store(folder / "dask")))
        tasks, run, again = resume(folder)
    lines = [
        "# Overhead and resuming",
        "",
        f"Written by `python benchmarks/bench_scale.py`; {os.cpu_count()} cores, {platform.machine()}, Python "
        f"{platform.python_version()}, load {load:.1f} when it began.",
        "",
        f"{TASKS} tasks that write one number, two workers, ms of worker time per task:",
        "",
        "| | in the task | beyond it |",
        "| --- | ---: | ---: |",
        f"| processes of this machine | {local[0]:.2f} | {local[1]:.2f} |",
        f"| Dask on the loopback | {dask[0]:.2f} | {dask[1]:.2f} |",
        "",
        f"A run of {tasks} tasks took {run:.1f} s in one process; the same command again took {again:.2f} s.",
        "",
    ]
    PAGE.write_text("\n".join(lines))
    print("\n".join(lines))


if __name__ == "__main__":
    main()
