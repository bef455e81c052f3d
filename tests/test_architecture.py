"""The house: what imports what, what is public, and what must never stand in the source."""

import ast
import re
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
    ["mirror"],
    ["rips"],
    ["distances"],
    ["stats"],
    ["similarity"],
    ["study"],
    ["pools"],
    ["estimate"],
    ["run"],
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


MODULES = {
    ".".join(("toposcope", *path.relative_to(SOURCE).with_suffix("").parts)).removesuffix(".__init__"): path
    for ending in ("*.py", "*.pyi")
    for path in SOURCE.rglob(ending)
}
"""By full name; kernels by their stubs."""


def imported_modules(tree: ast.AST) -> set[str]:
    """Modules of the library that a module imports: at its head, within a function, or for types alone."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            whole = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in MODULES else node.module for name in whole}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return found & set(MODULES)


def circle_among(imports: dict[str, set[str]]) -> list[str]:
    """Modules in a circle of imports, or leading to one: what is left when those that import nothing left are taken."""
    left = dict(imports)
    while free := [name for name, others in left.items() if not others & set(left)]:
        for name in free:
            del left[name]
    return sorted(left)


@pytest.mark.parametrize("package", sorted({package_of(path) for path in modules() if path.parent != SOURCE}))
def test_no_circle_within_a_package(package: str) -> None:
    inside = {name: path for name, path in MODULES.items() if f"{name}.".startswith(f"toposcope.{package}.")}
    imports = {name: imported_modules(ast.parse(path.read_text())) - {name} for name, path in inside.items()}
    assert circle_among({name: others & set(inside) for name, others in imports.items()}) == []


def test_a_circle_is_seen() -> None:
    assert circle_among({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": set()}) == ["a", "b", "c"]
    assert circle_among({"a": {"b", "c"}, "b": {"c"}, "c": {"d"}, "d": set()}) == []
    late = "def f() -> None:\n    from toposcope.study.columns import COLUMNS\n    from toposcope.study import plan\n"
    assert imported_modules(ast.parse(late)) == {"toposcope.study.columns", "toposcope.study.plan"}


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


FORBIDDEN_CALLS = {"eval", "exec", "compile", "__import__", "breakpoint"}
FORBIDDEN_MODULES = {
    "pickle",
    "marshal",
    "shelve",
    "dill",
    "joblib",
    "cloudpickle",
    "builtins",
    "code",
    "codeop",
    "imp",
    "runpy",
    "pty",
}
FORBIDDEN_ATTRIBUTES = {
    "os.startfile",
    "tempfile.mktemp",
    "subprocess.getoutput",
    "subprocess.getstatusoutput",
    "yaml.load",
    "yaml.unsafe_load",
    "yaml.full_load",
    "torch.hub",
    "torch.jit.load",
    "torch.package",
    "numpy.load",
    "np.load",
    "pd.read_pickle",
    "pandas.read_pickle",
    "sys.setrecursionlimit",
    "extractall",
}
FORBIDDEN_BEGINNINGS = ("os.system", "os.popen", "os.exec", "os.spawn", "os.posix_spawn", "multiprocessing.reduction")
NEVER_TRUE = ("allow_pickle", "shell", "trust_remote_code")
PIPES = {"pools/processes.py"}  # tasks for this program's own processes, over pipes that nobody else has
PROCESSES = {
    "extract/patterns.py",  # tries a regular expression that may not end, in an interpreter of its own
    "monitor/background.py",  # the analysis beside a training: this module again
}
"""The files that start a program: always this interpreter, by a list of arguments."""


def forbidden(name: str, place: str) -> bool:
    """Whether a dotted name must not stand there."""
    if place in PIPES and name.startswith("multiprocessing.reduction"):
        return False
    return name in FORBIDDEN_ATTRIBUTES or name.startswith(FORBIDDEN_BEGINNINGS)


def trespasses(source: str, place: str) -> list[str]:
    """What stands in a source and must not."""
    tree = ast.parse(source)
    nodes = list(ast.walk(tree))
    aliases = {
        alias.asname: alias.name
        for node in nodes
        if isinstance(node, ast.Import)
        for alias in node.names
        if alias.asname
    }

    def spelled(node: ast.expr) -> str:
        first, dot, rest = ast.unparse(node).partition(".")
        return aliases.get(first, first) + dot + rest

    found = []
    for node in nodes:
        if isinstance(node, ast.Import):
            names = {alias.name.split(".")[0] for alias in node.names}
            for name in names & FORBIDDEN_MODULES:
                # pickle only to name the error that torch raises when it refuses one.
                uses = {u.attr for u in nodes if isinstance(u, ast.Attribute) and ast.unparse(u.value) == name}
                if (name, uses) != ("pickle", {"UnpicklingError"}) or name in aliases.values():
                    found.append(f"import {name}")
            if "subprocess" in names and place not in PROCESSES:
                found.append("import subprocess")
            found += [f"import {alias.name}" for alias in node.names if forbidden(alias.name, place)]
        if isinstance(node, ast.ImportFrom):
            whole = {node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)}
            first = (node.module or "").split(".")[0]
            if first in FORBIDDEN_MODULES | {"subprocess"} or any(forbidden(name, place) for name in whole):
                found.append(f"from {node.module}")
            if "torch.load" in whole:
                found.append("torch.load, which must be called by its whole name")
        if isinstance(node, ast.Attribute) and (forbidden(spelled(node), place) or node.attr in FORBIDDEN_ATTRIBUTES):
            found.append(spelled(node))
        if isinstance(node, ast.Name) and node.id in FORBIDDEN_CALLS - {"compile"} | {"__builtins__"}:
            found.append(node.id)
        if isinstance(node, ast.Dict):  # to be passed as **options
            found += [key.value for key in node.keys if isinstance(key, ast.Constant) and key.value in NEVER_TRUE]
        if not isinstance(node, ast.Call):
            continue
        called = spelled(node.func)
        given = {keyword.arg: keyword.value for keyword in node.keywords}
        if called in FORBIDDEN_CALLS:
            found.append(called)
        for name in NEVER_TRUE:
            if name in given and not (isinstance(given[name], ast.Constant) and given[name].value is False):
                found.append(name)
        if called == "torch.load":
            safe = given.get("weights_only")
            if not (isinstance(safe, ast.Constant) and safe.value is True):
                found.append("torch.load without weights_only=True")
        if called.startswith("subprocess.") and called != "subprocess.CalledProcessError":
            first_argument = node.args[0] if node.args else None
            program = ast.unparse(first_argument.elts[0]) if isinstance(first_argument, ast.List) else ""
            if program == "*command" and "command = [sys.executable, " in source:
                continue
            if program != "sys.executable":
                found.append(f"{called} of another program")
    return found


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(SOURCE)))
def test_no_file_can_run_code(path: Path) -> None:
    assert trespasses(path.read_text(), path.relative_to(SOURCE).as_posix()) == []


FORBIDDEN_ELSEWHERE = {
    ".js": r"\beval\s*\(|\bnew\s+Function\b|\bdocument\.write\b|\bimportScripts\b",
    ".cpp": r"\bsystem\s*\(|\bpopen\s*\(|\bdlopen\b|\bexecv\w*\b|\bfork\s*\(",
}


def test_no_script_and_no_kernel_can_either() -> None:
    seen = 0
    for path in SOURCE.rglob("*"):
        pattern = FORBIDDEN_ELSEWHERE.get(".cpp" if path.suffix == ".hpp" else path.suffix)
        if pattern is not None:
            seen += 1
            assert not re.search(pattern, path.read_text(encoding="utf-8")), path
    assert seen > 10
    assert re.search(FORBIDDEN_ELSEWHERE[".js"], "eval (x)")
    assert re.search(FORBIDDEN_ELSEWHERE[".cpp"], "std::system(x)")


@pytest.mark.parametrize(
    "source",
    [
        "eval('1')",
        "map(eval, x)",
        "import builtins; builtins.eval('1')",
        "__builtins__['eval']('1')",
        "import pickle as p; p.UnpicklingError",
        "from multiprocessing.reduction import ForkingPickler",
        "import multiprocessing.reduction",
        "import os as o; o.execl('x')",
        "import os; os.posix_spawnp('x')",
        "f(x, **{'shell': True})",
        "import numpy as n; n.load('x')",
        "import torch as t; t.load('x')",
        "from torch import load",
        "import pickle; pickle.loads(b'')",
        "from pickle import loads",
        "import subprocess",
        "from subprocess import run",
        "import os; os.system('x')",
        "from os import system",
        "import tempfile; tempfile.mktemp()",
        "import yaml; yaml.load('x')",
        "f(x, shell=True)",
        "f(x, shell=flag)",
        "f(x, trust_remote_code=True)",
        "np.load('x')",
        "g(x, allow_pickle=True)",
        "import torch; torch.load('x')",
        "import torch; torch.load('x', weights_only=False)",
        "archive.extractall('x')",
    ],
)
def test_the_watch_sees_each_of_them(source: str) -> None:
    assert trespasses(source, "somewhere.py")
    assert trespasses("import subprocess; subprocess.run(['sh'])", "extract/patterns.py")
