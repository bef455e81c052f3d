"""Print the lowest versions of the core's dependencies that pyproject.toml allows, as constraints for pip."""

import re
import tomllib
from pathlib import Path

table = tomllib.loads((Path(__file__).resolve().parents[1] / "pyproject.toml").read_text())
for dependency in table["project"]["dependencies"]:
    match = re.match(r"([\w-]+)>=([\d.]+)", dependency)
    assert match, f"{dependency} names no lowest version"
    print(f"{match[1]}=={match[2]}")
# Typer of that time uses what a later click warns of.
print("click<8.3")
