"""Sequential colours of heatmaps as CSS variables: far is dark on a light page, and bright on a dark one."""

from __future__ import annotations

STEPS = 64
_MAKO = (
    "#15091a",
    "#281836",
    "#38295a",
    "#403f7d",
    "#3b5699",
    "#376fa1",
    "#3488a6",
    "#3ba2ab",
    "#5dbbac",
    "#a3dcbb",
    "#e2f4e8",
)


def variables(dark: bool) -> str:
    """`--h0` … `--h63`, from near to far, and `--i0` … `--i63`, the ink that can be read on each."""
    parts = []
    for step in range(STEPS):
        share = step / (STEPS - 1)
        colour = _at(0.07 + 0.93 * share if dark else 1 - 0.95 * share)
        parts.append(f"--h{step}:#{colour[0]:02x}{colour[1]:02x}{colour[2]:02x};--i{step}:{_ink(colour)};")
    return "".join(parts)


def _at(share: float) -> tuple[int, int, int]:
    place = share * (len(_MAKO) - 1)
    below = min(int(place), len(_MAKO) - 2)
    a, b = ([int(_MAKO[below + side][channel : channel + 2], 16) for channel in (1, 3, 5)] for side in (0, 1))
    mixed = [round(x + (place - below) * (y - x)) for x, y in zip(a, b, strict=True)]
    return mixed[0], mixed[1], mixed[2]


def _ink(colour: tuple[int, int, int]) -> str:
    """Black or white, whichever stands out more (WCAG relative luminance)."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (part / 255 for part in colour)]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return "#000" if (luminance + 0.05) / 0.05 > 1.05 / (luminance + 0.05) else "#fff"
