"""One thread and small networks: the whole folder runs in about a minute on one core."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

SHARED = Path(__file__).parents[3] / "shared" / "data"


@pytest.fixture(autouse=True, scope="session")
def _one_thread():
    torch.set_num_threads(1)


@pytest.fixture
def shared() -> Path:
    if not SHARED.is_dir():
        pytest.skip(f"the data folder {SHARED} is missing")
    return SHARED


class Block(nn.Module):
    """A residual block of channels-first maps."""

    def __init__(self, before: int, width: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, width, 3, stride, 1)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1)
        self.skip = nn.Conv2d(before, width, 1, stride)

    def forward(self, x):
        y = self.conv2(self.relu(self.conv1(x)))
        return self.relu(y + self.skip(x))


class Small(nn.Module):
    """conv → inplace relu → two stages of two blocks → linear; `unused` never runs."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3, padding=1)
        self.act = nn.ReLU(inplace=True)
        self.layer1 = nn.Sequential(Block(4, 4), Block(4, 4))
        self.layer2 = nn.Sequential(Block(4, 8, 2), Block(8, 8))
        self.drop = nn.Dropout(0.5)
        self.head = nn.Linear(8, 3)
        self.unused = nn.Linear(2, 2)

    def forward(self, x):
        x = self.layer2(self.layer1(self.act(self.conv(x))))
        return self.head(self.drop(x.mean((2, 3))))


@pytest.fixture
def small() -> Small:
    torch.manual_seed(0)
    return Small()


@pytest.fixture
def images() -> torch.Tensor:
    return torch.randn(10, 1, 8, 8, generator=torch.Generator().manual_seed(1))
