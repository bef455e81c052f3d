"""Architectures, with separately trained networks as the units.

A test over draws speaks of two fixed networks. That an architecture or a way of training makes a difference is a claim
about networks that were not trained, and its units are networks: trained from separate seeds, relabelled as wholes.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import numpy as np

from toposcope import _check
from toposcope._errors import InputError
from toposcope._types import Float64, Ints
from toposcope.cloud import disjoint_draws
from toposcope.diagram import PersistenceDiagram
from toposcope.distances import Distance
from toposcope.representation import Representation
from toposcope.result import TestResult
from toposcope.stats.difference import DRAWS
from toposcope.stats.draws import Measurement, clouds_of, measurement, rows_per_draw, units
from toposcope.stats.permutation import ENUMERATED, SAMPLED

_MOST_NETWORKS = 64
"""A remedy that asks for more networks than this is none."""


def test_architectures(
    architectures: Mapping[str, Sequence[Representation]],
    degree: int | Sequence[int] = 1,
    distance: str | Distance | None = None,
    scale: str | float | None = "q0.9",
    size: int | None = None,
    draws: int | None = None,
    permutations: int | None = None,
    seed: int = 0,
    *,
    metric: Any = "euclidean",
    alpha: float = 0.05,
    scale_of: Literal["draw", "pooled"] = "draw",
    threads: int | None = None,
) -> TestResult:
    """Test whether networks of different architectures, or trainings, have diagrams of one law.

    architectures: a name for each, and one representation of every network trained of it, from separate seeds; all
    hold the same inputs. The unit is the network: its label is permuted, all its draws with it, which is exact when the
    networks would be one sample if the architectures made no difference. Networks with one parent checkpoint are not
    such a sample. More draws sharpen every distance, and only more networks make the test finer.

    The distance between two networks is the mean over draws of the distance between their diagrams of the same inputs;
    the other arguments are those of `test_difference`. The statistic is the pseudo-F of squared distances (Anderson
    2001), and what is rejected is one law: where groups are unequal in size, that can be a difference in scatter alone.
    With sds of 3 and 1 about one centre, 5 and 10 networks are told apart at 0.05 in 16 % (one dimension) to 40 % (ten)
    of simulations, 10 and 5 in 2 % or less, 5 and 5 in 6 to 8 %. The other way round, a larger scatter in the larger
    group hides differences: with centres 4 apart in ten dimensions, 10 and 5 networks of those sds are told apart in
    16 %, 7 and 8 in 69 %. Train equally many to ask for centres; where they are unequal, the claim says which of the
    two it leaves open. Every relabelling is used up to 20,000.

    Returns a TestResult. Its effect is (mean distance between architectures - mean within) / mean within; interval is
    None: for so few units no method with known coverage is at hand. Raises InputError when networks hold different
    inputs, and when alpha cannot be reached, with the number of networks that would do.
    """
    how = measurement(degree, distance, scale, "energy", metric, scale_of, threads)
    level = _check.real(alpha, "alpha", above=0.0)
    first = _check.integer(seed, "seed")
    groups = _groups(architectures)
    sizes = [len(members) for members in groups.values()]
    count = _check_reach(sizes, level, permutations)
    diagrams, points = _diagrams(groups, how, size, draws, first)
    k = len(diagrams[0])
    matrices = [
        np.mean([how.distances([network[draw] for network in diagrams], one) for draw in range(k)], axis=0)
        for one in how.degrees
    ]
    distances = how.joined(matrices, ~np.eye(len(diagrams), dtype=bool))
    if not np.isfinite(distances).all():
        raise InputError(
            "a distance between networks is infinite, because their essential bars differ in number; take a larger "
            "threshold or none"
        )
    labels = labellings(sizes, first, count)
    null = pseudo_f(distances**2, labels)
    p = float((null >= null[0] - 1e-9 * np.abs(null).max(initial=0.0)).mean())
    names = " and ".join(groups)
    networks = f"{' and '.join(str(n) for n in sizes)} networks, {k} draws of {points} points"
    used = "every relabelling" if len(labels) <= count else f"{count} relabellings"
    evidence = f"({networks}, {used}, p = {p:.3g})"
    title = f"{names}, {how.title(how.degrees)}"
    claim = (
        f"{title}: rejected at {level:g} that the diagrams of networks of {names}, trained from separate seeds, follow "
        f"one law {evidence}"
        if p <= level
        else f"{title}: no difference between the architectures was shown {evidence}; this is not evidence that they "
        "are equal"
    ) + unequal_numbers(distances, labels[0], list(groups), p <= level)
    return TestResult(
        statistic=float(null[0]),
        p_value=p,
        effect=_effect(distances, labels[0]),
        interval=None,
        null=null,
        unit=f"network, relabelled ({' and '.join(str(n) for n in sizes)})",
        seed=first,
        claim=claim,
    )


test_architectures.__test__ = False  # type: ignore[attr-defined]  # part of the library, nothing for pytest to collect


@dataclasses.dataclass(frozen=True)
class VarianceComponents:
    """Where the variance of diagrams comes from, in squared units of the distance.

    components: "architecture", "seed" (networks of one architecture), "draw" (of inputs), "architecture by draw" and
    "residual" (seed by draw) → estimated variance. An estimate below 0 is one that its noise hides. mean_squares,
    degrees_of_freedom: of the same five; few degrees of freedom mean a rough estimate. measure: distance and degrees.
    """

    components: Mapping[str, float]
    mean_squares: Mapping[str, float]
    degrees_of_freedom: Mapping[str, int]
    measure: str

    def share(self, component: str) -> float:
        """A component's share of the sum of all, those below 0 counted as 0. Raises InputError for another name."""
        _check.choice(component, self.components, "component")
        total = sum(max(value, 0.0) for value in self.components.values())
        return max(self.components[component], 0.0) / total if total > 0 else 0.0

    def __str__(self) -> str:
        lines = [f"{'component':22}{'variance':>12}{'share':>8}{'d.f.':>6}   {self.measure}"]
        lines += [
            f"{name:22}{value:12.4g}{self.share(name):8.1%}{self.degrees_of_freedom[name]:6d}"
            for name, value in self.components.items()
        ]
        return "\n".join(lines)


