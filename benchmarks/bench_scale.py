"""What running tasks costs beyond their mathematics: one command writes benchmarks/scale.md.

    python benchmarks/bench_scale.py      # about three minutes; needs the dask extra

Workers: the homology of 800 draws of 1,000 points, by one process, by two, and by two Dask workers of this machine.
Overhead: tasks that write one number, on two workers; a worker's time beside the task itself, in ms per task.
Resume: a run of some 10,000 tasks over small random clouds, and then the same again, until it says that nothing is left
to do. Both are wall-clock times, so the load of the machine stands beside.
"""

from __future__ import annotations

import dataclasses
import shutil
import tempfile
import time
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from machine import machine

import toposcope as ts
from toposcope.pools import Processes
from toposcope.pools.cluster import Cluster, connected
from toposcope.store import Store, key_of
from toposcope.study.tasks import Diagram, Extracted, Import, Side

PAGE = Path(__file__).resolve().parent / "scale.md"
TASKS = 1500
LAYERS = 137
SIZE, DRAWS = 1000, 10


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


def diagrams(folder: Path) -> list[Diagram]:
    """800 tasks over 8 layers of 10,000 inputs, in the order of a study: 10 draws of a layer, then the next layer."""
    rng = np.random.default_rng(0)
    (folder / "layers").mkdir()
    for layer in range(8):
        centres, classes = rng.normal(size=(10, 32)), rng.integers(10, size=SIZE * DRAWS)
        latent = rng.normal(size=(SIZE * DRAWS, 32)) + 2 * centres[classes]
        points = np.maximum(latent @ rng.normal(size=(32, 512)), 0).astype(np.float32)
        np.savez(folder / "layers" / f"{layer}.npz", points=points, sample_ids=np.arange(len(points)))
    plan = ts.Study.parse(
        tomllib.loads(
            f"recipe = 'layers'\n[[network]]\nname = 'a'\nrepresentations = '{folder / 'layers'}'\n"
            f"[cloud]\nsize = {SIZE}\ndraws = {DRAWS}\n[homology]\nmax_degree = 1\n"
        )
    )
    store = Store(folder / "imported")
    task = Import.planned(plan.network[0])
    task.perform(store)
    sides = [Side.of(plan, layer) for layer in Extracted.read(store, task.key).layers]
    return [Diagram(side, draw, seed, plan.homology) for seed in range(10) for side in sides for draw in range(DRAWS)]


def seconds(pool: Any, tasks: list[Diagram]) -> float:
    """Wall time of all tasks, by workers that are there and have done one of another draw each."""
    first = [dataclasses.replace(tasks[number], seed=100 + number) for number in range(4 * pool.workers)]
    list(pool.outcomes(first, lambda key, share: None))
    start = time.perf_counter()
    outcomes = list(pool.outcomes(tasks, lambda key, share: None))
    wall = time.perf_counter() - start
    pool.close()
    assert not any(outcome.fault for outcome in outcomes)
    return wall


def workers(folder: Path) -> tuple[float, float, float]:
    """Seconds of 800 diagrams by one process, by two, by two Dask workers; the better of two, taken in turns."""
    tasks = diagrams(folder)
    imported = folder / "imported"
    found: list[tuple[float, float, float]] = []
    for turn in range(2):
        stores = []
        for name in ("one", "two", "dask"):
            shutil.copytree(imported, folder / f"{name}{turn}")
            stores.append(Store(folder / f"{name}{turn}"))
        one, two = (seconds(Processes(count, stores[count - 1]), tasks) for count in (1, 2))
        with connected("local", 2) as client:
            found.append((one, two, seconds(Cluster(client, stores[2]), tasks)))
    return min(one for one, _, _ in found), min(two for _, two, _ in found), min(dask for *_, dask in found)


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
    on = machine()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        local = overhead(Processes(2, Store(folder / "local")))
        with connected("local", 2) as client:
            dask = overhead(Cluster(client, Store(folder / "dask")))
        tasks, run, again = resume(folder)
        one, two, lent = workers(folder)
    lines = [
        "# Workers, overhead, resuming",
        "",
        f"Written by `python benchmarks/bench_scale.py`; {on} when it began.",
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
        f"Homology of 800 draws of {SIZE:,} points, d=512, H0 and H1, workers started before, the better of two:",
        "",
        "| | seconds | |",
        "| --- | ---: | --- |",
        f"| one process | {one:.1f} | |",
        f"| two processes | {two:.1f} | {one / two:.2f} times as fast as one |",
        f"| two Dask workers | {lent:.1f} | {two / lent:.2f} times as fast as two processes |",
        "",
    ]
    PAGE.write_text("\n".join(lines))
    print("\n".join(lines))


if __name__ == "__main__":
    main()
