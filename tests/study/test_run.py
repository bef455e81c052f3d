"""Runs over saved representations: results, resuming, failures, and the same bytes however they come about."""

import dataclasses
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import toposcope as ts
from tests.conftest import save_layers
from toposcope.study.columns import COLUMNS
from toposcope.study.plan import Network
from toposcope.study.tasks import Import


def plan_text(
    folder: Path, size: int = 15, draws: int = 6, extra: str = "", names: tuple[str, ...] = ("a", "b")
) -> str:
    networks = "".join(f'[[network]]\nname = "{name}"\nrepresentations = "{folder / name}"\n' for name in names)
    return f'recipe = "layers"\n{networks}[cloud]\nsize = {size}\ndraws = {draws}\n{extra}'


@pytest.fixture
def data(tmp_path: Path) -> Path:
    save_layers(tmp_path / "data" / "a", seed=1)
    save_layers(tmp_path / "data" / "b", seed=1, noise=0.5)
    return tmp_path / "data"


def study(folder: Path, **options) -> ts.Study:
    path = folder / "plan.toml"
    path.write_text(plan_text(folder, **options))
    return ts.Study.read(path)


COMPARE = '[[compare]]\na = "a"\nb = "b"\nclaim = "noise"\n'


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_tables(data: Path, tmp_path: Path) -> None:
    results = ts.run(study(data, extra=COMPARE), tmp_path / "run")
    for name, columns in COLUMNS.items():
        assert list(results.tables[name].columns) == columns
        assert (tmp_path / "run" / "tables" / f"{name}.csv").is_file()
    assert not results.failed
    layers = results.tables["layers"]
    assert layers["layer"].tolist() == ["block0", "block1", "block2"] * 2
    assert layers["depth"].tolist() == [0, 0.5, 1] * 2

    # Every number of the tables is what the functions give on the same draws.
    plan = results.plan
    reps = {(n, k): ts.read_representation(data / n / f"block{k}.npz") for n in "ab" for k in range(3)}
    rows = ts.disjoint_draws(reps["a", 0].sample_ids, 15, 6, plan.seed)
    diagram = {key: [ts.vietoris_rips(r.take(draw), scale="q0.9") for draw in rows] for key, r in reps.items()}
    assert results.diagram("a", "block1", 2) == diagram["a", 1][2]
    distances = results.tables["distances"]
    for row in distances.sample(40, random_state=0).itertuples():
        a = diagram[row.network_a, int(row.layer_a[-1])][row.draw_a]
        b = diagram[row.network_b, int(row.layer_b[-1])][row.draw_b]
        assert row.value == ts.wasserstein(a, b, row.degree)
    described = results.tables["descriptors"]
    for row in described[described["descriptor"] != "scale"].sample(40, random_state=0).itertuples():
        found = diagram[row.network, int(row.layer[-1])][row.draw]
        assert row.value == ts.descriptors(found, row.degree)[row.descriptor]
    means = results.tables["distance_means"].set_index(["network_a", "layer_a", "network_b", "layer_b", "degree"])
    one = means.loc["a", "block0", "b", "block1", 1]
    paired = [ts.wasserstein(diagram["a", 0][k], diagram["b", 1][k]) for k in range(6)]
    assert one["mean"] == pytest.approx(np.mean(paired))
    assert one["low"] < one["mean"] < one["high"]
    assert one["same_inputs"]
    within = [
        ts.wasserstein(diagram[key][i], diagram[key][j])
        for key in (("a", 0), ("b", 1))
        for i in range(6)
        for j in range(i)
    ]
    assert one["noise"] == pytest.approx(np.mean(within))

    tests = results.tables["tests"]
    assert set(tests["claim"]) == {"depth of a", "depth of b", "noise"}
    assert len(tests) == (2 + 2 + 3) * 2
    assert (tests["p_adjusted"] >= tests["p"]).all()
    assert results.headline.startswith("Noise: ")
    assert any(finding.startswith("Along depth") for finding in results.findings)


