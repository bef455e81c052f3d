"""INPUTS → batches with ids and labels."""

from __future__ import annotations

import gzip
import io
import os
import pickle
import struct
import warnings
import zipfile

import numpy as np
import pytest
import torch
from PIL import Image

from toposcope._errors import FileError, InputError, ToposcopeWarning
from toposcope.extract import load_inputs
from toposcope.extract.inputs import images


def only(inputs, **options):
    batches = list(inputs.batches(100, **options))
    assert len(batches) == 1
    return batches[0]


def picture(path, colour=(10, 20, 30), mode="RGB", size=(6, 4)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).convert(mode).save(path)
    return path


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "images"
    for k, name in enumerate(["cat/b.png", "cat/a.png", "dog/a.png"]):
        picture(root / name, (k, 0, 255))
    return root


# --- folders ----------------------------------------------------------------------------------------------------------


def test_class_folders_are_labels_and_paths_are_ids(folder):
    inputs = load_inputs(str(folder))
    assert inputs.ids.tolist() == ["cat/a.png", "cat/b.png", "dog/a.png"]
    assert inputs.labels.tolist() == ["cat", "cat", "dog"]
    assert len(inputs) == inputs.count == 3
    batch = only(inputs)
    assert batch.tensors.shape == (3, 3, 4, 6)
    assert batch.tensors[:, 0, 0, 0].tolist() == pytest.approx([1 / 255, 0, 2 / 255])
    assert batch.labels.tolist() == ["cat", "cat", "dog"]
    assert [image.size for image in inputs.images([0, 2])] == [(6, 4)] * 2
    assert [len(batch) for batch in inputs.batches(2)] == [2, 1]
    assert len(next(iter(inputs))) == 3


def test_preprocess_of_the_network_and_of_the_inputs(folder):
    def first(image):
        return torch.full((1, 2, 2), image.size[0])

    assert only(load_inputs(folder), preprocess=first).tensors.unique().tolist() == [6]
    own = load_inputs(folder, preprocess=lambda image: np.zeros((1, 1, 1)))
    assert only(own, preprocess=first).tensors.shape == (3, 1, 1, 1)


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "1", "CMYK", "LA"])
def test_every_mode_becomes_rgb(tmp_path, mode):
    picture(tmp_path / f"a.{'tif' if mode == 'CMYK' else 'png'}", (255, 255, 255), mode)
    tensors = only(load_inputs(tmp_path)).tensors
    assert tensors.shape == (1, 3, 4, 6)
    assert tensors.min() > 0.99


def test_sixteen_bit_images_keep_their_greys(tmp_path):
    Image.fromarray(np.full((4, 6), 32768, dtype=np.uint16)).save(tmp_path / "a.png")
    assert only(load_inputs(tmp_path)).tensors.mean() == pytest.approx(0.5, abs=0.01)


def test_palettes_with_transparency_are_read_without_a_murmur(tmp_path):
    image = Image.new("P", (4, 4))
    image.info["transparency"] = b"\x00\x01"
    image.save(tmp_path / "a.png", transparency=b"\x00\x01")
    assert only(load_inputs(tmp_path)).tensors.shape == (1, 3, 4, 4)


