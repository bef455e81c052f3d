"""Recipes: a planted answer is found, nothing is found where nothing is, and data that cannot answer are refused."""

import math
import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import toposcope as ts
from toposcope.cloud import principal_components
from toposcope.estimate import forecast
from toposcope.stats import PairedCell, energy_bounds
from toposcope.study import TEMPLATES
from toposcope.study.audit import settings
from toposcope.study.plan import Study
from toposcope.study.recipes import RECIPES
from toposcope.study.recipes.separation import _later
from toposcope.study.treatments import Thinned, WithoutOutliers

Layers = list[np.ndarray]


def save(folder: Path, layers: Layers, labels: np.ndarray | None = None) -> Path:
    for position, points in enumerate(layers):
        ids = np.array([f"input-{k:04d}" for k in range(len(points))])
        source = ts.Source(layer=f"block{position}", position=position)
        ts.Representation(points.astype(np.float32), ids, labels, source).save(folder / f"block{position}.npz")
    return folder


def study(tmp_path: Path, recipe: str, networks: dict[str, Path], extra: str = "", **fields: str) -> Study:
    blocks = "".join(
        f'[[network]]\nname = "{name}"\nrepresentations = "{folder}"\n{fields.get(name, "")}\n'
        for name, folder in networks.items()
    )
    path = tmp_path / f"{recipe}.toml"
    path.write_text(f'recipe = "{recipe}"\n{blocks}{extra}')
    return ts.Study.read(path)


def by(table: pd.DataFrame, *names: str) -> dict[tuple, float]:
    """The values of a table by others of its columns."""
    return dict(zip(zip(*(table[name] for name in names), strict=True), table["value"], strict=True))


def verdicts(results: ts.Results) -> list[dict]:
    assert not results.failed
    return results.tables["verdicts"].to_dict("records")


def test_every_recipe_has_a_name_in_plans_and_a_template() -> None:
    allowed = Study.model_fields["recipe"].annotation.__args__
    assert sorted(RECIPES) == sorted(allowed) == sorted(TEMPLATES)


def circle(rng: np.random.Generator, n: int, noise: float = 0.05) -> np.ndarray:
    angle = rng.uniform(0, 2 * np.pi, n)
    points = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return np.hstack([points, np.zeros((n, 3))]) + noise * rng.normal(size=(n, 5))


# sample-size


def test_a_clear_circle_needs_few_points(tmp_path: Path, rng: np.random.Generator) -> None:
    folder = save(tmp_path / "a", [circle(rng, 480, 0.01) * np.array([1, s, 1, 1, 1]) for s in (1, 0.75, 0.5, 0.25)])
    extra = "[sample_size]\nsizes = [20, 40, 80]\nspread = 0.9\n[cloud]\nsize = 80\ndraws = 6\n"
    results = ts.run(study(tmp_path, "sample-size", {"a": folder}, extra), tmp_path / "run")
    h0, h1 = verdicts(results)
    assert h1["answer"] == "yes", h1["sentence"]
    assert "points are enough" in h1["sentence"]
    assert h0["degree"] == 0
    numbers = results.tables["quantities"]
    spread = numbers[(numbers["quantity"] == "spread") & (numbers["degree"] == 1)]
    by_size = spread.groupby("at")["value"].mean()
    assert by_size[80] < by_size[20]
    # One layer at N and at 2N lies far apart for no reason but the number of points.
    at = numbers[(numbers["degree"] == 0) & (numbers["at"] == 40)].groupby("quantity")["value"].mean()
    assert at["W1 between draws at N and at 2N"] > 2 * at["W1 between draws at N"]


def test_the_spread_of_a_draw_is_that_of_the_functions(tmp_path: Path, rng: np.random.Generator) -> None:
    folder = save(tmp_path / "a", [circle(rng, 100)])
    extra = "[sample_size]\nsizes = [10, 20]\n[cloud]\nsize = 20\ndraws = 4\n"
    results = ts.run(study(tmp_path, "sample-size", {"a": folder}, extra), tmp_path / "run")
    layer = ts.read_representation(folder / "block0.npz")
    rows = ts.disjoint_draws(layer.sample_ids, 10, 4, 0)
    diagrams = [ts.vietoris_rips(layer.take(draw), scale="q0.9") for draw in rows]
    within = np.mean([ts.wasserstein(a, b, 0) for k, a in enumerate(diagrams) for b in diagrams[:k]])
    totals = np.array([ts.total_persistence(diagram, 0) for diagram in diagrams])
    numbers = results.tables["quantities"]
    found = numbers[(numbers["degree"] == 0) & (numbers["at"] == 10)].set_index("quantity")["value"]
    assert found["spread"] == pytest.approx(totals.std(ddof=1) / totals.mean())
    assert found["distance between draws over their extent"] == pytest.approx(within / np.mean(totals / 2))
    # Two layers are too few to rank: that is said.
    assert "too few to compare their order" in results.tables["verdicts"]["sentence"][0]


def test_noise_in_many_dimensions_is_not_stable_at_few_points(tmp_path: Path, rng: np.random.Generator) -> None:
    folder = save(tmp_path / "a", [rng.normal(size=(240, 30)) for _ in range(4)])
    extra = "[sample_size]\nsizes = [10, 20, 40]\nspread = 0.05\n[cloud]\nsize = 40\ndraws = 6\n"
    results = ts.run(study(tmp_path, "sample-size", {"a": folder}, extra), tmp_path / "run")
    assert {row["answer"] for row in verdicts(results)} == {"undecided"}
    assert "give inputs for N = 80" in results.headline


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        ("[sample_size]\nsizes = [20, 50]\n", "twice the one before"),
        ("[sample_size]\nsizes = [20, 40]\n[cloud]\nsize = 20\ndraws = 6\n", "6 disjoint draws of 40 need 240"),
        ("[cloud]\ndraws = 1\n", "at least 2 draws"),
    ],
)
def test_sizes_that_cannot_be_had(tmp_path: Path, rng: np.random.Generator, extra: str, message: str) -> None:
    folder = save(tmp_path / "a", [rng.normal(size=(130, 3))])
    with pytest.raises(ts.PlanError, match=message):
        ts.run(study(tmp_path, "sample-size", {"a": folder}, extra), tmp_path / "run")


def test_clouds_without_a_bar_are_not_called_stable(tmp_path: Path, rng: np.random.Generator) -> None:
    folder = save(tmp_path / "a", [np.arange(160.0)[:, None] + 0.1 * rng.normal(size=(160, 1))])
    extra = "[sample_size]\nsizes = [10, 20]\n[cloud]\nsize = 20\ndraws = 6\n"
    results = ts.run(study(tmp_path, "sample-size", {"a": folder}, extra), tmp_path / "run")
    h1 = verdicts(results)[1]  # on a line there is no loop
    assert h1["answer"] == "undecided"
    assert "N = 10: a layer has no bar; N = 20: a layer has no bar" in h1["sentence"]
    with pytest.raises(ts.PlanError, match="no cloud of 2 points has a bar in degree 1.*sizes to 4 or more"):
        ts.run(study(tmp_path, "sample-size", {"a": folder}, extra.replace("10, 20", "2, 4")), tmp_path / "few")


# layers


def test_steps_along_depth_have_simultaneous_bounds(tmp_path: Path, rng: np.random.Generator) -> None:
    folder = save(tmp_path / "a", chain(rng, [ROUND, ROUND, FLAT]))
    results = ts.run(study(tmp_path, "layers", {"a": folder}, "[cloud]\nsize = 30\ndraws = 12\n"), tmp_path / "run")
    (row,) = verdicts(results)
    assert "most a, block1 → block2" in row["sentence"]
    steps = results.tables["quantities"].set_index(["layer_a", "layer_b", "degree"])
    assert set(steps["quantity"]) == {"2·AB - AA - BB"}
    assert len(steps) == 4
    # Two bounds of two steps in two degrees: each misses with at most an eighth of what all may.
    values = results.tables["distances"].query("layer_a == 'block1' and layer_b == 'block2' and degree == 1")
    one = {pair: np.zeros((12, 12)) for pair in (("block1", "block1"), ("block2", "block2"), ("block1", "block2"))}
    for r in results.tables["distances"].query("degree == 1").itertuples():
        if (r.layer_a, r.layer_b) in one:
            one[r.layer_a, r.layer_b][r.draw_a, r.draw_b] = r.value
            if r.layer_a == r.layer_b:
                one[r.layer_a, r.layer_b][r.draw_b, r.draw_a] = r.value
    assert len(values) == 144
    cell = PairedCell("", *one.values())
    expected = energy_bounds(cell, 1 - 0.05 / 8)
    found = steps.loc[("block1", "block2", 1)]
    assert (found["value"], found["low"], found["high"]) == pytest.approx(expected)
    assert found["low"] > 0 > steps.loc[("block0", "block1", 1), "low"]


