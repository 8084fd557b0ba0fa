"""A reader of the published file in a process of its own: `python -m tests.publish.reader`.

Opens the file again and again until a stop file appears, and prints what it saw as JSON lines.
Does not import the project. Started by `test_readers`.
"""

import json
import sys
from pathlib import Path

import duckdb

WHOLE = """
select (select number from edition), (select commit_seq from edition),
    (select max(commit_seq) from sales_versions), (select sum(delta_amount) from sales_versions),
    (select sum(amount) from day_sales), (select last_commit_seq from freshness)
"""


def look(connection: duckdb.DuckDBPyConnection) -> list[str]:
    row = connection.execute(WHOLE).fetchone()
    assert row is not None
    return [str(value) for value in row]


def main(current: str, stop: Path, *, keep_open: bool) -> None:
    if keep_open:
        with duckdb.connect(current, read_only=True) as connection:
            while not stop.exists():
                print(json.dumps(look(connection)), flush=True)  # noqa: T201
        return
    while not stop.exists():
        with duckdb.connect(current, read_only=True) as connection:
            print(json.dumps(look(connection)), flush=True)  # noqa: T201


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), keep_open=sys.argv[3] == "keep-open")
