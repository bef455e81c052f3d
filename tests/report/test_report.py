"""The report: one file, no request, nothing hostile, no NaN, and the same bytes for the same results."""

from __future__ import annotations

import base64
import dataclasses
import gzip
import hashlib
import itertools
import json
import math
import re
import subprocess
import sys
import tomllib
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import toposcope as ts
from tests.report.conftest import renamed, study
from toposcope.report import payload, report
from toposcope.report.diagrams import LEVELS
from toposcope.report.page import page
from toposcope.report.payload import PAGE_BYTES
from toposcope.report.toml import plan_toml
from toposcope.study import Failure, Results, Study
from toposcope.study.holes import Seen
from toposcope.study.results import COLUMNS


class Page(HTMLParser):
    """What a browser would see: tags with their attributes, text by tag, and headings in order."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        self.open: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "link", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"</{tag}> closes something else"

    def handle_data(self, data: str) -> None:
        self.texts.append((self.open[-1] if self.open else "", data))

    def text(self, *leave_out: str) -> str:
        return "".join(data for tag, data in self.texts if tag not in {"script", "style", *leave_out})

    @property
    def scripts(self) -> list[str]:
        return [data for tag, data in self.texts if tag == "script"]

    @property
    def data(self) -> dict[str, Any]:
        def refuse(name: str) -> None:
            raise AssertionError(f"{name} is not JSON")

        found: dict[str, Any] = json.loads(self.scripts[0], parse_constant=refuse)
        return found


def test_report_is_written_and_names_its_path(ran: Results, tmp_path: Path) -> None:
    path = report(ran, tmp_path / "new" / "report.html")
    assert path == tmp_path / "new" / "report.html"
    html = path.read_text(encoding="utf-8")
    assert html.startswith("<!doctype html>")
    parsed = Page(html)
    assert not parsed.open
    assert ran.headline in parsed.text().replace("\N{NO-BREAK SPACE}", " ")
    for words in (
        "14 inputs",
        "max-T",
        "0.9-quantile",
        "seeds",
        "toposcope run study.toml",
        "2407.06286",
        "no warnings",
    ):
        assert words in html, words


def test_a_folder_gives_the_same_bytes_as_results(ran: Results, tmp_path: Path) -> None:
    first = report(ran, tmp_path / "a.html").read_bytes()
    assert report(str(ran.folder), tmp_path / "b.html").read_bytes() == first
    assert report(ran.folder, tmp_path / "c.HTML").read_bytes() == first


def test_wrong_paths_are_refused(ran: Results, tmp_path: Path) -> None:
    with pytest.raises(ts.InputError, match=r"does not end in \.html"):
        report(ran, tmp_path / "report.pdf")
    with pytest.raises(ts.FileError, match=r"holds no results\.json"):
        report(tmp_path, tmp_path / "report.html")
    (tmp_path / "file").write_text("")
    with pytest.raises(ts.FileError, match="cannot write"):
        report(ran, tmp_path / "file" / "report.html")


@pytest.mark.parametrize("hostile", [False, True])
def test_nothing_is_loaded_and_nothing_hostile_runs(ran: Results, hostile: bool) -> None:
    results = renamed(ran) if hostile else ran
    html = page(results)
    html.encode("utf-8")
    parsed = Page(html)
    policies = [
        a["content"] for tag, a in parsed.tags if tag == "meta" and a.get("http-equiv") == "Content-Security-Policy"
    ]
    assert len(policies) == 1
    policy = policies[0] or ""
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    assert "http" not in policy
    # Only this script and this style may run, and they are the ones in the page.
    styles = [data for tag, data in parsed.texts if tag == "style"]
    for kind, text in (("script-src", parsed.scripts[1]), ("style-src", "".join(styles))):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{kind} 'sha256-{digest}'" in policy
    assert len(parsed.scripts) == 2
    allowed = {"html", "head", "meta", "link", "title", "style", "body", "main", "header", "nav", "section", "div", "p"}
    allowed |= {
        "a",
        "h1",
        "h2",
        "h3",
        "ul",
        "li",
        "dl",
        "dt",
        "dd",
        "table",
        "caption",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
    }
    allowed |= {"figure", "figcaption", "noscript", "details", "summary", "pre", "code", "span", "i", "em", "small"}
    assert {tag for tag, _ in parsed.tags} <= allowed | {"strong", "script"}
    for tag, attributes in parsed.tags:
        assert not [name for name in attributes if name.startswith("on") or name in ("style", "src", "srcdoc")]
        link = attributes.get("href") or "#"
        if tag == "a" and not link.startswith("#"):
            assert re.fullmatch(r"https://(arxiv\.org|doi\.org)/[\w./()-]+", link)
            assert attributes["rel"] == "noreferrer noopener"
        else:
            assert link.startswith("#") or link == "data:,"
    assert "@import" not in "".join(styles)
    assert "url(" not in "".join(styles)
    for word in ("fetch(", "XMLHttpRequest", "import(", "innerHTML", "eval(", "document.write"):
        assert word not in parsed.scripts[1]
    if hostile:
        assert '</script><img src=x onerror="alert(1)">&amp;⏎\ufffd<b>⏎' in parsed.text()
        assert "\u202e" not in html
        assert "\u2028" not in html
        assert parsed.data["networks"][1]["name"] == "__proto__"
        assert "97.0 %" in parsed.text()
        assert "1 failed task" in parsed.text()


def test_headings_are_in_order_and_anchors_exist(ran: Results) -> None:
    parsed = Page(page(ran))
    levels = [int(tag[1]) for tag, _ in parsed.tags if re.fullmatch(r"h\d", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
    ids = [attributes["id"] for _, attributes in parsed.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    for tag, attributes in parsed.tags:
        if tag == "a" and (attributes["href"] or "").startswith("#"):
            assert (attributes["href"] or "")[1:] in ids


def decoded(text: str) -> np.ndarray[Any, Any]:
    return np.frombuffer(base64.b64decode(text), dtype="<u2").astype(float)


def test_data_are_the_numbers_of_the_tables(ran: Results) -> None:
    data = Page(page(ran)).data
    assert [net["name"] for net in data["networks"]] == ["net0", "net1"]
    assert [layer["name"] for layer in data["layers"]] == ["block0", "block1", "block2"] * 2
    assert [claim["claim"] for claim in data["claims"]] == ["seeds", "depth of net0", "depth of net1"]
    tests = ran.tables["tests"]
    cells = [cell for claim in data["claims"] for cell in claim["cells"]]
    assert len(cells) == len(tests)
    assert sum(cell["shown"] for cell in cells) == (tests["p_adjusted"] <= 0.05).sum()
    # Distances: the entry of layers 1 and 4, degree 1, in the triangle above the diagonal.
    means = ran.tables["distance_means"]
    pair = (means["network_a"] == "net0") & (means["network_b"] == "net1") & (means["degree"] == 1)
    row = means[pair & (means["layer_a"] == "block1") & (means["layer_b"] == "block1")].iloc[0]
    place = list(zip(*np.triu_indices(6, 1), strict=True)).index((1, 4))
    assert data["matrix"]["mean"][1][place] == pytest.approx(row["mean"], rel=1e-3)
    assert data["matrix"]["half"][1][place] == pytest.approx((row["high"] - row["low"]) / 2, rel=1e-3)
    noise = (data["matrix"]["noise"][1][1] + data["matrix"]["noise"][1][4]) / 2
    assert noise == pytest.approx(row["noise"], rel=1e-3)
    same = [
        data["matrix"]["mean"][0][list(zip(*np.triu_indices(6, 1), strict=True)).index((k, k + 3))] for k in range(3)
    ]
    assert data["nets"][0]["mean"][0][1] == pytest.approx(np.mean(same), rel=1e-3)
    assert data["nets"][0]["pairs"][0][1] == 3
    # Diagrams and Betti curves come back to within what can be seen.
    top = data["diagrams"]["top"]
    for degree in (0, 1):
        want = ran.diagram("net1", "block2", 3).in_degree(degree)
        entry = data["diagrams"]["layers"][5][degree][3]
        numbers = decoded(entry["bars"])
        deaths = numbers if entry["zero"] else numbers.reshape(-1, 2)[:, 1]
        assert entry["of"] == len(want) == len(deaths)
        finite = np.isfinite(want[:, 1])
        np.testing.assert_array_equal(deaths > LEVELS, ~finite)
        np.testing.assert_allclose(deaths[finite] / LEVELS * top, want[finite, 1], atol=top / LEVELS)
        curve = data["betti"]["layers"][5][degree]
        values = np.linspace(0, top, data["betti"]["points"])
        counts = np.stack([ran.diagram("net1", "block2", draw).betti(values, degree) for draw in range(6)])
        np.testing.assert_allclose(decoded(curve["mean"]) / LEVELS * curve["top"], counts.mean(axis=0), atol=1e-3)
    carried = gzip.decompress(base64.b64decode(data["files"]["distance_means.csv"])).decode()
    assert carried == ran.tables["distance_means"].to_csv(index=False, lineterminator="\n")
    assert set(data["files"]) == {f"{name}.csv" for name in set(COLUMNS) - {"distances", "descriptors", "similarity"}}
    assert data["pair"] == [data["claims"][0]["cells"][k][side] for side in "ab" for k in [_largest(data)]]


def _largest(data: dict[str, Any]) -> int:
    effects = [cell["effect"] for cell in data["claims"][0]["cells"]]
    return effects.index(max(effects))


def test_one_layer_and_one_draw_say_why_there_is_nothing(tmp_path: Path) -> None:
    one = ts.run(study(tmp_path / "a", networks=1, layers=1), out=tmp_path / "one")
    text = Page(page(one)).text()
    for words in ("there is one layer only", "One layer has nothing to be compared with", "A map needs three layers"):
        assert words in text
    single = ts.run(study(tmp_path / "b", draws=1), out=tmp_path / "single")
    parsed = Page(page(single))
    assert "one draw has no spread" in parsed.text()
    assert parsed.data["matrix"]["noise"] == [[None] * 6] * 2
    assert set(parsed.data["matrix"]["half"][0]) == {None}
    assert "low" not in parsed.data["betti"]["layers"][0][0]
    assert f'href="#warnings" class="flag">{len(single.warnings)} warning' in page(single)


def test_infinite_distances_and_failed_layers_are_shown_as_such(ran: Results) -> None:
    means = ran.tables["distance_means"].copy()
    touching = ((means["layer_a"] == "block1") & (means["network_a"] == "net0")) | (
        (means["layer_b"] == "block1") & (means["network_b"] == "net0")
    )
    means.loc[touching & (means["degree"] == 0), ["mean", "low", "high", "noise"]] = [
        math.inf,
        math.nan,
        math.nan,
        math.inf,
    ]
    means = means[~(touching & (means["degree"] == 1))]
    keys = {**ran.keys, "net0": {name: keys for name, keys in ran.keys["net0"].items() if name != "block1"}}
    tests = ran.tables["tests"].assign(effect=math.inf)
    tables = {**ran.tables, "distance_means": means, "tests": tests}
    parsed = Page(page(dataclasses.replace(ran, tables=tables, keys=keys)))
    data = parsed.data
    assert data["matrix"]["mean"][0].count("inf") == 5
    assert data["matrix"]["mean"][1].count(None) == 5
    assert [None, None] in data["maps"][0]["degrees"][0]["at"]
    assert data["diagrams"]["layers"][1] is None
    assert data["claims"][0]["cells"][0]["effect"] == "inf"
    assert "No diagrams of 1 layer: net0 / block1." in parsed.text()
    assert "different numbers of bars that never die" in parsed.text()
    assert "Hatched: not measured" in parsed.text()


def test_a_run_without_its_store_still_reports(ran: Results, tmp_path: Path) -> None:
    parsed = Page(page(dataclasses.replace(ran, folder=tmp_path)))
    assert parsed.data["diagrams"]["layers"] == [None] * 6
    assert "the run’s store is gone" in parsed.text()


def test_failed_extraction_is_named(ran: Results) -> None:
    lost = ran.plan.network[0].model_copy(update={"name": "lost one"})
    plan = ran.plan.model_copy(update={"network": (*ran.plan.network, lost)})
    text = Page(
        page(dataclasses.replace(ran, plan=plan, failed=(Failure("extraction of lost one", "no files"),)))
    ).text()
    assert "lost one: extraction failed" in text
    assert "extraction of lost one: no files" in text


@dataclasses.dataclass(frozen=True, eq=False)
class Large(Results):
    """Results whose diagrams are drawn at random instead of read."""

    def diagram(self, network: str, layer: str, draw: int = 0) -> ts.PersistenceDiagram:
        rng = np.random.default_rng(draw)
        births = np.concatenate([np.zeros(200), rng.random(400)])
        pairs = np.stack([births, births + rng.random(600) + 0.01], axis=1)
        return ts.PersistenceDiagram(pairs, np.repeat([0, 1], [200, 400]))


def large(ran: Results, networks: int = 4, layers: int = 20, draws: int = 10) -> Results:
    names = [(f"network{n}", f"layer{k // 4}.{k % 4}.convolution") for n in range(networks) for k in range(layers)]
    rng = np.random.default_rng(0)
    pairs = [(*a, *b, degree) for i, a in enumerate(names) for b in names[i + 1 :] for degree in (0, 1)]
    own = ["network_a", "layer_a", "network_b", "layer_b", "degree"]
    means = pd.DataFrame(pairs, columns=own).assign(mean=rng.random(len(pairs)) * 9, low=1.234567, high=7.654321)
    rows = [(f"depth of {a[0]}", *a, *b, degree) for a, b in itertools.pairwise(names) for degree in (0, 1)]
    tests = pd.DataFrame(rows, columns=["claim", *own]).assign(
        statistic=1.23456,
        effect=rng.random(len(rows)),
        low=math.nan,
        high=math.nan,
        p=0.0123456,
        p_adjusted=0.123456,
        unit="draw of inputs, swapped between a and b (10 pairs)",
        null="exchangeable; 512 relabellings",
    )
    template = ran.tables["layers"].iloc[[0] * len(names)].reset_index(drop=True)
    tables = {
        **ran.tables,
        "networks": ran.tables["networks"]
        .iloc[[0] * networks]
        .assign(network=[f"network{n}" for n in range(networks)]),
        "layers": template.assign(network=[n for n, _ in names], layer=[name for _, name in names]),
        "distance_means": means,
        "tests": tests,
    }
    keys = {
        f"network{n}": {name: ("key",) * draws for network, name in names if network == f"network{n}"}
        for n in range(networks)
    }
    portrait = next(key for layers in ran.seen.portraits.values() for key in layers.values())
    images = set(ran.seen.thumbnails.values())
    seen = Seen(
        {network: dict.fromkeys(layers, portrait) for network, layers in keys.items()},
        {network: key for network in keys for key in images},
    )
    fields = {field.name: getattr(ran, field.name) for field in dataclasses.fields(Results)}
    return Large(**{**fields, "tables": tables, "keys": keys, "seen": seen})


def test_a_large_page_stays_small_and_says_what_it_leaves_out(ran: Results, monkeypatch: pytest.MonkeyPatch) -> None:
    results = large(ran)
    assert len(page(results).encode()) < PAGE_BYTES < 10_000_000
    monkeypatch.setattr(payload, "PAGE_BYTES", 2_760_000)
    html = page(results)
    assert 2_000_000 < len(html.encode()) <= 2_760_000
    parsed = Page(html)
    assert all(parsed.data["holes"]["layers"])
    first, kept = parsed.data["diagrams"]["layers"][0][1][:2]
    assert kept["of"] == first["of"] == len(decoded(first["bars"])) // 2 == 400
    cap = len(decoded(kept["bars"])) // 2
    assert 200 < cap < 400
    assert f"of each draw and degree the {cap} longest are" in parsed.text()
    # The longest are those that stayed.
    bars = results.diagram("network0", "layer0.0.convolution", 1).in_degree(1)
    lengths = np.sort(bars[:, 1] - bars[:, 0])[::-1]
    births, deaths = decoded(kept["bars"]).reshape(-1, 2).T / LEVELS * parsed.data["diagrams"]["top"]
    np.testing.assert_allclose(np.sort(deaths - births)[::-1], lengths[:cap], atol=1e-3)


def test_the_plan_shown_is_the_plan() -> None:
    table = {
        "recipe": "layers",
        "name": 'quotes " and \\ and \x7f\n\u202e 网 😀',
        "network": [
            {"name": "a", "model": "m:f", "inputs": "digits", "classes": [0, "one"], "layers": ["blocks", "re:^x$"]},
            {"name": "b", "representations": "x"},
        ],
        "compare": [{"a": "a", "b": "b"}],
        "cloud": {"scale": "none"},
        "homology": {"threshold": 1.5},
        "distance": {"ground": 2.0},
    }
    for changes in ({}, {"cloud": {"scale": 2.5}, "distance": {"ground": math.inf}, "compare": []}):
        plan = Study.parse({**table, **changes})
        assert Study.parse(tomllib.loads(plan_toml(plan.to_json()))) == plan


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"distance": {"name": "bottleneck"}}, "bottleneck"),
        ({"distance": {"name": "sliced_wasserstein"}}, "50 fixed directions"),
        ({"cloud": {"scale": None}}, "were used as they are"),
        ({"cloud": {"scale": 2.5}}, "divided by 2.5"),
        ({"test": {"adjust": "none"}}, "each p-value stands alone"),
        ({"homology": {"threshold": 1.5}}, "up to a filtration value of 1.5"),
    ],
)
def test_methods_follow_the_plan(ran: Results, change: dict[str, dict[str, Any]], words: str) -> None:
    parts = {key: getattr(ran.plan, key).model_copy(update=update) for key, update in change.items()}
    assert words in Page(page(dataclasses.replace(ran, plan=ran.plan.model_copy(update=parts)))).text()


def test_import_is_cheap() -> None:
    heavy = ["pandas", "scipy", "sklearn", "pydantic", "torch", "matplotlib", "gudhi"]
    code = f"import sys, toposcope.report; print([name for name in {heavy} if name in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert out.strip() == "[]"