def test_layers_that_cannot_be_compared(tmp_path: Path, rng: np.random.Generator) -> None:
    folder = save(tmp_path / "a", [circle(rng, 160)])
    (row,) = verdicts(
        ts.run(study(tmp_path, "layers", {"a": folder}, "[cloud]\nsize = 20\ndraws = 8\n"), tmp_path / "run")
    )
    assert row["answer"] == "not checkable"
    assert "no network has two layers, and no [[compare]] names two networks" in row["sentence"]
    folder = save(tmp_path / "b", [circle(rng, 160)] * 2)
    few = "[cloud]\nsize = 20\ndraws = 5\n[test]\nalpha = 0.02\n"
    (row,) = verdicts(ts.run(study(tmp_path, "layers", {"b": folder}, few), tmp_path / "few"))
    assert row["answer"] == "undecided"
    assert "give at least 7 draws" in row["sentence"]
    with pytest.raises(ts.PlanError, match=r"no cloud of 3 points has a bar in degree 1.*\[cloud\] size to 4 or more"):
        ts.run(study(tmp_path, "layers", {"b": folder}, "[cloud]\nsize = 3\ndraws = 8\n"), tmp_path / "tiny")
    audit = "[cloud]\nsize = 20\ndraws = 8\n[audit]\nsize = [3]\n"
    (row,) = verdicts(ts.run(study(tmp_path, "layers", {"b": folder}, audit), tmp_path / "audit"))
    assert row["audit"] == "could not be asked again at size = 3"


@pytest.mark.parametrize("recipe", ["outliers", "finetuning", "training"])
def test_one_draw_says_how_many_would_do(tmp_path: Path, rng: np.random.Generator, recipe: str) -> None:
    layers = [circle(rng, 60) for _ in range(2)]
    folders = {name: save(tmp_path / name, layers) for name in "abc"}
    fields = {"training": {name: f"step = {k}" for k, name in enumerate("abc")}, "finetuning": {"b": 'base = "a"'}}
    extra = "[cloud]\nsize = 30\ndraws = 1\n[equivalence]\nmargin = 1.0\n"
    rows = verdicts(ts.run(study(tmp_path, recipe, folders, extra, **fields.get(recipe, {})), tmp_path / "run"))
    assert {row["answer"] for row in rows[:2]} == {"undecided"}
    for row in rows[:2]:
        assert "give at least 6 draws" in row["sentence"] or "8 or more draws are needed" in row["sentence"]


def test_infinite_distances_leave_a_layer_out_and_are_said(tmp_path: Path, rng: np.random.Generator) -> None:
    # Below the threshold one layer hangs together, and the other does not.
    near, far = circle(rng, 160), circle(rng, 160)
    far[::2] += 9
    folders = {name: save(tmp_path / name, [near, far if name == "after" else near]) for name in ("before", "after")}
    extra = "[cloud]\nsize = 20\ndraws = 8\nscale = 4.0\n[homology]\nthreshold = 1.0\n[equivalence]\nmargin = 9.0\n"
    results = ts.run(study(tmp_path, "finetuning", folders, extra, after='base = "before"'), tmp_path / "run")
    h0, h1 = verdicts(results)
    bounded = results.tables["quantities"].groupby("degree")["layer_a"].agg(set)
    assert bounded.to_dict() == {0: {"block0"}, 1: {"block0", "block1"}}
    assert any("a distance between draws is infinite" in warning for warning in results.warnings)
    # Where a layer has no bound the two were not shown to agree everywhere.
    assert (h0["answer"], h1["answer"]) == ("undecided", "no")
    assert "without bounds in 1, where a task failed or a distance is infinite" in h0["sentence"]
    assert "without bounds" not in h1["sentence"]


# outliers


def with_far_points(rng: np.random.Generator, n: int, share: float) -> np.ndarray:
    """A circle, and a share of points that fill its middle in a loose cloud far from each other."""
    points = circle(rng, n, 0.02)
    far = rng.uniform(size=n) < share
    points[far] = 6 * rng.normal(size=(int(far.sum()), 5))
    return points


def test_outliers_that_matter(tmp_path: Path, rng: np.random.Generator) -> None:
    folders = {
        "clean": save(tmp_path / "clean", [circle(rng, 480, 0.02)]),
        "dirty": save(tmp_path / "dirty", [with_far_points(rng, 480, 0.1)]),
    }
    extra = "[outliers]\nneighbours = 10\nreserve = 0.5\n[cloud]\nsize = 40\ndraws = 8\n"
    results = ts.run(study(tmp_path, "outliers", folders, extra), tmp_path / "run")
    clean, clean_little, dirty, _dirty_little, census = verdicts(results)
    assert clean["answer"] == "undecided"
    assert clean_little["answer"] == "not checkable"
    assert "without a margin" in clean_little["sentence"]
    assert dirty["answer"] == "yes"
    assert census["answer"] == "yes"
    assert census["where"] == "dirty"
    numbers = results.tables["quantities"].set_index("network_a")["value"]
    assert numbers["dirty"] == pytest.approx(0.1, abs=0.05)
    tests = results.tables["tests"]
    assert set(tests["clouds_a"]) == {"without outliers"}
    assert set(tests["clouds_b"]) == {"thinned at random"}
    # Every cloud has the size that was asked for.
    assert results.diagram("dirty", "block0").filtration.n_points == 40


@pytest.mark.parametrize(("margin", "answer"), [(0.02, "no"), (30.0, "yes")])
def test_little_is_below_a_margin(tmp_path: Path, rng: np.random.Generator, margin: float, answer: str) -> None:
    folder = save(tmp_path / "a", [with_far_points(rng, 480, 0.1)])
    extra = f"[equivalence]\nmargin = {margin}\nlevel = 0.8\n[homology]\nmax_degree = 0\n"
    extra += "[outliers]\nneighbours = 10\nreserve = 0.5\n[cloud]\nsize = 40\ndraws = 8\n"
    results = ts.run(study(tmp_path, "outliers", {"a": folder}, extra), tmp_path / "run")
    _difference, little = verdicts(results)
    assert little["answer"] == answer, little["sentence"]
    assert little["margin"] == margin


def test_the_architecture_with_most_outliers_takes_networks_as_units(tmp_path: Path, rng: np.random.Generator) -> None:
    folders, fields = {}, {}
    for kind, share in (("clean", 0.0), ("dirty", 0.15)):
        for seed in range(4):
            name = f"{kind} {seed}"
            folders[name] = save(tmp_path / f"{kind}{seed}", [with_far_points(rng, 240, share)])
            fields[name] = f'family = "{kind}"\nseed = {seed}'
    extra = "[outliers]\nneighbours = 5\nreserve = 1.0\n[cloud]\nsize = 20\ndraws = 6\n[homology]\nmax_degree = 0\n"
    rows = verdicts(ts.run(study(tmp_path, "outliers", folders, extra, **fields), tmp_path / "run"))
    census = next(row for row in rows if row["question"] == "Which architecture has most outliers?")
    assert census["answer"] == "yes"
    assert census["where"] == "dirty"
    assert census["p_adjusted"] == pytest.approx(1 / 35)  # ways to deal 8 networks into two equal groups
    assert "numbers are unequal" not in census["sentence"]
    del folders["clean 3"]
    rows = verdicts(ts.run(study(tmp_path, "outliers", folders, extra, **fields), tmp_path / "fewer"))
    census = next(row for row in rows if row["question"] == "Which architecture has most outliers?")
    assert "the numbers are unequal, so a difference in scatter alone can be what was seen" in census["sentence"]


def save_tokens(folder: Path, rng: np.random.Generator, registers: bool) -> Path:
    """Two layers of 9 tokens of 96 inputs, a class token first; in the second a register in every third input."""
    for position in range(2):
        points = rng.normal(size=(96, 9, 16))
        points[:, 0] *= 3
        if registers and position == 1:
            points[::3, 4] *= 8
        ids = np.repeat([f"input-{k:04d}" for k in range(96)], 9)
        reduction = "one row per token, 9 per input, class token first"
        source = ts.Source(layer=f"block{position}", position=position, reduction=reduction)
        ts.Representation(points.reshape(-1, 16).astype(np.float32), ids, None, source).save(
            folder / f"block{position}.npz"
        )
    return folder


