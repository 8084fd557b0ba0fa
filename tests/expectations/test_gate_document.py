"""docs/gate.md describes every control, with its severity."""

import re
from pathlib import Path

from expectations.suites import SUITES

DOCUMENT = (Path(__file__).parents[2] / "docs" / "gate.md").read_text()


def test_every_suite_has_a_section_with_its_controls_and_severities() -> None:
    sections = {
        found.group(1): found.group(2)
        for found in re.finditer(
            r"^### (\w+): [^\n]*\n(.*?)(?=^##|\Z)", DOCUMENT, re.DOTALL | re.MULTILINE
        )
    }
    assert list(sections) == [suite.name for suite in SUITES]
    for suite in SUITES:
        rows = [line for line in sections[suite.name].splitlines() if line.startswith("| `")]
        for control in suite.controls:
            (row,) = [line for line in rows if _names(line, control.name)]
            assert row.split("|")[2].strip() == control.severity, control.name


def _names(row: str, control: str) -> bool:
    """A row names a control in full, or its siblings as `first_...` and `..._middle_...`."""
    written = re.findall(r"`([\w.]+)`", row.split("|")[1])
    first = written[0]
    for name in written:
        pattern = re.escape(name).replace(re.escape("..."), ".*")
        if re.fullmatch(pattern, control):
            return first.split("_")[0] == control.split("_")[0]
    return False
