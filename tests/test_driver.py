"""The driver: a second try elsewhere, failures that are named, a store that fails, an executor that is lent."""

import sys
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import pytest

import toposcope as ts
from tests.pools.jobs import Job
from toposcope._errors import ArtefactError, StoreError
from toposcope.pools import Lent, Limits
from toposcope.run import Driver, Silence, open_pool
from toposcope.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


class Counting(Silence):
    def __init__(self) -> None:
        self.done: list[float] = []

    def advance(self, name: str, done: float) -> None:
        self.done.append(done)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_second_try_and_then_a_name(store: Store, tmp_path: Path, workers: int) -> None:
    wrong = {2: "raise", 3: "input"} if workers == 1 else {2: "raise", 3: "input", 5: "die"}
    jobs = [Job(number, wrong.get(number, "keep")) for number in range(8)]
    jobs += [Job(8, "raise" if workers == 1 else "die", str(tmp_path / "once"))]
    progress = Counting()
    with open_pool(workers, store) as pool:
        driver = Driver(store, pool, progress)
        present = driver.perform("jobs", jobs)
        assert present == {job.key for job in jobs if job.number not in wrong}
        failed = dict(driver.failed)
        assert failed["job 2"] == "ZeroDivisionError: a bug (tried twice)"
        assert failed["job 3"] == "of no use"
        assert set(failed) == {f"job {number}" for number in wrong}
        assert driver.performed == 9
        assert progress.done[-1] == 9
        assert driver.seconds["jobs"] > 0
        # What is kept is not performed again, and what failed is.
        driver.failed.clear()
        driver.perform("jobs", jobs)
        assert driver.performed == 9 + len(wrong)
        assert set(dict(driver.failed)) == set(failed)


def test_what_two_tries_said(store: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    job = Job(0, "raise")
    said = iter(["one", "another"])
    monkeypatch.setattr(Job, "perform", lambda *_: (_ for _ in ()).throw(ValueError(next(said))))
    with open_pool(1, store) as pool:
        driver = Driver(store, pool, Silence())
        driver.perform("jobs", [job])
    assert driver.failed == [("job 0", "ValueError: another (before that: ValueError: one)")]


def test_damage_and_a_store_that_fails_stop_a_stage(store: Store) -> None:
    with open_pool(1, store) as pool:
        driver = Driver(store, pool, Silence())
        with pytest.raises(ArtefactError) as caught:
            driver.perform("jobs", [Job(0, "artefact"), Job(1)])
        assert caught.value.key == "diagram-0"
        assert Job(1).key in store
        with pytest.raises(StoreError, match="full. What is finished is kept"):
            driver.perform("jobs", [Job(2, "store")])


def test_a_lent_executor(store: Store) -> None:
    jobs = [Job(number, {2: "raise"}.get(number, "keep")) for number in range(40)]
    with ProcessPoolExecutor(2) as executor, open_pool(2, store, executor=executor) as pool:
        driver = Driver(store, pool, Silence())
        assert len(driver.perform("jobs", jobs)) == 39
        assert driver.failed == [("job 2", "ZeroDivisionError: a bug (tried twice)")]
        with pytest.raises(ts.TaskError, match="the executor takes no more tasks"):
            driver.perform("jobs", [Job(50, "exit"), *(Job(number) for number in range(51, 60))])


def test_threads_know_no_timeout(store: Store) -> None:
    with ThreadPoolExecutor(2) as executor:
        pool = Lent(executor, 2, store, Limits(timeout=1.0))
        driver = Driver(store, pool, Silence())
        driver.perform("jobs", [Job(0)])
        assert "a timeout needs workers that are processes" in driver.failed[0][1]
        pool.close()


def test_a_worker_that_writes_elsewhere(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["toposcope.run"], "_SETTLING", 0.1)
    monkeypatch.setattr(Job, "perform", lambda *_: None)
    with open_pool(1, store) as pool, pytest.raises(ts.TaskError, match="a folder that every worker sees"):
        Driver(store, pool, Silence()).perform("jobs", [Job(0)])


def test_options_that_cannot_be(tmp_path: Path) -> None:
    plan = ts.Study.parse({"recipe": "layers", "network": [{"name": "a", "representations": "x"}]})
    with ThreadPoolExecutor(1) as executor, pytest.raises(ts.InputError, match="either executor or scheduler"):
        ts.run(plan, tmp_path, executor=executor, scheduler="local")
    with pytest.raises(ts.InputError, match="memory"):
        ts.run(plan, tmp_path, memory=0)
    with pytest.raises(ts.InputError, match="timeout"):
        ts.run(plan, tmp_path, timeout=0.0)
