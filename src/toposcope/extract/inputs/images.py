"""Images of a folder or an archive, decoded when their batch comes."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import hashlib
import io
import os
import struct
import warnings
import weakref
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from toposcope._errors import FileError, InputError, ToposcopeWarning, one_line
from toposcope._types import Array
from toposcope.extract.inputs.batches import Inputs, Preprocess, spread

if TYPE_CHECKING:
    import PIL.Image

IMAGE_SUFFIXES = {".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"}
MAX_FILE_BYTES = 256 << 20
"""The largest single image file that is read; guards against archives that unpack without end."""
MAX_PLAIN_PIXELS = 1 << 24
"""Of an image file that no preprocessing makes smaller; each takes 12 bytes and more."""
NAMED = 20
"""The most unreadable files that a warning names; the others it counts."""


def image_inputs(files: Folder | Archive, spec: str, limit: int | None) -> Inputs:
    """Images; their folders, where all are in one, are their labels. Raises InputError, FileError."""
    names = [name for name in files.names() if _is_image_name(name)]
    if not names:
        raise InputError(f"{spec} holds no images ({', '.join(sorted(IMAGE_SUFFIXES))}); check the folder")
    if limit is not None and len(names) > limit:
        names = [names[row] for row in spread(len(names), limit)]
    unreadable = []
    for name in names:
        try:
            _decode(files.read(name), probe=True)
        except _UNREADABLE as error:
            unreadable.append((_text(name), one_line(error, 200)))
    if unreadable:
        told = ", ".join(f"{name} ({reason})" for name, reason in unreadable[:NAMED])
        rest = f" and {len(unreadable) - NAMED} more" if len(unreadable) > NAMED else ""
        message = f"{spec}: {len(unreadable)} of {len(names)} images cannot be read: {told}{rest}"
        if len(unreadable) == len(names):
            raise FileError(f"{message}; there is nothing left")
        warnings.warn(f"{message}; they are skipped", ToposcopeWarning, stacklevel=2)
        skipped = {name for name, _ in unreadable}
        names = [name for name in names if _text(name) not in skipped]
    ids = [_text(name) for name in names]
    classes = [name.partition("/")[0] if "/" in name else None for name in ids]
    labels = None if None in classes else np.array(classes)
    if labels is None and any(classes):
        warnings.warn(
            f"{spec} holds images in class folders and beside them, so there are no labels; move them into folders",
            ToposcopeWarning,
            stacklevel=2,
        )
    return Inputs(spec.rstrip("/"), _Images(files, tuple(names)), np.array(ids), labels)


@dataclasses.dataclass(frozen=True, eq=False)
class _Images:
    """Image files of a folder or an archive, decoded when their batch comes."""

    files: Folder | Archive
    names: tuple[str, ...]

    def batch(self, rows: Array, preprocess: Preprocess | None) -> Any:
        images = self._decoded(rows)  # one by one: those of a batch may together be larger than memory
        return stack(images if preprocess else map(self._small, rows, images), preprocess)

    def pictures(self, rows: Array) -> list[Any]:
        return list(self._decoded(rows))

    def _decoded(self, rows: Array) -> Iterator[Any]:
        for row in rows:
            try:
                image = _decode(self.files.read(self.names[row]))
            except _UNREADABLE as error:
                raise FileError(f"images of {self.files.path} can no longer be read: {error}") from error
            yield image

    def _small(self, row: int, image: Any) -> Any:
        if image.width * image.height > MAX_PLAIN_PIXELS:
            raise InputError(
                f"{_text(self.names[row])} of {self.files.path} has {image.width}×{image.height} pixels, and the "
                "network would get them all; pass preprocess=, which resizes images, or leave it out"
            )
        return image

    def digest(self) -> Any:
        digest = hashlib.sha256()
        for name in self.names:
            content = self.files.read(name)
            digest.update(f"{name} {len(content)}\n".encode(errors="surrogateescape") + content)
        return digest


@dataclasses.dataclass(frozen=True)
class Folder:
    """A folder and what lies below it."""

    path: Path

    def names(self) -> list[str]:
        """Relative paths of the files, with forward slashes, sorted."""
        found, seen = [], set()
        # Linked class folders are followed, each real folder once, so that a link upwards ends.
        for folder, subfolders, files in os.walk(self.path, followlinks=True, onerror=self._refuse):
            real = os.path.realpath(folder)
            if real in seen:
                subfolders.clear()
                continue
            seen.add(real)
            subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
            found += [(Path(folder) / name).relative_to(self.path).as_posix() for name in files]
        return sorted(found)

    @staticmethod
    def _refuse(error: OSError) -> None:
        raise FileError(f"cannot read {error.filename}: {error.strerror}; check its permissions") from error

    def read(self, name: str) -> bytes:
        """The content of a file. Raises OSError."""
        path = self.path / name
        if not path.is_file():  # opening a pipe would wait for ever
            raise OSError("not a regular file")
        if path.stat().st_size > MAX_FILE_BYTES:
            raise OSError("too large")
        return path.read_bytes()


@dataclasses.dataclass(frozen=True)
class Archive:
    """A folder inside a `.zip`, read without unpacking it."""

    path: Path
    folder: str

    @functools.cached_property
    def _zip(self) -> zipfile.ZipFile:
        # Kept open: reading the directory of a large archive takes longer than decoding a batch. The file is closed
        # with the archive; left to the collector of cycles it might go first, which Python warns of.
        with contextlib.ExitStack() as stack:
            try:
                archive = zipfile.ZipFile(stack.enter_context(open(self.path, "rb")))
            except _UNREADABLE as error:
                raise FileError(f"{self.path} is not a readable .zip archive: {error}") from error
            weakref.finalize(archive, stack.pop_all().close)
        return archive

    def __reduce__(self) -> tuple[Any, ...]:
        return Archive, (self.path, self.folder)

    @property
    def _prefix(self) -> str:
        return f"{self.folder}/" if self.folder else ""

    def names(self) -> list[str]:
        """Paths of the files relative to the folder, sorted."""
        names = {name for name in self._zip.namelist() if name and not name.endswith("/")}
        inside = (name for name in names if name.startswith(self._prefix) and "__MACOSX" not in name)
        return sorted(name.removeprefix(self._prefix) for name in inside)

    def read(self, name: str) -> bytes:
        """The content of a file. Raises what `_UNREADABLE` holds."""
        with self._zip.open(self._prefix + name) as file:
            content = file.read(MAX_FILE_BYTES + 1)
        if len(content) > MAX_FILE_BYTES:
            raise OSError("too large")
        return content


def _text(name: str) -> str:
    """A file's name as text that can be written: bytes that are no UTF-8 are spelled out."""
    return name.encode(errors="surrogateescape").decode(errors="backslashreplace")


