"""One network over many inputs, split among workers: the same bits, each network loaded once by each, nothing left."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import toposcope as ts

torch = pytest.importorskip("torch")

FACTORY = """
import os, pathlib, torch
def net():
    with open("loaded.txt", "a") as file:
        file.write(f"{os.getpid()}\\n")
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 24), torch.nn.ReLU(), torch.nn.Linear(24, 10))
class Refusing(torch.nn.Module):
    def forward(self, x):
        if pathlib.Path("refuse.txt").exists():
            raise ValueError("these inputs are too hard")
        return x.flatten(1)
def refusing():
    return torch.nn.Sequential(Refusing(), torch.nn.Linear(64, 10))
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "nets_of_shards.py").write_text(FACTORY)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]))
    return tmp_path


def study(*models: str, shard: int, **network: object) -> ts.Study:
    named = {"layers": ["all"], "classes": list(range(10)), **network}
    return ts.Study.parse(
        {
            "recipe": "layers",
            "inputs": {"source": "digits:test", "limit": 250},
            "network": [{"name": f"n{k}", "model": model, **named} for k, model in enumerate(models)],
            "cloud": {"size": 30, "draws": 6},
            "extract": {"batch_size": 16, "shard": shard},
        }
    )


def artefacts(folder: Path, kind: str = "*") -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (folder / "store").glob(f"{kind}/*/*.npz")}


def tables(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (folder / "tables").iterdir()}


class Watcher:
    """Progress that remembers every stage, and can interrupt one."""

    def __init__(self, interrupt_at: float = float("inf")) -> None:
        self.stages: list[tuple[str, int, int]] = []
        self.interrupt_at = interrupt_at

    def stage(self, name: str, tasks: int, kept: int) -> None:
        self.stages.append((name, tasks, kept))

    def advance(self, name: str, done: float) -> None:
        if done >= self.interrupt_at:
            raise KeyboardInterrupt

    def say(self, line: str) -> None:
        pass


@pytest.mark.parametrize("shard", [100, 40])
def test_shards_give_the_bits_of_one_pass(folder: Path, shard: int) -> None:
    model = "nets_of_shards:net"
    one = ts.run(study(model, model + "@random", shard=4096), "one")
    assert not one.failed
    loaded = folder / "loaded.txt"
    assert len(loaded.read_text().split()) == 2
    loaded.unlink()
    several = ts.run(study(model, model + "@random", shard=shard), "several", workers=2)
    assert artefacts(folder / "several") == artefacts(folder / "one")
    assert tables(folder / "several") == tables(folder / "one")
    assert several.artefacts == one.artefacts
    # 250 inputs in shards of 112 or 48: every process has loaded either network once, for all its shards.
    times = loaded.read_text().split()
    assert all(times.count(process) <= 2 for process in times)
    assert 2 <= len(times) <= 4
    again = ts.run(study(model, model + "@random", shard=shard), "several", workers=2)
    assert again.provenance["tasks_performed"] == 0
    # How inputs were split is part of no key.
    other = ts.run(study(model, model + "@random", shard=16), "several")
    assert other.provenance["tasks_performed"] == 0
    assert not list((folder / "several" / "store").glob("**/*.partial"))
    with ThreadPoolExecutor(2) as pool:
        ts.run(study(model, model + "@random", shard=shard), "threads", executor=pool)
    assert artefacts(folder / "threads") == artefacts(folder / "one")


def test_an_interrupted_extraction_goes_on_with_the_next_shard(folder: Path) -> None:
    plan = study("nets_of_shards:net", shard=48)
    with pytest.raises(KeyboardInterrupt):
        ts.run(plan, "run", progress=Watcher(interrupt_at=3.01))
    assert len(artefacts(folder / "run", "shard")) == 3
    watcher = Watcher()
    ts.run(plan, "run", progress=watcher)
    assert watcher.stages[:2] == [("extraction", 6, 3), ("extraction", 1, 0)]
    assert not artefacts(folder / "run", "shard")
    ts.run(study("nets_of_shards:net", shard=4096), "whole")
    assert artefacts(folder / "run") == artefacts(folder / "whole")


def test_shards_that_a_killed_run_left_go(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = study("nets_of_shards:net", shard=48)
    with monkeypatch.context() as killed, pytest.raises(KeyboardInterrupt):
        killed.setattr("toposcope.store.Store.discard", lambda self, key: None)
        ts.run(plan, "run", progress=Watcher(interrupt_at=20))
    assert len(artefacts(folder / "run", "shard")) == 6
    assert artefacts(folder / "run", "extraction")
    assert not ts.run(plan, "run").failed
    assert not artefacts(folder / "run", "shard")


def test_two_runs_at_once_share_shards(folder: Path) -> None:
    (folder / "plan.toml").write_text(
        'recipe = "layers"\n[inputs]\nsource = "digits:test"\nlimit = 250\n[[network]]\nname = "n0"\n'
        'model = "nets_of_shards:net"\nlayers = ["all"]\n[cloud]\nsize = 30\ndraws = 6\n'
        "[extract]\nbatch_size = 16\nshard = 16\n"
    )
    command = [sys.executable, "-m", "toposcope", "run", "plan.toml", "--out", "both", "--quiet"]
    runs = [subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) for _ in range(3)]
    for one in runs:
        _out, err = one.communicate(timeout=200)
        assert one.returncode == 0, err.decode()
    assert not artefacts(folder / "both", "shard")
    ts.run(ts.Study.read("plan.toml"), "alone")
    assert artefacts(folder / "both") == artefacts(folder / "alone")
    assert tables(folder / "both") == tables(folder / "alone")


