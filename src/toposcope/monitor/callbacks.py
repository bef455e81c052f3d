"""What a callback for a training library asks of a monitor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol


class Monitor(Protocol):
    """A `TopologyMonitor`, as its adapters know it."""

    def step(self, model: Any, *, step: int | None = None, **measured: float) -> bool:
        """Look at the network if it is time to."""

    def check(self, model: Any, *, step: int | None = None, **measured: float) -> bool:
        """Look at it now."""

    def close(self, wait: bool = True) -> Any:
        """End."""

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint has to keep."""

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from there."""
