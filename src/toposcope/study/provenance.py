"""Where a result came from: versions and machine."""

from __future__ import annotations

import os
import platform
from typing import Any

from toposcope._version import __version__
from toposcope.study.tasks import installed_versions

PACKAGES = (
    "numpy",
    "scipy",
    "gudhi",
    "scikit-learn",
    "pandas",
    "torch",
    "torchvision",
    "timm",
    "transformers",
    "onnxruntime",
)


def surroundings() -> dict[str, Any]:
    """toposcope, Python, the machine's kind, and the versions of every package that a result depends on."""
    return {
        "toposcope": __version__,
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
        **installed_versions(*PACKAGES),
    }
