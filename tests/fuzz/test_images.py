"""Hostile and broken folders of images, archives of them, and IDX files."""

import contextlib
import gc
import gzip
import io
import os
import struct
import sys
import warnings
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import strategies as st
from PIL import Image

import toposcope as ts
from tests.fuzz.harness import bounded, cases, changed, many, tame
from toposcope.extract.inputs import load_inputs

PIXELS = np.random.default_rng(0).integers(0, 256, (9, 7, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("images")


def encoded(kind: str, mode: str = "RGB", **options: object) -> bytes:
    file = io.BytesIO()
    image = Image.fromarray(PIXELS)
    # Not every Pillow converts colours to 16 bits.
    image = Image.fromarray(PIXELS[..., 0].astype(np.uint16)) if mode == "I;16" else image.convert(mode)
    image.save(file, kind, **options)
    return file.getvalue()


WHOLE = [
    *(encoded("PNG", mode) for mode in ("RGB", "L", "P", "LA", "RGBA", "1", "I;16")),
    *(encoded("JPEG", mode) for mode in ("RGB", "L", "CMYK")),
    *(encoded(kind) for kind in ("BMP", "GIF", "PPM", "WEBP", "TIFF")),
    encoded("TIFF", compression="tiff_lzw"),
    encoded("TIFF", "F"),
]


def look(spec: Path) -> None:
    """Everything that a run does with a folder of images."""
    with tame():
        inputs = load_inputs(str(spec))
        inputs.digest()
        for image in inputs.images(range(len(inputs))):
            assert image.mode == "RGB"
        next(iter(inputs.batches(4)), None)


@cases
def test_bytes_of_images(count: int, folder: Path) -> None:
    where = folder / "bytes"
    where.mkdir(exist_ok=True)

    def case(content: bytes) -> None:
        (where / "x.png").write_bytes(content)
        look(where)

    many(count, case, st.one_of(*map(changed, WHOLE)))


@cases
def test_bytes_of_archives(count: int, folder: Path) -> None:
    def case(content: bytes) -> None:
        (folder / "images.zip").write_bytes(content)
        look(folder / "images.zip")

    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for number, content in enumerate(WHOLE[:3]):
            archive.writestr(f"class{number}/x.png", content)
        archive.writestr("../../outside.png", WHOLE[0], zipfile.ZIP_DEFLATED)
    many(count, case, changed(file.getvalue()))
    assert not (folder.parent / "outside.png").exists()


@cases
def test_bytes_of_idx_files(count: int, folder: Path) -> None:
    def case(head: bytes, rest: bytes, raw: bytes | None) -> None:
        path = folder / "x.gz"
        path.write_bytes(gzip.compress(head + rest, 1) if raw is None else raw)
        look_at_numbers(path)

    def look_at_numbers(path: Path) -> None:
        with tame():
            load_inputs(str(path)).digest()

    whole = struct.pack(">HBBIII", 0, 8, 3, 4, 5, 5) + bytes(100)
    sizes = st.lists(st.integers(0, 2**32 - 1), max_size=4)
    heads = st.one_of(
        st.just(whole),
        st.tuples(st.integers(0, 255), sizes).map(lambda d: struct.pack(f">HBB{len(d[1])}I", 0, 8, d[0], *d[1])),
    )
    many(count, case, heads, st.binary(max_size=99), st.one_of(st.none(), changed(gzip.compress(whole))))


@pytest.mark.parametrize(
    ("sizes", "said"), [((0, 2**31, 2**32 - 1, 2**32 - 1), "without an entry"), (80 * (1,), "of 80 dim"), ((), "of 0")]
)
def test_an_idx_array_of_any_shape(folder: Path, sizes: tuple[int, ...], said: str) -> None:
    path = folder / "shape.gz"
    path.write_bytes(gzip.compress(struct.pack(f">HBB{len(sizes)}I", 0, 8, len(sizes), *sizes) + b"1"))
    with tame(), pytest.raises(ts.FileError, match=said):
        load_inputs(str(path))


names = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=12)
raw_names = st.one_of(names.map(lambda name: name.encode()), st.binary(min_size=1, max_size=12))


@cases
def test_names_in_folders(count: int, tmp_path: Path) -> None:
    where = os.fsencode(tmp_path / "names")

    def case(classes: list[bytes], files: list[bytes]) -> None:
        _empty(where)
        os.mkdir(where)
        for parent in [b"", *classes]:
            inside = os.path.join(where, _name(parent))
            with contextlib.suppress(OSError):  # a name that this file system does not take
                os.makedirs(inside, exist_ok=True)
                for name in files:
                    with open(os.path.join(inside, _name(name) + b".png"), "wb") as file:
                        file.write(WHOLE[0])
        with tame():
            inputs = load_inputs(os.fsdecode(where))
            inputs.digest()
            assert inputs.ids is not None
            assert [str(entry).encode() for entry in inputs.ids]  # can be written as UTF-8

    hostile = [b"a\nb", b"\x1b[2J", b"caf\xe9", b"$(touch x)", b"'; rm", b"..x", b"-rf", b"\xe2\x80\xae"]
    some = st.lists(st.one_of(st.sampled_from(hostile), raw_names), max_size=3)
    many(count, case, some, some)


def _name(raw: bytes) -> bytes:
    return raw.replace(b"/", b"_").replace(b"\0", b"_")


def _empty(where: bytes) -> None:
    for folder, subfolders, files in os.walk(where, topdown=False):
        for name in files:
            os.unlink(os.path.join(folder, name))
        for name in subfolders:
            os.rmdir(os.path.join(folder, name))
    if os.path.isdir(where):
        os.rmdir(where)


# --- bombs and traps --------------------------------------------------------------------------------------------------


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, content: bytes) -> bytes:
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", content) + chunk(b"IEND", b"")


