"""Hops over the graph of nearest neighbours."""

import numpy as np

import toposcope as ts


def test_hops_along_a_path() -> None:
    # 0 - 1 - 2 - 3 on a line, unevenly spaced, and a pair far away.
    points = np.array([[0.0], [1.0], [2.5], [4.5], [100.0], [101.0]])
    hops = ts.pairwise_distances(points, ts.metrics.Hops(k=1))
    assert hops[0, 1] == 1
    assert hops[0, 3] == 3
    assert hops[4, 5] == 1
    assert np.isinf(hops[0, 4])
    assert str(ts.metrics.Hops(k=1)) == "hops(k=1)"


def test_hops_are_shortest_paths_of_unit_edges(rng: np.random.Generator) -> None:
    from scipy.sparse.csgraph import shortest_path
    from sklearn.neighbors import kneighbors_graph

    points = rng.normal(size=(60, 3))
    graph = kneighbors_graph(points, 4)
    expected = shortest_path(graph.maximum(graph.T), unweighted=True)
    np.testing.assert_array_equal(ts.pairwise_distances(points, "hops(k=4)"), expected)
    # Scale counts for nothing.
    np.testing.assert_array_equal(ts.pairwise_distances(3 * points, "hops(k=4)"), expected)
