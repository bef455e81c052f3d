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
