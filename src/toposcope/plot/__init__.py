"""Nouns as matplotlib Axes, ready to be printed: every function takes a noun, draws on `ax` or a new one, returns it.

Degrees differ by colour and by shape, colours are told apart by colour-blind readers, and a bar that never dies is
drawn at the top, at infinity. matplotlib is imported by the first drawing, and comes with `toposcope[plot]`.
"""

from __future__ import annotations

from toposcope.plot.comparisons import heatmap, map
from toposcope.plot.curves import betti, depth
from toposcope.plot.cycles import cycle
from toposcope.plot.diagrams import barcode, diagram
from toposcope.plot.matchings import matching

__all__ = ["barcode", "betti", "cycle", "depth", "diagram", "heatmap", "map", "matching"]
