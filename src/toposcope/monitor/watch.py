"""TopologyMonitor: the half that lives in the training process. It looks, writes down what it saw, and goes."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol

from toposcope import _check
from toposcope._errors import ActivationError, FileError, InputError, one_line
from toposcope.monitor.background import Background, Later
from toposcope.monitor.budget import Budget, share_of
from toposcope.monitor.folder import TRAIN, VALIDATION, Check, RunFolder

if TYPE_CHECKING:
    import pandas as pd
    import torch

    from toposcope.monitor.probe import Probe
    from toposcope.representation import Representation
    from toposcope.study.results import Results

SCHEMA = 1
_LOG = logging.getLogger("toposcope.monitor")


class Writer(Protocol):
    """Where signals go beside the run folder."""

    def write(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Rows of the table of signals, all of one step."""


class TopologyMonitor:
    """Watch the shape of a network's layers while it trains.

    ::

        with ts.TopologyMonitor(layers="blocks", every=100, budget="2 %", out="runs/topology") as monitor:
            for step, (images, labels) in enumerate(loader):
                ...
                monitor.step(model, probe, step=step, loss=loss.item())

    At every `every`-th step it passes the probe, fixed inputs, through the network in evaluation mode, writes each
    layer's vectors into its run folder, and lets training go on; homology, distances and tables are made by a
    background process of low priority, which ends with this one. Training is left as it was, to the bit: random states
    of torch, numpy and Python, buffers, modes, gradients. `toposcope report OUT` opens the folder at any time.

    inputs: the probe, what `load_inputs` takes; here, or at the first step. validation: a second one, of inputs that
    the network is not trained on. size, draws: so many disjoint draws of so many inputs are taken of each, once, and
    held in memory. layers, reduce, batch_size, preprocess: as `ts.extract` takes them. every: steps between checks.
    budget: share of training time that checks may block it for, "2 %" or 0.02; a check that would go beyond is skipped,
    and said to be. The first one is lent. None is no limit. metric, scale, max_degree, distance: as in a plan.
    out: the run folder. name, seed: of the training, in tables. backlog: checks that may wait for the background
    process before others are skipped. background: False starts no process; `close` then computes everything, in this
    one. writers: what `toposcope.monitor.to_tensorboard` and `to_wandb` give. say: is
    told what a reader should know, a line at a time; None is the logger ``toposcope.monitor``.

    Raises InputError and PlanError for what cannot be, here; LayerError at the first check.
    """

    def __init__(
        self,
        inputs: Any = None,
        *,
        validation: Any = None,
        layers: str | Sequence[str] = "blocks",
        every: int = 100,
        budget: str | float | None = "2 %",
        out: str | os.PathLike[str] = "runs/monitor",
        size: int = 64,
        draws: int = 8,
        reduce: str | Mapping[str, str] = "auto",
        batch_size: int = 64,
        preprocess: Callable[[Any], Any] | None = None,
        metric: str = "euclidean",
        scale: str | float | None = "q0.9",
        max_degree: int = 1,
        distance: str = "wasserstein",
        name: str = "training",
        seed: int = 0,
        backlog: int = 16,
        background: bool = True,
        writers: Sequence[Writer] = (),
        say: Callable[[str], None] | None = None,
    ) -> None:
        self._every = _check.integer(every, "every", at_least=1)
        self._budget = Budget(share_of(budget))
        self._layers, self._reduce, self._preprocess = layers, reduce, preprocess
        self._batch_size = _check.integer(batch_size, "batch_size", at_least=1)
        self._backlog = _check.integer(backlog, "backlog", at_least=1)
        self._plan = _template(name, seed, size, draws, metric, scale, max_degree, distance)
        self._say = say if say is not None else _LOG.warning
        self._folder = RunFolder(Path(out))
        self._background = Background(self._folder) if background else Later(self._folder)
        self._writers = list(writers)
        self._probes: dict[str, Probe] = {}
        self._dimensions: dict[str, dict[str, int]] = {}
        self._taken: list[int] = []
        self._skipped: list[tuple[int, str, str]] = []
        self._unwritten: list[int] = []
        self._said: set[str] = set()
        self._last_step: int | None = None
        self._next = 0
        self._restored = self._begun = False
        self._expected: dict[str, str] = {}
        self._closed = False
        for probe, given in ((TRAIN, inputs), (VALIDATION, validation)):
            if given is not None:
                self._add(probe, given)

    # --- in the loop --------------------------------------------------------------------------------------------------

    def step(
        self,
        model: torch.nn.Module,
        inputs: Any = None,
        *,
        step: int | None = None,
        validation: Any = None,
        **measured: float,
    ) -> bool:
        """To be called once in every step of training. Returns whether a check was taken.

        model: the network. inputs, validation: the probes, unless they were given before; the same ones, if again.
        step: how far training has come; None counts calls. A step that is not beyond the last one is passed over.
        measured: what else is known, such as loss=…; it becomes a signal of its own.

        Raises InputError for probes or layers that have changed, LayerError for layers that yield nothing. A check
        whose activations are not finite, or that fails in another way once the first has succeeded, is noted.
        """
        self._open()
        at = (0 if self._last_step is None else self._last_step + 1) if step is None else _check.integer(step, "step")
        if self._last_step is not None and at <= self._last_step:
            return False
        self._budget.enter()
        checked = False
        try:
            due = at >= self._next
            if due:
                self._next = (at // self._every + 1) * self._every
                self._given(inputs, validation)
                refusal = self._refusal()
                if refusal is None:
                    self._take(model, at, measured)
                    checked = True
                else:
                    self._skip(at, *refusal)
            self._last_step = at
        finally:
            self._budget.leave(checked)
        return checked

    def check(
        self,
        model: torch.nn.Module,
        inputs: Any = None,
        *,
        step: int | None = None,
        validation: Any = None,
        **measured: float,
    ) -> bool:
        """Look now, whatever the budget says: before the first step, and at the end. Arguments as for `step`.

        Returns False where this step has been looked at already.
        """
        self._open()
        at = (self._last_step or 0) if step is None else _check.integer(step, "step")
        if self._taken and at <= self._taken[-1]:
            return False
        self._budget.enter()
        try:
            self._given(inputs, validation)
            self._take(model, at, measured)
            self._next = max(self._next, (at // self._every + 1) * self._every)
            self._last_step = max(at, self._last_step or 0)
        finally:
            self._budget.leave(True)
        return True

    def close(self, wait: bool = True) -> Results | None:
        """End. wait: compute what is left first, and return the Results; without it, end the background process.

        Raises TaskError where the rest cannot be computed.
        """
        if self._closed:
            return None
        self._closed = True
        self._background.stop()
        if not self._taken:
            return None
        self._write_ledger()
        left = len(self._taken) - sum(self._folder.is_finished(step) for step in self._taken)
        if not wait:
            if left:
                self._say(
                    f"{left} checks are not computed yet: python -m toposcope.monitor {self._folder.path} does that"
                )
            return None
        self._background.finish()
        self._write_out()
        self._repeat_alerts()
        from toposcope.study.results import Results

        return Results.read(self._folder.path)

    def __enter__(self) -> TopologyMonitor:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Compute what is left; where training failed, leave it."""
        self.close(wait=kind is None)

    # --- what came of it ----------------------------------------------------------------------------------------------

    @property
    def folder(self) -> Path:
        """The run folder."""
        return self._folder.path

    @property
    def taken(self) -> tuple[int, ...]:
        """Steps at which there was a check."""
        return tuple(self._taken)

    @property
    def skipped(self) -> tuple[tuple[int, str], ...]:
        """(step, why) of every check that was due and not taken."""
        return tuple((step, reason) for step, _kind, reason in self._skipped)

    @property
    def overhead(self) -> float:
        """Seconds that training was blocked, as a share of those it had; measured."""
        return self._budget.overhead

    @property
    def seconds_blocked(self) -> float:
        """Seconds that training was blocked so far."""
        return self._budget.spent

    @property
    def signals(self) -> pd.DataFrame:
        """The table of signals as it stands: what the background process has written (`signals.COLUMNS`).

        Raises FileError before the first.
        """
        import pandas as pd

        path = self._folder.path / "tables" / "signals.csv"
        if not path.is_file():
            raise FileError(f"{path} is not there yet: the background process has not finished a check; see close()")
        kinds: Any = {"probe": str, "layer": str, "signal": str, "degree": "Int64", "draws": "Int64"}
        empty: Any = {name: [""] for name in ("value", "low", "high", "degree", "draws")}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # newer pandas always reads floats as they were written
            return pd.read_csv(path, dtype=kinds, keep_default_na=False, na_values=empty, float_precision="round_trip")

    @property
    def alerts(self) -> tuple[str, ...]:
        """Early warnings so far, in words."""
        return tuple(self._folder.alerts())

    # --- checkpoints --------------------------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint of the training keeps: plain values, that JSON holds too."""
        return {
            "schema": SCHEMA,
            "plan": self._plan,
            "probes": {name: probe.digest() for name, probe in self._probes.items()} or dict(self._expected),
            "dimensions": {probe: dict(layers) for probe, layers in self._dimensions.items()},
            "taken": list(self._taken),
            "skipped": [list(entry) for entry in self._skipped],
            "last_step": self._last_step,
            "next": self._next,
            "budget": self._budget.state(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a checkpoint, in the same run folder: checks of later steps are removed, for they come again.

        Raises InputError for the state of a monitor that looked in another way, or at other inputs.
        """
        if self._taken:
            raise InputError("load_state_dict comes before the first step; make a new monitor")
        if state.get("schema") != SCHEMA:
            raise InputError("this is not the state of a TopologyMonitor of this version; start a new run folder")
        for part, ours in self._plan.items():
            theirs = state["plan"].get(part)
            if theirs != ours:
                raise InputError(
                    f"the checkpoint's monitor had {part} = {theirs!r}, and this one has {ours!r}; make both alike, or "
                    "start a new run folder without load_state_dict"
                )
        self._expected = dict(state["probes"])
        for probe in self._probes.values():
            self._check_expected(probe)
        self._taken = [int(step) for step in state["taken"]]
        self._skipped = [(int(step), str(kind), str(reason)) for step, kind, reason in state["skipped"]]
        self._dimensions = {probe: dict(layers) for probe, layers in state["dimensions"].items()}
        self._last_step = None if state["last_step"] is None else int(state["last_step"])
        self._next = int(state["next"])
        self._budget.restore(state["budget"])
        self._restored = True
        there = self._folder.steps()
        later = [step for step in there if step not in self._taken]
        for step in later:
            self._folder.remove(step)
        lost = sorted(set(self._taken) - set(there))
        if later:
            self._say(f"{len(later)} checks after step {self._last_step} are removed: training goes on from there")
        if lost:
            self._say(f"{len(lost)} earlier checks are not in {self._folder.path}; the first one there is the start")
            self._taken = [step for step in self._taken if step in there]

    # --- adapters -----------------------------------------------------------------------------------------------------

    def for_lightning(self, module: str | None = None) -> Any:
        """A Lightning callback that calls this monitor; see `toposcope.monitor.lightning`."""
        from toposcope.monitor.lightning import callback

        return callback(self, module)

    def for_transformers(self) -> Any:
        """A `transformers.TrainerCallback` that calls this monitor; see `toposcope.monitor.hugging_face`."""
        from toposcope.monitor.hugging_face import callback

        return callback(self)

    # --- inside -------------------------------------------------------------------------------------------------------

    def _open(self) -> None:
        if self._closed:
            raise InputError("this monitor is closed; make a new one, and give it this one's state_dict to go on")

    def _given(self, inputs: Any, validation: Any) -> None:
        for name, given in ((TRAIN, inputs), (VALIDATION, validation)):
            if given is None:
                continue
            if name in self._probes:
                self._probes[name].check_same(given)
            elif self._taken and not self._restored:
                raise InputError(f"the {name} probe comes too late: give it at the first step, or to the monitor")
            else:
                self._add(name, given)
        if TRAIN not in self._probes:
            raise InputError("there is no probe to look at; give inputs=, to the monitor or at the first step")

    def _add(self, name: str, inputs: Any) -> None:
        from toposcope.monitor.probe import Probe

        cloud = self._plan["cloud"]
        probe = Probe(
            name, inputs, cloud["size"], cloud["draws"], self._plan["seed"], self._batch_size, self._preprocess
        )
        for other in self._probes.values():
            if set(probe.ids.tolist()) & set(other.ids.tolist()):
                if probe.source is not None and probe.source == other.source:
                    raise InputError(f"both probes are {probe.source!r}; validation inputs must be others")
                probe.rename()
                other.rename()
        self._check_expected(probe)
        self._probes[name] = probe

    def _check_expected(self, probe: Probe) -> None:
        expected = self._expected.get(probe.name)
        if expected is not None and expected != probe.digest():
            raise InputError(
                f"the {probe.name} probe is not that of the checkpoint: a monitor looks at the same inputs throughout; "
                "give those, or start a new run folder without load_state_dict"
            )

    def _refusal(self) -> tuple[str, str] | None:
        """(kind, reason) why a check that is due is not taken."""
        waiting = sum(not self._folder.is_finished(step) for step in self._taken[-self._backlog :])
        if waiting >= self._backlog and isinstance(self._background, Background):
            return "because of a backlog", f"{waiting} checks wait for the background process, and no more may"
        refusal = self._budget.refusal()
        return None if refusal is None else ("to stay within the budget", refusal)

    def _skip(self, step: int, kind: str, reason: str) -> None:
        self._skipped.append((step, kind, reason))
        if kind not in self._said:
            self._said.add(kind)
            self._say(f"the check at step {step} is skipped: {reason}; others may be, and are listed in .skipped")

    def _take(self, model: torch.nn.Module, step: int, measured: Mapping[str, float]) -> None:
        """Look, write, ring the bell."""
        from toposcope.extract.network import unwrapped

        if not self._begun:
            self._begin()
        values = {name: _number(value, name) for name, value in measured.items()}
        module = unwrapped(model)
        found: dict[str, dict[str, Representation]] = {}
        said: list[str] = []
        failed = None
        try:
            for name, probe in self._probes.items():
                found[name], heard = probe.look(module, self._layers, self._reduce, self._plan["name"])
                said += heard
        except ActivationError as error:
            failed, found = one_line(error, None), {}
        except (RuntimeError, InputError) as error:
            # Out of memory, say: the training may well go on. At the first check it is more likely a mistake.
            if not self._taken or not isinstance(error.__cause__ or error, RuntimeError):
                raise
            failed, found = f"{type(error).__name__}: {one_line(error)}", {}
        for name, layers in found.items():
            self._check_dimensions(name, {layer: one.dimension for layer, one in layers.items()})
        if failed is not None:
            self._say(f"the check at step {step} saw nothing: {failed}")
        self._folder.write(Check(step, values, failed, said=tuple(dict.fromkeys(said))), found)
        self._taken.append(step)
        self._unwritten.append(step)
        self._write_ledger()
        complaint = self._background.ring()
        if complaint is not None:
            self._say(complaint)
        self._write_out()
        self._repeat_alerts()

    def _begin(self) -> None:
        """The first check of this process: the folder is ours, or we go on in it."""
        if not self._restored and self._folder.steps():
            raise InputError(
                f"{self._folder.path} holds the checks of another training; give another out=, or go on with that one "
                "by load_state_dict"
            )
        sources = {name: probe.source for name, probe in self._probes.items()}
        if not all(sources.values()):
            sources = dict.fromkeys(sources)  # images of one probe must not be looked for among the other's
        plan = {**self._plan, "inputs": {"source": sources[TRAIN]} if sources[TRAIN] else {}}
        self._folder.write_settings({"plan": plan, "sources": sources, "every": self._every})
        self._begun = True

    def _check_dimensions(self, probe: str, found: Mapping[str, int]) -> None:
        before = self._dimensions.setdefault(probe, dict(found))
        if before == found:
            return
        changed = [
            f"{layer} {before.get(layer, 'not there')} → {found.get(layer, 'not there')}"
            for layer in dict.fromkeys([*before, *found])
            if before.get(layer) != found.get(layer)
        ]
        raise InputError(
            f"layers have changed since the first check, in the length of their vectors: {', '.join(changed[:4])}; a "
            "monitor follows the same layers throughout: close this one and start another, with another out="
        )

    def _write_ledger(self) -> None:
        self._folder.write_ledger(
            {
                "spent": self._budget.spent,
                "trained": self._budget.trained,
                "share": self._budget.share,
                "skipped": [list(entry) for entry in self._skipped],
            }
        )

    def _write_out(self) -> None:
        """Hand the signals of finished checks to the writers, in the order of their steps."""
        while self._writers and self._unwritten and self._folder.is_finished(self._unwritten[0]):
            rows = self._folder.signals(self._unwritten.pop(0))
            for writer in self._writers:
                writer.write(rows)

    def _repeat_alerts(self) -> None:
        for alert in self._folder.alerts():
            if alert not in self._said:
                self._said.add(alert)
                self._say(alert)


def _number(value: Any, name: str) -> float:
    """A number, or a tensor of one; a loss that is NaN is worth keeping as such. Raises InputError."""
    plain = value.item() if hasattr(value, "item") else value
    return plain if isinstance(plain, float) else _check.real(plain, name)


def _template(
    name: str,
    seed: int,
    size: int,
    draws: int,
    metric: str,
    scale: str | float | None,
    max_degree: int,
    distance: str,
) -> dict[str, Any]:
    """The plan without its networks, as JSON values. Raises PlanError."""
    from toposcope.study.plan import Study

    study = Study.parse(
        {
            "recipe": "training",
            "seed": seed,
            "network": [{"name": "a check", "representations": "checks"}],
            "cloud": {"size": size, "draws": draws, "metric": metric, "scale": "none" if scale is None else scale},
            "homology": {"max_degree": max_degree},
            "distance": {"name": distance},
        },
        "TopologyMonitor",
        name,
    )
    plan = study.to_json()
    return {part: plan[part] for part in ("recipe", "name", "seed", "cloud", "homology", "distance", "test")}
