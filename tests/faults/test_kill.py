"""Kill -9 at random moments: every restart finishes with the bytes of a run that nobody disturbed."""

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import save_layers
from toposcope._errors import ToposcopeError
from toposcope.store import Store
from toposcope.study.tasks import Extracted

PLAN = """
recipe = "layers"
[inputs]
source = "digits:test"
limit = 72
[[network]]
name = "net"
model = "toposcope.demo.networks:vgg@random"
[[network]]
name = "saved"
representations = "{data}"
[cloud]
size = 12
draws = 6
"""


class Zygote:
    """Starts runs quickly; see `zygote.py`."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "tests.faults.zygote"]
        root = Path(__file__).resolve().parents[2]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=root)
        assert self._line() == "ready"

    def _line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def start(self, *arguments: object) -> int:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps([str(argument) for argument in arguments]) + "\n")
        self.process.stdin.flush()
        return int(self._line())

    def end(self) -> int:
        return int(self._line())

    def close(self) -> None:
        self.process.communicate()


class Study:
    """A small study, and what an undisturbed run makes of it."""

    def __init__(self, folder: Path) -> None:
        self.zygote = Zygote()
        save_layers(folder / "data", n=72)
        self.plan = folder / "plan.toml"
        self.plan.write_text(PLAN.format(data=folder / "data"))
        began = time.monotonic()
        self.start(folder / "undisturbed", 1)
        assert self.zygote.end() == 0
        self.seconds = time.monotonic() - began
        self.tables = tables(folder / "undisturbed")
        self.artefacts = len(list(Store(folder / "undisturbed" / "store")))

    def start(self, out: Path, workers: int) -> int:
        return self.zygote.start("run", self.plan, "--out", out, "--workers", workers, "--quiet")


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Study]:
    made = Study(tmp_path_factory.mktemp("kill"))
    yield made
    made.zygote.close()


def tables(run: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (run / "tables").iterdir()}


def finished(store: Store) -> dict[str, tuple[int, int]]:
    """Artefacts of finished tasks, with what changes when one is written again: a layer belongs to its manifest."""
    keys = [key for key in store if not key.startswith("representation")]
    for key in [key for key in keys if key.startswith(("extraction", "import"))]:
        keys += [layer.key for layer in Extracted.read(store, key).layers]
    facts = {key: store.path(key).stat() for key in keys}
    return {key: (fact.st_ino, fact.st_mtime_ns) for key, fact in facts.items()}


def assert_whole(study: Study, out: Path, before: dict[str, tuple[int, int]]) -> None:
    """The tables are those of the undisturbed run, nothing finished was repeated, and nothing is left lying about."""
    store = Store(out / "store")
    after = finished(store)
    assert {key: after.get(key) for key in before} == before
    assert len(list(store)) == study.artefacts
    assert tables(out) == study.tables
    deadline = time.monotonic() + 60  # a worker whose driver was killed may take a moment to notice
    while time.monotonic() < deadline and (list(out.rglob("*.partial")) or list(out.rglob("*.lease"))):
        time.sleep(0.05)
    assert not list(out.rglob("*.partial"))
    assert not list(out.rglob("*.lease"))
    assert json.loads((out / "results.json").read_text())["failed"] == []
    assert (out / "report.html").stat().st_size > 10_000


def killed_driver(study: Study, out: Path, workers: int, chance: random.Random) -> bool:
    """Kill a run at a random moment, and finish it. Returns whether it came to be killed."""
    process = study.start(out, workers)
    time.sleep(chance.uniform(0, study.seconds * (1 if workers == 1 else 4)))
    with contextlib.suppress(ProcessLookupError):  # it was done already
        os.kill(process, signal.SIGKILL)
    code = study.zygote.end()
    try:
        before = finished(Store(out / "store"))
    except ToposcopeError as error:  # what is named as kept must be whole
        raise AssertionError(f"a run that was killed left half an artefact: {error}") from error
    study.start(out, chance.choice([1, 1, workers]))
    assert study.zygote.end() == 0
    assert_whole(study, out, before)
    return code == -signal.SIGKILL


def children(process: int) -> list[int]:
    """Worker processes of a run: those children that Python started to take tasks."""
    found = []
    for number in Path(f"/proc/{process}/task/{process}/children").read_text().split():
        try:
            if b"spawn_main" in Path(f"/proc/{number}/cmdline").read_bytes():
                found.append(int(number))
        except OSError:
            continue
    return found


def killed_worker(study: Study, out: Path, chance: random.Random) -> bool:
    """Kill one of two workers at a random moment: the run itself goes on to its end."""
    process = study.start(out, 2)
    end = time.monotonic() + chance.uniform(0, 4 * study.seconds)
    victims: list[int] = []
    while not victims or time.monotonic() < end:
        try:
            victims = children(process)
        except OSError:
            break
        time.sleep(0.01)
    hit = False
    if victims:
        try:
            os.kill(chance.choice(victims), signal.SIGKILL)
            hit = True
        except ProcessLookupError:
            pass
    assert study.zygote.end() == 0
    assert_whole(study, out, {})
    return hit


linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="finds worker processes in /proc")


@linux
@pytest.mark.timeout(900)
def test_a_few_kills(study: Study, tmp_path: Path) -> None:
    chance = random.Random()
    hits = [killed_driver(study, tmp_path / f"driver{number}", 1, chance) for number in range(4)]
    hits.append(killed_worker(study, tmp_path / "worker", chance))
    assert any(hits)


@linux
@pytest.mark.timeout(900)
def test_a_worker_without_its_driver_leaves_nothing(tmp_path: Path) -> None:
    code = (
        "import os, pathlib, sys, time\n"
        "from toposcope import _io, store\n"
        "from toposcope.pools.processes import _leave_with\n"
        "class Parent:\n"
        "    def join(self): pass\n"
        "where = store.Store(pathlib.Path(sys.argv[1]))\n"
        "where.attend()\n"
        "with _io.atomic_write(where.folder / 'x.npz', beside=where.folder / 'temporary') as file:\n"
        "    file.write(b'half')\n"
        "    print(*where.folder.rglob('*.*'), flush=True)\n"
        "    _leave_with(Parent())\n"
    )
    ended = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True)
    assert ended.returncode == 1, ended.stderr
    assert not ended.stderr
    assert ".lease" in ended.stdout
    assert ".partial" in ended.stdout
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


@linux
@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_three_hundred_kills(study: Study, tmp_path: Path) -> None:
    chance = random.Random()
    hits = {"driver": 0, "driver with workers": 0, "worker": 0}
    number = 0
    while sum(hits.values()) < 300:
        number += 1
        out = tmp_path / str(number)
        if hits["worker"] < 40:
            hits["worker"] += killed_worker(study, out, chance)
        elif hits["driver with workers"] < 40:
            hits["driver with workers"] += killed_driver(study, out, 2, chance)
        else:
            hits["driver"] += killed_driver(study, out, 1, chance)
        subprocess.run(["rm", "-rf", out], check=True)
        print(number, hits, flush=True)
