"""Every example is executed."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import toposcope as ts

ROOT = Path(__file__).resolve().parents[2]


def toposcope(*arguments: str, **options) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "toposcope", *arguments]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)


def test_every_example_is_listed() -> None:
    listed = (ROOT / "examples" / "README.md").read_text()
    for path in (ROOT / "examples").iterdir():
        if path.suffix in (".py", ".toml"):
            assert f"`{path.name}`" in listed


def test_digits(tmp_path: Path) -> None:
    process = toposcope("run", "examples/digits.toml", "--out", str(tmp_path), "--workers", "1")
    out, err = process.communicate()
    assert process.returncode == 0, err
    assert out.splitlines()[-1] == f"report  {tmp_path / 'report.html'}"
    assert len(ts.Results.read(tmp_path).tables["layers"]) == 6


WITHOUT_TORCH = """
import runpy, sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("torch", "torchvision", "timm", "transformers", "onnx", "onnxruntime"):
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Absent())
sys.argv = ["saved.py", {folder!r}]
runpy.run_path("examples/saved.py", run_name="__main__")
"""


def test_saved_activations_need_no_torch(tmp_path: Path) -> None:
    code = WITHOUT_TORCH.format(folder=str(tmp_path))
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Along depth: 2 of 2 steps")
    assert (tmp_path / "run" / "report.html").is_file()


def test_what_topology_stands_beside() -> None:
    done = subprocess.run([sys.executable, "examples/similarity.py"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    out = done.stdout
    for measure in ("RTD", "CKA"):
        for here, published in re.findall(rf"{measure} +(-?[0-9.]+) \((-?[0-9.]+)\)", out):
            assert here == published
    trained = [float(d) for d in re.search(r"VGG trained: (.*)", out).group(1).split(", ")]
    untrained = [float(d) for d in re.search(r"VGG untrained: (.*)", out).group(1).split(", ")]
    assert trained[0] < max(trained[1:-1]) > trained[-1] + 1  # the hunchback, which training makes
    assert max(untrained) < untrained[-1] + 0.3
    assert "Topology adds to what CKA says here of these fixed networks" in out


@pytest.mark.shared
@pytest.mark.slow
def test_a_killed_cifar_study_gives_the_undisturbed_tables(shared: Path, tmp_path: Path) -> None:
    """ResNet-20, 32, 44 and 56, every block: killed in each stage, resumed, the same bytes."""
    whole = toposcope("run", "examples/cifar.toml", "--out", str(tmp_path / "whole"))
    _out, err = whole.communicate()
    assert whole.returncode == 0, err
    expected = {path.name: path.read_bytes() for path in (tmp_path / "whole" / "tables").iterdir()}
    accuracies = ts.Results.read(tmp_path / "whole").tables["networks"]["accuracy"]
    assert accuracies.between(0.78, 0.88).all()
    assert ts.Results.read(tmp_path / "whole").tables["networks"]["layers"].tolist() == [9, 15, 21, 27]
    for kind in ("representation", "diagram", "distances"):
        process = toposcope("run", "examples/cifar.toml", "--out", str(tmp_path / "killed"))
        while process.poll() is None and len(list((tmp_path / "killed" / "store" / kind).glob("*/*.npz"))) < 20:
            time.sleep(0.05)
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        assert not (tmp_path / "killed" / "results.json").exists()
    finished = toposcope("run", "examples/cifar.toml", "--out", str(tmp_path / "killed"), "--workers", "1")
    _out, err = finished.communicate()
    assert finished.returncode == 0, err
    assert {path.name: path.read_bytes() for path in (tmp_path / "killed" / "tables").iterdir()} == expected
