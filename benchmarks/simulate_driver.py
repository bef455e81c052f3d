"""When does the driver of a run hold its workers up? One command writes benchmarks/driver.md.

    python benchmarks/simulate_driver.py      # about three minutes; needs the dask extra, 2 GB of memory

The driver plans, hashes, looks into the store, hands over and notes outcomes, all in one thread. What that costs is
measured on the real code: planning and looking over a graph of 1,000,000 tasks (distances between the draws of 1,415
layers), handing over and outcomes on fewer tasks and on workers that do next to nothing, in batches of one and in large
ones, so that the cost of a batch and that of a task in it come apart. With these costs a graph of 1,000,000 tasks is
run in virtual time, for more and more workers: the driver is one server, the scheduler another, and each worker has at
most so many batches as `toposcope.pools.lent` lets it have.
"""

from __future__ import annotations

import contextlib
import dataclasses
import heapq
import itertools
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from bench_scale import Small
from machine import machine

from toposcope.pools import lent
from toposcope.pools.cluster import Cluster, connected
from toposcope.run import Driver, Silence
from toposcope.store import Store
from toposcope.study.plan import DistanceChoice
from toposcope.study.tasks import Distances

PAGE = Path(__file__).resolve().parent / "driver.md"
TASKS = 1_000_000
LAYERS = 1415
"""The fewest whose pairs are TASKS."""
DRAWS = 10
TICK = os.sysconf("SC_CLK_TCK")


@dataclasses.dataclass(frozen=True)
class Costs:
    """Seconds. planning, looking: of a task. batch, task: of the driver, for a batch and for a task in it. scheduler:
    of Dask's, for a batch."""

    planning: float
    looking: float
    batch: float
    task: float
    scheduler: float


class Nobody:
    """A pool that performs nothing: what is measured is on the driver's side of it."""

    workers = 1

    def outcomes(self, tasks: Sequence[Any], tell: Any) -> Iterator[Any]:
        return iter(())

    def close(self, at_once: bool = False) -> None:
        """Nothing."""


def before(folder: Path) -> tuple[float, float, float]:
    """Seconds of planning a task with its key, of looking for it in the store, and GB that all of them hold."""
    start = time.process_time()
    keys = [tuple(f"diagram-{layer:027}{draw:05}" for draw in range(DRAWS)) for layer in range(LAYERS)]
    draws = tuple((draw, draw) for draw in range(DRAWS))
    choice = DistanceChoice()
    pairs = itertools.islice(itertools.combinations(range(LAYERS), 2), TASKS)
    tasks = [Distances(f"distances of {i} and {j}", keys[i], keys[j], draws, 1, choice) for i, j in pairs]
    assert len({task.key for task in tasks}) == TASKS
    planning = time.process_time() - start
    driver = Driver(Store(folder / "empty"), Nobody(), Silence())  # type: ignore[arg-type]
    start = time.process_time()
    driver.perform("distances", tasks)
    looking = time.process_time() - start
    return planning / TASKS, looking / TASKS, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def during(folder: Path) -> tuple[float, float, float]:
    """Seconds of the driver for a batch and for a task in it, and of the scheduler for a batch."""
    found = []
    with _cluster(folder) as (address, scheduler):
        for most, count in ((1, 1500), (250, 10_000)):
            lent._MOST, lent._BATCH_SECONDS = most, 60.0
            with connected(address, 2) as client:
                client.wait_for_workers(2)
                store = Store(folder / f"batches{most}")
                driver = Driver(store, Cluster(client, store), Silence())
                driver.perform("first", [Small(number) for number in range(20)])
                mine, its = time.process_time(), _cpu(scheduler)
                driver.perform("tasks", [Small(number) for number in range(20, 20 + count)])
                found.append(((time.process_time() - mine) / count, (_cpu(scheduler) - its) / count))
                driver.pool.close()
    (alone, scheduler_alone), (many, _scheduler_many) = found
    each = max(0.0, (250 * many - alone) / 249)
    return alone - each, each, scheduler_alone


