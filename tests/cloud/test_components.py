"""Principal components of a cloud."""

import numpy as np
import pytest
from sklearn.decomposition import PCA

import toposcope as ts
from toposcope.cloud import principal_components


def test_principal_components(rng: np.random.Generator) -> None:
    points = rng.normal(size=(30, 8)) * np.arange(1, 9) + 5
    found = principal_components(points, 3)
    np.testing.assert_allclose(np.abs(found), np.abs(PCA(3).fit_transform(points)), rtol=1e-9)
    # All components keep all distances.
    every = ts.pairwise_distances(principal_components(points, 8))
    np.testing.assert_allclose(every, ts.pairwise_distances(points), rtol=1e-9)
    assert principal_components(points.astype(np.float32), 2).dtype == np.float32
    with pytest.raises(ts.InputError, match="30 points in 8 dimensions have 8"):
        principal_components(points, 9)
