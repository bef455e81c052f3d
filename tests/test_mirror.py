"""A store behind fsspec: the bytes of a run in a folder, from any machine's own folder, and through faults."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import toposcope as ts
from tests.conftest import save_layers
from toposcope import mirror
from toposcope._errors import ArtefactError, StoreError
from toposcope.mirror import Mirror, store_at
from toposcope.store import Store, key_of

fsspec = pytest.importorskip("fsspec")

KEY = key_of("thing", number=1)
PLAN = """
recipe = "layers"
[[network]]
name = "net"
representations = "{data}"
[cloud]
size = 12
draws = 6
"""


@pytest.fixture(params=["memory", "file"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    yield "memory://kept/store" if request.param == "memory" else f"file://{tmp_path}/kept"
    fsspec.filesystem("memory").store.clear()
    mirror._LISTED.clear()


@pytest.fixture
def plan(tmp_path: Path) -> ts.Study:
    save_layers(tmp_path / "data", n=72)
    path = tmp_path / "plan.toml"
    path.write_text(PLAN.format(data=tmp_path / "data"))
    return ts.Study.read(path)


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mirror, "_PAUSES", (0.0, 0.0))


def tables(run: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (run / "tables").iterdir()}


def remote(url: str) -> list[str]:
    system, root = fsspec.core.url_to_fs(url)
    return sorted(path.removeprefix(root) for path in system.find(root))


def test_what_one_machine_keeps_another_reads(url: str, tmp_path: Path) -> None:
    values = np.arange(5.0)
    here, there = (store_at(tmp_path / name, url) for name in ("here", "there"))
    with here.session():
        assert KEY not in here
        with pytest.raises(ArtefactError, match="gone from"):
            here.read(KEY)
        here.write(KEY, {"values": values})
        assert KEY in here
    assert KEY in there
    assert not Store(there.folder).path(KEY).exists()
    assert there.intact(KEY)
    assert not Store(there.folder).path(KEY).exists()  # nothing is fetched to be looked at
    np.testing.assert_array_equal(there.read(KEY, memory_map=True)["values"], values)
    assert Store(there.folder).intact(KEY, whole=True)
    assert remote(url) == ["/format.json", "/" + here.path(KEY).relative_to(here.folder).as_posix()]
    there.discard(KEY)
    assert KEY not in there
    assert KEY not in Mirror(tmp_path / "third", url)


def test_what_was_written_here_and_never_copied_is_copied(url: str, tmp_path: Path) -> None:
    store = store_at(tmp_path / "here", url)
    Store(store.folder).write(KEY, {"values": np.zeros(2)})
    with store.session():
        assert KEY in store
        assert store.intact(KEY)
    assert KEY in Mirror(tmp_path / "there", url)


def test_damage_is_found_by_its_checksum_in_either_place(url: str, tmp_path: Path) -> None:
    store = store_at(tmp_path / "here", url)
    store.write(KEY, {"values": np.arange(3.0)})
    path = store.path(KEY)
    whole = path.read_bytes()
    path.write_bytes(whole[:-40])
    np.testing.assert_array_equal(store.read(KEY)["values"], np.arange(3.0))  # fetched anew
    assert path.read_bytes() == whole
    system, root = fsspec.core.url_to_fs(url)
    place = f"{root}/{path.relative_to(store.folder).as_posix()}"
    system.pipe_file(place, bytes([*whole[:90], whole[90] ^ 1, *whole[91:]]))
    path.unlink()
    assert store.intact(KEY)
    assert not store.intact(KEY, whole=True)
    assert KEY not in store
    assert not system.exists(place)


def test_a_run_has_the_tables_of_one_in_a_folder(url: str, plan: ts.Study, tmp_path: Path) -> None:
    plain = ts.run(plan, tmp_path / "plain")
    first = ts.run(plan, tmp_path / "first", store=url)
    assert first.provenance["tasks_performed"] == plain.provenance["tasks_performed"] > 0
    assert tables(tmp_path / "first") == tables(tmp_path / "plain")
    shutil.rmtree(tmp_path / "first" / "store")
    again = ts.run(plan, tmp_path / "first", store=url)
    assert again.provenance["tasks_performed"] == 0
    other = ts.run(plan, tmp_path / "other", store=url)  # another machine, nothing of it there
    assert other.provenance["tasks_performed"] == 0
    assert tables(tmp_path / "other") == tables(tmp_path / "plain")
    assert ts.report(other, tmp_path / "report.html").is_file()
    assert ts.run(plan, tmp_path / "other", store=url).kept
    assert not [path for path in remote(url) if "temporary" in path]


def test_an_artefact_costs_one_request(plan: ts.Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And a run three or four: what is there is listed, and nothing is looked for artefact by artefact."""
    asked: list[str] = []
    ask = Mirror._ask

    def counted(self: Mirror, action, absent=None):
        asked.append(action.__qualname__)
        return ask(self, action, absent)

    monkeypatch.setattr(Mirror, "_ask", counted)
    fsspec.filesystem("memory").store.clear()
    ts.run(plan, tmp_path / "first", store="memory://counted")
    made = len(list(Store(tmp_path / "first" / "store")))
    assert len([name for name in asked if "_send" in name]) == made > 30
    assert len(asked) - made <= 8
    asked.clear()
    ts.run(plan, tmp_path / "other", store="memory://counted")
    fetched = len([name for name in asked if "_fetch" in name])
    assert len(asked) - fetched <= 8
    assert fetched <= made
    fsspec.filesystem("memory").store.clear()


