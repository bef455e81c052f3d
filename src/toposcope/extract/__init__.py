"""Networks + inputs → representations: every layer of a network as a point cloud, in one pass.

`extract` is the job; `load_network` and `load_inputs` read the names it takes; `network_layers` lists what it can tap.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import warnings
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from toposcope import _check
from toposcope._errors import InputError, ToposcopeWarning, one_line
from toposcope.extract import reduce, taps
from toposcope.extract.inputs import Batch, Inputs, load_inputs
from toposcope.extract.models import load_network, weights_digest, weights_file
from toposcope.extract.network import (
    FORMS,
    Network,
    blank_input,
    caster,
    placed,
    reseed,
    seeded,
    unwrapped,
)
from toposcope.extract.packages import import_torch
from toposcope.extract.parts import About, Layer, Layers, Part
from toposcope.extract.patterns import matches
from toposcope.extract.rows import Budget, FileNames, Rows
from toposcope.representation import Representation

if TYPE_CHECKING:
    import torch

__all__ = [
    "Batch",
    "FileNames",
    "Inputs",
    "LayerInfo",
    "Network",
    "Part",
    "extract",
    "extract_part",
    "join",
    "load_inputs",
    "load_network",
    "network_layers",
    "weights_digest",
    "weights_file",
]

MEMORY = 1 << 30
"""Bytes of reduced vectors, over all layers, that stay in memory; layers beyond that are memory-mapped files."""

PRECISIONS = ("float16", "bfloat16")

Reductions = str | Mapping[str, str]


def extract(
    model: torch.nn.Module | Network | str,
    inputs: Any,
    layers: str | Sequence[str] = "*",
    reduce: Reductions = "auto",
    batch_size: int = 64,
    device: str | torch.device | None = None,
    *,
    precision: str | None = None,
    preprocess: Callable[[Any], Any] | None = None,
    name: str | None = None,
    seed: int = 0,
    limit: int | None = None,
    out: str | os.PathLike[str] | None = None,
    memory: int = MEMORY,
    progress: Callable[[int, int | None], None] | None = None,
) -> dict[str, Representation]:
    """Representations of the chosen layers on the inputs: layer → (n, d) points, in order of execution, in one pass.

    model: a module; a MODEL name (``torchvision:resnet50``, ``timm:NAME``, ``hf:NAME``, ``onnx:FILE``,
    ``package.module:factory``, each with ``@pretrained``, ``@random`` or ``@FILE``); or what `load_network` gave.
    inputs: what `load_inputs` takes: a folder of images, `.npy`, `.npz`, ``digits``, an (n, ...) array, batches.
    layers: patterns on module names, in which ``*`` stops at a dot and ``**`` crosses it; ``re:PATTERN``; the presets
    ``stages``, ``blocks``, ``all`` (every module without children); ``output``, what the network returns.
    reduce: how an activation becomes a vector, for all layers or as {pattern: reduction}. ``auto``: mean over space,
    class token where the network has one, else mean over tokens without the padded ones; ``flatten``, ``mean``,
    ``max``, ``cls``, ``last`` (token), ``spatial:k`` (k fixed positions), ``tokens`` and ``pixels`` (one row each, the
    input's id repeated). Vectors stay as they are. What was done stands in each source.reduction.
    batch_size: inputs at a time; a stream keeps its own batches. device: None is where a module is, or the CPU.
    precision: None, 'float16' or 'bfloat16' (autocast). preprocess: image → tensor, instead of the network's own.
    name: the network's name in reports. seed: of ``@random`` weights and of anything random in the pass.
    limit: at most so many inputs. memory: bytes of vectors, over all layers, above which layers go to memory-mapped
    files `out`/LAYER.npy, or unnamed temporary ones. progress: called with (inputs done, inputs in all or None).

    Points are float32, float64 where the network computes in float64. The module comes back as it was: hooks, modes of
    every submodule, device, and the random states of torch, numpy and Python.

    Warns (ToposcopeWarning) of modules that match but never run, of layers without one row per input, of constant
    layers and of duplicate rows. Raises LayerError for a pattern that yields nothing; InputError for inputs that the
    network doesn't take; ActivationError after the pass for layers with NaN or infinite values, with the others in its
    attribute `finished`; FileError, WeightsError and MissingDependencyError from reading model and inputs.
    """
    batch_size = _check.integer(batch_size, "batch_size", at_least=1)
    memory = _check.integer(memory, "memory")
    seed = _check.integer(seed, "seed")
    if precision is not None:
        _check.choice(precision, PRECISIONS, "precision")
    how = _Reductions(reduce)
    network = _network(model, name, seed)
    with seeded(seed):
        data = load_inputs(inputs, limit=limit, preprocess=preprocess)
        collector = _Collector(network, how, data.count, Budget(memory, out), precision)
        batch_size = min(batch_size, network.batch_size or batch_size)
        try:
            _run(network, data, layers, batch_size, device, precision, collector, progress, seed)
            collector.report_unheard(layers)
            return collector.finish(data.name)
        finally:
            collector.close()


def extract_part(
    network: Network,
    inputs: Inputs,
    span: range,
    layers: str | Sequence[str] = "*",
    reduce: Reductions = "auto",
    batch_size: int = 64,
    device: str | None = None,
    *,
    precision: str | None = None,
    name: str | None = None,
    seed: int = 0,
    memory: int = MEMORY,
    scratch: Path | None = None,
    progress: Callable[[int, int | None], None] | None = None,
) -> Part:
    """What `extract` hears of the batches that begin in a span of the inputs: parts of all of them make the whole.

    scratch: folder for vectors that find no room in memory. Everything else, and what is raised, as for `extract`; what
    it would warn of, and layers that hold NaN, are for `join` to tell.
    """
    ready = _network(network, name, seed)
    with seeded(seed):
        collector = _Collector(ready, _Reductions(reduce), len(span), Budget(memory, None, scratch), precision)
        batch_size = min(batch_size, ready.batch_size or batch_size)
        try:
            _run(ready, inputs, layers, batch_size, device, precision, collector, progress, seed, span)
            return collector.part(inputs.name)
        finally:
            collector.close()


def join(
    parts: Iterable[Part],
    count: int,
    layers: str | Sequence[str],
    memory: int = MEMORY,
    scratch: Path | None = None,
) -> dict[str, Representation]:
    """Parts of all inputs, in order, put together: what `extract` gives for all of them, with its warnings and errors.

    count: inputs in all. layers: what was asked for. scratch: folder for layers that find no room in memory, and are
    memory-mapped.
    """
    whole: Layers | None = None
    data = ""
    try:
        for part in parts:
            if whole is None:
                whole, data = Layers(part.about, count, Budget(memory, None, scratch)), part.data
            whole.add(part)
        if whole is None or not whole.inputs:
            raise InputError("there are no inputs; pass at least one")
        whole.report_unheard(layers)
        return whole.finish(data)
    finally:
        if whole is not None:
            whole.close()


@dataclasses.dataclass(frozen=True)
class LayerInfo:
    """What `toposcope layers` prints. shape: of one input's activation. length: of its vector. reduction: in words."""

    name: str
    type: str
    shape: tuple[int, ...]
    length: int
    reduction: str


def network_layers(
    network: torch.nn.Module | Network | str,
    input_size: int | Sequence[int] | None = None,
    layers: str | Sequence[str] = "**",
    reduce: Reductions = "auto",
) -> list[LayerInfo]:
    """The layers that run, in order of execution, found by running two blank inputs.

    input_size: (C, H, W), or the side of a square RGB image; None where the network says what it takes.
    Raises LayerError as `extract` does and InputError where an input size is needed or doesn't fit.
    """
    ready = _network(network, None, 0)
    # Two, because what is the same for all inputs, a table of positions say, has one row and would pass for one input.
    blank = blank_input(ready, input_size, min(2, ready.batch_size or 2))
    collector = _Collector(ready, _Reductions(reduce), None, Budget(MEMORY, None), None)
    try:
        with seeded(0), warnings.catch_warnings():
            warnings.simplefilter("ignore", ToposcopeWarning)  # modules that never run are no news in a listing
            _run(ready, load_inputs([blank]), layers, 1, None, None, collector, None)
            collector.report_unheard(layers)
            return collector.layer_infos()
    finally:
        collector.close()


def _network(model: Any, name: str | None, seed: int) -> Network:
    """`model` as a Network whose module is not wrapped for parallel or compiled running."""
    torch = import_torch("extract()")
    if isinstance(model, (str, os.PathLike)):
        network = load_network(os.fspath(model), seed=seed)
    elif isinstance(model, Network):
        network = model
    elif isinstance(model, torch.nn.Module):
        network = Network(model, type(unwrapped(model)).__name__)
    else:
        raise InputError(f"model of type {type(model).__name__} is not understood; pass a torch module or {FORMS}")
    return dataclasses.replace(network, module=unwrapped(network.module), name=name or network.name)


class _Reductions:
    """The reduction of each layer: one for all, or that of the first pattern in a dict that means it, else 'auto'."""

    def __init__(self, how: Reductions) -> None:
        table = how if isinstance(how, Mapping) else {"**": how}
        self._table = {pattern: reduce.check_reduction(value) for pattern, value in table.items()}

    def __call__(self, layer: str) -> str:
        return next((how for pattern, how in self._table.items() if matches(pattern, layer)), "auto")


# --- the pass ---------------------------------------------------------------------------------------------------------


def _run(
    network: Network,
    data: Inputs,
    layers: str | Sequence[str],
    batch_size: int,
    device: str | torch.device | None,
    precision: str | None,
    collector: _Collector,
    progress: Callable[[int, int | None], None] | None,
    seed: int = 0,
    span: range | None = None,
) -> None:
    """Run the inputs through the network once, the collector listening. span: only batches that begin in it."""
    import torch

    module = network.module
    selection = taps.select(module, layers, network.presets)
    done = 0
    with contextlib.ExitStack() as stack:
        place = stack.enter_context(placed(module, device))
        tapped = stack.enter_context(taps.Taps(module, selection, collector.receive))
        stack.enter_context(collector.patches_counted())
        # Not inference_mode: what a network caches in its buffers meanwhile must stay usable for training.
        stack.enter_context(torch.no_grad())
        if precision is not None:
            stack.enter_context(torch.autocast(place.type, getattr(torch, precision)))
        cast = caster(module, place)
        for batch in _seeded_batches(data, batch_size, network, seed, span):
            tapped.next_batch()
            collector.next_batch(batch)
            tensors = cast(batch.tensors)
            try:
                module(**tensors) if isinstance(tensors, dict) else module(tensors)
            except (RuntimeError, ValueError, TypeError, AssertionError, IndexError, AttributeError) as error:
                if done or (span is not None and span.start) or isinstance(error, InputError):
                    raise
                raise _refused(network, tensors, error) from error
            if not done:
                _keep_stage_ends(module, selection, collector)
            done += len(batch)
            if progress is not None:
                progress(done, data.count if span is None else len(span))
    if not done and span is None:
        raise InputError(f"{data.name} holds no inputs; pass at least one")
    collector.silent = selection.expected - tapped.ran


def _seeded_batches(data: Inputs, batch_size: int, network: Network, seed: int, span: range | None) -> Iterator[Batch]:
    """The batches, each with random numbers of its own, which do not depend on how many came before in this pass."""
    batches = data.batches(batch_size, network.preprocess, span)
    place = 0 if span is None else -(-span.start // batch_size) * batch_size
    while True:
        reseed(seed, place)
        batch = next(batches, None)
        if batch is None:
            return
        yield batch
        place += len(batch)


def _keep_stage_ends(module: torch.nn.Module, selection: taps.Selection, collector: _Collector) -> None:
    """After the first batch the shapes tell where stages end: drop the blocks in between."""
    candidates = collector.grids({selection.modules[name] for name in selection.stages})
    ends = taps.stage_ends(candidates)
    named = taps.stage_names(module, ends)
    collector.stages = dict(named)
    if set(named.values()) & (set(selection.modules) - set(ends)):
        named = {end: end for end in ends}  # the stages' own names are asked for as layers too
    for layer, *_ in candidates:
        if layer not in ends:
            collector.drop(layer)
    for end, stage in named.items():
        if end != stage:
            collector.rename(end, stage, module.get_submodule(stage))


def _refused(network: Network, tensors: Any, error: Exception) -> InputError:
    """The network's own complaint about its first batch, and what might mend it."""
    parts = tensors if isinstance(tensors, dict) else {"": tensors}
    shapes = ", ".join(f"{name} {tuple(part.shape)}".strip() for name, part in parts.items() if hasattr(part, "shape"))
    if network.input_size is not None:
        size = "×".join(map(str, network.input_size))
        mend = f"it takes {size}: pass images (a folder, or uint8 (n, h, w, 3)), which are preprocessed, or such arrays"
    else:
        mend = "pass inputs of the shape that it takes, or preprocess= for images"
    return InputError(f"{network.name} failed on its first batch, {shapes}: {one_line(error)}; {mend}")


class _Collector(Layers):
    """Reduces every output that a tap gives, while it is fresh, and holds only the vectors."""

    def __init__(
        self, network: Network, how: _Reductions, count: int | None, budget: Budget, precision: str | None
    ) -> None:
        half = precision == "float16" or any(str(one.dtype) == "torch.float16" for one in network.module.parameters())
        super().__init__(About(network.name, network.checkpoint, network.seed, half), count, budget)
        self._network, self._how = network, how
        self._class_token = network.class_token
        if self._class_token is None:
            self._class_token = taps.class_token(network.module)
        self._layouts = taps.Layouts(network.module, network.channels_last)
        self._sequence_first = taps.sequence_first(network.module)
        self._unwanted: set[str] = set()
        self._batch = Batch(None, np.arange(0))
        self._patches: int | None = None

    def next_batch(self, batch: Batch) -> None:
        """From here on outputs belong to this batch."""
        self._batch = batch
        self.inputs += len(batch)

    @contextlib.contextmanager
    def patches_counted(self) -> Iterator[None]:
        """Watch the patches of a network with a class token: as many tokens as patches are tokens without it."""
        convolution = taps.patch_convolution(self._network.module) if self._class_token else None
        if convolution is None:
            yield
            return

        def count(module: Any, arguments: Any, output: Any) -> None:
            self._patches = int(np.prod(output.shape[2:]))

        handle = convolution.register_forward_hook(count)
        try:
            yield
        finally:
            handle.remove()

    def receive(self, layer: str, module: torch.nn.Module, output: Any) -> None:
        """Reduce one output of `layer` and add its rows."""
        if layer in self._unwanted or layer in self.unusable:
            return
        tensor, where = reduce.first_tensor(output)
        usable = self._with_inputs_first(tensor, module)
        if isinstance(usable, str):
            self.refuse(layer, usable)
            return
        channels_last = self._layouts.channels_last(module, usable.ndim)
        how = self._how(layer)
        has_token = bool(self._class_token) and (self._patches is None or usable.shape[1:2] > (self._patches,))
        reduced = reduce.reduce_activation(
            usable, how, channels_last=channels_last, class_token=has_token, mask=self._batch.mask, layer=layer
        )
        shape = tuple(usable.shape[1:])
        if layer not in self.layers:
            told = f"{where}: {reduced.how}" if where else reduced.how
            rows = Rows(layer, self.budget, self.count)
            grid, channels = reduce.positions(shape, channels_last)
            self.layers[layer] = Layer(shape, told, _kind(module), rows, module, grid, channels)
            if how == "cls" and usable.ndim == 3 and not has_token:
                self.misread.append(layer)
        self.layers[layer].saw(shape)
        per_input = None if reduced.per_input is None else reduced.per_input.cpu().numpy()
        self.layers[layer].rows.append(reduced.rows.cpu().numpy(), self._batch.ids, self._batch.labels, per_input)

    def _with_inputs_first(self, tensor: torch.Tensor | None, module: torch.nn.Module) -> torch.Tensor | str:
        """The tensor with one row per input, or why there is none."""
        n = len(self._batch)
        if tensor is None:
            return "gives no tensor"
        if not tensor.is_floating_point() or tensor.is_sparse or tensor.ndim == 0:
            return f"gives a tensor of {str(tensor.dtype).removeprefix('torch.')}, shape {tuple(tensor.shape)}"
        if self._sequence_first and tensor.ndim == 3 and tensor.shape[1] == n:
            if tensor.shape[0] != n or getattr(module, "batch_first", True) is False:
                return tensor.transpose(0, 1)
            return f"gives {tuple(tensor.shape)}, as many tokens as inputs, in either order: use another batch_size"
        if len(tensor) != n:
            return f"gives {tuple(tensor.shape)} for {n} inputs"
        return tensor

    def grids(self, modules: Container[torch.nn.Module]) -> list[tuple[str, tuple[int, ...], int]]:
        """(layer, sizes of its axes of positions, channels) for the outputs of `modules`, in order of execution."""
        return [(name, layer.grid, layer.channels) for name, layer in self.layers.items() if layer.module in modules]

    def drop(self, layer: str) -> None:
        """Forget a layer and don't listen to it any more."""
        self._unwanted.add(layer)
        if layer in self.layers:
            self.layers.pop(layer).rows.discard()

    def rename(self, layer: str, name: str, module: torch.nn.Module) -> None:
        """Let the result say `name`, and the type of `module`, for a layer."""
        self.names[layer] = name
        self.layers[layer].kind = _kind(module)

    def layer_infos(self) -> list[LayerInfo]:
        """What was heard, in order of execution."""
        return [
            LayerInfo(self.names.get(name, name), layer.kind, layer.shape, layer.rows.width or 0, layer.how)
            for name, layer in self.usable.items()
        ]


def _kind(module: torch.nn.Module) -> str:
    """The module's type, or the operator of an ONNX node."""
    return str(getattr(module, "op_type", type(module).__name__))
