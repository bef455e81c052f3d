"""Kill -9 at random moments: every restart finishes with the bytes of a run that nobody disturbed."""

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
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
    """Starts programs quickly; see `zygote.py`. errors: a folder for what they say."""

    def __init__(self, errors: Path) -> None:
        command = [sys.executable, "-m", "tests.faults.zygote"]
        root = Path(__file__).resolve().parents[2]
        self.errors = errors
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=root)
        assert self._line() == "ready"

    def _line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def _ask(self, said: object) -> int:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(said) + "\n")
        self.process.stdin.flush()
        return int(self._line())

    def start(self, program: str, *arguments: object) -> int:
        return self._ask([program, str(self.errors / f"{program}.txt"), *map(str, arguments)])

    def end(self, process: int) -> int:
        """Its exit code, once it has one."""
        return self._ask(process)

    def said(self) -> str:
        """What toposcope has said on stderr since somebody last asked."""
        file = self.errors / "toposcope.txt"
        found = file.read_text() if file.exists() else ""
        file.unlink(missing_ok=True)
        return found

    def close(self) -> None:
        self.process.communicate()


class DaskCluster:
    """A Dask scheduler and two workers of one thread each, in processes of their own."""

    def __init__(self, zygote: Zygote, folder: Path) -> None:
        self.zygote = zygote
        folder.mkdir(parents=True)
        file = folder / "scheduler.json"
        listening = ["--host", "127.0.0.1", "--no-dashboard"]
        here = ["--port", "0", "--dashboard-address", "127.0.0.1:0", "--scheduler-file", file]
        self.scheduler = zygote.start("scheduler", *listening, *here)
        while not (file.exists() and file.read_text().endswith("}")):
            time.sleep(0.01)
        self.address = json.loads(file.read_text())["address"]
        alone = [
            "--nthreads",
            "1",
            "--no-nanny",
            "--memory-limit",
            "0",
            "--death-timeout",
            "5",
            "--local-directory",
            folder / "dask",
        ]
        self.workers = [zygote.start("worker", self.address, *listening, *alone) for _ in range(2)]
        self._left = {self.scheduler, *self.workers}

    def kill(self, process: int) -> bool:
        """Whether it was there to be killed."""
        os.kill(process, signal.SIGKILL)
        self._left.discard(process)
        return self.zygote.end(process) == -signal.SIGKILL

    def left_alone(self) -> None:
        """Wait for the workers to notice that there is no scheduler any more."""
        for process in self._left - {self.scheduler}:
            self.zygote.end(process)
            self._left.discard(process)

    def close(self) -> None:
        for process in list(self._left):
            self.kill(process)


class Study:
    """A small study, and what an undisturbed run makes of it."""

    def __init__(self, folder: Path) -> None:
        (folder / "errors").mkdir()
        self.zygote = Zygote(folder / "errors")
        self.folder = folder
        self._clusters = self._runs = 0
        self._seconds: dict[str, float] = {}
        save_layers(folder / "data", n=72)
        self.plan = folder / "plan.toml"
        self.plan.write_text(PLAN.format(data=folder / "data"))
        self.tables: dict[str, bytes] = {}
        self.tables, self.artefacts = self._undisturbed(1)

    def start(self, out: Path, where: "int | str") -> int:
        """where: how many workers, or the address of a scheduler."""
        how = ["--workers", where] if isinstance(where, int) else ["--scheduler", where]
        return self.zygote.start("toposcope", "run", self.plan, "--out", out, *how, "--quiet")

    def end(self, process: int) -> int:
        return self.zygote.end(process)

    @contextlib.contextmanager
    def cluster(self) -> Iterator[DaskCluster]:
        self._clusters += 1
        made = DaskCluster(self.zygote, self.folder / f"cluster{self._clusters}")
        try:
            yield made
        finally:
            made.close()

    def moment(self, where: "int | str", chance: random.Random) -> float:
        """Seconds after its start at which a run there is to be met by something."""
        kind = self._kind(where)
        if kind not in self._seconds:
            assert self._undisturbed(where) == (self.tables, self.artefacts)
        return chance.uniform(0, self._seconds[kind])

    def learn(self, where: "int | str", hit: bool) -> bool:
        """Look at times at which most runs, and not all, are still under way, however busy the machine is. `hit`."""
        self._seconds[self._kind(where)] *= 1.03 if hit else 0.9
        return hit

    @staticmethod
    def _kind(where: "int | str") -> str:
        return str(where) if isinstance(where, int) else "cluster"

    def _undisturbed(self, where: "int | str") -> tuple[dict[str, bytes], int]:
        self._runs += 1
        out = self.folder / f"undisturbed{self._runs}"
        began = time.monotonic()
        assert self.end(self.start(out, where)) == 0, self.zygote.said()
        self._seconds[self._kind(where)] = time.monotonic() - began
        return tables(out), len(list(Store(out / "store")))


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Study]:
    pytest.importorskip("torch")
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


def kept(out: Path) -> dict[str, tuple[int, int]]:
    """As `finished`, of a run in which something was just killed: what is named as kept must be whole."""
    try:
        return finished(Store(out / "store"))
    except ToposcopeError as error:
        raise AssertionError(f"half an artefact was left: {error}") from error


