"""Nouns: frozen, checked when built, saved and read back without running anything."""

import dataclasses
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

import toposcope as ts
from toposcope import _check, _io

X = np.arange(12, dtype=np.float32).reshape(4, 3)


def test_representation_holds_what_it_is_given() -> None:
    r = ts.Representation(
        points=X, sample_ids=["a", "b", "c", "d"], labels=[0, 1, 0, 1], source=ts.Source("net", layer="l1")
    )
    assert len(r) == 4
    assert r.dimension == 3
    assert r.points is X
    assert r.name == "net / l1"
    assert "4 points in 3 dimensions" in repr(r)
    assert r.take(np.array([2, 0])).sample_ids.tolist() == ["c", "a"]
    assert r.take(np.array([2, 0])).labels.tolist() == [0, 0]
    with pytest.raises(dataclasses.FrozenInstanceError):
        r.points = X


@pytest.mark.parametrize("ending", [".npz", ".safetensors"])
@pytest.mark.parametrize("ids", [np.arange(4), np.array(["x/1.png", "ü", "c", "d"])])
@pytest.mark.parametrize("labels", [None, np.array([3, 1, 2, 2]), np.array(["cat", "dog", "cat", "<b>"])])
def test_representation_round_trip(tmp_path: Path, ending: str, ids: np.ndarray, labels: np.ndarray | None) -> None:
    source = ts.Source("net", "file.safetensors", "layer", "mean", "folder", 3, 1, 0.5, (3, 2, 2), "Block")
    saved = ts.Representation(X, ids, labels, source).save(tmp_path / f"r{ending}")
    back = ts.read_representation(saved)
    np.testing.assert_array_equal(back.points, X)
    assert back.points.dtype == np.float32
    np.testing.assert_array_equal(back.sample_ids, ids)
    assert back.source == source
    if labels is None:
        assert back.labels is None
    else:
        np.testing.assert_array_equal(back.labels, labels)


def test_points_alone(tmp_path: Path) -> None:
    np.save(tmp_path / "layer3.npy", X.astype(np.float64))
    back = ts.read_representation(tmp_path / "layer3.npy")
    assert isinstance(back.points, np.memmap)
    assert back.source.layer == "layer3"
    assert back.sample_ids.tolist() == [0, 1, 2, 3]
    np.savez(tmp_path / "one.npz", anything=X)
    assert ts.read_representation(tmp_path / "one.npz").dimension == 3
    saved = ts.Representation(X, np.arange(4)).save(tmp_path / "only.npy")
    np.testing.assert_array_equal(np.load(saved), X)


def test_dtypes() -> None:
    ids = np.arange(4)
    assert ts.Representation(X.astype(np.float16), ids).points.dtype == np.float32
    assert ts.Representation(X.astype(np.int32), ids).points.dtype == np.float64
    assert ts.Representation(X[:, ::2], ids).dimension == 2
    assert ts.Representation(X, np.array([0.0, 1.0, 2.0, 3.0])).sample_ids.dtype == np.int64
    assert ts.Representation(X, np.array(["a", "b", "c", "d"], dtype=object)).sample_ids.dtype.kind == "U"
    assert ts.Representation(X, ids, [True, False, True, False]).labels.tolist() == [1, 0, 1, 0]


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: ts.Representation(X[0], [0]), ts.InputError, "one row per input"),
        (lambda: ts.Representation(X, [0, 1]), ts.InputError, "sample_ids has shape"),
        (lambda: ts.Representation(X, np.arange(4), [0]), ts.InputError, "labels has shape"),
        (lambda: ts.Representation(X * np.nan, np.arange(4)), ts.ActivationError, "12 value.*row 0"),
        (lambda: ts.Representation(X * 1j, np.arange(4)), ts.InputError, "complex"),
        (lambda: ts.Representation([[1, 2], [3]], np.arange(2)), ts.InputError, "rectangular"),
        (lambda: ts.Representation(X, [0.5, 1, 2, 3]), ts.InputError, "integers or text"),
        (lambda: ts.Representation(X, np.arange(4)).save("x.pkl"), ts.InputError, r"\.npz, \.npy or"),
        (lambda: ts.read_representation("x.pt"), ts.FileError, r"\.npz, \.npy or"),
        (lambda: ts.read_representation("absent.npz"), ts.FileError, "cannot read absent.npz"),
        (lambda: ts.read_representation("absent.npy"), ts.FileError, "cannot read absent.npy"),
        (lambda: ts.read_representation("absent.safetensors"), ts.FileError, "cannot read absent.safetensors"),
    ],
)
def test_bad_representations(make, error, words: str) -> None:
    with pytest.raises(error, match=words):
        make()


