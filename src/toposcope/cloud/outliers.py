"""Outliers of a cloud, by four meanings of the word, and random removal of as many to compare with.

Every threshold is fixed beforehand, never a share of the rows: so the number of outliers may differ between clouds. To
learn whether outliers matter to a diagram, remove them, remove as many rows at random (`random_removal`), and compare:
both clouds then have equally many points.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from numpy.typing import NDArray

from toposcope import _check
from toposcope._errors import InputError
from toposcope._types import Array, Floats, Ints
from toposcope.representation import Representation


def local_outliers(points: Floats | Representation, neighbours: int = 20, threshold: float = 1.5) -> NDArray[np.bool_]:
    """Rows whose local outlier factor exceeds a fixed threshold.

    points: (n, d). neighbours: k of the k-nearest-neighbour density. threshold: of the factor, which is about 1 inside
    a cloud of even density. Returns (n,) booleans, True for outliers. A fixed threshold lets the number of outliers
    differ between clouds; a fixed contamination would fix it beforehand. Source: Breunig et al. 2000, LOF.

    Raises InputError when there are not more points than neighbours.
    """
    from sklearn.neighbors import LocalOutlierFactor

    cloud = _check.points(points)
    k = _neighbours(neighbours, cloud)
    limit = _check.real(threshold, "threshold", at_least=1.0)
    factor = LocalOutlierFactor(n_neighbors=k).fit(cloud).negative_outlier_factor_
    return np.asarray(-factor > limit, dtype=np.bool_)


def forest_outliers(
    points: Floats | Representation, threshold: float = 0.6, trees: int = 200, seed: int = 0
) -> NDArray[np.bool_]:
    """Rows that an isolation forest separates from the rest in few cuts.

    points: (n, d). threshold: of the anomaly score, which lies in (0, 1) and is about 0.5 or less for a row like the
    others. trees: each of at most 256 rows. Returns (n,) booleans. Cuts are along single features, so the scores
    change under rotation. The same seed gives the same bits. Source: Liu, Ting and Zhou 2008.

    Raises InputError for fewer than 2 points.
    """
    from sklearn.ensemble import IsolationForest

    cloud = _check.points(points)
    limit = _check.real(threshold, "threshold", above=0.0)
    count = _check.integer(trees, "trees", at_least=1)
    start = _check.integer(seed, "seed")
    if len(cloud) < 2:
        raise InputError(f"a forest needs at least 2 points, and there are {len(cloud)}; give more")
    forest = IsolationForest(n_estimators=count, max_samples=min(256, len(cloud)), random_state=start, n_jobs=1)
    scores = -forest.fit(cloud).score_samples(cloud)
    return np.asarray(scores > limit, dtype=np.bool_)


def norm_outliers(points: Floats | Representation, threshold: float = 3.5, centred: bool = False) -> NDArray[np.bool_]:
    """Rows whose norm lies far above the others' norms: robust z = (norm - median) / (1.4826 MAD) > threshold.

    points: (n, d). centred: norms are taken from the median of every column instead of the origin. Returns (n,)
    booleans. Where more than half of the rows share one norm every larger norm is far. Source: Iglewicz and Hoaglin
    1993 (threshold 3.5).

    Transformers hold a few tokens of outsized norm that act as registers (Darcet et al. 2024). In a Representation of
    tokens (`reduce="tokens"`, whose sample_ids repeat) this function finds those rows, and `take` leaves them out;
    every input then has fewer rows, and stays the unit of every draw. `token_outliers` does the same with the class
    token apart.
    """
    cloud = _check.points(points).astype(np.float64)
    limit = _check.real(threshold, "threshold", above=0.0)
    if len(cloud) == 0:
        return np.zeros(0, dtype=np.bool_)
    if centred:
        cloud = cloud - np.median(cloud, axis=0)
    norms = np.linalg.norm(cloud, axis=1)
    above = norms - np.median(norms)
    spread = 1.4826 * float(np.median(np.abs(above)))
    return np.asarray(above > max(limit * spread, 1e-12 * float(norms.max())), dtype=np.bool_)


@dataclasses.dataclass(frozen=True, eq=False)
class Hubs:
    """How unevenly points are neighbours of others: who is a hub. `ts.hubness` is the skewness alone, as a descriptor
    of a layer that a table of similarity can hold.

    occurrences: (n,) how often each row is among the `neighbours` nearest of another row; the mean is `neighbours`.
    skewness: of these counts; 0 when even, above 1 in clouds with strong hubs. hubs: (n,) more than two standard
    deviations above the mean. antihubs: (n,) nobody's neighbour.
    """

    neighbours: int
    occurrences: Ints
    skewness: float
    hubs: NDArray[np.bool_]
    antihubs: NDArray[np.bool_]

    def __repr__(self) -> str:
        return (
            f"<Hubs skewness {self.skewness:.3g}: {int(self.hubs.sum())} hubs, {int(self.antihubs.sum())} antihubs "
            f"of {len(self.occurrences)}>"
        )


def hubs(points: Floats | Representation, neighbours: int = 10) -> Hubs:
    """Hubs and antihubs of a cloud, and the skewness of its k-occurrences.

    points: (n, d), Euclidean distances. neighbours: k, the point itself not counted; of equal distances the earlier row
    counts as nearer. Antihubs are outliers that high dimension makes: no point is near them. Hubs are close to
    everything. Source: Radovanović, Nanopoulos and Ivanović 2010.

    Raises InputError when there are not more points than neighbours.
    """
    from toposcope.cloud.metrics import pairwise_distances

    cloud = _check.points(points)
    k = _neighbours(neighbours, cloud)
    distances = pairwise_distances(cloud)
    np.fill_diagonal(distances, np.inf)
    nearest = np.argsort(distances, axis=1, kind="stable")[:, :k]
    counts = np.bincount(nearest.ravel(), minlength=len(cloud)).astype(np.int64)
    centred = counts - k
    spread = math.sqrt(float((centred**2).mean()))
    skewness = float((centred.astype(np.float64) ** 3).mean()) / spread**3 if spread > 0 else 0.0
    return Hubs(k, counts, skewness, centred > 2 * max(spread, 0.5), counts == 0)


def random_removal(outliers: Array, seed: int = 0) -> NDArray[np.bool_]:
    """As many rows as there are outliers, chosen at random among all rows: what removal alone does to a diagram.

    outliers: (n,) booleans. Returns (n,) booleans with as many True, the same for the same n, count and seed. Clouds
    are compared at equal numbers of points: `points[~outliers]` with `points[~random_removal(outliers)]`.

    Raises InputError for anything but booleans (n,).
    """
    found = np.asarray(outliers)
    if found.ndim != 1 or found.dtype != np.bool_:
        raise InputError(f"outliers has shape {found.shape} and dtype {found.dtype}; give one boolean per row")
    count = int(found.sum())
    generator = np.random.default_rng(np.random.SeedSequence([_check.integer(seed, "seed"), len(found), count]))
    removed = np.zeros(len(found), dtype=np.bool_)
    removed[generator.choice(len(found), size=count, replace=False)] = True
    return removed


def _neighbours(value: int, cloud: Floats) -> int:
    k = _check.integer(value, "neighbours", at_least=1)
    if len(cloud) <= k:
        raise InputError(
            f"neighbours={k} needs more than {k} points, and there are {len(cloud)}; take fewer neighbours"
        )
    return k
