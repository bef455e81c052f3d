"""A Lightning run, a Trainer's run, and what goes to TensorBoard and Weights & Biases."""

import builtins
import contextlib
import sys
import types
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import toposcope as ts
from tests.monitor.loops import monitor, network, probe, train
from toposcope.extract.packages import import_torchvision
from toposcope.monitor import to_tensorboard, to_wandb

# The frameworks' own warnings are theirs.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning", "ignore::DeprecationWarning")


@pytest.fixture(autouse=True, scope="module")
def _torchvision() -> None:
    """Both frameworks import torchvision where it is, and stop at one that was built for another torch."""
    with contextlib.suppress(ts.MissingDependencyError):
        import_torchvision("the frameworks")


def data() -> torch.utils.data.TensorDataset:
    return torch.utils.data.TensorDataset(torch.from_numpy(probe(3, 64)), torch.arange(64) % 3)


def lightning_module(pl: Any) -> Any:
    class Module(pl.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.net = network()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.net(x)

        def training_step(self, batch: Any, index: int) -> torch.Tensor:
            loss = nn.functional.cross_entropy(self(batch[0]), batch[1])
            self.log("loss", loss)
            return loss

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.SGD(self.parameters(), lr=0.1)

    return Module()


def fit(pl: Any, root: Path, callbacks: list[Any], epochs: int, ckpt: Path | None = None) -> Any:
    torch.manual_seed(4)
    module = lightning_module(pl)
    trainer = pl.Trainer(
        max_epochs=epochs, callbacks=callbacks, default_root_dir=root, logger=False, enable_progress_bar=False,
        enable_model_summary=False, enable_checkpointing=False, accelerator="cpu",
    )  # fmt: skip
    loader = torch.utils.data.DataLoader(data(), batch_size=16, shuffle=True)
    trainer.fit(module, loader, ckpt_path=ckpt, **({} if ckpt is None else {"weights_only": False}))
    return trainer


def test_a_lightning_run_leaves_a_report_and_goes_on_from_its_checkpoint(tmp_path: Path) -> None:
    pl = pytest.importorskip("lightning.pytorch")
    plain = fit(pl, tmp_path, [], epochs=2)
    out = tmp_path / "run"
    watcher = monitor(out, inputs=probe(), background=False)
    trainer = fit(pl, tmp_path, [watcher.for_lightning("net")], epochs=2)
    for name, weight in plain.model.state_dict().items():
        assert torch.equal(weight, trainer.model.state_dict()[name]), name
    assert watcher.taken == (0, 4, 8)
    assert set(watcher.signals.layer) == {"2", "5", ""}
    assert "loss" in set(watcher.signals.signal)
    assert ts.report(ts.Results.read(out), tmp_path / "report.html").is_file()

    trainer.save_checkpoint(tmp_path / "last.ckpt")
    more = monitor(out, inputs=probe(), background=False)
    fit(pl, tmp_path, [more.for_lightning("net")], epochs=3, ckpt=tmp_path / "last.ckpt")
    assert more.taken == (0, 4, 8, 12)
    assert set(more.signals.step) == {0, 4, 8, 12}


def test_lightning_runs_that_fail_and_parts_that_are_not_there(tmp_path: Path) -> None:
    pl = pytest.importorskip("lightning.pytorch")
    watcher = monitor(tmp_path / "run", inputs=probe(), background=False)
    with pytest.raises(ts.InputError, match="module='nett' is no part of Module; close names: net"):
        fit(pl, tmp_path, [watcher.for_lightning("nett")], epochs=1)
    with pytest.raises(ts.InputError, match="closed"):
        watcher.step(network())


def test_a_trainer_run_leaves_a_report_and_goes_on_from_its_checkpoint(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    pytest.importorskip("accelerate")

    class Classifier(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = network()

        def forward(self, x: torch.Tensor, labels: torch.Tensor | None = None) -> dict[str, torch.Tensor]:
            logits = self.net(x)
            if labels is None:
                return {"logits": logits}
            return {"loss": nn.functional.cross_entropy(logits, labels), "logits": logits}

    rows = [{"x": torch.from_numpy(x), "labels": k % 3} for k, x in enumerate(probe(3, 64))]
    columns = {"x": torch.from_numpy(probe())}

    def run(callbacks: list[Any], steps: int, resume: bool = False) -> Any:
        torch.manual_seed(5)
        arguments = transformers.TrainingArguments(
            output_dir=str(tmp_path / "trainer"), max_steps=steps, per_device_train_batch_size=16, logging_steps=2,
            save_steps=4, save_strategy="steps", report_to=[], disable_tqdm=True, use_cpu=True, learning_rate=1e-2,
            seed=5,
        )  # fmt: skip
        trainer = transformers.Trainer(model=Classifier(), args=arguments, train_dataset=rows, callbacks=callbacks)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            trainer.train(resume_from_checkpoint=resume or None)
        return trainer

    plain = run([], 8)
    watcher = monitor(tmp_path / "run", inputs=columns, layers=["net.2", "net.5"], background=False)
    trainer = run([watcher.for_transformers()], 8)
    for name, weight in plain.model.state_dict().items():
        assert torch.equal(weight, trainer.model.state_dict()[name]), name
    assert watcher.taken == (0, 4, 8)
    assert {"net.2", "net.5"} < set(watcher.signals.layer)
    assert "loss" in set(watcher.signals.signal)
    assert ts.report(ts.Results.read(watcher.folder), tmp_path / "report.html").is_file()

    more = monitor(tmp_path / "run", inputs=columns, layers=["net.2", "net.5"], background=False)
    run([more.for_transformers()], 12, resume=True)
    assert more.taken == (0, 4, 8, 12)


# --- writers ----------------------------------------------------------------------------------------------------------


def test_signals_go_to_tensorboard(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    watcher = monitor(tmp_path / "run", inputs=probe(), writers=[to_tensorboard(tmp_path / "board")], background=False)
    train(watcher)
    watcher.close()
    board = EventAccumulator(str(tmp_path / "board"))
    board.Reload()
    tags = board.Tags()["scalars"]
    assert "topology/5/total_persistence H1" in tags
    assert not [tag for tag in tags if "loss" in tag]
    table = watcher.signals.query("layer == '5' and signal == 'effective_rank'")
    events = board.Scalars("topology/5/effective_rank")
    assert [event.step for event in events] == table.step.tolist() == [0, 4, 8]
    assert [event.value for event in events] == pytest.approx(table.value.tolist(), rel=1e-6)


class FakeRun:
    """The calls of wandb 0.31: `Run.log` and `Run.define_metric`, with their parameters."""

    def __init__(self) -> None:
        self.logged: list[dict[str, Any]] = []
        self.defined: dict[str, str | None] = {}

    def log(self, data: dict[str, Any], step: int | None = None, commit: bool | None = None) -> None:
        assert step is None, "a run drops what comes for a step that is over"
        self.logged.append(data)

    def define_metric(
        self, name: str, step_metric: str | None = None, step_sync: bool | None = None, hidden: bool | None = None,
        summary: str | None = None, overwrite: bool | None = None,
    ) -> None:  # fmt: skip
        self.defined[name] = step_metric


def test_signals_go_to_weights_and_biases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = FakeRun()
    fake = types.ModuleType("wandb")
    fake.run = run  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "wandb", fake)
    watcher = monitor(
        tmp_path / "run", inputs=probe(), validation=probe(1), writers=[to_wandb(), to_wandb(run)], background=False
    )
    train(watcher)
    watcher.close()
    assert run.defined == {"topology/step": None, "topology/*": "topology/step"}
    assert [entry["topology/step"] for entry in run.logged] == [0, 0, 4, 4, 8, 8]
    last = run.logged[-1]
    assert last["topology/2/moved H0 validation"] > 0
    assert np.isfinite(list(last.values())).all()
    table = watcher.signals.query("step == 8 and layer == '5' and signal == 'p_eff' and probe == 'train'")
    assert last["topology/5/p_eff"] == table.value.item()


def test_what_is_no_writer_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ts.InputError, match="has no add_scalar"):
        to_tensorboard(3)
    with pytest.raises(ts.InputError, match="is none of Weights & Biases"):
        to_wandb(3)
    idle = types.ModuleType("wandb")
    idle.run = None  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "wandb", idle)
    with pytest.raises(ts.InputError, match=r"call wandb.init\(\) first"):
        to_wandb()


@pytest.mark.parametrize(
    ("package", "extra", "call"),
    [
        ("lightning", "lightning", lambda watcher: watcher.for_lightning()),
        ("transformers", "hf", lambda watcher: watcher.for_transformers()),
        ("tensorboard", "monitor", lambda watcher: to_tensorboard("board")),
        ("wandb", "wandb", lambda watcher: to_wandb()),
    ],
)
def test_packages_that_are_missing_are_named(
    package: str, extra: str, call: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hidden = {
        "lightning": ("lightning", "pytorch_lightning"),
        "tensorboard": ("tensorboard", "torch.utils.tensorboard"),
    }
    for name in [*sys.modules]:
        if name.startswith(hidden.get(package, (package,))):
            monkeypatch.delitem(sys.modules, name)
    real = builtins.__import__

    def without(name: str, *arguments: Any, **options: Any) -> Any:
        if name.split(".")[0] == package:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return real(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    for name in hidden.get(package, (package,)):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ts.MissingDependencyError, match=f"needs {package}.*{extra}"):
        call(monitor(tmp_path))
