"""Topology while a network trains: `TopologyMonitor`.

Two processes share a run folder. `watch` is the half in the training process: `budget` says whether a check can be
afforded, `probe` looks at the network without a trace, `folder` writes down what was seen. `background` is the start
and the end of the other half: `analysis` makes diagrams, distances, `signals`, `changes` and `alerts` of it, as the
tables of an ordinary run. `lightning`, `hugging_face` and `writers` are thin adapters, imported when asked for.
"""

from __future__ import annotations

from toposcope.monitor.watch import TopologyMonitor
from toposcope.monitor.writers import to_tensorboard, to_wandb

__all__ = ["TopologyMonitor", "to_tensorboard", "to_wandb"]