def variance_components(
    architectures: Mapping[str, Sequence[Representation]],
    degree: int | Sequence[int] = 1,
    distance: str | Distance | None = None,
    scale: str | float | None = "q0.9",
    size: int | None = None,
    draws: int | None = None,
    seed: int = 0,
    *,
    metric: Any = "euclidean",
    scale_of: Literal["draw", "pooled"] = "draw",
    threads: int | None = None,
) -> VarianceComponents:
    """How much of the variance of diagrams is the architecture's, the seed's, the draw's, and neither's.

    architectures: as in `test_architectures`, with equally many networks of each (at least 2 of at least 2). Networks
    are nested in architectures and crossed with draws, for all see the same inputs; every factor is taken as random.
    Sums of squares are those of squared distances between all diagrams (Anderson 2001; McArdle and Anderson 2001), the
    components solve the expected mean squares of that design, and are unbiased where the distance is Euclidean.
    Other arguments are those of `test_difference`. Whether the architecture matters at all is what `test_architectures`
    tests.

    Raises InputError for unequal or too few networks or draws, and where networks hold different inputs.
    """
    how = measurement(degree, distance, scale, "energy", metric, scale_of, threads)
    groups = _groups(architectures)
    sizes = {len(members) for members in groups.values()}
    if len(sizes) > 1:
        raise InputError(
            f"a decomposition needs equally many networks of every architecture, and there are "
            f"{', '.join(f'{len(members)} of {name}' for name, members in groups.items())}; take {min(sizes)} of each"
        )
    if draws is not None:
        _check.integer(draws, "draws", at_least=2)
    diagrams, _points = _diagrams(groups, how, size, draws, _check.integer(seed, "seed"))
    k = len(diagrams[0])
    everything = [diagram for network in diagrams for diagram in network]
    matrices = [how.distances(everything, one) for one in how.degrees]
    distances = how.joined(matrices, ~np.eye(len(everything), dtype=bool))
    return components_of(distances**2, len(groups), sizes.pop(), k, how.title(how.degrees))


