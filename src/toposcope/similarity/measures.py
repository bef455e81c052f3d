"""Measures as values: small frozen objects that declare what they promise, which laws and docs are read off."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from toposcope.diagram import PersistenceDiagram
from toposcope.distances import Bottleneck, Distance, SlicedWasserstein, Wasserstein
from toposcope.rips import vietoris_rips
from toposcope.similarity.cca import cca_prepared, pwcca_prepared, svcca_prepared
from toposcope.similarity.cka import cka_prepared
from toposcope.similarity.cross_barcode import mtopdiv_prepared, one_space
from toposcope.similarity.dimension import mle_dimension, p_eff, participation_ratio, ph_dimension, two_nn
from toposcope.similarity.gulp import gulp_prepared
from toposcope.similarity.imd import imd_prepared
from toposcope.similarity.magnitude import magnitude, magnitude_area, magnitude_difference_prepared, magnitude_scale
from toposcope.similarity.neighbours import hubness, mutual_knn_prepared
from toposcope.similarity.pairs import Points, aligned, prepared
from toposcope.similarity.prepared import Prepared
from toposcope.similarity.procrustes import procrustes_prepared, shape_distance_prepared
from toposcope.similarity.rsa import rsa_prepared
from toposcope.similarity.rtd import rtd_lite_prepared, rtd_prepared
from toposcope.similarity.spread import anisotropy

ROTATION = "rotation"
SCALING = "scaling"
TRANSLATION = "translation"
AFFINE = "affine maps"
FEATURES = "order of features"
INPUTS = "order of inputs"

SIMILAR = (ROTATION, SCALING, TRANSLATION, FEATURES)
"""What similarity transformations leave alone; reflections count as rotations."""


@dataclasses.dataclass(frozen=True)
class Measure:
    """A measure between two layers, and what it promises.

    name: what tables call it. of: computes it from two prepared clouds. larger_is_more_similar: which way to read it.
    is_metric: 0 on equals, symmetric, triangle inequality. is_symmetric: a and b may be exchanged. is_paired: row i of
    both must be the same input. invariances: what may be done to one of the two layers without a difference.
    joint_invariances: what may be done to both alike. cost: for n inputs and d features. source: the paper.
    """

    name: str
    of: Callable[[Prepared, Prepared], float] = dataclasses.field(repr=False)
    larger_is_more_similar: bool
    is_metric: bool
    is_symmetric: bool
    is_paired: bool
    invariances: tuple[str, ...]
    joint_invariances: tuple[str, ...]
    cost: str
    source: str

    @property
    def of_equals(self) -> float:
        """The value between a layer and itself."""
        return 1.0 if self.larger_is_more_similar else 0.0

    def __call__(self, a: Points, b: Points) -> float:
        """The value. a, b: arrays or Representations. Raises what the function of the measure raises."""
        x, y = aligned(a, b) if self.is_paired else (prepared(a, "a"), prepared(b, "b"))
        return self.of(x, y)


@dataclasses.dataclass(frozen=True)
class Descriptor:
    """A number of one layer, and what it promises.

    invariances: what may be done to the layer without a difference. power: multiplying the points by c multiplies the
    value by c to this power, None where no power does.
    """

    name: str
    of: Callable[[Points], float] = dataclasses.field(repr=False)
    invariances: tuple[str, ...]
    power: int | None
    cost: str
    source: str

    def __call__(self, a: Points) -> float:
        """The value. a: array or Representation. Raises what the function of the descriptor raises."""
        return self.of(a)


def _similarity(
    name: str,
    of: Callable[[Prepared, Prepared], float],
    cost: str,
    source: str,
    invariances: tuple[str, ...] = SIMILAR,
    is_symmetric: bool = True,
) -> Measure:
    return Measure(name, of, True, False, is_symmetric, True, invariances, (INPUTS,), cost, source)


def _dissimilarity(
    name: str,
    of: Callable[[Prepared, Prepared], float],
    cost: str,
    source: str,
    is_metric: bool = True,
    invariances: tuple[str, ...] = SIMILAR,
) -> Measure:
    return Measure(name, of, False, is_metric, True, True, invariances, (INPUTS,), cost, source)


def _between_clouds(
    name: str,
    of: Callable[[Prepared, Prepared], float],
    cost: str,
    source: str,
    is_metric: bool,
    invariances: tuple[str, ...] = SIMILAR,
    joint_invariances: tuple[str, ...] = (),
    is_symmetric: bool = True,
) -> Measure:
    invariances = (*invariances, INPUTS)
    return Measure(name, of, False, is_metric, is_symmetric, False, invariances, joint_invariances, cost, source)


def diagram_distance(distance: Distance | None = None, degree: int = 1, scale: str | float | None = "q0.9") -> Measure:
    """A distance between the persistence diagrams of two layers, as a Measure.

    distance: None takes `Wasserstein()`. degree: of homology. scale: what each cloud's distances are divided by.
    """
    chosen = Wasserstein() if distance is None else distance

    def of(x: Prepared, y: Prepared) -> float:
        return chosen(_diagram(x, degree, scale), _diagram(y, degree, scale), degree)

    invariances = SIMILAR if isinstance(scale, str) else (ROTATION, TRANSLATION, FEATURES)
    source = "see ts.wasserstein, ts.bottleneck"
    return _between_clouds(f"{chosen.name} of H{degree}", of, "homology", source, chosen.is_metric, invariances)


def _diagram(x: Prepared, degree: int, scale: str | float | None) -> PersistenceDiagram:
    return x.once(("diagram", degree, scale), lambda: vietoris_rips(x.points, degree, scale=scale))


CKA = _similarity("CKA", lambda x, y: cka_prepared(x, y, "linear", False, 0.5), "n d² or n² d", "Kornblith et al. 2019")
TOPOLOGY = diagram_distance()

MEASURES: tuple[Measure, ...] = (
    CKA,
    _similarity(
        "CKA, unbiased", lambda x, y: cka_prepared(x, y, "linear", True, 0.5), "n d² or n² d", "Nguyen et al. 2021"
    ),
    _similarity("CKA, RBF", lambda x, y: cka_prepared(x, y, "rbf", False, 0.5), "n² d", "Kornblith et al. 2019"),
    _dissimilarity("Procrustes", lambda x, y: procrustes_prepared(x, y, True), "n d² + d³", "Ding et al. 2021"),
    _dissimilarity(
        "shape distance", lambda x, y: shape_distance_prepared(x, y, 0.0), "n d² + d³", "Williams et al. 2021"
    ),
    _dissimilarity(
        "shape distance, whitened",
        lambda x, y: shape_distance_prepared(x, y, 1.0),
        "n d² + d³",
        "Williams et al. 2021",
        invariances=(*SIMILAR, AFFINE),
    ),
    _similarity("CCA", cca_prepared, "n d² + d³", "Hotelling 1936", invariances=(*SIMILAR, AFFINE)),
    _similarity("SVCCA", lambda x, y: svcca_prepared(x, y, 0.99), "n d² + d³", "Raghu et al. 2017"),
    _similarity(
        "PWCCA",
        pwcca_prepared,
        "n d² + d³",
        "Morcos et al. 2018",
        invariances=(SCALING, TRANSLATION, FEATURES),
        is_symmetric=False,
    ),
    _similarity("RSA", lambda x, y: rsa_prepared(x, y, "euclidean"), "n² d + n² log n", "Kriegeskorte et al. 2008"),
    _similarity("mutual kNN", lambda x, y: mutual_knn_prepared(x, y, 10, "euclidean"), "n² d", "Huh et al. 2024"),
    _dissimilarity("GULP", lambda x, y: gulp_prepared(x, y, 1e-2), "n d² + d³", "Boix-Adserà et al. 2022"),
    _dissimilarity("RTD", rtd_prepared, "n² d + homology of 2n points", "Barannikov et al. 2022", is_metric=False),
    _dissimilarity("RTD-Lite", rtd_lite_prepared, "n² d", "Tulchinskii et al. 2025", is_metric=False),
    _between_clouds(
        "MTopDiv",
        lambda x, y: mtopdiv_prepared(*one_space(x, y)),
        "n² d + homology of 2n points",
        "Barannikov et al. 2021",
        is_metric=False,
        invariances=(),
        joint_invariances=(ROTATION, TRANSLATION, FEATURES),
        is_symmetric=False,
    ),
    _between_clouds("IMD", lambda x, y: imd_prepared(x, y, 5), "n² d + n³", "Tsitsulin et al. 2020", is_metric=True),
    _between_clouds(
        "magnitude difference",
        lambda x, y: magnitude_difference_prepared(x, y, None),
        "n² d + 80 n³",
        "Limbeck et al. 2024",
        is_metric=False,
        invariances=(ROTATION, TRANSLATION, FEATURES),
    ),
    diagram_distance(degree=0),
    TOPOLOGY,
    diagram_distance(Bottleneck()),
    diagram_distance(SlicedWasserstein()),
)
"""Every measure between two layers, with its default parameters."""

_RIGID = (ROTATION, TRANSLATION, FEATURES, INPUTS)

DESCRIPTORS: tuple[Descriptor, ...] = (
    Descriptor("two_nn", two_nn, (*_RIGID, SCALING), 0, "n² d", "Facco et al. 2017"),
    Descriptor("mle_dimension", mle_dimension, (*_RIGID, SCALING), 0, "n² d", "Levina and Bickel 2004"),
    # Arrays have their rows drawn by number, so the order of inputs changes the draws.
    Descriptor("ph_dimension", ph_dimension, (ROTATION, TRANSLATION, FEATURES, SCALING), 0, "n² d", "Schweinhart 2020"),
    Descriptor("p_eff", p_eff, (*_RIGID, SCALING), 0, "n d² or n² d", "Hiraoka et al. 2024"),
    Descriptor("participation_ratio", participation_ratio, (*_RIGID, SCALING), 0, "n d² or n² d", "Gao et al. 2017"),
    Descriptor("magnitude", magnitude, _RIGID, None, "n² d + n³", "Leinster 2013"),
    Descriptor("magnitude_scale", magnitude_scale, _RIGID, -1, "n² d + 20 n³", "Limbeck et al. 2024"),
    Descriptor("magnitude_area", magnitude_area, _RIGID, -1, "n² d + 50 n³", "Limbeck et al. 2024"),
    Descriptor("anisotropy", anisotropy, (ROTATION, FEATURES, INPUTS, SCALING), 0, "n d", "Ethayarajh 2019"),
    Descriptor("hubness", hubness, (*_RIGID, SCALING), 0, "n² d", "Radovanović et al. 2010"),
)
"""Every number of one layer, with its default parameters."""
