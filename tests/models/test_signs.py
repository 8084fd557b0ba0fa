"""What counts down is said once in Python and once in SQL, and they agree."""

import re
from pathlib import Path

from ingestion.contracts import registry
from ledger.signs import COUNTS_DOWN

FIGURES = Path(__file__).parents[2] / "dbt_project/macros/deltas/figures.sql"


def named_in(macro: str) -> list[str]:
    (body,) = re.findall(rf"macro {macro}\(\) -%}}(.*?)\{{%- endmacro", FIGURES.read_text(), re.S)
    return re.findall(r"'(\w+)'", body)


def test_sql_and_python_take_the_same_types_off() -> None:
    assert named_in("counts_down") == list(COUNTS_DOWN)


def test_every_type_with_money_or_an_account_is_routed() -> None:
    known = {one.event_type for one in registry.load() if one.family != "control"}
    assert set(named_in("routed_event_types")) == known
