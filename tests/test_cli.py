"""The command line: every verb for real, exit codes, one-line errors, JSON."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import toposcope as ts
from tests.conftest import ABSENT, save_layers
from toposcope.cli import main
from toposcope.study import TEMPLATES


@pytest.fixture(autouse=True)
def _work_in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def call(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = main(list(arguments))
    out = capsys.readouterr()
    return code, out.out, out.err


PLAN = """
recipe = "layers"
[[network]]
name = "a"
representations = "data/a"
[cloud]
size = 15
draws = 6
"""


@pytest.fixture
def plan() -> str:
    save_layers(Path("data/a"))
    Path("plan.toml").write_text(PLAN)
    return "plan.toml"


needs_torch = pytest.mark.skipif("torch" in ABSENT, reason="torch is not installed")


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = call(capsys, "--version")
    assert (code, out) == (0, f"toposcope {ts.__version__}\n")
    code, out, _ = call(capsys, "--version", "--verbose")
    for name in {"python", "numpy", "gudhi", "platform", "cores"} - set(ABSENT):
        assert name in out


def test_help_names_every_verb(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in ([], ["--help"]):
        _code, out, _ = call(capsys, *arguments)
        for verb in ("demo", "layers", "extract", "diagram", "distance", "run", "report", "show", "init", "store"):
            assert verb in out


def test_the_module_is_the_same_command() -> None:
    done = subprocess.run([sys.executable, "-m", "toposcope", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"toposcope {ts.__version__}\n"


def test_diagram_and_distance(capsys: pytest.CaptureFixture[str], rng: np.random.Generator) -> None:
    for name in "ab":
        np.save(f"{name}.npy", rng.normal(size=(30, 3)))
    code, out, _ = call(capsys, "diagram", "a.npy", "--max-degree", "2", "--out", "a.npz")
    assert code == 0
    assert "H2" in out
    assert out.splitlines()[-1] == "diagram  a.npz"
    code, out, _ = call(capsys, "diagram", "b.npy", "--json", "--out", "b.npz")
    bars = json.loads(out)["bars"]
    assert sum(degree == 0 for degree, _birth, _death in bars) == 30
    assert sum(death is None for _degree, _birth, death in bars) == 1
    a, b = ts.read_diagram("a.npz"), ts.read_diagram("b.npz")
    expected = ts.wasserstein(a, b)
    code, out, _ = call(capsys, "distance", "a.npz", "b.npz")
    assert (code, out) == (0, f"W1  H1  {expected!r}\n")
    code, out, _ = call(capsys, "distance", "a.npy", "b.npy", "--json")
    assert json.loads(out) == {"distance": "W1", "degree": 1, "value": expected}
    code, out, _ = call(capsys, "distance", "a.npy", "b.npy", "--distance", "bottleneck", "--degree", "0")
    assert out == f"bottleneck  H0  {ts.bottleneck(a, b, 0)!r}\n"
    code, out, _ = call(capsys, "distance", "a.npz", "b.npz", "a.npy", "--json")
    said = json.loads(out)
    assert said["labels"] == ["a.npz", "b.npz", "a.npy"]
    assert said["values"] == [[0, expected, 0], [expected, 0, expected], [0, expected, 0]]
    code, out, _ = call(capsys, "distance", "a.npz", "b.npz", "a.npy")
    assert out.startswith("W1, 3 by 3: smaller is more similar")
    np.save("d.npy", ts.pairwise_distances(np.load("a.npy")))
    code, out, _ = call(capsys, "diagram", "d.npy", "--metric", "precomputed", "--scale", "2.0", "--json")
    assert json.loads(out)["descriptors"]["0"]["total_persistence"] == pytest.approx(ts.total_persistence(a, 0) / 2)
    code, out, _ = call(capsys, "distance", "a.npy", "b.npy", "--scale", "q0.9", "--json")
    assert code == 0
    cut = ts.vietoris_rips(np.load("a.npy"), threshold=0.1)
    cut.save("cut.npz")
    ts.vietoris_rips(np.load("b.npy"), threshold=0.1).save("cut2.npz")
    code, out, _ = call(capsys, "distance", "cut.npz", "cut2.npz", "--degree", "0", "--json")
    assert json.loads(out)["value"] == "inf" or json.loads(out)["value"] >= 0


@needs_torch
def test_layers_and_extract(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = call(capsys, "layers", "torchvision:resnet18@random", "--input-size", "64", "--layers", "stages")
    assert code == 0
    assert "layer4" in out
    assert "512" in out
    code, out, _ = call(capsys, "layers", "torchvision:resnet18@random", "--input-size", "64", "--json")
    assert {"layer", "type", "shape", "length", "reduction"} == set(json.loads(out)[0])
    code, out, _ = call(
        capsys, "extract", "toposcope.demo.networks:resnet@random", "digits", "--layers", "layer*", "--out", "reps",
        "--limit", "50", "--quiet",
    )  # fmt: skip
    assert code == 0
    assert sorted(path.name for path in Path("reps").iterdir()) == ["layer1.npz", "layer2.npz", "layer3.npz"]
    assert ts.read_representation("reps/layer3.npz").points.shape == (50, 64)
    code, out, _ = call(
        capsys, "extract", "toposcope.demo.networks:vgg@random", "digits", "--out", "vgg", "--limit", "20", "--json"
    )
    assert len(json.loads(out)) == 6


def test_run_report_show_store(capsys: pytest.CaptureFixture[str], plan: str) -> None:
    code, out, _ = call(capsys, "run", plan, "--dry-run")
    assert code == 0
    assert "90 inputs needed, 120 held" in out
    assert "18 diagrams" in out
    assert not Path("runs").exists()
    code, out, _ = call(capsys, "run", plan, "--dry-run", "--json")
    assert json.loads(out)["diagrams"] == 18
    code, out, err = call(capsys, "run", plan, "--workers", "1")
    assert code == 0
    assert out.splitlines()[-1] == "report  runs/plan/report.html"
    assert "homology: 18 tasks" in err
    assert Path("runs/plan/report.html").is_file()
    code, out, err = call(capsys, "run", plan, "--workers", "1", "--json")
    said = json.loads(out)
    assert not err
    assert said["failed"] == []
    assert said["headline"] == said["findings"][0]
    assert Path(said["tables"]["tests"]).is_file()
    code, out, _ = call(capsys, "report", "runs/plan", "--out", "other.html")
    assert out.splitlines()[-1] == "report  other.html"
    assert Path("other.html").read_bytes() == Path("runs/plan/report.html").read_bytes()
    code, out, _ = call(capsys, "show", "runs/plan")
    assert "tests reject at 0.05" in out
    assert out.splitlines()[-1] == "report  runs/plan/report.html"
    code, out, _ = call(capsys, "store", "runs/plan")
    assert "representation" in out
    code, out, _ = call(capsys, "store", "runs/plan", "--json")
    made = ts.Results.read("runs/plan")
    key = next(key for key in made.artefacts if key.startswith("diagram") and 1 in made.store.read(key)["degrees"])
    code, out, _ = call(capsys, "show", key)
    assert "H1: " in out
    key = next(key for key in ts.Results.read("runs/plan").artefacts if key.startswith("distances"))
    code, out, _ = call(capsys, "show", key)
    assert "values  float64" in out
    code, out, _ = call(capsys, "show", key, "--json")
    assert json.loads(out)["values"]["shape"][0] == 2
    key = next(key for key in ts.Results.read("runs/plan").artefacts if key.startswith("portrait"))
    code, out, _ = call(capsys, "show", key)
    assert "around" in out
    code, out, _ = call(capsys, "show", key, "--json")
    bars = json.loads(out)["bars"]
    assert {bar["degree"] for bar in bars} == {0, 1}
    assert all(bar["cycle"][0] in bar["born"] and len(bar["died"]) == 3 for bar in bars if bar["degree"] == 1)
    assert [bar["died"] for bar in bars if bar["death"] is None] == [[]]
    code, out, _ = call(capsys, "show", "data/a/block0.npz")
    assert "block0" in out
    code, out, _ = call(capsys, "show", "data/a/block0.npz", "--json")
    assert json.loads(out)["points"] == 120
    code, out, _ = call(capsys, "store", "runs/plan", "--clean")
    assert out == "removed 0 files, 0.0 MB\n"
    code, out, _ = call(capsys, "store", "runs/plan", "--clean", "--json")
    assert json.loads(out) == {"removed": 0, "bytes": 0, "in_use": 0}


def test_init_lists_the_recipes(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = call(capsys, "init")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()] == list(TEMPLATES)
    assert "finetuning      where does a fine-tuned network part from its base?" in out


@needs_torch
def test_init_writes_a_plan_that_runs_dry(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = call(capsys, "init", "--help")
    assert code == 0
    assert all(re.search(rf"\b{recipe}\b", out) for recipe in TEMPLATES)
    code, out, _ = call(capsys, "init", "layers")
    assert code == 0
    Path("study.toml").write_text(out.replace("torchvision:resnet18@random", "toposcope.demo.networks:resnet@random"))
    code, out, _ = call(capsys, "run", "study.toml", "--dry-run")
    assert code == 0
    assert "resnet: 6 layers, up to 64 dimensions; 800 inputs needed, 800 held" in out


def test_failed_tasks_end_with_one(capsys: pytest.CaptureFixture[str], plan: str) -> None:
    Path("data/b").mkdir()
    Path("plan.toml").write_text(PLAN + '[[network]]\nname = "b"\nrepresentations = "data/b"\n')
    code, out, err = call(capsys, "run", plan, "--workers", "1")
    assert code == 1
    assert "failed  extraction of b" in err
    assert out.splitlines()[-1] == "report  runs/plan/report.html"
    Path("plan.toml").write_text(PLAN.replace("data/a", "data/b"))
    code, _, err = call(capsys, "run", plan)
    assert code == 2
    assert err.splitlines()[-1].startswith("error: no network can be loaded")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["diagram", "absent.npy"], "cannot read absent.npy"),
        (["diagram", "plan.toml"], "use .npz, .npy or .safetensors"),
        (["distance", "data/a/block0.npz", "absent.npz"], "cannot read absent.npz"),
        (
            ["distance", "data/a/block0.npz", "data/a/block1.npz", "--distance", "wasserstien"],
            "close names: wasserstein",
        ),
        (["run", "absent.toml"], "cannot read absent.toml"),
        (["report", "data"], "holds no results.json"),
        (["show", "nothing"], "neither a file"),
        (["init", "layer"], "close names: layers"),
        (["init", "nope"], "known: architectures, betti-collapse, finetuning, layers"),
        (["store", "data"], "has no store"),
        (["layers", "torchvision:resnet1@random"], "resnet1"),
        pytest.param(
            ["extract", "toposcope.demo.networks:vgg@random", "absent", "--out", "x"], "absent", marks=needs_torch
        ),
        (["dance"], "dance"),
        (["diagram"], "points"),
        (["diagram", "data/a/block0.npz", "--max-degree", "-1"], "max-degree"),
    ],
)
def test_bad_input_is_one_line_and_two(
    capsys: pytest.CaptureFixture[str], plan: str, arguments: list[str], words: str
) -> None:
    code, out, err = call(capsys, *arguments)
    assert code == 2
    assert words.lower() in err.lower()
    assert len(err.splitlines()) == 1
    assert err.startswith("error: ")
    assert not out


def test_a_traceback_only_with_debug(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    code, _, err = call(capsys, "--debug", "diagram", "absent.npy")
    assert code == 2
    assert "Traceback" in err

    def broken(*_arguments, **_options):
        raise ZeroDivisionError("oops")

    monkeypatch.setattr(ts, "read_representation", broken)
    code, _, err = call(capsys, "diagram", "absent.npy")
    assert code == 1
    assert err == "error: internal error: ZeroDivisionError: oops (--debug shows where)\n"
    code, _, err = call(capsys, "diagram", "absent.npy", "--debug")
    assert "Traceback" in err


def test_names_from_files_cannot_move_the_cursor(capsys: pytest.CaptureFixture[str]) -> None:
    hostile = ts.Source(layer="a\x1b[2J\nb")
    ts.Representation(np.eye(3), np.arange(3), source=hostile).save("h.npz")
    _code, out, _ = call(capsys, "show", "h.npz")
    assert "\x1b" not in out
    assert "\\x1b" in out


@needs_torch
def test_extract_keeps_what_is_fine_and_never_overwrites_a_layer(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    Path("nets_of_cli.py").write_text(
        "import torch\n"
        "class Net(torch.nn.Module):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.parts = torch.nn.ModuleDict({name: torch.nn.Flatten() for name in ('a/b', 'a~b', 'a b')})\n"
        "        self.bad = torch.nn.Identity()\n"
        "    def forward(self, x):\n"
        "        for part in self.parts.values():\n"
        "            y = part(x)\n"
        "        return self.bad(y * float('nan'))\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    code, out, err = call(
        capsys, "extract", "nets_of_cli:Net@random", "digits", "--layers", "all", "--out", "x", "--limit", "9", "--json"
    )
    assert code == 1
    assert "failed  " in err
    assert "bad" in err
    assert ".finished" not in err
    found = [entry["file"] for entry in json.loads(out)]
    assert len(set(found)) == 3
    assert all(Path(file).is_file() for file in found)


@needs_torch
def test_warnings_are_lines(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = call(
        capsys, "extract", "toposcope.demo.networks:vgg@random", "digits", "--out", "x", "--limit", "1", "--quiet"
    )
    assert code == 0
    assert all(line.startswith("warning  ") for line in err.splitlines())


# --- where a study runs, and what a worker may use --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--memory", "much"], "'much' is not an amount of memory; write one such as 2GB"),
        (["--timeout", "0"], "timeout=0.0 is not a number of seconds above 0"),
        (["--timeout", "nan"], "timeout=nan is not a number of seconds above 0"),
    ],
)
def test_limits_that_are_none(capsys: pytest.CaptureFixture[str], plan: str, options: list[str], said: str) -> None:
    code, _, err = call(capsys, "run", plan, "--quiet", *options)
    assert code == 2
    assert said in err
    assert not Path("runs").exists()


def test_a_scheduler_that_does_not_answer(
    capsys: pytest.CaptureFixture[str], plan: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("distributed")
    from toposcope.pools import cluster

    monkeypatch.setattr(cluster, "_CONNECT", 0.3)
    code, _, err = call(capsys, "run", plan, "--quiet", "--scheduler", "tcp://127.0.0.1:9")
    assert code == 2
    assert "no Dask scheduler answers at 'tcp://127.0.0.1:9'" in err
    assert len(err.splitlines()) == 1


def test_limits_and_where_tasks_run_change_no_table(capsys: pytest.CaptureFixture[str], plan: str) -> None:
    pytest.importorskip("distributed")
    assert call(capsys, "run", plan, "--quiet", "--workers", "1", "--out", "here")[0] == 0
    limits = ["--memory", "3GB", "--timeout", "100"]
    assert call(capsys, "run", plan, "--quiet", "--workers", "1", "--out", "limited", *limits)[0] == 0
    elsewhere = ["--scheduler", "local", "--workers", "1"]
    assert call(capsys, "run", plan, "--quiet", "--out", "lent", *elsewhere)[0] == 0
    for path in Path("here/tables").iterdir():
        assert path.read_bytes() == Path("limited/tables", path.name).read_bytes()
        assert path.read_bytes() == Path("lent/tables", path.name).read_bytes()
