"""Hostile and broken study files and layer patterns."""

import re
import string
from pathlib import Path

import pytest
from hypothesis import strategies as st

import toposcope as ts
from tests.fuzz.harness import cases, changed, many, tame
from toposcope.extract import patterns
from toposcope.study import TEMPLATES

NAMES = ["layer1.0.conv1", "layer2.1.bn", "features.0", "encoder.layers.11.attention.out_proj", "head", "a" * 60]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("plans")


def read(path: Path) -> None:
    with tame():
        plan = ts.Study.read(path)
        assert ts.Study.from_json(plan.to_json()) == plan
        assert Path(plan.folder).name == plan.folder  # a folder of its own, wherever the name would lead
        assert plan.folder not in ("", ".", "..")
        assert plan.digest


@cases
def test_bytes_of_plans(count: int, folder: Path) -> None:
    def case(content: bytes) -> None:
        (folder / "plan.toml").write_bytes(content)
        read(folder / "plan.toml")

    many(count, case, st.one_of(*(changed(text.encode()) for text in TEMPLATES.values())))


KEYS = sorted(set(ts.Study.model_fields) | {"source", "limit", "size", "draws", "metric", "scale", "model"})
KEYS += [
    "representations",
    "layers",
    "reduce",
    "classes",
    "max_degree",
    "field",
    "threshold",
    "order",
    "ground",
    "a",
    "b",
    "name",
    "k",
    "p",
    "t",
]
SAID = [
    "layers",
    "digits",
    "euclidean",
    "q0.9",
    "fermat(p=3)",
    "knn_geodesic(k=999999999)",
    "../../x",
    "a\nb",
    "\0",
    "𝔘",
    "",
]

texts = st.one_of(st.sampled_from(SAID), st.text(st.characters(exclude_categories=["Cs"]), max_size=12))
atoms = st.one_of(
    texts.map(
        lambda text: '"' + "".join(f"\\U{ord(char):08x}" for char in text if not 0xD800 <= ord(char) < 0xE000) + '"'
    ),
    st.integers(-5, 200).map(str),
    st.sampled_from(
        ["1" + "0" * 30, "1e999", "-inf", "nan", "true", "1979-05-27T07:32:00Z", "0x" + "f" * 5000, "9" * 5000]
    ),
    st.floats().map(repr),
)
values = st.recursive(
    atoms,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]"),
        st.dictionaries(st.sampled_from(KEYS), inner, max_size=3).map(
            lambda items: "{" + ", ".join(f"{key} = {value}" for key, value in items.items()) + "}"
        ),
    ),
    max_leaves=5,
)
lines = st.one_of(
    st.tuples(st.sampled_from(KEYS), values).map(lambda pair: f"{pair[0]} = {pair[1]}"),
    st.sampled_from([f"[{key}]" for key in KEYS] + ["[[network]]", "[[compare]]", "[x", "[a.b.c]"]),
)


@cases
def test_plans_of_any_tables(count: int, folder: Path) -> None:
    def case(recipe: str, some: list[str]) -> None:
        text = f'recipe = "{recipe}"\n' + "\n".join(some) + '\n[[network]]\nname = "n"\nrepresentations = "x"\n'
        (folder / "tables.toml").write_text(text, encoding="utf-8", errors="replace")
        read(folder / "tables.toml")

    many(count, case, st.sampled_from(sorted(TEMPLATES)), st.lists(lines, max_size=8))


@pytest.mark.parametrize("text", ["x = " + "[" * 5000, "a" + ".a" * 5000 + " = 1", "x = " + "{a=" * 3000, "[" * 5000])
def test_plans_of_any_depth(folder: Path, text: str) -> None:
    (folder / "deep.toml").write_text(text)
    with pytest.raises(ts.PlanError):
        ts.Study.read(folder / "deep.toml")


def test_a_plan_of_any_size(folder: Path) -> None:
    with open(folder / "large.toml", "wb") as file:
        file.truncate(1 << 40)  # without a byte on the disk
    with pytest.raises(ts.PlanError, match="is larger than 16777216 bytes; a plan is a short text"):
        ts.Study.read(folder / "large.toml")


alphabet = string.ascii_lowercase[:4] + "019._-/*?[](){}|+^$\\,:=!<>P#"


