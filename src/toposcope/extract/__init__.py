"""Networks + inputs → representations: every layer of a network as a point cloud, in one pass.

`extract` is the job; `load_network` and `load_inputs` read the names it takes; `network_layers` lists what it can tap.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import warnings
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from toposcope import _check
from toposcope._errors import ActivationError, InputError, LayerError, ToposcopeWarning
from toposcope.extract import reduce, taps
from toposcope.extract.inputs import Batch, Inputs, load_inputs
from toposcope.extract.models import load_network, weights_digest, weights_file
from toposcope.extract.network import (
    FORMS,
    Network,
    blank_input,
    caster,
    placed,
    seeded,
    unwrapped,
)
from toposcope.extract.packages import import_torch
from toposcope.extract.patterns import matches
from toposcope.extract.rows import Budget, FileNames, Rows, all_equal
from toposcope.representation import Representation, Source, first_equal_rows

if TYPE_CHECKING:
    import torch

__all__ = [
    "Batch",
    "FileNames",
    "Inputs",
    "LayerInfo",
    "Network",
    "extract",
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
            _run(network, data, layers, batch_size, device, precision, collector, progress)
            return collector.finish(data.name)
        finally:
            collector.close()


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
) -> None:
    """Run the inputs through the network once, the collector listening."""
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
        for batch in data.batches(batch_size, network.preprocess):
            tapped.next_batch()
            collector.next_batch(batch)
            tensors = cast(batch.tensors)
            try:
                module(**tensors) if isinstance(tensors, dict) else module(tensors)
            except (RuntimeError, ValueError, TypeError, AssertionError, IndexError, AttributeError) as error:
                if done or isinstance(error, InputError):
                    raise
                raise _refused(network, tensors, error) from error
            if not done:
                _keep_stage_ends(module, selection, collector)
            done += len(batch)
            if progress is not None:
                progress(done, data.count)
    if not done:
        raise InputError(f"{data.name} holds no inputs; pass at least one")
    collector.report_unheard(selection, tapped.ran, layers)


def _keep_stage_ends(module: torch.nn.Module, selection: taps.Selection, collector: _Collector) -> None:
    """After the first batch the shapes tell where stages end: drop the blocks in between."""
    candidates = collector.grids({selection.modules[name] for name in selection.stages})
    ends = taps.stage_ends(candidates)
    named = taps.stage_names(module, ends)
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
    return InputError(f"{network.name} failed on its first batch, {shapes}: {_first_line(error)}; {mend}")


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]


@dataclasses.dataclass
class _Layer:
    """What is known of one layer since its first output."""

    module: torch.nn.Module
    shape: tuple[int, ...]
    grid: tuple[int, ...]
    channels: int
    how: str
    rows: Rows

    @property
    def kind(self) -> str:
        """The module's type, or the operator of an ONNX node."""
        return str(getattr(self.module, "op_type", type(self.module).__name__))


