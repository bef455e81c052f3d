"""What the page holds of bars and their inputs: the right rows, images made anew, budgets kept, and all of it said."""

from __future__ import annotations

import base64
import dataclasses
import io
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import toposcope as ts
from tests.report.conftest import EVIL, pictures
from tests.report.test_report import Page, decoded
from toposcope.report import holes
from toposcope.report.diagrams import LEVELS
from toposcope.report.holes import data_uri
from toposcope.report.page import page
from toposcope.study import Results
from toposcope.study.holes import Seen, read_thumbnails


def pixels_of(uri: str) -> np.ndarray[Any, Any]:
    found = re.fullmatch(r"data:image/(png|jpeg);base64,([A-Za-z0-9+/]+=*)", uri)
    assert found
    with Image.open(io.BytesIO(base64.b64decode(found[2]))) as image:
        assert image.format == found[1].upper()
        assert not image.info.keys() - {"jfif", "jfif_version", "jfif_unit", "jfif_density"}
        return np.asarray(image.convert("RGB"))


def test_bars_come_with_their_inputs(pictured: Results) -> None:
    data = Page(page(pictured)).data
    place = [layer["name"] for layer in data["layers"]].index("block1", 2)
    entry, top = data["holes"]["layers"][place], data["diagrams"]["top"]
    portrait = pictured.portrait("net1", "block1")
    behind = portrait.diagram.representatives
    assert behind is not None
    rows = np.flatnonzero(portrait.diagram.degrees == 1)
    assert entry["of"] == [len(rows), 0]
    longest = rows[np.argmax(np.diff(portrait.diagram.pairs[rows], axis=1))]
    degree, birth, death, born, died, cycle = entry["bars"][0]
    assert degree == 1
    np.testing.assert_allclose(np.array([birth, death]) / LEVELS * top, portrait.diagram.pairs[longest], atol=1e-4)
    assert (born, died) == (behind.birth_simplex(longest).tolist(), behind.death_simplex(longest).tolist())
    assert cycle == behind.cycle(longest).tolist()
    cloud = data["holes"]["clouds"][entry["cloud"]]
    assert cloud["ids"] == portrait.sample_ids.tolist()
    assert portrait.labels is not None
    assert [cloud["classes"][k] for k in cloud["labels"]] == portrait.labels.tolist()
    # The circle goes through every sector, and its loop too.
    assert {cloud["classes"][cloud["labels"][row]] for row in cycle} == {"east", "north", "west", "south"}
    np.testing.assert_array_equal(decoded(entry["merges"]).reshape(-1, 2), behind.merges)
    np.testing.assert_allclose(decoded(entry["heights"]) / LEVELS * top, portrait.heights, atol=1e-4)
    plane = decoded(entry["plane"]).reshape(-1, 2) / LEVELS
    span = float(np.ptp(portrait.plane, axis=0).max())
    np.testing.assert_allclose(plane, (portrait.plane - portrait.plane.min(axis=0)) / span, atol=1e-4)
    # A bar of the page's diagram is the same pair of numbers, so that a click finds it.
    drawn = decoded(data["diagrams"]["layers"][place][1][0]["bars"]).reshape(-1, 2)
    assert [birth, death] in drawn.tolist()


def test_images_are_made_anew_from_pixels(pictured: Results) -> None:
    data = Page(page(pictured)).data["holes"]
    kept = read_thumbnails(pictured.store, pictured.seen.thumbnails["net0"])
    for cloud in data["clouds"]:
        for name, image in zip(cloud["ids"], cloud["images"], strict=True):
            found = pixels_of(data["images"][image]).astype(int)
            assert np.abs(found - kept[name]).mean() < 6
    assert len(set(data["images"])) == len(data["images"]) == 30


def test_grey_and_small_images_are_exact(rng: np.random.Generator) -> None:
    grey = np.repeat(rng.integers(0, 256, (8, 8, 1), dtype=np.uint8), 3, axis=-1)
    np.testing.assert_array_equal(pixels_of(data_uri(grey)), grey)
    flat = np.full((32, 32, 3), (200, 10, 30), dtype=np.uint8)
    np.testing.assert_array_equal(pixels_of(data_uri(flat)), flat)
    assert data_uri(rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)).startswith("data:image/jpeg")


