"""Hostile and broken files of numbers: points, labels, diagrams."""

import io
import json
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import strategies as st

import toposcope as ts
from tests.fuzz.harness import cases, changed, many, tame
from toposcope.extract.inputs import load_inputs
from toposcope.study.artefacts import read_file

POINTS = np.arange(24, dtype=np.float32).reshape(8, 3)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("arrays")


def npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array(file, array, allow_pickle=False)
    return file.getvalue()


def header(text: str, version: int = 1) -> bytes:
    length = struct.pack("<H", len(text) & 0xFFFF) if version == 1 else struct.pack("<I", len(text))
    return b"\x93NUMPY" + bytes([version, 0]) + length + text.encode("latin1", errors="replace")


def used(path: Path) -> None:
    """Everything that the command line does with a file of numbers."""
    with tame():
        found = read_file(path)
        repr(found)
        if isinstance(found, ts.Representation):
            assert np.isfinite(found.points).all()
            if len(found) <= 64 and found.dimension <= 64:
                ts.vietoris_rips(found, max_degree=1)
        else:
            ts.descriptors(found, 1)
    with tame():
        inputs = load_inputs(str(path))
        inputs.digest()
        next(iter(inputs.batches(4)), None)


numbers = st.one_of(
    st.integers(-2, 9),
    st.integers(-(1 << 70), 1 << 70),
    st.sampled_from([10**12, 2**31, 2**62, 2**63, 2**64, "3", None, 1.5, True, "8 * 10**9"]),
)
descriptions = st.one_of(
    st.sampled_from(
        [
            "<f4",
            ">f8",
            "<i8",
            "|u1",
            "|b1",
            "<U3",
            "|S5",
            "|O",
            "<c16",
            "<f2",
            "<M8[s]",
            "|V9",
            "<U999999999",
            "|V999999999999",
            "<f16",
            "()",
            "os.system",
        ]
    ),
    st.text(max_size=6),
    st.lists(st.tuples(st.text(max_size=3), st.sampled_from(["<f4", "|O"])), max_size=3),
)


@cases
def test_npy_headers(count: int, folder: Path) -> None:
    def case(description: object, order: object, shape: list, version: int, rest: bytes) -> None:
        told = repr({"descr": description, "fortran_order": order, "shape": tuple(shape)})
        path = folder / "x.npy"
        path.write_bytes(header(told, version) + rest)
        used(path)

    shapes = st.lists(numbers, max_size=5)
    many(
        count,
        case,
        descriptions,
        st.sampled_from([True, False, 1, None]),
        shapes,
        st.integers(1, 4),
        st.binary(max_size=64),
    )


@cases
def test_npy_bytes(count: int, folder: Path) -> None:
    def case(content: bytes) -> None:
        path = folder / "y.npy"
        path.write_bytes(content)
        used(path)

    nested = [header("(" * k + "1" + ")" * k) for k in (10, 4000)] + [header("-" * 9000 + "1", 2)]
    whole = [npy(POINTS), npy(POINTS.T.copy(order="F")), npy(np.array("text")), npy(np.zeros((0, 4))), *nested]
    many(count, case, st.one_of(*map(changed, whole)))


@cases
def test_npz_bytes(count: int, folder: Path) -> None:
    def case(content: bytes) -> None:
        path = folder / "z.npz"
        path.write_bytes(content)
        used(path)

    stored, packed = io.BytesIO(), io.BytesIO()
    np.savez(stored, points=POINTS, sample_ids=np.arange(8), labels=np.array(list("aabbccdd")))
    np.savez_compressed(packed, inputs=np.zeros((4, 8, 8, 3), np.uint8), labels=np.arange(4))
    ts.vietoris_rips(POINTS).save(folder / "d.npz")
    whole = [stored.getvalue(), packed.getvalue(), (folder / "d.npz").read_bytes()]
    many(count, case, st.one_of(*map(changed, whole)))


values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(1 << 70), 1 << 70), st.floats(), st.text(max_size=4)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=3), inner, max_size=3)),
    max_leaves=6,
)
arrays = st.one_of(
    st.sampled_from([POINTS, POINTS[:, 0], np.float64(3), np.zeros((0, 2)), np.array(["a", "b"]), np.array(b"\xff")]),
    st.lists(st.floats(), max_size=9).map(np.array),
    st.lists(st.floats(width=32), min_size=24, max_size=24).map(lambda x: np.array(x, np.float32).reshape(8, 3)),
    st.lists(st.one_of(st.integers(0, 2**63 - 1), st.integers(0, 3)), min_size=8, max_size=8).map(np.array),
    st.lists(st.complex_numbers(), min_size=8, max_size=8).map(np.array),
    st.lists(st.text(max_size=3), min_size=8, max_size=8).map(np.array),
    st.lists(st.text(alphabet="0123456789ei.-+naf", max_size=5), min_size=2, max_size=8).map(np.array),
)


