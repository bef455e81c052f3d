"""What stands beside the distances: the values of the measures themselves, on the plan's draws, and what it costs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import toposcope as ts
from tests.conftest import save_layers
from toposcope.estimate import forecast
from toposcope.similarity.pairs import aligned
from toposcope.study import Results, Study
from toposcope.study.measures import SIMILARITIES

MEASURES = ["cka", "cka-unbiased", "procrustes", "bottleneck", "wasserstein"]


def plan(folder: Path, **tables: Any) -> Study:
    for k in range(2):
        save_layers(folder / f"net{k}", layers=2, seed=k, width=8 + 20 * k)
    networks = [{"name": f"net{k}", "representations": str(folder / f"net{k}")} for k in range(2)]
    return Study.parse({"recipe": "layers", "network": networks, "cloud": {"size": 20, "draws": 3}, **tables})


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Results:
    folder = tmp_path_factory.mktemp("beside")
    return ts.run(plan(folder, similarity={"measures": MEASURES}), out=folder / "run")


def test_every_pair_has_the_value_of_the_measure_on_the_same_rows(ran: Results) -> None:
    table = ran.tables["similarity"]
    # Two networks of two layers: six pairs, three draws; the plan's own distance is not measured twice.
    assert table.groupby(["measure"]).size().to_dict() == {
        "CKA": 18,
        "CKA, unbiased": 18,
        "Procrustes": 18,
        "bottleneck": 36,
    }
    folders = {network.name: Path(str(network.representations)) for network in ran.plan.network}
    layers = {
        (name, layer): ts.read_representation(folder / f"{layer}.npz")
        for name, folder in folders.items()
        for layer in ("block0", "block1")
    }
    for row in table.to_dict("records"):
        a, b = (row["network_a"], row["layer_a"]), (row["network_b"], row["layer_b"])
        if row["measure"] == "bottleneck":
            diagrams = [ran.diagram(*names, row["draw"]) for names in (a, b)]
            assert row["value"] == ts.bottleneck(*diagrams, int(row["degree"]))
            continue
        assert np.isnan(row["degree"])
        rows = ts.cloud.disjoint_draws(layers[a].sample_ids, 20, 3, 0)[row["draw"]]
        measure = next(one for one in SIMILARITIES.values() if one.name == row["measure"])
        assert row["value"] == pytest.approx(
            measure(*(layers[names].take(rows) for names in (a, b))), rel=1e-4, abs=1e-6
        )


def test_means_have_intervals_over_draws(ran: Results) -> None:
    table, means = ran.tables["similarity"], ran.tables["similarity_means"]
    assert len(means) * 3 == len(table)
    row = means[means["measure"] == "CKA"].iloc[0]
    values = table[table["measure"] == "CKA"]["value"].to_numpy().reshape(3, 6)[:, 0]
    assert row["mean"] == pytest.approx(values.mean())
    half = 4.302652729 * values.std(ddof=1) / 3**0.5
    assert (row["high"] - row["low"]) / 2 == pytest.approx(half)
    again = Results.read(ran.folder)
    assert again.tables["similarity"].equals(table)


def test_rows_in_another_order_are_matched_by_their_ids(tmp_path: Path, rng: np.random.Generator) -> None:
    study = plan(tmp_path, similarity={"measures": ["cka"]})
    first = ts.run(study, out=tmp_path / "a").tables["similarity"]
    for path in sorted((tmp_path / "net1").iterdir()):
        one = ts.read_representation(path)
        one.take(rng.permutation(len(one))).save(path)
    second = ts.run(study, out=tmp_path / "b").tables["similarity"]
    np.testing.assert_allclose(first["value"], second["value"], rtol=1e-6)


def test_other_inputs_have_no_similarity(tmp_path: Path) -> None:
    study = plan(tmp_path, similarity={"measures": ["cka", "bottleneck"]})
    for path in sorted((tmp_path / "net1").iterdir()):
        one = ts.read_representation(path)
        ids = np.array([f"other-{entry}" for entry in one.sample_ids])
        ts.Representation(one.points, ids, one.labels, one.source).save(path)
    table = ts.run(study, out=tmp_path / "run").tables["similarity"]
    alike = table[table["measure"] == "CKA"]
    assert (alike["network_a"] == alike["network_b"]).all()
    assert len(alike) == 2 * 3
    assert len(table[table["measure"] == "bottleneck"]) == 6 * 3 * 2


def test_what_is_not_defined_is_said(tmp_path: Path) -> None:
    study = plan(tmp_path, similarity={"measures": ["cka-unbiased", "rsa"]})
    path = tmp_path / "net0" / "block1.npz"
    one = ts.read_representation(path)
    ts.Representation(np.ones_like(one.points), one.sample_ids, one.labels, one.source).save(path)
    results = ts.run(study, out=tmp_path / "run")
    said = [warning for warning in results.warnings if warning.startswith("not defined: ")]
    assert len(said) == 2
    assert "net0 / block1" in said[0]
    table = results.tables["similarity"]
    constant = (table[["layer_a", "network_a"]] == ["block1", "net0"]).all(axis=1) | (
        table[["layer_b", "network_b"]] == ["block1", "net0"]
    ).all(axis=1)
    assert table[constant]["value"].isna().all()
    assert table[~constant]["value"].notna().all()


def test_an_empty_list_and_tiny_draws_ask_for_nothing(tmp_path: Path) -> None:
    tiny = {"cloud": {"size": 3, "draws": 3}, "homology": {"max_degree": 0}}
    for changes in ({"similarity": {"measures": []}}, tiny):
        results = ts.run(plan(tmp_path, **changes), out=tmp_path / "run")
        assert results.tables["similarity"].empty
        assert results.tables["similarity_means"].empty


def test_an_unknown_measure_names_close_ones() -> None:
    with pytest.raises(ts.PlanError, match=r"measure 'cka-unbiast' is not known; close names: cka-unbiased"):
        Study.parse(
            {
                "recipe": "layers",
                "network": [{"name": "a", "representations": "x"}],
                "similarity": {"measures": ["cka-unbiast"]},
            }
        )


def test_the_forecast_counts_it(tmp_path: Path) -> None:
    found = forecast(plan(tmp_path, similarity={"measures": MEASURES}))
    assert found.alike == 6 + 6  # pairs of layers of the same inputs, and again for the further distance of diagrams
    assert found.similarity > 0
    assert any(line.startswith("similarity  12 pairs of layers") for line in found.lines())
    assert not any(
        line.startswith("similarity") for line in forecast(plan(tmp_path, similarity={"measures": []})).lines()
    )


def test_measures_do_not_see_rotations(rng: np.random.Generator) -> None:
    """They read as many coordinates as there are inputs."""
    a, b = rng.normal(size=(12, 30)), rng.normal(size=(12, 40))
    for name, measure in SIMILARITIES.items():
        x, y = aligned(a, b)
        short = [type(x)(one.features) for one in (x, y)]
        try:
            want = measure.of(x, y)
        except ts.InputError:
            continue
        assert measure.of(*short) == pytest.approx(want, rel=1e-6, abs=1e-7), name
