"""Processes of this machine: whoever dies, hangs or grows too big is known, and the others lose nothing."""

from pathlib import Path

import pytest

from tests.pools.jobs import Job, quiet
from toposcope._errors import TaskError
from toposcope.pools import Limits, Processes
from toposcope.pools import processes as module
from toposcope.store import Store

GB = 1 << 30


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def faults(pool: Processes, jobs: list[Job]) -> dict[int, tuple[str, str]]:
    """Kind and message of what went wrong, by number."""
    by_key = {job.key: job.number for job in jobs}
    found = list(pool.outcomes(jobs, quiet))
    assert sorted(outcome.key for outcome in found) == sorted(by_key)
    return {by_key[one.key]: (one.fault.kind, one.fault.message) for one in found if one.fault is not None}


def test_every_fault_is_one_tasks_own(store: Store) -> None:
    wrong = {3: "raise", 5: "die", 8: "hang", 9: "exit", 12: "memory", 14: "input", 15: "artefact", 16: "store"}
    jobs = [Job(number, wrong.get(number, "keep")) for number in range(30)]
    pool = Processes(2, store, Limits(memory=GB, timeout=1.5))
    found = faults(pool, jobs)
    assert {number: kind for number, (kind, _message) in found.items()} == {
        3: "error",
        5: "lost",
        8: "hung",
        9: "lost",
        12: "memory",
        14: "input",
        15: "artefact",
        16: "store",
    }
    assert found[3][1] == "ZeroDivisionError: a bug"
    assert "SIGKILL, as the system does when memory runs out" in found[5][1]
    assert "timeout of 1.5 s" in found[8][1]
    assert "exit code 3" in found[9][1]
    assert "under a limit of 1.07 GB per worker" in found[12][1]
    assert {key for key in store if key.startswith("job")} == {job.key for job in jobs if job.number not in wrong}

    # Elsewhere means a process that has seen nothing of it.
    before = {worker.name for worker in pool._crew}
    again = [job for job in jobs if job.number in (3, 5)]
    outcomes = list(pool.outcomes(again, quiet))
    second = list(pool.outcomes_elsewhere([(job, outcome) for job, outcome in zip(again, outcomes, strict=True)]))
    assert {outcome.fault.kind for outcome in second if outcome.fault} == {"error", "lost"}
    assert not before & {outcome.where for outcome in second}
    pool.close()


def test_what_was_kept_before_a_worker_died_is_not_made_again(store: Store) -> None:
    jobs = [Job(number, {3: "keep and die"}.get(number, "keep")) for number in range(6)]
    pool = Processes(1, store)
    outcomes = {outcome.key: outcome for outcome in pool.outcomes(jobs, quiet)}
    lost = outcomes[jobs[3].key]
    assert lost.fault is not None
    made = store.path(lost.key).stat().st_ino
    (second,) = pool.outcomes_elsewhere([(jobs[3], lost)])
    pool.close()
    assert second.fault is None
    assert store.path(lost.key).stat().st_ino == made


def test_all_work_and_progress_of_a_task(store: Store) -> None:
    told = []
    pool = Processes(2, store)
    jobs = [Job(0, "slow"), *(Job(number) for number in range(1, 40))]
    assert len(list(pool.outcomes(jobs, lambda key, share: told.append((key, share))))) == 40
    assert told
    assert {key for key, _share in told} == {jobs[0].key}
    assert all(0 < share < 1 for _key, share in told)
    processes = {int(store.read(job.key)["process"][0]) for job in jobs}
    assert len(processes) == 2
    assert list(pool.outcomes([], quiet)) == []
    pool.close()
    assert not pool._crew


def test_a_pipe_is_never_filled(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tasks as large as a pipe are handed over one at a time, to a process that waits for them."""
    jobs = [Job(number, ballast="x" * 100_000) for number in range(4)]
    pool = Processes(1, store)
    monkeypatch.setattr(module, "_AHEAD_SECONDS", 1000.0)
    assert len(list(pool.outcomes(jobs, quiet))) == 4
    pool.close()


def test_processes_that_die_before_they_begin_are_no_tasks_fault(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is killed while it starts is replaced; many, or one that ends by itself, end the run."""
    pool = Processes(1, store)
    born = module._Worker

    def killed(*arguments: object) -> object:
        worker = born(*arguments)
        left.pop() if left else None
        if len(left) or kill_all:
            worker._process.kill()
        return worker

    kill_all, left = False, [1, 1, 1]
    monkeypatch.setattr(module, "_Worker", killed)
    jobs = [Job(number) for number in range(3)]
    assert [outcome.fault for outcome in pool.outcomes(jobs, quiet)] == [None] * 3
    pool.close()

    kill_all = True
    with pytest.raises(TaskError, match="die before they begin \\(ended by SIGKILL"):
        list(Processes(1, store).outcomes(jobs, quiet))