def test_tokens_that_serve_as_registers(tmp_path: Path, rng: np.random.Generator) -> None:
    folders = {name: save_tokens(tmp_path / name, rng, name == "with") for name in ("with", "without")}
    extra = "[outliers]\nneighbours = 10\nreserve = 0.5\n[cloud]\nsize = 40\ndraws = 8\n[homology]\nmax_degree = 0\n"
    results = ts.run(study(tmp_path, "outliers", folders, extra), tmp_path / "run")
    rows = {row["question"]: row for row in verdicts(results)}
    found = rows["Do patch tokens of with have outsized norms?"]
    assert found["answer"] == "yes"
    assert found["where"] == "with block1"
    assert found["effect"] == pytest.approx(1 / 24, rel=0.05)  # one of eight patches, in every third input
    assert "in 1 of 2 layers more patch tokens have an outsized norm" in found["sentence"]
    assert "of inputs, 8." in found["sentence"] or "of inputs, 7." in found["sentence"]
    assert "Class tokens, counted apart, have 3." in found["sentence"] or "have 2.9" in found["sentence"]
    assert rows["Do patch tokens of without have outsized norms?"]["answer"] == "undecided"
    numbers = results.tables["quantities"].set_index(["quantity", "network_a", "layer_a"])["value"]
    assert numbers["share of inputs with a patch token of outsized norm", "with", "block1"] == pytest.approx(
        1 / 3, abs=0.03
    )


def test_outliers_give_way_to_the_reserve(rng: np.random.Generator) -> None:
    points = with_far_points(rng, 120, 0.1)
    layer = ts.Representation(points, np.arange(120))
    treatment = WithoutOutliers(10, 1.5, 0.5)
    rows, flags = treatment.drawn(layer, 40, 2, 0, 0)
    kept = treatment.cloud(layer, 40, 2, 0, 0)
    assert len(rows) == 60
    assert kept.sample_ids.tolist() == rows[~flags][:40].tolist()
    assert np.linalg.norm(kept.points, axis=1).max() < 2
    assert Thinned(0.5).cloud(layer, 40, 2, 0, 0).sample_ids.tolist() == rows[:40].tolist()
    with pytest.raises(ts.InputError, match="held in reserve"):
        WithoutOutliers(10, 1.0, 0.1).cloud(layer, 40, 2, 0, 0)


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        ("[cloud]\nsize = 15\ndraws = 6\n", "neighbours = 20 needs clouds of more points"),
        ("[cloud]\nsize = 25\ndraws = 4\n", "with a reserve of 5 need 120"),
    ],
)
def test_too_few_points_for_outliers(tmp_path: Path, rng: np.random.Generator, extra: str, message: str) -> None:
    folder = save(tmp_path / "a", [rng.normal(size=(110, 3))])
    with pytest.raises(ts.PlanError, match=message):
        ts.run(study(tmp_path, "outliers", {"a": folder}, extra), tmp_path / "run")


# smoothness


def walk(rng: np.random.Generator, layers: int, step: Callable[[int], float], n: int = 160) -> Layers:
    """A circle that turns into an ellipse, in steps of the given size."""
    points = circle(rng, n, 0.03)
    turned = []
    squeeze = 0.0
    for position in range(layers):
        turned.append(points * np.array([1, 1 - squeeze, 1, 1, 1]))
        squeeze += step(position)
    return turned


def test_one_path_cut_into_more_steps(tmp_path: Path, rng: np.random.Generator) -> None:
    depths = (3, 4, 6, 9, 13)
    folders = {f"d{d}": save(tmp_path / f"d{d}", walk(rng, d, lambda _k, d=d: 0.8 / (d - 1))) for d in depths}
    extra = "[cloud]\nsize = 20\ndraws = 8\n"
    results = ts.run(study(tmp_path, "smoothness", folders, extra), tmp_path / "run")
    by_question = {row["question"]: row for row in verdicts(results)}
    step = by_question["Does the mean change per step shrink with depth, H1?"]
    path = by_question["Does the whole path shrink with depth, H1?"]
    assert step["answer"] == "yes"
    assert step["effect"] < -0.9
    assert path["answer"] == "undecided"
    assert "No control stands beside it" in step["sentence"]
    numbers = results.tables["quantities"]
    found = numbers[(numbers["network_a"] == "d3") & (numbers["degree"] == 1)].set_index("quantity")["value"]
    assert found["path"] == pytest.approx(2 * found["step"])
    assert found["path beyond noise"] == pytest.approx(2 * found["step beyond noise"])


def test_steps_that_do_not_shrink(tmp_path: Path, rng: np.random.Generator) -> None:
    depths = (3, 4, 6, 9, 13)
    folders = {f"d{d}": save(tmp_path / f"d{d}", walk(rng, d, lambda _k: 0.06)) for d in depths}
    rows = verdicts(ts.run(study(tmp_path, "smoothness", folders, "[cloud]\nsize = 20\ndraws = 8\n"), tmp_path / "run"))
    assert {row["answer"] for row in rows} == {"undecided"}
    assert all("was not shown to shrink with depth" in row["sentence"] for row in rows)
    with pytest.raises(ts.PlanError, match="at least 2 draws to know the sampling noise"):
        ts.run(study(tmp_path, "smoothness", folders, "[cloud]\nsize = 20\ndraws = 1\n"), tmp_path / "one")


def test_controls_stand_beside_smoothness(tmp_path: Path, rng: np.random.Generator) -> None:
    folders, fields = {}, {}
    for depth in (3, 4, 6, 9, 12):
        for name, control in ((f"d{depth}", ""), (f"u{depth}", 'control = "untrained"')):
            folders[name] = save(tmp_path / name, walk(rng, depth, lambda _k, d=depth: 0.8 / (d - 1)))
            fields[name] = control
    results = ts.run(
        study(tmp_path, "smoothness", folders, "[cloud]\nsize = 20\ndraws = 6\n", **fields), tmp_path / "run"
    )
    step = next(row for row in verdicts(results) if row["question"].startswith("Does the mean change per step"))
    assert "over 5 networks" in step["sentence"]
    assert "The controls give ρ = -1.00, so training is not what does it" in step["sentence"]


def test_depth_that_does_not_vary_cannot_be_asked(tmp_path: Path, rng: np.random.Generator) -> None:
    folders = {name: save(tmp_path / name, walk(rng, 3, lambda _k: 0.1)) for name in "abcde"}
    results = ts.run(study(tmp_path, "smoothness", folders, "[cloud]\nsize = 20\ndraws = 6\n"), tmp_path / "run")
    (row,) = verdicts(results)
    assert row["answer"] == "not checkable"
    assert row["sentence"].startswith("5 networks, all with 3 layers;")
    four = {name: folders[name] for name in "abcd"}
    with pytest.raises(ts.PlanError, match=r"4 of them cannot show at 0.05 .* at least 5 networks .* \(6 are enough"):
        ts.run(study(tmp_path, "smoothness", four), tmp_path / "few")


def test_too_few_networks_at_too_few_depths(tmp_path: Path, rng: np.random.Generator) -> None:
    depths = {"a": 3, "b": 3, "c": 3, "d": 2, "e": 2}
    folders = {name: save(tmp_path / name, walk(rng, depth, lambda _k: 0.1)) for name, depth in depths.items()}
    extra = "[cloud]\nsize = 20\ndraws = 6\n[homology]\nmax_degree = 0\n"
    (row,) = verdicts(ts.run(study(tmp_path, "smoothness", folders, extra), tmp_path / "run"))
    assert row["answer"] == "not checkable"
    # 5!/(3! 2!) = 10 orders, two quantities that may fall in different ones; 8!/(4! 4!) = 70 would do.
    assert row["sentence"].startswith("5 networks of 2 depths give no adjusted p below 0.2,")
    assert "give 4 of each of these depths, or more depths" in row["sentence"]


# separation


def blobs(rng: np.random.Generator, labels: np.ndarray, apart: float) -> np.ndarray:
    return rng.normal(size=(len(labels), 6)) + apart * np.eye(6)[labels]


