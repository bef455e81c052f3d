"""Names → networks: parsing, factories, weights, and what is said when there are none."""

from __future__ import annotations

import builtins
import importlib.util
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest
import torch
from torch import nn

from toposcope import _io
from toposcope._errors import FileError, InputError, MissingDependencyError, ToposcopeWarning, WeightsError
from toposcope.extract import Network, extract, load_network, packages, weights_digest, zoos

FACTORY = """
    import torch
    from torch import nn

    def net():
        return nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))

    def prepared():
        return net(), lambda image: torch.zeros(3)

    def needs(x):
        return x

    def wrong():
        return 3

    class Holder:
        @staticmethod
        def net():
            return net()

    number = 3
"""


@pytest.fixture(autouse=True)
def factory(tmp_path, monkeypatch):
    (tmp_path / "my_nets.py").write_text(textwrap.dedent(FACTORY))
    monkeypatch.chdir(tmp_path)
    yield tmp_path / "my_nets.py"
    sys.modules.pop("my_nets", None)


def test_factories():
    network = load_network("my_nets:net")
    assert (network.name, network.checkpoint, network.seed) == ("net", "as net() made it (seed 0)", 0)
    assert not network.module.training
    assert network.preprocess is None
    assert load_network("my_nets:prepared").preprocess("image").shape == (3,)
    assert isinstance(load_network("my_nets:Holder.net").module, nn.Sequential)
    assert "" not in sys.path[:1]


def test_seeds_of_random_weights():
    state = torch.get_rng_state()
    a, b, c = (load_network("my_nets:net@random", seed=seed) for seed in (5, 5, 6))
    assert a.checkpoint == "random (seed 5)"
    assert a.seed == 5
    assert torch.equal(a.module[0].weight, b.module[0].weight)
    assert not torch.equal(a.module[0].weight, c.module[0].weight)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("kind", ["safetensors", "plain", "state_dict", "model", "module.", "_orig_mod.module."])
def test_weights_from_files(tmp_path, kind):
    from safetensors.torch import save_file

    source = load_network("my_nets:net@random", seed=9).module.state_dict()
    path = tmp_path / ("w.safetensors" if kind == "safetensors" else "w.pt")
    if kind == "safetensors":
        save_file(source, path)
    elif kind in ("state_dict", "model"):
        torch.save({kind: source, "epoch": 3}, path)
    else:
        prefix = kind if kind.endswith(".") else ""
        torch.save({prefix + key: value for key, value in source.items()}, path)
    network = load_network(f"my_nets:net@{path}")
    assert torch.equal(network.module[0].weight, source["0.weight"])
    assert network.checkpoint == f"{path.name} ({_io.digest_of_file(path)[:12]})"
    assert network.seed is None


class Evil:
    def __reduce__(self):
        return print, ("ran",)


def test_files_that_do_not_fit_or_cannot_be_read(tmp_path, capsys):
    state = load_network("my_nets:net").module.state_dict()

    def refused(error, message, name="w.pt"):
        with pytest.raises(error, match=message) as caught:
            load_network(f"my_nets:net@{tmp_path / name}")
        assert "\n" not in str(caught.value)

    refused(FileError, "do not exist; give a .safetensors file")
    torch.save(
        {key: value for key, value in state.items() if key != "0.bias"} | {"extra": torch.zeros(1)}, tmp_path / "w.pt"
    )
    refused(InputError, "doesn't fit my_nets:net: missing 0.bias; unexpected extra; is it the same architecture?")
    torch.save(state | {"0.bias": torch.zeros(7)}, tmp_path / "w.pt")
    refused(InputError, "doesn't fit my_nets:net: .*size mismatch for 0.bias")
    torch.save({"a": Evil()}, tmp_path / "w.pt")
    refused(FileError, "holds more than tensors, which is not loaded because it could run code")
    assert "ran" not in capsys.readouterr().out
    torch.save([1, 2], tmp_path / "w.pt")
    refused(FileError, "holds no state dict; save model.state_dict")
    (tmp_path / "w.pt").write_bytes(b"PK\x03\x04 no")
    refused(FileError, "is not a readable state dict")
    (tmp_path / "w.safetensors").write_bytes(b"no")
    refused(FileError, "is not a readable state dict", "w.safetensors")


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("resnet50", "model 'resnet50' is not a MODEL name; use torchvision:NAME"),
        (":x", "is not a MODEL name"),
        ("timm:", "is not a MODEL name"),
        ("no_such_module:net", "there is no module 'no_such_module'; use torchvision:NAME"),
        ("my_nets:nett", "my_nets has no 'nett'; close names: net"),
        ("my_nets:number", "my_nets:number is a int, not a factory; name a function or class"),
        ("my_nets:needs", r"my_nets:needs\(\) failed: .*; a factory takes no arguments"),
        ("my_nets:wrong", r"my_nets:wrong\(\) gave a int; return a module, or \(module, preprocess\)"),
        ("my_nets:net@pretrained", "a factory has no weights of its own; use my_nets:net@FILE or @random"),
        ("torchvision:resnet5", "torchvision has no model 'resnet5'; close names: resnet50"),
        ("timm:vit_smal_patch16_224", "timm has no model 'vit_smal_patch16_224'; close names: vit_small_patch16_224"),
        ("timm:resnet18.no_such_tag@random", "timm cannot build 'resnet18.no_such_tag': "),
        ("hf:vit", "names a model type, which has no weights of its own; use hf:vit@random"),
        ("hf:vit_mae_decoder_only/x", None),
    ],
)
def test_names_that_are_none(spec, message):
    if message is None:
        with pytest.raises(WeightsError):
            load_network(spec)
        return
    with pytest.raises(InputError, match=message) as caught:
        load_network(spec)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "spec", ["torchvision:resnet18", "timm:vit_small_patch16_224", "hf:google/vit-base-patch16-224@pretrained"]
)
def test_weights_that_cannot_be_downloaded(spec, tmp_path, monkeypatch, capfd):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(zoos, "_reachable", lambda url: False)
    monkeypatch.setattr("urllib.request.urlopen", _unreachable)
    monkeypatch.setattr("torch.hub.urlopen", _unreachable)
    start = time.perf_counter()
    with pytest.raises(
        WeightsError, match="are not on this machine and cannot be downloaded .*@FILE.safetensors .*@random"
    ) as caught:
        load_network(spec)
    assert time.perf_counter() - start < 20
    assert "\n" not in str(caught.value)
    out, err = capfd.readouterr()
    assert not out + err


