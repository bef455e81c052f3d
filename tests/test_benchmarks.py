"""What the resumable benchmarks remember."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))

from digest import digest_of_code, without_words


def test_rows_hang_on_code_and_not_on_words(tmp_path: Path) -> None:
    first = '"""Words."""\n\ndef f(x: float) -> float:\n    """More."""\n    return x + 1  # and more\n'
    other = "def f(x: float) -> float:\n    return (x\n            + 1)\n"
    assert without_words(first) == without_words(other)
    assert without_words(first) != without_words(other.replace("1", "2"))
    assert without_words('class A:\n    """Words."""\n') == without_words("class A:\n    pass\n")
    row = tmp_path / "rows.py"
    digests = []
    for text in (first, other, other.replace("1", "2")):
        row.write_text(text)
        digests.append(digest_of_code(str(row)))
    assert digests[0] == digests[1] != digests[2]
