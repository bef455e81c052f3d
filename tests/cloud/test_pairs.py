"""Distances that depend on two points only: precision, bits, forms of input, and devices."""

import itertools
import math
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import pdist, squareform

import toposcope as ts
from toposcope.cloud import _pairs
from toposcope.cloud.pairs import BETWEEN_TWO
from toposcope.rips.components import components

SCIPY = {"manhattan": "cityblock"}
LINEAR = ("euclidean", "manhattan", "chebyshev")


def exact(points: np.ndarray, metric: str) -> np.ndarray:
    """From differences of float64, or of extended precision where these would cancel."""
    wide = np.asarray(points, dtype=np.float64)
    if metric in ("cosine", "correlation"):
        extended = wide.astype(np.longdouble)
        if metric == "correlation":
            extended -= extended.mean(axis=1, keepdims=True)
        extended /= np.sqrt((extended**2).sum(axis=1, keepdims=True))
        return np.array([[float(((x - y) ** 2).sum() / 2) for y in extended] for x in extended])
    return squareform(pdist(wide, SCIPY.get(metric, metric)))


@pytest.mark.parametrize("metric", BETWEEN_TWO)
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16, np.int32, ">f4", bool])
def test_every_metric_equals_scipy(metric: str, dtype: type, rng: np.random.Generator) -> None:
    points = (10 * rng.normal(size=(40, 7))).astype(np.int32 if dtype is bool else dtype)
    points = points > 0 if dtype is bool else points
    got = ts.pairwise_distances(points, metric)
    assert got.dtype == (np.float32 if dtype in (np.float32, np.float16) else np.float64)
    expected = squareform(pdist(points.astype(np.float64), SCIPY.get(metric, metric)))
    np.testing.assert_allclose(got, expected, rtol=1e-6, atol=1e-12)
    np.testing.assert_array_equal(got, got.T)
    assert not np.diagonal(got).any()