def _unreachable(*arguments, **options):
    raise OSError("Name or service not known")


def test_a_server_that_is_not_there_is_not_reachable():
    assert not zoos._reachable("http://127.0.0.1:9", seconds=1)


def test_hugging_face_configurations_by_model_type(monkeypatch):
    monkeypatch.setattr(zoos, "_reachable", lambda url: False)
    with pytest.raises(WeightsError, match="its name tells no model type; use hf:TYPE@random"):
        load_network("hf:someone/something@random")
    with pytest.warns(ToposcopeWarning, match="built with the default resnet configuration"):
        network = load_network("hf:microsoft/resnet-50@random")
    assert network.checkpoint == "random (seed 0), default resnet configuration"
    assert network.name == "microsoft/resnet-50"


def test_hugging_face_folders(tmp_path):
    packages.import_torchvision("this test")
    import transformers
    from safetensors.torch import load_file, save_file

    config = transformers.ViTConfig(
        hidden_size=12, num_hidden_layers=2, num_attention_heads=2, intermediate_size=8, image_size=32, patch_size=8
    )
    source = transformers.ViTForImageClassification(config).eval()
    source.save_pretrained(tmp_path / "vit")
    network = load_network(f"hf:{tmp_path / 'vit'}")
    assert network.checkpoint == "pretrained"
    assert network.input_size == (3, 32, 32)
    x = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        np.testing.assert_allclose(
            extract(network, x, "output")["output"].points, source(pixel_values=x).logits.numpy(), atol=1e-5
        )
    random = load_network(f"hf:{tmp_path / 'vit'}@random")
    assert random.checkpoint == "random (seed 0)"
    again = load_network(f"hf:{tmp_path / 'vit'}@{tmp_path / 'vit' / 'model.safetensors'}")
    assert torch.equal(again.module.classifier.weight, source.classifier.weight)
    before = weights_digest(f"hf:{tmp_path / 'vit'}")
    transformers.ViTForImageClassification(config).save_pretrained(tmp_path / "vit")
    now = weights_digest(f"hf:{tmp_path / 'vit'}")
    assert now != before
    (tmp_path / "vit").rename(tmp_path / "moved")
    assert weights_digest(f"hf:{tmp_path / 'moved'}") == now
    (tmp_path / "moved").rename(tmp_path / "vit")
    weights = load_file(tmp_path / "vit" / "model.safetensors")
    save_file({key: value for key, value in weights.items() if "cls" not in key}, tmp_path / "w.safetensors")
    with pytest.raises(InputError, match="missing vit.embeddings.cls_token; is it the same architecture"):
        load_network(f"hf:{tmp_path / 'vit'}@{tmp_path / 'w.safetensors'}")
    save_file(weights | {"classifier.weight": torch.zeros(5, 12)}, tmp_path / "w.safetensors")
    with pytest.raises(InputError, match="it holds tensors of other shapes; is it the same architecture"):
        load_network(f"hf:{tmp_path / 'vit'}@{tmp_path / 'w.safetensors'}")
    save_file(
        {key: value for key, value in weights.items() if "cls" not in key}, tmp_path / "vit" / "model.safetensors"
    )
    with pytest.warns(ToposcopeWarning, match="leave out vit.embeddings.cls_token, which start at random"):
        load_network(f"hf:{tmp_path / 'vit'}")