def test_classes_that_fall_apart(tmp_path: Path, rng: np.random.Generator) -> None:
    labels = np.arange(360) % 3
    folder = save(tmp_path / "a", [blobs(rng, labels, apart) for apart in (0.0, 2.0, 12.0)], labels)
    extra = "[separation]\nsize = 15\ndraws = 8\n[cloud]\nsize = 45\ndraws = 8\n"
    results = ts.run(study(tmp_path, "separation", {"a": folder}, extra), tmp_path / "run")
    apart, alone = verdicts(results)
    assert apart["answer"] == "yes"
    assert apart["low"] > 0.3
    assert "most in block2" in apart["sentence"]
    # Each class alone is the same Gaussian in every layer.
    assert alone["answer"] == "undecided"
    assert set(results.tables["tests"]["clouds_a"]) == {"class 0", "class 1", "class 2"}
    numbers = results.tables["quantities"].set_index(["quantity", "layer_a"])["value"]
    assert numbers["share of merges within a class", "block0"] == pytest.approx(1 / 3, abs=0.12)
    assert numbers["share of merges within a class, relabelled", "block0"] == pytest.approx(1 / 3, abs=0.02)
    # Three blobs that are far apart are joined by two edges, the longest.
    assert numbers["share of merges within a class", "block2"] == pytest.approx(42 / 44)
    assert numbers["chance that a merge between classes comes later", "block2"] == 1


def test_merges_are_those_of_the_projected_cloud(tmp_path: Path, rng: np.random.Generator) -> None:
    labels = np.arange(60) % 2
    folder = save(tmp_path / "a", [rng.normal(size=(60, 4)) * [9, 1, 1, 1] + 3 * labels[:, None]] * 2, labels)
    extra = "[separation]\nsize = 10\ndraws = 2\n[cloud]\nsize = 20\ndraws = 3\ncomponents = 1\n"
    results = ts.run(study(tmp_path, "separation", {"a": folder}, extra), tmp_path / "run")
    layer = ts.read_representation(folder / "block0.npz")
    shares = []
    for rows in ts.disjoint_draws(layer.sample_ids, 20, 3, 0):
        # On a line the minimum spanning tree joins neighbours.
        line = principal_components(layer.take(rows), 1)[:, 0]
        ordered = layer.labels[rows][np.argsort(line)]
        shares.append(np.mean(ordered[1:] == ordered[:-1]))
    numbers = results.tables["quantities"].set_index(["quantity", "layer_a"])["value"]
    assert numbers["share of merges within a class", "block0"] == pytest.approx(np.mean(shares))


