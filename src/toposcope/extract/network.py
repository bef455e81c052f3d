"""A network ready to run, the MODEL name that denotes one, and what is done to it while it runs."""

from __future__ import annotations

import contextlib
import dataclasses
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from toposcope._errors import InputError, one_line

if TYPE_CHECKING:
    import torch


ZOOS = ("torchvision", "timm", "hf")
FORMS = "torchvision:NAME, timm:NAME, hf:NAME, onnx:FILE or package.module:factory, with @pretrained, @random or @FILE"


@dataclasses.dataclass(frozen=True, eq=False)
class Network:
    """A network ready to run, and what a report says about it.

    module: the network. name: for the reader. checkpoint: which weights; None is not known. preprocess: PIL image →
    (C, H, W) tensor or array, as the weights were trained, or None. input_size: (C, H, W) of one input, or None where
    the network doesn't say. seed: of random weights. channels_last: True where 4-D activations are (N, H, W, C);
    None leaves it to the layers. class_token: whether tokens start with one; None leaves it to the module.
    batch_size: the most inputs it takes at once, or None. presets: whether its modules show blocks and stages.
    """

    module: torch.nn.Module
    name: str
    checkpoint: str | None = None
    preprocess: Callable[[Any], Any] | None = None
    input_size: tuple[int, ...] | None = None
    seed: int | None = None
    channels_last: bool | None = None
    class_token: bool | None = None
    batch_size: int | None = None
    presets: bool = True


class Spec(NamedTuple):
    """A MODEL name taken apart. weights: '', 'pretrained', 'random' or a file."""

    source: str
    name: str
    weights: str


def parse_spec(spec: str) -> Spec:
    """Take ``source:name@weights`` apart. Raises InputError when it is no MODEL name."""
    source, colon, rest = spec.partition(":")
    if not colon or not source or not rest.strip("@"):
        raise InputError(f"model {spec!r} is not a MODEL name; use {FORMS}")
    name, _, weights = (rest, "", "") if source == "onnx" else rest.partition("@")
    return Spec(source, name, weights)


def bare(spec: str) -> str:
    """A MODEL name without its weights."""
    return spec.partition("@")[0]


@contextlib.contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed torch, numpy and Python inside the block, and leave their random states as they were."""
    import torch

    python, legacy = random.getstate(), np.random.get_state()
    cuda: Any = torch.cuda
    devices = range(cuda.device_count()) if cuda.is_initialized() else []
    try:
        with torch.random.fork_rng(devices):
            _seed(seed, devices)
            yield
    finally:
        random.setstate(python)
        np.random.set_state(legacy)


def reseed(seed: int, place: int) -> None:
    """Inside `seeded`: random numbers of the batch that begins with input `place`, whatever was drawn before it."""
    import torch

    cuda: Any = torch.cuda
    mixed = int(np.random.SeedSequence([seed, place]).generate_state(1, np.uint64)[0] >> np.uint64(1))
    _seed(seed if place == 0 else mixed, range(cuda.device_count()) if cuda.is_initialized() else ())


def _seed(seed: int, devices: Iterable[int]) -> None:
    import torch

    # Not torch.manual_seed, which also seeds devices whose state nobody keeps, or that are yet to be started.
    torch.default_generator.manual_seed(seed)
    cuda: Any = torch.cuda
    for device in devices:
        cuda.default_generators[device].manual_seed(seed)
    np.random.seed(seed % 2**32)
    random.seed(seed)


def unwrapped(module: torch.nn.Module) -> torch.nn.Module:
    """The module inside DataParallel, DistributedDataParallel and torch.compile, whose hooks and names are its own."""
    from torch import nn

    while True:
        if isinstance(module, (nn.DataParallel, nn.parallel.DistributedDataParallel)):
            module = module.module
        elif isinstance(inner := getattr(module, "_orig_mod", None), nn.Module):
            module = inner
        else:
            return module


@contextlib.contextmanager
def placed(module: torch.nn.Module, device: str | torch.device | None) -> Iterator[torch.device]:
    """Have `module` on `device` inside the block (None: where it is), and back where it was afterwards.

    Raises InputError for a device that isn't there.
    """
    import torch

    weight = next((tensor for tensors in (module.parameters(), module.buffers()) for tensor in tensors), None)
    home = torch.device("cpu") if weight is None else weight.device
    try:
        try:
            place = home if device is None else torch.device(device)
            if place != home:
                module.to(place)
        except (RuntimeError, AssertionError) as error:
            raise InputError(f"device={str(device)!r} cannot be used: {one_line(error)}; use device='cpu'") from error
        yield place
    finally:
        if weight is not None and weight.device != home:
            module.to(home)


def caster(module: torch.nn.Module, device: torch.device) -> Callable[[Any], Any]:
    """A function that brings a batch to `device`, and its floating tensors to the type that the module computes in.

    Integers become floats too, except as token ids: in dicts, and for a module with embeddings.
    """
    import torch

    kinds = (weight.dtype for weight in module.parameters() if weight.is_floating_point())
    dtype = next(kinds, torch.float32)
    takes_ids = any(isinstance(part, torch.nn.Embedding) for part in module.modules())

    def bring(value: Any, keep_integers: bool = takes_ids) -> Any:
        if isinstance(value, dict):
            return {name: bring(part, True) for name, part in value.items()}
        if not isinstance(value, torch.Tensor):
            return value
        return value.to(device) if keep_integers and not value.is_floating_point() else value.to(device, dtype)

    return bring


def blank_input(network: Network, input_size: int | Sequence[int] | None, count: int) -> Any:
    """`count` inputs of zeros, (count, C, H, W), or of token ids for a network of text.

    input_size: (C, H, W), or the side of a square; None is what the network says. Raises InputError when it says none.
    """
    import torch

    if input_size is None and getattr(network.module, "main_input_name", "") == "input_ids":
        return {"input_ids": torch.ones(count, 16, dtype=torch.int64)}
    size = network.input_size if input_size is None else input_size
    if size is None:
        raise InputError(f"{network.name} doesn't say what it takes; give input_size (--input-size): 224 or (C, H, W)")
    if isinstance(size, int):
        convolutions = (part for part in network.module.modules() if isinstance(part, torch.nn.Conv2d))
        channels = network.input_size[0] if network.input_size else next((c.in_channels for c in convolutions), 3)
        size = (channels, size, size)
    if not all(isinstance(length, int) and length > 0 for length in size):
        raise InputError(f"input_size={input_size!r} must be whole numbers above 0: 224 or (C, H, W)")
    return torch.zeros(count, *size)
