"""Training the demo's networks: tasks whose artefacts are the weights at every checkpoint.

One numerical thread and fixed seeds: the same weights, to the bit, on the same machine and versions.
"""

from __future__ import annotations

import dataclasses
import functools
import importlib
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from toposcope._types import Array
from toposcope.store import Store, key_of
from toposcope.study.tasks import installed_versions

SCHEMA = 1


@dataclasses.dataclass(frozen=True)
class Training:
    """Train one network on the digits of some classes, from random weights or from those of another training.

    factory: MODEL without weights. checkpoints: epochs whose weights are kept; 0 is before the first step.
    base: the training whose last weights are the start; its last layer is replaced by a new one.
    """

    uses_torch: ClassVar[bool] = True

    name: str
    factory: str
    classes: tuple[int, ...]
    epochs: int
    rate: float
    batch: int
    checkpoints: tuple[int, ...]
    seed: int = 0
    base: Training | None = None

    @functools.cached_property
    def key(self) -> str:
        """Of the weights: every setting, and the version of torch."""
        settings = dataclasses.asdict(self)
        return key_of("weights", schema=SCHEMA, settings=settings, versions=installed_versions("torch", "scikit-learn"))

    @property
    def title(self) -> str:
        """For progress and failures."""
        return f"training of {self.name}"

    def perform(self, store: Store, progress: Callable[[int, int | None], None] | None = None) -> None:
        """Train, and keep the weights of every checkpoint."""
        import torch

        from toposcope.extract import load_inputs

        batch = next(load_inputs("digits:train").batches(batch_size=2000))
        labels = np.asarray(batch.labels)
        rows = np.isin(labels, self.classes)
        images = batch.tensors[torch.as_tensor(rows)]
        targets = torch.as_tensor(np.searchsorted(self.classes, labels[rows]))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            module, name = self.factory.split(":")
            network = getattr(importlib.import_module(module), name)()
            if self.base is not None:
                _start_from(network, read_weights(store, self.base, self.base.epochs))
            kept = self._descend(network, images, targets, progress)
        store.write(self.key, kept)

    def _descend(
        self, network: Any, images: Any, targets: Any, progress: Callable[[int, int | None], None] | None
    ) -> dict[str, Array]:
        import torch

        optimiser = torch.optim.AdamW(network.parameters(), lr=self.rate, weight_decay=0.01)
        steps = self.epochs * -(-len(images) // self.batch)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, self.rate, total_steps=steps, pct_start=0.2)
        kept = _weights(network, 0) if 0 in self.checkpoints else {}
        for epoch in range(1, self.epochs + 1):
            network.train()
            order = torch.randperm(len(images))
            for start in range(0, len(images), self.batch):
                rows = order[start : start + self.batch]
                loss = torch.nn.functional.cross_entropy(network(images[rows]), targets[rows])
                optimiser.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                optimiser.step()
                schedule.step()
            if epoch in self.checkpoints:
                kept.update(_weights(network, epoch))
            if progress is not None:
                progress(epoch, self.epochs)
        return kept


def _weights(network: Any, epoch: int) -> dict[str, Array]:
    return {f"{epoch}/{name}": tensor.detach().numpy().copy() for name, tensor in network.state_dict().items()}


def _start_from(network: Any, weights: dict[str, Array]) -> None:
    """Load all but the last layer, which stays new: it is the last two entries, its weight and its bias."""
    import torch

    state = network.state_dict()
    for name in list(state)[:-2]:
        state[name] = torch.from_numpy(weights[name])
    network.load_state_dict(state)


def read_weights(store: Store, training: Training, epoch: int) -> dict[str, Array]:
    """The weights of one checkpoint, by parameter. Raises FileError."""
    prefix = f"{epoch}/"
    return {
        name.removeprefix(prefix): np.asarray(array)
        for name, array in store.read(training.key).items()
        if name.startswith(prefix)
    }