def test_labels_that_mean_nothing(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    labels = np.arange(240) % 3
    folder = save(tmp_path / "a", [rng.normal(size=(240, 6)) for _ in range(3)], labels)
    extra = "[separation]\nsize = 30\ndraws = 6\n[cloud]\nsize = 40\ndraws = 6\n"
    results = ts.run(study(tmp_path, "separation", {"a": folder}, extra), tmp_path / "run")
    apart, alone = verdicts(results)
    assert apart["answer"] == "undecided"
    assert apart["p_adjusted"] > 0.05
    assert alone["answer"] == "not checkable"
    assert "no class has the 180 inputs" in alone["sentence"]


def test_one_layer_has_no_depth_to_fall_apart_along(tmp_path: Path, rng: np.random.Generator) -> None:
    labels = np.arange(60) % 2
    folder = save(tmp_path / "a", [blobs(rng, labels, 9.0)], labels)
    extra = "[cloud]\nsize = 20\ndraws = 3\n[separation]\nsize = 10\ndraws = 2\n"
    apart = verdicts(ts.run(study(tmp_path, "separation", {"a": folder}, extra), tmp_path / "run"))[0]
    assert apart["answer"] == "not checkable"
    assert "give two layers" in apart["sentence"]
    folder = save(tmp_path / "b", [blobs(rng, labels, 9.0)] * 2, labels)
    apart = verdicts(
        ts.run(study(tmp_path, "separation", {"b": folder}, extra.replace("draws = 3", "draws = 1")), tmp_path / "one")
    )[0]
    assert "without bounds for one draw" in apart["sentence"]


def test_separation_needs_labels(tmp_path: Path, rng: np.random.Generator) -> None:
    folder = save(tmp_path / "a", [rng.normal(size=(60, 3))])
    with pytest.raises(ts.PlanError, match="no labels"):
        ts.run(study(tmp_path, "separation", {"a": folder}, "[cloud]\nsize = 10\ndraws = 6\n"), tmp_path / "run")


def test_merges_that_come_later() -> None:
    assert _later(np.array([True, True, False])) == 1
    assert _later(np.array([False, True, True])) == 0
    assert _later(np.array([True, False, True, False])) == 0.75
    assert math.isnan(_later(np.array([True, True])))


# finetuning


def chain(rng: np.random.Generator, shapes: list[np.ndarray]) -> Layers:
    """One layer for each shape: the circle times it, with fresh noise."""
    base = circle(rng, 480, 0.0)
    return [base * shape + 0.02 * rng.normal(size=base.shape) for shape in shapes]


ROUND, FLAT = np.ones(5), np.array([1, 0.2, 1, 1, 1])


def test_where_a_fine_tuned_network_parts(tmp_path: Path, rng: np.random.Generator) -> None:
    folders = {
        "before": save(tmp_path / "before", chain(rng, [ROUND] * 4)),
        "after": save(tmp_path / "after", chain(rng, [ROUND, ROUND, FLAT, FLAT])),
    }
    extra = "[cloud]\nsize = 30\ndraws = 16\n[equivalence]\nmargin = 0.2\n"
    plan = study(tmp_path, "finetuning", folders, extra, after='base = "before"')
    results = ts.run(plan, tmp_path / "run")
    h1 = verdicts(results)[1]
    assert h1["answer"] == "yes", h1["sentence"]
    assert "agree to within the margin up to block1 and have parted by block2" in h1["sentence"]
    assert h1["low"] > h1["margin"] == 0.2
    numbers = results.tables["quantities"]
    one = numbers[(numbers["layer_a"] == "block0") & (numbers["degree"] == 1)]
    assert one["high"].item() < 0.2
    assert {"fine-tuning before to after"} == set(results.tables["tests"]["claim"])


def test_a_network_that_was_not_changed_does_not_part(tmp_path: Path, rng: np.random.Generator) -> None:
    folders = {name: save(tmp_path / name, chain(rng, [ROUND] * 3)) for name in ("before", "after")}
    extra = "[cloud]\nsize = 20\ndraws = 12\n[equivalence]\nmargin = {}\n"
    for margin, answer, words in (
        (2.0, "no", "the two agree to within the margin in every layer"),
        (1e-6, "undecided", "were not shown to part anywhere"),
    ):
        plan = study(tmp_path, "finetuning", folders, extra.format(margin), after='base = "before"')
        for row in verdicts(ts.run(plan, tmp_path / "run")):
            assert row["answer"] == answer, row["sentence"]
            assert words in row["sentence"]
            assert "a difference was shown in 0 of 3 layers" in row["sentence"]


def test_seed_twins_set_the_margin(tmp_path: Path, rng: np.random.Generator) -> None:
    tilted = np.array([1, 0.6, 1, 1, 1])
    folders = {
        "a": save(tmp_path / "a", chain(rng, [ROUND, ROUND])),
        "twin": save(tmp_path / "twin", chain(rng, [tilted, tilted])),
        "tuned": save(tmp_path / "tuned", chain(rng, [ROUND, FLAT])),
    }
    fields = {"a": 'family = "f"', "twin": 'family = "f"\nseed = 1', "tuned": 'family = "f"\nbase = "a"'}
    results = ts.run(
        study(tmp_path, "finetuning", folders, "[cloud]\nsize = 20\ndraws = 16\n", **fields), tmp_path / "run"
    )
    h1 = verdicts(results)[1]
    assert "seed twins of the same layer (1 pairs)" in h1["null"]
    # The margin is the estimate between the twins at that layer.
    distances = results.tables["distances"]
    at = distances[(distances["degree"] == 1) & (distances["layer_a"] == "block1") & (distances["layer_b"] == "block1")]

    def mean(a: str, b: str) -> float:
        rows = at[(at["network_a"] == a) & (at["network_b"] == b) & (at["draw_a"] != at["draw_b"])]
        return rows["value"].mean()

    assert h1["margin"] == pytest.approx(2 * mean("a", "twin") - mean("a", "a") - mean("twin", "twin"))
    assert "seed twins" not in set(results.tables["tests"]["claim"])


def test_fine_tuning_without_a_margin_or_a_base(tmp_path: Path, rng: np.random.Generator) -> None:
    folders = {name: save(tmp_path / name, chain(rng, [ROUND])) for name in ("a", "b")}
    extra = "[cloud]\nsize = 20\ndraws = 8\n"
    results = ts.run(study(tmp_path, "finetuning", folders, extra, b='base = "a"'), tmp_path / "run")
    assert {row["answer"] for row in verdicts(results)} == {"not checkable"}
    assert "state [equivalence] margin" in results.headline
    with pytest.raises(ts.PlanError, match="set `base`"):
        ts.run(study(tmp_path, "finetuning", folders, extra), tmp_path / "none")
    with pytest.raises(ts.PlanError, match="has base 'z', which is not there"):
        study(tmp_path, "finetuning", folders, extra, b='base = "z"')
    few = ts.run(
        study(tmp_path, "finetuning", folders, "[cloud]\nsize = 20\ndraws = 6\n", b='base = "a"'), tmp_path / "few"
    )
    assert "8 or more draws are needed" in few.headline


# train-test


def digits_plan(margin: str = "") -> Study:
    return ts.Study.parse(
        {
            "recipe": "train-test",
            "inputs": {"source": "digits:test", "limit": 240},
            "network": [{"name": "vgg", "model": "toposcope.demo.networks:vgg@random", "layers": ["blocks"]}],
            "train_test": {"train": "digits:train"},
            "cloud": {"size": 30, "draws": 8},
            "homology": {"max_degree": 0},
            **({"equivalence": {"margin": float(margin)}} if margin else {}),
        }
    )


def test_an_untrained_network_cannot_know_what_it_was_trained_on(tmp_path: Path) -> None:
    results = ts.run(digits_plan("2.0"), tmp_path / "run")
    (verdict,) = verdicts(results)
    assert verdict["answer"] == "yes"
    assert "same to within the margin in 6 of 6" in verdict["sentence"]
    assert results.tables["networks"]["network"].tolist() == ["vgg", "vgg on training inputs"]
    assert set(results.tables["tests"]["claim"]) == {"training against held-out inputs, vgg"}
    # The plan that was run holds what the recipe added, and adding it again changes nothing.
    assert RECIPES["train-test"].expand(results.plan) == results.plan
    without = ts.run(digits_plan(), tmp_path / "run")
    assert verdicts(without)[0]["answer"] == "not checkable"


def test_a_layer_without_bounds_is_not_called_the_same() -> None:
    from toposcope.study.recipes.sameness import Closeness
    from toposcope.study.recipes.train_test import _verdict

    side = SimpleNamespace(layer=SimpleNamespace(layer="block0"))
    close = [Closeness(side, side, 0, 0.1, -0.1, 0.3, margin=1.0)]
    evidence = SimpleNamespace(plan=digits_plan("1.0"), tested=lambda _claim: [])
    assert _verdict(evidence, "vgg", close, asked=1).answer == "yes"
    fewer = _verdict(evidence, "vgg", close, asked=2)
    assert fewer.answer == "undecided"
    assert "in 1 of 2 layers and degrees" in fewer.sentence
    assert "without bounds in 1, where a task failed" in fewer.sentence


def test_training_inputs_of_another_kind_are_told_apart(tmp_path: Path, rng: np.random.Generator) -> None:
    np.save(tmp_path / "noise.npy", rng.normal(size=(240, 1, 8, 8)).astype(np.float32))
    plan = ts.Study.from_json({**digits_plan("0.05").to_json(), "train_test": {"train": str(tmp_path / "noise.npy")}})
    (verdict,) = verdicts(ts.run(plan, tmp_path / "run"))
    assert verdict["answer"] == "no", verdict["sentence"]
    assert verdict["low"] > verdict["margin"] == 0.05
    assert "same to within the margin in 0 of 6 layers" in verdict["sentence"]


@pytest.mark.parametrize(
    ("update", "message"),
    [
        ({"train_test": {"train": ""}}, "give \\[train_test\\] train"),
        ({"network": [{"name": "a", "representations": "x"}]}, "needs a `model`"),
    ],
)
def test_train_test_needs_training_inputs_and_models(tmp_path: Path, update: dict, message: str) -> None:
    plan = ts.Study.from_json({**digits_plan().to_json(), **update})
    with pytest.raises(ts.PlanError, match=message):
        ts.run(plan, tmp_path / "run")


# training


def test_when_a_layer_begins_to_change(tmp_path: Path, rng: np.random.Generator) -> None:
    shapes = {"s0": [ROUND, ROUND], "s1": [ROUND, ROUND], "s2": [ROUND, FLAT], "s3": [ROUND, FLAT]}
    folders = {name: save(tmp_path / name, chain(rng, layers)) for name, layers in shapes.items()}
    fields = {name: f'family = "f"\nstep = {10 * k}' for k, name in enumerate(shapes)}
    results = ts.run(
        study(tmp_path, "training", folders, "[cloud]\nsize = 20\ndraws = 12\n", **fields), tmp_path / "run"
    )
    onset, settled = verdicts(results)
    assert onset["answer"] == "yes"
    assert "1 of 2 layers were shown to change, first block1 by step 20" in onset["sentence"]
    assert settled["answer"] == "undecided"
    assert "no layer was shown to differ between step 20 and the end" in settled["sentence"]
    # First against last is tested once.
    tests = results.tables["tests"]
    assert len(tests) == (3 + 2) * 2 * 2


def test_a_training_that_changes_nothing(tmp_path: Path, rng: np.random.Generator) -> None:
    folders = {name: save(tmp_path / name, chain(rng, [ROUND, FLAT])) for name in ("s0", "s1", "s2")}
    fields = {name: f'family = "f"\nstep = {10 * k}' for k, name in enumerate(folders)}
    plan = study(tmp_path, "training", folders, "[cloud]\nsize = 20\ndraws = 8\n", **fields)
    onset, settled = verdicts(ts.run(plan, tmp_path / "run"))
    assert onset["answer"] == settled["answer"] == "undecided"
    assert "none of 2 layers was shown to change, which is not evidence" in onset["sentence"]


def test_training_needs_checkpoints(tmp_path: Path, rng: np.random.Generator) -> None:
    folders = {name: save(tmp_path / name, chain(rng, [ROUND])) for name in ("a", "b")}
    with pytest.raises(ts.PlanError, match="give every .* its `step`"):
        ts.run(study(tmp_path, "training", folders), tmp_path / "run")
    steps = {"a": "step = 1", "b": "step = 2"}
    with pytest.raises(ts.PlanError, match="give at least 3"):
        ts.run(study(tmp_path, "training", folders, **steps), tmp_path / "run")


# audit


def test_a_stated_margin_holds_for_its_own_setting_alone(tmp_path: Path, rng: np.random.Generator) -> None:
    folders = {name: save(tmp_path / name, [circle(rng, 160)]) for name in ("before", "after")}
    extra = "[cloud]\nsize = 20\ndraws = 8\n[equivalence]\nmargin = 9.0\n"
    extra += '[audit]\ndistance = ["bottleneck"]\nwithout_outliers = [true]\n[outliers]\nneighbours = 5\nreserve = 0.0'
    plan = study(tmp_path, "finetuning", folders, extra + "5", after='base = "before"')
    held = {setting.name: setting.plan.equivalence.margin for setting in settings(plan)}
    assert held == {"distance name = bottleneck": None, "without outliers = True": 9.0}


def test_what_cannot_be_checked_is_not_audited(tmp_path: Path, rng: np.random.Generator) -> None:
    folders = {name: save(tmp_path / name, [circle(rng, 160)]) for name in ("before", "after")}
    extra = '[cloud]\nsize = 20\ndraws = 8\n[audit]\ndistance = ["bottleneck"]\n'
    rows = verdicts(ts.run(study(tmp_path, "finetuning", folders, extra, after='base = "before"'), tmp_path / "run"))
    assert {row["answer"] for row in rows} == {"not checkable"}
    assert not any("Audit" in row["sentence"] for row in rows)


def test_an_audit_asks_again_under_settings_fixed_beforehand(tmp_path: Path, rng: np.random.Generator) -> None:
    folders = {
        "before": save(tmp_path / "before", chain(rng, [ROUND, ROUND])),
        "after": save(tmp_path / "after", chain(rng, [ROUND, FLAT])),
    }
    extra = """
[cloud]
size = 30
draws = 12
[[compare]]
a = "before"
b = "after"
[audit]
size = [15, 30, 400]
metric = ["cosine"]
scale = ["none"]
components = [2]
without_outliers = [true]
distance = ["bottleneck"]
degree = [0, 1]
[outliers]
neighbours = 10
"""
    results = ts.run(study(tmp_path, "layers", folders, extra), tmp_path / "run")
    audit = results.tables["audit"]
    named = {"size = 15", "size = 400", "metric = cosine", "scale = none", "components = 2"}
    named |= {"degree = 0", "degree = 1"}
    assert set(audit["setting"]) == named | {"without outliers = True", "distance name = bottleneck"}
    headline = results.tables["verdicts"].iloc[0]
    assert headline["answer"] == "yes"
    assert "survives in" in headline["audit"]
    assert "could not be asked again at size = 400" in headline["audit"]
    assert headline["sentence"].endswith(f"Audit: the verdict {headline['audit']}.")
    # A variant gives what a plan of its own gives.
    alone = ts.run(
        study(tmp_path, "layers", folders, extra.replace("draws = 12", "draws = 12\ncomponents = 2")), tmp_path / "own"
    )
    expected = alone.tables["verdicts"].iloc[0]
    row = audit[(audit["setting"] == "components = 2") & (audit["question"] == headline["question"])]
    assert row["effect"].item() == expected["effect"]
    h1 = extra.replace("[[compare]]", "[test]\ndegrees = [1]\n[[compare]]")
    one_degree = ts.run(study(tmp_path, "layers", folders, h1), tmp_path / "h1")
    assert set(one_degree.tables["tests"]["degree"]) == {1}
    assert set(one_degree.tables["distances"]["degree"]) == {0, 1}
    row = audit[(audit["setting"] == "degree = 1") & (audit["question"] == headline["question"])]
    assert row["effect"].item() == one_degree.tables["verdicts"].iloc[0]["effect"]
    again = ts.Results.read(tmp_path / "run")
    assert again.tables["audit"]["survives"].tolist() == audit["survives"].tolist()


def test_a_verdict_on_one_degree_is_held_against_the_other(tmp_path: Path, rng: np.random.Generator) -> None:
    # A circle that grows flat loses its loop; in H0 the noise decides, and both have the same.
    folders = {
        "before": save(tmp_path / "before", chain(rng, [ROUND, ROUND])),
        "after": save(tmp_path / "after", chain(rng, [ROUND, FLAT])),
    }
    extra = "[cloud]\nsize = 30\ndraws = 16\n[equivalence]\nmargin = 0.2\n[audit]\ndegree = [0, 1]\n"
    results = ts.run(study(tmp_path, "finetuning", folders, extra, after='base = "before"'), tmp_path / "run")
    audit = results.tables["audit"].set_index(["question", "setting"])
    h0, h1 = (f"Where does after part from before, H{degree}?" for degree in (0, 1))
    plan = study(tmp_path, "finetuning", folders, extra + "[test]\ndegrees = [0]\n", after='base = "before"')
    (alone,) = verdicts(ts.run(plan, tmp_path / "alone"))
    assert alone["question"] == h0
    for question in (h0, h1):
        assert audit.loc[(question, "degree = 0"), "sentence"] == alone["sentence"].partition(" Audit:")[0]
    # Its own degree is asked as well: there alone, it has fewer tests beside it.
    assert audit.loc[(h1, "degree = 1"), "answer"] == results.tables["verdicts"]["answer"][1] == "yes"
    assert "of 2 settings" in results.tables["verdicts"]["audit"][1]


def test_what_is_not_asked_under_a_setting_is_said(tmp_path: Path, rng: np.random.Generator) -> None:
    labels = np.arange(240) % 2
    folder = save(tmp_path / "a", [blobs(rng, labels, apart) for apart in (0.0, 9.0)], labels)
    extra = "[separation]\nsize = 15\n[cloud]\nsize = 30\ndraws = 8\n[audit]\ndegree = [1]\n"
    apart, _alone = verdicts(ts.run(study(tmp_path, "separation", {"a": folder}, extra), tmp_path / "run"))
    assert (apart["answer"], apart["degree"]) == ("yes", 0)
    assert apart["audit"] == "could not be asked again at degree = 1"
    extra = "[cloud]\nsize = 30\ndraws = 6\n[sample_size]\nsizes = [15, 30]\n[audit]\nsize = [16]\n"
    folder = save(tmp_path / "b", [circle(rng, 240)])
    results = ts.run(study(tmp_path, "paper", {"b": folder}, extra), tmp_path / "paper")
    audit = results.tables["audit"]
    (removal,) = audit[audit["question"].str.contains("more than removing random points")].to_dict("records")
    assert (removal["answer"], removal["survives"]) == ("not checkable", False)
    assert "not checkable here, because [outliers] neighbours = 20 needs clouds of more points" in removal["sentence"]
    verdict = next(row for row in verdicts(results) if row["question"] == removal["question"])
    assert verdict["audit"] == "could not be asked again at size = 16"


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        ("[audit]\ndegree = [2]\n", "[audit] degree names degree 2, and [homology] max_degree is 1; set that to 2"),
        ("[test]\ndegrees = [0, 3]\n", "[test] degrees names degree 3"),
        ("[test]\ndegrees = []\n", "at least one degree"),
        ("[test]\ndegrees = [1, 0]\n", "each larger than the one before"),
    ],
)
def test_degrees_that_are_not_there(tmp_path: Path, extra: str, message: str) -> None:
    with pytest.raises(ts.PlanError, match=re.escape(message)):
        study(tmp_path, "layers", {"a": tmp_path}, extra)


