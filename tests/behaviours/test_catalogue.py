"""Every behaviour of sections A to E has a test that carries its number."""

import re
from pathlib import Path


def test_no_behaviour_is_without_a_test(shared: Path):
    text = (shared / "llm_behaviours.md").read_text("utf-8")
    sections = text[text.index("## A.") : text.index("## F.")]
    wanted = {int(number) for number in re.findall(r"^(\d+)\. (?:MUST|ADAPT)", sections, re.MULTILINE)}
    tests = "".join(path.read_text("utf-8") for path in Path(__file__).parent.glob("test_*.py"))
    tested = {int(number) for number in re.findall(r"def test_b(\d\d)_", tests)}
    assert len(wanted) == 58
    assert sorted(wanted - tested) == []
