"""From a bar to its inputs: portraits and thumbnails are artefacts, right to the last pixel, and made once."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.spatial.distance import pdist, squareform
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

import toposcope as ts
from toposcope.run import run
from toposcope.study import Results, Study
from toposcope.study.holes import SIDE, Portrait, Seen, principal_plane, read_thumbnails, thumbnail


def digits_study(folder: Path, ids: Any = None, inputs: str | None = "digits", **homology: Any) -> Study:
    """Two layers of saved activations of digits: the pixels, and the pixels through a random layer."""
    data = load_digits()
    names = np.array([f"digits-{row:04d}" for row in range(len(data.data))]) if ids is None else ids
    weights = np.random.default_rng(0).normal(size=(64, 24)) / 8
    layers = {"pixels": data.data / 16, "hidden": np.maximum(data.data / 16 @ weights, 0)}
    for position, (layer, points) in enumerate(layers.items()):
        source = ts.Source(layer=layer, position=position)
        ts.Representation(points.astype(np.float32), names, data.target, source).save(folder / f"{layer}.npz")
    table: dict[str, Any] = {
        "recipe": "layers",
        "network": [{"name": "net", "representations": str(folder)}],
        "cloud": {"size": 30, "draws": 2},
        "homology": homology,
    }
    return Study.parse({**table, **({"inputs": {"source": inputs}} if inputs else {})})


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Results:
    folder = tmp_path_factory.mktemp("digits")
    return run(digits_study(folder / "layers"), out=folder / "run")


def test_a_portrait_is_the_first_draw_with_the_inputs_of_its_bars(seen: Results) -> None:
    portrait = seen.portrait("net", "hidden")
    assert portrait.diagram == seen.diagram("net", "hidden", 0)
    rows = [int(name.removeprefix("digits-")) for name in portrait.sample_ids.tolist()]
    data = load_digits()
    np.testing.assert_array_equal(portrait.labels, data.target[rows])
    weights = np.random.default_rng(0).normal(size=(64, 24)) / 8
    points = np.maximum(data.data[rows] / 16 @ weights, 0)
    distances = squareform(pdist(points)) / portrait.diagram.filtration.scale_value
    behind = portrait.diagram.representatives
    assert behind is not None
    for bar in np.flatnonzero(portrait.diagram.degrees == 1).tolist():
        born, died, cycle = behind.birth_simplex(bar), behind.death_simplex(bar), behind.cycle(bar)
        birth, death = portrait.diagram.pairs[bar]
        assert distances[np.ix_(born, born)].max() == pytest.approx(birth, rel=1e-5)
        assert distances[np.ix_(died, died)].max() == pytest.approx(death, rel=1e-5)
        assert set(born.tolist()) == {cycle[0], cycle[-1]}
    lengths = [distances[a, b] for a, b in behind.merges]
    np.testing.assert_allclose(portrait.heights, lengths, rtol=1e-5)


def test_the_plane_is_that_of_principal_components(rng: np.random.Generator) -> None:
    for shape in ((40, 7), (9, 30), (12, 1), (2, 5)):
        points = rng.normal(size=shape) * (1 + np.arange(shape[1]))
        plane, explained = principal_plane(points)
        count = min(2, *shape)
        want = PCA(count).fit(points)
        np.testing.assert_allclose(np.abs(plane[:, :count]), np.abs(want.transform(points)), atol=1e-7)
        np.testing.assert_allclose(explained[:count], want.explained_variance_ratio_, atol=1e-10)
        assert all(axis[np.argmax(np.abs(axis))] >= 0 for axis in plane.T)
    plane, explained = principal_plane(np.ones((5, 3)))
    assert not plane.any()
    assert explained == (0.0, 0.0)


def test_thumbnails_are_the_pixels_of_the_inputs_that_appear(seen: Results) -> None:
    images = read_thumbnails(seen.store, seen.seen.thumbnails["net"])
    assert set(images) == set(seen.portrait("net", "pixels").sample_ids.tolist())
    scaled = np.round(load_digits().images * 255 / 16)
    for name, pixels in images.items():
        assert pixels.dtype == np.uint8
        np.testing.assert_allclose(pixels, np.stack([scaled[int(name[-4:])]] * 3, axis=-1), atol=1)


def test_a_large_image_shows_its_middle_square() -> None:
    wide = np.zeros((80, 200, 3), dtype=np.uint8)
    wide[:, 60:140] = (200, 100, 50)
    np.testing.assert_array_equal(thumbnail(wide), np.full((SIDE, SIDE, 3), (200, 100, 50)))
    assert thumbnail(np.zeros((5, 9), dtype=np.uint8)).shape == (5, 5, 3)


def test_what_was_made_is_kept_and_thumbnails_can_be_left_out(seen: Results, tmp_path: Path) -> None:
    study = digits_study(tmp_path / "layers")
    again = run(study, out=tmp_path / "run")
    assert again.provenance["tasks_performed"] > 0
    resumed = run(study, out=tmp_path / "run", thumbnails=False)
    assert resumed.provenance["tasks_performed"] == 0
    assert dict(resumed.seen.thumbnails) == {}
    assert set(again.seen.thumbnails.values()) - set(resumed.artefacts)
    assert Results.read(tmp_path / "run").seen == resumed.seen
    assert Results.read(seen.folder).seen == seen.seen
    for kind in ("portraits", "thumbnails"):
        assert getattr(again.seen, kind).keys() == getattr(seen.seen, kind).keys()


@pytest.mark.parametrize("inputs", [None, "digits"])
def test_row_numbers_could_be_anybodys(tmp_path: Path, inputs: str | None) -> None:
    results = run(digits_study(tmp_path / "layers", ids=np.arange(1797), inputs=inputs), out=tmp_path / "run")
    assert dict(results.seen.thumbnails) == {}
    assert not results.failed
    assert results.portrait("net", "pixels").sample_ids.dtype.kind == "i"


def test_inputs_that_are_no_images_have_no_thumbnails(tmp_path: Path) -> None:
    ids = np.array([f"digits-{row:04d}" for row in range(1797)])
    np.savez(tmp_path / "numbers.npz", inputs=np.zeros((1797, 4), dtype=np.float32), sample_ids=ids)
    results = run(digits_study(tmp_path / "layers", inputs=str(tmp_path / "numbers.npz")), out=tmp_path / "run")
    assert not results.failed
    assert read_thumbnails(results.store, results.seen.thumbnails["net"]) == {}


def test_inputs_that_are_gone_are_a_failure_that_is_named(tmp_path: Path) -> None:
    results = run(digits_study(tmp_path / "layers", inputs=str(tmp_path / "gone.npz")), out=tmp_path / "run")
    assert [failure.title for failure in results.failed] == [f"thumbnails of {tmp_path / 'gone.npz'}"]
    assert set(results.seen.portraits["net"]) == {"pixels", "hidden"}


def test_degrees_and_fields_beyond_the_kernel(tmp_path: Path) -> None:
    pytest.importorskip("gudhi")
    three = run(digits_study(tmp_path / "layers", field=3), out=tmp_path / "three")
    assert three.seen == Seen()
    with pytest.raises(ts.InputError, match="no portrait of net / pixels was made"):
        three.portrait("net", "pixels")
    low = run(digits_study(tmp_path / "layers", max_degree=0), out=tmp_path / "low")
    assert set(low.portrait("net", "pixels").diagram.degrees.tolist()) == {0}
    small = digits_study(tmp_path / "layers", max_degree=3)
    high = run(small.model_copy(update={"cloud": small.cloud.model_copy(update={"size": 12})}), out=tmp_path / "high")
    whole, portrait = high.diagram("net", "pixels"), high.portrait("net", "pixels")
    for degree in range(3):
        np.testing.assert_allclose(portrait.diagram.in_degree(degree), whole.in_degree(degree), rtol=1e-6)


def test_other_artefacts_are_no_portraits(seen: Results) -> None:
    diagram = seen.keys["net"]["pixels"][0]
    with pytest.raises(ts.FileError, match="is not a portrait of a draw"):
        Portrait.read(seen.store, diagram)
    with pytest.raises(ts.FileError, match="does not hold thumbnails"):
        read_thumbnails(seen.store, diagram)
    arrays = {**seen.store.read(seen.seen.thumbnails["net"]), "pixels": np.zeros((2, 4, 4, 3))}
    seen.store.write("thumbnails-0000", arrays)
    with pytest.raises(ts.FileError, match="does not hold thumbnails"):
        read_thumbnails(seen.store, "thumbnails-0000")
    with pytest.raises(ts.InputError, match="there is no network"):
        seen.portrait("nat", "pixels")


def test_equal_points_merge_at_zero(seen: Results) -> None:
    cloud = np.array([[0.0, 0], [0, 0], [3, 0]])
    diagram = ts.vietoris_rips(cloud, representatives=True)
    portrait = dataclasses.replace(seen.portrait("net", "pixels"), diagram=diagram)
    np.testing.assert_array_equal(portrait.heights, [0, 3])
