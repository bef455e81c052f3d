"""Betti curves and descriptors along depth."""

from pathlib import Path

import numpy as np
import pytest

import toposcope as ts
from tests.conftest import save_layers


def test_one_betti_curve_is_exact(loop: ts.PersistenceDiagram) -> None:
    ax = ts.plot.betti(loop)
    (line,) = ax.lines
    at, betti = line.get_data()
    ends = np.unique(loop.in_degree(1))
    np.testing.assert_array_equal(at, np.concatenate([[0.0], ends]))
    np.testing.assert_array_equal(betti, loop.betti(at, 1))
    assert line.get_drawstyle() == "steps-post"
    assert ax.get_ylabel() == "Betti number of H1"
    assert ax.get_xlabel() == "diameter"


def band_of(ax) -> np.ndarray:
    return ax.collections[-1].get_paths()[0].vertices


def test_several_draws_have_a_mean_and_a_band(draws: list[ts.PersistenceDiagram]) -> None:
    at = np.linspace(0.2, 1.0, 30)
    ax = ts.plot.betti(draws, values=at, label="conv1")
    curves = np.stack([one.betti(at, 1) for one in draws])
    np.testing.assert_allclose(ax.lines[0].get_ydata(), curves.mean(axis=0))
    expected = ts.confidence_band(draws, "betti", 1, at)
    assert band_of(ax)[:, 1].max() == pytest.approx(expected.high.max())
    assert ax.get_legend().get_texts()[0].get_text() == "conv1 · mean of 9 draws, 95% band"
    ts.plot.betti(draws[:3], values=at, ax=ax)
    assert band_of(ax)[:, 1].max() == curves[:3].max()
    assert ax.get_legend().get_texts()[1].get_text() == "H1 · range of 3 draws"
    assert ax.lines[0].get_color() != ax.lines[1].get_color()
    assert ax.get_ylim()[1] > max(expected.high.max(), curves[:3].max())


def test_layers_along_depth(draws: list[ts.PersistenceDiagram]) -> None:
    ax = ts.plot.depth({"a": draws[:4], "b": draws[4:]}, "mean_birth")
    values = [[ts.descriptors(one)["mean_birth"] for one in group] for group in (draws[:4], draws[4:])]
    np.testing.assert_allclose(ax.lines[0].get_ydata(), [np.mean(group) for group in values])
    ends = np.array(ax.collections[0].get_segments())[:, :, 1]
    from toposcope.stats import mean_interval

    interval = mean_interval(np.array(values[0]))
    np.testing.assert_allclose(ends[0], [interval.low, interval.high])
    assert [text.get_text() for text in ax.get_xticklabels()] == ["a", "b"]
    assert ax.get_ylabel() == "mean birth of H1"
    one = ts.plot.depth({"a": draws[:1]})
    assert np.ptp(np.array(one.collections[0].get_segments())[0, :, 1]) == 0


PLAN = """
recipe = "layers"
[[network]]
name = "net"
representations = "{folder}"
[cloud]
size = 12
draws = 4
"""


def test_results_along_depth(tmp_path: Path) -> None:
    save_layers(tmp_path)
    plan = tmp_path / "plan.toml"
    plan.write_text(PLAN.format(folder=tmp_path.as_posix()))
    results = ts.run(ts.Study.read(plan), tmp_path / "run", thumbnails=False)
    ax = ts.plot.depth(results, "entropy", degree=0)
    table = results.tables["descriptor_means"]
    rows = table[(table["descriptor"] == "entropy") & (table["degree"] == 0)]
    np.testing.assert_array_equal(ax.lines[0].get_data(), [rows["depth"], rows["mean"]])
    assert ax.get_legend().get_texts()[0].get_text() == "net"
    with pytest.raises(ts.InputError, match="close names: entropy"):
        ts.plot.depth(results, "entropie")
    with pytest.raises(ts.InputError, match="max_degree = 4"):
        ts.plot.depth(results, degree=4)
    with pytest.raises(ts.InputError, match="network='nett'"):
        ts.plot.depth(results, networks=["nett"])


def test_wrong_nouns_say_what_to_do(draws: list[ts.PersistenceDiagram], loop: ts.PersistenceDiagram) -> None:
    with pytest.raises(ts.InputError, match="plot.betti takes a PersistenceDiagram, and got a dict"):
        ts.plot.betti({})
    with pytest.raises(ts.InputError, match="got no diagram"):
        ts.plot.betti([])
    with pytest.raises(ts.InputError, match="differ in n_points"):
        ts.plot.betti([draws[0], loop])
    with pytest.raises(ts.InputError, match="all finite"):
        ts.plot.betti(draws, values=np.array([np.nan]))
    with pytest.raises(ts.InputError, match="a mapping of layer"):
        ts.plot.depth(draws)
    with pytest.raises(ts.InputError, match="an empty one"):
        ts.plot.depth({})
    with pytest.raises(ts.InputError, match="layer 'b': "):
        ts.plot.depth({"a": draws, "b": []})
    with pytest.raises(ts.InputError, match="descriptor='length'"):
        ts.plot.depth({"a": draws}, "length")