def components_of(
    squares: Float64, architectures: int, seeds: int, draws: int, measure: str = ""
) -> VarianceComponents:
    """The components of (n, n) squared distances, n = architectures · seeds · draws in that order, draws innermost."""
    a, s, k = architectures, seeds, draws
    network, draw = np.divmod(np.arange(a * s * k), k)
    architecture = network // s
    total = float(squares.sum()) / (2 * len(squares))
    # What a factor's means explain: all of the sum of squares but that within its groups.
    by_architecture = total - _within(squares, architecture)
    by_network = total - _within(squares, network)
    by_draw = total - _within(squares, draw)
    by_both = total - _within(squares, architecture * k + draw)
    sums = {
        "architecture": by_architecture,
        "seed": by_network - by_architecture,
        "draw": by_draw,
        "architecture by draw": by_both - by_architecture - by_draw,
        "residual": total - by_network - by_both + by_architecture,
    }
    freedom = {
        "architecture": a - 1,
        "seed": a * (s - 1),
        "draw": k - 1,
        "architecture by draw": (a - 1) * (k - 1),
        "residual": a * (s - 1) * (k - 1),
    }
    mean = {name: value / freedom[name] for name, value in sums.items()}
    rest, both = mean["residual"], mean["architecture by draw"]
    components = {
        "architecture": (mean["architecture"] - mean["seed"] - both + rest) / (s * k),
        "seed": (mean["seed"] - rest) / k,
        "draw": (mean["draw"] - both) / (a * s),
        "architecture by draw": (both - rest) / s,
        "residual": rest,
    }
    return VarianceComponents(components, mean, freedom, measure)


def pseudo_f(squares: Float64, labels: Ints) -> Float64:
    """(B,) pseudo-F of (n, n) squared distances under every labelling: the sum of squares between groups over that
    within, each per degree of freedom. labels: (B, n) group numbers. `inf` where nothing varies within. Source:
    Anderson 2001."""
    n, groups = len(squares), int(labels.max()) + 1
    within = np.zeros(len(labels))
    for group in range(groups):
        members = (labels == group).astype(np.float64)
        within += np.einsum("bi,bi->b", members @ squares, members) / (2 * members.sum(axis=1))
    between = np.maximum(squares.sum() / (2 * n) - within, 0.0)
    with np.errstate(divide="ignore"):
        ratio = np.divide(between, within, out=np.zeros_like(within), where=(within > 0) | (between > 0))
    return np.asarray(ratio * ((n - groups) / (groups - 1)))


def unequal_numbers(distances: Float64, labels: Ints, names: Sequence[str], shown: bool) -> str:
    """What a pseudo-F leaves open where groups differ in size, as the end of a sentence; empty where they do not.

    distances: (n, n). labels: (n,) places in names; every group has at least 2 members. shown: whether a difference
    was: then it can be one in scatter alone; else a larger group that scatters more can have hidden one.
    """
    members = [np.flatnonzero(labels == group) for group in range(len(names))]
    if len({len(rows) for rows in members}) == 1:
        return ""
    within = [distances[np.ix_(rows, rows)].sum() / (len(rows) * (len(rows) - 1)) for rows in members]
    means = ", ".join(
        f"{value:.3g} among {len(rows)} of {name}" for name, rows, value in zip(names, members, within, strict=True)
    )
    left_open = (
        "so a difference in scatter alone can be what was seen"
        if shown
        else "and a larger group that scatters more hides differences"
    )
    return f"; the numbers are unequal, {left_open} (mean distances: {means}); equally many of each would tell"


def smallest_p_of_networks(sizes: Sequence[int], permutations: int | None = None) -> float:
    """The smallest p-value that so many networks of each architecture can give.

    One over the number of ways to deal the networks out, times the ways to swap groups of one size, which change
    nothing. permutations: how many relabellings are drawn where there are more; None as `test_architectures` does.
    """
    total = _arrangements(sizes)
    most = ENUMERATED if permutations is None else permutations
    if total > most:
        return 1 / ((SAMPLED if permutations is None else permutations) + 1)
    return math.prod(math.factorial(sizes.count(size)) for size in set(sizes)) / total


def _check_reach(sizes: Sequence[int], level: float, permutations: int | None) -> int:
    """How many relabellings to use at most. Raises InputError when no p-value can reach the level."""
    if permutations is None:
        count = max(ENUMERATED, math.ceil(4 / level))
        if _arrangements(sizes) > count:
            count = max(SAMPLED, math.ceil(4 / level) - 1)
    else:
        count = _check.integer(permutations, "permutations", at_least=1)
    reach = smallest_p_of_networks(sizes, count)
    if reach > level:
        groups = len(sizes)
        enough = (n for n in range(2, _MOST_NETWORKS) if smallest_p_of_networks([n] * groups, count) <= level)
        needed = next(enough, None)
        remedy = (
            f"take more permutations than {count}, or None"
            if needed is None
            else f"train at least {needed} networks of each"
        )
        raise InputError(
            f"{' and '.join(str(n) for n in sizes)} networks cannot give a p-value below {reach:.3g}, and alpha is "
            f"{level:g}; {remedy}"
        )
    return count


