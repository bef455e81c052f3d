"""A Dask cluster of this machine: real scheduler, real workers, over the loopback."""

import subprocess
import sys
import threading
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import toposcope as ts
from tests.conftest import save_layers
from tests.pools.jobs import Job, quiet
from toposcope.pools import Limits
from toposcope.pools.cluster import Cluster, client_of, connected, unprotected
from toposcope.pools.lent import batch_seconds
from toposcope.run import Driver, Silence
from toposcope.store import Store

pytest.importorskip("distributed")

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
def client() -> Iterator[Any]:
    with connected("local", 2) as found:
        yield found


def test_faults_are_the_tasks_own_and_the_others_go_on(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    wrong = {3: "raise", 5: "die", 8: "hang"}
    jobs = [Job(number, {**wrong, 11: "keep and die"}.get(number, "keep")) for number in range(20)]
    with connected("local", 2) as own:  # its workers die
        pool = Cluster(own, store, Limits(timeout=2.0))
        driver = Driver(store, pool, Silence())
        made = driver.perform("jobs", jobs)
        pool.close()
    said = dict(driver.failed)
    assert sorted(said) == ["job 3", "job 5", "job 8"]
    assert said["job 3"] == "ZeroDivisionError: a bug (tried twice)"
    assert "its worker was lost" in said["job 5"]
    assert "timeout of 2 s" in said["job 8"]
    assert made == {job.key for job in jobs if job.number not in wrong}
    assert made == {key for key in store if key.startswith("job")}
    with store.session():  # which sweeps behind the one that was killed
        pass
    assert not list(store.folder.rglob("*.lease"))


def test_a_worker_that_ends_with_a_hanging_task_leaves_nothing_half_written(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    with connected("local", 1) as own:
        pool = Cluster(own, store, Limits(timeout=1.0))
        (outcome,) = pool.outcomes([Job(0, "hang writing")], quiet)
        assert outcome.fault is not None
        assert list(store.leftovers())
        until = time.monotonic() + 20
        while store.leftovers() and time.monotonic() < until:
            time.sleep(0.05)
        assert not store.leftovers()
        pool.close()


def test_a_cluster_without_workers_is_waited_for_and_then_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that comes late does the work; where none comes, the run ends and says what is kept."""
    from toposcope.pools import cluster, lent

    monkeypatch.setattr(lent, "_LOOK_EVERY", 0.1)
    monkeypatch.setattr(cluster, "_COUNT_EVERY", 0.1)
    store = Store(tmp_path / "store")
    with connected("local", 1) as own:
        own.cluster.scale(0)
        while own.ncores():
            time.sleep(0.05)
        with pytest.raises(ts.TaskError, match="has had no worker for 1 s; everything finished is kept, start workers"):
            list(Cluster(own, store, patience=1.0).outcomes([Job(0)], quiet))
        pool = Cluster(own, store, patience=300.0)
        late = threading.Timer(0.5, own.cluster.scale, [1])
        late.start()
        assert [outcome.fault for outcome in pool.outcomes([Job(1)], quiet)] == [None]
        late.join()
        pool.close()


def test_a_study_gives_the_bytes_of_one_process(client: Any, tmp_path: Path) -> None:
    save_layers(tmp_path / "data", n=72)
    plan = ts.Study.parse(tomllib.loads(PLAN.format(data=tmp_path / "data")))
    ts.run(plan, tmp_path / "here")
    lent = ts.run(plan, tmp_path / "lent", executor=client.get_executor())
    assert lent.provenance["workers"] == 2
    assert not lent.failed
    for path in (tmp_path / "here" / "tables").iterdir():
        assert path.read_bytes() == (tmp_path / "lent" / "tables" / path.name).read_bytes()
    assert client.status == "running"  # what was lent is given back
    assert not (tmp_path / "lent" / "store" / "leases").exists()  # and its workers, which live on, hold nothing


def test_nobody_there_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from toposcope.pools import cluster

    monkeypatch.setattr(cluster, "_CONNECT", 0.3)
    save_layers(tmp_path / "data", n=72)
    plan = ts.Study.parse(tomllib.loads(PLAN.format(data=tmp_path / "data")))
    with pytest.raises(ts.UnavailableError, match="no Dask scheduler answers at 'tcp://127.0.0.1:9'.*start one with"):
        ts.run(plan, tmp_path / "run", scheduler="tcp://127.0.0.1:9")
    with pytest.raises(ts.InputError, match="either executor or scheduler"):
        ts.run(plan, tmp_path / "run", scheduler="local", executor=object())  # type: ignore[arg-type]


def test_a_cluster_of_this_machine_listens_to_this_machine_alone(client: Any) -> None:
    here = {"127.0.0.1", "::1"}
    scheduler = client.cluster.scheduler
    listening = [address for server in scheduler.http_server._sockets.values() for address in [server.getsockname()[0]]]
    assert listening
    assert set(listening) <= here
    assert {address.rpartition("//")[2].rpartition(":")[0] for address in client.ncores()} <= here
    assert client.scheduler.address.startswith("tcp://127.0.0.1:")


def test_an_address_in_the_open_is_named() -> None:
    assert [unprotected(one) for one in ("local", "tcp://127.0.0.1:8786", "localhost:8786", "tls://host:1")] == [
        False
    ] * 4
    assert [unprotected(one) for one in ("tcp://10.0.0.1:8786", "host:8786")] == [True] * 2


def test_whose_executor_it_is(client: Any) -> None:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as threads:
        assert client_of(threads) is None
    assert client_of(client.get_executor()) is client


def test_the_core_never_imports_it() -> None:
    code = "import sys, toposcope.run, toposcope.pools; print(sorted({'dask', 'distributed'} & set(sys.modules)))"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout == "[]\n"


def test_many_workers_get_longer_batches() -> None:
    """So many batches a second as one scheduler can pass on, whatever the number of workers."""
    assert batch_seconds(1) == batch_seconds(50) == 0.5
    assert batch_seconds(1000) == 10.0
