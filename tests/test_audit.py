"""The audit of what is installed, against advisories that are written here."""

import importlib.metadata
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from packaging.version import Version

from tests.audit import concerns, main

NUMPY = importlib.metadata.version("numpy")


def advisory(number: int, name: str, ecosystem: str = "PyPI", **entry: object) -> dict:
    package = {"name": name, "ecosystem": ecosystem}
    return {"id": f"X-{number}", "modified": "2026-01-02T03:04:05Z", "affected": [{"package": package, **entry}]}


def between(*events: dict) -> dict:
    return {"ranges": [{"type": "ECOSYSTEM", "events": list(events)}]}


@pytest.mark.parametrize(
    ("entry", "affected"),
    [
        ({"versions": ["1.9", "2.0"]}, True),
        ({"versions": ["2.0.0"]}, True),
        ({"versions": ["1.9", "nonsense"]}, False),
        (between({"introduced": "0"}), True),
        (between({"introduced": "0"}, {"fixed": "2.0"}), False),
        (between({"introduced": "0"}, {"fixed": "2.0.1"}), True),
        (between({"introduced": "0"}, {"last_affected": "2.0"}), True),
        (between({"introduced": "0"}, {"last_affected": "1.9"}), False),
        (between({"introduced": "2.1"}), False),
        (between({"introduced": "1"}, {"introduced": "2"}, {"fixed": "1.5"}), True),
        (between({"introduced": "0"}, {"fixed": "1.5"}, {"introduced": "2.1"}), False),
        ({"ranges": [{"type": "GIT", "events": [{"introduced": "0"}]}]}, False),
    ],
)
def test_which_versions_an_advisory_concerns(entry: dict, affected: bool) -> None:
    assert concerns(entry, Version("2.0")) is affected


def test_what_is_installed_is_held_against_a_folder_and_an_archive(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    entries = [
        advisory(1, "NumPy", versions=[NUMPY]),
        advisory(2, "numpy", **between({"introduced": "0"}, {"fixed": "0.1"})),
        advisory(3, "numpy", ecosystem="npm", versions=[NUMPY]),
        advisory(4, "no-such-package", versions=["1"]),
        {**advisory(5, "numpy", versions=[NUMPY]), "withdrawn": "2026-01-01T00:00:00Z"},
        advisory(6, "numpy", **between({"introduced": "0"}, {"fixed": "9999"})),
    ]
    (tmp_path / "some" / "deeper").mkdir(parents=True)
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        for number, entry in enumerate(entries):
            (tmp_path / "some" / "deeper" / f"{number}.json").write_text(json.dumps(entry))
            archive.writestr(f"{number}.json", json.dumps(entry))
    for place in (tmp_path / "some", tmp_path / "all.zip"):
        assert main(place) == 1
        said = capsys.readouterr().out.splitlines()
        assert said[:-1] == [f"numpy {NUMPY}  fixed in 9999  X-6", f"numpy {NUMPY}  not fixed  X-1"]
        assert said[-1].startswith("2 findings: ")
        assert said[-1].endswith(" packages, 5 advisories, the newest of 2026-01-02")


def test_no_advisories_are_no_good_news(tmp_path: Path) -> None:
    script = Path(__file__).parent / "audit.py"
    done = subprocess.run([sys.executable, str(script), str(tmp_path)], capture_output=True, text=True)
    assert done.returncode == 2
    assert "holds no advisories" in done.stdout
    (tmp_path / "x.json").write_text(json.dumps(advisory(1, "numpy", versions=["0"])))
    done = subprocess.run([sys.executable, str(script), str(tmp_path)], capture_output=True, text=True)
    assert done.returncode == 0
    assert done.stdout.startswith("0 findings: ")
