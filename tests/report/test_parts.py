"""What the page is made of: escaping, numbers, colours and the map."""

from __future__ import annotations

import json
import math
import re
from importlib import resources

import numpy as np
import pytest

from toposcope.report.embedding import embed
from toposcope.report.index import Index
from toposcope.report.markup import Html, escaped, plain, script_json, tag
from toposcope.report.numbers import counted, number, p_value, packed, whole
from toposcope.report.palette import STEPS, variables
from toposcope.report.payload import _first_pair


def test_markup_escapes_children_and_attributes() -> None:
    assert tag("p", "<b>", Html("<i></i>"), class_='"x"', hidden=True, id_=None) == (
        '<p class="&quot;x&quot;" hidden>&lt;b&gt;<i></i></p>'
    )
    assert tag("meta", charset="utf-8") == '<meta charset="utf-8">'
    assert escaped("a\nb<", lines=True) == "a\nb&lt;"


def test_plain_shows_what_cannot_be_seen() -> None:
    assert plain("a\r\nb\x00\u202ec\u200b\ud800") == "a⏎b\ufffd\ufffdc\ufffd\ufffd"
    assert plain(None) == plain(math.nan) == ""
    assert plain(3) == "3"


def test_script_json_cannot_end_its_script() -> None:
    value = {"</script><!--": ["\u2028&\ud800", "ü"]}
    text = script_json(value)
    assert not re.search("[<>&\u2028\ud800]", text)
    assert json.loads(text) == value
    with pytest.raises(ValueError, match="JSON compliant"):
        script_json([math.nan])


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"), (-2.5e-16, "0"), (1.23456, "1.23"), (0.0494478, "0.0494"), (12345.6, "12\u202f346"), (-0.5, "−0.500"),
        (1.2e-5, "1.20e−05"), (math.nan, "–"), (math.inf, "∞"), (-math.inf, "−∞"), (None, "–"), ("x", "–"),
    ],
)  # fmt: skip
def test_numbers_as_people_read_them(value: object, text: str) -> None:
    assert number(value) == text


def test_other_numbers() -> None:
    assert [p_value(p) for p in (1.0, 0.1234, 0.07, 0.0078125, 1e-5, math.nan)] == [
        "1.00", "0.12", "0.070", "0.0078", "1.0e−05", "–",
    ]  # fmt: skip
    assert whole(12345) == "12\u202f345"
    assert whole(None) == "–"
    assert [counted(k, "class") for k in (0, 1, 2)] == ["0 classes", "1 class", "2 classes"]
    assert counted(2, "copy") == "2 copies"
    assert [packed(x) for x in (1.234567, 3.0, math.nan, math.inf, -math.inf, None)] == [
        1.235,
        3,
        None,
        "inf",
        "-inf",
        None,
    ]


def test_planar_distances_are_met_exactly(rng: np.random.Generator) -> None:
    points = rng.normal(size=(12, 2))
    distances = np.linalg.norm(points[:, None] - points[None], axis=-1)
    places, stress = embed(distances)
    assert stress < 1e-6
    np.testing.assert_allclose(np.linalg.norm(places[:, None] - places[None], axis=-1), distances, atol=1e-6)
    assert places[0, 0] <= 0
    assert places[1, 1] >= places[0, 1]
    np.testing.assert_array_equal(embed(distances)[0], places)


def test_missing_distances_carry_no_weight(rng: np.random.Generator) -> None:
    points = rng.normal(size=(10, 2))
    distances = np.linalg.norm(points[:, None] - points[None], axis=-1)
    distances[2, 7] = distances[7, 2] = np.inf
    distances[4, :] = distances[:, 4] = np.nan
    places, stress = embed(distances, steps=5000, tolerance=1e-14)
    assert np.isnan(places[4]).all()
    kept = [k for k in range(10) if k != 4]
    assert np.isfinite(places[kept]).all()
    assert stress < 1e-3


def test_stress_of_a_simplex_is_that_of_the_definition() -> None:
    distances = 1.0 - np.eye(5)
    places, stress = embed(distances)
    reached = np.linalg.norm(places[:, None] - places[None], axis=-1)
    want = math.sqrt(((distances - reached) ** 2).sum() / (reached**2).sum())
    assert stress == pytest.approx(want)
    assert stress > 0.1


@pytest.mark.parametrize("distances", [np.zeros((0, 0)), np.zeros((1, 1)), np.full((3, 3), np.inf), np.zeros((3, 3))])
def test_degenerate_maps(distances: np.ndarray) -> None:
    places, stress = embed(distances)
    assert places.shape == (len(distances), 2)
    assert stress == 0.0


def luminance(code: str) -> float:
    """Relative luminance of a colour, as WCAG 2 defines it."""
    parts = [int(code[k : k + 2], 16) / 255 for k in (0, 2, 4)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return float(np.dot([0.2126, 0.7152, 0.0722], linear))


@pytest.mark.parametrize("dark", [False, True])
def test_text_and_marks_stand_out(dark: bool) -> None:
    style = resources.files("toposcope.report").joinpath("assets", "page.css").read_text(encoding="utf-8")
    block = re.findall(r":root \{(.*?)\}", style, flags=re.DOTALL)[dark]
    colours = {name: code if len(code) == 6 else code * 2 for name, code in re.findall(r"--(\w[\w-]*): #(\w+);", block)}

    def contrast(a: str, b: str) -> float:
        high, low = sorted((luminance(colours[a]), luminance(colours[b])), reverse=True)
        return (high + 0.05) / (low + 0.05)

    for text in ("ink", "quiet", "accent"):
        for ground in ("page", "soft"):
            assert contrast(text, ground) >= 4.5, (text, ground)
    assert contrast("flag", "flag-page") >= 4.5
    for mark in [*(f"c{k}" for k in range(8)), "accent"]:
        assert contrast(mark, "page") >= 3, mark


@pytest.mark.parametrize("dark", [False, True])
def test_heat_is_monotone_in_lightness_and_its_ink_readable(dark: bool) -> None:
    colours = re.findall(r"--h\d+:#(\w{6});--i\d+:#(\w{3});", variables(dark))
    assert len(colours) == STEPS

    light = np.array([luminance(code) for code, _ in colours])
    assert (np.diff(light if dark else -light) > -1e-4).all()
    for (_, ink), value in zip(colours, light, strict=True):
        other = 1.0 if ink == "fff" else 0.0
        assert (max(value, other) + 0.05) / (min(value, other) + 0.05) >= 4.5


def test_the_layer_view_opens_with_the_first_claim_about_two_layers() -> None:
    index = Index(["net"], [(0, "a"), (0, "b"), (0, "c")], [0.0, 0.5, 1.0], {})
    treated = {"cells": [{"a": 0, "b": 0, "effect": 9.0}]}  # one layer, with and without its outliers
    pairs = {
        "cells": [{"a": 0, "b": 1, "effect": 1.0}, {"a": 1, "b": 2, "effect": 2.0}, {"a": 0, "b": 2, "effect": None}]
    }
    assert _first_pair([treated, pairs], index) == [1, 2]
    assert _first_pair([treated], index) == [0, 2]
