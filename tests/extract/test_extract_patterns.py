"""Layer patterns: what they mean, and that none of them takes for ever."""

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toposcope._errors import LayerError
from toposcope.extract import patterns


@pytest.mark.parametrize(
    ("pattern", "name", "matches"),
    [
        ("layer*", "layer1", True),
        ("layer*", "layer1.0", False),
        ("layer**", "layer1.0.conv1", True),
        ("*.0", "layer1.0", True),
        ("*.0", "a.b.0", False),
        ("**.0", "a.b.0", True),
        ("layer?", "layer1", True),
        ("layer?", "layer12", False),
        ("l?yer", "l.yer", False),
        ("conv[1]", "conv[1]", True),
        ("conv[1]", "conv1", False),
        ("a.b", "axb", False),
        (r"re:layer\d", "layer1", True),
        (r"re:layer\d", "layer1.0", False),
        ("/layer1/*", "/layer1/Conv", True),
        ("layer1.*", "/layer1/Conv", True),
        ("/layer1/*", "/layer1/block/Conv", False),
        ("**Conv", "/layer1/block/Conv", True),
    ],
)
def test_patterns(pattern, name, matches):
    assert patterns.matches(pattern, name) is matches


@given(st.from_regex(r"[ab0]+(\.[ab0]+){0,3}", fullmatch=True), st.data())
def test_a_star_in_place_of_a_part_matches(name, data):
    parts = name.split(".")
    k = data.draw(st.integers(0, len(parts) - 1))
    assert patterns.matches("**", name)
    assert patterns.matches(".".join([*parts[:k], "*", *parts[k + 1 :]]), name)


@given(st.text("a.*?/", max_size=8), st.text("a./", max_size=8))
def test_globs_are_the_regular_expressions_that_they_stand_for(glob, name):
    globs = {"**": ".*", "*": r"[^.]*", "?": r"[^.]"}
    plain, given_name = (text.replace("/", ".").lstrip(".") for text in (glob, name))
    expression = "".join(globs.get(part, re.escape(part)) for part in re.split(r"(\*\*|\*|\?)", plain))
    assert patterns.matches(glob, name) is (re.fullmatch(expression, given_name) is not None)


def test_globs_take_no_time():
    began = time.process_time()
    assert patterns.matching("**a" * 60 + "b", ["a" * 200]) == set()
    assert patterns.matching("**" * 300, ["a" * 200]) == {"a" * 200}
    assert time.process_time() - began < 5


@pytest.mark.parametrize("expression", ["(a+)+b", "(a|aa)*b", "a?" * 30 + "a" * 30, ".*" * 8 + "b"])
def test_an_expression_that_would_take_for_ever_is_refused(monkeypatch, expression):
    monkeypatch.setattr(patterns, "SECONDS", 0.3)
    with pytest.raises(LayerError, match=r"still trying after 0.3 s.*write it without repeated groups"):
        patterns.matching(f"re:{expression}", ["a" * 400])


def test_an_expression_that_looks_like_it_and_is_not_means_what_it_says():
    names = ["layer1.0.conv", "layer2.10.conv", "layer2.x.conv", "head"]
    found = patterns.matching(r"re:(layer\d)+\.(\d+\.)+(conv|bn)?", names)
    assert found == set(names[:2])


@pytest.mark.parametrize("expression", ["(", "a{2,1}", "(?P<a", "(" * 900, "[", "a{99999999999}"])
def test_what_is_no_expression(expression):
    with pytest.raises(LayerError, match="is not a regular expression"):
        patterns.matching(f"re:{expression}", ["a"])


def test_a_pattern_has_a_length():
    with pytest.raises(LayerError, match=r"'aaa.*'… has 1001 characters; use at most 1000"):
        patterns.matching("a" * 1001, ["a"])