def test_missing_packages_are_named(monkeypatch):
    real = builtins.__import__

    def refuse(package):
        def load(name, *arguments):
            if name == package:
                raise ModuleNotFoundError(f"No module named {package!r}", name=package)
            return importlib.util.find_spec and real_import(name, *arguments)

        return load

    real_import = importlib.import_module
    for package, spec, extra in (
        ("torch", "my_nets:net", "torch"),
        ("torchvision", "torchvision:resnet18@random", "vision"),
        ("timm", "timm:resnet18@random", "vision"),
        ("transformers", "hf:vit@random", "hf"),
    ):
        monkeypatch.setattr(packages.importlib, "import_module", refuse(package))
        with pytest.raises(MissingDependencyError, match=rf"needs {package}, .*pip install 'toposcope\[{extra}\]'"):
            load_network(spec)
        monkeypatch.setattr(packages.importlib, "import_module", real_import)
    assert builtins.__import__ is real


def test_torchvision_is_mended_only_of_its_missing_operator():
    """In a fresh process, in which transformers comes first."""
    code = "from toposcope.extract import load_network; print(load_network('hf:resnet@random').input_size)"
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "(3, 384, 384)"
    assert not done.stderr


def test_another_failure_of_torchvision_is_not_hidden(monkeypatch):
    def fail(*arguments):
        raise RuntimeError("something else")

    monkeypatch.setattr(packages, "import_package", fail)
    with pytest.raises(RuntimeError, match="something else"):
        packages.import_torchvision("x")


def test_weights_digest(tmp_path, factory):
    assert weights_digest("my_nets:net") == weights_digest("my_nets:net")
    assert weights_digest("my_nets:net@random") != weights_digest("my_nets:net@random", seed=1)
    torch.save(load_network("my_nets:net").module.state_dict(), tmp_path / "w.pt")
    before = weights_digest(f"my_nets:net@{tmp_path / 'w.pt'}")
    assert before == weights_digest(f"my_nets:net@{tmp_path / 'w.pt'}", seed=3)
    torch.save(load_network("my_nets:net", seed=3).module.state_dict(), tmp_path / "w.pt")
    changed = weights_digest(f"my_nets:net@{tmp_path / 'w.pt'}")
    assert changed != before
    factory.write_text(factory.read_text() + "\n# another")
    assert weights_digest(f"my_nets:net@{tmp_path / 'w.pt'}") != changed
    assert weights_digest("torchvision:resnet18") != weights_digest("torchvision:resnet18@random")
    with pytest.raises(FileError, match="cannot read nowhere"):
        weights_digest("my_nets:net@nowhere")
    with pytest.raises(InputError, match="there is no module"):
        weights_digest("no_such_module:net")
    (tmp_path / "g.onnx").write_bytes(b"x")
    before = weights_digest(f"onnx:{tmp_path / 'g.onnx'}")
    assert before == weights_digest(f"onnx:{tmp_path / 'g.onnx'}", seed=3)
    (tmp_path / "g.onnx.data").write_bytes(b"weights")
    assert weights_digest(f"onnx:{tmp_path / 'g.onnx'}") != before
    assert weights_digest("timm:resnet18") == weights_digest("timm:resnet18@pretrained")


def test_names_work_in_extract():
    found = extract("my_nets:net@random", np.random.default_rng(0).normal(size=(5, 3)), "*", seed=4)
    assert found["2"].source.checkpoint == "random (seed 4)"
    assert found["2"].source.seed == 4


def test_a_network_brings_its_preprocessing():
    seen = []

    def preprocess(image):
        seen.append(image.mode)
        return torch.rand(3)

    network = Network(nn.Linear(3, 2), "n", preprocess=preprocess)
    extract(nn.Sequential(network.module), np.random.default_rng(0).normal(size=(4, 3)))
    images = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 3)).astype(np.uint8)
    network = Network(nn.Sequential(nn.Linear(3, 2)), "n", preprocess=preprocess)
    extract(network, images)
    assert seen == ["RGB"] * 4
    extract(network, images, preprocess=lambda image: torch.rand(3))
    assert len(seen) == 4


def test_a_factory_counts_with_all_that_it_imports(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "outer_net.py").write_text(
        "import torch\nfrom inner_parts import make\ndef net():\n    return make()\n"
    )
    inner = tmp_path / "inner_parts.py"
    inner.write_text("def make():\n    return 1\n")
    before = weights_digest("outer_net:net@random")
    assert weights_digest("outer_net:net@random") == before
    inner.write_text("def make():\n    return 2\n")
    assert weights_digest("outer_net:net@random") != before
