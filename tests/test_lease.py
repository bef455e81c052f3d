"""Who lives: told by name on this machine, by watching on others, never by a clock."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from toposcope import _lease
from toposcope._lease import Leases, Process, is_gone, this_process

ELSEWHERE = Process("0123456789ab", 17, 4711)


def dead() -> Process:
    """A process of this machine that is gone."""
    code = "from toposcope._lease import this_process; print(this_process(), end='.')"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    found = Process.named(out)
    assert found is not None
    return found


def test_a_process_knows_itself_and_its_dead() -> None:
    me = this_process()
    assert me.is_alive is True
    assert Process.named(f"{me}.abc.partial") == me
    assert me.number == os.getpid()
    gone = dead()
    assert gone.machine == me.machine
    assert gone.is_alive is False
    assert ELSEWHERE.is_alive is None
    assert Process.named("diagram.npz.abc.partial") is None


def test_an_id_that_was_given_again_is_another_process() -> None:
    me = this_process()
    assert Process(me.machine, me.number, me.began - 1).is_alive is False
    assert Process(me.machine, me.number, 0).is_alive is True  # where the system does not say when it began


def test_a_child_that_nobody_has_buried_is_dead() -> None:
    child = subprocess.Popen([sys.executable, "-c", "pass"])
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if Path(f"/proc/{child.pid}/stat").read_text().rsplit(") ", 1)[1].startswith("Z"):
            break
        time.sleep(0.01)
    assert Process(this_process().machine, child.pid, 0).is_alive is False
    child.wait()


def test_leases_come_and_go(tmp_path: Path) -> None:
    leases = Leases(tmp_path)
    with leases.held():
        assert [Process.named(path.name) for path in leases.folder.iterdir()] == [this_process()]
        with leases.held():
            pass
        assert len(list(leases.folder.iterdir())) == 1  # the outer block still holds it
        assert leases.others() == []
    assert list(leases.folder.iterdir()) == []


def test_the_dead_lose_theirs_and_the_living_do_not(tmp_path: Path) -> None:
    leases = Leases(tmp_path)
    code = (
        "import sys, pathlib; from toposcope._lease import Leases\n"
        "Leases(pathlib.Path(sys.argv[1])).keep(); print('ready', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        other.stdout.readline()
        assert [process.number for process in leases.others()] == [other.pid]
        other.kill()
        other.wait()
    assert len(list(leases.folder.iterdir())) == 1
    assert leases.others() == []
    assert list(leases.folder.iterdir()) == []


def test_one_of_another_machine_is_watched_on_this_ones_stopwatch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_lease, "PATIENCE", 0.6)
    leases = Leases(tmp_path)
    leases.folder.mkdir()
    silent, beating = leases.folder / f"{ELSEWHERE}.lease", leases.folder / "0123456789ab-18-1.lease"
    silent.write_text("0")
    beating.write_text("0")
    os.utime(silent, (9e9, 9e9))  # its clock is in the future, and says nothing
    assert set(leases.others()) == {ELSEWHERE, Process("0123456789ab", 18, 1)}  # nobody has watched yet
    ended = threading.Event()

    def beat() -> None:
        count = 0
        while not ended.wait(0.05):
            count += 1
            beating.write_text(str(count))

    thread = threading.Thread(target=beat)
    thread.start()
    try:
        assert leases.others(patience=0.6) == [Process("0123456789ab", 18, 1)]
    finally:
        ended.set()
        thread.join()
    assert not silent.exists()
    assert is_gone(ELSEWHERE, [])
    assert not is_gone(ELSEWHERE, [ELSEWHERE])


def test_a_lease_beats(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_lease, "HEARTBEAT", 0.02)
    leases = Leases(tmp_path)
    with leases.held():
        (path,) = leases.folder.iterdir()
        before = path.read_bytes()
        deadline = time.monotonic() + 30
        while path.read_bytes() == before and time.monotonic() < deadline:
            time.sleep(0.01)
        assert path.read_bytes() != before
        assert len(path.read_bytes()) == len(before)