def test_unreadable_files_are_named_in_one_warning_and_skipped(folder, monkeypatch):
    (folder / "cat" / "broken.jpg").write_bytes(b"no image")
    whole = (folder / "cat" / "a.png").read_bytes()
    (folder / "dog" / "cut.png").write_bytes(whole[: len(whole) // 2])
    (folder / "dog" / "empty.png").touch()
    os.symlink("nowhere", folder / "dog" / "link.png")
    os.mkfifo(folder / "dog" / "pipe.png")
    with pytest.warns(ToposcopeWarning) as told:
        inputs = load_inputs(folder)
    assert len(told) == 1
    message = str(told[0].message)
    assert "5 of 8 images cannot be read" in message
    for name in ("cat/broken.jpg (not an image)", "dog/cut.png", "dog/empty.png", "dog/link.png", "dog/pipe.png"):
        assert name in message
    assert inputs.ids.tolist() == ["cat/a.png", "cat/b.png", "dog/a.png"]
    assert len(only(inputs)) == 3


def test_nothing_readable(tmp_path):
    (tmp_path / "a.png").write_bytes(b"x")
    with pytest.raises(FileError, match="1 of 1 images cannot be read: a.png .*; there is nothing left"):
        load_inputs(tmp_path)


def test_no_images(tmp_path):
    (tmp_path / "notes.txt").touch()
    with pytest.raises(InputError, match="holds no images"):
        load_inputs(tmp_path)


def test_hidden_files_and_loops_of_links(folder):
    picture(folder / ".thumbs" / "a.png")
    picture(folder / "cat" / "._a.png")
    os.symlink(folder, folder / "cat" / "up")
    assert len(load_inputs(folder)) == 3


def test_linked_class_folders_are_followed(folder, tmp_path):
    picture(tmp_path / "elsewhere" / "x.png")
    os.symlink(tmp_path / "elsewhere", folder / "owl")
    assert load_inputs(folder).labels.tolist() == ["cat", "cat", "dog", "owl"]


def test_images_beside_class_folders_have_no_labels(folder):
    picture(folder / "loose.png")
    with pytest.warns(ToposcopeWarning, match="in class folders and beside them, so there are no labels"):
        assert load_inputs(folder).labels is None


def test_decompression_bombs_are_skipped(folder, monkeypatch):
    picture(folder / "cat" / "huge.png", size=(60, 60))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.warns(ToposcopeWarning, match=r"huge.png \(decompression bomb\)"):
        assert len(load_inputs(folder)) == 3


def test_large_files_are_skipped(folder, monkeypatch):
    (folder / "cat" / "large.png").write_bytes(b"x" * 5000)
    monkeypatch.setattr(images, "MAX_FILE_BYTES", 4000)
    with pytest.warns(ToposcopeWarning, match=r"large.png \(too large\)"):
        assert len(load_inputs(folder)) == 3


def test_images_of_different_sizes_need_preprocessing(folder):
    picture(folder / "dog" / "b.png", size=(9, 9))
    with pytest.raises(InputError, match="images of different sizes .3×4×6 and 3×9×9. make no batch; pass preprocess="):
        only(load_inputs(folder))


def test_images_that_vanish(folder):
    inputs = load_inputs(folder)
    (folder / "cat" / "a.png").unlink()
    with pytest.raises(FileError, match="can no longer be read"):
        only(inputs)


def test_limit_takes_evenly_spaced_files(folder):
    assert load_inputs(folder, limit=2).ids.tolist() == ["cat/a.png", "cat/b.png"]
    for k in range(9):
        picture(folder / "dog" / f"n{k}.png")
    assert set(load_inputs(folder, limit=4).labels) == {"cat", "dog"}


def test_digest_follows_the_content(folder):
    before = load_inputs(folder).digest()
    assert before == load_inputs(folder).digest()
    assert load_inputs(folder, limit=2).digest() != before
    picture(folder / "cat" / "a.png", (9, 9, 9))
    after = load_inputs(folder).digest()
    assert after != before
    os.rename(folder / "cat" / "a.png", folder / "cat" / "c.png")
    assert load_inputs(folder).digest() != after


# --- archives ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def archive(folder, tmp_path):
    path = tmp_path / "all.zip"
    with zipfile.ZipFile(path, "w") as file:
        for image in sorted(folder.rglob("*.png")):
            file.write(image, f"test/{image.relative_to(folder)}")
        file.writestr("__MACOSX/test/cat/._a.png", b"x")
        file.writestr("readme.txt", b"x")
    return path


def test_archives(archive, folder):
    inside = load_inputs(f"{archive}:test")
    assert inside.ids.tolist() == load_inputs(folder).ids.tolist()
    assert inside.labels.tolist() == ["cat", "cat", "dog"]
    assert torch.equal(only(inside).tensors, only(load_inputs(folder)).tensors)
    assert inside.digest() == load_inputs(folder).digest()
    assert pickle.loads(pickle.dumps(inside)).digest() == inside.digest()
    assert load_inputs(f"{archive}/test/cat").labels is None
    assert load_inputs(str(archive)).ids[0] == "test/cat/a.png"
    with pytest.raises(InputError, match="holds no images"):
        load_inputs(f"{archive}:train")


def test_archives_that_unpack_without_end(archive, monkeypatch):
    with zipfile.ZipFile(archive, "a", zipfile.ZIP_DEFLATED) as file:
        file.writestr("test/cat/bomb.png", b"0" * 100_000)
    monkeypatch.setattr(images, "MAX_FILE_BYTES", 50_000)
    with pytest.warns(ToposcopeWarning, match=r"bomb.png \(too large\)"):
        assert len(load_inputs(f"{archive}:test")) == 3


def test_damaged_archives(tmp_path):
    (tmp_path / "a.zip").write_bytes(b"PK no")
    with pytest.raises(FileError, match="not a readable .zip archive"):
        load_inputs(tmp_path / "a.zip")


# --- arrays -----------------------------------------------------------------------------------------------------------


def test_float_arrays_go_as_they_are():
    array = np.random.default_rng(0).normal(size=(5, 3, 4, 4))
    batch = only(load_inputs(array), preprocess=lambda image: 1 / 0)
    np.testing.assert_array_equal(batch.tensors.numpy(), array)
    assert batch.ids.tolist() == [0, 1, 2, 3, 4]
    assert only(load_inputs(array.astype(">f4"))).tensors.dtype == torch.float32
    tensor = torch.randn(3, 2, dtype=torch.bfloat16)
    assert torch.equal(only(load_inputs(tensor)).tensors, tensor)
    assert only(load_inputs(np.arange(6, dtype=np.uint16).reshape(3, 2))).tensors.dtype == torch.int64


@pytest.mark.parametrize("shape", [(5, 4, 6), (5, 4, 6, 1), (5, 4, 6, 3), (5, 4, 6, 4), (5, 3, 4, 6), (5, 1, 4, 6)])
def test_uint8_arrays_are_images(shape):
    array = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    inputs = load_inputs(array)
    seen = only(inputs, preprocess=lambda image: torch.tensor(image.size)).tensors
    assert seen.tolist() == [[6, 4]] * 5
    plain = only(inputs).tensors
    assert plain.shape == (5, 3 if 3 in shape or shape[-1] == 4 else 1, 4, 6)
    assert plain.max() <= 1
    assert inputs.images([1])[0].shape[:2] == (4, 6)


def test_uint8_vectors_are_no_images():
    batch = only(load_inputs(np.ones((4, 7), dtype=np.uint8)))
    assert batch.tensors.shape == (4, 7)
    with pytest.raises(InputError, match="are not images"):
        load_inputs(np.ones((4, 7))).images([0])


def test_images_of_float_arrays_share_one_grey_scale():
    array = np.linspace(0, 1, 2 * 9).reshape(2, 1, 3, 3).astype(np.float32)
    first, second = load_inputs(array).images([0, 1])
    assert (first.min(), second.max()) == (0, 255)
    assert first.max() < second.min()
    assert load_inputs(np.ones((2, 3, 4, 4), dtype=np.float32)).images([0])[0].shape == (4, 4, 3)


def test_npy_and_npz(tmp_path):
    array = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)
    np.save(tmp_path / "x.npy", array)
    inputs = load_inputs(tmp_path / "x.npy")
    assert inputs.name == "x.npy"
    np.testing.assert_array_equal(only(inputs).tensors.numpy(), array)
    np.savez(tmp_path / "x.npz", inputs=array, labels=np.arange(4), sample_ids=np.array(list("abcd")))
    inputs = load_inputs(str(tmp_path / "x.npz"))
    assert inputs.ids.tolist() == list("abcd")
    assert inputs.labels.tolist() == [0, 1, 2, 3]
    np.savez(tmp_path / "one.npz", anything=array, labels=np.arange(4))
    assert len(load_inputs(tmp_path / "one.npz")) == 4
    np.savez(tmp_path / "two.npz", a=array, b=array)
    with pytest.raises(InputError, match="holds .'a', 'b'. and no array called 'inputs'"):
        load_inputs(tmp_path / "two.npz")
    np.savez(tmp_path / "bad.npz", inputs=array, labels=np.arange(3))
    with pytest.raises(InputError, match=r"bad.npz: inputs: labels have shape \(3,\) for 4 inputs; give one each"):
        load_inputs(tmp_path / "bad.npz")
    np.save(tmp_path / "object.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(FileError):
        load_inputs(tmp_path / "object.npy")


def test_idx(tmp_path):
    images = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4)
    path = tmp_path / "t10k-images-idx3-ubyte.gz"
    header = struct.pack(">HBB3I", 0, 8, 3, 2, 3, 4)
    path.write_bytes(gzip.compress(header + images.tobytes()))
    assert load_inputs(path).labels is None
    (tmp_path / "t10k-labels-idx1-ubyte.gz").write_bytes(
        gzip.compress(struct.pack(">HBBI", 0, 8, 1, 2) + bytes([7, 9]))
    )
    inputs = load_inputs(path)
    assert inputs.labels.tolist() == [7, 9]
    np.testing.assert_array_equal(np.stack(inputs.images([0, 1])), images)
    path.write_bytes(gzip.compress(header + images.tobytes()[:-1]))
    with pytest.raises(FileError, match="damaged: its header promises 24 bytes"):
        load_inputs(path)
    path.write_bytes(gzip.compress(struct.pack(">HBB", 0, 13, 1) + bytes(4)))
    with pytest.raises(FileError, match="not an IDX file of bytes"):
        load_inputs(path)
    path.write_bytes(b"no gzip")
    with pytest.raises(FileError, match="not a readable IDX"):
        load_inputs(path)


def test_digits_are_images_to_a_preprocessing():
    seen = []

    def preprocess(image):
        seen.append((image.mode, image.size))
        return np.asarray(image, dtype=np.float32).transpose(2, 0, 1) / 255

    batch = only(load_inputs("digits", limit=3, preprocess=preprocess))
    assert seen == [("RGB", (8, 8))] * 3
    assert batch.tensors.shape == (3, 3, 8, 8)
    plain = only(load_inputs("digits", limit=3)).tensors
    assert abs(batch.tensors[:, :1] - plain).max() < 1 / 255


def test_digits():
    whole, train, test = (load_inputs(name) for name in ("digits", "digits:train", "digits:test"))
    assert (len(whole), len(train), len(test)) == (1797, 997, 800)
    assert sorted([*train.ids, *test.ids]) == whole.ids.tolist()
    assert whole.ids[0] == "digits-0000"
    assert train.ids[:3].tolist() == ["digits-0000", "digits-0001", "digits-0002"] or len(set(train.ids)) == 997
    batch = only(load_inputs("digits", limit=7))
    assert batch.tensors.shape == (7, 1, 8, 8)
    assert batch.tensors.dtype == torch.float32
    assert batch.tensors.max() == 1
    assert whole.images([3])[0].shape == (8, 8)
    assert set(whole.labels) == set(range(10))
    assert test.digest() != train.digest()
    # The split is the same everywhere and forever.
    assert test.digest() == load_inputs("digits:test").digest()


def test_digits_are_parsed_once_and_belong_to_whoever_loads_them(monkeypatch):
    before = load_inputs("digits").digest()
    monkeypatch.setattr("sklearn.datasets.load_digits", None)
    for name in ("digits", "digits:train"):
        mine = load_inputs(name)
        mine.labels[:], mine.ids[:] = 0, "other"
        only(load_inputs(name, limit=3)).tensors.zero_()
    again = load_inputs("digits")
    assert again.digest() == before
    assert set(again.labels) == set(range(10))


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.arange(3), r"inputs have shape \(3,\), but the first axis counts inputs"),
        (np.empty((0, 3)), "which is empty"),
        (np.empty((3, 0)), "which is empty"),
        (np.array([["a"]]), "have dtype <U1; use numbers"),
    ],
)
def test_arrays_that_are_none(array, message):
    with pytest.raises(InputError, match=message):
        load_inputs(array)


