"""A tiny training that uses every kind of random state, with or without a monitor."""

import random
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

import toposcope as ts

STEPS = 12
SIZE = DRAWS = 7


def network(width: int = 6) -> nn.Module:
    """Batch norm, dropout and two layers: what a look in training mode would disturb."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Linear(5, width), nn.BatchNorm1d(width), nn.ReLU(), nn.Dropout(0.3), nn.Linear(width, width), nn.ReLU(),
        nn.Linear(width, 3),
    )  # fmt: skip


def probe(seed: int = 0, n: int = SIZE * DRAWS, features: int = 5) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, features)).astype(np.float32)


def monitor(out: Path, **options: Any) -> ts.TopologyMonitor:
    given = {"layers": ["2", "5"], "every": 4, "budget": None, "size": SIZE, "draws": DRAWS, "batch_size": 16}
    return ts.TopologyMonitor(out=out, **{**given, "name": "tiny", **options})


def train(
    watcher: ts.TopologyMonitor | None, steps: int = STEPS, autocast: bool = False, **given: Any
) -> dict[str, Any]:
    """Everything that a training leaves behind, to the bit."""
    torch.manual_seed(1)
    np.random.seed(1)
    random.seed(1)
    net = network()
    torch.manual_seed(2)
    optimiser = torch.optim.AdamW(net.parameters(), lr=1e-2)
    data = torch.utils.data.TensorDataset(torch.from_numpy(probe(3, 64)), torch.arange(64) % 3)
    loader = torch.utils.data.DataLoader(data, batch_size=16, shuffle=True)
    step, losses = 0, []
    while step < steps:
        for x, y in loader:
            if step == steps:
                break
            jitter = 0.1 * np.random.rand() + 0.1 * random.random()
            with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
                loss = nn.functional.cross_entropy(net(x + jitter), y)
                if watcher is not None and autocast:
                    watcher.step(net, step=step, **given)
            optimiser.zero_grad()
            loss.backward()
            if watcher is not None and not autocast:
                watcher.step(net, step=step, loss=loss, **given)
            optimiser.step()
            losses.append(loss.item())
            step += 1
    state = {f"weight {name}": tensor.clone() for name, tensor in net.state_dict().items()}
    state |= {f"grad {name}": weight.grad.clone() for name, weight in net.named_parameters()}
    state |= {f"optimiser {k} {name}": value.clone() for k, part in optimiser.state_dict()["state"].items()
              for name, value in part.items()}  # fmt: skip
    state["modes"] = torch.tensor([part.training for part in net.modules()])
    state["torch"] = torch.random.get_rng_state()
    state["losses"] = torch.tensor(losses)
    state["numpy"] = torch.from_numpy(np.random.get_state()[1].astype(np.int64))
    state["python"] = torch.tensor(random.getstate()[1])
    return state