def test_bytes_do_not_depend_on_workers_order_or_interruption(data: Path, tmp_path: Path) -> None:
    plan = study(data, extra=COMPARE)
    ts.run(plan, tmp_path / "one")
    expected = files(tmp_path / "one" / "tables")
    ts.run(plan, tmp_path / "two", workers=2)
    assert files(tmp_path / "two" / "tables") == expected
    assert files(tmp_path / "two" / "store") == files(tmp_path / "one" / "store")
    with ThreadPoolExecutor(3) as pool:
        ts.run(plan, tmp_path / "three", executor=pool)
    assert files(tmp_path / "three" / "tables") == expected

    class Interrupting(Watcher):
        def advance(self, name: str, done: float) -> None:
            if name == "distances" and done >= 5:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ts.run(plan, tmp_path / "four", progress=Interrupting())
    assert not (tmp_path / "four" / "tables").exists()
    watcher = Watcher()
    ts.run(plan, tmp_path / "four", progress=watcher)
    assert files(tmp_path / "four" / "tables") == expected
    assert watcher.kept["extraction"] == (2, 2)
    assert watcher.kept["homology"] == (36, 36)
    assert watcher.kept["distances"][1] >= 5
    again = Watcher()
    ts.run(plan, tmp_path / "four", progress=again)
    assert all(tasks == kept for tasks, kept in again.kept.values())


def test_extraction_gives_the_same_bits_for_any_workers(tmp_path: Path) -> None:
    networks = [
        {"name": name, "model": f"toposcope.demo.networks:{name}@random", "seed": seed, "classes": list(range(10))}
        for seed, name in enumerate(("vgg", "vit"))
    ]
    plan = ts.Study.parse(
        {
            "recipe": "layers",
            "inputs": {"source": "digits:test", "limit": 120},
            "network": networks,
            "cloud": {"size": 20, "draws": 6},
        }
    )
    one = ts.run(plan, tmp_path / "one")
    ts.run(plan, tmp_path / "two", workers=2)
    assert files(tmp_path / "two" / "store") == files(tmp_path / "one" / "store")
    assert files(tmp_path / "two" / "tables") == files(tmp_path / "one" / "tables")
    assert one.tables["networks"]["layers"].tolist() == [6, 4]
    assert one.tables["networks"]["accuracy"].between(0, 0.4).all()
    assert one.tables["layers"]["depth"].tolist() == [0, 0.2, 0.4, 0.6, 0.8, 1, 0, 1 / 3, 2 / 3, 1]
    # Another batch size is another artefact, because it may change the last bits.
    other = plan.model_copy(update={"extract": plan.extract.model_copy(update={"batch_size": 50})})
    assert not set(ts.run(other, tmp_path / "one").artefacts) & set(one.artefacts)


class Watcher:
    """Progress that remembers how many tasks a stage had, and how many were kept."""

    def __init__(self) -> None:
        self.kept: dict[str, tuple[int, int]] = {}
        self.lines: list[str] = []

    def stage(self, name: str, tasks: int, kept: int) -> None:
        self.kept[name] = (tasks, kept)

    def advance(self, name: str, done: float) -> None:
        pass

    def say(self, line: str) -> None:
        self.lines.append(line)


