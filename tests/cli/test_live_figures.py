"""`live.*` figures before a build are the marts' figures after it, in every reader's time zone."""

import os
from datetime import timedelta
from pathlib import Path

import duckdb
import polars as pl
import pytest

from ingestion.lake import Lake
from ingestion.lake.writer import system_clock
from orchestration.build import Builder
from orchestration.home import Home
from orchestration.publish import tail
from orchestration.settings import Settings
from tests.cli.conftest import OPENED, PROJECT
from tests.cli.terminal import Terminal
from tests.events import batch, deposits, sales
from tests.ingest.given import TILL_CSV
from tests.models.warehouse import parsed_project

TABLES = ("daily_sales", "real_time_sales", "account_balances")


def _read(home: Home, relation: str, zone: str) -> list[tuple[object, ...]]:
    """Rows as a reader in `zone` gets them; instants as text, which names the same instant."""
    with duckdb.connect(":memory:") as connection:
        connection.execute(f"attach '{home.current}' as published (read_only)")
        connection.execute("use published")
        connection.execute(f"set TimeZone = '{zone}'")
        mart = relation.removeprefix("live.")
        columns = [row[0] for row in connection.execute(f"describe main.{mart}").fetchall()]
        instants = {"known_from", "first_known_from", "ingest_hour"}
        selected = ", ".join(f"epoch_us({c})" if c in instants else c for c in sorted(columns))
        return connection.execute(f"select {selected} from {relation} order by all").fetchall()


def _arrive(home: Home) -> None:
    """Now, a day ago, and at the turn of a year three weeks ago, in a dozen commits."""
    lake = Lake.open(home.lake, home.index)
    now = timedelta(microseconds=system_clock())
    for number in range(12):
        when = now - timedelta(days=(0, 1, 20)[number % 3])
        moment = pl.lit(when // timedelta(microseconds=1)).cast(pl.Datetime("us", "UTC"))
        lake.append(
            batch(
                sales(84 + number * 9, 9).with_columns(event_time=moment),
                deposits(22 + number * 5, 5).with_columns(event_time=moment),
            )
        )
    lake.close()


def _arrive_at_the_turn_of_the_month(home: Home) -> None:
    """Commits half an hour before and after midnight UTC of 1 February."""
    lake = Lake.open(home.lake, home.index)
    for number, minutes in enumerate((-30, 30)):
        moment = OPENED + timedelta(days=31, minutes=minutes)
        event_time = pl.lit(moment - timedelta(hours=3)).cast(pl.Datetime("us", "UTC"))
        lake.append(
            batch(sales(84 + number * 9, 9).with_columns(event_time=event_time)),
            ingest_time_us=int(moment.timestamp()) * 1_000_000,
        )
    lake.close()


def test_an_import_of_many_commits_keeps_the_tail_short_on_its_way(
    own: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each arrival time is a commit; live views must not run out of names to come."""
    monkeypatch.setattr(tail, "OPEN_COMMITS", 8)
    home = Home(Path(os.environ["LEDGERLAKE_HOME"]), "default")
    shown: list[int] = []
    kept = tail.remember_shown

    def remember(home: Home, coverage: tail.Coverage) -> None:
        shown.append(coverage.until)
        kept(home, coverage)

    monkeypatch.setattr(tail, "remember_shown", remember)
    first = OPENED + timedelta(days=40)
    rows = [
        f"{number},{first.isoformat()},s1,EUR,1.25,{(first + timedelta(hours=number)).isoformat()}"
        for number in range(1, 25)
    ]
    history, mapping = tmp_path / "history.csv", tmp_path / "till.toml"
    history.write_text("\n".join(["id,at,store,currency,amount,arrived", *rows]))
    mapping.write_text(TILL_CSV)
    done = own.run(
        *("ingest", "files", str(history), "--mapping", str(mapping)),
        *("--ingest-time", "arrived"),
    )
    assert done.code == 0, done.text
    assert len(shown) >= 2 and shown == sorted(shown)
    assert not tail.is_long(home, after=shown[-1], commits=12)
    assert tail.is_long(home, after=shown[0], commits=1)


@pytest.mark.parametrize(
    "arrive",
    [_arrive, pytest.param(_arrive_at_the_turn_of_the_month, marks=pytest.mark.nightly)],
)
def test_live_figures_are_those_the_next_build_will_make(own: Terminal, arrive: object) -> None:
    home = Home(Path(os.environ["LEDGERLAKE_HOME"]), "default")
    assert callable(arrive)
    arrive(home)
    live = {
        (table, zone): _read(home, f"live.{table}", zone)
        for table in TABLES
        for zone in ("UTC", "Asia/Kolkata", "America/New_York")
    }
    assert live["daily_sales", "UTC"] != _read(home, "daily_sales", "UTC")
    settings = Settings(home=home.root)
    built = Builder(settings, project=PROJECT, checked=0, manifest=parsed_project()).build()
    assert not built.failed, built.failed
    assert own.run("publish").code == 0
    for (table, zone), rows in live.items():
        assert rows == _read(home, table, "UTC"), f"live.{table} read in {zone}"
