"""Controls in a study: an excess is found where one is, none where none is, and none is called without calibration."""

from pathlib import Path

import numpy as np
import pytest

import toposcope as ts
from tests.study.test_recipes import blobs, circle, save, study, verdicts, walk
from toposcope.study.audit import settings
from toposcope.study.recipes.smoothness import smallest_p
from toposcope.study.tasks import Layer, Side
from toposcope.study.treatments import PLAIN, ControlOf, OfClass, control_cloud

BOTH = '[controls]\nclouds = ["gaussian", "shuffled"]\n'
CLOUD = "[cloud]\nsize = 30\ndraws = 8\n"


def table(results: ts.Results, quantity: str = "total persistence", control: str = "Gaussian control") -> list[dict]:
    rows = results.tables["controls"]
    return rows[(rows["quantity"] == quantity) & (rows["control"] == control)].to_dict("records")


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> ts.Results:
    """A Gaussian, a circle, and a Gaussian again, with both kinds of control clouds."""
    rng, where = np.random.default_rng(3), tmp_path_factory.mktemp("controls")
    mix = rng.normal(size=(4, 4))
    layers = [rng.normal(size=(240, 4)) @ mix, circle(rng, 240, 0.1), rng.normal(size=(240, 5)) * [1, 1, 0.7, 0.7, 0.5]]
    plan = study(where, "layers", {"a": save(where / "a", layers)}, CLOUD + BOTH)
    return ts.run(plan, where / "run")


def test_a_circle_exceeds_its_controls_and_a_gaussian_does_not(ran: ts.Results) -> None:
    assert not ran.failed
    rows = {(row["layer_a"], row["degree"]): row for row in table(ran)}
    loop = rows["block1", 1]
    assert loop["calibrated"]
    assert loop["p_adjusted"] <= 0.05
    assert loop["excess"] > 0.5
    assert 0 < loop["low"] < loop["excess"] < loop["high"]
    # A Gaussian is its own control.
    for layer in ("block0", "block2"):
        assert rows[layer, 1]["p_adjusted"] > 0.05
    # What it has beyond shuffled columns is that its features depend on each other.
    shuffled = {(row["layer_a"], row["degree"]): row for row in table(ran, control="shuffled control")}
    assert shuffled["block0", 0]["p_adjusted"] <= 0.05
    assert shuffled["block0", 0]["excess"] < 0


def test_the_verdict_says_what_its_controls_show(ran: ts.Results) -> None:
    (row,) = verdicts(ran)
    assert row["controls"].startswith("Gaussian controls: total persistence exceeds theirs in ")
    assert "most a block1 in H1" in row["controls"]
    assert row["sentence"].endswith(f" Controls: {row['controls']}.")
    assert "shuffled controls of these two layers show an effect of" in row["controls"]
    effects = table(ran, "effect")
    assert {(e["layer_a"], e["layer_b"]) for e in effects} == {("block0", "block1"), ("block1", "block2")}
    # The effect of the layers is that of their test.
    tests = ran.tables["tests"].set_index(["layer_a", "degree"])["effect"]
    for e in effects:
        assert e["value"] == pytest.approx(tests[e["layer_a"], e["degree"]])
        assert e["excess"] == pytest.approx(e["value"] - e["control_value"])


