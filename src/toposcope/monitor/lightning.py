"""A Lightning callback around a monitor: `monitor.for_lightning()`.

Works with `lightning` and with `pytorch_lightning`, whichever the program has imported. The monitor's state travels in
Lightning's own checkpoints. Where training is spread over processes, the first alone looks: fine for data-parallel
training, where each has the whole network, and not for a network that is itself in parts (FSDP).
"""

from __future__ import annotations

import importlib
import sys
from typing import Any

from toposcope._errors import InputError, MissingDependencyError, close_names
from toposcope.monitor.callbacks import Monitor

PACKAGES = ("lightning.pytorch", "pytorch_lightning")


def callback(monitor: Monitor, module: str | None = None) -> Any:
    """A `Callback` for `Trainer(callbacks=[...])`.

    It looks before the first step, after each that is due, and at the end, where it computes what is left; metrics that
    were logged under a plain name become signals. module: name of the submodule that takes the probe; None is the
    LightningModule itself, whose forward then does. Raises MissingDependencyError.
    """
    base: Any = _package().Callback

    class TopologyCallback(base):  # type: ignore[misc]  # the base is known when the program runs
        """Calls a `TopologyMonitor`."""

        def on_train_start(self, trainer: Any, pl_module: Any) -> None:
            """Look before the first step."""
            if trainer.is_global_zero:
                monitor.check(_part(pl_module, module), step=trainer.global_step)

        def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
            """Look, if it is time to."""
            if trainer.is_global_zero:
                measured = _measured(trainer)
                monitor.step(_part(pl_module, module), step=trainer.global_step, **measured)

        def on_train_end(self, trainer: Any, pl_module: Any) -> None:
            """Look at the end, and compute what is left."""
            if trainer.is_global_zero:
                monitor.check(_part(pl_module, module), step=trainer.global_step, **_measured(trainer))
                monitor.close()

        def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
            """Leave what is there."""
            monitor.close(wait=False)

        def state_dict(self) -> dict[str, Any]:
            """For Lightning's checkpoint."""
            return monitor.state_dict()

        def load_state_dict(self, state_dict: dict[str, Any]) -> None:
            """From Lightning's checkpoint."""
            monitor.load_state_dict(state_dict)

    return TopologyCallback()


def _package() -> Any:
    """The one that is imported already, or else installed: their callbacks are not each other's."""
    for name in sorted(PACKAGES, key=lambda name: name not in sys.modules):
        try:
            return importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name not in (name, name.partition(".")[0]):
                raise
    raise MissingDependencyError("lightning", "a monitor's for_lightning()", "lightning")


def _part(pl_module: Any, name: str | None) -> Any:
    if name is None:
        return pl_module
    try:
        return pl_module.get_submodule(name)
    except AttributeError:
        known = [child for child, _part in pl_module.named_modules() if child]
        raise InputError(
            f"module={name!r} is no part of {type(pl_module).__name__}{close_names(name, known)}"
        ) from None


def _measured(trainer: Any) -> dict[str, float]:
    """Metrics with names that Python can take."""
    metrics = trainer.callback_metrics.items()
    return {name: float(value) for name, value in metrics if name.isidentifier() and name not in _TAKEN}


_TAKEN = {"model", "inputs", "step", "validation"}
