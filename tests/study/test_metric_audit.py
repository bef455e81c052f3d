"""Recipe `metric-audit`: what hangs on the metric is found to, what does not is not, and the rest is refused."""

import re
from pathlib import Path

import numpy as np
import pytest

import toposcope as ts
from tests.study.test_recipes import save, study, verdicts
from toposcope.study.recipes.metric_audit import measurements, metrics, planted, under
from toposcope.study.tasks import Extracted

OPTIONS = """
[cloud]
size = 24
draws = 8
scale = "none"
[metric_audit]
metrics = [{metrics}]
noise = [0.05, 0.3]
circles = 6
"""


def options(*names: str) -> str:
    return OPTIONS.format(metrics=", ".join(f'"{name}"' for name in names))


def growing_apart_while_the_angle_closes(rng: np.random.Generator) -> list[np.ndarray]:
    """Each layer is spread twice as far as the one before, and lies eight times as far from the origin."""
    return [2.0**k * rng.normal(size=(192, 6)) + 3 * 8.0**k for k in range(3)]


@pytest.fixture(scope="module")
def opposed(tmp_path_factory: pytest.TempPathFactory) -> ts.Results:
    folder = tmp_path_factory.mktemp("opposed")
    (folder / "a").mkdir()
    saved = save(folder / "a", growing_apart_while_the_angle_closes(np.random.default_rng(0)))
    return ts.run(
        study(folder, "metric-audit", {"a": saved}, options("cosine", "correlation", "diffusion(k=5)")), folder / "run"
    )


def test_a_direction_that_hangs_on_the_metric(opposed: ts.Results) -> None:
    headline, claim, *rest = verdicts(opposed)
    assert headline["answer"] == "yes", headline["sentence"]
    assert re.search("[1-4] rises? under one metric and falls? under another", headline["sentence"])
    course = next(row for row in rest if "total persistence of a" in row["question"] and row["degree"] == 0)
    assert course["answer"] == "no"
    assert "rises under euclidean (+" in course["sentence"]
    assert "falls under cosine (-" in course["sentence"]
    assert "The direction hangs on the metric." in course["sentence"]
    assert "under all 4 metrics" in claim["sentence"]


def test_every_metric_has_its_own_rows_in_every_table(opposed: ts.Results) -> None:
    names = {"plain", "cosine", "correlation", "diffusion(k=5, t=8)"}
    for table, column in (("descriptors", "clouds"), ("distances", "clouds_a"), ("tests", "clouds_a")):
        assert set(opposed.tables[table][column]) == names
    means = opposed.tables["descriptor_means"]
    one = means[(means["layer"] == "block1") & (means["degree"] == 1) & (means["descriptor"] == "bars")]
    assert len(one) == 4
    assert (one["draws"] == 8).all()
    # One family: a claim of one metric pays for those of the others.
    assert opposed.tables["tests"]["null"].str.contains("step-down max-T").all()


def test_slopes_are_those_of_the_diagrams(opposed: ts.Results) -> None:
    numbers = opposed.tables["quantities"]
    row = numbers[
        (numbers["quantity"] == "slope of total_persistence")
        & (numbers["degree"] == 0)
        & (numbers["clouds"] == "cosine")
    ].iloc[0]
    folder = Path(opposed.plan.network[0].representations or "")
    layers = [ts.read_representation(folder / f"block{k}.npz") for k in range(3)]
    rows = ts.disjoint_draws(layers[0].sample_ids, 24, 8, 0)
    totals = np.array(
        [[ts.total_persistence(ts.vietoris_rips(a.take(draw), metric="cosine"), 0) for draw in rows] for a in layers]
    )
    by_draw = [np.polyfit([0, 0.5, 1], of_draw, 1)[0] / totals.mean() for of_draw in totals.T]
    assert row["value"] == pytest.approx(np.mean(by_draw))
    assert row["low"] < row["value"] < row["high"] < 0


def test_circles_are_planted_where_the_layers_lie(opposed: ts.Results) -> None:
    numbers = opposed.tables["quantities"]
    found = numbers[numbers["quantity"] == "planted circles found"].set_index(["layer_a", "clouds", "at"])["value"]
    assert found["block0", "euclidean", 0.05] == found["block2", "euclidean", 0.05] == 1.0
    # Far from the origin every angle is small, and the circle is a speck on the sphere, whole as it is.
    scores = numbers[numbers["quantity"] == "detection score"].set_index(["layer_a", "clouds", "at"])["value"]
    assert scores["block0", "cosine", 0.3] != scores["block2", "cosine", 0.3]
    assert scores["block0", "diffusion(k=5, t=8)", 0.3] == scores["block2", "diffusion(k=5, t=8)", 0.3]
    last = opposed.tables["verdicts"].iloc[-1]
    assert last["question"].endswith("planted among 24 points in 6 dimensions?")
    assert (
        "6 circles of radius 1 for each noise 0.05, 0.3 in each dimension, and 6 clouds without; seed 0"
        in (last["sentence"])
    )


def test_the_same_seed_gives_the_same_tables(opposed: ts.Results, tmp_path: Path) -> None:
    again = ts.run(opposed.plan, tmp_path / "run")
    for name, table in opposed.tables.items():
        assert again.tables[name].equals(table), name