def test_specs_that_are_none(tmp_path):
    with pytest.raises(InputError, match="inputs of type int are not understood"):
        load_inputs(3)
    with pytest.raises(FileError, match="inputs 'nowhere' do not exist; use a folder of images"):
        load_inputs("nowhere")
    (tmp_path / "x.txt").touch()
    with pytest.raises(InputError, match="are not understood; use a folder"):
        load_inputs(tmp_path / "x.txt")
    with pytest.raises(FileError, match="cannot read"):
        load_inputs(tmp_path / "x.npy")
    with pytest.raises(InputError, match="limit=0"):
        load_inputs("digits", limit=0)


def test_module_and_function(tmp_path, monkeypatch):
    (tmp_path / "my_inputs.py").write_text(
        "import numpy as np\ndef ones():\n    return np.ones((3, 2))\ndef needs(x):\n    return x\n"
    )
    monkeypatch.chdir(tmp_path)
    inputs = load_inputs("my_inputs:ones")
    assert inputs.name == "my_inputs:ones"
    assert len(inputs) == 3
    with pytest.raises(InputError, match="'my_inputs:zeros' cannot be imported"):
        load_inputs("my_inputs:zeros")
    with pytest.raises(InputError, match="'my_other:zeros' cannot be imported"):
        load_inputs("my_other:zeros")
    with pytest.raises(InputError, match="takes no arguments"):
        load_inputs("my_inputs:needs")


