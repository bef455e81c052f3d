"""Presets and patterns → forward hooks, and what a module tells about the tensor that it gives.

Everything here looks at module names, class names and the tree of modules, so it serves any network.
"""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any

from toposcope._errors import LayerError, close_names
from toposcope.extract.patterns import matching

if TYPE_CHECKING:
    import torch

PRESETS = ("stages", "blocks", "all")
OUTPUT = "output"


# --- selection --------------------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Selection:
    """The modules to tap, by name.

    modules: name → module. stages: the blocks among them of which only the ends of stages stay, known once they have
    run. expected: the modules that a reader would miss if they never ran. output: whether the network's own output is
    a layer too.
    """

    modules: dict[str, torch.nn.Module]
    stages: frozenset[str]
    expected: frozenset[str]
    output: bool


def select(module: torch.nn.Module, layers: str | Sequence[str], presets: bool = True) -> Selection:
    """The modules that patterns and presets mean, the root left out.

    presets: False for a network whose modules don't show its blocks, as in an ONNX graph.
    Raises LayerError for a pattern that yields nothing, with close names.
    """
    patterns = [layers] if isinstance(layers, str) else list(layers)
    if not patterns or not all(isinstance(pattern, str) and pattern for pattern in patterns):
        raise LayerError(f"layers={layers!r} names no layer; use patterns such as 'layer*', or {', '.join(PRESETS)}")
    known = {name: part for name, part in module.named_modules() if name and _can_run(part)}
    chosen: set[str] = set()
    candidates: set[str] = set()
    unexpected: set[str] = set()
    for pattern in patterns:
        if pattern in ("blocks", "stages"):
            if not presets:
                raise LayerError(
                    f"layers={pattern!r}: an ONNX graph doesn't say where its {pattern} end; "
                    "name nodes by pattern ('**Relu*', 're:.*/Add'), or use 'all'"
                )
            found = blocks(module)
            if not found:
                raise LayerError(
                    f"layers={pattern!r}: {type(module).__name__} has no repeated blocks and no convolution units; "
                    f"name its layers{close_names(pattern, known)}"
                )
            (chosen if pattern == "blocks" else candidates).update(found)
        elif pattern == "all":
            leaves = {name for name, part in known.items() if not any(True for _ in part.children())}
            unexpected |= leaves - chosen
            chosen |= leaves
        elif pattern != OUTPUT or OUTPUT in known:
            named = matching(pattern, known)
            if not named:
                raise LayerError(f"layers={pattern!r} matches no module{close_names(pattern, known)}")
            unexpected -= named
            chosen |= named
    return Selection(
        {name: part for name, part in known.items() if name in chosen or name in candidates},
        frozenset(candidates - chosen),
        frozenset(chosen - unexpected),
        OUTPUT in patterns and OUTPUT not in known,
    )


def _can_run(module: torch.nn.Module) -> bool:
    """Lists and dicts of modules have no forward of their own."""
    return getattr(type(module).forward, "__name__", "") != "_forward_unimplemented"


# --- presets ----------------------------------------------------------------------------------------------------------


def blocks(module: torch.nn.Module) -> list[str]:
    """Names of the residual or transformer blocks, else of the activations that end each convolution unit (VGG).

    A block is a module of several weighted layers that stands in a list of modules, or whose class occurs again. One
    whose weights lie mostly in a list of blocks inside it is a stage, and its blocks are taken instead.
    """
    names = {part: name for name, part in module.named_modules()}
    classes = Counter(type(part) for part in names)
    found = list(_blocks_below(module, classes))
    if not any(classes[type(block)] > 1 for block in found):
        found = _convolution_units(module) or found
    return [names[block] for block in found]


def _blocks_below(module: torch.nn.Module, classes: Counter[type]) -> Iterator[torch.nn.Module]:
    for child in module.children():
        inside = list(_blocks_below(child, classes))
        in_list = _is_list(module) or classes[type(child)] > 1
        whole = not _is_list(child) and any(True for _ in child.children()) and _weighted_layers(child) > 1
        if in_list and whole and not _is_stage(child, inside):
            yield child
        else:
            yield from inside


def _is_stage(module: torch.nn.Module, inside: list[torch.nn.Module]) -> bool:
    listed = {part for parent in module.modules() if _is_list(parent) for part in parent.children()}
    held = sum(_size(block) for block in inside if block in listed)
    return 2 * held > _size(module)


