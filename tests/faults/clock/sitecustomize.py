"""A wall clock that jumps back and forth by days, for a process and all that it starts."""

import datetime
import itertools
import time

_real = time.time
_jumps = itertools.cycle((0.0, 86_400.0, -2e8, 3e8, -5.0))


def _jumping() -> float:
    return _real() + next(_jumps)


time.time = _jumping
time.time_ns = lambda: int(_jumping() * 1e9)
assert datetime  # imported before, so that its own clock stays: it stands in provenance only
