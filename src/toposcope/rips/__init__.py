"""Vietoris–Rips persistent homology."""

from __future__ import annotations

from toposcope.rips.vietoris_rips import vietoris_rips

__all__ = ["vietoris_rips"]
