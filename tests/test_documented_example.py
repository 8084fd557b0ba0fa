"""The worked example of docs/testing.md runs as it is written, block after block."""

from pathlib import Path

import pytest

from tests.house.documents import blocks

SHOWN = "python run"


def the_example() -> str:
    found = [one for one in blocks() if one.info == SHOWN]
    assert {Path(one.where.split(":")[0]).name for one in found} == {"testing.md"}
    return "\n\n".join(one.text for one in found)


def test_the_worked_example_runs() -> None:
    exec(compile(the_example(), "docs/testing.md", "exec"), {"__name__": "example"})


def test_its_scenarios_fail_before_the_command_is_decided() -> None:
    broken = the_example().replace("if after > 100:", "if after > 1_000:")
    with pytest.raises(AssertionError, match="card_must_not_hold_more_than_100"):
        exec(compile(broken, "docs/testing.md", "exec"), {"__name__": "example"})