def test_infinite_activation_is_counted_and_placed() -> None:
    y = X.copy()
    y[2, 1] = np.inf
    y[3, 0] = np.nan
    with pytest.raises(ts.ActivationError, match=r"2 value\(s\).*first in row 2"):
        ts.Representation(y, np.arange(4))


def test_damaged_files(tmp_path: Path) -> None:
    good = ts.Representation(X, np.arange(4)).save(tmp_path / "good.npz")
    content = good.read_bytes()
    truncated = tmp_path / "truncated.npz"
    truncated.write_bytes(content[: len(content) // 2])
    flipped = tmp_path / "flipped.npz"
    at = content.index(X.tobytes()) + 5
    flipped.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
    text = tmp_path / "text.npz"
    text.write_text("not an archive")
    for path in (truncated, flipped, text):
        with pytest.raises(ts.FileError, match="not a readable .npz"):
            ts.read_representation(path)
    (tmp_path / "bad.npy").write_bytes(b"\x93NUMPY\x01\x00garbage")
    with pytest.raises(ts.FileError, match="not a readable .npy"):
        ts.read_representation(tmp_path / "bad.npy")
    (tmp_path / "bad.safetensors").write_bytes(b"\x00" * 20)
    with pytest.raises(ts.FileError, match="not a readable .safetensors"):
        ts.read_representation(tmp_path / "bad.safetensors")
    np.savez(tmp_path / "two.npz", a=X, b=X)
    with pytest.raises(ts.FileError, match="no array called 'points'"):
        ts.read_representation(tmp_path / "two.npz")
    np.savez(tmp_path / "source.npz", points=X, source=np.array("{"))
    with pytest.raises(ts.FileError, match="not JSON"):
        ts.read_representation(tmp_path / "source.npz")
    np.savez(tmp_path / "list.npz", points=X, source=np.array("[]"))
    with pytest.raises(ts.FileError, match="not a JSON object"):
        ts.read_representation(tmp_path / "list.npz")
    np.savez(tmp_path / "nan.npz", points=X * np.nan)
    with pytest.raises(ts.ActivationError, match="nan.npz"):
        ts.read_representation(tmp_path / "nan.npz")


def test_objects_are_never_unpickled(tmp_path: Path) -> None:
    np.save(tmp_path / "evil.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(ts.FileError):
        ts.read_representation(tmp_path / "evil.npy")
    np.savez(tmp_path / "evil.npz", points=np.array([{"a": 1}], dtype=object))
    with pytest.raises(ts.FileError):
        ts.read_representation(tmp_path / "evil.npz")
    with pytest.raises(ts.FileError, match="pickle"):
        _io.write_arrays(tmp_path / "x.npz", {"a": np.array([{}], dtype=object)})
    assert not (tmp_path / "x.npz").exists()


def test_source_ignores_what_a_newer_version_wrote() -> None:
    text = json.dumps({"network": "n", "invented_later": 1})
    assert ts.Source.from_json(text) == ts.Source("n")


def test_a_failed_write_leaves_nothing(tmp_path: Path) -> None:
    target = tmp_path / "file.txt"
    target.write_text("before")
    with pytest.raises(RuntimeError), _io.atomic_write(target) as file:
        file.write(b"half")
        raise RuntimeError
    assert target.read_text() == "before"
    assert list(tmp_path.iterdir()) == [target]
    with pytest.raises(ts.FileError, match="cannot write"):
        _io.write_text(target / "below-a-file.txt", "x")


def test_equal_content_is_equal_bytes(tmp_path: Path) -> None:
    for name in "ab":
        _io.write_arrays(tmp_path / f"{name}.npz", {"x": X})
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    assert zipfile.ZipFile(tmp_path / "a.npz").testzip() is None


def test_json_files(tmp_path: Path) -> None:
    _io.write_json(tmp_path / "a.json", {"b": 1})
    assert _io.read_json(tmp_path / "a.json") == {"b": 1}
    (tmp_path / "b.json").write_text("{")
    with pytest.raises(ts.FileError, match="not a JSON"):
        _io.read_json(tmp_path / "b.json")
    with pytest.raises(ts.FileError, match="cannot read"):
        _io.read_json(tmp_path / "c.json")
    np.savez(tmp_path / "a.npz", x=X)
    with pytest.raises(ts.FileError, match="not a readable .npy"):
        _io.read_array(tmp_path / "a.npz")
    np.save(tmp_path / "a.npy", X)
    with pytest.raises(ts.FileError, match="not a readable .npz"):
        _io.read_arrays(tmp_path / "a.npy")


DIAGRAM = ts.PersistenceDiagram(
    [[1.0, 3.0], [0.0, np.inf], [1.0, 2.0]], [1, 0, 1], ts.Filtration(n_points=7, scale="q0.9")
)


def test_diagram_is_sorted_and_frozen() -> None:
    assert DIAGRAM.in_degree(1).tolist() == [[1, 2], [1, 3]]
    assert DIAGRAM.in_degree(0).tolist() == [[0, np.inf]]
    assert DIAGRAM.in_degree(5).shape == (0, 2)
    assert DIAGRAM.essential(0).tolist() == [[0, np.inf]]
    assert len(DIAGRAM.finite(0)) == 0
    assert len(DIAGRAM) == 3
    assert DIAGRAM.betti([1.0, 1.5, 2.0, 3.0], 1).tolist() == [2, 2, 1, 0]
    assert "1 in H0, 2 in H1" in repr(DIAGRAM)
    with pytest.raises(ValueError, match="read-only"):
        DIAGRAM.pairs[0] = 0
    with pytest.raises(TypeError):
        hash(DIAGRAM)
    assert ts.PersistenceDiagram([], []) != DIAGRAM


def test_diagram_round_trip(tmp_path: Path) -> None:
    assert ts.read_diagram(DIAGRAM.save(tmp_path / "d.npz")) == DIAGRAM
    with pytest.raises(ts.InputError, match=r"use \.npz"):
        DIAGRAM.save(tmp_path / "d.csv")
    np.savez(tmp_path / "e.npz", pairs=np.zeros((0, 2)))
    with pytest.raises(ts.FileError, match="degrees"):
        ts.read_diagram(tmp_path / "e.npz")
    np.savez(tmp_path / "f.npz", pairs=np.zeros((1, 2)), degrees=np.zeros(1, int), filtration=np.array("{"))
    with pytest.raises(ts.FileError, match="not a persistence diagram"):
        ts.read_diagram(tmp_path / "f.npz")


@pytest.mark.parametrize(
    ("pairs", "degrees", "words"),
    [
        ([[1.0, 1.0]], [0], "below its death"),
        ([[2.0, 1.0]], [0], "bar 0"),
        ([[np.nan, 1.0]], [0], "bar 0"),
        ([[np.inf, np.inf]], [0], "finite"),
        ([[0.0, 1.0]], [0, 1], "must be"),
        ([[0.0, 1.0]], [-1], "at least 0"),
        ([[0.0, 1.0, 2.0]], [0], "must be"),
    ],
)
def test_bad_diagrams(pairs, degrees, words: str) -> None:
    with pytest.raises(ts.InputError, match=words):
        ts.PersistenceDiagram(pairs, degrees)


def test_comparison() -> None:
    c = ts.Comparison([[0, 1], [1, 0]], ["a", "b"], "W1", {"order": 1})
    assert len(c) == 2
    assert repr(c) == "<Comparison of 2: W1, order=1>"
    with pytest.raises(ValueError, match="read-only"):
        c.values[0, 0] = 1
    with pytest.raises(TypeError):
        c.parameters["order"] = 2
    with pytest.raises(ts.InputError, match="square matrix"):
        ts.Comparison([[0, 1]], ["a", "b"], "W1")
    with pytest.raises(ts.InputError, match="NaN"):
        ts.Comparison([[np.nan]], ["a"], "W1")


def test_interval_and_test_result() -> None:
    interval = ts.Interval(0.1, 0.2, 0.95, "method")
    assert 0.15 in interval
    assert 0.3 not in interval
    assert str(interval) == "[0.1, 0.2]"
    with pytest.raises(ts.InputError, match="empty"):
        ts.Interval(1, 0, 0.95, "method")
    result = ts.TestResult(1.0, 0.5, 0.1, interval, [1.0, 0.0], "draw", 0, "nothing was rejected")
    assert "nothing was rejected" in repr(result)
    assert not ts.TestResult.__test__
    for p in (0.0, 1.5):
        with pytest.raises(ts.InputError, match="p_value"):
            ts.TestResult(1.0, p, 0.1, None, [1.0], "draw", 0, "c")


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: _check.choice("ab", ["abc", "xyz"], "what"), "close names: abc"),
        (lambda: _check.choice("q", ["abc", "xyz"], "what"), "known: abc, xyz"),
        (lambda: _check.choice("q", [str(k) for k in range(20)], "what"), "and 8 more"),
        (lambda: _check.integer(True, "n"), "n=True"),
        (lambda: _check.integer(1.5, "n"), "integer"),
        (lambda: _check.integer(0, "n", at_least=1), "at least 1"),
        (lambda: _check.real("x", "r"), "must be a number"),
        (lambda: _check.real(float("nan"), "r"), "must be a number"),
        (lambda: _check.real(0, "r", above=0.0), "above 0"),
        (lambda: _check.real(0, "r", at_least=1.0), "at least 1"),
    ],
)
def test_checks_say_what_and_how(call, words: str) -> None:
    with pytest.raises(ts.InputError, match=words):
        call()
