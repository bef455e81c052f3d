"""Artefacts survive what disks, other runs and older versions do to them, or are known not to have."""

import errno
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest

import toposcope as ts
from toposcope import _io, store
from toposcope._errors import ArtefactError, StoreError
from toposcope._lease import Process, this_process
from toposcope.store import Store, key_of

KEY = key_of("diagram", number=1)
ARRAYS = {"pairs": np.arange(6.0).reshape(3, 2), "degrees": np.array([0, 1, 1]), "source": np.array("grün")}


@pytest.fixture
def kept(tmp_path: Path) -> Store:
    found = Store(tmp_path / "store")
    found.write(KEY, ARRAYS)
    return found


def same(found: dict[str, np.ndarray]) -> bool:
    return set(found) == set(ARRAYS) and all(
        found[name].dtype == array.dtype and np.array_equal(found[name], array) for name, array in ARRAYS.items()
    )


def test_kept_and_read(kept: Store) -> None:
    assert KEY in kept
    assert list(kept) == [KEY]
    assert kept.intact(KEY)
    assert kept.intact(KEY, whole=True)
    assert same(kept.read(KEY))
    assert kept.leftovers() == []


@pytest.mark.parametrize("bits", [(3,), pytest.param(range(8), marks=pytest.mark.slow)], ids=["one", "all"])
def test_every_flipped_bit_is_noticed_or_changes_nothing(kept: Store, bits: Iterable[int]) -> None:
    path = kept.path(KEY)
    whole = path.read_bytes()
    noticed = 0
    flips = [(place, (place + bit) % 8) for place in range(len(whole)) for bit in bits]
    for place, bit in flips:
        damaged = bytearray(whole)
        damaged[place] ^= 1 << bit
        path.write_bytes(damaged)
        try:
            found = kept.read(KEY)
        except ArtefactError:
            noticed += 1
            assert not path.exists()  # removed, to be made again
        else:
            assert same(found), f"bit {bit} of byte {place}"
    content = sum(array.nbytes for array in ARRAYS.values())
    assert noticed > content * len(flips) / len(whole)


def test_every_truncation_is_noticed_without_reading(kept: Store) -> None:
    path = kept.path(KEY)
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        assert not kept.intact(KEY)
        assert not path.exists()
        path.write_bytes(whole[:length])
        with pytest.raises(ArtefactError, match="was damaged"):
            kept.read(KEY)
    for longer in (whole + b"\0", whole + whole, b"\0" + whole):
        path.write_bytes(longer)
        assert not kept.intact(KEY)


def test_what_is_long_is_known_to_be_whole_too(kept: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    import zipfile

    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 100)  # as if above 4 GB: the end of the file is another one
    monkeypatch.setattr(zipfile, "ZIP_FILECOUNT_LIMIT", 1)
    key = key_of("diagram", number=2)
    kept.write(key, ARRAYS)
    path = kept.path(key)
    assert b"PK\6\6" in path.read_bytes()
    assert kept.intact(key)
    assert same(kept.read(key))
    os.truncate(path, path.stat().st_size - 1)
    assert not kept.intact(key)


def test_what_is_gone_is_said_to_be(kept: Store) -> None:
    other = key_of("diagram", number=2)
    assert not kept.intact(other)
    assert not kept.intact(other, whole=True)
    with pytest.raises(ArtefactError, match="is gone"):
        kept.read(other)


class Failing:
    """A file system whose calls of one name fail so many times, then work."""

    def __init__(self, real, error: int, times: int, where: str = "") -> None:
        self.real, self.error, self.times, self.where, self.calls = real, error, times, where, 0

    def __call__(self, *arguments, **options):
        if self.where in str(arguments[0]):
            self.calls += 1
            if self.calls <= self.times:
                raise OSError(self.error, os.strerror(self.error), str(arguments[0]))
        return self.real(*arguments, **options)


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "_PAUSES", (0.0, 0.0, 0.0))


@pytest.mark.parametrize("call", ["open", "replace"])
@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EFBIG])
def test_a_disk_that_takes_no_more_is_said(
    kept: Store, monkeypatch: pytest.MonkeyPatch, hasty: None, error: int, call: str
) -> None:
    if call == "open":
        monkeypatch.setattr("builtins.open", Failing(open, error, 99, ".partial"))
    else:
        monkeypatch.setattr(os, "replace", Failing(os.replace, error, 99))
    other = key_of("diagram", number=2)
    with pytest.raises(StoreError, match=os.strerror(error)):
        kept.write(other, ARRAYS)
    monkeypatch.undo()
    assert not kept.path(other).exists()
    assert kept.leftovers() == []
    assert same(kept.read(KEY))


def test_a_failure_that_passes_is_waited_for(kept: Store, monkeypatch: pytest.MonkeyPatch, hasty: None) -> None:
    failing = Failing(os.replace, errno.EIO, 2)
    monkeypatch.setattr(os, "replace", failing)
    other = key_of("diagram", number=2)
    kept.write(other, ARRAYS)
    assert failing.calls == 3
    monkeypatch.setattr("builtins.open", Failing(open, errno.ESTALE, 2))
    assert same(kept.read(other))
    monkeypatch.setattr("builtins.open", Failing(open, errno.EIO, 2))
    assert kept.intact(other)


def test_a_file_that_cannot_be_read_is_damaged_or_forbidden(
    kept: Store, monkeypatch: pytest.MonkeyPatch, hasty: None
) -> None:
    monkeypatch.setattr("builtins.open", Failing(open, errno.EACCES, 99))
    for attempt in (kept.read, kept.intact, lambda key: kept.intact(key, whole=True)):
        with pytest.raises(StoreError, match="Permission denied"):
            attempt(KEY)
    assert kept.path(KEY).exists()  # somebody may give the permission
    monkeypatch.setattr("builtins.open", Failing(open, errno.EIO, 99))
    with pytest.raises(ArtefactError, match="Input/output error"):
        kept.read(KEY)
    monkeypatch.undo()
    assert not kept.path(KEY).exists()


