"""The demo: three architectures trained live on scikit-learn's digits, compared, and reported."""

from __future__ import annotations

from toposcope.demo.plan import demo

__all__ = ["demo"]
