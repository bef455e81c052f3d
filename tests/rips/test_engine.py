"""How the kernel behaves as a citizen: threads, signals, memory, missing packages, wrong input."""

from __future__ import annotations

import builtins
import concurrent.futures
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.rips import matrices
from toposcope._errors import ActivationError, InputError, MissingDependencyError
from toposcope.cloud import pairwise_distances, scale_value
from toposcope.rips import _native, estimate_rips, vietoris_rips
from toposcope.rips.components import _lines, components, scale_of
from toposcope.rips.estimate import check_budget, kernel_bytes, matrix_bytes

SANITIZED = os.environ.get("TOPOSCOPE_SANITIZED") == "1"


def test_a_sanitized_run_tests_the_sanitized_build() -> None:
    assert _native.checks or not SANITIZED


def test_both_instruction_sets_are_exercised_where_the_processor_has_them() -> None:
    names = _native.instructions()
    assert names[0] == "plain"
    processor = Path("/proc/cpuinfo")
    if processor.exists() and " avx2 " in processor.read_text():
        assert names == ["plain", "avx2"]
    rng = np.random.default_rng(0)
    for n in (1, 63, 64, 65, 255, 257):
        distances = matrices.matrix("euclidean", n, rng)
        results = [_native.persistence(distances, 2, np.inf, instructions=name) for name in names]
        for result in results:
            for degree in range(3):
                assert np.array_equal(result[0][degree][0], results[0][0][degree][0])
    with pytest.raises(ValueError, match="not available here"):
        _native.persistence(np.zeros((2, 2)), 1, np.inf, instructions="abacus")


def test_many_diagrams_in_threads() -> None:
    rng = np.random.default_rng(0)
    clouds = [matrices.matrix("euclidean", 120, rng) for _ in range(12)]
    alone = [vietoris_rips(cloud, metric="precomputed") for cloud in clouds]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda cloud: vietoris_rips(cloud, metric="precomputed"), clouds))
    assert alone == together


def test_the_gil_is_released() -> None:
    distances = matrices.matrix("uniform", 600, np.random.default_rng(0))
    ticks = 0
    stop = threading.Event()

    def tick() -> None:
        nonlocal ticks
        while not stop.is_set():
            ticks += 1
            time.sleep(0.001)

    other = threading.Thread(target=tick)
    other.start()
    before = ticks
    _native.persistence(distances, 1, np.inf)
    during = ticks - before
    stop.set()
    other.join()
    assert during >= 2


INTERRUPTED = """
import numpy as np, os, signal, sys, threading, time
from toposcope.rips import _native
n, degree, threads = int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
d = np.random.default_rng(0).uniform(size=(n, n)).astype(np.float32)
d = np.triu(d, 1) + np.triu(d, 1).T
sent = []
def send():
    time.sleep(0.5)
    sent.append(time.monotonic())
    os.kill(os.getpid(), signal.SIGINT)
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it otherwise
threading.Thread(target=send).start()
try:
    _native.persistence(d, degree, np.inf, threads, to_the_end=True)
    print("finished")
except KeyboardInterrupt:
    print("interrupted", time.monotonic() - sent[0])
"""


@pytest.mark.skipif(not hasattr(signal, "SIGINT") or os.name == "nt", reason="POSIX signals")
@pytest.mark.parametrize(("n", "degree", "threads"), [(5000, 1, 1), (5000, 1, 2), (700, 2, 1), (700, 2, 2)])
def test_ctrl_c_within_a_second(n: int, degree: int, threads: int) -> None:
    command = [sys.executable, "-c", INTERRUPTED, str(n), str(degree), str(threads)]
    said = subprocess.run(command, capture_output=True, text=True, timeout=200, check=True).stdout.split()
    assert said[0] == "interrupted"
    # Signals are looked for ten times a second; it takes 0.1 to 0.4 s on a machine with three times its load.
    assert float(said[1]) < (30.0 if SANITIZED else 1.0)


