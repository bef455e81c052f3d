"""Two hosts: network namespaces with a cable between them, a Dask scheduler and a worker in one, a worker in the other.

Needs Linux, `unshare`, `nsenter` and `ip`, and the right to make namespaces.
"""

import contextlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import save_layers
from toposcope.store import Store

pytest.importorskip("distributed")
pytestmark = pytest.mark.slow

SCHEDULER, OTHER = "10.213.7.1", "10.213.7.2"
ADDRESS = f"tcp://{SCHEDULER}:8786"
PLAN = """
recipe = "layers"
[[network]]
name = "a"
representations = "{data}"
[cloud]
size = 12
draws = 6
"""
JOBS = """
from pathlib import Path
from tests.pools.jobs import Job, quiet
from toposcope.pools.cluster import Cluster, connected
from toposcope.store import Store

with connected("{address}", 1) as client:
    client.wait_for_workers(2, timeout=60)
    pool = Cluster(client, Store(Path("{store}")))
    outcomes = list(pool.outcomes([Job(number, "slow") for number in range(12)], quiet))
    pool.close()
assert not [outcome for outcome in outcomes if outcome.fault]
"""


class Host:
    """A network namespace. It is gone with the last process in it, so nothing is left to clean."""

    def __init__(self, stack: contextlib.ExitStack) -> None:
        self._stack = stack
        self._first = self._started(["unshare", "--net", "sleep", "600"])
        mine = os.readlink("/proc/self/ns/net")
        for _ in range(100):
            with contextlib.suppress(OSError):
                if os.readlink(f"/proc/{self.pid}/ns/net") != mine:
                    return
            if self._first.poll() is not None:
                break
            time.sleep(0.05)
        pytest.skip("this machine does not allow network namespaces (unshare --net)")

    @property
    def pid(self) -> int:
        return self._first.pid

    def _inside(self, command: Sequence[str]) -> list[str]:
        return ["nsenter", f"--net=/proc/{self.pid}/ns/net", *command]

    def _started(self, command: Sequence[str]) -> "subprocess.Popen[bytes]":
        quiet = subprocess.DEVNULL
        process = subprocess.Popen(command, stdout=quiet, stderr=quiet, cwd=ROOT)
        self._stack.callback(process.wait)
        self._stack.callback(process.kill)
        return process

    def start(self, *arguments: str) -> int:
        """A Python that stays until the test ends. Returns its process id."""
        return self._started(self._inside([sys.executable, *arguments])).pid

    def python(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """What a Python says that ends."""
        command = self._inside([sys.executable, *arguments])
        return subprocess.run(command, capture_output=True, text=True, timeout=180, cwd=ROOT)

    def ip(self, *arguments: str) -> None:
        subprocess.run(self._inside(["ip", *arguments]), check=True, capture_output=True, timeout=20)

    def address(self, device: str, address: str) -> None:
        self.ip("link", "set", "lo", "up")
        self.ip("address", "add", f"{address}/24", "dev", device)
        self.ip("link", "set", device, "up")


ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def hosts() -> Iterator[tuple[Host, set[int]]]:
    """The first host, and the process ids of one worker on each."""
    if missing := [tool for tool in ("unshare", "nsenter", "ip") if shutil.which(tool) is None]:
        pytest.skip(f"needs {', '.join(missing)} (util-linux, iproute2)")
    with contextlib.ExitStack() as stack:
        here, there = Host(stack), Host(stack)
        try:
            here.ip("link", "add", "cable0", "type", "veth", "peer", "name", "cable1", "netns", str(there.pid))
        except subprocess.CalledProcessError as error:
            pytest.skip(f"this machine does not allow a virtual cable: {error.stderr.decode().strip()}")
        here.address("cable0", SCHEDULER)
        there.address("cable1", OTHER)
        here.start("-m", "distributed.cli.dask_scheduler", "--host", SCHEDULER, "--port", "8786", "--no-dashboard")
        options = ("--nthreads", "1", "--no-nanny", "--no-dashboard", "--memory-limit", "0")
        workers = {
            host.start("-m", "distributed.cli.dask_worker", ADDRESS, "--host", address, *options)
            for host, address in ((here, SCHEDULER), (there, OTHER))
        }
        yield here, workers


def test_both_hosts_work(hosts: tuple[Host, set[int]], tmp_path: Path) -> None:
    here, workers = hosts
    assert len({os.readlink(f"/proc/{process}/ns/net") for process in (os.getpid(), *workers)}) == 3
    done = here.python("-c", JOBS.format(address=ADDRESS, store=tmp_path / "store"))
    assert done.returncode == 0, done.stderr
    store = Store(tmp_path / "store")
    assert {int(store.read(key)["process"][0]) for key in store} == workers


def test_a_study_on_two_hosts_gives_the_bytes_of_one_process(hosts: tuple[Host, set[int]], tmp_path: Path) -> None:
    here, _workers = hosts
    save_layers(tmp_path / "data", n=72)
    (tmp_path / "study.toml").write_text(PLAN.format(data=tmp_path / "data"))
    run = ["-m", "toposcope", "run", str(tmp_path / "study.toml"), "--out"]
    lent = here.python(*run, str(tmp_path / "lent"), "--scheduler", ADDRESS)
    assert lent.returncode == 0, lent.stderr
    assert f"{ADDRESS} is not encrypted" in lent.stdout + lent.stderr
    alone = here.python(*run, str(tmp_path / "alone"))
    assert alone.returncode == 0, alone.stderr
    tables = sorted((tmp_path / "alone" / "tables").iterdir())
    assert tables
    for path in tables:
        assert path.read_bytes() == (tmp_path / "lent" / "tables" / path.name).read_bytes()
    first = {key: Store(tmp_path / "alone" / "store").read(key) for key in Store(tmp_path / "alone" / "store")}
    other = Store(tmp_path / "lent" / "store")
    assert set(first) == set(other)
    for key, arrays in first.items():
        for name, values in arrays.items():
            np.testing.assert_array_equal(values, other.read(key)[name])
