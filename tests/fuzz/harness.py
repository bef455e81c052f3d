"""What every fuzzer shares: how many cases, what a file may do to the program, and how bytes are changed."""

from __future__ import annotations

import contextlib
import os
import resource
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import toposcope as ts

SHORT, LONG = int(os.environ.get("TOPOSCOPE_FUZZ_CASES", "60")), 100_000
ROUND = 10_000
MEMORY = 1 << 30
"""Bytes that one case may ask for beyond what the process holds already."""
SECONDS = 20.0
"""Of processor time that one case may take."""

cases = pytest.mark.parametrize("count", [SHORT, pytest.param(LONG, marks=[pytest.mark.slow, pytest.mark.timeout(0)])])


def many(count: int, test: Callable[..., None], *strategies: st.SearchStrategy[Any]) -> None:
    """Run `test` over so many drawn cases, in rounds, because hypothesis remembers every case of one."""
    rounds = -(-count // ROUND)
    chosen = settings(
        max_examples=-(-count // rounds),
        deadline=None,
        database=None,
        derandomize=count == 60,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.explicit, Phase.generate, Phase.shrink),
    )
    began, done = time.monotonic(), 0

    def counted(drawn: tuple[Any, ...]) -> None:
        nonlocal done
        done += 1
        test(*drawn)

    for _ in range(rounds):
        with bounded():
            chosen(given(st.tuples(*strategies))(counted))()
    assert done >= count
    print(f"\n{done} cases of {test.__qualname__} in {time.monotonic() - began:.0f} s", flush=True)


@contextlib.contextmanager
def bounded() -> Iterator[None]:
    """Memory that is asked for without bound is refused by the system, which the cases then show."""
    with open("/proc/self/statm") as file:
        held = int(file.read().split()[0]) * resource.getpagesize()
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (held + MEMORY, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


@contextlib.contextmanager
def tame() -> Iterator[None]:
    """Whatever is inside ends soon, well or with one of toposcope's own errors, in words and without much memory."""
    began = time.process_time()
    raised: list[ts.ToposcopeError] = []
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            warnings.simplefilter("ignore", ts.ToposcopeWarning)
            yield
    except ts.ToposcopeError as error:
        raised.append(error)
    for error in raised:
        said = str(error)
        assert 0 < len(said) < 4000
        assert "Unable to allocate" not in said
        assert not isinstance(error.__cause__, MemoryError)
    assert time.process_time() - began < SECONDS


@st.composite
def changed(draw: st.DrawFn, whole: bytes, most: int = 4) -> bytes:
    """`whole` with a few bytes flipped, replaced, removed, repeated or inserted, or its end cut off."""
    content = bytearray(whole)
    for _ in range(draw(st.integers(1, most))):
        place = draw(st.integers(0, max(len(content) - 1, 0)))
        length = draw(st.integers(1, 8))
        how = draw(st.sampled_from(["flip", "put", "remove", "repeat", "insert", "cut"]))
        if how == "flip" and content:
            content[place] ^= 1 << draw(st.integers(0, 7))
        elif how == "put":
            content[place : place + length] = draw(st.sampled_from(_TELLING)) or draw(st.binary(max_size=8))
        elif how == "remove":
            del content[place : place + length]
        elif how == "repeat":
            content[place:place] = content[place : place + 64 * length]
        elif how == "insert":
            content[place:place] = draw(st.binary(max_size=8))
        else:
            del content[place:]
    return bytes(content)


_TELLING = [
    b"",
    b"\xff\xff\xff\xff",
    b"\0\0\0\0",
    b"\x7f\xff\xff\xff",
    b"99999999",
    b"\xff\xff\xff\xff\xff\xff\xff\x7f",
    b"PK\1\2",
]