OUT_OF_MEMORY = """
import resource, numpy as np
from toposcope.rips import _native
d = np.random.default_rng(0).uniform(size=(3000, 3000)).astype(np.float32)
d = np.triu(d, 1) + np.triu(d, 1).T
with open("/proc/self/statm") as file:
    now = int(file.read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (now + (2 << 20), now + (2 << 20)))
for threads in (1, 2):
    try:
        _native.persistence(d, 2, np.inf, threads)
        print("finished")
    except MemoryError:
        print("memory")
"""


@pytest.mark.skipif(not sys.platform.startswith("linux") or SANITIZED, reason="needs RLIMIT_AS and /proc")
def test_out_of_memory_is_an_exception() -> None:
    said = subprocess.run([sys.executable, "-c", OUT_OF_MEMORY], capture_output=True, text=True, timeout=200)
    assert said.stdout.split() == ["memory", "memory"], said
    assert said.returncode == 0


NO_SECOND_THREAD = """
import resource, threading, numpy as np
from toposcope.rips import _native
d = np.random.default_rng(0).uniform(size=(300, 300)).astype(np.float32)
d = np.triu(d, 1) + np.triu(d, 1).T
alone = _native.persistence(d, 1, np.inf, 1)[0]
with open("/proc/self/statm") as file:
    now = int(file.read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (now + (7 << 20), now + (7 << 20)))  # less than the stack of a thread
try:
    threading.Thread(target=print).start()
except RuntimeError:
    print("no thread")
together = _native.persistence(d, 1, np.inf, 4)[0]
print(all(np.array_equal(a, b) for one, other in zip(alone, together) for a, b in zip(one, other)))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux") or SANITIZED, reason="needs the limits of Linux")
def test_a_thread_that_cannot_start_is_not_missed() -> None:
    said = subprocess.run([sys.executable, "-c", NO_SECOND_THREAD], capture_output=True, text=True, timeout=200)
    assert said.stdout.splitlines() == ["no thread", "True"], said


def test_the_kernel_says_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    vietoris_rips(np.random.default_rng(0).normal(size=(80, 3)), 2, representatives=True, threads=2)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("options", [{"field": 3}, {"max_degree": 3}])
def test_without_gudhi_the_rest_works_and_the_error_says_what_to_install(
    options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = builtins.__import__

    def refuse(name: str, *rest: Any, **named: Any) -> Any:
        if name.split(".")[0] == "gudhi":
            raise ImportError(name)
        return real(name, *rest, **named)

    monkeypatch.setattr(builtins, "__import__", refuse)
    points = np.random.default_rng(0).normal(size=(20, 2))
    assert len(vietoris_rips(points, 2)) > 0
    with pytest.raises(MissingDependencyError, match=r"needs gudhi.*toposcope\[gudhi\]"):
        vietoris_rips(points, **options)


def test_import_is_cheap() -> None:
    heavy = ["torch", "matplotlib", "dask", "pandas", "gudhi", "toposcope.rips"]
    code = f"import toposcope, sys; print([name for name in {heavy!r} if name in sys.modules and '.' not in name])"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.strip() == "[]"


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ([[0, 1], [2, 0]], "not symmetric"),
        ([[0, -1], [-1, 0]], "negative"),
        ([[0, np.nan], [np.nan, 0]], "NaN"),
        ([[0, 1, 2], [1, 0, 2]], "square"),
        ([[1, 2], [2, 0]], "diagonal"),
        ([0, 1, 2], "square"),
    ],
)
def test_what_is_no_matrix_of_distances(entry: list[Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        vietoris_rips(np.array(entry, dtype=np.float64), metric="precomputed")


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("degree", [0, 1])
def test_points_that_are_not_finite(value: float, degree: int) -> None:
    with pytest.raises(ActivationError, match="first in row 1"):
        vietoris_rips(np.array([[0.0], [value], [1.0]]), degree)


@pytest.mark.parametrize(
    "options",
    [{"threads": 0}, {"max_degree": -1}, {"memory": 0}, {"threshold": -1}, {"threshold": np.nan}, {"field": 4}],
)
def test_arguments_that_cannot_be(options: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        vietoris_rips(np.zeros((3, 2)), **options)


def test_the_bare_kernel_refuses_shapes_and_degrees() -> None:
    with pytest.raises(ValueError, match="square"):
        _native.persistence(np.zeros((2, 3)), 1, 1.0)
    with pytest.raises(ValueError, match="max_degree"):
        _native.persistence(np.zeros((2, 2)), 3, 1.0)
    with pytest.raises(ValueError, match="no such vertex"):
        _native.forest_of_edges(2, np.array([[0, 2]]))


def test_matrices_in_other_layouts() -> None:
    distances = matrices.matrix("euclidean", 40, np.random.default_rng(0))
    expected = vietoris_rips(distances, metric="precomputed")
    assert vietoris_rips(np.asfortranarray(distances), metric="precomputed") == expected
    assert vietoris_rips(np.repeat(np.repeat(distances, 2, 0), 2, 1)[::2, ::2], metric="precomputed") == expected
    negative_zero = distances.copy()
    negative_zero[negative_zero == 0] = -0.0
    assert vietoris_rips(negative_zero, metric="precomputed") == expected
    integers = np.round(distances * 10).astype(np.int64)
    assert np.array_equal(
        vietoris_rips(integers, metric="precomputed").pairs,
        vietoris_rips(integers.astype(np.float64), metric="precomputed").pairs,
    )


@pytest.mark.parametrize("metric", ["euclidean", "cosine", "manhattan"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_degree_zero_by_blocks(metric: str, dtype: type) -> None:
    points = np.random.default_rng(3).normal(size=(150, 5)).astype(dtype)
    points[40:60] = points[60:80]
    whole = vietoris_rips(points, 0, metric=metric)
    for block in (7, 64, 149, 150, 200):
        bars = components(points, metric, np.inf, block=block)
        found = bars.pairs[np.lexsort((bars.pairs[:, 1], bars.pairs[:, 0]))]
        assert found == pytest.approx(whole.pairs, rel=1e-6 if dtype == np.float32 else 1e-12)
    limit = float(np.median(whole.finite(0)[:, 1]))
    cut = components(points, metric, limit * 1.0001, block=50)
    assert len(cut.pairs) == len(whole.pairs)
    assert np.isinf(cut.pairs[:, 1]).sum() == 1 + (whole.finite(0)[:, 1] > limit * 1.0001).sum()


@pytest.mark.parametrize("metric", ["euclidean", "cosine", "manhattan"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_scale_of_a_cloud_without_its_matrix(metric: str, dtype: type) -> None:
    points = np.random.default_rng(3).normal(size=(150, 5)).astype(dtype)
    points[40:60] = points[60:80]
    distances = pairwise_distances(points, metric)
    upper = distances[np.triu_indices(150, 1)].astype(np.float64)
    for rule in ("q0.9", "q0.5", "q0.0123", "q1"):
        expected = np.quantile(upper, float(rule[1:]))
        assert scale_value(distances, rule) == expected
        for block in (7, 64, 149, 200):
            assert scale_of(points, metric, rule, block) == expected
    for n in (2, 3):
        few = points[:n]
        assert scale_of(few, metric, "q0.9", 1) == scale_value(pairwise_distances(few, metric), "q0.9")
    with pytest.raises(InputError, match="quantile of the distances is 0"):
        scale_of(np.repeat(points[:2], 50, axis=0), metric, "q0.1", 9)


def test_degree_zero_without_a_matrix_is_that_of_the_matrix(monkeypatch: pytest.MonkeyPatch) -> None:
    points = np.random.default_rng(4).normal(size=(300, 3)).astype(np.float32)
    whole = {scale: vietoris_rips(points, 0, scale=scale) for scale in (None, 2.0, "q0.9")}
    monkeypatch.setattr("toposcope.rips.engine.LARGEST_MATRIX", 100)
    monkeypatch.setattr("toposcope.rips.components._block_of", lambda dimension: 64)
    for scale, expected in whole.items():
        found = vietoris_rips(points, 0, scale=scale)
        assert found == expected
        assert found.filtration.scale_value == expected.filtration.scale_value
    with pytest.raises(InputError, match="budget"):
        vietoris_rips(points, 0, memory=1e6)
    assert estimate_rips(points, 0, n_points=50_000).bytes < 1 << 30
    assert estimate_rips(points, 1, n_points=50_000).bytes > 10**10


@pytest.mark.parametrize(("n", "block"), [(1, 5), (5, 5), (6, 5), (100, 9), (130, 40), (49, 7)])
def test_blocks_hold_every_pair_and_few_of_them_twice(n: int, block: int) -> None:
    times = np.zeros((n, n), dtype=int)
    largest = 0
    for rows in _lines(n, block):
        times[np.ix_(rows, rows)] += 1
        largest = max(largest, len(rows))
    assert times[~np.eye(n, dtype=bool)].min(initial=1) == 1
    assert largest <= block + np.sqrt(n)
    assert np.triu(times, 1).sum() <= 1.6 * max(1, n * (n - 1) / 2)


def test_degree_zero_of_a_large_cloud_needs_no_matrix() -> None:
    import tracemalloc

    points = np.random.default_rng(3).normal(size=(4200, 3)).astype(np.float32)
    tracemalloc.start()
    scaled = vietoris_rips(points, 0, scale=2.0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(scaled) == 4200
    assert peak < 250e6
    assert scaled.finite(0).sum() == pytest.approx(vietoris_rips(points, 1).finite(0).sum() / 2, rel=1e-5)


def test_a_budget_is_refused_with_what_would_fit() -> None:
    points = np.zeros((6000, 10), dtype=np.float32)
    with pytest.raises(InputError, match=r"6000 points .* budget is 140\.0 MB; (\d+) points would fit") as caught:
        vietoris_rips(points, 1, memory=140 * 2**20)
    fits = int(str(caught.value).split("; ")[1].split()[0])
    check_budget(fits, 10, 4, 1, 1, 140 * 2**20)
    with pytest.raises(InputError):
        check_budget(fits + 1, 10, 4, 1, 1, 140 * 2**20)
    with pytest.raises(InputError, match="not even one point"):
        vietoris_rips(points, 1, memory=10)
    assert len(vietoris_rips(points[:50], 1, memory=1e9)) == 1


PEAK = """
import sys, numpy as np
from pathlib import Path
from toposcope.rips import _native
def status(field):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(field))
n, threads = int(sys.argv[1]), int(sys.argv[2])
points = np.random.default_rng(0).normal(size=(n, 12)).astype(np.float32)
squares = np.sum(points**2, axis=1)
d = np.sqrt(np.maximum(squares[:, None] + squares[None] - 2 * points @ points.T, 0))
d = np.ascontiguousarray(np.minimum(d, d.T))
np.fill_diagonal(d, 0)
_native.persistence(d[:40, :40].copy(), 1, np.inf, threads)
Path("/proc/self/clear_refs").write_text("5")
before = status("VmRSS")
_native.persistence(d, 1, np.inf, threads)
print(status("VmHWM") - before)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux") or SANITIZED, reason="needs /proc")
@pytest.mark.parametrize(("n", "threads"), [(700, 1), (1600, 1), (1600, 2)])
def test_the_kernel_keeps_to_its_estimate(n: int, threads: int) -> None:
    # What is freed goes back to the system at once, so that the kernel does not find memory that the cloud has left.
    alone = {**os.environ, "MALLOC_MMAP_THRESHOLD_": "65536"}
    command = [sys.executable, "-c", PEAK, str(n), str(threads)]
    said = subprocess.run(command, env=alone, capture_output=True, text=True, check=True, timeout=200).stdout
    assert 0 < int(said) <= kernel_bytes(n, 1, threads)
    assert int(said) <= 0.6 * 4 * n * n + 20e6


def test_estimates_bound_memory_and_grow() -> None:
    points = np.random.default_rng(0).normal(size=(600, 8)).astype(np.float32)
    small, large = (estimate_rips(points, 2, n_points=n) for n in (600, 6000))
    assert small.bytes == matrix_bytes(600, 8, 4) + kernel_bytes(600, 2)
    assert large.matrix_bytes > 30 * 600 * 600 * 4
    assert 50 * small.operations < large.operations
    assert small.distance_operations < small.operations
    assert estimate_rips(points, 1, threads=4).kernel_bytes > estimate_rips(points, 1).kernel_bytes
    assert estimate_rips(np.zeros((0, 4))).operations == 0
    with pytest.raises(InputError, match="not forecast"):
        estimate_rips(points, 3)
