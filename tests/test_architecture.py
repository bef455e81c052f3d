"""The house: what imports what, what is public, and what must never stand in the source."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import toposcope

SOURCE = Path(toposcope.__file__).parent
NOUNS = ["representation", "diagram", "comparison", "result"]
# From left to right: a package imports only what stands in an earlier group. Packages of one group don't know each
# other, but for the first three groups and the nouns, whose modules are in order.
ORDER = [
    ["_types", "_errors", "_version"],
    ["_check", "_html", "_lease", "_io"],
    NOUNS,
    ["extract", "store", "cloud", "terminal"],
    ["rips"],
    ["distances"],
    ["stats"],
    ["similarity"],
    ["study"],
    ["pools"],
    ["estimate", "run"],
    ["monitor"],
    ["report"],
    ["plot", "views"],
    ["demo"],
    ["cli"],
    ["__main__"],
]
RANK = {name: rank for rank, group in enumerate(ORDER) for name in group}


def modules() -> list[Path]:
    return sorted(SOURCE.rglob("*.py"))


def package_of(path: Path) -> str:
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


def imported_packages(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module]
            if node.module == "toposcope":
                names = [f"toposcope.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        found |= {name.split(".")[1] for name in names if name.startswith("toposcope.")}
    return found


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(SOURCE)))
def test_imports_flow_one_way(path: Path) -> None:
    package = package_of(path)
    if package in ("__init__", "cli"):
        return  # the public names, and verbs over them
    assert package in RANK, f"{package} has no place in the order; give it one here and in docs/architecture.md"
    for other in imported_packages(path) - {package}:
        assert RANK[other] < RANK[package] or (RANK[other] == RANK[package] <= 2), f"{package} imports {other}"


def test_every_package_of_the_order_is_there() -> None:
    assert {package_of(path) for path in modules()} - {"__init__"} == set(RANK)


def test_public_names_are_there_and_sorted() -> None:
    assert list(toposcope.__all__) == sorted(toposcope.__all__)
    for name in toposcope.__all__:
        assert getattr(toposcope, name) is not None
    public = {name for name in vars(toposcope) if not name.startswith("_")}
    packages = {package_of(path) for path in modules()}
    extra = public - set(toposcope.__all__) - packages - {"TYPE_CHECKING", "Any", "annotations"}
    assert not extra
    assert set(dir(toposcope)) == set(toposcope.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        toposcope.nothing  # noqa: B018


@pytest.mark.parametrize("name", [name for name in toposcope.__all__ if name[0].islower()])
def test_every_public_function_says_what_it_does(name: str) -> None:
    doc = getattr(toposcope, name).__doc__
    assert doc
    assert doc.strip().endswith((".", ")"))


def test_functions_win_over_the_packages_of_their_name() -> None:
    code = (
        "import toposcope.extract.taps, toposcope.run, toposcope.report, toposcope as ts;"
        "assert callable(ts.extract) and callable(ts.run) and callable(ts.report)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_import_is_light() -> None:
    heavy = ["torch", "torchvision", "matplotlib", "pandas", "dask", "distributed", "gudhi", "sklearn", "scipy"]
    code = f"import sys, toposcope; print([name for name in {heavy} if name in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert out.strip() == "[]"


FORBIDDEN_CALLS = {"eval", "exec", "compile", "__import__"}
FORBIDDEN_MODULES = {"pickle", "marshal", "shelve", "dill", "joblib", "cloudpickle"}


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(SOURCE)))
def test_no_file_can_run_code(path: Path) -> None:
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for name in {alias.name.split(".")[0] for alias in node.names} & FORBIDDEN_MODULES:
                # Only to name the error that torch raises when it refuses one.
                used = {
                    use.attr
                    for use in ast.walk(tree)
                    if isinstance(use, ast.Attribute) and ast.unparse(use.value) == name
                }
                assert used == {"UnpicklingError"}
        if isinstance(node, ast.ImportFrom):
            assert (node.module or "").split(".")[0] not in FORBIDDEN_MODULES
        if not isinstance(node, ast.Call):
            continue
        if isinstance(node.func, ast.Name):
            assert node.func.id not in FORBIDDEN_CALLS
        given = {keyword.arg: keyword.value for keyword in node.keywords}
        for name in ("allow_pickle", "shell", "trust_remote_code"):
            if name in given:
                assert isinstance(given[name], ast.Constant)
                assert given[name].value is False
        if isinstance(node.func, ast.Attribute) and node.func.attr == "load":
            owner = ast.unparse(node.func.value)
            if owner == "torch":
                assert isinstance(given.get("weights_only"), ast.Constant)
                assert given["weights_only"].value is True