def test_a_store_of_another_version_is_refused_and_an_older_one_read(kept: Store) -> None:
    with kept.session():  # nothing says which version wrote it
        assert same(kept.read(KEY))
    assert _io.read_json(kept.folder / "format.json") == {"format": store.FORMAT}
    assert sorted(path.name for path in kept.folder.iterdir()) == ["diagram", "format.json"]
    _io.write_json(kept.folder / "format.json", {"format": store.FORMAT + 1})
    with pytest.raises(
        StoreError, match=r"has format 2, and this version of toposcope reads format 1; use the version"
    ):
        kept.check_format()
    with pytest.raises(StoreError), kept.session():
        pass
    (kept.folder / "format.json").write_text("[]")
    with pytest.raises(StoreError, match="format None"):
        kept.check_format()


def test_a_folder_that_cannot_be_written_is_refused_before_anything(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(StoreError, match="cannot write in .*file/store.*--out"),
        Store(tmp_path / "file" / "store").session(),
    ):
        pass


def test_leases_decide_which_temporary_files_are_dead(kept: Store) -> None:
    folder = kept.folder / "temporary"
    me = this_process()
    mine = folder / f"{me}.00.npz.partial"
    reborn = folder / f"{Process(me.machine, me.number, me.began - 1)}.00.npz.partial"
    elsewhere = folder / "0123456789ab-17-4711.00.npz.partial"
    nameless = kept.folder / "diagram" / "x.npz.abc.partial"
    for path in (mine, reborn, elsewhere, nameless):
        path.write_bytes(b"half")
        os.utime(path, (0, 0))  # old by the clock, which decides nothing
    with kept.session():
        assert not reborn.exists()
        assert mine.exists()
        assert elsewhere.exists()  # without watching, others live
        assert nameless.exists()
    lease = kept.folder / "leases" / "0123456789ab-17-4711.lease"
    lease.parent.mkdir(exist_ok=True)
    lease.write_text("0")
    assert kept.clean([KEY], patience=0) == (0, 0, 1)
    assert elsewhere.exists()
    lease.unlink()
    assert kept.clean([KEY], patience=0) == (2, 8, 0)
    assert sorted(kept.leftovers()) == [mine]


def test_a_process_that_dies_while_it_begins_a_store_leaves_nothing_to_the_next(tmp_path: Path) -> None:
    dying = (
        "import os, signal, sys\nfrom pathlib import Path\n"
        "from toposcope import _io\nfrom toposcope.store import Store\n"
        "_io.os.replace = lambda source, target: os.kill(os.getpid(), signal.SIGKILL)\n"
        "with Store(Path(sys.argv[1])).session(): pass"
    )
    assert subprocess.run([sys.executable, "-c", dying, str(tmp_path)], check=False).returncode < 0
    assert len(Store(tmp_path).leftovers()) == 1
    with Store(tmp_path).session():
        assert not Store(tmp_path).leftovers()


def test_artefacts_stay_while_another_process_uses_the_store(kept: Store) -> None:
    code = (
        "import sys, pathlib; from toposcope.store import Store\n"
        "Store(pathlib.Path(sys.argv[1])).attend(); print('ready', flush=True); sys.stdin.read()"
    )
    arguments = [sys.executable, "-c", code, str(kept.folder)]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        assert kept.clean([]) == (0, 0, 1)
        assert kept.intact(KEY)
        other.kill()
        other.wait()
    assert kept.clean([])[::2] == (1, 0)
    assert KEY not in kept


def test_a_temporary_file_that_is_taken_away_is_written_again(
    kept: Store, monkeypatch: pytest.MonkeyPatch, hasty: None
) -> None:
    """A process that stood still so long that others took it for dead."""
    real, calls = os.replace, []

    def replace(source, target) -> None:
        if not calls:
            os.unlink(source)
        calls.append(source)
        real(source, target)

    monkeypatch.setattr(os, "replace", replace)
    other = key_of("diagram", number=2)
    kept.write(other, ARRAYS)
    assert len(calls) == 2
    assert same(kept.read(other))


def test_files_take_the_permissions_that_the_person_asks_for(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        _io.write_text(tmp_path / "x", "private")
    finally:
        os.umask(before)
    assert (tmp_path / "x").stat().st_mode & 0o777 == 0o600


def test_errors_cross_processes_whole() -> None:
    import pickle

    error = pickle.loads(pickle.dumps(ArtefactError("gone", KEY)))
    assert (str(error), error.key) == ("gone", KEY)
    assert isinstance(pickle.loads(pickle.dumps(StoreError("full"))), ts.FileError)


@pytest.mark.skipif(not shutil.which("mount") or os.geteuid() != 0, reason="only root may mount a small disk")
def test_a_disk_that_is_really_full(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "none", str(disk)], capture_output=True)
    if mounted.returncode:
        pytest.skip(f"cannot mount a small disk here: {mounted.stderr.decode().strip()}")
    try:
        full = Store(disk / "store")
        big = {"points": np.ones((64, 512))}
        with pytest.raises(StoreError, match="No space left on device; free space there and run the same again"):
            for number in range(9):
                full.write(key_of("representation", number=number), big)
        assert full.leftovers() == []
        assert all(full.intact(key, whole=True) for key in full)
    finally:
        subprocess.run(["umount", str(disk)], check=True)
