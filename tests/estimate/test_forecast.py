"""A forecast counts what a run performs, and refuses what would not fit."""

import json
from pathlib import Path

import numpy as np
import pytest

import toposcope as ts
from toposcope import estimate
from toposcope.estimate import check_fits, check_plan, fits, forecast

DIGITS = '[inputs]\nsource = "digits:test"\nlimit = 200\n'


def model(name: str, seed: int = 0) -> str:
    return f'[[network]]\nname = "{name}"\nmodel = "toposcope.demo.networks:resnet@random"\nseed = {seed}\n'


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    generator = np.random.default_rng(0)
    for name in ("a", "b"):
        (folder / name).mkdir()
        for layer in range(3):
            points = generator.normal(size=(240, 4)).astype(np.float32)
            labels = np.arange(240) % 3
            np.savez(folder / name / f"{layer}.npz", points=points, sample_ids=np.arange(240), labels=labels)
    return folder


def study(folder: Path, text: str) -> ts.Study:
    path = folder / "plan.toml"
    path.write_text(text)
    return ts.Study.read(path)


def saved(data: Path, *names: str) -> str:
    return "".join(f'[[network]]\nname = "{name}"\nrepresentations = "{data / name}"\n' for name in names)


PLANS = {
    "audited": '[cloud]\nsize = 20\ndraws = 6\n[[compare]]\na = "a"\nb = "b"\n[audit]\nsize = [10]\n'
    'metric = ["cosine"]\ndistance = ["bottleneck"]\n[similarity]\nmeasures = ["cka-unbiased", "bottleneck"]\n',
    "controlled": '[cloud]\nsize = 12\ndraws = 6\n[controls]\nclouds = ["gaussian", "shuffled"]\n',
}


def agrees(plan: ts.Study, folder: Path) -> tuple[estimate.Forecast, ts.Results]:
    expected = forecast(plan)
    results = ts.run(plan, folder)
    assert not results.failed
    assert expected.tasks == results.provenance["tasks_performed"]
    kinds = [key.rpartition("-")[0] for key in results.store]
    assert expected.diagrams == kinds.count("diagram")
    assert expected.pairs == kinds.count("distances")
    assert expected.portraits == kinds.count("portrait")
    assert expected.thumbnails == kinds.count("thumbnails")
    return expected, results


@pytest.mark.parametrize("name", PLANS)
def test_saved_layers_are_counted_exactly(tmp_path: Path, data: Path, name: str) -> None:
    expected, _ = agrees(study(tmp_path, 'recipe = "layers"\n' + saved(data, "a", "b") + PLANS[name]), tmp_path / "run")
    assert expected.measurements == (12 if name == "controlled" else 0)
    assert expected.settings == (3 if name == "audited" else 0)


def test_classes_are_counted_exactly(tmp_path: Path, data: Path) -> None:
    text = 'recipe = "separation"\n' + saved(data, "a") + "[cloud]\nsize = 20\ndraws = 6\n[separation]\nsize = 10\n"
    expected, _ = agrees(study(tmp_path, text), tmp_path / "run")
    assert expected.measurements == 3


def test_networks_are_counted_exactly(tmp_path: Path) -> None:
    text = 'recipe = "layers"\n' + DIGITS + model("x") + model("y", 1) + "[cloud]\nsize = 25\ndraws = 6\n"
    expected, results = agrees(study(tmp_path, text), tmp_path / "run")
    assert expected.thumbnails == 1
    written = sum(path.stat().st_size for path in (tmp_path / "run" / "store").rglob("*") if path.is_file())
    assert written < expected.disk < 3 * written + 10**6
    assert expected.networks[1].name == "y"
    assert expected.networks[1].values == sum(layer * 200 for layer in results.tables["layers"]["dimension"]) // 2


def test_shards_are_counted_and_need_room_beside_what_stays(tmp_path: Path) -> None:
    text = 'recipe = "layers"\n' + DIGITS + model("x") + model("y", 1) + "[cloud]\nsize = 25\ndraws = 6\n"
    expected, _ = agrees(study(tmp_path, text + "[extract]\nshard = 64\n"), tmp_path / "run")
    # Four shards of each network, and the first is put together before the second begins.
    assert expected.tasks == forecast(study(tmp_path, text)).tasks + 8
    assert expected.passing == expected.networks[0].bytes
    more = forecast(study(tmp_path, text + "[extract]\nshard = 64\n"), workers=2)
    assert more.passing == sum(network.bytes for network in expected.networks)


