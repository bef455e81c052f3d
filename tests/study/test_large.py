"""Layers and clouds larger than the memory that a worker may use."""

import os
from pathlib import Path

import numpy as np
import pytest

import toposcope as ts
from toposcope.estimate import forecast


def test_large_clouds_in_degree_0_have_no_portraits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What needs a matrix of distances is left out where the diagram needs none."""
    monkeypatch.setattr("toposcope.rips.engine.LARGEST_MATRIX", 50)
    for seed, name in enumerate("ab"):
        points = np.random.default_rng(seed).normal(size=(400, 5)).astype(np.float32)
        ts.Representation(points, np.arange(400), None, ts.Source(layer="x")).save(tmp_path / name / "x.npz")
    plan = ts.Study.parse(
        {
            "recipe": "layers",
            "network": [{"name": name, "representations": str(tmp_path / name)} for name in "ab"],
            "cloud": {"size": 60, "draws": 6},
            "homology": {"max_degree": 0},
        }
    )
    expected = forecast(plan)
    results = ts.run(plan, tmp_path / "run")
    assert not results.failed
    assert expected.tasks == results.provenance["tasks_performed"]
    assert not results.seen.portraits
    assert any("no portraits of holes" in warning and "draws of 60 points" in warning for warning in results.warnings)
    assert expected.portraits == 0
    assert len(results.diagram("a", "x", 0).in_degree(0)) == 60
    ts.report(results, tmp_path / "report.html")
    monkeypatch.undo()
    whole = ts.run(plan, tmp_path / "whole")
    tables = [path.name for path in (tmp_path / "run" / "tables").iterdir()]
    for name in tables:
        assert (tmp_path / "run" / "tables" / name).read_bytes() == (tmp_path / "whole" / "tables" / name).read_bytes()
    assert whole.seen.portraits
    assert not whole.warnings


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_saved_layers_larger_than_the_memory_of_a_worker(tmp_path: Path) -> None:
    """800 MB of saved activations, and workers that may hold 400 MB."""
    n, d, memory = 200_000, 1024, 400_000_000
    for seed, name in enumerate("ab"):
        (tmp_path / name).mkdir()
        generator = np.random.default_rng(seed)
        points = np.lib.format.open_memmap(tmp_path / name / "x.npy", "w+", np.float32, (n, d))
        for start in range(0, n, 10_000):
            points[start : start + 10_000] = generator.normal(size=(10_000, d))
        points.flush()
        assert points.nbytes > 2 * memory
        del points
    plan = ts.Study.parse(
        {
            "recipe": "layers",
            "network": [{"name": name, "representations": str(tmp_path / name)} for name in "ab"],
            "cloud": {"size": 100, "draws": 6},
        }
    )
    results = ts.run(plan, tmp_path / "run", workers=2, memory=memory)
    assert not results.failed
    assert results.tables["layers"]["inputs"].tolist() == [n, n]


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_extracted_layers_larger_than_the_memory_of_a_worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Inputs and a layer of 1.2 GB each, run in shards by workers that may hold 800 MB, half of it torch."""
    pytest.importorskip("torch")
    n, d, memory = 150_000, 2048, 800_000_000
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]))
    (tmp_path / "wide_net.py").write_text(
        "import torch\ndef net():\n    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.ReLU())\n"
    )
    generator = np.random.default_rng(0)
    inputs = np.lib.format.open_memmap(tmp_path / "inputs.npy", "w+", np.float32, (n, d))
    for start in range(0, n, 10_000):
        inputs[start : start + 10_000] = generator.normal(size=(10_000, d))
    inputs.flush()
    assert inputs.nbytes > 1.5 * memory
    plan = ts.Study.parse(
        {
            "recipe": "layers",
            "inputs": {"source": str(tmp_path / "inputs.npy")},
            "network": [{"name": "wide", "model": "wide_net:net", "layers": ["1"]}],
            "cloud": {"size": 100, "draws": 6},
            "extract": {"batch_size": 1024},
        }
    )
    results = ts.run(plan, tmp_path / "run", workers=2, memory=memory)
    assert not results.failed
    key = next(key for key in results.store if key.startswith("representation"))
    layer = results.store.read(key, memory_map=True)["points"]
    for row in (0, 4096, n - 1):
        assert np.array_equal(layer[row], np.maximum(inputs[row], 0))


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_clouds_of_fifty_thousand_points_in_degree_0(tmp_path: Path) -> None:
    """Their distances in a matrix would take 10 GB, and a worker may hold 2: with the default scale, to the report."""
    n, memory = 50_000, 2_000_000_000
    for seed, name in enumerate("ab"):
        points = np.random.default_rng(seed).normal(size=(2 * n, 8)).astype(np.float32)
        ts.Representation(points, np.arange(2 * n), None, ts.Source(layer="x")).save(tmp_path / name / "x.npz")
    plan = ts.Study.parse(
        {
            "recipe": "layers",
            "network": [{"name": name, "representations": str(tmp_path / name)} for name in "ab"],
            "cloud": {"size": n, "draws": 2},
            "homology": {"max_degree": 0},
        }
    )
    results = ts.run(plan, tmp_path / "run", workers=2, memory=memory)
    assert not results.failed
    assert len(results.diagram("b", "x", 1).in_degree(0)) == n
    ts.report(results, tmp_path / "report.html")
