"""Runs on disks that are full, slow, read-only or damaged, beside each other, and under clocks that jump."""

import errno
import json
import os
import random
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import toposcope as ts
from tests.conftest import save_layers
from toposcope import store as store_module
from toposcope._errors import StoreError
from toposcope.store import Store
from toposcope.study import tasks
from toposcope.study.artefacts import check_store, clean_store

PLAN = """
recipe = "layers"
[[network]]
name = "a"
representations = "{data}"
[cloud]
size = 12
draws = 6
"""


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> ts.Study:
    folder = tmp_path_factory.mktemp("faults")
    save_layers(folder / "data", n=72)
    (folder / "plan.toml").write_text(PLAN.format(data=folder / "data"))
    return ts.Study.read(folder / "plan.toml")


def written(study: ts.Study, folder: Path) -> Path:
    """The study as a file."""
    (folder / "plan.toml").write_text(PLAN.format(data=study.network[0].representations))
    return folder / "plan.toml"


@pytest.fixture(scope="module")
def undisturbed(study: ts.Study, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("undisturbed") / "run"
    ts.run(study, out)
    return out


@pytest.fixture
def run(undisturbed: Path, tmp_path: Path) -> Path:
    """A copy of the undisturbed run."""
    shutil.copytree(undisturbed, tmp_path / "run")
    forget()
    return tmp_path / "run"


def forget() -> None:
    """What this process has read is as if another one had."""
    tasks.read_layer.cache_clear()
    tasks.read_diagram_of.cache_clear()


def tables(run: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (run / "tables").iterdir()}


def damage(path: Path, how: str) -> None:
    whole = path.read_bytes()
    if how == "truncated":
        path.write_bytes(whole[: len(whole) // 2])
    elif how == "empty":
        path.write_bytes(b"")
    elif how == "zeros":
        path.write_bytes(bytes(len(whole)))
    else:
        place = whole.rindex(b"\n", 0, whole.index(b"PK\1\2")) + 5  # in the content of an array
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1 :])


KINDS = ["import", "representation", "diagram", "distances", "portrait"]


@pytest.mark.parametrize("how", ["truncated", "empty", "zeros", "flipped"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_artefact_is_found_made_again_and_said(
    study: ts.Study, run: Path, undisturbed: Path, kind: str, how: str
) -> None:
    if kind == "representation":  # which is read only where a diagram is still to be made
        for diagram in (run / "store" / "diagram").rglob("*.npz"):
            diagram.unlink()
    path = next((run / "store" / kind).rglob("*.npz"))
    damage(path, how)
    results = ts.run(study, run)
    assert not results.failed
    assert tables(run) == tables(undisturbed)
    assert path.read_bytes() == (undisturbed / path.relative_to(run)).read_bytes()
    assert "1 damaged artefact(s) were found in the store and computed again" in results.warnings


def test_many_damaged_artefacts_are_found_together(study: ts.Study, run: Path, undisturbed: Path) -> None:
    for kind in KINDS:
        for path in sorted((run / "store" / kind).rglob("*.npz"))[::2]:
            damage(path, "flipped")
    results = ts.run(study, run)
    assert not results.failed
    assert tables(run) == tables(undisturbed)
    assert check_store(run)[1] == []


def test_damage_in_a_worker_is_no_failure(study: ts.Study, run: Path, undisturbed: Path) -> None:
    shutil.rmtree(run / "store" / "distances")
    damage(next((run / "store" / "diagram").rglob("*.npz")), "flipped")
    results = ts.run(study, run, workers=2)
    assert not results.failed
    assert tables(run) == tables(undisturbed)
    assert any("1 damaged" in warning for warning in results.warnings)


def test_a_store_that_is_damaged_time_after_time_is_given_up(
    study: ts.Study, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Store.write

    def write(self: Store, key: str, arrays: dict) -> None:
        real(self, key, arrays)
        damage(self.path(key), "flipped")

    damage(next((run / "store" / "diagram").rglob("*.npz")), "flipped")
    monkeypatch.setattr(Store, "write", write)
    with pytest.raises(StoreError, match="damaged or vanish time after time"):
        ts.run(study, run)


def test_check_names_the_damaged(run: Path) -> None:
    path = next((run / "store" / "diagram").rglob("*.npz"))
    damage(path, "flipped")
    count, damaged = check_store(run)
    assert damaged == [f"diagram-{path.stem}"]
    assert check_store(run) == (count - 1, [])


def test_a_store_of_before_is_read(study: ts.Study, run: Path, undisturbed: Path) -> None:
    (run / "store" / "format.json").unlink()
    results = ts.run(study, run)
    assert results.provenance["tasks_performed"] == 0
    assert tables(run) == tables(undisturbed)
    (run / "store" / "format.json").write_text('{"format": 99}')
    with pytest.raises(StoreError, match="format 99"):
        ts.run(study, run)
    with pytest.raises(StoreError, match="format 99"):
        check_store(run)


# --- tasks ------------------------------------------------------------------------------------------------------------

FACTORIES = """
import os, time, numpy
def hanging():
    time.sleep(1000)
def hungry():
    numpy.ones(1 << 40, dtype=numpy.uint8)
def raising():
    raise ZeroDivisionError("a bug")
def deadly():
    os._exit(3)
"""
SAID = {
    "hanging": "did not end within the timeout of 20 s, and was stopped (tried twice)",
    "hungry": "out of memory under a limit of 4 GB per worker",
    "raising": "ZeroDivisionError: a bug",
    "deadly": "its worker process died: ended with exit code 3 (tried twice)",
}


@pytest.mark.slow
def test_every_fault_of_a_task_is_named_in_the_report_and_nothing_is_claimed_of_it(
    study: ts.Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("torch")
    (tmp_path / "factories_of_faults.py").write_text(FACTORIES)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])]))
    plan = written(study, tmp_path)
    ids = [f"input-{k:03d}" for k in range(72)]
    np.savez(tmp_path / "inputs.npz", inputs=np.zeros((72, 1, 8, 8), np.float32), sample_ids=np.array(ids))
    text = f'[inputs]\nsource = "{tmp_path / "inputs.npz"}"\n' + plan.read_text()
    for name in SAID:
        text += f'[[network]]\nname = "{name}"\nmodel = "factories_of_faults:{name}@random"\n'
        text += f'[[compare]]\na = "a"\nb = "{name}"\n'
    plan.write_text('recipe = "layers"\n' + text.replace('recipe = "layers"', ""))
    command = [sys.executable, "-m", "toposcope", "run", str(plan), "--out", str(tmp_path / "run"), "--workers", "2"]
    done = subprocess.run([*command, "--timeout", "20", "--memory", "4GB"], capture_output=True, text=True)
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    results = ts.Results.read(tmp_path / "run")
    said = {failure.title: failure.message for failure in results.failed}
    page = (tmp_path / "run" / "report.html").read_text()
    for name, words in SAID.items():
        assert words in said[f"extraction of {name}"]
        assert f"failed  extraction of {name}" in done.stderr
        assert f"extraction of {name}" in page
    assert len(said) == len(SAID)
    assert set(results.tables["distances"]["network_b"]) <= {"a"}
    assert results.tables["tests"].empty or set(results.tables["tests"]["network_b"]) <= {"a"}


