"""The catalogue of faults and these tests say the same: each row has a test of its number."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).parent
ROWS = range(1, 97)
# Rows whose subject the library does not have yet; their tests come with it.
LATER = {
    **dict.fromkeys(range(83, 90), "there is no store"),
    **dict.fromkeys(range(90, 97), "nothing is served, and nothing resumed from elsewhere"),
}


def numbered() -> Iterator[int]:
    """The rows that tests are named after; a test may be of two rows: `test_row_47_48_…`."""
    for path in HERE.glob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                found = re.match(r"test_row((?:_\d\d(?=_))+)_", node.name)
                yield from map(int, found[1].strip("_").split("_")) if found else ()


def test_each_row_has_a_test() -> None:
    assert sorted(set(ROWS) - set(LATER) - set(numbered())) == []


def test_no_row_is_excused_that_has_a_test() -> None:
    assert [row for row in numbered() if row in LATER or row not in ROWS] == []


def test_the_rows_are_those_of_the_catalogue(shared) -> None:
    text = (shared / "faults.md").read_text("utf-8")
    assert [int(row) for row in re.findall(r"^\| (\d+) \|", text, re.MULTILINE)] == list(ROWS)
