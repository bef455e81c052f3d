"""The study behind docs/foretell.md: its statistics, and the command in small."""

import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from examples import foretell, foretell_report  # noqa: E402


def test_partial_rank_correlations_take_out_what_is_given(rng: np.random.Generator) -> None:
    known = rng.normal(size=60)
    own = rng.normal(size=60)
    outcome = (known + 0.5 * own)[:, None]
    signals = np.column_stack([known + 0.01 * rng.normal(size=60), own, rng.normal(size=60)])
    rho, p = foretell_report.partial(signals, outcome, foretell_report.ranks(known)[:, None], rng)
    assert rho[1, 0] > 0.8
    assert p[1, 0] < 0.001
    assert abs(rho[0, 0]) < 0.4
    assert min(p[0, 0], p[2, 0]) > 0.05
    # The definition, for one control, by the three correlations of ranks.
    a, b, c = (foretell_report.ranks(column) for column in (own, outcome[:, 0], known))
    ab, ac, bc = (np.corrcoef(*pair)[0, 1] for pair in ((a, b), (a, c), (b, c)))
    assert rho[1, 0] == pytest.approx((ab - ac * bc) / np.sqrt((1 - ac**2) * (1 - bc**2)))


def test_adjusted_p_values_are_valid_where_nothing_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(foretell_report, "PERMUTATIONS", 99)
    rng = np.random.default_rng(1)
    smallest = []
    for _ in range(60):
        given = rng.normal(size=(24, 2))
        outcome = given[:, :1] + rng.normal(size=(24, 1))
        _rho, p = foretell_report.partial(rng.normal(size=(24, 10)) + given[:, 1:], outcome, given, rng)
        smallest.append(p.min())
    assert np.mean(np.array(smallest) <= 0.1) < 0.2


@pytest.mark.slow
def test_the_command_in_small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(foretell_report, "PERMUTATIONS", 99)
    out = tmp_path / "run"
    options = ["--out", str(out), "--data", str(tmp_path), "--beds", "digits", "--seeds", "1", "--epochs", "8"]
    page = foretell.main(options).read_text()
    assert "# Do signals foretell how a training ends?" in page
    assert "12 trainings of 8 epochs" in page
    assert len(list((out / "trainings").iterdir())) == 12
    assert foretell.main(options).read_text() == page