# --- disks ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EROFS, errno.EIO])
def test_a_disk_that_takes_no_more_stops_the_run_and_keeps_what_is_done(
    study: ts.Study, undisturbed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: int
) -> None:
    monkeypatch.setattr(store_module, "_PAUSES", (0.0,))
    real, calls = os.replace, iter(range(10_000))

    def replace(source: str, target: str) -> None:
        if "store/" in str(target) and next(calls) >= 15:
            raise OSError(error, os.strerror(error))
        real(source, target)

    monkeypatch.setattr(os, "replace", replace)
    with pytest.raises(StoreError, match=rf"{os.strerror(error)}.*What is finished is kept: run the same again"):
        ts.run(study, tmp_path / "run")
    monkeypatch.undo()
    kept = len(list(Store(tmp_path / "run" / "store")))
    assert kept >= 14
    assert not list(tmp_path.rglob("*.partial"))
    results = ts.run(study, tmp_path / "run")
    assert results.provenance["tasks_performed"] <= len(list(Store(tmp_path / "run" / "store"))) - kept + 3
    assert tables(tmp_path / "run") == tables(undisturbed)


def test_a_slow_and_failing_disk_only_takes_longer(
    study: ts.Study, undisturbed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "_PAUSES", (0.0, 0.0, 0.0))
    chance = random.Random(1)
    for name in ("replace", "fstat", "pread"):
        real = getattr(os, name)

        def unsteady(*arguments, real=real):  # type: ignore[no-untyped-def]
            time.sleep(chance.random() * 1e-3)
            if "store" in str(arguments[-1]) and chance.random() < 0.1:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            return real(*arguments)

        monkeypatch.setattr(os, name, unsteady)
    assert not ts.run(study, tmp_path / "run").failed
    assert tables(tmp_path / "run") == tables(undisturbed)