def test_diagrams_of_controls_are_artefacts(ran: ts.Results) -> None:
    read = ts.Results.read(ran.folder)
    assert read.controls == ran.controls
    assert set(read.controls) == {"Gaussian control", "shuffled control"}
    layer = ts.read_representation(ran.folder.parent / "a" / "block1.npz")
    cloud = ControlOf("gaussian").cloud(layer, 30, 8, 2, 0)
    assert cloud.sample_ids.tolist() == layer.sample_ids[ts.disjoint_draws(layer.sample_ids, 30, 8, 0)[2]].tolist()
    diagram = read.diagram("a", "block1", 2, clouds="Gaussian control")
    assert np.array_equal(diagram.pairs, ts.vietoris_rips(cloud, scale="q0.9").pairs)
    total = np.mean([ts.total_persistence(read.diagram("a", "block1", k, "Gaussian control"), 1) for k in range(8)])
    row = next(row for row in table(read) if (row["layer_a"], row["degree"]) == ("block1", 1))
    assert row["control_value"] == pytest.approx(total)
    described = read.tables["descriptors"]
    assert set(described["clouds"]) == {"plain", "Gaussian control", "shuffled control"}
    with pytest.raises(ts.InputError, match=r"no clouds 'twin' in this run, only plain, Gaussian control"):
        read.diagram("a", "block1", 0, clouds="twin")


def test_a_control_cloud_keeps_what_it_says(rng: np.random.Generator) -> None:
    clouds = [rng.normal(size=(400, 3)) @ np.array([[2, 1, 0], [0, 1, 0], [0, 0, 0.5]]) + 7 for _ in range(4)]
    control = control_cloud("gaussian", clouds, 1, np.random.default_rng(0))
    others = np.concatenate([clouds[0], clouds[2], clouds[3]])
    assert control.shape == (400, 3)
    assert control.mean(axis=0) == pytest.approx(others.mean(axis=0), abs=0.4)
    assert np.cov(control.T) == pytest.approx(np.cov(others.T), abs=0.6)
    # The draw itself has no part in it.
    moved = [clouds[0], clouds[1] + 100, *clouds[2:]]
    assert np.array_equal(control, control_cloud("gaussian", moved, 1, np.random.default_rng(0)))
    shuffled = control_cloud("shuffled", clouds, 1, np.random.default_rng(0))
    assert np.array_equal(np.sort(shuffled, axis=0), np.sort(clouds[1], axis=0))
    assert (
        abs(np.corrcoef(shuffled[:, 0], shuffled[:, 1])[0, 1])
        < 0.2
        < np.corrcoef(clouds[1][:, 0], clouds[1][:, 1])[0, 1]
    )
    alone = control_cloud("gaussian", clouds[:1], 0, np.random.default_rng(0))
    assert alone.mean(axis=0) == pytest.approx(clouds[0].mean(axis=0), abs=0.5)


def test_a_control_of_treated_draws(rng: np.random.Generator) -> None:
    labels = np.arange(60) % 2
    points = (rng.normal(size=(60, 2)) + 50 * labels[:, None]).astype(np.float32)
    layer = ts.Representation(points, np.arange(60), labels)
    treatment = ControlOf("gaussian", OfClass("1"))
    cloud = treatment.cloud(layer, 10, 3, 0, 0)
    assert set(cloud.labels) == {1}
    assert cloud.points.dtype == np.float32
    assert cloud.points.min() > 40
    assert treatment.to_json() != ControlOf("gaussian").to_json() != ControlOf("shuffled").to_json()
    side = Side(Layer("n", "l", "k", ts.Source(), 60, 60, 2, 0, 1.0), ts.Study.model_fields["cloud"].default, treatment)
    assert side.title == "n / l, Gaussian control"
    assert side.treatment.base != PLAIN


