"""Plans: read from TOML, checked in one line, and the same after a round trip."""

from pathlib import Path

import pytest

import toposcope as ts
from toposcope.study import TEMPLATES
from toposcope.study.recipes.matching import matched_layers
from toposcope.study.tasks import Layer

CONTRACT = """
recipe = "layers"
seed = 0
[inputs]
source = "digits"                       # folder, .npz, module:function
[[network]]                             # one block each
name = "resnet-s0"
family = "resnet"
seed = 0
model = "my.nets:resnet8@runs/resnet-s0.safetensors"
layers = ["blocks"]
[cloud]
size = 100
draws = 10
metric = "euclidean"
scale = "q0.9"
[homology]
max_degree = 1
[distance]
name = "wasserstein"
order = 1
[test]
alpha = 0.05
adjust = "max-t"
"""
NETWORK = '[[network]]\nname = "a"\nmodel = "timm:x"\n'


def read(tmp_path: Path, text: str) -> ts.Study:
    (tmp_path / "plan.toml").write_text(text)
    return ts.Study.read(tmp_path / "plan.toml")


def test_the_plan_of_the_contract(tmp_path: Path) -> None:
    plan = read(tmp_path, CONTRACT)
    assert plan.name == "plan"
    assert plan.cloud.draws == 10
    assert plan.network[0].layers == ("blocks",)
    assert plan.distance.measure().name == "W1"
    assert ts.Study.from_json(plan.to_json()) == plan
    assert ts.Study.from_json(plan.to_json()).digest == plan.digest
    assert len(plan.digest) == 12
    with pytest.raises(ValueError, match="frozen"):
        plan.seed = 3


@pytest.mark.parametrize("recipe", TEMPLATES)
def test_templates_are_plans(tmp_path: Path, recipe: str) -> None:
    plan = read(tmp_path, TEMPLATES[recipe])
    assert plan.recipe == recipe
    assert "#" in TEMPLATES[recipe]


def test_scale_can_be_none_or_a_number(tmp_path: Path) -> None:
    head = CONTRACT.replace('scale = "q0.9"', "scale = {}")
    assert read(tmp_path, head.format('"none"')).cloud.scale is None
    assert read(tmp_path, head.format("2.5")).cloud.scale == 2.5


