"""A loop in the plane, and its inputs around it."""

import subprocess
import sys

import numpy as np
import pytest
from matplotlib.offsetbox import AnnotationBbox

import toposcope as ts
from toposcope.study.holes import principal_plane


def test_the_longest_loop_is_drawn_closed_where_its_points_are(
    circle: ts.Representation, loop: ts.PersistenceDiagram
) -> None:
    ax = ts.plot.cycle(circle, loop)
    bars = loop.in_degree(1)
    row = len(loop.in_degree(0)) + int(np.argmax(bars[:, 1] - bars[:, 0]))
    expected = loop.representatives.cycle(row)
    (line,) = [line for line in ax.lines if line.get_gid() == "cycle"]
    plane, _explained = principal_plane(circle.points)
    np.testing.assert_array_equal(np.asarray(line.get_xydata()), plane[[*expected, expected[0]]])
    assert "one representative of many" in ax.get_title()
    assert f"around {len(expected)} inputs" in ax.get_title()
    assert "net / conv" in ax.get_title()
    assert sum(len(marks.get_offsets()) for marks in ax.collections[:3]) == len(circle)
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["0", "1", "2"]
    np.testing.assert_array_equal(np.asarray(ts.plot.cycle(circle).lines[0].get_xydata()), line.get_xydata())


@pytest.mark.parametrize("by_id", [False, True])
def test_images_of_the_loop_are_shown_beside_their_points(
    circle: ts.Representation, loop: ts.PersistenceDiagram, by_id: bool
) -> None:
    images = np.arange(60)[:, None, None] * np.ones((60, 3, 4))
    given = dict(zip(circle.sample_ids.tolist(), images, strict=True)) if by_id else images
    ax = ts.plot.cycle(circle, loop, images=given)
    plane, _explained = principal_plane(circle.points)
    boxes = [artist for artist in ax.artists if isinstance(artist, AnnotationBbox)]
    (line,) = [line for line in ax.lines if line.get_gid() == "cycle"]
    assert len(boxes) == len(line.get_xdata()) - 1
    for box in boxes:
        row = int(box.offsetbox.get_data()[0, 0])
        np.testing.assert_array_equal(box.xy, plane[row])
        assert np.linalg.norm(box.xybox) > np.linalg.norm(box.xy)


def test_many_classes_are_not_told_apart(circle: ts.Representation, loop: ts.PersistenceDiagram) -> None:
    every = ts.Representation(circle.points, circle.sample_ids, np.arange(60))
    assert ts.plot.cycle(every, loop).get_legend() is None


def test_what_does_not_fit_is_refused(circle: ts.Representation, loop: ts.PersistenceDiagram) -> None:
    with pytest.raises(ts.InputError, match="got a PersistenceDiagram; ts.Representation"):
        ts.plot.cycle(loop)
    with pytest.raises(ts.InputError, match="the diagram is of 60 points, and the representation has 50"):
        ts.plot.cycle(circle.take(np.arange(50)), loop)
    with pytest.raises(ts.InputError, match="representatives=True"):
        ts.plot.cycle(circle, ts.vietoris_rips(circle))
    with pytest.raises(ts.InputError, match="the longest is rank 0"):
        ts.plot.cycle(circle, loop, rank=len(loop.in_degree(1)))
    with pytest.raises(ts.InputError, match="give one per row"):
        ts.plot.cycle(circle, loop, images=np.zeros((3, 8, 8)))
    with pytest.raises(ts.InputError, match="of row 0 has shape"):
        ts.plot.cycle(circle, loop, images=np.zeros((60, 8, 8, 2)))


def test_matplotlib_comes_with_the_first_drawing_and_is_asked_for_by_name() -> None:
    code = """
import sys
import toposcope as ts
assert "matplotlib" not in sys.modules
sys.modules["matplotlib"] = None
try:
    ts.plot.diagram(ts.vietoris_rips([[0.0], [1.0]]))
except ts.MissingDependencyError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == ("toposcope.plot needs matplotlib, which is not installed: pip install 'toposcope[plot]'\n")