def _is_image_name(name: str) -> bool:
    return Path(name).suffix.lower() in IMAGE_SUFFIXES and not any(part.startswith(".") for part in name.split("/"))


def _decode(content: bytes, probe: bool = False) -> PIL.Image.Image:
    """An RGB image. probe: only find out whether it can be read, at the smallest scale that the format offers."""
    from PIL import Image, UnidentifiedImageError

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            with Image.open(io.BytesIO(content), formats=_FORMATS) as image:
                if probe:
                    image.draft("RGB", (1, 1))
                image.load()
                if image.mode.startswith("I"):  # 16 bits per pixel, which convert() would cut off at 255
                    pixels = np.array(image)
                    if pixels.max(initial=0) > 255:
                        pixels >>= 8
                    return to_pil(pixels.clip(0, 255, out=pixels).astype(np.uint8)).convert("RGB")
                return image if probe else image.convert("RGB")
        except UnidentifiedImageError:
            raise OSError("not an image") from None
        except (Image.DecompressionBombError, Image.DecompressionBombWarning):
            raise OSError("decompression bomb") from None


def to_pil(image: Array) -> PIL.Image.Image:
    """(h, w[, c]) uint8 → an image."""
    from PIL import Image

    return Image.fromarray(np.ascontiguousarray(image))


def stack(images: Iterable[Any], preprocess: Preprocess | None) -> Any:
    """PIL images → one (b, c, h, w) tensor."""
    import torch

    tensors = [torch.as_tensor(preprocess(image) if preprocess else _plain(image)) for image in images]
    shapes = {tuple(tensor.shape) for tensor in tensors}
    if len(shapes) > 1:
        told = " and ".join("×".join(map(str, shape)) for shape in sorted(shapes)[:2])
        raise InputError(f"images of different sizes ({told}) make no batch; pass preprocess=, which resizes them")
    return torch.stack(tensors)


def _plain(image: PIL.Image.Image) -> Array:
    """(c, h, w) float32 in [0, 1]."""
    pixels = np.asarray(image, dtype=np.float32) / np.float32(255)
    return pixels[None] if pixels.ndim == 2 else np.ascontiguousarray(pixels.transpose(2, 0, 1))


# Those of IMAGE_SUFFIXES. Pillow goes by the content, and hands what calls itself PostScript to an interpreter.
_FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
# What Pillow raises on damaged files is wider than OSError: struct.error, SyntaxError, EOFError and more.
_UNREADABLE = (
    OSError,
    ValueError,
    SyntaxError,
    EOFError,
    LookupError,
    ArithmeticError,
    AttributeError,
    TypeError,
    MemoryError,
    RuntimeError,
    zlib.error,
    zipfile.BadZipFile,
    struct.error,
)