@st.composite
def clouds(draw: st.DrawFn) -> np.ndarray:
    """What breaks an expansion in float32: near-duplicates, a common offset, clusters far apart; and what breaks
    float32 itself: squares that over- or underflow."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n, d = draw(st.integers(2, 20)), draw(st.integers(1, 40) | st.sampled_from([383, 384, 800, 1600]))
    near = draw(st.sampled_from([0.0, 1e-3, 1e-6, 1e-15]))
    points = rng.normal(size=(n, d))
    points[n // 2 :] = points[: n - n // 2] + near * rng.normal(size=(n - n // 2, d))
    points[: n // 2] += draw(st.sampled_from([0.0, 10.0, 1e4])) * (rng.random(n // 2) < 0.5)[:, None]
    points *= np.where(rng.random(points.shape) < draw(st.sampled_from([0.0, 0.3])), 1e-20, 1.0)
    points += draw(st.sampled_from([0.0, 1e2, 1e4]))
    return points * draw(st.sampled_from([1.0, 1e-25, 1e30]))


@settings(max_examples=80, deadline=None)
@given(points=clouds(), metric=st.sampled_from(LINEAR))
def test_float32_is_safe(points: np.ndarray, metric: str) -> None:
    points = points.astype(np.float32)
    np.testing.assert_allclose(ts.pairwise_distances(points, metric), exact(points, metric), rtol=1e-6, atol=0)


@settings(max_examples=40, deadline=None)
@given(points=clouds())
def test_float32_squares_are_safe(points: np.ndarray) -> None:
    points = points.astype(np.float32)
    expected = exact(points, "sqeuclidean")
    kept = (expected == 0) | ((expected > 1e-37) & (expected < 1e38))  # what float32 can hold
    got = ts.pairwise_distances(points, "sqeuclidean")
    np.testing.assert_allclose(got[kept], expected[kept], rtol=1e-6, atol=0)


@settings(max_examples=40, deadline=None)
@given(points=clouds(), metric=st.sampled_from(["cosine", "correlation"]))
def test_float32_angles_are_safe(points: np.ndarray, metric: str) -> None:
    points = np.column_stack([points, points[:, :1] + np.arange(len(points))[:, None] + 1]).astype(np.float32)
    points[:, 0] += np.abs(points).max() + 1
    spread = points - points.mean(axis=1, keepdims=True, dtype=np.float64) if metric == "correlation" else points
    if (np.abs(spread).max(axis=1) <= 1e-6 * np.abs(points).max(axis=1)).any():
        return  # as good as constant: the angle is made of rounding
    got, expected = ts.pairwise_distances(points, metric), exact(points, metric)
    np.testing.assert_allclose(got, expected, rtol=1e-6, atol=1e-30 if metric == "cosine" else 1e-20)


@settings(max_examples=60, deadline=None)
@given(points=clouds(), metric=st.sampled_from([*LINEAR, "sqeuclidean"]))
def test_float64_is_exact_to_twelve_digits(points: np.ndarray, metric: str) -> None:
    got = ts.pairwise_distances(points, metric)
    for (i, x), (j, y) in itertools.islice(itertools.combinations(enumerate(points), 2), 30):
        gaps = np.abs(x - y)
        sum_of_squares = math.fsum((gaps * gaps).tolist())
        expected = {
            "euclidean": math.sqrt(sum_of_squares),
            "sqeuclidean": sum_of_squares,
            "manhattan": math.fsum(gaps.tolist()),
            "chebyshev": gaps.max(),
        }[metric]
        assert got[i, j] == pytest.approx(expected, rel=1e-12, abs=0)


@pytest.mark.parametrize("instructions", _pairs.instructions())
@pytest.mark.parametrize("metric", [*LINEAR, "sqeuclidean"])
def test_the_bound_holds_where_every_rounding_goes_one_way(metric: str, instructions: str) -> None:
    # A constant difference: the sums of all lanes are rounded alike, so errors add up instead of averaging out.
    for value in np.linspace(1, 2, 150).astype(np.float32):
        points = np.zeros((2, 20_000), dtype=np.float32)
        points[1] = value
        out = np.empty(4, dtype=np.float32)
        _pairs.distances(points, out, metric, instructions=instructions)
        v = float(value)
        expected = {
            "euclidean": v * math.sqrt(20_000),
            "sqeuclidean": v * v * 20_000,
            "manhattan": v * 20_000,
            "chebyshev": v,
        }[metric]
        assert out[1] == pytest.approx(expected, rel=1e-6, abs=0)


@pytest.mark.parametrize("instructions", _pairs.instructions())
def test_every_version_of_the_loops_is_right(instructions: str, rng: np.random.Generator) -> None:
    for n, d in ((1, 5), (5, 1), (143, 17), (150, 65), (300, 3), (290, 800)):
        points = rng.normal(size=(n, d))
        for metric in (*LINEAR, "sqeuclidean"):
            for dtype in (np.float32, np.float64):
                cloud = points.astype(dtype)
                out = np.empty(n * n, dtype=dtype)
                _pairs.distances(cloud, out, metric, instructions=instructions)
                np.testing.assert_allclose(out.reshape(n, n), exact(cloud, metric), rtol=1e-6)


@pytest.mark.parametrize("metric", BETWEEN_TWO)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_distance_depends_on_its_two_points_only(metric: str, dtype: type, rng: np.random.Generator) -> None:
    points = rng.normal(size=(310, 1000)).astype(dtype)
    whole = ts.pairwise_distances(points, metric)
    for threads in (2, 7):
        np.testing.assert_array_equal(ts.pairwise_distances(points, metric, threads=threads), whole)
    order = rng.permutation(310)
    np.testing.assert_array_equal(ts.pairwise_distances(points[order], metric), whole[np.ix_(order, order)])
    np.testing.assert_array_equal(ts.pairwise_distances(points[100:150], metric), whole[100:150, 100:150])
    condensed = ts.pairwise_distances(points, metric, condensed=True, threads=2)
    np.testing.assert_array_equal(condensed, squareform(whole, checks=False))


def test_degree_0_in_blocks_has_the_bars_of_the_matrix(rng: np.random.Generator) -> None:
    points = rng.normal(size=(300, 40)).astype(np.float32)
    for metric in ("euclidean", "cosine"):
        bars = components(points, metric, np.inf, block=70)
        whole = ts.vietoris_rips(points, 0, metric)
        np.testing.assert_array_equal(np.sort(bars.pairs[:, 1]), whole.pairs[:, 1])


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
def test_a_signal_stops_it() -> None:
    points = np.broadcast_to(np.ones((1, 100_000), dtype=np.float32), (3000, 100_000))  # some ten seconds
    started = time.monotonic()
    before = signal.signal(signal.SIGUSR1, signal.default_int_handler)
    threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGUSR1)).start()
    try:
        with pytest.raises(KeyboardInterrupt):
            _pairs.distances(points, np.empty(3000 * 3000, dtype=np.float32), "euclidean", 2)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert time.monotonic() - started < 5


def test_input_forms(tmp_path: Path, rng: np.random.Generator) -> None:
    points = rng.normal(size=(160, 6)).astype(np.float32)
    expected = ts.pairwise_distances(points)
    np.save(tmp_path / "p.npy", points)
    mapped = np.load(tmp_path / "p.npy", mmap_mode="r")
    record = np.zeros(160, dtype=[("tag", "i1"), ("points", "<f4", 6)])
    record["points"] = points
    forms = {
        "memory-mapped": mapped,
        "Fortran order": np.asfortranarray(points),
        "a list": points.tolist(),
        "a Representation": ts.Representation(points, np.arange(160)),
        "every second column": np.repeat(points, 2, axis=1)[:, ::2],
        "backwards": points[::-1, ::-1].copy()[::-1, ::-1],
        "not aligned": record["points"],
        "the other end first": points.astype(">f4"),
    }
    for name, form in forms.items():
        got = ts.pairwise_distances(form, dtype=np.float32)
        np.testing.assert_allclose(got, expected, rtol=1e-6, err_msg=name)
        if name in ("memory-mapped", "Fortran order", "every second column", "backwards", "not aligned"):
            np.testing.assert_array_equal(got, expected, err_msg=name)
    wide = ts.pairwise_distances(points, dtype=np.float64)
    np.testing.assert_allclose(wide, exact(points, "euclidean"), rtol=1e-12)


def test_clouds_without_points_or_coordinates() -> None:
    assert ts.pairwise_distances(np.empty((0, 3))).shape == (0, 0)
    assert ts.pairwise_distances(np.empty((0, 3)), condensed=True).shape == (0,)
    assert ts.pairwise_distances(np.empty((1, 3)) * 0, condensed=True).shape == (0,)
    for metric in ("euclidean", "chebyshev"):
        assert ts.pairwise_distances(np.empty((3, 0)), metric).tolist() == [[0] * 3] * 3


def test_equal_rows_are_at_distance_0(rng: np.random.Generator) -> None:
    points = np.concatenate([rng.normal(size=(30, 4)), np.zeros((500, 4))])[rng.permutation(530)].astype(np.float32)
    points[::2] *= np.float32(-1.0)  # -0.0 equals 0.0
    for device in (None, "cpu"):
        got = ts.pairwise_distances(points, device=device)
        np.testing.assert_allclose(got, exact(points, "euclidean"), rtol=1e-6)
        assert got.flags.c_contiguous


def test_memory_is_that_of_the_result() -> None:
    code = """