def test_nothing_is_found_where_nothing_changes(tmp_path: Path, rng: np.random.Generator) -> None:
    layers = [rng.normal(size=(192, 4)) + 1 for _ in range(3)]
    plan = study(tmp_path, "metric-audit", {"a": save(tmp_path, layers)}, options("cosine", "knn_geodesic(k=5)"))
    headline, claim, *courses, _circles = verdicts(ts.run(plan, tmp_path / "run"))
    assert headline["answer"] == "undecided"
    assert claim["answer"] == "undecided"
    assert "0 shown to differ under all 3 metrics, 0 under some" in claim["sentence"]
    assert {row["answer"] for row in courses} == {"undecided"}
    assert all("is not shown to do either under euclidean" in row["sentence"] for row in courses)


def test_one_layer_cannot_be_asked(tmp_path: Path, rng: np.random.Generator) -> None:
    saved = save(tmp_path, [rng.normal(size=(192, 6))])
    headline, *_rest = verdicts(
        ts.run(study(tmp_path, "metric-audit", {"a": saved}, options("cosine")), tmp_path / "run")
    )
    assert headline["answer"] == "not checkable", headline["sentence"]
    assert headline["sentence"].startswith("No number has a course along depth, which takes two layers")
    assert "; no two layers are compared; give more layers" in headline["sentence"]


def test_a_change_that_every_metric_sees(tmp_path: Path, rng: np.random.Generator) -> None:
    angles = rng.uniform(0, 2 * np.pi, 192)
    circle = np.zeros((192, 4))
    circle[:, 0], circle[:, 1] = np.cos(angles), np.sin(angles)
    layers = [part + 0.03 * rng.normal(size=(192, 4)) for part in (rng.normal(size=(192, 4)), circle)]
    extra = options("cosine", "correlation").replace('"none"', '"q0.9"')
    plan = study(tmp_path, "metric-audit", {"a": save(tmp_path, layers)}, extra)
    headline, claim, *courses, circles = verdicts(ts.run(plan, tmp_path / "run"))
    assert claim["answer"] == "yes", claim["sentence"]
    course = next(row for row in courses if "maximal persistence" in row["question"] and row["degree"] == 1)
    assert course["answer"] == "yes", course["sentence"]
    assert headline["answer"] in ("no", "undecided")
    assert circles["answer"] == "yes"
    assert "All of them show planted circles with noise 0.05." in headline["sentence"]


def test_a_metric_that_cannot_be_had_is_said_to_be_missing(tmp_path: Path, rng: np.random.Generator) -> None:
    far = rng.normal(size=(192, 3)) + 100 * np.eye(2, 3)[np.arange(192) % 2]
    near = rng.normal(size=(192, 3))
    plan = study(tmp_path, "metric-audit", {"a": save(tmp_path, [far, near])}, options("diffusion(k=3)"))
    results = ts.run(plan, tmp_path / "run")
    assert any("diffusion" in failure.title for failure in results.failed)
    claim = results.tables["verdicts"].iloc[1]
    assert claim["answer"] == "undecided"
    assert "could not be tested under every metric" in claim["sentence"]


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        ("[cloud]\nsize = 15\ndraws = 6\n", "needs draws of more than 15 points.* k = 2 }"),
        ('[metric_audit]\nmetrics = ["euclidean"]\n', "euclidean is the only one"),
        ("[homology]\nmax_degree = 0\n", "set \\[homology\\] max_degree = 1"),
        ("[cloud]\nsize = 100\ndraws = 1\n", "at least 2 draws"),
        ("[metric_audit]\nmetrics = []\n", "at least one metric"),
        ('[metric_audit]\nmetrics = ["cosin"]\n', "cosine"),
        ('[metric_audit]\ndescriptors = ["total_persistance"]\n', "total_persistence"),
        ("[metric_audit]\nnoise = [0.2, 0.1]\n", "larger than the one before"),
        ("[metric_audit]\ncircles = 4\n", "greater than or equal to 5"),
    ],
)
def test_plans_that_cannot_answer(tmp_path: Path, rng: np.random.Generator, extra: str, message: str) -> None:
    folder = save(tmp_path, [rng.normal(size=(130, 3))])
    with pytest.raises(ts.PlanError, match=message):
        ts.run(study(tmp_path, "metric-audit", {"a": folder}, extra), tmp_path / "run")


def test_two_parameters_of_one_metric_are_called_in_full(tmp_path: Path, rng: np.random.Generator) -> None:
    names = options("diffusion(k=5, t=2)", "diffusion(k=5, t=8)")
    plan = study(tmp_path, "metric-audit", {"a": save(tmp_path, [rng.normal(size=(192, 3))] * 2)}, names)
    headline = verdicts(ts.run(plan, tmp_path / "run"))[0]
    assert headline["where"] == "euclidean, diffusion(k=5, t=2), diffusion(k=5, t=8)"


def test_circles_in_the_plane_of_principal_components(tmp_path: Path, rng: np.random.Generator) -> None:
    folder = save(tmp_path, [rng.normal(size=(192, 5)), rng.normal(size=(192, 1))])
    plan = study(tmp_path, "metric-audit", {"a": folder}, options("cosine"))
    results = ts.run(plan, tmp_path / "run")
    networks = [Extracted.read(results.store, key) for key in results.store if "manifest" in results.store.read(key)]
    five, one = networks[0].layers
    # Without a second dimension there is no circle.
    assert planted(plan, one, "euclidean") is None
    assert len(measurements(plan, networks)) == 2
    projected = plan.model_copy(update={"cloud": plan.cloud.model_copy(update={"components": 2})})
    task = planted(projected, five, "cosine")
    assert task is not None
    assert (task.dimension, task.layer) == (2, None)
    assert metrics(plan) == ["euclidean", "cosine"]
    assert under(plan, five, "cosine").title == "a / block0, cosine"
