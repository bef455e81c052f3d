"""Diagrams and barcodes: what is drawn is what was given."""

import warnings

import numpy as np
import pytest
from matplotlib import pyplot

import toposcope as ts

TWO = ts.PersistenceDiagram(
    np.array([[0.0, 1.0], [0.0, np.inf], [0.5, 2.0], [1.0, np.inf]]),
    np.array([0, 0, 1, 1]),
    ts.Filtration(scale="q0.9", n_points=3, max_degree=1),
)


def points_of(ax, label: str) -> np.ndarray:
    (found,) = [marks for marks in ax.collections if str(marks.get_label()).startswith(label)]
    return np.asarray(found.get_offsets())


def test_a_diagram_draws_every_bar_and_infinity_at_the_top() -> None:
    ax = ts.plot.diagram(TWO)
    infinity = points_of(ax, "H0")[1, 1]
    assert infinity > 2.0
    np.testing.assert_array_equal(points_of(ax, "H0"), [[0, 1], [0, infinity]])
    np.testing.assert_array_equal(points_of(ax, "H1"), [[0.5, 2], [1, infinity]])
    assert ax.get_ylim()[1] > infinity
    assert ax.get_xlabel() == "birth (diameter / 0.9-quantile of distances)"
    assert ax.get_ylabel() == "death (diameter / 0.9-quantile of distances)"
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["H0: 2 bars", "H1: 2 bars"]
    assert "∞" in [text.get_text() for text in ax.texts]


def test_degrees_differ_in_colour_and_in_shape() -> None:
    ax = ts.plot.diagram(TWO)
    shapes = [marks.get_paths()[0].vertices.tolist() for marks in ax.collections]
    assert shapes[0] != shapes[1]
    assert tuple(ax.collections[0].get_facecolor()[0]) != tuple(ax.collections[1].get_facecolor()[0])
    looks = {(ts.plot.axes.colour(k), ts.plot.axes.marker(k)) for k in range(64)}
    assert len(looks) == 64


def test_it_draws_where_it_is_told() -> None:
    _figure, both = pyplot.subplots(1, 2)
    assert ts.plot.diagram(TWO, degrees=1, ax=both[1]) is both[1]
    assert len(both[1].collections) == 1
    assert not both[0].collections
    assert ts.plot.diagram(TWO) is not both[0]


def test_without_essential_bars_there_is_no_infinity() -> None:
    finite = ts.PersistenceDiagram(np.array([[1.0, 2.0]]), np.array([1]), ts.Filtration(scale=2.0))
    ax = ts.plot.diagram(finite, degrees=1)
    assert not ax.texts
    assert ax.get_xlabel() == "birth (diameter / 2)"
    empty = ts.plot.diagram(ts.vietoris_rips(np.zeros((0, 2))))
    assert points_of(empty, "H1: 0 bars").shape == (0, 2)


def test_significant_bars_are_ringed_and_the_line_parts_them(rng: np.random.Generator) -> None:
    angle = rng.uniform(0, 2 * np.pi, 150)
    points = np.stack([np.cos(angle), np.sin(angle)], axis=1) + rng.normal(scale=0.08, size=(150, 2))
    loop = ts.vietoris_rips(points)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ts.ToposcopeWarning)
        ax = ts.plot.diagram(loop, degrees=1, alpha=0.05)
        significance = ts.bar_significance(loop, 1, 0.05)
    assert significance.significant.sum() == 1
    bars = loop.in_degree(1)
    np.testing.assert_array_equal(points_of(ax, "H1: 1 significant"), bars[significance.significant])
    (line,) = [line for line in ax.lines if line.get_gid() != "diagonal"]
    x, y = np.asarray(line.get_data(), dtype=float)
    np.testing.assert_array_equal(bars[:, 1] / bars[:, 0] >= y[1] / x[1], significance.significant)


def test_a_barcode_draws_every_bar_once() -> None:
    ax = ts.plot.barcode(TWO)
    drawn = [np.asarray(part)[:, 0].tolist() for lines in ax.collections[::2] for part in lines.get_segments()]
    infinity = drawn[1][1]
    assert infinity > 2.0
    assert drawn == [[0.0, 1.0], [0.0, infinity], [0.5, 2.0], [1.0, infinity]]
    arrows = np.concatenate([np.asarray(marks.get_offsets()) for marks in ax.collections[1::2]])
    assert arrows[:, 0].tolist() == [infinity, infinity]
    assert [text.get_text() for text in ax.get_yticklabels()] == ["H0\n2", "H1\n2"]
    assert ax.get_xlabel() == "diameter / 0.9-quantile of distances"


def test_a_barcode_says_what_it_leaves_out(draws: list[ts.PersistenceDiagram]) -> None:
    ax = ts.plot.barcode(draws[0], longest=5)
    assert [text.get_text() for text in ax.get_yticklabels()] == [
        f"H{k}\nlongest\n5 of {len(draws[0].in_degree(k))}" for k in (0, 1)
    ]
    segments = np.array(ax.collections[2].get_segments())[:, :, 0]
    bars = draws[0].in_degree(1)
    lengths = np.sort(bars[:, 1] - bars[:, 0])[-5:]
    np.testing.assert_allclose(np.sort(segments[:, 1] - segments[:, 0]), lengths)


def test_wrong_nouns_and_degrees_say_what_to_do(circle: ts.Representation) -> None:
    for draw in (ts.plot.diagram, ts.plot.barcode):
        with pytest.raises(ts.InputError, match="got a Representation; ts.vietoris_rips"):
            draw(circle)
        with pytest.raises(ts.InputError, match="max_degree=3"):
            draw(TWO, degrees=[0, 3])
    with pytest.raises(ts.InputError, match="not matplotlib Axes"):
        ts.plot.diagram(TWO, ax=pyplot.figure())
    with pytest.raises(ts.InputError, match="longest"):
        ts.plot.barcode(TWO, longest=0)