@contextlib.contextmanager
def _cluster(folder: Path) -> Iterator[tuple[str, int]]:
    """A scheduler in a process of its own, with two workers. Gives its address and process id."""
    where = folder / "scheduler.json"
    quiet = subprocess.DEVNULL
    common = ["--no-dashboard", "--scheduler-file", str(where)]
    start = [sys.executable, "-m"]
    here = ["--host", "127.0.0.1"]
    scheduler = subprocess.Popen(
        [*start, "distributed.cli.dask_scheduler", "--port", "0", *here, *common], stdout=quiet, stderr=quiet
    )
    one = ["--nthreads", "1", "--no-nanny", "--memory-limit", "0"]
    workers = [
        subprocess.Popen([*start, "distributed.cli.dask_worker", *here, *one, *common], stdout=quiet, stderr=quiet)
        for _ in range(2)
    ]
    try:
        while not where.exists():
            time.sleep(0.1)

        yield json.loads(where.read_text())["address"], scheduler.pid
    finally:
        for process in (*workers, scheduler):
            process.kill()
            process.wait()


def _cpu(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def simulate(costs: Costs, workers: int, seconds: float, tasks: int = TASKS) -> float:
    """Seconds that a stage of `tasks` tasks of so many seconds takes in virtual time, planning and looking included.

    The driver hands over while a batch may be in flight, and notes those that came back; the scheduler passes on.
    """
    size = max(1, min(lent._MOST, int(lent.batch_seconds(workers) / seconds), -(-tasks // (2 * workers))))
    driver = tasks * (costs.planning + costs.looking)
    scheduler = 0.0
    idle = [driver] * workers
    heapq.heapify(idle)
    back: list[float] = []
    waiting, in_flight, end = tasks, 0, driver
    while waiting or back:
        if waiting and in_flight < lent._IN_FLIGHT * workers:
            batch = min(size, waiting)
            waiting -= batch
            in_flight += 1
            driver += costs.batch / 2 + batch * costs.task / 2
            scheduler = max(scheduler, driver) + costs.scheduler
            done = max(heapq.heappop(idle), scheduler) + batch * seconds
            heapq.heappush(idle, done)
            heapq.heappush(back, done)
            end = max(end, done)
        else:
            driver = max(driver, heapq.heappop(back)) + costs.batch / 2 + size * costs.task / 2
            in_flight -= 1
    return max(end, driver)


def limit(costs: Costs, seconds: float) -> int:
    """The most workers, to two digits, that are at work nine tenths of the time."""
    counts = sorted({round(digits * 10**power) for power in range(5) for digits in (1, 1.5, 2, 3, 4, 5, 6, 8)})
    best = 0
    for workers in counts:
        if TASKS * seconds / (workers * simulate(costs, workers, seconds)) < 0.9:
            break
        best = workers
    return best


def main() -> None:
    on = machine()
    with tempfile.TemporaryDirectory() as name:
        batch, task, scheduler = during(Path(name))
        planning, looking, memory = before(Path(name))
    lent._MOST, lent._BATCH_SECONDS = 256, 0.5
    costs = Costs(planning, looking, batch, task, scheduler)
    kinds = {"0.005": 0.005, "0.035 (distances of 10 draws)": 0.035, "0.05": 0.05, "0.5": 0.5, "5": 5.0}
    counts = (2, 8, 32, 128, 512, 2048)
    lines = [
        "# Where the driver holds its workers up",
        "",
        f"Written by `python benchmarks/simulate_driver.py`; {on} when it began. CPU time.",
        "",
        "| | µs |",
        "| --- | ---: |",
        f"| planning a task, hashing its key | {1e6 * costs.planning:.0f} |",
        f"| looking for it in the store | {1e6 * costs.looking:.0f} |",
        f"| handing over a batch and taking it back | {1e6 * costs.batch:.0f} |",
        f"| the same for each task in it, outcome noted | {1e6 * costs.task:.0f} |",
        f"| Dask's scheduler, each batch | {1e6 * costs.scheduler:.0f} |",
        "",
        f"The first two over a graph of {TASKS:,} tasks, which hold {memory:.1f} GB and take "
        f"{TASKS * (planning + looking):.0f} s before the first is handed over.",
        "",
        f"{TASKS:,} tasks in virtual time: the share of their time that workers are at work, that start included.",
        "",
        "| seconds of a task | " + " | ".join(f"{count:,} workers" for count in counts) + " | nine tenths up to |",
        "| --- |" + " ---: |" * (len(counts) + 1),
    ]
    for title, seconds in kinds.items():
        shares = [TASKS * seconds / (count * simulate(costs, count, seconds)) for count in counts]
        lines.append(
            f"| {title} | " + " | ".join(f"{share:.0%}" for share in shares) + f" | {limit(costs, seconds):,} |"
        )
    lines.append("")
    PAGE.write_text("\n".join(lines))
    print("\n".join(lines))


if __name__ == "__main__":
    main()