def killed_driver(study: Study, out: Path, where: "int | str", again: "int | str", chance: random.Random) -> bool:
    """Kill a run at a random moment, and finish it. Returns whether it came to be killed."""
    moment = study.moment(where, chance)
    process = study.start(out, where)
    time.sleep(moment)
    with contextlib.suppress(ProcessLookupError):  # it was done already
        os.kill(process, signal.SIGKILL)
    code = study.end(process)
    before = kept(out)
    assert study.end(study.start(out, again)) == 0, study.zygote.said()
    assert_whole(study, out, before)
    return study.learn(where, code == -signal.SIGKILL)


def children(process: int) -> list[int]:
    """Worker processes of a run: those children that Python started to take tasks. Raises OSError when it has ended."""
    if Path(f"/proc/{process}/stat").read_text().rpartition(") ")[2].startswith("Z"):
        raise ProcessLookupError(process)
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
    moment = study.moment(2, chance)
    process = study.start(out, 2)
    end = time.monotonic() + moment
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
    before = kept(out)
    assert study.end(process) == 0, study.zygote.said()
    assert_whole(study, out, before)
    return study.learn(2, hit)


def killed_scheduler(study: Study, out: Path, chance: random.Random) -> bool:
    """Kill a Dask scheduler: the run ends and says why, and another one finishes it, with Dask or without."""
    study.zygote.said()
    with study.cluster() as cluster:
        moment = study.moment(cluster.address, chance)
        process = study.start(out, cluster.address)
        time.sleep(moment)
        cluster.kill(cluster.scheduler)
        code = study.end(process)
        before = kept(out)
        said = study.zygote.said()
        if code == 2:  # before the run had found it
            assert "no Dask scheduler answers" in said
        elif code:
            assert code == 1, said
            assert "the Dask scheduler is gone; everything finished is kept, run again" in said
        assert "Traceback" not in said
        assert "internal error" not in said
        if chance.random() < 0.5:  # while workers are still there
            assert study.end(study.start(out, 1)) == 0, study.zygote.said()
            cluster.left_alone()
        else:
            cluster.left_alone()
            with study.cluster() as another:
                assert study.end(study.start(out, another.address)) == 0, study.zygote.said()
    assert_whole(study, out, before)
    return study.learn(cluster.address, code != 0)


def killed_dask_worker(study: Study, out: Path, chance: random.Random) -> bool:
    """Kill one of two Dask workers, which nobody replaces: the run goes on with the other."""
    with study.cluster() as cluster:
        moment = study.moment(cluster.address, chance)
        process = study.start(out, cluster.address)
        time.sleep(moment)
        early = not (out / "results.json").exists()
        hit = cluster.kill(chance.choice(cluster.workers))
        before = kept(out)
        assert study.end(process) == 0, study.zygote.said()
        assert_whole(study, out, before)
    return study.learn(cluster.address, hit and early)


def killed_dask_driver(study: Study, out: Path, chance: random.Random) -> bool:
    """Kill a driver and finish its run with the same workers, which may not even have noticed."""
    with study.cluster() as cluster:
        return killed_driver(study, out, cluster.address, chance.choice([cluster.address, 1]), chance)


linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="finds worker processes in /proc")


def hit(kill: Callable[[Path], bool], folder: Path) -> None:
    """Try until the moment was one at which there was something to kill."""
    assert any(kill(folder / str(number)) for number in range(20))


@linux
@pytest.mark.timeout(900)
def test_a_few_kills(study: Study, tmp_path: Path) -> None:
    chance = random.Random()
    for number in range(3):
        hit(lambda out: killed_driver(study, out, 1, 1, chance), tmp_path / f"driver{number}")
    hit(lambda out: killed_worker(study, out, chance), tmp_path / "worker")


@linux
@pytest.mark.timeout(900)
def test_a_few_kills_in_a_dask_cluster(study: Study, tmp_path: Path) -> None:
    pytest.importorskip("distributed")
    chance = random.Random()
    for number in range(2):
        hit(lambda out: killed_scheduler(study, out, chance), tmp_path / f"scheduler{number}")
    hit(lambda out: killed_dask_worker(study, out, chance), tmp_path / "worker")


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
    pytest.importorskip("distributed")
    chance = random.Random()
    kinds = {
        "worker": (40, lambda out: killed_worker(study, out, chance)),
        "driver with workers": (40, lambda out: killed_driver(study, out, 2, chance.choice([1, 2]), chance)),
        "scheduler": (40, lambda out: killed_scheduler(study, out, chance)),
        "Dask worker": (30, lambda out: killed_dask_worker(study, out, chance)),
        "driver of Dask": (20, lambda out: killed_dask_driver(study, out, chance)),
        "driver": (130, lambda out: killed_driver(study, out, 1, 1, chance)),
    }
    began, number = time.monotonic(), 0
    for name, (wanted, kill) in kinds.items():
        hits = 0
        while hits < wanted:
            number += 1
            out = tmp_path / str(number)
            hits += kill(out)
            subprocess.run(["rm", "-rf", out], check=True)
            print(f"{time.monotonic() - began:.0f} s, run {number}: {hits} kills of a {name}", flush=True)