@cases
def test_labels_and_ids_that_do_not_fit(count: int, folder: Path) -> None:
    def case(points: np.ndarray, ids: np.ndarray, labels: np.ndarray, source: object, names: list[str]) -> None:
        path = folder / "l.npz"
        told = np.array(source if isinstance(source, str) else json.dumps(source))
        with zipfile.ZipFile(path, "w") as archive:
            for name, array in zip(names, (points, ids, labels, told), strict=False):
                archive.writestr(f"{name}.npy", npy(np.asarray(array)))
        used(path)

    named = st.sampled_from(
        [["points", "sample_ids", "labels", "source"], ["inputs", "labels"], ["points"], ["../x", "a\nb"]]
    )
    many(count, case, st.one_of(st.just(POINTS), arrays), arrays, arrays, st.one_of(values, st.text(max_size=9)), named)


FACTS = ["metric", "scale", "threshold", "field", "n_points", "max_degree", "scale_value", "surplus"]


@cases
def test_diagrams(count: int, folder: Path) -> None:
    def case(pairs: np.ndarray, degrees: np.ndarray, filtration: object, parts: dict) -> None:
        path = folder / "dgm.npz"
        content = {"pairs": pairs, "degrees": degrees, "filtration": np.array(json.dumps(filtration)), **parts}
        with zipfile.ZipFile(path, "w") as archive:
            for name, array in content.items():
                archive.writestr(f"{name}.npy", npy(np.asarray(array)))
        with tame():
            found = ts.read_diagram(path)
            repr(found)
            ts.descriptors(found, 1)
            ts.bottleneck(found, found, check=False)
            ts.wasserstein(found, found)
            if found.representatives is not None:
                for row in range(len(found)):
                    found.representatives.cycle(row)
                    found.representatives.birth_simplex(row)

    pairs = st.one_of(
        arrays,
        st.lists(st.tuples(st.floats(), st.floats()), max_size=6).map(lambda rows: np.array(rows).reshape(-1, 2)),
        st.lists(st.tuples(st.floats(0, 1), st.floats(2, 3)), max_size=6).map(
            lambda rows: np.array(rows).reshape(-1, 2)
        ),
    )
    degrees = st.one_of(
        arrays,
        st.lists(st.integers(-1, 3), max_size=6).map(lambda row: np.array(row, np.int64)),
        st.just(np.array([10**12])),
    )
    fields = st.one_of(values, st.dictionaries(st.sampled_from(FACTS), values, max_size=4))
    behind = st.fixed_dictionaries(
        {},
        optional=dict.fromkeys(
            ("birth_simplices", "death_simplices", "cycle_vertices", "cycle_ends", "merges"), arrays
        ),
    )
    many(count, case, pairs, degrees, fields, behind)


@cases
def test_safetensors(count: int, folder: Path) -> None:
    def case(told: object, rest: bytes, length: object) -> None:
        text = told if isinstance(told, bytes) else json.dumps(told).encode()
        path = folder / "s.safetensors"
        path.write_bytes(struct.pack("<Q", length if isinstance(length, int) else len(text)) + text + rest)
        with tame():
            repr(ts.read_representation(path))

    ts.Representation(POINTS, np.arange(8), np.array(list("aabbccdd"))).save(folder / "whole.safetensors")
    whole = (folder / "whole.safetensors").read_bytes()
    size = struct.unpack("<Q", whole[:8])[0]
    tensor = st.fixed_dictionaries(
        {
            "dtype": st.sampled_from(["F32", "F64", "BF16", "I64", "U8", "BOOL", "F8_E4M3", "X"]),
            "shape": st.lists(st.one_of(st.integers(0, 4), st.integers(0, 1 << 64)), max_size=3),
            "data_offsets": st.lists(st.one_of(st.integers(0, 96), st.integers(0, 1 << 64)), min_size=1, max_size=3),
        }
    )
    names = st.sampled_from(["points", "sample_ids", "labels", "__metadata__", "x", "../x"])
    tables = st.dictionaries(
        names, st.one_of(tensor, values, st.dictionaries(names, st.text(max_size=6), max_size=3)), max_size=4
    )
    lengths = st.one_of(st.none(), st.none(), st.integers(0, (1 << 64) - 1))
    many(
        count,
        case,
        st.one_of(tables, changed(whole[8 : 8 + size])),
        st.one_of(st.just(whole[8 + size :]), st.binary(max_size=96)),
        lengths,
    )