def test_a_metric_has_parameters(tmp_path: Path) -> None:
    head = CONTRACT.replace('metric = "euclidean"', "metric = {}")
    plan = read(tmp_path, head.format('{ name = "fermat", p = 3, k = 10 }'))
    assert plan == read(tmp_path, head.format('"fermat(p=3.0, k=10)"'))
    assert plan.cloud.metric == "fermat(p=3, k=10)"
    assert ts.Study.from_json(plan.to_json()) == plan
    assert read(tmp_path, head.format('"knn_geodesic"')).cloud.metric == "knn_geodesic(k=15)"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("recipe = ", "not a TOML file"),
        (NETWORK, "`recipe` is missing"),
        ('recipe = "layer"\n[inputs]\nsource="digits"\n' + NETWORK, "`recipe`: .*'layers'.*'layer'"),
        ('recipe = "layers"\n', "`network` is missing"),
        ('recipe = "layers"\nnetwork = []\n', "`network`: .*at least 1"),
        ('recipe = "layers"\n' + NETWORK, "has no inputs"),
        ('recipe = "layers"\n[inputs]\nsource="digits"\n[[network]]\nname = "a"\n', "either `model` or"),
        ('recipe = "layers"\n[inputs]\nsource="digits"\n' + NETWORK + NETWORK, "'a' is used twice"),
        ('recipe = "layers"\n[inputs]\nsource="digits"\n[could]\nsize=1\n' + NETWORK, "`could`.*close names: cloud"),
        (
            'recipe = "layers"\n[inputs]\nsource="digits"\n[cloud]\nsise=1\n' + NETWORK,
            "`cloud.sise`.*close names: size",
        ),
        ('recipe = "layers"\n[inputs]\nsource="digits"\n' + NETWORK + "layer = 1\n", "network.0.layer.*layers"),
        ('recipe = "layers"\n[inputs]\nsource="digits"\n[cloud]\nsize="9"\n' + NETWORK, "`cloud.size`: .*not '9'"),
        ('recipe = "layers"\n[inputs]\nsource="digits"\n[cloud]\nsize=1\n' + NETWORK, "greater than or equal to 2"),
        ('recipe = "layers"\n[inputs]\nsource="digits"\n[cloud]\nmetric="x"\n' + NETWORK, "metric='x' is not known"),
        (
            'recipe = "layers"\n[inputs]\nsource="digits"\n[cloud]\nmetric={name="fermat", q=1}\n' + NETWORK,
            "no parameter 'q'",
        ),
        (
            'recipe = "layers"\n[inputs]\nsource="digits"\n[cloud]\nsize=9\nmetric="dtm(k=9)"\n' + NETWORK,
            "more than 9 points",
        ),
        ('recipe = "layers"\n[inputs]\nsource="digits"\n[cloud]\nscale="x"\n' + NETWORK, "scale='x'"),
        ('recipe = "layers"\n[inputs]\nsource="digits"\n[distance]\nname="x"\n' + NETWORK, "distance 'x'"),
        (
            'recipe = "layers"\n[inputs]\nsource="digits"\n' + NETWORK + '[[compare]]\na="a"\nb="q"\n',
            "'q', which is not",
        ),
        ('recipe = "layers"\n[inputs]\nsource="digits"\n' + NETWORK + '[[compare]]\na="a"\nb="a"\n', "with itself"),
        ('recipe = "layers"\nseed = -1\n[inputs]\nsource="digits"\n' + NETWORK, "`seed`: .*greater than or equal to 0"),
        ('recipe = "layers"\nname = ""\n[inputs]\nsource="digits"\n' + NETWORK, "`name`"),
        ('recipe = "layers"\n[inputs]\nsource="digits"\n[homology]\nthreshold=inf\n' + NETWORK, "threshold.*finite"),
        ('recipe = "layers"\n[inputs]\nsource="digits"\n[homology]\nfield=4\n' + NETWORK, "prime"),
        ('recipe = "layers"\n[inputs]\nsource="digits"\n[distance]\norder=inf\n' + NETWORK, "order.*finite"),
        ('recipe = "layers"\n[inputs]\nsource="digits"\n[distance]\nground=3.0\n' + NETWORK, "ground"),
        ('recipe = "layers"\nseed = "x"\nname = 3\n[inputs]\nsource="digits"\n' + NETWORK, r"\(and 1 more\)"),
    ],
)
def test_mistakes_are_one_line(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(ts.PlanError, match=words) as caught:
        read(tmp_path, text)
    assert "\n" not in str(caught.value).removesuffix("\n")
    assert str(tmp_path / "plan.toml") in str(caught.value)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(ts.FileError, match="cannot read"):
        ts.Study.read(tmp_path / "absent.toml")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ts.PlanError, match="not a TOML file"):
        ts.Study.read(tmp_path / "binary.toml")
    with pytest.raises(ts.InputError, match="Study.read"):
        ts.run("plan.toml")


BLOCK = 'recipe = "layers"\n[inputs]\nsource = "digits"\n[[network]]\nname = "run"\nmodel = "my.nets:net"\n'


def touch(*names: str) -> None:
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).touch()


def test_checkpoints_are_networks_in_order_of_their_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    touch("w/step-10.safetensors", "w/step-9.safetensors", "w/step-100.safetensors", "w/readme.txt")
    plan = read(tmp_path, BLOCK + 'checkpoints = "w/step-*.safetensors"\nclasses = [0, 1]\n' + NETWORK)
    assert [network.name for network in plan.network] == ["run 9", "run 10", "run 100", "a"]
    assert [network.step for network in plan.network] == [9, 10, 100, None]
    assert [network.model for network in plan.network[:2]] == [
        "my.nets:net@w/step-9.safetensors",
        "my.nets:net@w/step-10.safetensors",
    ]
    assert {network.family for network in plan.network} == {"run", None}
    assert plan.network[2].classes == (0, 1)
    assert ts.Study.from_json(plan.to_json()) == plan
    listed = read(tmp_path, BLOCK + 'checkpoints = ["w/step-100.safetensors", "w/step-9*", "w/step-9.safetensors"]\n')
    assert [network.name for network in listed.network] == ["run 9", "run 100"]
    named = read(tmp_path, BLOCK + 'family = "f"\ncheckpoints = ["w/step-10.safetensors"]\n')
    assert named.network[0].family == "f"