class _Collector:
    """Reduces every output that a tap gives, while it is fresh, and holds only the vectors."""

    def __init__(
        self, network: Network, how: _Reductions, count: int | None, budget: Budget, precision: str | None
    ) -> None:
        self._network, self._how, self._count, self._budget, self._precision = network, how, count, budget, precision
        self._class_token = network.class_token
        if self._class_token is None:
            self._class_token = taps.class_token(network.module)
        self._layouts = taps.Layouts(network.module, network.channels_last)
        self._sequence_first = taps.sequence_first(network.module)
        self._layers: dict[str, _Layer] = {}
        self._names: dict[str, str] = {}
        self._unwanted: set[str] = set()
        self._unusable: dict[str, str] = {}
        self._misread: list[str] = []
        self._batch = Batch(None, np.arange(0))
        self._inputs = 0
        self._patches: int | None = None

    def next_batch(self, batch: Batch) -> None:
        """From here on outputs belong to this batch."""
        self._batch = batch
        self._inputs += len(batch)

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
        if layer in self._unwanted or layer in self._unusable:
            return
        tensor, where = reduce.first_tensor(output)
        usable = self._with_inputs_first(tensor, module)
        if isinstance(usable, str):
            self._unusable[layer] = usable
            if layer in self._layers:
                self._layers[layer].rows.discard()
            return
        channels_last = self._layouts.channels_last(module, usable.ndim)
        how = self._how(layer)
        has_token = bool(self._class_token) and (self._patches is None or usable.shape[1:2] > (self._patches,))
        reduced = reduce.reduce_activation(
            usable, how, channels_last=channels_last, class_token=has_token, mask=self._batch.mask, layer=layer
        )
        if layer not in self._layers:
            shape = tuple(usable.shape[1:])
            told = f"{where}: {reduced.how}" if where else reduced.how
            rows = Rows(layer, self._budget, self._count)
            self._layers[layer] = _Layer(module, shape, *reduce.positions(shape, channels_last), told, rows)
            if how == "cls" and usable.ndim == 3 and not has_token:
                self._misread.append(layer)
        elif self._layers[layer].shape != usable.shape[1:] and not self._layers[layer].how.endswith("vary)"):
            self._layers[layer].how += " (sizes vary)"
        per_input = None if reduced.per_input is None else reduced.per_input.cpu().numpy()
        self._layers[layer].rows.append(reduced.rows.cpu().numpy(), self._batch.ids, self._batch.labels, per_input)

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
        return [(name, layer.grid, layer.channels) for name, layer in self._layers.items() if layer.module in modules]

    def drop(self, layer: str) -> None:
        """Forget a layer and don't listen to it any more."""
        self._unwanted.add(layer)
        if layer in self._layers:
            self._layers.pop(layer).rows.discard()

    def rename(self, layer: str, name: str, module: torch.nn.Module) -> None:
        """Let the result say `name`, and the type of `module`, for a layer."""
        self._names[layer] = name
        self._layers[layer].module = module

    def close(self) -> None:
        """Let go of everything that wasn't handed out."""
        for layer in self._layers.values():
            layer.rows.discard()

    def report_unheard(self, selection: taps.Selection, ran: set[str], layers: object) -> None:
        """Name the modules that never ran and those without one row per input; LayerError if nothing else is left."""
        silent = sorted(selection.expected - ran)
        lost = [f"{layer} {reason}" for layer, reason in self._unusable.items()]
        if not set(self._layers) - set(self._unusable):
            told = "; ".join([*(["never run: " + _some(silent)] if silent else []), *lost[:3]])
            raise LayerError(
                f"layers={layers!r} matches modules, but none gives one row per input ({told}); name others"
            )
        if silent:
            _warn(f"{self._network.name}: {len(silent)} module(s) match but never run: {_some(silent)}")
        if lost:
            told = _some(lost, "; ")
            _warn(f"{self._network.name}: {len(lost)} layer(s) without one row per input are left out: {told}")
        if self._misread:
            _warn(
                f"{self._network.name} has no class token; reduce='cls' took the first token of {_some(self._misread)}"
            )

    def layer_infos(self) -> list[LayerInfo]:
        """What was heard, in order of execution."""
        return [
            LayerInfo(self._names.get(name, name), layer.kind, layer.shape, layer.rows.width or 0, layer.how)
            for name, layer in self._layers.items()
            if name not in self._unusable
        ]

    def finish(self, data: str) -> dict[str, Representation]:
        """The representations, after a warning for each layer that is constant or repeats rows.

        Raises ActivationError for layers with values that are NaN or infinite; the others are its `finished`.
        """
        finished: dict[str, Representation] = {}
        broken: list[str] = []
        heard = {name: layer for name, layer in self._layers.items() if name not in self._unusable}
        overflow = False
        for position, (key, layer) in enumerate(heard.items()):
            name, rows = self._names.get(key, key), layer.rows
            if rows.broken:
                overflow |= rows.infinite
                broken.append(f"{name} ({rows.broken} values, first in input {rows.first_broken!r})")
                continue
            source = Source(
                network=self._network.name,
                checkpoint=self._network.checkpoint,
                layer=name,
                reduction=layer.how,
                data=data,
                seed=self._network.seed,
                position=position,
                depth=position / max(1, len(heard) - 1),
                shape=layer.shape,
                module=layer.kind,
            )
            ids, labels = rows.columns()
            finished[name] = Representation(rows.finish(), ids, labels, source)
            if rows.inputs < self._inputs:
                _warn(f"{finished[name].name} ran for only {rows.inputs} of {self._inputs} inputs")
            _report_degenerate(finished[name])
        if broken:
            half = self._precision == "float16" or self._computes_in_half()
            if half and overflow:
                cause = "float16 overflowed beyond 65504: use precision='bfloat16' or None"
            elif half:
                cause = "float16 may have overflowed inside them: try precision='bfloat16' or None"
            else:
                cause = "look for such values in the inputs and the weights"
            raise ActivationError(
                f"{self._network.name}: {len(broken)} layer(s) hold values that are NaN or infinite: {_some(broken)}; "
                f"{cause}; the other {len(finished)} layer(s) are in this error's .finished",
                finished,
            )
        return finished

    def _computes_in_half(self) -> bool:
        return any(str(weight.dtype) == "torch.float16" for weight in self._network.module.parameters())


def _report_degenerate(representation: Representation) -> None:
    """Warn of a constant layer or, where rows are inputs, of duplicate rows."""
    points, ids = representation.points, representation.sample_ids
    if len(points) < 2:
        return
    if all_equal(points):
        _warn(f"{representation.name} is constant: all of its {len(points)} rows are equal")
        return
    repeated = np.flatnonzero(first_equal_rows(points) < np.arange(len(points)))
    if len(repeated):
        _warn(
            f"{representation.name} has duplicates: {len(repeated)} of its {len(points)} rows repeat an earlier one, "
            f"first {ids[repeated[0]].item()!r}"
        )


def _warn(message: str) -> None:
    warnings.warn(message, ToposcopeWarning, stacklevel=5)


def _some(names: Sequence[str], separator: str = ", ", most: int = 6) -> str:
    return separator.join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