def test_a_verdict_that_breaks_says_where(tmp_path: Path, rng: np.random.Generator) -> None:
    base = chain(rng, [ROUND])[0]
    folders = {"a": save(tmp_path / "a", [base]), "b": save(tmp_path / "b", [3 * base])}
    compare = '[[compare]]\na = "a"\nb = "b"\n[cloud]\nsize = 30\ndraws = 8\n'
    results = ts.run(study(tmp_path, "layers", folders, compare + '[audit]\nscale = ["none"]\n'), tmp_path / "run")
    (verdict,) = verdicts(results)
    assert verdict["answer"] == "undecided"
    assert verdict["audit"] == "survives in 0 of 1 settings; breaks at scale = none (yes)"


@pytest.mark.parametrize(
    ("line", "message"),
    [('metric = ["euclid"]', "euclid"), ('distance = ["w"]', "not known"), ('scale = ["x"]', "not known")],
)
def test_settings_of_an_audit_are_checked(tmp_path: Path, line: str, message: str) -> None:
    with pytest.raises(ts.PlanError, match=message):
        study(tmp_path, "layers", {"a": tmp_path}, f"[audit]\n{line}\n")


def test_the_forecast_counts_what_is_done(tmp_path: Path, rng: np.random.Generator) -> None:
    labels = np.arange(240) % 3
    folder = save(tmp_path / "a", [blobs(rng, labels, apart) for apart in (0.0, 2.0)], labels)
    extra = "[cloud]\nsize = 30\ndraws = 4\n[separation]\nsize = 10\ndraws = 4\n"
    extra += '[audit]\nsize = [20]\ndistance = ["bottleneck"]\n'
    plan = study(tmp_path, "separation", {"a": folder}, extra)
    expected = forecast(plan)
    ts.run(plan, tmp_path / "run")
    store = list(ts.Results.read(tmp_path / "run").store)
    assert expected.diagrams == sum(key.startswith("diagram-") for key in store)
    assert expected.pairs == sum(key.startswith("distances-") for key in store)
    assert expected.settings == 2
    assert any(line.startswith("audit       2 settings") for line in expected.lines())


# architectures


def zoo(tmp_path: Path, rng: np.random.Generator, shapes: dict[str, np.ndarray], seeds: int) -> tuple[dict, dict]:
    """Networks of every architecture: the same inputs, a rotation and noise of each seed's own."""
    base = circle(rng, 120, 0.0)
    folders, fields = {}, {}
    for name, shape in shapes.items():
        for seed in range(seeds):
            turn = np.linalg.qr(rng.normal(size=(5, 5)))[0]
            layers = [(base * shape + 0.1 * rng.normal(size=base.shape)) @ turn for _ in range(2)]
            folders[f"{name}{seed}"] = save(tmp_path / f"{name}{seed}", layers)
            fields[f"{name}{seed}"] = f'family = "{name[0]}"\narchitecture = "{name}"\nseed = {seed}'
    return folders, fields


