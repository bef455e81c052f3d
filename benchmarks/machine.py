"""What a table of benchmarks says of the machine it was taken on."""

from __future__ import annotations

import os
import platform
from pathlib import Path


def machine() -> str:
    """Cores, processor, memory, Python, and how busy the machine is now."""
    model, cpuinfo = platform.machine(), Path("/proc/cpuinfo")
    if cpuinfo.exists():
        named = [
            line.split(":")[1].strip() for line in cpuinfo.read_text().splitlines() if line.startswith("model name")
        ]
        model = named[0] if named else model
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    python, load = platform.python_version(), os.getloadavg()[0]
    return f"{os.cpu_count()} cores ({model}), {memory:.0f} GB, Python {python}, load {load:.1f}"
