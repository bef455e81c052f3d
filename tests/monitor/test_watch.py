"""A plain loop: the run folder, the report, checkpoints, what goes wrong, and the end of the background process."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

import toposcope as ts
from tests.monitor.loops import DRAWS, SIZE, monitor, network, probe, train
from toposcope.monitor import signals
from toposcope.study.columns import COLUMNS


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[ts.TopologyMonitor, ts.Results, list[str]]:
    """A training with two probes, watched to its end."""
    said: list[str] = []
    watcher = monitor(tmp_path_factory.mktemp("plain") / "run", inputs=probe(), validation=probe(1), say=said.append)
    with watcher:
        train(watcher)
        results = watcher.close()
    assert results is not None
    return watcher, results, said


def test_a_plain_loop_leaves_an_ordinary_run(finished, tmp_path: Path) -> None:
    watcher, results, _said = finished
    assert not results.failed
    assert results.plan.recipe == "training"
    assert [network.step for network in results.plan.network] == [0, 4, 8] * 2
    assert results.tables["networks"]["network"].tolist()[:2] == ["step 0", "step 4"]
    for name, columns in COLUMNS.items():
        assert list(results.tables[name].columns) == columns
    tests = results.tables["tests"]
    assert set(tests["claim"]) == {
        "since the start of tiny, seed 0",
        "until the end of tiny, seed 0",
        "since the start of tiny, validation, seed 0",
        "until the end of tiny, validation, seed 0",
        "training and validation inputs at step 8",
    }
    assert (results.tables["layers"]["inputs"] == SIZE * DRAWS).all()
    path = ts.report(ts.Results.read(watcher.folder), tmp_path / "report.html")
    assert "step 8" in path.read_text(encoding="utf-8")
    assert not (watcher.folder / "background.log").read_text()


def test_every_number_is_what_the_functions_give_on_the_same_draws(finished) -> None:
    watcher, results, _said = finished
    table = watcher.signals
    assert list(table.columns) == signals.COLUMNS
    reps = {
        (step, name, layer): ts.read_representation(watcher.folder / "checks" / f"{step:010d}" / name / f"{layer}.npz")
        for step in (0, 4, 8)
        for name in ("train", "validation")
        for layer in "25"
    }
    rows = ts.disjoint_draws(reps[0, "train", "2"].sample_ids, SIZE, DRAWS, 0)
    others = ts.disjoint_draws(reps[0, "validation", "2"].sample_ids, SIZE, DRAWS, 0)
    diagrams = {
        key: [ts.vietoris_rips(rep.take(draw), scale="q0.9") for draw in (rows if key[1] == "train" else others)]
        for key, rep in reps.items()
    }

    def value(signal: str, step: int = 8, layer: str = "5", degree: int | None = None, probe: str = "train") -> float:
        chosen = table[
            (table.signal == signal) & (table.step == step) & (table.layer == layer) & (table.probe == probe)
        ]
        chosen = chosen[chosen.degree.isna() if degree is None else chosen.degree == degree]
        assert len(chosen) == 1, (signal, chosen)
        return float(chosen.value.iloc[0])

    here, before, start = (diagrams[step, "train", "5"] for step in (8, 4, 0))
    for degree in (0, 1):
        assert value("moved", degree=degree) == pytest.approx(
            np.mean([ts.wasserstein(a, b, degree) for a, b in zip(before, here, strict=True)])
        )
        assert value("travelled", degree=degree) == pytest.approx(
            np.mean([ts.wasserstein(a, b, degree) for a, b in zip(start, here, strict=True)])
        )
        assert value("total_persistence", degree=degree) == pytest.approx(
            np.mean([ts.total_persistence(one, degree) for one in here])
        )
        cross = np.mean([[ts.wasserstein(a, b, degree) for b in diagrams[8, "validation", "5"]] for a in here])
        own = [
            np.mean([ts.wasserstein(group[i], group[j], degree) for i in range(DRAWS) for j in range(i)])
            for group in (here, diagrams[8, "validation", "5"])
        ]
        assert value("divergence", degree=degree, probe="") == pytest.approx(2 * cross - sum(own))
        assert value("noise", degree=degree) == pytest.approx(own[0])
    clouds = [reps[8, "train", "5"].take(draw).points for draw in rows]
    assert value("p_eff") == pytest.approx(np.mean([ts.p_eff(cloud) for cloud in clouds]))
    assert value("effective_rank") == pytest.approx(np.mean([signals.effective_rank(cloud) for cloud in clouds]))
    losses = table[table.signal == "loss"]
    assert losses.step.tolist() == [0, 4, 8]
    assert losses.layer.tolist() == [""] * 3
    known = {name.partition(" of ")[0] for name in table.signal}
    assert known - {"loss"} <= set(signals.DEFINITIONS)
    assert set(signals.DEFINITIONS) - known == {"change_point"}  # three checks are too few to look for one
    quantities = results.tables["quantities"]
    assert set(quantities["quantity"]) >= {"moved", "travelled", "divergence", "effective_rank", "loss"}


def test_checks_and_artefacts_are_kept_once(finished) -> None:
    watcher, results, _said = finished
    file = watcher.folder / "checks" / "0000000004" / "train" / "5.npz"
    assert file.stat().st_nlink == 2
    # And the plan that stands in the results is one that anybody can run again.
    again = ts.run(results.plan, watcher.folder.parent / "again", thumbnails=False)
    mine, theirs = (r.tables["descriptors"].sort_values(["network", "layer", "draw", "degree", "descriptor"],
                    ignore_index=True) for r in (results, again))  # fmt: skip
    pd.testing.assert_frame_equal(mine, theirs)


def test_a_report_while_training_goes_on(tmp_path: Path) -> None:
    net = network()
    watcher = monitor(tmp_path / "run", inputs=probe())
    try:
        watcher.step(net, step=0)
        watcher.step(net, step=4)
        until = time.monotonic() + 120
        while time.monotonic() < until:
            try:
                results = ts.Results.read(watcher.folder)
                break
            except ts.FileError:
                time.sleep(0.1)
        ts.report(results, tmp_path / "report.html")
        assert "training was going on when this was written: everything here is provisional" in results.warnings
        assert set(watcher.signals.step) <= {0, 4}
    finally:
        watcher.close(wait=False)
    assert watcher.close() is None
    with pytest.raises(ts.InputError, match="closed"):
        watcher.step(net, step=5)


def test_results_are_the_same_however_often_the_work_was_interrupted(finished, tmp_path: Path) -> None:
    watcher, _results, _said = finished
    other = monitor(tmp_path / "run", inputs=probe(), validation=probe(1))
    train(other)
    other.close(wait=False)  # wherever the background process was
    command = [sys.executable, "-P", "-m", "toposcope.monitor", str(other.folder)]
    subprocess.run(command, check=True, env={**os.environ, "PYTHONPATH": str(Path(ts.__file__).parents[1])})
    for name in ("signals", "tests", "distances", "descriptors"):
        mine, theirs = ((folder / "tables" / f"{name}.csv").read_bytes() for folder in (watcher.folder, other.folder))
        assert mine == theirs, name


def test_training_goes_on_from_a_checkpoint(finished, tmp_path: Path) -> None:
    whole, _results, _said = finished
    first = monitor(tmp_path / "run", inputs=probe(), validation=probe(1), background=False)
    train(first, steps=6)
    state = json.loads(json.dumps(first.state_dict()))
    train_more = network()
    first.check(train_more, step=7)  # beyond the checkpoint: lost when training goes back to it
    first.close(wait=False)
    said: list[str] = []
    second = monitor(tmp_path / "run", inputs=probe(), validation=probe(1), say=said.append, background=False)
    second.load_state_dict(state)
    assert second.taken == (0, 4)
    assert any("1 checks after step 5 are removed" in line for line in said)

    class FromStep:
        """The same training, whose first steps the second monitor does not see."""

        def step(self, net: nn.Module, step: int, **measured: float) -> None:
            if step >= 6:
                second.step(net, step=step, **measured)

    train(FromStep())  # type: ignore[arg-type]
    assert second.taken == (0, 4, 8)
    second.close()
    mine, theirs = ((one.folder / "tables" / "signals.csv").read_bytes() for one in (whole, second))
    assert mine == theirs


def test_states_that_do_not_fit_are_refused(finished, tmp_path: Path) -> None:
    state = finished[0].state_dict()
    with pytest.raises(ts.InputError, match="had cloud ="):
        monitor(tmp_path / "a", size=6).load_state_dict(state)
    with pytest.raises(ts.InputError, match="the train probe is not that of the checkpoint"):
        monitor(tmp_path / "a", inputs=probe(5)).load_state_dict(state)
    late = monitor(tmp_path / "a")
    late.load_state_dict(state)
    with pytest.raises(ts.InputError, match="the train probe is not that of the checkpoint"):
        late.step(network(), probe(5), step=12)
    with pytest.raises(ts.InputError, match="not the state of a TopologyMonitor"):
        monitor(tmp_path / "a").load_state_dict({"epoch": 3})
    with pytest.raises(ts.InputError, match="before the first step"):
        finished[0].load_state_dict(state)
    with pytest.raises(ts.InputError, match="holds the checks of another training"):
        monitor(finished[0].folder, inputs=probe()).step(network(), step=0)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"every": 0}, ts.InputError, "every=0"),
        ({"budget": "2"}, ts.InputError, "no share of training time"),
        ({"backlog": 0}, ts.InputError, "backlog=0"),
        ({"size": 1}, ts.PlanError, "cloud.size"),
        ({"metric": "euklid"}, ts.PlanError, "euclidean"),
        ({"distance": "wasser"}, ts.PlanError, "wasserstein"),
        ({"scale": "q2"}, ts.PlanError, "q2"),
        ({"inputs": probe(n=40)}, ts.InputError, "need 49 inputs, and there are 40"),
        ({"inputs": "digits:train", "validation": "digits:train"}, ts.InputError, "validation inputs must be others"),
    ],
)
def test_what_cannot_be_is_refused_when_the_monitor_is_made(tmp_path: Path, options, error, message) -> None:
    with pytest.raises(error, match=message):
        monitor(tmp_path, **options)


def test_what_cannot_be_is_refused_in_the_loop(tmp_path: Path) -> None:
    net = network()
    with pytest.raises(ts.LayerError, match="matches no module"):
        monitor(tmp_path / "a", inputs=probe(), layers="nothing").step(net)
    with pytest.raises(ts.InputError, match="there is no probe"):
        monitor(tmp_path / "a").step(net)
    with pytest.raises(ts.InputError, match="step=-1"):
        monitor(tmp_path / "a", inputs=probe()).step(net, step=-1)
    with pytest.raises(ts.InputError, match="loss='small'"):
        monitor(tmp_path / "a", inputs=probe()).step(net, loss="small")  # type: ignore[arg-type]
    with pytest.raises(ts.InputError, match="failed on its first batch"):
        monitor(tmp_path / "a", inputs=probe(features=4)).step(net)
    assert not (tmp_path / "a" / "checks").exists()
    watcher = monitor(tmp_path / "b", every=1, background=False)
    try:
        watcher.step(net, probe(), step=0)
        with pytest.raises(ts.InputError, match="probe has changed"):
            watcher.step(net, probe() + 1, step=1)
        with pytest.raises(ts.InputError, match="comes too late"):
            watcher.step(net, probe(), validation=probe(1), step=2)
        with pytest.raises(ts.InputError, match="2 6 → 7"):
            watcher.step(network(width=7), probe(), step=3)
    finally:
        watcher.close(wait=False)


def test_steps_and_checks(tmp_path: Path) -> None:
    net = network()
    watcher = monitor(tmp_path / "run", inputs=probe(), every=10, background=False)
    try:
        assert [step for step in (3, 4, 9, 10, 10, 9, 37, 39, 40) if watcher.step(net, step=step)] == [3, 10, 37, 40]
        assert watcher.check(net, step=43)
        assert not watcher.check(net, step=43)
        assert not watcher.step(net)  # 44
        assert watcher.step(net, step=50)
        assert watcher.taken == (3, 10, 37, 40, 43, 50)
    finally:
        watcher.close(wait=False)


def test_what_is_beyond_the_budget_or_the_backlog_is_skipped_and_said(tmp_path: Path) -> None:
    net = network()
    said: list[str] = []
    watcher = monitor(tmp_path / "run", inputs=probe(), every=1, budget="0.001 %", say=said.append, background=False)
    assert [watcher.step(net, step=step) for step in range(4)] == [True, False, False, False]
    assert [step for step, _reason in watcher.skipped] == [1, 2, 3]
    assert "the budget is 0.00%" in watcher.skipped[0][1]
    assert len([line for line in said if "is skipped" in line]) == 1
    results = watcher.close()
    assert results is not None
    assert "3 of 4 checks that were due were skipped (3 to stay within the budget)" in results.warnings
    slow = monitor(tmp_path / "slow", inputs=probe(), every=1, backlog=2)
    try:
        slow._background.ring = lambda: None  # type: ignore[method-assign]  # a background process that never comes
        assert [slow.step(net, step=step) for step in range(4)] == [True, True, False, False]
        assert "2 checks wait for the background process" in slow.skipped[0][1]
    finally:
        slow.close(wait=False)


def test_activations_that_are_not_finite_are_noted_and_training_goes_on(tmp_path: Path) -> None:
    said: list[str] = []
    net = network()
    watcher = monitor(tmp_path / "run", inputs=probe(), say=said.append, background=False)
    watcher.step(net, step=0, loss=float("nan"))
    with torch.no_grad():
        net[0].weight[0, 0] = float("nan")
    assert watcher.step(net, step=4)
    assert any("step 4 saw nothing" in line for line in said)
    results = watcher.close()
    assert results is not None
    assert [failure.title for failure in results.failed] == ["check at step 4"]
    assert any(alert.startswith("step 4: nothing could be seen") for alert in watcher.alerts)
    assert watcher.signals.query("signal == 'loss'").value.isna().all()


def test_a_layer_that_collapses_is_warned_of(tmp_path: Path) -> None:
    net = network(width=12)
    said: list[str] = []
    watcher = monitor(tmp_path / "run", inputs=probe(), layers=["0"], every=1, say=said.append, background=False)
    for step in range(4):
        if step == 2:  # all outputs become multiples of one
            with torch.no_grad():
                net[0].weight[:] = net[0].weight[:1] * torch.linspace(1, 2, 12)[:, None]
        watcher.step(net, step=step)
    watcher.close()
    assert [alert for alert in watcher.alerts if "step 2: 0 (train) may be collapsing: its effective rank" in alert]
    assert any("may be collapsing" in line for line in said)


def test_a_background_process_that_dies_is_started_again(tmp_path: Path) -> None:
    said: list[str] = []
    net = network()
    watcher = monitor(tmp_path / "run", inputs=probe(), every=1, say=said.append)
    watcher.step(net, step=0)
    process = watcher._background._process
    assert process is not None
    process.kill()
    process.wait()
    watcher.step(net, step=1)
    assert any(line.startswith("the background process ended (-9)") for line in said)
    assert watcher._background._process is not process
    assert watcher.close() is not None
    assert watcher.signals.step.max() == 1


def test_a_folder_that_is_damaged_is_named(tmp_path: Path) -> None:
    watcher = monitor(tmp_path / "run", inputs=probe())
    watcher.step(network(), step=0)
    watcher._background.stop()
    (watcher.folder / "monitor.json").write_text("{}")
    with pytest.raises(ts.TaskError, match="another version of toposcope"):
        watcher.close()
    with pytest.raises(ts.FileError, match="not there yet"):
        _ = monitor(tmp_path / "other").signals


SCRIPT = """
import sys, time
sys.path.insert(0, {root!r})
from tests.monitor.loops import monitor, network, probe
watcher = monitor({out!r}, inputs=probe())
watcher.step(network(), step=0)
print(watcher._background._process.pid, flush=True)
time.sleep(60)
"""


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_the_background_process_ends_with_the_training(tmp_path: Path) -> None:
    """A script without a guard, that is killed."""
    root = str(Path(__file__).resolve().parents[2])
    script = tmp_path / "script.py"
    script.write_text(SCRIPT.format(root=root, out=str(tmp_path / "run")))
    with subprocess.Popen(
        [sys.executable, str(script)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(ts.__file__).parents[1])},
        cwd=tmp_path,
    ) as training:
        assert training.stdout is not None
        background = int(training.stdout.readline())
        training.send_signal(signal.SIGKILL)
        training.wait()
    until = time.monotonic() + 60
    while time.monotonic() < until:
        try:
            os.kill(background, 0)
        except ProcessLookupError:
            return
        stat = Path(f"/proc/{background}/stat")
        if stat.exists() and stat.read_text().rpartition(")")[2].split()[0] == "Z":
            return
        time.sleep(0.05)
    pytest.fail("the background process outlived the training")
