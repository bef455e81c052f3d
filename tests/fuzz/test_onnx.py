"""Hostile and broken ONNX files."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import strategies as st

import toposcope as ts
from tests.fuzz.harness import cases, changed, many, tame

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
pytest.importorskip("torch")

from onnx import TensorProto, helper, numpy_helper  # noqa: E402

from toposcope.extract import load_network, weights_digest  # noqa: E402


def graph(external: str | None = None) -> bytes:
    rng = np.random.default_rng(0)
    weights = numpy_helper.from_array(rng.normal(size=(4, 3)).astype(np.float32), "w")
    if external is not None:
        weights.ClearField("raw_data")
        weights.data_location = TensorProto.EXTERNAL
        entry = weights.external_data.add()
        entry.key, entry.value = "location", external
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["h"], name="/layer/MatMul"),
        helper.make_node("Relu", ["h"], ["y"], name="/layer/Relu"),
    ]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 4])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 3])
    made = helper.make_model(
        helper.make_graph(nodes, "g", [x], [y], [weights]), opset_imports=[helper.make_opsetid("", 17)], ir_version=8
    )
    return made.SerializeToString()


@cases
def test_bytes_of_graphs(count: int, tmp_path: Path) -> None:
    inputs = np.eye(4, dtype=np.float32)
    path = tmp_path / "x.onnx"
    tries = 0

    def case(content: bytes) -> None:
        nonlocal tries
        path.write_bytes(content)
        with tame():
            found = load_network(f"onnx:{path}")
            tries += 1
            if tries <= count // 10 + 10:  # a session takes longer than all the rest
                ts.extract(found, inputs, layers="all")

    path.write_bytes(graph())
    assert list(ts.extract(f"onnx:{path}", inputs, layers="all")) == ["/layer/MatMul", "/layer/Relu"]
    many(count, case, st.one_of(changed(graph(), 2), changed(graph(), 8)))


@pytest.mark.parametrize("place", ["../secret", "/etc/passwd", "link"])
def test_tensors_outside_the_folder_are_not_read(tmp_path: Path, place: str) -> None:
    (tmp_path / "secret").write_bytes(bytes(48))
    inside = tmp_path / "model"
    inside.mkdir()
    (inside / "link").symlink_to(tmp_path / "secret")
    (inside / "x.onnx").write_bytes(graph(external=place))
    with pytest.raises(ts.FileError, match="not a readable ONNX file"):
        load_network(f"onnx:{inside / 'x.onnx'}")
    weights_digest(f"onnx:{inside / 'x.onnx'}")


def test_names_that_are_no_text_are_refused(tmp_path: Path) -> None:
    (tmp_path / "x.onnx").write_bytes(graph().replace(b"/layer/MatMul", b"\xaflayer/MatMul"))
    with pytest.raises(ts.FileError, match="a name in it is not UTF-8|not a readable ONNX file"):
        ts.extract(f"onnx:{tmp_path / 'x.onnx'}", np.eye(4, dtype=np.float32), layers="all")
