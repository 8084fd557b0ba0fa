"""A file of views written over the last one says the same as one written from nothing."""

from pathlib import Path

import duckdb
import pytest

from orchestration.publish import bound_file
from orchestration.publish.bound_file import Views

CURRENT = Path("current.duckdb")


def _views(amounts: list[int], *, kind: str = "bigint", label: str = "") -> Views:
    rows = ", ".join(f"({one}::{kind})" for one in amounts)
    return Views(
        relations=(
            "create schema if not exists live",
            f"create or replace view live.sales as select * from (values {rows}) as t (amount)",
        ),
        definitions=(f"create view total as select sum(amount) as total{label} from live.sales",),
        columns=(("live", "sales", (("amount", kind),)),),
    )


def _seen(path: Path) -> tuple[list[object], list[object]]:
    with duckdb.connect(str(path), read_only=True) as connection:
        return (
            connection.execute("select * from total").fetchall(),
            connection.execute(
                "select schema_name, view_name, sql from duckdb_views() where not internal"
                " order by all"
            ).fetchall(),
        )


@pytest.mark.parametrize(
    "later",
    [
        pytest.param(_views([1, 2, 3]), id="other rows"),
        pytest.param(_views([1, 2], kind="decimal(18, 4)"), id="another type"),
        pytest.param(_views([1, 2], label="_amount"), id="another definition"),
    ],
)
def test_the_second_file_is_as_if_it_were_the_first(tmp_path: Path, later: Views) -> None:
    bound_file.write(tmp_path / "first", _views([1, 2]), instead_of=CURRENT)
    bound_file.write(tmp_path / "second", later, instead_of=CURRENT)
    bound_file.write(tmp_path / "elsewhere", _views([9]), instead_of=Path("other.duckdb"))
    bound_file.write(tmp_path / "alone", later, instead_of=CURRENT)
    assert _seen(tmp_path / "second") == _seen(tmp_path / "alone")
    assert _seen(tmp_path / "first")[0] == [(3,)]


def test_what_somebody_wrote_into_a_file_is_not_in_the_next(tmp_path: Path) -> None:
    bound_file.write(tmp_path / "first", _views([1, 2]), instead_of=CURRENT)
    with duckdb.connect(str(tmp_path / "first")) as connection:
        connection.execute("create or replace view total as select 0 as total")
    bound_file.write(tmp_path / "second", _views([1, 2, 3]), instead_of=CURRENT)
    assert _seen(tmp_path / "second")[0] == [(6,)]


def test_a_file_does_not_grow_with_the_editions_before_it(tmp_path: Path) -> None:
    sizes = []
    for number in range(30):
        path = tmp_path / str(number)
        bound_file.write(path, _views([number] * 50), instead_of=CURRENT)
        sizes.append(path.stat().st_size)
    assert max(sizes) <= 2 * sizes[0]