def test_shards_that_are_damaged_or_gone_are_made_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from toposcope.study import tasks

    real = tasks.Extract._joined
    harmed = []

    def harm(self, store, *rest):
        if not harmed:
            first, second, *_ = self.shards
            content = bytearray(store.path(first.key).read_bytes())
            content[len(content) // 2] ^= 1
            store.path(first.key).write_bytes(content)
            store.path(second.key).unlink()
            harmed.append(first)
        return real(self, store, *rest)

    monkeypatch.setattr(tasks.Extract, "_joined", harm)
    results = ts.run(study("nets_of_shards:net", shard=48), "run")
    assert not results.failed
    assert any("damaged artefact" in warning for warning in results.warnings)
    ts.run(study("nets_of_shards:net", shard=4096), "whole")
    assert artefacts(folder / "run") == artefacts(folder / "whole")


def test_a_layer_that_is_lost_later_is_extracted_in_shards_again(folder: Path) -> None:
    plan = study("nets_of_shards:net", shard=48)
    before = ts.run(plan, "run")
    expected = artefacts(folder / "run")
    key = next(key for key in before.store if key.startswith("representation"))
    before.store.path(key).unlink()
    ts.run(plan, "run")
    assert artefacts(folder / "run") == expected


def test_a_network_whose_shards_fail_is_one_failure(folder: Path) -> None:
    (folder / "refuse.txt").touch()
    plan = study("nets_of_shards:refusing", "nets_of_shards:net", shard=48)
    results = ts.run(plan, "run", workers=2)
    (failure,) = results.failed
    assert failure.title == "extraction of n0"
    assert "these inputs are too hard" in failure.message
    assert "5 more of its 6 shards" in failure.message
    assert results.tables["networks"]["network"].tolist() == ["n1"]
    (folder / "refuse.txt").unlink()
    assert not ts.run(plan, "run").failed


def test_checkpoints_of_a_training_in_shards(folder: Path) -> None:
    from safetensors.torch import save_file

    from toposcope.demo.networks import vgg

    for epoch in (10, 9, 1):
        torch.manual_seed(epoch)
        save_file(vgg().state_dict(), folder / f"epoch{epoch}.safetensors")
    block = {"name": "vgg", "model": "toposcope.demo.networks:vgg", "checkpoints": "epoch*.safetensors"}
    table = {
        "recipe": "training",
        "inputs": {"source": "digits:test", "limit": 250},
        "network": [{**block, "layers": ["blocks"]}],
        "cloud": {"size": 30, "draws": 6},
        "extract": {"shard": 100},
    }
    results = ts.run(ts.Study.parse(table), "run", workers=2)
    assert not results.failed
    networks = results.tables["networks"]
    assert networks["network"].tolist() == ["vgg 1", "vgg 9", "vgg 10"]
    assert [checkpoint.split()[0] for checkpoint in networks["checkpoint"]] == [
        "epoch1.safetensors",
        "epoch9.safetensors",
        "epoch10.safetensors",
    ]


def test_layers_above_a_limit_are_memory_mapped(tmp_path: Path) -> None:
    from toposcope._io import MAPPED, read_arrays, write_arrays

    large = np.arange(MAPPED // 4 + 1, dtype=np.float32).reshape(-1, 1)
    arrays = {"small": np.arange(3), "points": large, "fortran": np.asfortranarray(large.reshape(-1, 1)), "more": large}
    write_arrays(tmp_path / "x.npz", arrays)
    for memory_map in (False, True):
        back = read_arrays(tmp_path / "x.npz", memory_map)
        assert all(np.array_equal(back[name], one) for name, one in arrays.items())
        assert isinstance(back["points"], np.memmap) == memory_map
        assert not isinstance(back["small"], np.memmap)
        assert all(one.flags.aligned for one in back.values())
        assert all(one.ctypes.data % 64 == 0 for name, one in back.items() if memory_map and name != "small")
    content = bytearray((tmp_path / "x.npz").read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / "x.npz").write_bytes(content)
    with pytest.raises(ts.FileError, match="not a readable"):
        read_arrays(tmp_path / "x.npz", memory_map=True)
    with np.load(tmp_path / "x.npz") as archive:  # others read it too
        assert archive["small"].tolist() == [0, 1, 2]
