"""Refusals: a run that would not fit the memory or the disk is told so before it begins, with what would fit."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from toposcope._errors import PlanError
from toposcope.cloud.metrics import CloudMetric, metric_named
from toposcope.estimate.networks import NetworkForecast
from toposcope.pools.work import size_in_words
from toposcope.rips.engine import in_kernel
from toposcope.rips.estimate import distance_bytes, kernel_bytes
from toposcope.study.audit import settings
from toposcope.study.plan import Cloud, Study


class Expected(Protocol):
    """What of a `Forecast` has to fit."""

    @property
    def networks(self) -> tuple[NetworkForecast, ...]:
        """What is in each."""

    @property
    def workers(self) -> int:
        """How many work at once."""

    @property
    def memory(self) -> int:
        """Bytes of one worker at its peak."""

    @property
    def disk(self) -> int:
        """Bytes of the run's folder."""

    @property
    def passing(self) -> int:
        """Bytes beside it, at most, for a time."""


def available_memory() -> int | None:
    """Bytes that processes may still take, here and in this container; None where nobody says."""
    found = []
    try:
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                found.append(int(line.split()[1]) << 10)
        most = Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii").strip()
        used = Path("/sys/fs/cgroup/memory.current").read_text(encoding="ascii").strip()
        found += [] if most == "max" else [int(most) - int(used)]
    except (OSError, ValueError):
        pass
    return min(found, default=None)


def free_disk(folder: Path) -> int:
    """Bytes free where a folder is or would be."""
    place = folder.absolute()
    while not place.exists():
        place = place.parent
    return shutil.disk_usage(place).free


def cloud_bytes(plan: Study, cloud: Cloud, dimension: int = 0) -> int:
    """What the diagram of a cloud may take at most, on top of the layer that it is drawn from; 0 where nobody knows."""
    degree = plan.homology.max_degree
    if not in_kernel(degree, plan.homology.field):
        return 0
    of_the_cloud = isinstance(metric_named(cloud.metric), CloudMetric)
    return distance_bytes(cloud.size, dimension, 4, degree, of_the_cloud) + kernel_bytes(cloud.size, degree)


def check_plan(plan: Study, workers: int, folder: Path, memory: int | None = None, elsewhere: bool = False) -> None:
    """Refuse what the plan alone shows not to fit: its clouds, and saved representations, which a run copies.

    memory: bytes of data that a worker may hold. elsewhere: workers are not of this machine. Raises PlanError.
    """
    clouds = [plan.cloud, *(setting.plan.cloud for setting in settings(plan))]
    worst = max(clouds, key=lambda cloud: cloud_bytes(plan, cloud))
    _check_memory(plan, worst, 0, 0, workers, memory, elsewhere)
    saved = [network.representations for network in plan.network if network.representations is not None]
    size = sum(_size(Path(name)) for name in saved if Path(name).is_dir())
    # What an earlier run of the same plan wrote need not be written again.
    there = _size(folder / "store" / "representation", "**/*.npz")
    _check_disk(size - there, folder, "saved representations are copied into the run's store")


def check_fits(plan: Study, expected: Expected, folder: Path, memory: int | None = None) -> None:
    """Refuse a forecast that does not fit. Raises PlanError, which says what would."""
    dimension = max(network.dimension for network in expected.networks)
    clouds = [plan.cloud, *(setting.plan.cloud for setting in settings(plan))]
    worst = max(clouds, key=lambda cloud: cloud_bytes(plan, cloud, dimension))
    base = max(0, expected.memory - cloud_bytes(plan, worst, dimension))
    _check_memory(plan, worst, base, dimension, expected.workers, memory)
    layers = max(len(network.layers) for network in expected.networks)
    free = free_disk(folder)
    needed = expected.disk + expected.passing
    fewer = max(0, int(layers * free / max(needed, 1)))
    would = f"{fewer} of {layers} layers of each network would fit" if fewer else "not even one layer would fit"
    _check_disk(needed, folder, would)


def _check_memory(
    plan: Study, cloud: Cloud, base: int, dimension: int, workers: int, memory: int | None, elsewhere: bool = False
) -> None:
    """base: bytes of a worker without its largest diagram."""
    available = None if elsewhere else available_memory()
    limits = [(memory, "--memory allows", 1)] if memory is not None else []
    limits += [(available, "are available here", workers)] if available is not None else []
    for limit, words, share in limits:
        each = limit // share

        def fits(size: int, each: int = each) -> bool:
            return base + cloud_bytes(plan, cloud.model_copy(update={"size": size}), dimension) <= each

        if fits(cloud.size):
            continue
        needed = base + cloud_bytes(plan, cloud, dimension)
        size = _largest(fits, cloud.size)
        would = [f"[cloud] size = {size} would fit"] if size >= 2 else []
        fewer = limit // needed if share > 1 else 0
        would += [f"--workers {fewer} would fit"] if fewer else []
        less = "fewer or narrower layers, or fewer inputs ([inputs] limit: fewer draws), take less"
        raise PlanError(
            f"draws of {cloud.size} points in degrees up to {plan.homology.max_degree} may take "
            f"{size_in_words(needed)} of memory per worker, {share} worker{'s' * (share > 1)}, and "
            f"{size_in_words(limit)} {words}; " + (" or ".join(would) or less)
        )


def _check_disk(needed: int, folder: Path, would: str) -> None:
    free = free_disk(folder)
    if needed > free:
        raise PlanError(
            f"the run would write {size_in_words(needed)}, and {size_in_words(free)} are free at {folder}; {would}; "
            "take fewer layers, smaller or fewer draws, or another folder as --out"
        )


def _largest(fits: Callable[[int], bool], most: int) -> int:
    low, high = 0, most
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if fits(middle) else (low, middle - 1)
    return low


def _size(folder: Path, pattern: str = "*") -> int:
    return sum(path.stat().st_size for path in folder.glob(pattern) if path.is_file()) if folder.is_dir() else 0


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