def test_workers_keep_what_they_make_there(plan: ts.Study, tmp_path: Path) -> None:
    url = f"file://{tmp_path}/kept"
    ts.run(plan, tmp_path / "plain")
    ts.run(plan, tmp_path / "run", workers=2, store=url)
    assert tables(tmp_path / "run") == tables(tmp_path / "plain")
    assert len(remote(url)) == len(list(Store(tmp_path / "plain" / "store"))) + 1


def test_a_damaged_artefact_there_is_made_again(url: str, plan: ts.Study, tmp_path: Path) -> None:
    ts.run(plan, tmp_path / "first", store=url)
    system, root = fsspec.core.url_to_fs(url)
    damaged = next(path for path in system.find(root) if "/diagram/" in path)
    system.pipe_file(damaged, system.cat_file(damaged)[:-30])
    found = ts.run(plan, tmp_path / "other", store=url)
    assert tables(tmp_path / "other") == tables(tmp_path / "first")
    assert found.provenance["tasks_performed"] == 1


def test_failures_that_pass_are_outlived_and_others_are_said(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = store_at(tmp_path / "here", url)
    system, _root = fsspec.core.url_to_fs(url)
    put, failures = type(system).put_file, [TimeoutError("slow down"), ConnectionResetError("reset")]

    def failing(*arguments: object, **options: object) -> None:
        if failures:
            raise failures.pop()
        put(*arguments, **options)

    monkeypatch.setattr(type(system), "put_file", failing)
    store.write(KEY, {"values": np.zeros(1)})
    assert KEY in store
    failures += [PermissionError("no right to write")] * 9
    with pytest.raises(StoreError, match=r"cannot be used: no right to write; check address, access and network"):
        store.write(key_of("thing", number=2), {"values": np.zeros(1)})


def test_a_place_of_another_version_is_refused(url: str, plan: ts.Study, tmp_path: Path) -> None:
    system, root = fsspec.core.url_to_fs(url)
    system.makedirs(root, exist_ok=True)
    system.pipe_file(f"{root}/format.json", json.dumps({"format": 99}).encode())
    with pytest.raises(StoreError, match="has format 99"):
        ts.run(plan, tmp_path / "run", store=url)


def test_what_a_killed_process_was_copying_goes(tmp_path: Path) -> None:
    url = f"file://{tmp_path}/kept"
    dead = "from toposcope import _io; print(_io.temporary_name('x.npz'))"
    name = subprocess.run([sys.executable, "-c", dead], capture_output=True, text=True, check=True).stdout.strip()
    (tmp_path / "kept" / "temporary").mkdir(parents=True)
    (tmp_path / "kept" / "temporary" / name).write_bytes(b"half")
    with store_at(tmp_path / "here", url).session():
        assert not os.listdir(tmp_path / "kept" / "temporary")


def test_addresses_that_are_none(plan: ts.Study, tmp_path: Path) -> None:
    with pytest.raises(ts.InputError, match="no address that fsspec knows"):
        ts.run(plan, tmp_path / "run", store="bucket9://x")
    assert not (tmp_path / "run").exists()


def test_fsspec_is_an_extra(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "fsspec.core", None)
    with pytest.raises(ts.MissingDependencyError, match=r"toposcope\[remote\]"):
        store_at(tmp_path, "memory://not-asked-for-before")
