"""What a worker does with one task."""

import resource
from pathlib import Path

import numpy as np
import pytest

import toposcope as ts
from tests.pools.jobs import Job
from toposcope.pools import Limits
from toposcope.pools.work import attempt, memory_limit, one_thread, size_in_words, size_of_words
from toposcope.store import Store


@pytest.mark.parametrize(
    ("text", "size"),
    [("2GB", 2 * 10**9), ("500 MB", 5 * 10**8), ("1.5GiB", 3 << 29), ("1000", 1000), ("4k", 4000), ("7 b", 7)],
)
def test_sizes(text: str, size: int) -> None:
    assert size_of_words(text) == size


@pytest.mark.parametrize("text", ["", "GB", "two", "-1GB", "0", "1 XB", "nan", "inf", "1e99999GB"])
def test_sizes_that_are_none(text: str) -> None:
    with pytest.raises(ts.InputError, match="is not an amount of memory"):
        size_of_words(text)


def test_size_in_words() -> None:
    assert [size_in_words(size) for size in (12, 1500, 2.5e9)] == ["12 bytes", "1.5 kB", "2.5 GB"]


def test_memory_is_limited_and_given_back(tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_DATA)
    outcome = attempt(Job(0, "memory"), Store(tmp_path), Limits(memory=2 << 30))
    assert outcome.fault is not None
    assert outcome.fault.kind == "memory"
    assert outcome.fault.message.startswith("out of memory under a limit of 2.15 GB per worker")
    assert resource.getrlimit(resource.RLIMIT_DATA) == before
    np.save(tmp_path / "large.npy", np.zeros(1 << 24))
    with memory_limit(1 << 30):  # a mapped file is no data
        mapped = [np.load(tmp_path / "large.npy", mmap_mode="r") for _ in range(20)]
        assert sum(float(array[0]) for array in mapped) == 0


def test_one_thread_also_for_what_is_loaded_meanwhile() -> None:
    from threadpoolctl import threadpool_info

    with one_thread(torch_too=False):
        import scipy.linalg  # noqa: F401 (loads a library with threads of its own)

        blas = [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]
        assert blas
        assert set(blas) == {1}
