"""What notebooks show: every noun, escaped, the same in light and dark, well-formed."""

import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest

import toposcope as ts
from tests.conftest import save_layers
from toposcope import _html

HOSTILE = "<script>alert(1)</script> & \x1b[2J\"'"


def parsed(noun: object) -> ElementTree.Element:
    """The HTML of a noun as a tree: well-formed, with no script and nothing to fetch."""
    source = noun._repr_html_()
    tree = ElementTree.fromstring(source)
    for element in tree.iter():
        assert element.tag.rpartition("}")[2] not in ("script", "style", "img", "link", "a", "iframe")
        assert not {name for name in element.attrib if name.startswith("on") or name in ("href", "src")}
    assert "\x1b" not in source
    assert "nan" not in re.findall(r"[a-z]+", source.lower())
    return tree


def words(noun: object) -> str:
    return " ".join(parsed(noun).itertext())


def test_a_representation() -> None:
    ids = np.array(["a", "b", HOSTILE, "d"])
    labels = np.array(["cat", HOSTILE, "cat", "dog"])
    one = ts.Representation(np.eye(4, 3), ids, labels, ts.Source(HOSTILE, layer="conv", depth=0.5))
    said = words(one)
    assert "<script>alert(1)</script> & \\x1b[2J\"' / conv" in said
    for part in ("points 4", "dimensions 3", "depth 0.5", "cat 2", "dog 1"):
        assert part.replace(" ", "") in said.replace(" ", "")
    many = ts.Representation(np.zeros((30, 2)), np.arange(30), np.arange(30))
    assert "and 20 more" in words(many)
    assert "class" not in words(ts.Representation(np.zeros((2, 2)), np.arange(2)))


def test_a_diagram_has_a_mark_for_every_bar() -> None:
    rng = np.random.default_rng(0)
    one = ts.vietoris_rips(rng.normal(size=(40, 3)), max_degree=2, scale="q0.9")
    tree = parsed(one)
    marks = [path.attrib["d"] for path in tree.iter("{http://www.w3.org/2000/svg}path") if "fill" in path.attrib]
    assert [mark.count("M") for mark in marks] == [len(one.in_degree(k)) for k in range(3)]
    assert len({re.sub("M[^m]*", "", mark)[:20] for mark in marks}) == 3  # a shape for every degree
    said = " ".join(tree.itertext())
    assert "∞" in said
    assert "q0.9" in said
    for empty in (ts.vietoris_rips(np.zeros((0, 2))), ts.vietoris_rips(np.zeros((1, 2)))):
        parsed(empty)


def test_a_comparison_names_its_values() -> None:
    values = np.array([[0.0, np.inf], [np.inf, 0.0]])
    said = words(ts.Comparison(values, (HOSTILE, "b"), "W1", {"order": 1}))
    assert "∞" in said
    assert "order=1" in said
    assert "smaller is more similar" in said
    larger = ts.Comparison(np.array([[1.0, 0.25], [0.25, 1.0]]), ("a", "b"), "CKA", larger_is_more_similar=True)
    squares = [rect.attrib["fill-opacity"] for rect in parsed(larger).iter("{http://www.w3.org/2000/svg}rect")]
    assert squares == ["0.08", "1.00", "1.00", "0.08"]  # far is strong
    parsed(ts.Comparison(np.empty((0, 0)), (), "W1"))
    bounds = ts.Comparison(np.zeros((2, 2)), ("a", "b"), "W1", computed=np.eye(2, dtype=bool))
    assert "2 of 4 values" in words(bounds)


def test_a_matching_shows_the_largest_moves() -> None:
    found = ts.Matching(np.array([[0, 1], [1, -1]]), np.array([0.25, 3.0]))
    assert re.search(r"1\s*diagonal\s*3", words(found).replace("  ", " "))


@pytest.mark.parametrize(("low", "high"), [(-1.0, 2.0), (3.0, np.inf), (0.0, 0.0)])
def test_an_interval(low: float, high: float) -> None:
    assert "Student" in words(ts.Interval(low, high, 0.95, "Student t"))


def test_a_test() -> None:
    interval = ts.Interval(-0.5, 0.75, 0.95, "jackknife")
    null = np.random.default_rng(0).normal(size=500)
    one = ts.TestResult(1.5, 0.03, 0.25, interval, null, "draw", 7, f"claim {HOSTILE}", 0.2, "max-t")
    said = words(one)
    for part in ("claim <script>", "0.03", "0.2 (max-t)", "0.25 [-0.5, 0.75]", "observed 1.5", "jackknife"):
        assert part in said
    rects = list(parsed(one).iter("{http://www.w3.org/2000/svg}rect"))
    assert len(rects) == 24
    assert "no interval" in words(ts.TestResult(1.0, 1.0, 0.0, None, np.ones(3), "draw", 0, "c"))


def test_verdicts_of_bars_and_of_equivalence() -> None:
    rng = np.random.default_rng(0)
    assert "bars significant at 0.05" in words(ts.bar_significance(ts.vietoris_rips(rng.normal(size=(150, 2)))))
    x = ts.Representation(rng.normal(size=(160, 3)), np.arange(160))
    y = ts.Representation(rng.normal(size=(160, 3)), np.arange(160, 320))
    result = ts.test_equivalence(x, y, margin=1.0, size=16)
    assert result.claim in words(result)
    assert "margin" in words(result)


def test_a_plan_and_its_results(tmp_path: Path) -> None:
    save_layers(tmp_path)
    plan = tmp_path / "plan.toml"
    plan.write_text(
        f'recipe = "layers"\n[[network]]\nname = "<b>net"\nrepresentations = "{tmp_path.as_posix()}"\n'
        "[cloud]\nsize = 12\ndraws = 4\n"
    )
    study = ts.Study.read(plan)
    assert "4 disjoint draws of 12" in words(study)
    assert "<b>net" in words(study)
    results = ts.run(study, tmp_path / "run", thumbnails=False)
    said = words(results)
    assert results.headline in said
    assert re.search(r"layers\s*3", said)


def test_long_lists_say_how_many_there_are() -> None:
    assert "and 88 more" in _html.listed(range(100))
    assert _html.listed([]) == ""


def test_colours_stand_out_on_white_and_on_black() -> None:
    for colour in _html.DEGREES:
        parts = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
        assert 1.05 / (luminance + 0.05) > 3
        assert (luminance + 0.05) / 0.05 > 3


def test_numbers_stand_to_the_right_and_words_to_the_left() -> None:
    rows = [("a", 3, "1.5e-05", "–", "3 of 4"), ("b", -2, "0.25", "∞", "none")]
    sides = re.findall(r"<t([hd])[^>]*text-align:(\w+)", _html.table(list("vwxyz"), rows))
    assert sides[:5] == [("h", side) for side in ("left", "right", "right", "right", "left")]
    assert [side for _cell, side in sides[5:]] == ["left", "right", "right", "right", "left"] * 2
