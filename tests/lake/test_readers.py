"""The lake is read whole without our code: delta-rs, Polars, DuckDB on files, DuckDB delta_scan."""

import json
from pathlib import Path

import duckdb
import polars as pl
import pytest
from deltalake import DeltaTable

from ingestion.lake import Lake
from tests.events import batch, deposits, rejects, sales


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("readers")
    lake = Lake.create(home / "lake", home / "index")
    for n in range(30):
        lake.append(
            batch(
                sales(n * 10, 10).with_columns(payload=pl.lit('{"emoji":"🧾","quote":"\\""}')),
                deposits(n * 5, 5),
                quarantine=rejects(n, 1, partition="bad"),
            )
        )
    return home


@pytest.fixture(scope="module")
def expected(home: Path) -> pl.DataFrame:
    paths = [
        (home / "lake" / add["add"]["path"], add["add"]["partitionValues"]["family"])
        for commit in sorted((home / "lake/_delta_log").glob("*.json"))
        for line in commit.read_text().splitlines()
        if "add" in (add := json.loads(line))
    ]
    frames = [pl.read_parquet(path).with_columns(family=pl.lit(family)) for path, family in paths]
    return pl.concat(frames).sort("row_index")


def _same(found: pl.DataFrame, expected: pl.DataFrame) -> None:
    found = found.select(expected.columns).sort("row_index")
    casts = {name: dtype for name, dtype in expected.schema.items() if found.schema[name] != dtype}
    assert set(casts) <= {"event_time", "ingest_time"}, f"other types: {casts}"
    assert found.cast(casts).equals(expected)  # type: ignore[arg-type]
    assert expected.height == 30 * 15


def test_delta_rs_reads_every_event_and_keeps_it_append_only(
    home: Path, expected: pl.DataFrame
) -> None:
    table = DeltaTable(str(home / "lake"))
    assert table.version() == 30
    _same(pl.DataFrame(pl.from_arrow(table.to_pyarrow_table())), expected)
    with pytest.raises(Exception, match=r"append-?\s?[oO]nly"):
        table.delete("row_index < 5")


def test_delta_rs_travels_to_an_older_version(home: Path, expected: pl.DataFrame) -> None:
    table = DeltaTable(str(home / "lake"), version=10)
    _ = table.version()
    assert table.to_pyarrow_table().num_rows == expected.filter(pl.col("commit_seq") <= 10).height


def test_polars_scan_delta_reads_every_event(home: Path, expected: pl.DataFrame) -> None:
    _same(pl.scan_delta(str(home / "lake")).collect(), expected)


def test_duckdb_reads_the_file_list_of_the_log(home: Path, expected: pl.DataFrame) -> None:
    with duckdb.connect() as db:
        db.execute("set timezone = 'UTC'")
        paths = db.execute(
            "select list(? || (json ->> '$.add.path')) from read_ndjson_objects(?)"
            " where (json -> '$.add') is not null",
            [f"{home}/lake/", f"{home}/lake/_delta_log/*.json"],
        ).fetchone()
        found = db.execute("select * from read_parquet(?, hive_partitioning = true)", paths).pl()
    _same(found, expected)


def test_duckdb_delta_scan_reads_every_event(home: Path, expected: pl.DataFrame) -> None:
    extension = _delta_extension()
    with duckdb.connect(config={"allow_unsigned_extensions": "true"}) as db:
        db.execute("set timezone = 'UTC'")
        db.execute(f"load '{extension}'")
        found = db.execute(f"select * from delta_scan('{home}/lake')").pl()
    _same(found, expected)


def _delta_extension() -> Path:
    import duckdb_extension_delta  # noqa: PLC0415 - a test extra, needed here only

    folder = Path(duckdb_extension_delta.__path__[0])
    return next(folder.rglob("delta.duckdb_extension"))