import resource, numpy as np, toposcope as ts
points = np.ones((700, 25088), dtype=np.float32)
points[:, 0] = np.arange(700)
ts.pairwise_distances(points[:10]); ts.pairwise_distances(points[:10], "cosine")
def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
before = peak()
ts.pairwise_distances(points)
first = peak()
ts.pairwise_distances(points, "cosine")
print(first - before, peak() - before)
"""
    out = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    euclidean, cosine = map(int, out.split())
    assert euclidean <= 8  # MB; the result is 2 MB, the points 70 MB
    assert cosine <= 30  # blocks of rows, of which norms are taken


@settings(max_examples=25, deadline=None)
@given(points=clouds(), metric=st.sampled_from(["euclidean", "sqeuclidean"]))
def test_products_on_a_device_keep_the_promise(points: np.ndarray, metric: str) -> None:
    pytest.importorskip("torch")
    with np.errstate(over="ignore"):
        points = points.astype(np.float32)
        got = ts.pairwise_distances(points, metric, np.float64, device="cpu")
    np.testing.assert_allclose(got, exact(points, metric), rtol=1e-6, atol=0)
    np.testing.assert_array_equal(got, got.T)


@pytest.mark.parametrize("metric", ["cosine", "correlation"])
def test_angles_on_a_device(metric: str, rng: np.random.Generator) -> None:
    pytest.importorskip("torch")
    points = rng.normal(size=(60, 9)).astype(np.float32)
    points[30:] = points[:30] + np.float32(1e-6)
    expected = exact(points, metric)
    np.testing.assert_allclose(ts.pairwise_distances(points, metric, device="cpu"), expected, rtol=1e-6, atol=1e-20)
    condensed = ts.pairwise_distances(points, metric, device="cpu", condensed=True)
    np.testing.assert_allclose(condensed, squareform(expected), rtol=1e-6, atol=1e-20)


def test_without_torch_a_device_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ts.MissingDependencyError, match="toposcope\\[torch\\]"):
        ts.pairwise_distances([[0.0]], device="cpu")


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: ts.pairwise_distances([[0.0]], "euclid"), ts.InputError, "close names: euclidean"),
        (lambda: ts.pairwise_distances([0.0]), ts.InputError, r"\(n, d\)"),
        (lambda: ts.pairwise_distances([[0.0], [np.inf]]), ts.ActivationError, "row 1"),
        (lambda: ts.pairwise_distances([[0.0]], dtype=np.int32), ts.InputError, "dtype"),
        (lambda: ts.pairwise_distances([[0.0]], threads=0), ts.InputError, "threads=0"),
        (lambda: ts.pairwise_distances([[0.0, 0.0], [1.0, 2.0]], "cosine"), ts.InputError, "1 zero row.*row 0"),
        (lambda: ts.pairwise_distances([[1.0, 2.0], [3.0, 3.0]], "correlation"), ts.InputError, "1 constant.*row 1"),
        (lambda: ts.pairwise_distances([[0.0]], "manhattan", device="cpu"), ts.InputError, "no matrix product"),
        (lambda: ts.pairwise_distances([[0.0]], device="abacus"), ts.InputError, "not known to torch"),
        (lambda: ts.pairwise_distances([[0.0]], device="mps"), ts.UnavailableError, "no float64"),
        (lambda: ts.pairwise_distances([[0.0]], device="cuda:63"), ts.UnavailableError, "cannot be used here"),
    ],
)
def test_bad_input(call, error, words: str) -> None:
    with pytest.raises(error, match=words):
        call()
