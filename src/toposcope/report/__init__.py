"""Results → one HTML file that opens offline, by double click, and asks the network for nothing."""

from __future__ import annotations

from toposcope.report.page import report

__all__ = ["report"]