# --- streams ----------------------------------------------------------------------------------------------------------


def test_streams_of_tensors_tuples_and_dicts():
    x = torch.arange(6.0).reshape(3, 2)
    for entry in (x, (x,), (x, torch.arange(3)), (x, None, list("abc")), {"x": x, "labels": np.arange(3)}, x.numpy()):
        inputs = load_inputs(iter([entry, entry]))
        assert inputs.count is None
        with pytest.raises(TypeError, match="is a stream"):
            len(inputs)
        first, second = inputs
        tensors = first.tensors["x"] if isinstance(first.tensors, dict) else first.tensors
        assert torch.equal(tensors, x)
        assert second.ids.tolist() == (list("abc") if isinstance(entry, tuple) and len(entry) == 3 else [3, 4, 5])
        has_labels = isinstance(entry, dict) or (isinstance(entry, tuple) and len(entry) == 2)
        assert (first.labels is not None) == has_labels


def test_streams_have_limits_but_no_content():
    inputs = load_inputs([torch.zeros(3, 2), {"x": torch.zeros(3, 2), "attention_mask": torch.ones(3, 2)}], limit=4)
    assert [len(batch) for batch in inputs] == [3, 1]
    with pytest.raises(InputError, match="is a stream, which cannot be read again"):
        inputs.images([0])
    with pytest.raises(InputError, match="is a stream, which has no content"):
        inputs.digest()


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("text", "batch 0 is a str"),
        (({"x": torch.zeros(2, 1), "y": torch.zeros(3, 1)},), r"batch 0 holds tensors of \[2, 3\] rows"),
        ({"x": torch.tensor(1.0)}, r"batch 0 holds tensors of \[\] rows"),
        ((torch.zeros(2, 1), [1, 2, 3]), r"batch 0: labels have shape \(3,\) for 2 inputs; give one each"),
        ((torch.zeros(2, 1), None, ["a"]), r"batch 0: sample ids have shape \(1,\) and dtype <U1 for 2 inputs"),
    ],
)
def test_batches_that_are_none(entry, message):
    with pytest.raises(InputError, match=message):
        list(load_inputs([entry]))


