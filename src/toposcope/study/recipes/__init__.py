"""The questions a study can ask, one file each: what has to be measured, and the verdict that comes of it."""

from __future__ import annotations

from toposcope.study.recipes import layers
from toposcope.study.verdicts import Recipe

RECIPES: dict[str, Recipe] = {"layers": layers}
"""Name in a plan → recipe."""
