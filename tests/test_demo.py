"""The demo: what it trains, and the whole job in small; the real one is marked slow."""

import dataclasses
from pathlib import Path

import pytest
import torch

import toposcope as ts
from toposcope.demo import plan
from toposcope.demo.networks import ResNet, resnet, resnet_half, vgg, vit
from toposcope.demo.training import _start_from, read_weights
from toposcope.store import Store


def test_networks_see_digits() -> None:
    images = torch.rand(3, 1, 8, 8)
    for factory, classes in ((vgg, 10), (resnet, 10), (resnet_half, 5), (vit, 10)):
        network = factory().eval()
        assert network(images).shape == (3, classes)
        assert 20_000 < sum(p.numel() for p in network.parameters()) < 200_000


def test_fine_tuning_starts_from_everything_but_the_last_layer() -> None:
    old, new = ResNet(classes=5), ResNet(classes=5)
    head = new.fc.weight.detach().clone()
    _start_from(new, {name: tensor.numpy() for name, tensor in old.state_dict().items()})
    assert torch.equal(new.layer3[1].conv2.weight, old.layer3[1].conv2.weight)
    assert torch.equal(new.fc.weight, head)


def test_training_is_the_same_every_time(tmp_path: Path) -> None:
    short = dataclasses.replace(plan.VGG, epochs=1, checkpoints=(0, 1))
    stores = [Store(tmp_path / name) for name in "ab"]
    for store in stores:
        torch.manual_seed(len(str(store)))  # the state outside does not matter
        before = torch.get_rng_state()
        short.perform(store)
        assert torch.equal(torch.get_rng_state(), before)
    for epoch in (0, 1):
        a, b = (read_weights(store, short, epoch) for store in stores)
        assert a.keys() == b.keys()
        assert all((a[name] == b[name]).all() for name in a)
    assert any((read_weights(stores[0], short, 0)[name] != a[name]).any() for name in a)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """One epoch of each training, and small clouds."""
    short = {
        name: dataclasses.replace(getattr(plan, name), epochs=1, checkpoints=(0, 1))
        for name in ("VGG", "RESNET", "VIT", "PRETRAINED")
    }
    short["FINETUNED"] = dataclasses.replace(plan.FINETUNED, epochs=1, checkpoints=(1,), base=short["PRETRAINED"])
    for name, training in short.items():
        monkeypatch.setattr(plan, name, training)
    monkeypatch.setattr(plan, "TRAININGS", tuple(short.values())[:-1])
    head = plan._HEAD.replace("size = 100", "size = 12").replace("draws = 8", "draws = 7")
    monkeypatch.setattr(plan, "_HEAD", head.replace('["gaussian", "shuffled"]', '["shuffled"]'))


@pytest.mark.usefixtures("small")
def test_the_whole_job_in_small(tmp_path: Path) -> None:
    results = plan.demo(tmp_path / 'demo ünd "quotes"')
    assert not results.failed
    assert results.folder.joinpath("report.html").is_file()
    networks = results.tables["networks"].set_index("network")
    assert len(networks) == 11
    assert networks["accuracy"].between(0, 1).all()
    assert networks.loc["vgg", "accuracy"] > networks.loc["vgg untrained", "accuracy"]
    assert networks.loc["resnet 0-4", "judged"] + networks.loc["resnet 0-4→5-9", "judged"] == 800
    claims = set(results.tables["tests"]["claim"])
    assert {"fine-tuning on unseen classes", "training against held-out images, vgg", "VGG against ViT"} <= claims
    again = plan.demo(results.folder)
    assert again.provenance["tasks_performed"] == 0


@pytest.mark.slow
def test_the_real_demo_reaches_its_accuracies(tmp_path: Path) -> None:
    results = plan.demo(tmp_path, workers=2)
    accuracy = results.tables["networks"].set_index("network")["accuracy"]
    assert accuracy["vgg"] > 0.97
    assert accuracy["resnet"] > 0.97
    assert accuracy["vit"] > 0.93
    assert accuracy["vgg untrained"] < 0.3
    assert results.headline.startswith("Fine-tuning on unseen classes")
    assert (tmp_path / "report.html").stat().st_size < 3_000_000


def test_a_training_that_fails_ends_the_demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = dataclasses.replace(plan.VGG, factory="toposcope.demo.networks:nothing")
    monkeypatch.setattr(plan, "TRAININGS", (broken,))
    with pytest.raises(ts.TaskError, match="training of vgg.*nothing"):
        plan.demo(tmp_path)