def test_json_and_lines(tmp_path: Path, data: Path) -> None:
    plan = study(tmp_path, 'recipe = "layers"\n' + saved(data, "a") + "[cloud]\nsize = 20\ndraws = 6\n")
    expected = forecast(plan, workers=3)
    told = json.loads(json.dumps(expected.to_json()))
    assert told["workers"] == 3
    assert told["seconds"] > told["homology"] > 0
    assert told["memory"] > 10**7
    lines = expected.lines()
    assert any(
        line.startswith(f"in all      {expected.tasks} tasks") and line.endswith("on 3 workers") for line in lines
    )
    assert any(line.startswith("memory      about") for line in lines)


def test_too_few_inputs_are_said(tmp_path: Path, data: Path) -> None:
    plan = study(tmp_path, 'recipe = "layers"\n' + saved(data, "a") + "[cloud]\nsize = 60\ndraws = 6\n")
    lines = forecast(plan).lines()
    assert lines[0].endswith("360 inputs needed, 240 held  TOO FEW")
    assert any(line.startswith("too few     inputs for the draws: a run refuses this") for line in lines)


def test_a_cloud_that_memory_does_not_hold_is_refused_before_work(tmp_path: Path, data: Path) -> None:
    plan = study(tmp_path, 'recipe = "layers"\n' + saved(data, "a") + "[cloud]\nsize = 20000\ndraws = 6\n")
    for refused in (
        lambda: ts.run(plan, tmp_path / "run", memory=10**9),
        lambda: forecast(plan, memory=10**9),
        lambda: check_plan(plan, 1, tmp_path, 10**9),
    ):
        with pytest.raises(ts.PlanError, match=r"1 GB --memory allows; \[cloud\] size = \d+ would fit") as said:
            refused()
    size = int(str(said.value).split("size = ")[1].split()[0])
    fitting = plan.model_copy(update={"cloud": plan.cloud.model_copy(update={"size": size})})
    check_plan(fitting, 1, tmp_path, 10**9)
    assert not (tmp_path / "run").exists()


def test_workers_share_the_memory_of_the_machine(tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = study(tmp_path, 'recipe = "layers"\n' + saved(data, "a") + "[cloud]\nsize = 2000\ndraws = 6\n")
    monkeypatch.setattr(fits, "available_memory", lambda: 200 << 20)
    check_plan(plan, 2, tmp_path)
    with pytest.raises(ts.PlanError, match=r"would fit or --workers \d would fit"):
        check_plan(plan, 16, tmp_path)
    check_plan(plan, 16, tmp_path, elsewhere=True)


def test_a_full_disk_is_refused(tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = study(tmp_path, 'recipe = "layers"\n' + saved(data, "a") + "[cloud]\nsize = 20\ndraws = 6\n")
    expected = forecast(plan)
    check_fits(plan, expected, tmp_path)
    monkeypatch.setattr(fits, "free_disk", lambda folder: 3 * expected.disk // 4)
    with pytest.raises(ts.PlanError, match=r"2 of 3 layers of each network would fit"):
        check_fits(plan, expected, tmp_path)
    monkeypatch.setattr(fits, "free_disk", lambda folder: 1000)
    with pytest.raises(ts.PlanError, match="saved representations are copied"):
        ts.run(plan, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_what_a_process_holds_counts_against_the_limit(tmp_path: Path, data: Path) -> None:
    plan = study(tmp_path, 'recipe = "layers"\n' + saved(data, "a") + "[cloud]\nsize = 20\ndraws = 6\n")
    with pytest.raises(ts.PlanError, match="fewer or narrower layers"):
        check_fits(plan, forecast(plan), tmp_path, 50 << 20)


def test_free_disk_and_memory_are_numbers(tmp_path: Path) -> None:
    assert fits.free_disk(tmp_path / "not" / "there") > 0
    assert (fits.available_memory() or 1) > 0
    assert fits.cores() >= 1