def _is_list(module: torch.nn.Module) -> bool:
    from torch import nn

    return isinstance(module, (nn.Sequential, nn.ModuleList, nn.ModuleDict))


def _weighted_layers(module: torch.nn.Module) -> int:
    return sum(parameter.ndim >= 2 for parameter in module.parameters())


def _size(module: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def _convolution_units(module: torch.nn.Module) -> list[torch.nn.Module]:
    """The activation after each convolution, with at most a normalisation or dropout in between.

    Chains (Sequential) come first: fully connected layers are sometimes written as convolutions outside of them.
    """
    chains: list[torch.nn.Module] = []
    others: list[torch.nn.Module] = []
    for parent in module.modules():
        open_unit = False
        for child in parent.children():
            if re.match(r"(Lazy)?Conv[123]d", type(child).__name__):
                open_unit = True
            elif open_unit and _is_activation(child):
                (chains if _is_list(parent) else others).append(child)
                open_unit = False
            elif not re.search(r"Norm|Dropout|Identity", type(child).__name__):
                open_unit = False
    return chains or others


def _is_activation(module: torch.nn.Module) -> bool:
    return any("activation" in kind.__module__ for kind in type(module).__mro__) and not any(
        True for _ in module.children()
    )


def stage_ends(blocks: Sequence[tuple[str, tuple[int, ...], int]]) -> list[str]:
    """Of blocks in order of execution, the last one of each stage.

    blocks: (name, sizes of the axes of positions, number of channels). A stage of a CNN keeps its resolution, or else
    its width; where neither ever changes, as in a transformer, four evenly spaced blocks stand for the stages.
    """
    sizes = [size for _, size, _ in blocks]
    keys: list[Any] = sizes if len(set(sizes)) > 1 else [channels for _, _, channels in blocks]
    if len(set(keys)) > 1:
        return [name for k, (name, *_) in enumerate(blocks) if k + 1 == len(blocks) or keys[k] != keys[k + 1]]
    count = min(4, len(blocks))
    return [blocks[(k + 1) * len(blocks) // count - 1][0] for k in range(count)]


def stage_names(module: torch.nn.Module, ends: Sequence[str]) -> dict[str, str]:
    """End of a stage → the stage's own name, where every end is the last of a Sequential: ``layer1.1`` → ``layer1``."""
    from torch import nn

    parents = {end: end.rpartition(".")[0] for end in ends}
    for end, parent in parents.items():
        holder = module.get_submodule(parent) if parent else module
        children = [name for name, _ in holder.named_children()]
        if not parent or not isinstance(holder, nn.Sequential) or children[-1] != end.rpartition(".")[2]:
            return {end: end for end in ends}
    return parents


# --- what a module tells about its tensor -----------------------------------------------------------------------------

CLASS_TOKENS = {"class_token", "cls_token", "class_embedding"}
TEXT_ENCODERS = {"albert", "bert", "camembert", "deberta", "deberta-v2", "distilbert", "electra", "ernie", "layoutlm",
                 "longformer", "mpnet", "roberta", "xlm-roberta"}  # fmt: skip
"""Model types of transformers whose first token is [CLS] or <s>."""


def class_token(module: torch.nn.Module) -> bool:
    """Whether the network puts a class token in front of its tokens."""
    names = {name.rpartition(".")[2] for name, _ in module.named_parameters()}
    return bool(names & CLASS_TOKENS) or getattr(getattr(module, "config", None), "model_type", None) in TEXT_ENCODERS


def patch_convolution(module: torch.nn.Module) -> torch.nn.Module | None:
    """The convolution that cuts an image into patches: its positions are the tokens before a class token is added."""
    from torch import nn

    for part in module.modules():
        if isinstance(part, nn.Conv2d) and part.kernel_size == part.stride != (1, 1):
            return part
    return None


def sequence_first(module: torch.nn.Module) -> bool:
    """Whether some part of the network takes (t, n, d), the tokens before the inputs."""
    return any(getattr(part, "batch_first", True) is False for part in module.modules())


class Layouts:
    """Where each module's tensor has its channels, read from the modules.

    channels_last: what is known about the whole network; None where nothing is.
    """

    def __init__(self, root: torch.nn.Module, channels_last: bool | None) -> None:
        self._network = channels_last
        self._kinds: dict[torch.nn.Module, set[str]] = {}
        self._gather(root)
        self._spread(root)

    def _gather(self, module: torch.nn.Module) -> set[str]:
        """The kinds of all layers in `module`."""
        kinds = {own} if (own := _kind(module)) else set()
        for child in module.children():
            kinds |= self._gather(child)
        self._kinds[module] = kinds
        return kinds

    def _spread(self, module: torch.nn.Module) -> None:
        """A layer of no kind, an activation say, has that of the layer before it in a chain, else of all around it."""
        before = self._kinds[module]
        for child in module.children():
            self._kinds[child] = self._kinds[child] or before
            if _is_list(module):
                before = self._kinds[child]
            self._spread(child)

    def channels_last(self, module: torch.nn.Module, rank: int) -> bool:
        """Whether `module`'s tensor of this rank ends with its channels, as tokens (n, t, d) do."""
        own, kinds = _kind(module), self._kinds.get(module, set())
        if rank == 3:
            return "last" in kinds or "1d" not in kinds
        if own:
            return own == "last"
        if self._network is not None:
            return self._network
        return kinds == {"last"}


def _kind(module: torch.nn.Module) -> str | None:
    """'last' for layers that act on the last axis, '1d' or '2d' for those that act on the second, else None."""
    name = type(module).__name__
    dims = getattr(module, "dims", None)
    if name == "Permute" and dims is not None:
        return "last" if list(dims) == [0, 2, 3, 1] else "2d"
    if rank := re.search(r"[123]d", name):
        return "1d" if rank[0] == "1d" else "2d"
    if name == "GroupNorm":
        return "2d"
    leaf = not any(True for _ in module.children())
    return "last" if leaf and re.search(r"Linear|LayerNorm|RMSNorm|Conv1D", name) else None


# --- hooks ------------------------------------------------------------------------------------------------------------

Receive = Callable[[str, "torch.nn.Module", Any], None]


class Taps:
    """Forward hooks on the selected modules, as long as the block lasts.

    Inside, the network is in evaluation mode and torch's fused transformer layers, which pass hooks by, are off; at the
    end, however it comes, hooks are off and every submodule is in the
    mode that it was in. receive(layer, module, output) is called while the output is fresh, before anything that
    follows can change it in place. A module that runs again gives ``name_1``, ``name_2``, unless a module is called so.
    """

    def __init__(self, root: torch.nn.Module, selection: Selection, receive: Receive) -> None:
        self._root, self._receive = root, receive
        self._taps = dict(selection.modules)
        self._handles: list[Any] = []
        self._modes: list[tuple[torch.nn.Module, bool]] = []
        self._names = {name for name, _ in root.named_modules()}
        self._calls: Counter[str] = Counter()
        self._output = selection.output
        self._fused = True
        self.ran: set[str] = set()

    def __enter__(self) -> Taps:
        from torch import nn
        from torch.backends import mha

        self._modes = [(part, part.training) for part in self._root.modules()]
        self._fused = mha.get_fastpath_enabled()
        try:
            # The fused attention of other networks is left on: it is faster, and hides no module that would run.
            if any(isinstance(part, (nn.TransformerEncoder, nn.TransformerEncoderLayer)) for part, _ in self._modes):
                mha.set_fastpath_enabled(False)
            # Not eval(): a module's own train() may fold weights into one another (LoRA), which no mode would undo.
            for part, _ in self._modes:
                part.training = False
            for name, part in self._taps.items():
                self._handles.append(part.register_forward_hook(self._hook(name)))
            if self._output:
                self._handles.append(self._root.register_forward_hook(self._hook(OUTPUT)))
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        from torch.backends import mha

        mha.set_fastpath_enabled(self._fused)
        for handle in self._handles:
            handle.remove()
        for part, mode in self._modes:
            part.training = mode

    def next_batch(self) -> None:
        """Count calls anew."""
        self._calls.clear()

    def _hook(self, name: str) -> Callable[[torch.nn.Module, Any, Any], None]:
        def hook(module: torch.nn.Module, arguments: Any, output: Any) -> None:
            self.ran.add(name)
            call = self._calls[name]
            self._calls[name] += 1
            self._receive(name if call == 0 else self._again(name, call), module, output)

        return hook

    def _again(self, name: str, call: int) -> str:
        free = (f"{name}_{k}" for k in range(1, call + len(self._names) + 1) if f"{name}_{k}" not in self._names)
        return next(layer for k, layer in enumerate(free, start=1) if k == call)