@cases
def test_patterns(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patterns, "SECONDS", 0.2)
    tried = 0

    def case(pattern: str, is_expression: bool) -> None:
        nonlocal tried
        if is_expression and not patterns._is_harmless(pattern):
            tried += 1
            if tried > count // 100:  # a process each: some of them
                return
        with tame():
            found = patterns.matching(f"re:{pattern}" if is_expression else pattern, NAMES)
            if is_expression:
                assert found <= {name for name in NAMES if re.compile(pattern)}

    hostile = [
        "(a+)+$",
        "(.*)*b",
        "(a|a)*c",
        "(?:a?){30}a{30}",
        "**a**a**a**",
        "*" * 200,
        "[" * 500,
        "(" * 500,
        "a{9}{9}",
    ]
    many(count, case, st.one_of(st.text(alphabet, max_size=24), st.sampled_from(hostile)), st.booleans())


TABLES = [name for name, field in ts.Study.model_fields.items() if "study.plan" in str(field.annotation)]
NEEDED = {"network": 'name = "m"\nrepresentations = "y"', "compare": 'a = "n"\nb = "n"'}


@pytest.mark.parametrize("table", TABLES)
def test_a_wrong_key_in_any_table_is_named(folder: Path, table: str) -> None:
    head = f"[[{table}]]\n{NEEDED[table]}" if table in NEEDED else f"[{table}]"
    text = f'recipe = "layers"\n[[network]]\nname = "n"\nrepresentations = "x"\n{head}\nwhatever = 1\n'
    (folder / "key.toml").write_text(text)
    with pytest.raises(ts.PlanError, match=rf"`{table}(\.\d)?\.whatever` is not a key of a plan"):
        ts.Study.read(folder / "key.toml")


@pytest.mark.parametrize(("value", "said"), [("0x" + "f" * 5000, "more than 300 digits"), (f'"{"x" * 9999}"', "x…")])
def test_a_value_of_any_length_is_said_in_short(folder: Path, value: str, said: str) -> None:
    (folder / "long.toml").write_text(
        f'recipe = "layers"\naudit = {value}\n[[network]]\nname = "n"\nrepresentations = "x"\n'
    )
    with pytest.raises(ts.PlanError, match=f"`audit`: .*{said}$") as caught:
        ts.Study.read(folder / "long.toml")
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    "line", ["seed = {}", "[betti_collapse]\nneighbours = [{}]", "[betti_collapse.betti]\nx = [1, {}]"]
)
@pytest.mark.parametrize("number", ["0x" + "f" * 5000, str(2**63)])
def test_whole_numbers_are_of_64_bits(folder: Path, line: str, number: str) -> None:
    (folder / "wide.toml").write_text(
        f'recipe = "betti-collapse"\nnetwork = [{{name = "n", representations = "x"}}]\n{line.format(number)}\n'
    )
    with pytest.raises(ts.PlanError, match="has at most 63 bits"):
        ts.Study.read(folder / "wide.toml")
    (folder / "wide.toml").write_text((folder / "wide.toml").read_text().replace(number, str(2**63 - 1)))
    read(folder / "wide.toml")


@pytest.mark.parametrize("key", ["metric", "self", "distance"])
def test_a_parameter_of_any_name(folder: Path, key: str) -> None:
    (folder / "named.toml").write_text(
        f'recipe = "layers"\nnetwork = [{{name = "n", representations = "x"}}]\n'
        f'cloud = {{metric = {{name = "fermat", {key} = 3}}}}\n'
    )
    with pytest.raises(ts.PlanError, match=f"no parameter {key!r}"):
        ts.Study.read(folder / "named.toml")


@pytest.mark.parametrize(
    "value",
    [
        f'{{name = "fermat", p = 0x{"f" * 5000}}}',
        f'{{name = "knn_geodesic", k = {"9" * 4000}}}',
        f'"dtm(p={"9" * 4000})"',
        f'{{name = "diffusion", t = -{"9" * 4000}}}',
        "0x" + "f" * 5000,
    ],
)
def test_a_parameter_of_any_size(folder: Path, value: str) -> None:
    (folder / "huge.toml").write_text(
        f'recipe = "layers"\nnetwork = [{{name = "n", representations = "x"}}]\n[cloud]\nmetric = {value}\n'
    )
    with tame(), pytest.raises(ts.PlanError, match="a number of more than 300 digits"):
        ts.Study.read(folder / "huge.toml")
