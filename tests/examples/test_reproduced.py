"""The examples that reproduce published results, in small; and the pages that the full ones wrote."""

import re
from pathlib import Path

import numpy as np
import pytest

import toposcope as ts
from examples import beside_cka, metric_audit, reproduced, trained

DOCS = Path(__file__).resolve().parents[2] / "docs"


def table(lines: list[str]) -> dict[str, list[str]]:
    """First cell → the others, of all rows."""
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    return {row[0]: row[1:] for row in rows}


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where networks are kept that several tests train."""
    return tmp_path_factory.mktemp("weights")


@pytest.mark.slow
def test_clusters_and_rings_are_the_published_numbers() -> None:
    rows = table(list(reproduced.clusters()))
    for name in ("RTD", "CKA"):
        for cell in rows[name]:
            here, published = re.fullmatch(r"(\S+) \((\S+)\)", cell).groups()
            assert here == published


def test_noisy_circles() -> None:
    metrics = {name: reproduced.CIRCLE_METRICS[name] for name in ("euclidean", "diffusion, k = 15, t = 8")}
    rows = table(list(reproduced.circle(150, 50, (0.05, 0.25), 2, metrics)))
    assert float(rows["euclidean"][0]) > 0.8
    assert rows["euclidean"][1] == "0.00"
    assert float(rows["diffusion, k = 15, t = 8"][1]) > 0.5


def test_the_noisy_circle_is_the_sources() -> None:
    points = reproduced.noisy_circle(100, 50, 0.0, 1)
    assert np.allclose(np.linalg.norm(points, axis=1), 1)
    assert np.linalg.matrix_rank(points) == 2


def test_sensitivity_and_specificity(weights: Path) -> None:
    measures = [measure for measure in reproduced.DING_MEASURES if measure.name in ("Procrustes", "CKA")]
    lines = list(reproduced.ding(weights, seeds=3, epochs=1, inputs=150, measures=measures))
    rows = [line for line in lines if line.startswith("| Procrustes")]
    assert len(rows) == 2
    for row in rows:
        rho, low, high, tau = (float(x) for x in re.findall(r"-?\d\.\d\d(?!\d)", row)[:4])
        assert low <= rho <= high
        assert -1 <= tau <= 1


def test_the_probe_is_ridge_regression(rng: np.random.Generator) -> None:
    from sklearn.linear_model import RidgeClassifier

    centres = 2 * rng.normal(size=(3, 5))
    y, theirs = rng.integers(0, 3, 200), rng.integers(0, 3, 100)
    x, held_out = centres[y] + rng.normal(size=(200, 5)), centres[theirs] + rng.normal(size=(100, 5))
    spread = np.linalg.norm(x - x.mean(axis=0)) / 200**0.5
    expected = RidgeClassifier(alpha=1e-3 * 200 * spread**2).fit(x, y).score(held_out, theirs)
    assert reproduced._probe(x, y, held_out, theirs) == pytest.approx(expected)


def test_deleting_components_keeps_the_largest(rng: np.random.Generator) -> None:
    x = rng.normal(size=(50, 4)) * np.array([8, 4, 2, 1])
    kept, _ = reproduced.deleted(x, x, 2)
    variances = np.linalg.svd(x - x.mean(axis=0), compute_uv=False) ** 2
    assert (kept**2).sum() == pytest.approx(variances[:2].sum())


def test_pwcca_counts_what_is_lost(rng: np.random.Generator) -> None:
    x = rng.normal(size=(60, 6))
    whole, cut = (reproduced.Prepared(points) for points in (x, reproduced.deleted(x, x, 2)[0]))
    assert reproduced.pwcca_of_all(whole, whole) == pytest.approx(1)
    assert ts.pwcca(whole.points, cut.points) == pytest.approx(1)
    assert reproduced.pwcca_of_all(whole, cut) < 0.8


def test_which_layers_resemble_each_other(weights: Path, tmp_path: Path) -> None:
    figure = tmp_path / "cka.png"
    rows = table(list(reproduced.blocks(None, weights, seeds=2, figure=figure, epochs=1)))
    assert rows["vit, digits, 2 seeds"][0] == "4"
    assert rows["ResNets, CIFAR-10"][0] == "the images are not at hand"
    assert figure.read_bytes().startswith(b"\x89PNG")


def test_networks_are_dealt_out_anew() -> None:
    told = reproduced._uniform_said([0.9, 0.91, 0.92], [0.7, 0.71, 0.72])
    assert "are more alike than" in told
    assert "p = 0.05, networks dealt out anew in all 20 ways" in told
    assert "were not shown" in reproduced._uniform_said([0.9, 0.6, 0.7], [0.7, 0.71, 0.72])


def test_halves_of_a_network_in_two_stages() -> None:
    two_stages = np.kron(np.eye(2), np.ones((3, 3)))
    assert reproduced.halves(two_stages) == 0
    assert reproduced.halves(np.ones((5, 5))) == 1


def test_what_is_not_at_hand_is_said(tmp_path: Path) -> None:
    assert "not at hand" in "\n".join(reproduced.hunchback(None, tmp_path))


@pytest.mark.shared
@pytest.mark.slow
def test_the_hunchback(shared: Path, tmp_path: Path) -> None:
    rows = table(list(reproduced.hunchback(shared, tmp_path, limit=400, size=200, zoo=False)))
    assert float(rows["ResNet-56"][3].split()[0]) > 1.2
    assert len(trained.CIFAR) == 4


def test_betti_numbers_fall_while_landscapes_rise(tmp_path: Path) -> None:
    results, accuracy = metric_audit.audit(tmp_path, seeds=1, steps=600, size=80, metrics=("hops(k=10)",))
    assert accuracy["seed 0"] > 0.85
    rows = results.tables["verdicts"].set_index(["question", "degree"])
    told = rows.loc["Does the total persistence of seed 0 go one way along depth whatever the metric, H1?", 1]
    assert told["answer"] == "no"
    assert "rises under euclidean" in told["sentence"]
    assert "falls under hops" in told["sentence"]
    text = metric_audit.page(results, accuracy)
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- numbers -->\nold\n<!-- end -->\nafter\n")
    metric_audit.write(page, text)
    assert page.read_text() == f"before\n<!-- numbers -->\n\n{text}\n\n<!-- end -->\nafter\n"
    page.write_text("no marks")
    with pytest.raises(SystemExit, match="no place"):
        metric_audit.write(page, text)


def test_beside_cka(weights: Path) -> None:
    measures = tuple(measure for measure in ts.similarity.MEASURES if measure.name == "Procrustes")
    found = beside_cka.table("vgg", "vgg", 5, weights, epochs=1, draws=2, measures=measures)
    assert "pairs of separately trained networks" in found.unit
    text = beside_cka.page({"vgg beside vgg": found}, {"vgg": [0.9, 0.95]})
    assert "2 VGGs 90.0% to 95.0%" in text
    assert next(row[0] for row in beside_cka.against_cka(found)) == "Procrustes"


@pytest.mark.parametrize("name", ["reproduced", "metric-audit", "beside-cka"])
def test_the_pages_hold_numbers(name: str) -> None:
    page = (DOCS / f"{name}.md").read_text(encoding="utf-8")
    assert len(re.findall(r"\d\.\d", page)) > 20
    for link in re.findall(r"\]\(([^)#]+)\)", page):
        if not link.startswith("http"):
            assert (DOCS / link).is_file(), link
