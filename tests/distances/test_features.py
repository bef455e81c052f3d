"""Curves, images and descriptors of a diagram: exact values."""

import numpy as np
import pytest

import toposcope as ts

BARS = np.array([[0.0, 4.0], [1.0, 3.0], [2.0, 6.0], [1.0, np.inf]])
DIAGRAM = ts.PersistenceDiagram(BARS, np.ones(4, dtype=int))


def test_betti_curve_is_exact_at_breakpoints() -> None:
    values, counts = ts.betti_curve(DIAGRAM)
    assert values.tolist() == [0, 1, 2, 3, 4, 6]
    assert counts.tolist() == [1, 3, 4, 3, 2, 1]
    assert ts.betti_curve(DIAGRAM, values=[0.5, 5.0])[1].tolist() == [1, 2]
    assert DIAGRAM.betti(-1.0, 1) == 0


def test_landscape_is_the_kth_largest_tent() -> None:
    values = np.array([0.0, 1.0, 2.0, 2.5, 3.0, 4.0, 6.0])
    tents = np.maximum(np.minimum(values - BARS[:3, :1], BARS[:3, 1:] - values), 0)
    got = ts.landscape(DIAGRAM, values, levels=5)
    assert got.shape == (5, 7)
    np.testing.assert_array_equal(got[:3], -np.sort(-tents, axis=0))
    assert not got[3:].any()
    np.testing.assert_array_equal(ts.landscape(DIAGRAM, values, levels=1)[0], tents.max(axis=0))
    assert not ts.landscape(ts.PersistenceDiagram([], []), values).any()


def test_image_integrates_to_total_persistence() -> None:
    image = ts.persistence_image(DIAGRAM, births=(-20, 20), lengths=(-20, 20), resolution=40)
    assert image.shape == (40, 40)
    assert image.sum() == pytest.approx(ts.total_persistence(DIAGRAM))
    row, column = np.unravel_index(image.argmax(), image.shape)
    assert row > 20  # lengths ascend with rows
    assert 18 <= column <= 23


def test_image_of_one_bar_is_one_gaussian() -> None:
    from scipy.stats import norm

    image = ts.persistence_image([[1.0, 3.0]], births=(0, 2), lengths=(1, 3), resolution=4, bandwidth=0.5)
    x = np.diff(norm.cdf(np.linspace(0, 2, 5), 1, 0.5))
    y = np.diff(norm.cdf(np.linspace(1, 3, 5), 2, 0.5))
    np.testing.assert_allclose(image, 2.0 * np.outer(y, x))


def test_descriptors() -> None:
    got = ts.descriptors(DIAGRAM)
    assert got["bars"] == 3
    assert got["essential"] == 1
    assert got["total_persistence"] == 10
    assert got["maximal_persistence"] == 4
    assert got["mean_birth"] == 1
    shares = np.array([0.4, 0.2, 0.4])
    assert got["entropy"] == pytest.approx(-(shares * np.log(shares)).sum() / np.log(3))
    assert ts.persistence_entropy(DIAGRAM) == pytest.approx(-(shares * np.log(shares)).sum())
    assert ts.total_persistence(DIAGRAM, order=2) == pytest.approx(6.0)
    nothing = ts.descriptors(ts.PersistenceDiagram([], []))
    assert set(nothing.values()) == {0.0}


def test_bad_input() -> None:
    with pytest.raises(ts.InputError, match="empty range"):
        ts.persistence_image(DIAGRAM, births=(1, 1), lengths=(0, 1))
    with pytest.raises(ts.InputError, match="bandwidth"):
        ts.persistence_image(DIAGRAM, births=(0, 1), lengths=(0, 1), bandwidth=0)
    with pytest.raises(ts.InputError, match="levels"):
        ts.landscape(DIAGRAM, [0.0], levels=0)
    with pytest.raises(ts.InputError, match="order"):
        ts.total_persistence(DIAGRAM, order=0.1)
