"""Detection scores by hand, planted circles by their law, and the order of metrics that the source found."""

import math

import numpy as np
import pytest

import toposcope as ts
from toposcope.diagram import Filtration, PersistenceDiagram


def diagram(*bars: tuple[float, float]) -> PersistenceDiagram:
    filtration = Filtration(metric="euclidean", scale=None, scale_value=1.0, threshold=None, field=2, n_points=10)
    return PersistenceDiagram(np.array(bars).reshape(-1, 2), np.ones(len(bars), dtype=np.int64), filtration)


@pytest.mark.parametrize(
    ("bars", "holes", "score"),
    [
        ([], 1, 0.0),
        ([(1, 2)], 1, 1.0),
        ([(1, 2), (1, 1.25)], 1, 0.75),
        ([(1, 2), (0.5, 1.5)], 1, 0.0),
        ([(1, 3), (1, 2), (1, 1.5)], 2, 0.5),
        ([(1, 2)], 2, 0.0),
        # A long thin bar is no hole, unless another shows that holes can be seen.
        ([(10, 11)], 1, 0.0),
        ([(10, 12.4), (1, 1.1)], 1, 0.0),
        ([(10, 12.5), (1, 1.5)], 1, 0.8),
        # Bars that never die are not read.
        ([(1, math.inf), (1, 2)], 1, 1.0),
    ],
)
def test_scores_by_hand(bars: list[tuple[float, float]], holes: int, score: float) -> None:
    assert ts.detection_score(diagram(*bars), holes=holes) == pytest.approx(score)


def test_a_polygon_has_one_hole() -> None:
    angles = 2 * np.pi * np.arange(20) / 20
    polygon = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    assert ts.detection_score(ts.vietoris_rips(polygon)) == 1.0
    assert ts.detection_score(ts.vietoris_rips(polygon), degree=1, holes=2) == 0.0


def test_a_planted_circle_is_what_it_says() -> None:
    clean = ts.planted_circle(300, 5, 0.0, 3)
    assert np.allclose(np.linalg.norm(clean[:, :2], axis=1), 1)
    assert not clean[:, 2:].any()
    noisy = ts.planted_circle(300, 5, 0.25, 3)
    noise = noisy - clean
    assert noise.std() == pytest.approx(0.25, rel=0.05)
    # Equal seeds: the same angles, and noise that is only scaled.
    assert np.allclose(ts.planted_circle(300, 5, 0.5, 3) - clean, 2 * noise)
    assert np.allclose(ts.planted_circle(300, 5, math.inf, 3), 4 * noise)
    moved = ts.planted_circle(300, 5, 0.25, 3, offset=2.0) - noisy
    assert np.allclose(moved, moved[0])
    assert np.linalg.norm(moved[0]) == pytest.approx(2 * math.sqrt(1 + 5 * 0.25**2))


def test_spectral_metrics_see_through_noise_that_blinds_euclidean_ones() -> None:
    found = {
        metric: ts.circle_detection(metric, 100, 50, (0.05, 0.2), circles=8)
        for metric in ("euclidean", "diffusion", "effective_resistance", "fermat")
    }
    assert all(one.found[0] == 1 for one in found.values())
    assert found["euclidean"].found[1] == 0
    assert found["diffusion"].found[1] == found["effective_resistance"].found[1] == 1
    assert found["euclidean"].up_to(0.8) == 0.05
    assert found["diffusion"].up_to(0.8) == 0.2
    assert math.isnan(found["euclidean"].up_to(0.8) - math.nan)
    assert found["diffusion"].interval()[1].low > found["euclidean"].scores[1].mean()
    assert "found 100% at 0.05, 0% at 0.2" in repr(found["euclidean"])


def test_noise_alone_is_found_as_rarely_as_it_must() -> None:
    """A cloud without a circle exceeds all of c others with probability 1 / (c + 1): 1/6 here."""
    rates = []
    for seed in range(40):
        one = ts.circle_detection("euclidean", 30, 5, (1e6,), circles=5, seed=seed)
        two = ts.circle_detection("euclidean", 30, 5, (1e6,), circles=5, seed=1000 + seed)
        rates += list(one.scores[0] > two.without.max())
    assert np.mean(rates) == pytest.approx(1 / 6, abs=0.08)


def test_up_to_stops_at_the_first_noise_that_blinds() -> None:
    scores = np.array([[0.9] * 5, [0.1] * 5, [0.9] * 5])
    one = ts.CircleDetection("euclidean", 10, 2, (0.1, 0.2, 0.3), scores, np.full(5, 0.5), 0)
    assert one.up_to(0.8) == 0.1
    assert math.isnan(ts.CircleDetection("euclidean", 10, 2, (0.1,), scores[1:2], np.full(5, 0.5), 0).up_to(0.8))


def test_a_cloud_in_pieces_counts_as_not_found() -> None:
    one = ts.circle_detection("diffusion(k=1)", 30, 3, (0.1,), circles=5)
    assert one.undefined == 10
    assert not one.scores.any()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("diffusion", 15, 3), "more than 15 points"),
        (("euclidean", 15, 1), "dimension"),
        (("euclidean", 15, 3, ()), "at least one number"),
        (("euclidean", 15, 3, (0.0,)), "noise"),
        (("euclidean", 15, 3, (math.inf,)), "finite"),
        (("euclidean", 15, 3, (0.1,), 4), "circles"),
        (("euclid", 15, 3), "euclidean"),
    ],
)
def test_circles_that_cannot_be_planted(arguments: tuple, message: str) -> None:
    with pytest.raises(ts.InputError, match=message):
        ts.circle_detection(*arguments)


def test_scores_of_what_is_no_degree() -> None:
    with pytest.raises(ts.InputError, match="holes"):
        ts.detection_score(diagram((1, 2)), holes=0)
    with pytest.raises(ts.InputError, match="offset"):
        ts.planted_circle(10, 2, 0.1, offset=-1.0)
