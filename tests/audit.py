"""Name every installed package that an advisory speaks of, without a network.

    python tests/audit.py ADVISORIES

ADVISORIES: a folder or a `.zip` of advisories in the OSV format, `.json` or `.yaml`, such as a clone of PyPA's advisory
database, or the export of OSV for PyPI. What is looked at is the environment of the Python that runs this. Exit codes:
0 nothing found, 1 something found, 2 no advisories there.
"""

import importlib.metadata
import json
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version


def texts(place: Path) -> Iterator[tuple[str, str]]:
    """Name and content of every advisory."""
    if place.is_dir():
        for path in sorted(path for path in place.rglob("*") if path.suffix in (".json", ".yaml")):
            yield path.name, path.read_text(encoding="utf-8")
    elif place.is_file():
        with zipfile.ZipFile(place) as archive:
            for name in sorted(name for name in archive.namelist() if name.endswith((".json", ".yaml"))):
                yield name, archive.read(name).decode("utf-8")


def advisories(place: Path) -> Iterator[dict[str, Any]]:
    """Those that still stand."""
    for name, text in texts(place):
        if name.endswith(".json"):
            fields = json.loads(text)
        else:
            import yaml

            fields = yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        if isinstance(fields, dict) and "affected" in fields and not fields.get("withdrawn"):
            yield fields


def version(text: object) -> Version | None:
    try:
        return Version(str(text))
    except InvalidVersion:
        return None


def concerns(affected: dict[str, Any], installed: Version) -> bool:
    """Whether an entry of an advisory names an installed version, alone or among those from one to another.

    From the first, and from each `introduced` to the `fixed` after it, or to the `last_affected`, which is included.
    """
    if any(version(text) == installed for text in affected.get("versions", ())):
        return True
    for ranges in affected.get("ranges", ()):
        if ranges["type"] != "ECOSYSTEM":
            continue
        inside = False
        events = [(version(text) or Version("0"), kind) for event in ranges["events"] for kind, text in event.items()]
        for at, kind in sorted(events, key=lambda event: event[0]):
            if kind == "introduced":
                inside = inside or at <= installed
            elif kind == "fixed":
                inside = inside and installed < at
            elif kind == "last_affected":
                inside = inside and installed <= at
        if inside:
            return True
    return False


def fixed_in(affected: dict[str, Any]) -> list[str]:
    """Versions in which it is mended."""
    ranges = [one for one in affected.get("ranges", ()) if one["type"] == "ECOSYSTEM"]
    return [event["fixed"] for one in ranges for event in one["events"] if "fixed" in event]


def main(place: Path) -> int:
    installed = {canonicalize_name(one.name): one.version for one in importlib.metadata.distributions()}
    found, read, newest = [], 0, ""
    for advisory in advisories(place):
        read, newest = read + 1, max(newest, str(advisory.get("modified", ""))[:10])
        for affected in advisory["affected"]:
            package = affected.get("package", {})
            name = canonicalize_name(package.get("name", ""))
            at = version(installed.get(name, ""))
            if package.get("ecosystem") == "PyPI" and at is not None and concerns(affected, at):
                mended = f"fixed in {', '.join(fixed_in(affected))}" if fixed_in(affected) else "not fixed"
                names = ", ".join([advisory["id"], *advisory.get("aliases", ())])
                found.append(f"{name} {at}  {mended}  {names}")
    if not read:
        print(f"{place} holds no advisories (.json or .yaml, in the OSV format)")
        return 2
    print(*sorted(set(found)), sep="\n", end="\n" if found else "")
    print(f"{len(set(found))} findings: {len(installed)} packages, {read} advisories, the newest of {newest}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
