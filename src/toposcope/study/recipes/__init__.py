"""The questions a study can ask, one file each: what has to be measured, and the verdict that comes of it."""

from __future__ import annotations

from toposcope.study.recipes import (
    architectures,
    betti_collapse,
    finetuning,
    layers,
    metric_audit,
    outliers,
    paper,
    sample_size,
    separation,
    smoothness,
    train_test,
    training,
)
from toposcope.study.verdicts import Recipe

RECIPES: dict[str, Recipe] = {
    "architectures": architectures.RECIPE,
    "betti-collapse": betti_collapse.RECIPE,
    "finetuning": finetuning.RECIPE,
    "layers": layers.RECIPE,
    "metric-audit": metric_audit.RECIPE,
    "outliers": outliers.RECIPE,
    "paper": paper.RECIPE,
    "sample-size": sample_size.RECIPE,
    "separation": separation.RECIPE,
    "smoothness": smoothness.RECIPE,
    "train-test": train_test.RECIPE,
    "training": training.RECIPE,
}
"""Name in a plan → recipe."""
