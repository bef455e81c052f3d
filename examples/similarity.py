"""Representation topology divergence beside CKA: the two synthetic experiments of Barannikov et al. 2022."""

import numpy as np


def clusters(count: int) -> np.ndarray:
    """300 Gaussian points in one cloud, or moved onto a circle of `count` clusters; as in the authors' notebook."""
    generator = np.random.RandomState(7)
    groups = [generator.multivariate_normal(np.zeros(2), np.eye(2), 5) for _ in range(60)]
    if count == 1:
        return np.concatenate(groups)
    angles = 2 * np.pi * (np.arange(60) % count) / count
    centres = 10 * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return np.concatenate([group + centre for group, centre in zip(groups, centres, strict=True)])


def rings(count: int) -> np.ndarray:
    """Five concentric rings of 100 points, of which `count` coincide; as in the authors' notebook."""
    angles = 2 * np.pi * np.arange(100) / 100
    circle = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    others = [1.25, 0.75, 1.5, 0.5]
    radii = [1.0] * count + others[: 5 - count]
    return np.concatenate([radius * circle for radius in radii])
