"""Two diagrams and the optimal matching of their bars."""

import numpy as np
import pytest

import toposcope as ts

A = ts.PersistenceDiagram(np.array([[1.0, 3.0], [2.0, 2.5], [0.5, np.inf]]), np.array([1, 1, 1]))
B = ts.PersistenceDiagram(np.array([[1.0, 3.5], [0.6, np.inf]]), np.array([1, 1]))


def lines_of(ax) -> list[list[float]]:
    return [np.asarray(line.get_xydata()).ravel().tolist() for line in ax.lines if line.get_gid() is None][1:]


def test_bars_are_joined_to_their_partners_or_the_diagonal() -> None:
    ax = ts.plot.matching(A, B, labels=("before", "after"))
    infinity = np.asarray(ax.collections[0].get_offsets())[0, 1]
    assert sorted(lines_of(ax)) == sorted(
        [[1.0, 3.0, 1.0, 3.5], [2.0, 2.5, 2.25, 2.25], [0.5, infinity, 0.6, infinity]]
    )
    assert ax.get_title() == f"W1 in H1: {ts.wasserstein(A, B):.4g}; 2 pairs, 1 to the diagonal"
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["before: 3 bars", "after: 2 bars"]


def test_the_bottleneck_is_the_thick_line() -> None:
    ax = ts.plot.matching(A, B, distance="bottleneck")
    thick = max(ax.lines, key=lambda line: line.get_linewidth())
    assert np.abs(np.diff(np.asarray(thick.get_xydata()), axis=0)).max() == ts.bottleneck(A, B)
    assert ax.get_title().startswith("bottleneck in H1: 0.5;")


def test_an_essential_bar_alone_has_no_line() -> None:
    alone = ts.PersistenceDiagram(np.array([[1.0, 3.5]]), np.array([1]))
    ax = ts.plot.matching(A, alone)
    assert len(lines_of(ax)) == 2
    assert "inf" in ax.get_title()


def test_what_cannot_be_matched_is_refused(draws: list[ts.PersistenceDiagram], circle: ts.Representation) -> None:
    with pytest.raises(ts.InputError, match="has no matching"):
        ts.plot.matching(A, B, distance="sliced_wasserstein")
    with pytest.raises(ts.IncomparableError):
        ts.plot.matching(draws[0], ts.vietoris_rips(np.eye(4), scale="q0.9"))
    with pytest.raises(ts.InputError, match="got a Representation"):
        ts.plot.matching(A, circle)
