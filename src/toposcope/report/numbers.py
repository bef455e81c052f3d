"""Numbers as people read them, and as they travel in the page."""

from __future__ import annotations

import math

NONE = "–"


def number(value: object, digits: int = 3) -> str:
    """Three significant digits, no exponent between a thousandth and a million; "–" for NaN, "∞" for infinity."""
    x = real(value)
    if math.isnan(x):
        return NONE
    if math.isinf(x):
        return "∞" if x > 0 else "−∞"
    if abs(x) < 1e-12:  # what is left of rounding
        return "0"
    if abs(x) < 1e-3 or abs(x) >= 1e6:
        return f"{x:.{digits - 1}e}".replace("-", "−")
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(x))))
    return f"{x:,.{decimals}f}".replace(",", "\N{NARROW NO-BREAK SPACE}").replace("-", "−")


def p_value(value: object) -> str:
    """Two significant digits, and never 0."""
    x = real(value)
    if math.isnan(x):
        return NONE
    if x >= 0.1:
        return f"{x:.2f}"
    return f"{x:#.2g}" if x >= 1e-4 else f"{x:.1e}".replace("-", "−")


def whole(value: object) -> str:
    """An integer with narrow spaces, at which no line breaks, between thousands."""
    x = real(value)
    return NONE if not math.isfinite(x) else f"{round(x):,}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def counted(count: int, noun: str) -> str:
    """ "1 layer", "2 layers"; a noun that ends in s or y is declined as English does."""
    if count == 1:
        return f"1 {noun}"
    plural = noun[:-1] + "ies" if noun.endswith("y") else noun + ("es" if noun.endswith("s") else "s")
    return f"{whole(count)} {plural}"


def real(value: object) -> float:
    """`value` as a float; NaN for what is not a number."""
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return math.nan


def packed(value: object, digits: int = 4) -> float | str | None:
    """A number for the page's JSON: four significant digits, None for NaN, "inf" for infinity, which JSON lacks."""
    x = real(value)
    if math.isnan(x):
        return None
    if math.isinf(x):
        return "inf" if x > 0 else "-inf"
    rounded = float(f"{x:.{digits}g}")
    return int(rounded) if rounded == int(rounded) and abs(rounded) < 1e15 else rounded
