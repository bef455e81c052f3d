"""An ONNX graph as a module whose children are its nodes, so that hooks on nodes work as they do on layers."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from toposcope._errors import FileError, InputError, MissingDependencyError, one_line

LARGEST_BATCH = 4
"""Inputs per run: the tapped activations of a run leave the session together, before any of them can be reduced."""

_FLOATS = {1, 10, 11, 16}  # TensorProto.FLOAT, FLOAT16, DOUBLE, BFLOAT16


class OnnxNode(torch.nn.Module):
    """One node of the graph; called with its output, so that forward hooks see it. op_type: Conv, Relu, ..."""

    def __init__(self, op_type: str) -> None:
        super().__init__()
        self.op_type = op_type

    def forward(self, value: torch.Tensor) -> torch.Tensor:
        """`value` itself."""
        return value


class OnnxGraph(torch.nn.Module):
    """A graph read from a file and run by onnxruntime on the CPU.

    Its children are the nodes that depend on the inputs and give floating tensors, under their names, or the name of
    their output where they have none. Only nodes with a hook are asked for their output.

    input_size: shape of one input where the graph fixes it, else None. batch_size: the most inputs per run.
    Raises MissingDependencyError, FileError for what is no ONNX file.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        super().__init__()
        try:
            import onnx
            import onnxruntime  # noqa: F401 (here so that it is missed at once)
        except ImportError as error:
            raise MissingDependencyError(str(error.name or "onnx"), f"model 'onnx:{path}'", "onnx") from None
        if not Path(path).is_file():
            raise FileError(f"{path} does not exist; give an .onnx file")
        try:
            self._model = onnx.load(os.fspath(path))
            onnx.checker.check_model(self._model)
            inferred = onnx.shape_inference.infer_shapes(self._model).graph
        except Exception as error:  # protobuf and onnx raise classes of their own
            raise FileError(f"{path} is not a readable ONNX file: {one_line(error)}") from error
        graph = self._model.graph
        if any(isinstance(name, bytes) for name in _names(graph)):  # how protobuf gives what is no UTF-8
            raise FileError(f"{path} is not a readable ONNX file: a name in it is not UTF-8; export the network again")
        weights = {tensor.name for tensor in graph.initializer}
        self._inputs = [value for value in graph.input if value.name not in weights]
        if not self._inputs or not graph.output:
            raise FileError(f"{path} takes no input or gives no output; export the network again")
        types = {value.name: value.type.tensor_type.elem_type for value in [*inferred.value_info, *graph.output]}
        self._first_output = graph.output[0].name
        self._outputs: dict[str, str] = {}
        depends = {value.name for value in self._inputs}
        for node in graph.node:
            if not depends.intersection(node.input):
                continue
            depends.update(node.output)
            if node.output and types.get(node.output[0], 1) in _FLOATS:
                name = node.name if node.name and node.name not in self._modules else node.output[0]
                # Past add_module, which forbids the dots that names of nodes have.
                self._modules[name] = OnnxNode(node.op_type)
                self._outputs[name] = node.output[0]
        sizes = [dimension.dim_value for dimension in self._inputs[0].type.tensor_type.shape.dim]
        self._fixed_batch = sizes[0] if sizes else 0
        self.batch_size = self._fixed_batch or LARGEST_BATCH
        self.input_size = tuple(sizes[1:]) if sizes and all(sizes[1:]) else None
        self._sessions: dict[tuple[str, ...], Any] = {}

    def forward(self, *values: torch.Tensor, **named: torch.Tensor) -> torch.Tensor:
        """The graph's first output. values: (n, ...) tensors in the order of its inputs, or by name."""
        names = [value.name for value in self._inputs]
        given = {**dict(zip(names, values, strict=False)), **named}
        if set(given) != set(names):
            raise InputError(
                f"the graph takes inputs {names}, but was given {sorted(given)}; pass a dict with these names"
            )
        n = len(next(iter(given.values())))
        feed = {name: self._padded(given[name].numpy(force=True)) for name in names}
        hooked = [name for name, node in self._modules.items() if node is not None and node._forward_hooks]
        wanted = [*dict.fromkeys([*(self._outputs[name] for name in hooked), self._first_output])]
        session = self._session(tuple(wanted))
        try:
            fetched = dict(zip(wanted, session.run(wanted, feed), strict=True))
        except Exception as error:
            raise InputError(f"the graph does not take these inputs: {one_line(error)}") from error
        result = _rows(fetched[self._first_output], n)
        for name in hooked:
            self._modules[name](_rows(fetched[self._outputs[name]], n))  # type: ignore[misc]
        return result

    def _padded(self, array: Any) -> Any:
        """A graph with a fixed number of inputs gets the last one as often as needed."""
        missing = self._fixed_batch - len(array) if self._fixed_batch else 0
        if missing < 0:
            raise InputError(f"the graph takes {self._fixed_batch} inputs at once, not {len(array)}; use batch_size=")
        return np.concatenate([array, np.repeat(array[-1:], missing, axis=0)]) if missing else array

    def _session(self, wanted: tuple[str, ...]) -> Any:
        """The session that also gives `wanted`; made once for each set of taps."""
        if wanted not in self._sessions:
            import onnx
            import onnxruntime

            model = onnx.ModelProto()
            model.CopyFrom(self._model)
            present = {value.name for value in model.graph.output}
            model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in wanted if name not in present)
            options = onnxruntime.SessionOptions()
            options.log_severity_level = 3
            options.intra_op_num_threads = torch.get_num_threads()
            try:
                self._sessions[wanted] = onnxruntime.InferenceSession(
                    model.SerializeToString(), options, providers=["CPUExecutionProvider"]
                )
            except Exception as error:  # onnxruntime raises classes of its own
                raise FileError(f"onnxruntime cannot run this graph: {one_line(error)}") from error
        return self._sessions[wanted]


def _names(graph: Any) -> Iterator[object]:
    """Everything that something in a graph is called by."""
    for node in graph.node:
        yield from (node.name, node.op_type, *node.input, *node.output)
    for value in (*graph.input, *graph.output, *graph.initializer):
        yield value.name


def _rows(array: Any, n: int) -> torch.Tensor:
    tensor = torch.from_numpy(np.asarray(array))
    return tensor[:n] if tensor.ndim and len(tensor) > n else tensor
