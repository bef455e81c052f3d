"""Vietoris–Rips persistent homology."""

from __future__ import annotations

from toposcope.rips.counts import LuneCounts, lune_counts
from toposcope.rips.estimate import RipsEstimate, estimate_rips
from toposcope.rips.vietoris_rips import vietoris_rips

__all__ = ["LuneCounts", "RipsEstimate", "estimate_rips", "lune_counts", "vietoris_rips"]
