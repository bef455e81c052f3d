"""The probe: fixed inputs, and a look at a network on them that leaves no trace in its training."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import random
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from toposcope._errors import InputError, ToposcopeWarning
from toposcope._types import Array
from toposcope.cloud import disjoint_draws
from toposcope.extract import Inputs, extract, load_inputs
from toposcope.representation import Representation

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch


@dataclasses.dataclass(frozen=True, eq=False)
class _Held:
    """Inputs in memory, as the network takes them. tensors: (n, ...) or a dict of them."""

    tensors: Any

    def batch(self, rows: Array, preprocess: Callable[[Any], Any] | None) -> Any:
        if isinstance(self.tensors, dict):
            return {name: tensor[rows] for name, tensor in self.tensors.items()}
        return self.tensors[rows]

    def pictures(self, rows: Array) -> list[Any]:
        raise InputError("the inputs of a probe are held as the network takes them, not as images")

    def digest(self) -> Any:
        digest = hashlib.sha256()
        parts = self.tensors if isinstance(self.tensors, dict) else {"": self.tensors}
        for name in sorted(parts):
            digest.update(name.encode() + _bytes(parts[name]))
        return digest


class Probe:
    """The same rows of the same inputs, at every check.

    name: in tables. inputs: what `load_inputs` takes. Of these, `draws` disjoint draws of `size` are read once, by the
    hash that decides every draw, and held in memory; the rest is never looked at. source: the inputs' name where they
    can be had again by it. Raises InputError for too few inputs, and as `load_inputs` does.
    """

    def __init__(
        self,
        name: str,
        inputs: Any,
        size: int,
        draws: int,
        seed: int,
        batch_size: int,
        preprocess: Callable[[Any], Any] | None,
    ) -> None:
        self.name = name
        self._batch_size = batch_size
        self._given = inputs
        with random_states_kept():  # a loader that shuffles draws from torch's
            loaded = load_inputs(inputs, preprocess=preprocess)
            if loaded.ids is None:
                loaded = _gathered(loaded)
            assert loaded.ids is not None
            try:
                chosen = np.sort(np.concatenate(disjoint_draws(loaded.ids, size, draws, seed)))
            except InputError as error:
                raise InputError(f"{name} probe: {error}") from None
            self._content = _content(inputs)
            assert loaded.rows is not None
            tensors = _joined(
                [
                    loaded.rows.batch(chosen[start : start + batch_size], loaded.preprocess)
                    for start in range(0, len(chosen), batch_size)
                ]
            )
        labels = None if loaded.labels is None else loaded.labels[chosen]
        self.inputs = dataclasses.replace(
            loaded, rows=_Held(tensors), ids=loaded.ids[chosen], labels=labels, preprocess=None
        )
        self.source = str(inputs) if isinstance(inputs, str) else None

    @property
    def ids(self) -> Array:
        """(n,) ids of the rows that are held."""
        assert self.inputs.ids is not None
        return self.inputs.ids

    def rename(self) -> None:
        """Let every id name its probe, where two probes number their inputs alike."""
        ids = np.array([f"{self.name}:{entry}" for entry in self.ids.tolist()])
        self.inputs = dataclasses.replace(self.inputs, ids=ids)
        self.source = None

    def digest(self) -> str:
        """sha256 of what is held, in hex."""
        return self.inputs.digest()

    def check_same(self, inputs: Any) -> None:
        """Raise InputError where `inputs`, given again, are not those that the probe was made from."""
        named = isinstance(inputs, str) and isinstance(self._given, str) and inputs == self._given
        content = None if named else _content(inputs)
        if not (named or inputs is self._given if content is None else content == self._content):
            raise InputError(
                f"the {self.name} probe has changed: a monitor looks at the same inputs at every check, or its "
                "distances would be those between inputs; give them once, as inputs=, or the same array each time"
            )

    def look(
        self, module: torch.nn.Module, layers: str | Sequence[str], reduce: str | Mapping[str, str], name: str
    ) -> tuple[dict[str, Representation], list[str]]:
        """Layer → representation, and what `extract` warned of. The training is left as if nothing had happened.

        Raises what `extract` does, and InputError for a module whose parameters its first batch has yet to make.
        """
        with untouched(module), warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            found = extract(module, self.inputs, layers, reduce, self._batch_size, name=name)
        said = [str(warning.message) for warning in caught if issubclass(warning.category, ToposcopeWarning)]
        return found, said


@contextlib.contextmanager
def random_states_kept() -> Iterator[None]:
    """The random states of torch on every device in use, numpy and Python, as they were."""
    import torch

    python, legacy = random.getstate(), np.random.get_state()
    host = torch.random.get_rng_state()
    # Only what is in use already: to ask a device for its state would start it.
    cuda: Any = torch.cuda
    on_cuda = [cuda.get_rng_state(k) for k in range(cuda.device_count())] if cuda.is_initialized() else []
    on_mps = torch.mps.get_rng_state() if torch.backends.mps.is_available() else None
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(legacy)
        torch.random.set_rng_state(host)
        for k, state in enumerate(on_cuda):
            cuda.set_rng_state(state, k)
        if on_mps is not None:
            torch.mps.set_rng_state(on_mps)


@contextlib.contextmanager
def untouched(module: torch.nn.Module) -> Iterator[None]:
    """Inside, a network may run; at the end random states and buffers are as they were, to the bit.

    Modes of submodules, hooks, gradients and the device are `extract`'s to keep. Inside, automatic mixed precision is
    off, so that its cache of cast weights is not filled or used.

    Raises InputError for parameters that the first batch has yet to make.
    """
    import torch

    lazy = [name for name, weight in module.named_parameters() if torch.nn.parameter.is_lazy(weight)]
    if lazy:
        raise InputError(
            f"{lazy[0]} has no shape before the first batch, and a check would make it; take the first step of the "
            "monitor after one batch has passed through the network"
        )
    kept = [
        (part, name, buffer, None if buffer is None else buffer.detach().clone())
        for part in module.modules()
        for name, buffer in part._buffers.items()
    ]
    devices = {"cpu"} | {weight.device.type for weight in module.parameters()}
    with contextlib.ExitStack() as stack:
        stack.enter_context(random_states_kept())
        for device in sorted(devices):
            if torch.is_autocast_enabled(device):
                stack.enter_context(torch.autocast(device, enabled=False))
        try:
            yield
        finally:
            with torch.no_grad():
                for part, name, buffer, content in kept:
                    if part._buffers.get(name) is not buffer:
                        part._buffers[name] = buffer
                    if buffer is not None and content is not None and not _same_bits(buffer, content):
                        buffer.copy_(content)


def _same_bits(a: torch.Tensor, b: torch.Tensor) -> bool:
    """NaN equals NaN: a buffer that holds one has not changed for that."""
    import torch

    return bool(torch.equal(a, b)) or (a.is_floating_point() and bool(torch.equal(a.isnan(), b.isnan())) and
                                       bool(torch.equal(a.nan_to_num(), b.nan_to_num())))  # fmt: skip


def _gathered(stream: Inputs) -> Inputs:
    """A stream, read once."""
    batches = list(stream.batches())
    if not batches:
        raise InputError(f"{stream.name} holds no inputs; pass some as a probe")
    labels = [batch.labels for batch in batches if batch.labels is not None]
    return Inputs(
        stream.name,
        _Held(_joined([batch.tensors for batch in batches])),
        np.concatenate([batch.ids for batch in batches]),
        np.concatenate(labels) if len(labels) == len(batches) else None,
    )


def _joined(batches: Sequence[Any]) -> Any:
    """(n, ...) copies on the CPU: the caller may go on to write into its own."""
    import torch

    if isinstance(batches[0], dict):
        return {name: _joined([batch[name] for batch in batches]) for name in batches[0]}
    try:
        return torch.cat([torch.as_tensor(batch).detach().cpu() for batch in batches]).clone()
    except RuntimeError as error:
        raise InputError(
            f"the inputs of a probe must all have one shape ({error}); preprocess them to one, or pad them"
        ) from None


def _content(inputs: Any) -> str | None:
    """A hash of an array, a tensor or a dict of them; None where only its identity can tell inputs apart."""
    if isinstance(inputs, Mapping):
        parts = {str(name): _content(value) for name, value in inputs.items()}
        if any(part is None for part in parts.values()):
            return None
        return hashlib.sha256(repr(sorted(parts.items())).encode()).hexdigest()
    if hasattr(inputs, "shape") and hasattr(inputs, "dtype"):
        return hashlib.sha256(_bytes(inputs)).hexdigest()
    return None


def _bytes(value: Any) -> bytes:
    import torch

    if isinstance(value, torch.Tensor):
        tensor = value.detach().cpu().contiguous()
        return f"{tensor.dtype} {tuple(tensor.shape)}".encode() + tensor.reshape(-1).view(torch.uint8).numpy().tobytes()
    array = np.ascontiguousarray(value)
    return f"{array.dtype} {array.shape}".encode() + array.tobytes()
