"""Heatmaps and maps of comparisons."""

import numpy as np
import pytest

import toposcope as ts

PLACES = np.array([[0.0, 0.0], [3.0, 0.0], [0.0, 4.0]])
PLANE = ts.Comparison(np.linalg.norm(PLACES[:, None] - PLACES[None], axis=2), ("a", "b", "c"), "W1")


def test_a_heatmap_holds_the_values() -> None:
    ax = ts.plot.heatmap(PLANE)
    np.testing.assert_array_equal(ax.images[0].get_array(), PLANE.values)
    assert [text.get_text() for text in ax.texts] == ["0", "3", "4", "3", "0", "5", "4", "5", "0"]
    assert [text.get_text() for text in ax.get_yticklabels()] == ["a", "b", "c"]
    assert ax.figure.axes[1].get_ylabel() == "W1 (smaller is more similar)"
    assert not ts.plot.heatmap(PLANE, numbers=False).texts


def test_near_is_light_whichever_way_the_measure_goes() -> None:
    for larger in (False, True):
        values = np.array([[1.0, 0.0], [0.0, 1.0]]) if larger else np.array([[0.0, 1.0], [1.0, 0.0]])
        image = ts.plot.heatmap(ts.Comparison(values, ("a", "b"), "m", larger_is_more_similar=larger)).images[0]
        light = image.cmap(image.norm(values))[..., :3].sum(axis=2)
        assert light[0, 0] > light[0, 1]


def test_infinite_and_unasked_values_are_marked() -> None:
    values = np.array([[0.0, np.inf, 1.0], [np.inf, 0.0, 2.0], [1.0, 2.0, 0.0]])
    computed = np.array([[True, True, False], [True, True, True], [False, True, True]])
    ax = ts.plot.heatmap(ts.Comparison(values, ("a", "b", "c"), "W1", computed=computed))
    assert [text.get_text() for text in ax.texts] == ["0", "∞", "≥1", "∞", "0", "2", "≥1", "2", "0"]
    assert len(ax.patches) == 2
    assert all(patch.get_hatch() for patch in ax.patches)


def places_of(ax) -> np.ndarray:
    return np.concatenate([np.asarray(marks.get_offsets()) for marks in ax.collections])


def test_a_map_keeps_distances_that_a_plane_can_hold() -> None:
    ax = ts.plot.map(PLANE)
    places = places_of(ax)
    np.testing.assert_allclose(np.linalg.norm(places[:, None] - places[None], axis=2), PLANE.values, atol=1e-4)
    assert ax.get_title() == "W1, stress 0.00"
    assert [text.get_text() for text in ax.texts][:3] == ["a", "b", "c"]
    (ruler,) = [line for line in ax.lines if line.get_gid() == "ruler"]
    assert np.ptp(ruler.get_xdata()) == pytest.approx(float(ax.texts[-1].get_text()))


def test_groups_have_their_own_shape_and_path() -> None:
    ax = ts.plot.map(PLANE, groups=["net", "net", "other"], paths=True, names=False)
    assert [len(marks.get_offsets()) for marks in ax.collections] == [2, 1]
    assert [len(line.get_xdata()) for line in ax.lines] == [2, 1, 2]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["net", "other"]


def test_what_has_no_place_is_said() -> None:
    values = np.array([[0.0, 1.0, np.inf], [1.0, 0.0, np.inf], [np.inf, np.inf, 0.0]])
    ax = ts.plot.map(ts.Comparison(values, ("a", "b", "c"), "W1"))
    assert ax.get_title().endswith("; 1 at no finite distance from the others left out")
    assert [text.get_text() for text in ax.texts][:2] == ["a", "b"]


def test_wrong_nouns_say_what_to_do(loop: ts.PersistenceDiagram) -> None:
    for draw in (ts.plot.heatmap, ts.plot.map):
        with pytest.raises(ts.InputError, match="got a PersistenceDiagram; ts.compare"):
            draw(loop)
        with pytest.raises(ts.InputError, match="comparison of nothing"):
            draw(ts.Comparison(np.empty((0, 0)), (), "W1"))
    with pytest.raises(ts.InputError, match="CKA is larger for what is more similar"):
        ts.plot.map(ts.Comparison(np.eye(2), ("a", "b"), "CKA", larger_is_more_similar=True))
    with pytest.raises(ts.InputError, match="groups has 2 names for 3"):
        ts.plot.map(PLANE, groups=["x", "y"])