@pytest.mark.parametrize(
    ("told", "said"), [("{'descr': 'a4', SHAPE}", "dtype a4"), (r"{'descr': '\d', SHAPE}", "another one than numpy's")]
)
def test_headers_that_python_or_numpy_would_warn_of(folder: Path, told: str, said: str) -> None:
    path = folder / "warned.npy"
    path.write_bytes(header(told.replace("SHAPE", "'fortran_order': False, 'shape': (2, 2)")) + bytes(16))
    with tame(), pytest.raises(ts.FileError, match=said):
        ts.read_representation(path)


@pytest.mark.skipif(np.dtype(np.longdouble).itemsize != 16, reason="this machine has no numbers of 16 bytes")
@pytest.mark.parametrize(
    "number", [bytes(9) + b"\1" + bytes(6), np.longdouble("1e400").tobytes()], ids=["nan", "1e400"]
)
def test_long_numbers_that_no_float64_holds(folder: Path, number: bytes) -> None:
    path = folder / "long.npy"
    path.write_bytes(header(repr({"descr": "<f16", "fortran_order": False, "shape": (1, 2)})) + 2 * number)
    with tame(), pytest.raises(ts.ToposcopeError, match="finite|NaN|nan|inf"):
        ts.read_representation(path)


# --- bombs ------------------------------------------------------------------------------------------------------------


def test_a_header_that_claims_a_trillion_rows(folder: Path) -> None:
    path = folder / "big.npy"
    path.write_bytes(npy(POINTS).replace(b"(8, 3), ", b"(1000000000000, 3), ".ljust(8)))
    path.write_bytes(header(repr({"descr": "<f4", "fortran_order": False, "shape": (10**12, 3)})) + bytes(96))
    for attempt in (ts.read_representation, lambda path: load_inputs(str(path))):
        with pytest.raises(
            ts.FileError, match=r"says shape \(1000000000000, 3\) of float32, which are 12000000000000 bytes"
        ):
            attempt(path)


@pytest.mark.parametrize("shape", [(10**8, 0), (0, 1 << 60), (10**8, 0, 3)])
def test_rows_without_columns_take_no_memory(folder: Path, shape: tuple[int, ...]) -> None:
    path = folder / "nothing.npy"
    path.write_bytes(header(repr({"descr": "<f4", "fortran_order": False, "shape": shape})))
    with pytest.raises(ts.FileError, match="and nothing is there"):
        ts.read_representation(path)


def test_an_archive_that_unpacks_without_end(folder: Path) -> None:
    path = folder / "bomb.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("points.npy", "w") as member:
        member.write(
            header(repr({"descr": "<f4", "fortran_order": False, "shape": (1 << 17, 1 << 10)}).ljust(117) + "\n")
        )
        for _ in range(270):
            member.write(bytes(1 << 20))
    assert path.stat().st_size < 1 << 20
    with pytest.raises(ts.FileError, match="would unpack to 283115.*save the arrays uncompressed"):
        ts.read_representation(path)


def test_an_archive_whose_members_share_their_bytes(folder: Path) -> None:
    """Many entries of the directory that point at one and the same member."""
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as archive:
        archive.writestr("a.npy", npy(np.zeros((1 << 20, 8), np.uint8)))
    content = whole.getvalue()
    start = content.rindex(b"PK\1\2")
    entry, end = content[start:-22], bytearray(content[-22:])
    entries = b"".join(entry.replace(b"a.npy", f"{k:05x}".encode()) for k in range(1000))
    struct.pack_into("<HHI", end, 8, 1000, 1000, len(entries))
    path = folder / "shared.npz"
    path.write_bytes(content[:start] + entries + bytes(end))
    with pytest.raises(ts.FileError, match="would unpack to|differ"):
        ts.read_representation(path)


def test_what_is_pickled_is_not_loaded(folder: Path) -> None:
    import pickle

    class Evil:
        def __reduce__(self):
            return (Path.touch, (folder / "ran",))

    for name in ("evil.npy", "evil.npz"):
        path = folder / name
        array = np.array([Evil()], dtype=object)
        (np.save if name.endswith("npy") else np.savez)(path, array, allow_pickle=True)
        with pytest.raises(ts.FileError, match="Python objects, which are never unpickled"):
            read_file(path)
    raw = folder / "raw.npy"
    raw.write_bytes(pickle.dumps(Evil()))
    with pytest.raises(ts.FileError):
        read_file(raw)
    assert not (folder / "ran").exists()