def test_an_architecture_that_matters(tmp_path: Path, rng: np.random.Generator) -> None:
    folders, fields = zoo(tmp_path, rng, {"round": ROUND, "flat": FLAT}, 4)
    results = ts.run(
        study(tmp_path, "architectures", folders, "[cloud]\nsize = 20\ndraws = 6\n", **fields), tmp_path / "run"
    )
    by_question = {row["question"]: row for row in verdicts(results)}
    h1 = by_question["Does the architecture matter, H1?"]
    assert h1["answer"] == "yes"
    # 35 ways to deal 8 networks into two equal groups.
    assert h1["p_adjusted"] == pytest.approx(1 / 35)
    assert by_question["Are architectures of one family alike?"]["answer"] == "not checkable"
    numbers = by(results.tables["quantities"], "quantity", "degree")
    share = {name: numbers[f"share of variance: {name}", 1] for name in ("architecture", "seed", "draw", "residual")}
    assert share["architecture"] > 0.5
    assert "Does topology repeat what CKA says of the networks, H1?" in by_question


def test_an_architecture_that_does_not(tmp_path: Path, rng: np.random.Generator) -> None:
    folders, fields = zoo(tmp_path, rng, {"round": ROUND, "other": ROUND}, 4)
    results = ts.run(
        study(tmp_path, "architectures", folders, "[cloud]\nsize = 20\ndraws = 6\n", **fields), tmp_path / "run"
    )
    by_question = {row["question"]: row for row in verdicts(results)}
    assert by_question["Does the architecture matter, H1?"]["answer"] == "undecided"
    assert "not shown that the architecture matters" in by_question["Does the architecture matter, H0?"]["sentence"]


def test_a_network_alone_of_its_architecture_is_left_out_and_said_to_be(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    folders, fields = zoo(tmp_path, rng, {"round": ROUND, "flat": FLAT}, 4)
    single, field = zoo(tmp_path, rng, {"single": ROUND}, 1)
    plan = study(tmp_path, "architectures", folders | single, "[cloud]\nsize = 20\ndraws = 6\n", **fields, **field)
    first = verdicts(ts.run(plan, tmp_path / "run"))[0]
    assert "4 and 4 units" in first["sentence"]
    assert f"Left out, each alone of its architecture: {next(iter(single))}." in first["sentence"]


def test_unequal_numbers_of_networks_leave_something_open(tmp_path: Path, rng: np.random.Generator) -> None:
    folders, fields = zoo(tmp_path, rng, {"round": ROUND, "flat": FLAT}, 4)
    alike, like_fields = zoo(tmp_path / "alike", rng, {"round": ROUND, "other": ROUND}, 4)
    fewer = {name: folder for name, folder in folders.items() if name != "flat3"}
    fewer_alike = {name: folder for name, folder in alike.items() if name != "other3"}
    seen = "a difference in scatter alone can be what was seen (mean distances:"
    hidden = "a larger group that scatters more hides differences (mean distances:"
    for number, (given, answer, words) in enumerate(
        ((folders, "yes", ""), (fewer, "yes", seen), (alike, "undecided", ""), (fewer_alike, "undecided", hidden))
    ):
        extra = "[cloud]\nsize = 20\ndraws = 6\n"
        plan = study(tmp_path, "architectures", given, extra, **{**like_fields, **fields})
        found = {row["question"]: row for row in verdicts(ts.run(plan, tmp_path / f"run{number}"))}
        h1 = found["Does the architecture matter, H1?"]
        assert h1["answer"] == answer
        assert [part for part in (seen, hidden) if part in h1["sentence"]] == ([words] if words else [])


def test_families_of_architectures(tmp_path: Path, rng: np.random.Generator) -> None:
    shapes = {f"r{k}": ROUND for k in range(4)} | {f"f{k}": FLAT for k in range(4)}
    folders, fields = zoo(tmp_path, rng, shapes, 2)
    extra = "[cloud]\nsize = 20\ndraws = 4\n[homology]\nmax_degree = 1\n"
    results = ts.run(study(tmp_path, "architectures", folders, extra, **fields), tmp_path / "run")
    by_question = {row["question"]: row for row in verdicts(results)}
    assert by_question["Are architectures of one family alike, H1?"]["answer"] == "yes"
    assert by_question["Are architectures of one family alike, H1?"]["p_adjusted"] == pytest.approx(1 / 35)
    assert by_question["Are architectures of one family alike, H1?"]["effect"] > 0.5


@pytest.mark.parametrize(("seeds", "message"), [(1, "train 4 of each"), (3, "train 4 of each")])
def test_too_few_networks_for_a_claim_about_architectures(
    tmp_path: Path, rng: np.random.Generator, seeds: int, message: str
) -> None:
    folders, fields = zoo(tmp_path, rng, {"round": ROUND, "flat": FLAT}, seeds)
    with pytest.raises(ts.PlanError, match=message):
        ts.run(study(tmp_path, "architectures", folders, "[cloud]\nsize = 20\n", **fields), tmp_path / "run")
    with pytest.raises(ts.PlanError, match="at least 2 architectures"):
        ts.run(study(tmp_path, "architectures", {"a": tmp_path}), tmp_path / "run")


def test_cka_and_topology_are_read_on_different_inputs(tmp_path: Path, rng: np.random.Generator) -> None:
    folders, fields = zoo(tmp_path, rng, {"round": ROUND, "flat": FLAT}, 4)
    plan = study(tmp_path, "architectures", folders, "[cloud]\nsize = 20\ndraws = 1\n", **fields)
    rows = {row["question"]: row for row in verdicts(ts.run(plan, tmp_path / "run"))}
    related = rows["Does topology repeat what CKA says of the networks, H1?"]
    assert related["answer"] == "not checkable"
    assert "2 draws, for the two to be read on different inputs" in related["sentence"]


def test_networks_and_cka_permuted() -> None:
    from toposcope.study.recipes.architectures import _orders, _relations

    rng = np.random.default_rng(0)
    a = rng.normal(size=(5, 5))
    a = a + a.T
    null = _relations(a, a, _orders(5, 0))
    assert null[0] == pytest.approx(1)
    assert len(null) == 120
    assert null.max() == pytest.approx(1)
    # Unrelated matrices: the share of orders at least as extreme is uniform on its lattice.
    shares = []
    for _ in range(300):
        x, y = (rng.normal(size=(5, 5)) for _ in range(2))
        found = _relations(x + x.T, y + y.T, _orders(5, 0))
        shares.append((np.abs(found) >= abs(found[0]) - 1e-9).mean())
    assert 0.01 < np.mean(np.array(shares) <= 0.05) < 0.1


# paper


def test_the_papers_claims_on_two_saved_networks(tmp_path: Path, rng: np.random.Generator) -> None:
    folders = {
        "clean": save(tmp_path / "clean", [circle(rng, 480, 0.02), circle(rng, 480, 0.05)]),
        "dirty": save(tmp_path / "dirty", [with_far_points(rng, 480, 0.1), with_far_points(rng, 480, 0.1)]),
    }
    extra = (
        "[cloud]\nsize = 40\ndraws = 8\n[sample_size]\nsizes = [20, 40]\n[outliers]\nneighbours = 10\nreserve = 0.5\n"
    )
    results = ts.run(study(tmp_path, "paper", folders, extra), tmp_path / "run")
    rows = verdicts(results)
    by_claim: dict[str, list[dict]] = {}
    for row in rows:
        by_claim.setdefault(row["question"].split(" (")[0], []).append(row)
    assert list(by_claim) == [f"Claim {k}" for k in range(1, 9)]
    assert by_claim["Claim 2"][0]["effect"] > 0
    asked = [row for row in by_claim["Claim 3"] if "random points" in row["question"]]
    removal = {row["where"].split()[0]: row["answer"] for row in asked}
    assert removal == {"clean": "undecided", "dirty": "yes"}
    assert by_claim["Claim 8"][0]["where"] == "dirty"
    for claim, needs in (
        ("Claim 4", "train"),
        ("Claim 5", "at least 5 networks of one family"),
        ("Claim 6", "set `base`"),
        ("Claim 7", r"give [train_test] train"),
    ):
        (row,) = by_claim[claim]
        assert row["answer"] == "not checkable"
        assert needs in row["sentence"]


def test_the_papers_claims_on_networks_that_can_answer(tmp_path: Path, rng: np.random.Generator) -> None:
    folders, fields = {}, {}
    base = circle(rng, 160, 0.0)
    for name, shape, family in (("round", ROUND, "a"), ("flat", FLAT, "b")):
        for seed, depth in enumerate((2, 3, 4, 5, 6)):
            key = f"{name}{seed}"
            layers = [base * shape + 0.05 * rng.normal(size=base.shape) for _ in range(depth)]
            folders[key] = save(tmp_path / key, layers)
            fields[key] = f'family = "{family}"\nseed = {seed}'
    folders["tuned"] = save(tmp_path / "tuned", [base * FLAT + 0.05 * rng.normal(size=base.shape) for _ in range(2)])
    fields["tuned"] = 'family = "a"\nbase = "round0"'
    extra = "[cloud]\nsize = 20\ndraws = 8\n[homology]\nmax_degree = 1\n[sample_size]\nsizes = [10, 20]\n"
    results = ts.run(study(tmp_path, "paper", folders, extra, **fields), tmp_path / "run")
    answers: dict[str, set[str]] = {}
    for row in verdicts(results):
        answers.setdefault(row["question"].split(" (")[0], set()).add(row["answer"])
    assert "yes" in answers["Claim 4"]
    assert answers["Claim 3"] == {"not checkable"}  # 20 points are not more than 20 neighbours
    assert answers["Claim 5"] <= {"yes", "undecided"}
    assert answers["Claim 6"] <= {"yes", "no", "undecided", "not checkable"}  # noise alone tells no twins apart
    assert answers["Claim 7"] == {"not checkable"}
    # The fine-tuned network is no network of its family's training.
    tested = results.tables["verdicts"]
    four = tested[tested["question"].str.startswith("Claim 4") & tested["question"].str.contains("matter, H1")]
    assert "5 and 5 units" in four["sentence"].item()


def test_claims_are_asked_of_the_networks_they_concern(tmp_path: Path, rng: np.random.Generator) -> None:
    layers = [circle(rng, 200) for _ in range(2)]
    folders = {
        name: save(tmp_path / name.replace(" ", "-"), layers) for name in ("a", "a on training inputs", "untrained")
    }
    extra = "[cloud]\nsize = 20\ndraws = 8\n[sample_size]\nsizes = [10, 20]\n[outliers]\nneighbours = 5\n"
    plan = study(tmp_path, "paper", folders, extra, untrained='control = "untrained"')
    rows = verdicts(ts.run(plan, tmp_path / "run"))
    for claim in ("Claim 1 ", "Claim 3 "):
        asked = [row for row in rows if row["question"].startswith(claim)]
        assert {row["where"].split()[0] for row in asked} == {"a"}
        assert not any("training inputs" in row["question"] for row in asked)


# betti-collapse


def rings(rng: np.random.Generator, labels: np.ndarray) -> np.ndarray:
    """A disc (class 0) in a ring (class 1)."""
    angle = rng.uniform(0, 2 * np.pi, len(labels))
    radius = np.where(labels == 0, 0.5 * np.sqrt(rng.uniform(size=len(labels))), rng.uniform(1.4, 1.6, len(labels)))
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)


