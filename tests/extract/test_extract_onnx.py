"""ONNX graphs by intermediate outputs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from toposcope._errors import FileError, InputError, LayerError, MissingDependencyError, ToposcopeWarning
from toposcope.extract import extract, load_network, network_layers

LIGHT = Path(onnx.__file__).parent / "backend" / "test" / "data" / "light"
RANDOM = np.random.default_rng(0)
WEIGHT = RANDOM.normal(size=(4, 3, 3, 3)).astype(np.float32)


@pytest.fixture
def graph(tmp_path):
    """Conv → Relu → Shape (integers) and GlobalAveragePool → Flatten; one node without a name."""
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"], name="/layer1/layer1.0/Conv", pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c"], ["r"], name="/layer1/layer1.0/Relu"),
        helper.make_node("Shape", ["r"], ["s"], name="/Shape"),
        helper.make_node("GlobalAveragePool", ["r"], ["p"], name="/Pool"),
        helper.make_node("Flatten", ["p"], ["y"]),
    ]
    proto = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, "h", "w"])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 4])],
        [numpy_helper.from_array(WEIGHT, "w")],
    )
    path = tmp_path / "small.onnx"
    onnx.save(helper.make_model(proto, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)
    return path


def test_nodes_are_layers(graph):
    x = RANDOM.normal(size=(7, 3, 6, 5)).astype(np.float32)
    found = extract(f"onnx:{graph}", x, ["all", "output"])
    assert list(found) == ["/layer1/layer1.0/Conv", "/layer1/layer1.0/Relu", "/Pool", "y", "output"]
    conv = torch.nn.functional.conv2d(torch.from_numpy(x), torch.from_numpy(WEIGHT), padding=1)
    np.testing.assert_allclose(found["/layer1/layer1.0/Conv"].points, conv.mean((2, 3)).numpy(), atol=1e-5)
    np.testing.assert_allclose(found["output"].points, conv.relu().mean((2, 3)).numpy(), atol=1e-5)
    assert found["/Pool"].source.module == "GlobalAveragePool"
    assert found["/Pool"].source.checkpoint.startswith("small.onnx (")
    assert found["/Pool"].source.network == "small"
    assert [info.length for info in network_layers(f"onnx:{graph}", (3, 6, 5), "all")] == [4, 4, 4, 4]


def test_patterns_take_slashes_for_dots(graph):
    x = RANDOM.normal(size=(3, 3, 6, 5)).astype(np.float32)
    assert list(extract(f"onnx:{graph}", x, "layer1.layer1.0.*")) == ["/layer1/layer1.0/Conv", "/layer1/layer1.0/Relu"]
    assert list(extract(f"onnx:{graph}", x, "**Relu")) == ["/layer1/layer1.0/Relu"]
    assert list(extract(f"onnx:{graph}", x, "re:/P.*")) == ["/Pool"]
    with pytest.raises(LayerError, match="layers='/Pol' matches no module; close names: /Pool"):
        extract(f"onnx:{graph}", x, "/Pol")


@pytest.mark.parametrize("preset", ["blocks", "stages"])
def test_presets_that_a_graph_does_not_show(graph, preset):
    with pytest.raises(
        LayerError, match=f"layers='{preset}': an ONNX graph doesn't say where its {preset} end; name nodes"
    ):
        extract(f"onnx:{graph}", np.zeros((2, 3, 6, 5)), preset)


@pytest.mark.parametrize("name", ["resnet50", "vgg19"])
def test_real_graphs_of_a_fixed_batch(name):
    network = load_network(f"onnx:{LIGHT / f'light_{name}.onnx'}")
    assert network.input_size == (3, 224, 224)
    assert network.batch_size == 1
    x = RANDOM.normal(size=(2, 3, 224, 224)).astype(np.float32)
    with pytest.warns(ToposcopeWarning, match="output is constant"):  # the weights are made up
        found = extract(network, x, ["n1", "output"])
    assert found["n1"].dimension == 64
    assert found["n1"].sample_ids.tolist() == [0, 1]


def test_the_light_resnet_gives_its_recorded_output():
    name = "light_resnet50"
    recorded = onnx.load_tensor(str(LIGHT / f"{name}_output_0.pb"))
    with pytest.warns(ToposcopeWarning, match="constant"):
        found = extract(f"onnx:{LIGHT / name}.onnx", np.ones((2, 3, 224, 224), dtype=np.float32), "output")
    np.testing.assert_allclose(found["output"].points[0], numpy_helper.to_array(recorded)[0], atol=1e-3)


def test_a_fixed_batch_is_filled_up(graph, tmp_path):
    model = onnx.load(graph)
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 3
    onnx.save(model, tmp_path / "three.onnx")
    x = RANDOM.normal(size=(7, 3, 6, 5)).astype(np.float32)
    found = extract(f"onnx:{tmp_path / 'three.onnx'}", x, "all")
    for layer, free in extract(f"onnx:{graph}", x, "all").items():
        np.testing.assert_allclose(found[layer].points, free.points, atol=1e-6)
    with pytest.raises(InputError, match="the graph takes 3 inputs at once, not 7"):
        extract(f"onnx:{tmp_path / 'three.onnx'}", [x], "all")


def test_what_is_no_graph(tmp_path, graph):
    with pytest.raises(FileError, match=r"nowhere.onnx does not exist; give an .onnx file"):
        load_network("onnx:nowhere.onnx")
    (tmp_path / "bad.onnx").write_bytes(b"no graph at all")
    with pytest.raises(FileError, match="is not a readable ONNX file"):
        load_network(f"onnx:{tmp_path / 'bad.onnx'}")
    with pytest.raises(InputError, match=r"the graph takes inputs \['x'\], but was given \['z'\]"):
        extract(f"onnx:{graph}", {"z": torch.zeros(2, 3)}, "all")


def test_onnxruntime_that_is_missing(monkeypatch, graph):
    monkeypatch.setitem(__import__("sys").modules, "onnxruntime", None)
    with pytest.raises(MissingDependencyError, match=r"needs onnxruntime, .*pip install 'toposcope\[onnx\]'"):
        load_network(f"onnx:{graph}")