def test_without_calibration_nothing_is_an_excess(tmp_path: Path, rng: np.random.Generator) -> None:
    # Two wide directions and many narrow ones: shrinking widens the narrow ones, in every control alike.
    points = rng.normal(size=(240, 12)) * np.array([1.0, 1.0] + [0.02] * 10)
    extra = CLOUD + '[controls]\nclouds = ["gaussian"]\n'
    results = ts.run(study(tmp_path, "layers", {"a": save(tmp_path / "a", [points, points])}, extra), tmp_path / "run")
    rows = table(results)
    off = [row for row in rows if not row["calibrated"]]
    assert {row["degree"] for row in off} >= {0}
    assert all(row["calibration"] > 0.15 for row in off)
    assert "not calibrated" in results.tables["verdicts"]["controls"][0]
    assert "exceeds theirs" not in results.tables["verdicts"]["controls"][0]


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        ("[cloud]\nsize = 10\ndraws = 4\n" + BOTH, "4 draws cannot show a difference at 0.05; set .* draws = 6"),
        (CLOUD + BOTH + "[test]\nalpha = 0.01\n", "20 stand-ins cannot show an excess at 0.01; .* stand_ins = 99"),
        ('[controls]\nclouds = ["uniform"]\n', "controls.clouds"),
        ('[controls]\nclouds = ["gaussian", "gaussian"]\n', "named once"),
        ("[controls]\nstand_ins = 5\n", "greater than or equal to 20"),
    ],
)
def test_controls_that_cannot_be_had(tmp_path: Path, rng: np.random.Generator, extra: str, message: str) -> None:
    folder = save(tmp_path / "a", [rng.normal(size=(240, 3))])
    with pytest.raises(ts.PlanError, match=message):
        ts.run(study(tmp_path, "layers", {"a": folder}, extra), tmp_path / "run")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"b": 'control_of = "a"'}, "does not say of which kind"),
        ({"b": 'control = "untrained"\ncontrol_of = "x"'}, "control_of 'x', which is not there"),
        (
            {"a": 'control = "untrained"', "b": 'control = "untrained"\ncontrol_of = "a"'},
            "which is a control itself",
        ),
    ],
)
def test_control_networks_that_do_not_fit(
    tmp_path: Path, rng: np.random.Generator, fields: dict[str, str], message: str
) -> None:
    folders = {name: save(tmp_path / name, [rng.normal(size=(60, 3))]) for name in "ab"}
    with pytest.raises(ts.PlanError, match=message):
        study(tmp_path, "layers", folders, CLOUD, **fields)


def test_control_networks_calibrate_each_other(tmp_path: Path, rng: np.random.Generator) -> None:
    folders = {
        "trained": save(tmp_path / "trained", [circle(rng, 240), circle(rng, 240)]),
        "u0": save(tmp_path / "u0", [rng.normal(size=(240, 5)), circle(rng, 240)]),
        "u1": save(tmp_path / "u1", [rng.normal(size=(240, 5)), circle(rng, 240)]),
        "noise": save(tmp_path / "noise", [rng.normal(size=(240, 5)), circle(rng, 240)]),
    }
    control = 'control_of = "trained"\ncontrol = '
    fields = {"u0": f'{control}"untrained"', "u1": f'{control}"untrained"', "noise": f'{control}"random labels"'}
    results = ts.run(study(tmp_path, "layers", folders, CLOUD, **fields), tmp_path / "run")
    rows = {(r["layer_a"], r["degree"]): r for r in table(results, "2·AB - AA - BB", "untrained")}
    assert rows["block0", 0]["low"] > 0  # beyond what two untrained networks differ by
    assert rows["block1", 0]["low"] < 0
    assert rows["block0", 0]["network_b"] == "u0, u1"
    assert all(row["calibrated"] for row in rows.values())
    assert not any(row["calibrated"] for row in table(results, "2·AB - AA - BB", "random labels"))
    said = results.tables["verdicts"]["controls"][0]
    assert "trained lies farther from untrained networks than these from each other in" in said
    assert "trained beside one random labels network: no excess without a second one of the kind" in said


def test_smoothness_beside_control_clouds(tmp_path: Path, rng: np.random.Generator) -> None:
    folders = {f"d{d}": save(tmp_path / f"d{d}", walk(rng, d, lambda _k, d=d: 0.8 / (d - 1))) for d in (2, 3, 4, 5, 6)}
    extra = '[cloud]\nsize = 15\ndraws = 6\n[homology]\nmax_degree = 0\n[controls]\nclouds = ["shuffled"]\n'
    results = ts.run(study(tmp_path, "smoothness", folders, extra), tmp_path / "run")
    step = verdicts(results)[0]
    assert step["answer"] == "yes"
    assert "shuffled controls of the same layers give ρ = " in step["controls"]
    numbers = results.tables["quantities"].set_index(["quantity", "network_a"])["value"]
    for name in folders:
        beyond = numbers["step", name] - numbers["step, shuffled controls", name]
        assert numbers["step beyond, shuffled controls", name] == pytest.approx(beyond)