def test_images_can_stay_in_the_house(pictured: Results) -> None:
    html = page(pictured, thumbnails=False)
    assert "data:image" not in html
    data = Page(html).data["holes"]
    assert data["images"] == []
    assert {image for cloud in data["clouds"] for image in cloud["images"]} == {-1}
    assert "Inputs go by their sample ids" in html


def test_budgets_are_kept_and_said(pictured: Results, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Page(page(pictured)).data["holes"]
    monkeypatch.setattr(holes, "IMAGE_BYTES", sum(map(len, whole["images"][:10])))
    monkeypatch.setattr(holes, "LAYER_BYTES", 2500)
    monkeypatch.setattr(holes, "LONGEST", (0, 2, 2))
    parsed = Page(page(pictured))
    data = parsed.data["holes"]
    assert data["images"] == whole["images"][: len(data["images"])] != []
    kept = [i for i, entry in enumerate(data["layers"]) if entry]
    assert 0 < len(kept) < 4
    # The layers of the largest effect stay.
    assert set(parsed.data["pair"]) & set(kept)
    assert all(len(entry["bars"]) <= 2 for entry in data["layers"] if entry)
    for words in ("with the smallest effects did not fit", "inputs did not fit", "the longest of each layer"):
        assert words in parsed.text()


def test_a_page_without_them_says_why(pictured: Results, tmp_path: Path) -> None:
    field = pictured.plan.homology.model_copy(update={"field": 3})
    cases = [
        (dataclasses.replace(pictured, seen=Seen()), "run the study again in the same folder"),
        (dataclasses.replace(pictured, folder=tmp_path), "the run’s store is gone"),
        (
            dataclasses.replace(pictured, seen=Seen(), plan=pictured.plan.model_copy(update={"homology": field})),
            "this run used Z/3",
        ),
    ]
    for results, words in cases:
        parsed = Page(page(results))
        assert words in parsed.text()
        assert parsed.data["holes"] is None
        assert "Look into" not in parsed.text()
    key = pictured.seen.thumbnails["net0"]
    pictured.store.path(key).rename(tmp_path / "aside")
    try:
        assert Page(page(pictured)).data["holes"]["images"] == []
    finally:
        (tmp_path / "aside").rename(pictured.store.path(key))


def test_degree_0_alone_has_a_tree_and_no_loops(tmp_path: Path) -> None:
    plan = pictures(tmp_path / "data")
    low = plan.model_copy(update={"homology": plan.homology.model_copy(update={"max_degree": 0})})
    parsed = Page(page(ts.run(low, out=tmp_path / "run")))
    assert "Homology stopped at degree 0" in parsed.text()
    assert all(not entry["bars"] and entry["merges"] for entry in parsed.data["holes"]["layers"])


def test_hostile_ids_and_classes_stay_text(pictured_by_an_enemy: Results) -> None:
    html = page(pictured_by_an_enemy)
    assert html.count("</script>") == 2
    data = Page(html).data["holes"]
    assert set(data["clouds"][0]["classes"]) == {
        '</script><img src=x onerror="alert(1)">&amp;⏎\ufffd<b>⏎', "__proto__", "<b>", "east"
    }  # fmt: skip
    assert all("\n" not in name and "\u202e" not in name for name in data["clouds"][0]["ids"])
    assert EVIL not in html


def test_the_headline_has_its_numbers(pictured: Results) -> None:
    text = Page(page(pictured)).text()
    row = pictured.tables["verdicts"].iloc[0]
    assert row["question"] in text
    assert f"{row['low']:.2f} to {row['high']:.2f}" in text or math.isnan(row["low"])
    unbounded = pictured.tables["verdicts"].assign(low=math.nan, high=math.nan)
    text = Page(page(dataclasses.replace(pictured, tables={**pictured.tables, "verdicts": unbounded}))).text()
    assert "no interval" in text
    bounded = pictured.tables["verdicts"].assign(low=1.25, high=2.5, margin=0.75)
    text = Page(page(dataclasses.replace(pictured, tables={**pictured.tables, "verdicts": bounded}))).text()
    assert "1.25 to 2.50" in text
    assert "0.750" in text