def _groups(architectures: Mapping[str, Sequence[Representation]]) -> dict[str, Sequence[Representation]]:
    """The networks of every architecture, once it is sure that they can be compared. Raises InputError."""
    groups = {str(name): list(members) for name, members in architectures.items()}
    if len(groups) < 2:
        raise InputError(f"architectures holds {len(groups)} architecture(s); give at least 2 to compare")
    first = next((network for members in groups.values() for network in members), None)
    for name, members in groups.items():
        if len(members) < 2:
            raise InputError(
                f"architecture {name!r} has {len(members)} network(s); train at least 2, from separate seeds"
            )
        for k, network in enumerate(members):
            if first is not None and units(network) != units(first):
                raise InputError(
                    f"network {k} of {name!r} holds other inputs than the first network; extract all from the "
                    "same inputs"
                )
    return dict(groups)


def _diagrams(
    groups: Mapping[str, Sequence[Representation]], how: Measurement, size: int | None, draws: int | None, seed: int
) -> tuple[list[list[PersistenceDiagram]], int]:
    """The diagrams of every network, one per draw of the same inputs, and the points per draw."""
    networks = [network for members in groups.values() for network in members]
    wanted = DRAWS if draws is None else _check.integer(draws, "draws", at_least=1)
    points = (
        min(rows_per_draw(network, wanted) for network in networks)
        if size is None
        else _check.integer(size, "size", at_least=how.fewest_points)
    )
    if points < how.fewest_points:
        raise InputError(
            f"{len(units(networks[0]))} inputs give {wanted} draws of {points} points, and a bar in this degree needs "
            f"{how.fewest_points}; give at least {wanted * how.fewest_points} inputs, or take fewer draws"
        )
    clouds = [
        cloud
        for network in networks
        for cloud in clouds_of(network, disjoint_draws(network.sample_ids, points, wanted, seed))
    ]
    diagrams = how.diagrams(clouds)
    return [diagrams[start : start + wanted] for start in range(0, len(diagrams), wanted)], points


def labellings(sizes: Sequence[int], seed: int, most: int | None = None) -> Ints:
    """(B, n) group numbers: every way to deal n networks into groups, or `most` random ones and the observed, first.

    most: None takes every way up to `ENUMERATED`, and `SAMPLED` random ones beyond.
    """
    observed = np.repeat(np.arange(len(sizes)), sizes)
    ways = _arrangements(sizes)
    most = (ENUMERATED if ways <= ENUMERATED else SAMPLED) if most is None else most
    if ways <= most:
        return np.array(list(_deals(list(sizes), len(observed))), dtype=np.int64)
    generator = np.random.default_rng(np.random.SeedSequence([seed, *sizes]))
    labels = np.tile(observed, (most + 1, 1))
    labels[1:] = generator.permuted(labels[1:], axis=1)
    return labels


def _deals(sizes: list[int], n: int) -> Iterator[list[int]]:
    """Every way to deal n networks into groups of these sizes, the sorted one first."""
    if n == 0:
        yield []
        return
    for group, left in enumerate(sizes):
        if left:
            rest = [*sizes[:group], left - 1, *sizes[group + 1 :]]
            for tail in _deals(rest, n - 1):
                yield [group, *tail]


def _arrangements(sizes: Sequence[int]) -> int:
    return math.factorial(sum(sizes)) // math.prod(math.factorial(size) for size in sizes)


def _within(squares: Float64, labels: Ints) -> float:
    """The sum of squares within groups: for each, the sum of its squared distances over twice its size."""
    members = (labels[:, None] == np.unique(labels)[None, :]).astype(np.float64)
    sums = np.einsum("ig,ij,jg->g", members, squares, members, optimize=True)
    return float((sums / (2 * members.sum(axis=0))).sum())


def _effect(distances: Float64, labels: Ints) -> float:
    """(mean distance between groups - mean distance within) / mean within, every group's mean within weighing alike."""
    same = labels[:, None] == labels[None, :]
    off = ~np.eye(len(labels), dtype=bool)
    within = float(np.mean([distances[same & off & (labels == group)[:, None]].mean() for group in np.unique(labels)]))
    between = float(distances[~same].mean())
    if within == 0:
        return 0.0 if between == 0 else math.inf
    return (between - within) / within