def test_a_limit_on_the_size_of_files(study: ts.Study, tmp_path: Path) -> None:
    """The system's own refusal, not a shim's: no file above a few kilobytes."""
    code = (
        "import resource, signal, sys; from toposcope.cli import main\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n"
        "sys.exit(main(sys.argv[1:]))"
    )
    plan = written(study, tmp_path)
    arguments = [sys.executable, "-c", code, "run", str(plan), "--out", str(tmp_path / "run"), "--quiet"]
    done = subprocess.run([*arguments, "--workers", "1"], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "File too large" in done.stderr
    assert "ulimit -f" in done.stderr
    assert not list(tmp_path.rglob("*.partial"))


@pytest.mark.skipif(not shutil.which("mount") or os.geteuid() != 0, reason="only root may mount a disk")
def test_a_disk_that_may_only_be_read(study: ts.Study, run: Path, undisturbed: Path, tmp_path: Path) -> None:
    """The system's own refusal: a finished run is read there, and one that has to write is refused in a line."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "none", str(disk)], capture_output=True)
    if mounted.returncode:
        pytest.skip(f"cannot mount a disk here: {mounted.stderr.decode().strip()}")
    try:
        shutil.copytree(run, disk / "run")
        ts.run(study, disk / "run")
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        assert ts.run(study, disk / "run").provenance["tasks_performed"] == 0
        assert tables(disk / "run") == tables(undisturbed)
        with pytest.raises(StoreError, match="cannot write in .*Read-only file system; give a folder that can be wri"):
            ts.run(study.model_copy(update={"seed": 1}), disk / "run")
    finally:
        subprocess.run(["umount", str(disk)], check=True)


# --- beside each other ------------------------------------------------------------------------------------------------


def test_two_runs_at_once_and_a_broom_beside_them(study: ts.Study, undisturbed: Path, tmp_path: Path) -> None:
    """Two processes make one study in one folder while a third cleans it all the time."""
    plan = written(study, tmp_path)
    out = tmp_path / "run"
    shutil.copytree(undisturbed / "tables", out / "tables")
    shutil.copy(undisturbed / "results.json", out / "results.json")
    results = json.loads((out / "results.json").read_text())
    results |= {"artefacts": [], "stamp": None}  # so that nothing at all is wanted, and nothing finished
    (out / "results.json").write_text(json.dumps(results))
    (out / "store").mkdir()
    command = [sys.executable, "-m", "toposcope", "run", str(plan), "--out", str(out), "--workers", "1", "--quiet"]
    runs = [subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    ended = threading.Event()
    swept = []

    def sweep() -> None:
        while not ended.wait(0.02):
            if list((out / "store").glob("leases/*.lease")):
                swept.append(clean_store(out))

    broom = threading.Thread(target=sweep)
    broom.start()
    errors = [run.communicate()[1] for run in runs]
    ended.set()
    broom.join()
    assert [run.returncode for run in runs] == [0, 0], errors
    assert swept
    assert tables(out) == tables(undisturbed)
    assert not list(out.rglob("*.partial"))
    assert not list(out.rglob("*.lease"))


# --- clocks -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "workers", [pytest.param(1, marks=pytest.mark.slow), pytest.param(2, marks=pytest.mark.slow), 3]
)
def test_clocks_and_workers_change_no_bit(study: ts.Study, undisturbed: Path, tmp_path: Path, workers: int) -> None:
    plan = written(study, tmp_path)
    clock = Path(__file__).parent / "clock"
    path = os.pathsep.join([str(clock), *filter(None, [os.environ.get("PYTHONPATH")])])
    zone = ["Pacific/Kiritimati", "America/St_Johns", "UTC"][workers - 1]
    environment = {**os.environ, "PYTHONPATH": path, "TZ": zone}
    seen = subprocess.run(
        [sys.executable, "-c", "import time; a = time.time(); print(time.time() - a > 80000)"],
        env=environment,
        capture_output=True,
        text=True,
    )
    assert seen.stdout == "True\n"  # the shim is there
    command = [sys.executable, "-m", "toposcope", "run", str(plan), "--out", str(tmp_path / "run"), "--quiet"]
    subprocess.run([*command, "--workers", str(workers)], env=environment, check=True, stdout=subprocess.DEVNULL)
    for path in (tmp_path / "run").rglob("*"):
        os.utime(path, (4e9, 4e9))  # written in the future
    again = subprocess.run([*command, "--workers", "1", "--json"], env=environment, check=True, capture_output=True)
    assert json.loads(again.stdout)["failed"] == []
    assert json.loads((tmp_path / "run" / "results.json").read_text())["provenance"]["tasks_performed"] == 0
    assert tables(tmp_path / "run") == tables(undisturbed)
    made, expected = Store(tmp_path / "run" / "store"), Store(undisturbed / "store")
    assert list(made) == list(expected)
    assert all(made.path(key).read_bytes() == expected.path(key).read_bytes() for key in made)