def test_damaged_artefacts_are_computed_again_and_said(data: Path, tmp_path: Path) -> None:
    plan = study(data)
    results = ts.run(plan, tmp_path / "run")
    expected = files(tmp_path / "run" / "tables")
    store = results.store
    kinds = {key.rsplit("-", 1)[0]: key for key in store}
    assert set(kinds) == {"import", "representation", "diagram", "distances", "likeness", "portrait"}
    for number, key in enumerate(kinds.values()):
        path = store.path(key)
        content = path.read_bytes()
        path.write_bytes(content[: len(content) // 2] if number % 2 else content[:-40] + b"\0" * 40)
    again = ts.run(plan, tmp_path / "run")
    assert files(tmp_path / "run" / "tables") == expected
    assert any("damaged artefact" in warning for warning in again.warnings)


def test_a_failed_task_is_named_and_the_rest_goes_on(data: Path, tmp_path: Path) -> None:
    constant = ts.read_representation(data / "b" / "block1.npz")
    dataclasses.replace(constant, points=np.zeros_like(constant.points)).save(data / "b" / "block1.npz")
    watcher = Watcher()
    results = ts.run(study(data, extra=COMPARE), tmp_path / "run", progress=watcher)
    assert len(results.failed) == 6
    assert results.failed[0].title == "homology of b / block1, draw 0"
    assert "remove duplicate points" in results.failed[0].message
    assert any("b / block1 is left out" in warning for warning in results.warnings)
    assert any("not tested" in warning for warning in results.warnings)
    assert any(line.startswith("failed  homology of b") for line in watcher.lines)
    assert set(results.tables["tests"]["layer_b"]) == {"block0", "block1", "block2"}
    assert "block1" not in set(results.tables["tests"][results.tables["tests"]["network_b"] == "b"]["layer_b"])


def test_a_network_that_cannot_be_read_is_a_failure(data: Path, tmp_path: Path) -> None:
    (data / "b" / "block1.npz").write_bytes(b"nothing")
    results = ts.run(study(data), tmp_path / "run")
    assert [failure.title for failure in results.failed] == ["extraction of b"]
    assert "block1.npz is not a readable" in results.failed[0].message
    assert results.tables["layers"]["layer"].tolist() == ["block0", "block1", "block2", "block0", "block2"]
    for name in ("block0.npz", "block2.npz"):
        (data / "b" / name).write_bytes(b"nothing")
    plan = study(data, names=("b",))
    with pytest.raises(ts.TaskError, match="no network could be extracted: reading of b"):
        ts.run(plan, tmp_path / "other")


def test_a_layer_that_overflows_is_named_and_the_others_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "overflowing.py").write_text(
        "import torch\n"
        "class Huge(torch.nn.Module):\n"
        "    def forward(self, x):\n"
        "        return x * float('inf')\n"
        "def net():\n"
        "    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 10), Huge())\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    table = {
        "recipe": "layers",
        "inputs": {"source": "digits:test"},
        "network": [{"name": "n", "model": "overflowing:net@random", "layers": ["all"], "classes": list(range(10))}],
        "cloud": {"size": 20, "draws": 6},
    }
    results = ts.run(ts.Study.parse(table), tmp_path / "run")
    assert results.tables["layers"]["layer"].tolist() == ["0", "1"]
    assert [failure.title for failure in results.failed] == ["extraction of n"]
    assert "NaN or infinite: 2" in results.failed[0].message
    assert results.tables["networks"]["judged"].tolist() == [0]


def test_an_error_that_is_ours_does_not_stop_the_others(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from toposcope.study import tasks

    real = tasks.vietoris_rips
    calls = {"n": 0}

    def never(points, *args, **options):
        if points.source.layer == "block1" and points.source.network == "a":
            calls["n"] += 1
            raise ZeroDivisionError("a bug")
        return real(points, *args, **options)

    monkeypatch.setattr(tasks, "vietoris_rips", never)
    results = ts.run(study(data), tmp_path / "run")
    assert [failure.message for failure in results.failed] == ["ZeroDivisionError: a bug (tried twice)"] * 6
    assert calls["n"] == 12  # every draw, and its second try

    first = iter(range(1000))

    def once(*args, **options):
        if next(first) == 3:
            raise ZeroDivisionError("a bug")
        return real(*args, **options)

    monkeypatch.setattr(tasks, "vietoris_rips", once)
    assert not ts.run(study(data), tmp_path / "other").failed


def test_plans_that_do_not_fit_their_inputs(data: Path, tmp_path: Path) -> None:
    with pytest.raises(ts.PlanError, match="holds 120 inputs, and 6 disjoint draws of 50 need 300.*size = 20"):
        ts.run(study(data, size=50), tmp_path / "run")
    half = ts.read_representation(data / "b" / "block0.npz")
    for k in range(3):
        half.take(np.arange(20, 120)).save(data / "b" / f"block{k}.npz")
    with pytest.raises(ts.PlanError, match="'a' and 'b' share 100 of their 120 and 100 inputs"):
        ts.run(study(data), tmp_path / "run")
    with pytest.raises(ts.InputError, match="workers"):
        ts.run(study(data), tmp_path / "run", workers=0)


def test_no_files_for_a_network(data: Path, tmp_path: Path) -> None:
    (tmp_path / "data" / "c").mkdir()
    results = ts.run(study(data, names=("a", "c")), tmp_path / "run")
    assert "holds no .npz" in results.failed[0].message


@pytest.mark.parametrize("pattern", ["a/block0.npz", "a/*0.npz", "?/block[0].npz", "a/block[0].npz"])
@pytest.mark.parametrize("absolute", [True, False])
def test_files_by_name_and_by_pattern(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pattern: str, absolute: bool
) -> None:
    folder = tmp_path / "data"
    for other in (folder / "b").iterdir():
        other.unlink()
    if "[" in pattern and pattern.startswith("a"):  # a file of just that name comes first
        (folder / "a" / "block1.npz").rename(folder / pattern)
        (folder / "a" / "block0.npz").unlink()
    monkeypatch.chdir(folder)

    def planned(asked: str) -> Import:
        return Import.planned(Network(name="a", representations=str(folder / asked) if absolute else asked))

    ((found, _digest),) = planned(pattern).files
    assert Path(found).is_absolute() == absolute
    with pytest.raises(ts.PlanError, match="is no pattern|holds no .npz"):
        planned("**a")


def test_different_inputs_are_unpaired(data: Path, tmp_path: Path) -> None:
    for k in range(3):
        r = ts.read_representation(data / "b" / f"block{k}.npz")
        dataclasses.replace(r, sample_ids=np.array([f"other-{i}" for i in range(len(r))])).save(
            data / "b" / f"block{k}.npz"
        )
    results = ts.run(study(data, draws=7, extra=COMPARE), tmp_path / "run")
    tests = results.tables["tests"].set_index("claim")
    assert tests.loc["noise", "unit"].iloc[0] == "draw of inputs, relabelled (7 and 7 draws)"
    assert "swapped" in tests.loc["depth of a", "unit"].iloc[0]
    assert "times 2 families" in tests.loc["noise", "null"].iloc[0]
    means = results.tables["distance_means"]
    assert not means[(means["network_a"] == "a") & (means["network_b"] == "b")]["same_inputs"].any()


def test_equal_ids_from_different_places_are_different_inputs(data: Path, tmp_path: Path) -> None:
    for name in "ab":
        for path in (data / name).iterdir():
            r = ts.read_representation(path)
            source = dataclasses.replace(r.source, data=f"photos/{name}")
            dataclasses.replace(r, source=source).save(path)
    results = ts.run(study(data, draws=7, extra=COMPARE), tmp_path / "run")
    assert any("share sample ids, but from photos/a and photos/b" in warning for warning in results.warnings)
    tests = results.tables["tests"].set_index("claim")
    assert "relabelled" in tests.loc["noise", "unit"].iloc[0]


def test_a_layer_of_other_inputs_is_left_out_and_named(data: Path, tmp_path: Path) -> None:
    r = ts.read_representation(data / "a" / "block2.npz")
    other = dataclasses.replace(r, sample_ids=np.array([f"x{k}" for k in range(len(r))]))
    other.save(data / "a" / "block2.npz")
    results = ts.run(study(data, names=("a",)), tmp_path / "run")
    assert results.tables["layers"]["layer"].tolist() == ["block0", "block1"]
    assert "block2 holds other inputs than layer block0" in results.failed[0].message


def test_files_that_name_one_layer_are_two_layers(data: Path, tmp_path: Path) -> None:
    r = ts.read_representation(data / "a" / "block0.npz")
    r.save(data / "a" / "mean.npz")
    dataclasses.replace(r, points=np.tile(r.points, (1, 2)) ** 2).save(data / "a" / "max.npz")
    (data / "a" / "block0.npz").unlink()
    layers = ts.run(study(data, names=("a",)), tmp_path / "run").tables["layers"].set_index("layer")
    assert set(layers.index) == {"mean", "max", "block1", "block2"}
    assert layers.loc["max", "dimension"] == 16
    assert layers.loc["mean", "dimension"] == 8


FACTORIES = """
import os, numpy, torch
def good():
    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 10))
def deadly():
    os._exit(3)
def hungry():
    numpy.ones(1 << 40, dtype=numpy.uint8)
def noise():
    return numpy.random.default_rng().normal(size=(130, 1, 8, 8)).astype("float32")
"""


@pytest.fixture
def factories(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "factories_of_run.py").write_text(FACTORIES)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.delitem(sys.modules, "factories_of_run", raising=False)
    return "factories_of_run"


def table(source: str, **networks: str) -> dict:
    return {
        "recipe": "layers",
        "inputs": {"source": source},
        "network": [{"name": name, "model": model, "layers": ["all"]} for name, model in networks.items()],
        "cloud": {"size": 20, "draws": 6},
    }


def test_a_network_that_kills_its_worker_is_named_and_the_others_go_on(factories: str, tmp_path: Path) -> None:
    plan = ts.Study.parse(table("digits:test", dead=f"{factories}:deadly@random", alive=f"{factories}:good@random"))
    results = ts.run(plan, tmp_path / "run", workers=2)
    assert [failure.title for failure in results.failed] == ["extraction of dead"]
    assert "its worker process died: ended with exit code 3 (tried twice)" in results.failed[0].message
    assert results.tables["networks"]["network"].tolist() == ["alive"]


def test_inputs_that_change_are_refused(factories: str, tmp_path: Path) -> None:
    plan = ts.Study.parse(table(f"{factories}:noise", net=f"{factories}:good@random"))
    with pytest.raises(ts.TaskError, match="gave other content than when the run was planned"):
        ts.run(plan, tmp_path / "run")


def test_threads_give_the_same_bits_too(factories: str, tmp_path: Path) -> None:
    plan = ts.Study.parse(table("digits:test", a=f"{factories}:good@random", b="toposcope.demo.networks:vgg@random"))
    ts.run(plan, tmp_path / "one")
    with ThreadPoolExecutor(4) as pool:
        ts.run(plan, tmp_path / "threads", executor=pool)
    assert files(tmp_path / "threads" / "store") == files(tmp_path / "one" / "store")


def test_files_that_moved_are_what_they_were(data: Path, factories: str, tmp_path: Path) -> None:
    """Weights, inputs and saved layers in another place and under other names: nothing is computed again."""
    import torch
    from safetensors.torch import save_file

    from toposcope.demo import networks

    home = tmp_path / "here"
    home.mkdir()
    for seed in (0, 1):
        torch.manual_seed(seed)
        save_file(networks.vgg().state_dict(), home / f"weights{seed}.safetensors")
    pictures = np.random.default_rng(0).normal(size=(130, 1, 8, 8)).astype(np.float32)
    np.save(home / "inputs.npy", pictures)
    (data / "a").rename(home / "layers")

    def plan(folder: Path, weights: str, inputs: str, *others: str) -> ts.Study:
        made = table(str(folder / inputs), net=f"toposcope.demo.networks:vgg@{folder / weights}")
        made["network"] += [{"name": "saved", "representations": str(folder / "layers")}]
        for other in others:
            made["network"] += [
                {"name": other, "model": f"toposcope.demo.networks:vgg@{folder / other}.safetensors", "layers": ["all"]}
            ]
        made["network"][0]["inputs"] = str(folder / inputs)
        return ts.Study.parse(made)

    before = ts.run(plan(home, "weights0.safetensors", "inputs.npy"), tmp_path / "run")
    assert not before.failed
    there = tmp_path / "there"
    home.rename(there)
    (there / "weights0.safetensors").rename(there / "other.safetensors")
    (there / "inputs.npy").rename(there / "pictures.npy")
    watcher = Watcher()
    after = ts.run(plan(there, "other.safetensors", "pictures.npy"), tmp_path / "run", progress=watcher)
    assert after.provenance["tasks_performed"] == 0
    assert all(tasks == kept for tasks, kept in watcher.kept.values())
    assert after.artefacts == before.artefacts
    networks_before, networks_after = before.tables["networks"], after.tables["networks"]
    assert networks_after["data"].tolist() == [str(there / "pictures.npy"), str(there / "layers")]
    digest = networks_before["checkpoint"][0].removeprefix("weights0.safetensors ")
    assert networks_after["checkpoint"][0] == f"other.safetensors {digest}"
    # One that is new sees the same inputs as one that was kept from before the move.
    more = ts.run(plan(there, "other.safetensors", "pictures.npy", "weights1"), tmp_path / "run")
    pairs = more.tables["distance_means"].set_index(["network_a", "network_b"])["same_inputs"]
    assert pairs.loc["net", "weights1"].all()


def test_a_graph_counts_by_its_content(tmp_path: Path) -> None:
    from toposcope.study.tasks import Extract

    keys = []
    for name in ("one.onnx", "folder/two.onnx"):
        plan = ts.Study.parse(table("digits:test", net=f"onnx:{tmp_path / name}"))
        keys.append(Extract.planned(plan, plan.network[0], "digits:test", "inputs", 9, "weights").key)
    assert keys[0] == keys[1]


def test_a_plan_of_which_nothing_can_be_loaded_is_bad_input(tmp_path: Path) -> None:
    with pytest.raises(ts.PlanError, match="no network can be loaded"):
        ts.run(ts.Study.parse(table("digits:test", a="no_such_module:net")), tmp_path / "run")


def test_pixels_of_one_input_are_one_unit(tmp_path: Path) -> None:
    plan = table("digits:test", a="toposcope.demo.networks:vgg@random")
    plan["inputs"]["limit"] = 60
    plan["network"][0] |= {"reduce": "pixels", "layers": ["blocks"]}
    layers = ts.run(ts.Study.parse(plan), tmp_path / "run").tables["layers"]
    assert layers["inputs"].tolist() == [60] * 6


def test_accuracy_reads_whole_labels() -> None:
    from toposcope.study.plan import Network
    from toposcope.study.tasks import _accuracy

    output = ts.Representation(np.eye(2)[[0, 1, 0]], np.arange(3), np.array(["cat", "dog", "caterpillar"]))
    assert _accuracy(output, Network(name="n", model="m:f", classes=("cat", "dog"))) == (1.0, 2)


def test_distances_of_nearly_equal_orders_are_two_artefacts() -> None:
    from toposcope.study.plan import DistanceChoice
    from toposcope.study.tasks import Distances

    one, other = (Distances("t", ("a",), ("b",), ((0, 0),), 1, DistanceChoice(order=p)) for p in (1.0, 1.000004))
    assert one.key != other.key


def test_no_adjustment_is_not_called_adjusted(data: Path, tmp_path: Path) -> None:
    results = ts.run(study(data, extra=COMPARE + '[test]\nadjust = "none"\n'), tmp_path / "run")
    assert (results.tables["tests"]["p"] == results.tables["tests"]["p_adjusted"]).all()
    assert "unadjusted p" in results.headline


def test_too_few_draws_are_said(data: Path, tmp_path: Path) -> None:
    results = ts.run(study(data, draws=3), tmp_path / "three")
    assert results.tables["tests"].empty
    assert any("take at least 6 draws" in warning for warning in results.warnings)
    one = ts.run(study(data, draws=1), tmp_path / "one")
    assert any("one draw has no spread" in warning for warning in one.warnings)
    assert one.tables["distance_means"]["low"].isna().all()
    assert one.headline == "Nothing could be tested; give at least 6 draws, and see the warnings."
    assert one.tables["verdicts"]["answer"].tolist() == ["undecided"]


def test_results_are_read_back(data: Path, tmp_path: Path) -> None:
    made = ts.run(study(data, extra=COMPARE), tmp_path / "run")
    back = ts.Results.read(tmp_path / "run")
    assert back.findings == made.findings
    assert back.plan == made.plan
    assert back.artefacts == made.artefacts
    assert back.diagram("b", "block2", 5) == made.diagram("b", "block2", 5)
    for name in COLUMNS:
        assert back.tables[name].to_csv() == made.tables[name].to_csv()
    assert back.tables["networks"]["network"].tolist() == ["a", "b"]
    for bad, words in [
        (("x", "block0", 0), "no network 'x'"),
        (("a", "blok0", 0), "block0"),
        (("a", "block0", 6), "6 draws"),
    ]:
        with pytest.raises(ts.InputError, match=words):
            back.diagram(*bad)
    with pytest.raises(ts.FileError, match=r"holds no results\.json"):
        ts.Results.read(tmp_path)
    (tmp_path / "run" / "tables" / "tests.csv").unlink()
    with pytest.raises(ts.FileError, match="run the study again"):
        ts.Results.read(tmp_path / "run")
    (tmp_path / "run" / "results.json").write_text('{"schema": 0}')
    with pytest.raises(ts.FileError, match="another version"):
        ts.Results.read(tmp_path / "run")


def test_names_that_look_like_numbers_stay_names(data: Path, tmp_path: Path) -> None:
    for number, name in enumerate(("0.1", "0.10", "NA")):
        layer = ts.read_representation(data / "a" / f"block{number}.npz")
        source = dataclasses.replace(layer.source, layer=name)
        dataclasses.replace(layer, source=source).save(data / "a" / f"block{number}.npz")
    ts.run(study(data, names=("a",)), tmp_path / "run")
    back = ts.Results.read(tmp_path / "run")
    assert back.tables["layers"]["layer"].tolist() == ["0.1", "0.10", "NA"]
    assert set(back.tables["distances"]["layer_a"]) == {"0.1", "0.10", "NA"}


def test_store_is_listed_and_cleaned(data: Path, tmp_path: Path) -> None:
    from toposcope.study.artefacts import clean_store, find, list_store

    results = ts.run(study(data), tmp_path / "run")
    ts.run(study(data, size=12), tmp_path / "run")
    kinds = {row[0]: row for row in list_store(tmp_path / "run")}
    assert kinds["diagram"][1] == 72
    assert kinds["diagram"][3] == 36
    (tmp_path / "run" / "store" / "diagram" / "left.npz.abc.partial").write_bytes(b"x")
    removed, freed, _in_use = clean_store(tmp_path / "run")
    assert removed == 36 + 21 + 6 + 6 + 1  # diagrams, distances, similarities, portraits, and what was left of a write
    assert freed > 0
    assert {row[0]: row for row in list_store(tmp_path / "run")}["diagram"][1] == 36
    watcher = Watcher()
    ts.run(study(data, size=12), tmp_path / "run", progress=watcher)
    assert all(tasks == kept for tasks, kept in watcher.kept.values())
    layer_key = next(key for key in results.store if key.startswith("representation"))
    assert isinstance(find(layer_key, tmp_path / "run"), ts.Representation)
    manifest = next(key for key in results.store if key.startswith("import"))
    assert set(find(manifest, tmp_path / "run")) == set(results.store.read(manifest))  # no noun: its arrays
    with pytest.raises(ts.FileError, match="neither a file"):
        find("diagram-0", tmp_path / "run")
    with pytest.raises(ts.FileError, match="has no store"):
        list_store(tmp_path)


def test_a_killed_run_goes_on_where_it_was(data: Path, tmp_path: Path) -> None:
    """SIGKILL in the middle, twice, then finish: the same tables as an undisturbed run, and no process left."""
    study(data, extra=COMPARE)
    ts.run(ts.Study.read(data / "plan.toml"), tmp_path / "undisturbed")
    command = [sys.executable, "-m", "toposcope", "run", str(data / "plan.toml"), "--out", str(tmp_path / "run")]
    for _ in range(2):
        process = subprocess.Popen([*command, "--workers", "2", "--quiet"], stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 60
        before = len(list((tmp_path / "run").rglob("*.npz")))
        while len(list((tmp_path / "run").rglob("*.npz"))) < before + 12 and time.monotonic() < deadline:
            if process.poll() is not None:
                break
            time.sleep(0.01)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    finished = subprocess.run([*command, "--workers", "1"], capture_output=True, text=True, check=True)
    assert files(tmp_path / "run" / "tables") == files(tmp_path / "undisturbed" / "tables")
    assert finished.stdout.rstrip().splitlines()[-1] == f"report  {tmp_path / 'run' / 'report.html'}"


def test_ctrl_c_prints_how_to_go_on(data: Path, tmp_path: Path) -> None:
    study(data)
    command = [sys.executable, "-m", "toposcope", "run", str(data / "plan.toml"), "--out", str(tmp_path / "run")]
    process = subprocess.Popen(
        [*command, "--workers", "2"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A shell that runs the tests in the background has them ignore interrupts, and they hand that down.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    deadline = time.monotonic() + 60
    while not list((tmp_path / "run").rglob("*.npz")) and time.monotonic() < deadline:
        time.sleep(0.005)
    process.send_signal(signal.SIGINT)
    _out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "go on with: toposcope run" in err
    assert "Traceback" not in err