def blown(rng: np.random.Generator, labels: np.ndarray) -> np.ndarray:
    """Every class a disc of its own."""
    angle = rng.uniform(0, 2 * np.pi, len(labels))
    radius = np.sqrt(rng.uniform(size=len(labels)))
    return np.stack([radius * np.cos(angle) + 9 * labels, radius * np.sin(angle)], axis=1)


KNOWN = """
[cloud]
size = 60
draws = 4
[betti_collapse]
inputs = "inputs"
neighbours = [6, 8]
radii = [1, 2, 3]
agreement = 0.75
[betti_collapse.betti]
"0" = [1, 0]
"1" = [1, 1]
"""


def test_a_classifier_that_carries_a_ring_to_a_point(tmp_path: Path, rng: np.random.Generator) -> None:
    labels = np.arange(480) % 2
    points = rings(rng, labels)
    folders = {"inputs": save(tmp_path / "inputs", [points], labels)}
    fields = {}
    for kind in ("fast", "slow"):
        for seed in range(4):
            layers = [blown(rng, labels) if kind == "fast" else 2 * points, blown(rng, labels)]
            folders[f"{kind}{seed}"] = save(tmp_path / f"{kind}{seed}", layers, labels)
            fields[f"{kind}{seed}"] = f'family = "{kind}"\nseed = {seed}'
    results = ts.run(study(tmp_path, "betti-collapse", folders, KNOWN, **fields), tmp_path / "run")
    *networks, families = verdicts(results)
    assert {row["answer"] for row in networks} == {"yes"}
    assert all(row["effect"] < 0 for row in networks)
    assert families["answer"] == "yes"
    assert "fall earlier in fast" in families["sentence"]
    assert families["p_adjusted"] == pytest.approx(2 / 70)
    assert "numbers are unequal" not in families["sentence"]
    numbers = by(results.tables["quantities"], "network_a", "layer_a")
    assert numbers["slow0", "block1"] == pytest.approx(2, abs=0.3)
    for left_out, words in (
        (["slow3"], "the numbers are unequal, and a larger group that scatters more hides differences"),
        (["slow1", "slow2", "slow3"], "cannot show at 0.05 which sheds Betti numbers earlier; train 4 of each"),
    ):
        fewer = {name: folder for name, folder in folders.items() if name not in left_out}
        *_, families = verdicts(
            ts.run(study(tmp_path, "betti-collapse", fewer, KNOWN, **fields), tmp_path / f"without {len(left_out)}")
        )
        assert words in families["sentence"]


def test_one_network_stands_for_no_family() -> None:
    from toposcope.study.recipes.betti_collapse import _faster

    names = {f"{family} {seed}": family for family, seeds in (("relu", 20), ("tanh", 1)) for seed in range(seeds)}
    blocks = [{"name": name, "family": family, "representations": "x"} for name, family in names.items()]
    plan = ts.Study.parse({"recipe": "betti-collapse", "network": blocks})
    path = {
        name: [(None, np.full(4, 2.0)), (None, np.full(4, 1.0 + (family == "tanh")))] for name, family in names.items()
    }
    (row,) = _faster(SimpleNamespace(plan=plan), path)
    # One in 21 would reach 0.05.
    assert row.answer == "not checkable"
    assert "20 and 1 networks cannot show" in row.sentence


def test_a_classifier_that_carries_nothing(tmp_path: Path, rng: np.random.Generator) -> None:
    labels = np.arange(480) % 2
    points = rings(rng, labels)
    folders = {"inputs": save(tmp_path / "inputs", [points], labels), "a": save(tmp_path / "a", [points], labels)}
    (row,) = verdicts(ts.run(study(tmp_path, "betti-collapse", folders, KNOWN), tmp_path / "run"))
    assert row["answer"] == "undecided"
    assert row["effect"] == 0
    wrong = KNOWN.replace('"1" = [1, 1]', '"1" = [3, 2]')
    (row,) = verdicts(ts.run(study(tmp_path, "betti-collapse", folders, wrong), tmp_path / "wrong"))
    assert row["answer"] == "not checkable"
    # On its first component a ring is a line.
    line = KNOWN.replace("draws = 4", "draws = 4\ncomponents = 1")
    (row,) = verdicts(ts.run(study(tmp_path, "betti-collapse", folders, line), tmp_path / "line"))
    assert row["answer"] == "not checkable"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('inputs = "inputs"', 'inputs = "x"', "give it a .* of its own"),
        ('"0" = [1, 0]\n"1" = [1, 1]\n', "", "needs to know the inputs' topology"),
        ('"0" = [1, 0]', '"0" = [1]', "equally many numbers"),
        ("neighbours = [6, 8]", "neighbours = [60]", "needs clouds of more points"),
        ("draws = 4", "draws = 5", "5 disjoint draws of 60 need 300"),
    ],
)
def test_betti_numbers_that_cannot_be_followed(
    tmp_path: Path, rng: np.random.Generator, old: str, new: str, message: str
) -> None:
    labels = np.arange(480) % 2
    folders = {"inputs": save(tmp_path / "inputs", [rings(rng, labels)], labels)}
    with pytest.raises(ts.PlanError, match=message):
        ts.run(study(tmp_path, "betti-collapse", folders, KNOWN.replace(old, new)), tmp_path / "run")


def test_the_page_of_recipes_names_every_recipe() -> None:
    page = (Path(__file__).parents[2] / "docs" / "recipes.md").read_text(encoding="utf-8")
    rows = {line.split("`")[1] for line in page.splitlines() if line.startswith("| `")}
    assert rows == set(RECIPES)
