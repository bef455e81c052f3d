"""A study: a frozen plan, the tasks it asks for, and the results it gives."""

from __future__ import annotations

from toposcope.study.plan import Study
from toposcope.study.recipes import RECIPES
from toposcope.study.results import Failure, Results

TEMPLATES = {name: recipe.template for name, recipe in RECIPES.items()}
"""Recipe → a commented plan, as `toposcope init RECIPE` prints it."""

__all__ = ["TEMPLATES", "Failure", "Results", "Study"]