def test_targets_that_name_no_class_are_left_out():
    for targets in (torch.rand(2), torch.eye(2)):
        with pytest.warns(ToposcopeWarning, match="batch 0: labels of shape .* name no classes and are left out"):
            (batch,) = load_inputs([(torch.zeros(2, 1), targets)])
        assert batch.labels is None
    with pytest.raises(InputError, match="batch 0: sample ids have shape .* and dtype float64"):
        list(load_inputs([(torch.zeros(2, 1), None, [0.5, 1.5])]))


def test_dicts_of_arrays_are_cut_into_batches():
    fields = {"input_ids": np.arange(10).reshape(5, 2), "attention_mask": np.ones((5, 2)), "labels": np.arange(5)}
    inputs = load_inputs(fields)
    batches = list(inputs.batches(2))
    assert [len(batch) for batch in batches] == [2, 2, 1]
    assert batches[1].tensors["input_ids"].tolist() == [[4, 5], [6, 7]]
    assert batches[1].mask.tolist() == [[1, 1], [1, 1]]
    assert inputs.labels.tolist() == [0, 1, 2, 3, 4]
    assert len(load_inputs(fields, limit=3)) == 3
    other = {**fields, "input_ids": fields["input_ids"] + 1}
    assert load_inputs(other).digest() != inputs.digest()
    with pytest.raises(InputError, match="are not images"):
        inputs.images([0])


def test_torch_data_sets_and_loaders():
    data = torch.utils.data.TensorDataset(torch.arange(6.0)[:, None], torch.arange(6))
    assert only(load_inputs(data)).labels.tolist() == [0, 1, 2, 3, 4, 5]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        loader = torch.utils.data.DataLoader(data, batch_size=4)
        assert [len(batch) for batch in load_inputs(loader)] == [4, 2]
    with pytest.warns(ToposcopeWarning, match="the loader shuffles"):
        load_inputs(torch.utils.data.DataLoader(data, batch_size=4, shuffle=True))


def test_inputs_pass_through():
    inputs = load_inputs("digits")
    assert load_inputs(inputs) is inputs
    assert len(load_inputs(inputs, limit=3)) == 3
    assert load_inputs(load_inputs(iter([torch.zeros(9, 1)]), limit=5), limit=7).limit == 5


def test_jpegs_are_probed_at_small_scale(tmp_path):
    content = io.BytesIO()
    Image.new("RGB", (64, 64)).save(content, "JPEG")
    (tmp_path / "a.jpg").write_bytes(content.getvalue())
    assert only(load_inputs(tmp_path)).tensors.shape == (1, 3, 64, 64)


def test_folders_that_cannot_be_read(folder, monkeypatch):
    def walk(path, followlinks, onerror):
        onerror(PermissionError(13, "Permission denied", str(path)))

    monkeypatch.setattr(images.os, "walk", walk)
    with pytest.raises(FileError, match="cannot read .*images: Permission denied; check its permissions"):
        load_inputs(folder)
