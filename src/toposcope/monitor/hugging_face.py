"""A callback for transformers' `Trainer` around a monitor: `monitor.for_transformers()`.

The monitor's state is written beside each checkpoint of the Trainer, as `checkpoint-STEP/toposcope_monitor.json`, and
read again when training goes on from one of them. Where training is spread over processes, the first alone looks.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

from toposcope import _io
from toposcope._errors import MissingDependencyError
from toposcope.monitor.callbacks import Monitor

STATE = "toposcope_monitor.json"


def callback(monitor: Monitor) -> Any:
    """A `TrainerCallback` for `Trainer(callbacks=[...])`.

    It looks before the first step, after each that is due, and at the end, where it computes what is left; the loss
    that the Trainer logged last becomes a signal. Raises MissingDependencyError.
    """
    try:
        base: Any = importlib.import_module("transformers").TrainerCallback
    except ModuleNotFoundError as error:
        if error.name != "transformers":
            raise
        raise MissingDependencyError("transformers", "a monitor's for_transformers()", "hf") from None

    class TopologyCallback(base):  # type: ignore[misc]  # the base is known when the program runs
        """Calls a `TopologyMonitor`."""

        def __init__(self) -> None:
            self._measured: dict[str, float] = {}

        def on_train_begin(self, args: Any, state: Any, control: Any, model: Any = None, **rest: Any) -> None:
            """Go on where a checkpoint was, and look before the first step."""
            if not state.is_world_process_zero:
                return
            kept = _beside(args, state)
            if state.global_step and kept.is_file():
                monitor.load_state_dict(_io.read_json(kept))
            monitor.check(model, step=state.global_step)

        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **rest: Any) -> None:
            """Remember the losses."""
            for name, value in (logs or {}).items():
                if name in ("loss", "eval_loss", "grad_norm") and isinstance(value, (int, float)):
                    self._measured[name] = float(value)

        def on_step_end(self, args: Any, state: Any, control: Any, model: Any = None, **rest: Any) -> None:
            """Look, if it is time to."""
            if state.is_world_process_zero:
                monitor.step(model, step=state.global_step, **self._measured)

        def on_save(self, args: Any, state: Any, control: Any, **rest: Any) -> None:
            """Keep the state beside the checkpoint."""
            if state.is_world_process_zero:
                _io.write_json(_beside(args, state), monitor.state_dict())

        def on_train_end(self, args: Any, state: Any, control: Any, model: Any = None, **rest: Any) -> None:
            """Look at the end, and compute what is left."""
            if state.is_world_process_zero:
                monitor.check(model, step=state.global_step, **self._measured)
                monitor.close()

    return TopologyCallback()


def _beside(args: Any, state: Any) -> Path:
    return Path(args.output_dir) / f"checkpoint-{state.global_step}" / STATE