@pytest.mark.parametrize(
    ("counts", "p"), [([1] * 4, 2 / 24), ([1] * 5, 2 / 120), ([2, 2], 2 / 6), ([3, 3, 3], 2 / 1680), ([2], 1.0)]
)
def test_what_orders_of_networks_can_show(counts: list[int], p: float) -> None:
    assert smallest_p(counts) == pytest.approx(p)


def test_architectures_beside_control_clouds(tmp_path: Path, rng: np.random.Generator) -> None:
    folders, fields = {}, {}
    for kind in ("round", "flat"):
        for seed in range(4):
            name = f"{kind} {seed}"
            points = circle(rng, 120) if kind == "round" else rng.normal(size=(120, 5)) * [1, 0.05, 0.05, 0.05, 0.05]
            folders[name] = save(tmp_path / f"{kind}{seed}", [points])
            fields[name] = f'family = "{kind}"\nseed = {seed}'
    extra = '[cloud]\nsize = 20\ndraws = 6\n[homology]\nmax_degree = 0\n[controls]\nclouds = ["shuffled"]\n'
    row = verdicts(ts.run(study(tmp_path, "architectures", folders, extra, **fields), tmp_path / "run"))[0]
    assert row["answer"] == "yes"
    assert "shuffled controls of the same layers lie " in row["controls"]
    assert "of the effect is beyond them" in row["controls"]


def test_separation_beside_an_untrained_network(tmp_path: Path, rng: np.random.Generator) -> None:
    labels = np.arange(240) % 3
    folders = {
        "trained": save(tmp_path / "trained", [blobs(rng, labels, apart) for apart in (0.0, 12.0)], labels),
        "untrained": save(tmp_path / "untrained", [blobs(rng, labels, 0.0) for _ in range(2)], labels),
    }
    fields = {"untrained": 'control = "untrained"\ncontrol_of = "trained"'}
    extra = "[separation]\nsize = 10\ndraws = 6\n[cloud]\nsize = 30\ndraws = 8\n[homology]\nmax_degree = 0\n"
    rows = verdicts(ts.run(study(tmp_path, "separation", folders, extra, **fields), tmp_path / "run"))
    assert rows[0]["controls"].startswith("untrained (1 network) gains ")
    assert "is beyond it" in rows[0]["controls"]
    assert not isinstance(rows[2]["controls"], str) or rows[2]["controls"] == ""


def test_an_audit_makes_no_controls(tmp_path: Path, rng: np.random.Generator) -> None:
    folder = save(tmp_path / "a", [rng.normal(size=(60, 3))])
    plan = study(tmp_path, "layers", {"a": folder}, BOTH + '[audit]\nscale = ["none"]\n')
    (setting,) = settings(plan)
    assert setting.plan.controls.clouds == ()


def test_nothing_falls_short_by_more_than_all(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    t = rng.uniform(0, 1, 240)
    curve = np.column_stack([t, t**2, t**3, t]) + 0.003 * rng.normal(size=(240, 4))
    results = ts.run(
        study(
            tmp_path,
            "layers",
            {"a": save(tmp_path / "a", [curve, rng.normal(size=(240, 4))])},
            '[cloud]\nsize = 12\ndraws = 8\n[controls]\nclouds = ["shuffled"]\n',
        ),
        tmp_path / "run",
    )
    row = next(
        row for row in table(results, control="shuffled control") if (row["layer_a"], row["degree"]) == ("block0", 1)
    )
    assert row["excess"] == pytest.approx(-1)  # a curve has no loops at all
    assert row["low"] == -1
