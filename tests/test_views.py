"""Nouns in a terminal: what is printed is what they hold, in any width, with or without colours."""

import dataclasses
import io
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

import toposcope as ts
from tests.conftest import save_layers
from toposcope import views

HOSTILE = "a\x1b[2J\nb"


def printed(view, *nouns, width: int = 100) -> str:
    out = io.StringIO()
    view(Console(file=out, width=width, highlight=False), *nouns)
    text = out.getvalue()
    assert "\x1b" not in text
    assert "nan" not in text
    assert all(len(line) <= width for line in text.splitlines())
    return text


@pytest.mark.parametrize(
    ("birth", "death", "drawn"),
    [(0, 1, "━━━━"), (0, 0.5, "━━  "), (0.5, 1, "  ━━"), (0.25, 0.5, " ━  "), (0.125, 0.5, "╺━  "), (0, 0.125, "╸   "),
     (1, 1.0001, "   ╺"), (0.5, np.inf, "  ━▶")],
)  # fmt: skip
def test_a_bar_starts_and_ends_where_it_should(birth: float, death: float, drawn: str) -> None:
    assert views.bar_text(birth, death, 1.0, 4) == drawn


def test_a_diagram_shows_its_longest_bars() -> None:
    rng = np.random.default_rng(0)
    found = ts.vietoris_rips(rng.normal(size=(60, 3)), max_degree=2, scale="q0.9")
    text = printed(views.view_diagram, found)
    bars = found.in_degree(1)
    lengths = bars[:, 1] - bars[:, 0]
    birth, death = bars[np.argmax(lengths)]
    block = text.split("H1: longest 8 of")[1].splitlines()
    assert block[1].split()[-3:] == [f"{birth:.4g}", f"{death:.4g}", f"{death / birth:.3g}"]
    assert "q0.9" in text
    assert text.count("▶") == 1
    assert "under the universal null, a conjecture" in text
    for width in (60, 200):
        printed(views.view_diagram, found, width=width)
    assert "H1" in printed(views.view_diagram, ts.vietoris_rips(np.zeros((0, 2))))


def test_significant_bars_are_marked_and_what_cannot_be_tested_is_said(rng: np.random.Generator) -> None:
    angle = rng.uniform(0, 2 * np.pi, 150)
    circle = np.stack([np.cos(angle), np.sin(angle)], axis=1) + rng.normal(scale=0.08, size=(150, 2))
    text = printed(views.view_diagram, ts.vietoris_rips(circle))
    assert sum(line.endswith(" *") for line in text.splitlines()) == 1
    assert "* significant at 0.05" in text
    cut = printed(views.view_diagram, ts.vietoris_rips(circle, threshold=1.0))
    assert "significance not tested: the diagram was cut at threshold=1" in cut
    assert "up to 1" in cut


def test_a_representation() -> None:
    points = np.array([[0.0, 1.0], [0.0, 2.0], [0.0, 1.0]])
    one = ts.Representation(points, ["a", HOSTILE, "c"], ["x", HOSTILE, "x"], ts.Source("net", layer=HOSTILE))
    text = printed(views.view_representation, one)
    assert "a\\x1b[2J\\nb: 3 points in 2 dimensions" in text
    assert "1 of 2 features" in text
    assert "1 repeat an earlier one" in text
    assert "0 to 2" in text
    many = ts.Representation(np.zeros((25, 1)), np.arange(25), np.arange(25))
    assert "and 5 more classes" in printed(views.view_representation, many)
    printed(views.view_representation, ts.Representation(np.zeros((0, 3)), np.arange(0)))


def test_a_comparison_is_a_heat_table() -> None:
    values = np.array([[0.0, 1.0, np.inf], [1.0, 0.0, 4.0], [np.inf, 4.0, 0.0]])
    one = ts.Comparison(values, ("x", "y", HOSTILE), "W1", computed=np.eye(3, dtype=bool))
    lines = printed(views.view_comparison, one).splitlines()
    assert lines[0] == "W1, 3 by 3: smaller is more similar"
    assert lines[2].split() == ["1", "x", "0", "░", "1", "█", "∞"]
    assert lines[3].split() == ["2", "y", "░", "1", "0", "█", "4"]
    assert lines[5] == "6 of 9 values are lower bounds"
    larger = ts.Comparison(np.array([[1.0, 0.0], [0.0, 1.0]]), ("x", "y"), "CKA", larger_is_more_similar=True)
    assert printed(views.view_comparison, larger).splitlines()[2].split() == ["1", "x", "1", "█", "0"]


