"""Cycles are cycles, born when they say, and no boundary until the bar dies; and what else is behind a bar."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.rips import matrices
from toposcope._errors import InputError, UnavailableError
from toposcope.diagram import PersistenceDiagram, Representatives, read_diagram
from toposcope.rips import vietoris_rips

CASES = [(family, n, seed) for seed, (family, n) in enumerate(
    [("euclidean", 30), ("circle", 30), ("uniform", 22), ("ties", 22), ("zeros", 20), ("infinite", 20), ("graph", 30)]
)]  # fmt: skip


def diagram_of(family: str, n: int, seed: int) -> tuple[NDArray[np.float32], PersistenceDiagram]:
    distances = matrices.matrix(family, n, np.random.default_rng(seed))
    return distances, vietoris_rips(distances, 2, metric="precomputed", representatives=True)


def behind(diagram: PersistenceDiagram) -> Representatives:
    assert diagram.representatives is not None
    return diagram.representatives


def diameter(distances: NDArray[np.float32], vertices: NDArray[np.int64]) -> float:
    return float(distances[np.ix_(vertices, vertices)].max())


def bounds(distances: NDArray[np.float32], cycle: NDArray[np.int64], before: float) -> bool:
    """Whether a loop is a boundary over Z/2 of triangles of diameter below `before`, by plain elimination."""
    n = len(distances)
    pivots: dict[int, int] = {}
    for a in range(n):
        for b in range(a + 1, n):
            if not distances[a, b] < before:
                continue
            for c in range(b + 1, n):
                if distances[a, c] < before and distances[b, c] < before:
                    column = 1 << (a * n + b) ^ 1 << (a * n + c) ^ 1 << (b * n + c)
                    while column and (low := column.bit_length()) in pivots:
                        column ^= pivots[low]
                    if column:
                        pivots[column.bit_length()] = column
    rest = 0
    for u, v in zip(cycle, np.roll(cycle, -1), strict=True):
        rest ^= 1 << (int(min(u, v)) * n + int(max(u, v)))
    while rest and (low := rest.bit_length()) in pivots:
        rest ^= pivots[low]
    return rest == 0


@pytest.mark.parametrize(("family", "n", "seed"), CASES)
def test_cycles_live_as_long_as_their_bars(family: str, n: int, seed: int) -> None:
    distances, diagram = diagram_of(family, n, seed)
    points = behind(diagram)
    checked = 0
    for row in np.flatnonzero(diagram.degrees == 1)[:25]:
        birth, death = diagram.pairs[row]
        cycle = points.cycle(int(row))
        assert len(cycle) == len(set(cycle.tolist())) >= 4
        edges = distances[cycle, np.roll(cycle, -1)]
        assert edges.max() == birth == edges[-1]
        assert {int(cycle[0]), int(cycle[-1])} == set(points.birth_simplex(int(row)).tolist())
        assert not bounds(distances, cycle, before=death)
        checked += 1
    assert checked > 0


def test_a_boundary_is_recognised_as_one() -> None:
    """The check above can fail: the unit square is a boundary once its diagonal is in."""
    square = np.array([[0, 0], [1, 0], [1, 1], [0, 1]])
    distances = np.linalg.norm(square[:, None] - square[None, :], axis=2).astype(np.float32)
    cycle = np.arange(4)
    assert not bounds(distances, cycle, before=float(distances[0, 2]))
    assert bounds(distances, cycle, before=np.inf)


@pytest.mark.parametrize(("family", "n", "seed"), CASES)
def test_simplices_have_the_bars_diameters(family: str, n: int, seed: int) -> None:
    distances, diagram = diagram_of(family, n, seed)
    points = behind(diagram)
    for row, (degree, (birth, death)) in enumerate(zip(diagram.degrees, diagram.pairs, strict=True)):
        assert len(points.birth_simplex(row)) == degree + 1
        assert diameter(distances, points.birth_simplex(row)) == birth
        if np.isinf(death):
            assert len(points.death_simplex(row)) == 0
        else:
            assert len(points.death_simplex(row)) == degree + 2
            assert diameter(distances, points.death_simplex(row)) == death
        assert (len(points.cycle(row)) > 0) == (degree == 1)


@pytest.mark.parametrize("degree", [0, 1, 2])
def test_components_are_those_of_the_graph_below_the_death(degree: int) -> None:
    from scipy.sparse.csgraph import connected_components

    distances = matrices.matrix("disconnected", 40, np.random.default_rng(8))
    diagram = vietoris_rips(distances, degree, metric="precomputed", representatives=True)
    points = behind(diagram)
    whole = []
    for row in np.flatnonzero(diagram.degrees == 0):
        lives, dies = points.components(int(row))
        death = diagram.pairs[row, 1]
        labels = connected_components((distances < death) & np.isfinite(distances))[1]
        if np.isinf(death):
            whole.append(lives)
            assert len(dies) == 0
            assert np.array_equal(lives, np.flatnonzero(labels == labels[lives[0]]))
            continue
        a, b = points.death_simplex(int(row))
        sides = [np.flatnonzero(labels == labels[a]).tolist(), np.flatnonzero(labels == labels[b]).tolist()]
        assert sorted([lives.tolist(), dies.tolist()]) == sorted(sides)
        assert min(dies) == points.birth_simplex(int(row))[0] > min(lives)
    assert sorted(np.concatenate(whole).tolist()) == list(range(40))


def test_a_hole_shows_the_points_around_it() -> None:
    angles = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    ring = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    far = np.random.default_rng(0).normal(size=(20, 2)) * 0.1 + 10
    diagram = vietoris_rips(np.concatenate([far, ring]), representatives=True)
    bars = diagram.in_degree(1)
    longest = int(np.argmax(bars[:, 1] - bars[:, 0]))
    row = int(np.flatnonzero(diagram.degrees == 1)[longest])
    assert set(behind(diagram).cycle(row).tolist()) == set(range(20, 44))


def test_representatives_are_saved_and_not_compared(tmp_path: Path) -> None:
    points = np.random.default_rng(1).normal(size=(40, 3))
    diagram = vietoris_rips(points, 2, representatives=True)
    plain = vietoris_rips(points, 2)
    assert plain.representatives is None
    assert plain == diagram
    again = read_diagram(diagram.save(tmp_path / "d.npz"))
    assert again == diagram
    for name, part in vars(behind(diagram)).items():
        assert np.array_equal(part, getattr(behind(again), name))
        assert not part.flags.writeable
    assert read_diagram(plain.save(tmp_path / "p.npz")).representatives is None


def test_rows_keep_their_representatives_when_a_diagram_sorts_them() -> None:
    diagram = vietoris_rips(np.random.default_rng(1).normal(size=(30, 2)), representatives=True)
    order = np.random.default_rng(2).permutation(len(diagram))
    points = behind(diagram)
    cycles = [points.cycle(int(row)) for row in order]
    shuffled = Representatives(
        points.birth_simplices[order],
        points.death_simplices[order],
        np.concatenate(cycles),
        np.cumsum([len(cycle) for cycle in cycles]),
        points.merges,
    )
    again = PersistenceDiagram(diagram.pairs[order], diagram.degrees[order], diagram.filtration, shuffled)
    for row in np.flatnonzero(diagram.degrees == 1):
        assert np.array_equal(behind(again).cycle(int(row)), points.cycle(int(row)))


def test_what_does_not_fit_is_refused() -> None:
    diagram = vietoris_rips(np.random.default_rng(1).normal(size=(12, 2)), representatives=True)
    points = behind(diagram)
    with pytest.raises(InputError, match="do not fit"):
        PersistenceDiagram(diagram.pairs[1:], diagram.degrees[1:], diagram.filtration, points)
    with pytest.raises(InputError, match="one row per bar"):
        Representatives(points.birth_simplices, points.death_simplices[1:], points.cycle_vertices,
                        points.cycle_ends, points.merges)  # fmt: skip
    with pytest.raises(InputError, match="degree 1; components merge in degree 0"):
        points.components(int(np.flatnonzero(diagram.degrees == 1)[0]))
    with pytest.raises(UnavailableError, match="not available"):
        vietoris_rips(np.zeros((4, 2)), max_degree=3, representatives=True)
