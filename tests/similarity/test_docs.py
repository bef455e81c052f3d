"""docs/similarity.md says what the declarations say. `python -m tests.similarity.test_docs` writes its tables anew."""

import re
from pathlib import Path

import toposcope as ts
from toposcope.similarity import DESCRIPTORS, MEASURES

PAGE = Path(__file__).resolve().parents[2] / "docs" / "similarity.md"


def yes(value: bool) -> str:
    return "yes" if value else "–"


def measures() -> str:
    lines = [
        "| measure | closer is | metric | symmetric | same inputs | one layer may undergo | both may undergo | cost | "
        "source |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    lines += [
        f"| {m.name} | {'larger' if m.larger_is_more_similar else 'smaller'} | {yes(m.is_metric)} | "
        f"{yes(m.is_symmetric)} | {'needed' if m.is_paired else '–'} | {', '.join(m.invariances)} | "
        f"{', '.join(m.joint_invariances) or '–'} | {m.cost} | {m.source} |"
        for m in MEASURES
    ]
    return "\n".join(lines)


def descriptors() -> str:
    lines = [
        "| number | the layer may undergo | c times the points | cost | source |",
        "| --- | --- | --- | --- | --- |",
    ]
    times = {None: "no power of c", 0: "the same", -1: "1/c of it"}
    lines += [
        f"| `{d.name}` | {', '.join(d.invariances)} | {times[d.power]} | {d.cost} | {d.source} |" for d in DESCRIPTORS
    ]
    return "\n".join(lines)


TABLES = {"measures": measures, "descriptors": descriptors}


def written_anew(page: str) -> str:
    for name, table in TABLES.items():
        block = f"<!-- {name} -->\n\n{table()}\n\n<!-- end -->"
        page, count = re.subn(rf"<!-- {name} -->.*?<!-- end -->", lambda _, block=block: block, page, flags=re.DOTALL)
        assert count == 1
    return page


def test_the_page_says_what_the_declarations_say() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert written_anew(page) == page, "run python -m tests.similarity.test_docs"


def test_the_page_names_every_function_and_no_other() -> None:
    page = PAGE.read_text(encoding="utf-8")
    named = set(re.findall(r"`ts\.(\w+)", page))
    public = {name for name in ts.similarity.__all__ if name in ts.__all__ and name.islower()}
    assert public <= named
    assert all(hasattr(ts, name) for name in named)


if __name__ == "__main__":
    PAGE.write_text(written_anew(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