def test_what_does_not_fit_is_said() -> None:
    names = tuple(f"layer {k}" for k in range(100))
    text = printed(views.view_comparison, ts.Comparison(np.zeros((100, 100)), names, "W1"), width=60)
    assert re.search(r"left out: 36 rows, \d+ columns", text)
    out = io.StringIO()
    views.heat_table(Console(file=out, width=80), np.zeros((1, 2)), ["r"], ["c", "d"])
    assert "columns: 1 c; 2 d" in out.getvalue()


def test_any_other_artefact() -> None:
    arrays = {"values": np.array([[1.0, 2.5]]), "manifest": np.array("x" * 90), "none": np.empty((0, 3))}
    text = printed(views.view_arrays, arrays, "distances-0")
    assert "1×2    1 to 2.5" in text
    assert "…" in text
    assert "0×3" in text


def _with_doubts(results: ts.Results) -> None:
    """On a terminal what controls and audit say stands below the headline, elsewhere all of it is one line."""
    said = f"{results.headline} Controls: shuffled ones show\x1b 0.5. Audit: the verdict survives in 1 of 1 settings."
    verdicts = results.tables["verdicts"].copy()
    verdicts = verdicts.astype({"controls": object, "audit": object})
    verdicts.loc[verdicts["sentence"] == results.headline, ["sentence", "controls", "audit"]] = [
        said, "shuffled ones show\x1b 0.5", "survives in 1 of 1 settings",
    ]  # fmt: skip
    other = "Another answer."
    also = f"{other} Audit: the verdict breaks at metric = cosine (no)."
    row = verdicts.iloc[[0]].assign(sentence=also, controls="", audit="breaks at metric = cosine (no)")
    verdicts = pd.concat([verdicts, row], ignore_index=True)
    findings = (said, also)
    told = dataclasses.replace(results, findings=findings, tables={**results.tables, "verdicts": verdicts})
    out = io.StringIO()
    console = Console(file=out, width=300, highlight=False, force_terminal=True, color_system=None)
    views.view_findings(console, told)
    lines = [line.rstrip() for line in out.getvalue().splitlines()]
    doubts = ["  controls: shuffled ones show\\x1b 0.5", "  audit: survives in 1 of 1 settings"]
    where = "what controls and audit say of these findings: tables/verdicts.csv"
    assert lines == [results.headline, *doubts, other, where]
    assert said.replace("\x1b", "\\x1b") in " ".join(printed(views.view_findings, told, width=400).split("\n"))


@pytest.mark.parametrize("layers", [3, 9])
def test_a_run(tmp_path: Path, layers: int) -> None:
    networks = ""
    for name in "ab":
        (tmp_path / name).mkdir()
        save_layers(tmp_path / name, layers, n=60, seed=ord(name))
        networks += f'[[network]]\nname = "{name}"\nrepresentations = "{(tmp_path / name).as_posix()}"\n'
    plan = tmp_path / "plan.toml"
    plan.write_text(f'recipe = "layers"\n{networks}[cloud]\nsize = 8\ndraws = 7\n')
    results = ts.run(ts.Study.read(plan), tmp_path / "run", thumbnails=False)
    text = printed(views.view_results, results)
    joined = " ".join(text.split())
    assert f"plan (layers): 2 networks, {2 * layers} layers, 7 disjoint draws of 8 inputs, H0 to H1, W1" in joined
    assert results.headline in joined
    _with_doubts(results)
    tests = results.tables["tests"]
    found = int((tests["p_adjusted"] <= 0.05).sum())
    assert f"{found} of {len(tests)} tests reject at 0.05, adjusted by max-t" in joined
    assert (f"and {len(tests) - 12} more in tables/tests.csv" in text) == (len(tests) > 12)
    means = results.tables["distance_means"]
    row = means[(means["degree"] == 1) & (means["layer_a"] == means["layer_b"])]
    row = row[row["layer_a"] == f"block{layers - 1}"].iloc[0]
    assert f" {row['mean']:.3g}" in text
    assert ("last layers of the networks" in text) == (2 * layers > 16)