def test_a_picture_that_unpacks_without_end(tmp_path: Path) -> None:
    (tmp_path / "bomb.png").write_bytes(png(60_000, 60_000, zlib.compress(bytes(1 << 20), 9)))
    with pytest.raises(ts.FileError, match=r"bomb.png \(decompression bomb\)"):
        load_inputs(str(tmp_path))


def test_a_picture_larger_than_any_network_reads(tmp_path: Path) -> None:
    Image.new("L", (5000, 4000)).save(tmp_path / "large.png")
    inputs = load_inputs(str(tmp_path))
    with tame(), pytest.raises(ts.InputError, match=r"large.png of .* has 5000×4000 pixels, and the network would get"):
        next(iter(inputs.batches(1)))
    small = next(iter(inputs.batches(1, lambda image: np.array(image.resize((2, 2))))))
    assert small.tensors.shape == (1, 2, 2, 3)


@pytest.mark.parametrize("kind", [b"zTXt", b"iCCP", b"iTXt"])
def test_a_picture_whose_words_unpack_without_end(tmp_path: Path, kind: bytes) -> None:
    """A text or a colour profile of 2 GB beside 63 pixels."""
    packer = zlib.compressobj(9)
    first, block = (packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH) for _ in range(2))
    bomb = first + 2047 * block + packer.flush()
    said = b"k\0\1\0\0\0" if kind == b"iTXt" else b"k\0\0"
    (tmp_path / "bomb.png").write_bytes(WHOLE[0][:33] + chunk(kind, said + bomb) + WHOLE[0][33:])
    with bounded():
        look(tmp_path)


def test_a_picture_of_any_length(tmp_path: Path) -> None:
    (tmp_path / "large.png").write_bytes(WHOLE[0])
    os.truncate(tmp_path / "large.png", 1 << 40)  # without a byte more on the disk
    with pytest.raises(ts.FileError, match=r"large.png \(too large\)"):
        load_inputs(str(tmp_path))


def test_a_picture_that_is_a_program_is_not_run(tmp_path: Path) -> None:
    program = f"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n({tmp_path}/ran) (w) file closefile showpage\n%%EOF\n"
    (tmp_path / "x.png").write_text(program)
    with pytest.raises(ts.FileError, match=r"x.png \(not an image\)"):
        load_inputs(str(tmp_path))
    assert not (tmp_path / "ran").exists()


def test_links_that_go_round(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x.png").write_bytes(WHOLE[0])
    (tmp_path / "a" / "up").symlink_to(tmp_path)
    (tmp_path / "a" / "self").symlink_to("self")
    (tmp_path / "a" / "y.png").symlink_to("y.png")
    (tmp_path / "a" / "z.png").symlink_to("/dev/zero")
    os.mkfifo(tmp_path / "a" / "pipe.png")
    with pytest.warns(ts.ToposcopeWarning, match="3 of 4 images cannot be read"):
        inputs = load_inputs(str(tmp_path))
    assert inputs.ids is not None
    assert inputs.ids.tolist() == ["a/x.png"]


def test_names_that_are_no_text_become_text(tmp_path: Path) -> None:
    try:
        with open(os.fsencode(tmp_path) + b"/caf\xe9.png", "wb") as file:
            file.write(WHOLE[0])
    except OSError:
        pytest.skip("this file system takes no name that is not UTF-8")
    inputs = load_inputs(str(tmp_path))
    assert inputs.ids is not None
    assert inputs.ids.tolist() == [r"caf\xe9.png"]
    assert len(inputs.images([0])) == 1


def test_a_file_of_an_archive_without_a_name(tmp_path: Path) -> None:
    """Names end at a byte 0; `ZipInfo.is_dir` of Python 3.11 falls over one without a character."""
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("w.png", WHOLE[0])
        archive.writestr("x.png", WHOLE[0])
    path.write_bytes(path.read_bytes().replace(b"w.png", b"\0.png"))
    inputs = load_inputs(str(path))
    assert inputs.ids is not None
    assert inputs.ids.tolist() == ["x.png"]


@pytest.mark.skipif(sys.implementation.name != "cpython", reason="collectors of other Pythons work otherwise")
def test_an_archive_in_a_cycle_is_closed_in_order(tmp_path: Path) -> None:
    """The collector finalizes a cycle in the order in which it first met its members: here, the file first."""
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.png", WHOLE[0])
    met: list[object] = []
    gc.collect()
    inputs = load_inputs(str(path))
    met += [o for o in gc.get_objects() if type(o) is io.BufferedReader and o.name in (path, str(path))]
    assert met
    gc.collect()
    met.clear()
    cycle: list[object] = [inputs]
    cycle.append(cycle)
    del inputs, cycle
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        gc.collect()
    assert not caught