@pytest.mark.parametrize(
    ("files", "steps"),
    [
        (("checkpoint-500/model.bin", "checkpoint-1000/model.bin"), [500, 1000]),
        (("epoch=0-step=8.ckpt", "epoch=1-step=16.ckpt"), [8, 16]),
        (("v2-000.st", "v2-020.st", "v2-003.st"), [0, 3, 20]),
        (("at0.5.st", "at1.0.st", "at1.5.st"), [0.5, 1, 1.5]),
        (("b.st", "a.st"), [None, None]),
        (("resnet50-7.st",), [7]),
    ],
)
def test_steps_stand_in_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: tuple[str, ...], steps: list[float | None]
) -> None:
    monkeypatch.chdir(tmp_path)
    touch(*files)
    plan = read(tmp_path, BLOCK + f"checkpoints = {list(files)}\n")
    assert [network.step for network in plan.network] == steps
    if steps[0] is None:  # as they were listed
        assert [network.name for network in plan.network] == ["run b", "run a"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('checkpoints = "w/none-*.st"', "'run'.*there is no file 'w/none-\\*.st'; .*relative to the folder"),
        ('checkpoints = ["w/1.st", "w/7.st", "w/8.st"]', "there is no file 'w/7.st', 'w/8.st';"),
        ('checkpoints = ["w/1.st", "w/final.st"]', "'w/1.st' and 'w/final.st' do not tell the steps"),
        ("checkpoints = []", "a glob, or a list of files"),
        ("checkpoints = 3", "a glob, or a list of files, not 3"),
        ('checkpoints = "w/*.st"\nstep = 3', "leave `step` out"),
        ('checkpoint = "w/*.st"', "`network.0.checkpoint` is not a key.*close names: checkpoints"),
    ],
)
def test_mistakes_in_checkpoints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, words: str) -> None:
    monkeypatch.chdir(tmp_path)
    touch("w/1.st", "w/final.st")
    with pytest.raises(ts.PlanError, match=words) as caught:
        read(tmp_path, BLOCK + text + "\n")
    assert "\n" not in str(caught.value)
    for model in ("my.nets:net@random", "onnx:w/1.st"):
        with pytest.raises(ts.PlanError, match="name the model alone"):
            read(tmp_path, BLOCK.replace("my.nets:net", model) + 'checkpoints = "w/1.st"\n')


def layer(network: str, name: str) -> Layer:
    return Layer(network, name, f"{network}-{name}", ts.Source(layer=name), 10, 10, 3, 0, 1.0)


def test_layers_are_matched_by_name_or_by_depth() -> None:
    a = [layer("a", name) for name in ("x", "y", "z")]
    same = [layer("b", name) for name in ("z", "y", "x")]
    assert [(p.layer, q.layer) for p, q in matched_layers(a, same)] == [("x", "x"), ("y", "y"), ("z", "z")]
    more = [layer("d", name) for name in ("w", "x", "y", "z")]
    assert [(p.layer, q.layer) for p, q in matched_layers(a, more)] == [("x", "x"), ("y", "y"), ("z", "z")]
    assert [(p.layer, q.layer) for p, q in matched_layers(more, a)] == [("x", "x"), ("y", "y"), ("z", "z")]
    longer = [layer("c", str(k)) for k in range(7)]
    assert [(p.layer, q.layer) for p, q in matched_layers(a, longer)] == [("x", "0"), ("y", "3"), ("z", "6")]
    assert [(p.layer, q.layer) for p, q in matched_layers(longer, a)] == [("0", "x"), ("3", "y"), ("6", "z")]
    assert [(p.layer, q.layer) for p, q in matched_layers(a[:1], longer)] == [("x", "0")]


def test_the_default_folder_stays_in_place(tmp_path: Path) -> None:
    plan = read(tmp_path, CONTRACT)
    assert plan.folder == "plan"
    for name in ("../x", "..", "/", "a/../b"):
        assert "/" not in plan.model_copy(update={"name": name}).folder
        assert plan.model_copy(update={"name": name}).folder not in ("", ".", "..")
