"""`ledgerlake journal`, and what `status` and `doctor` say of a journal."""

from decimal import Decimal
from pathlib import Path

import pytest
import sqlalchemy as sa

from ingestion.account_codec import ACCOUNT_CODEC
from ingestion.journal import Handler, NewEvent, Request, Retries
from ingestion.journal.tables import STREAMS
from ingestion.lake import Lake
from ingestion.lake.writer import system_clock
from ledger.accounts import Deposit, Moment, OpenAccount
from orchestration import settings
from orchestration.home import Home
from orchestration.journal import opened
from tests.cli.terminal import Terminal
from tests.events import batch, deposits


@pytest.fixture
def home(terminal: Terminal) -> Terminal:
    """A home with a lake and nothing in it."""
    terminal.set("LEDGERLAKE_HOME", str(terminal.folder / "home"))
    assert terminal.run("init").code == 0
    return terminal


def deposit(*amounts: int) -> None:
    """Commands to account A1; nothing is drained."""
    now = system_clock()
    at = Moment(now_us=now, event_time_us=now, period_id="2026-01", exception=None)
    with opened(settings.load()) as writer:
        run = Handler(
            writer.journal, ACCOUNT_CODEC, retries=Retries(pause=lambda _s: None, jitter=float)
        )
        run.handle(_request("open", OpenAccount(at=at, currency="EUR")))
        for amount in amounts:
            run.handle(_request(f"deposit {amount}", Deposit(at=at, amount=Decimal(amount))))


def _request(key: str, command: OpenAccount | Deposit) -> "Request[OpenAccount | Deposit]":
    return Request(stream_id="A1", key=key, body=key.encode(), command=command)


def test_undrained_events_are_told_by_status_and_doctor_until_they_are_drained(
    home: Terminal,
) -> None:
    assert home.run("journal", "status").text == "journal none yet: the first command makes it"
    assert home.run("status", "--json").json["journal"] is None
    assert "journal" not in home.run("doctor").text
    deposit(5, 7)
    found = home.run("journal", "status", "--json").json
    assert (found["events"], found["undrained"], found["streams"]) == (3, 3, 1)
    assert "3 events not in the lake yet" in home.run("status").text
    assert "3 of 3 events are not in the lake yet" in home.run("doctor").text
    done = home.run("journal", "drain", "--json")
    assert (done.code, done.json["accepted"], done.json["drained_to"]) == (0, 3, 3)
    assert home.run("journal", "drain", "--json").json["events"] == 0
    assert home.run("journal", "status", "--json").json["undrained"] == 0
    assert "all 3 events are in the lake" in home.run("doctor").text
    assert "journal" not in home.run("status").text


def test_check_names_the_stream_that_differs_and_rebuild_mends_it(home: Terminal) -> None:
    deposit(5)
    place = Home.of(settings.load())
    lake = Lake.open(place.lake, place.index)
    lake.append(batch(deposits(0, 3)))
    lake.close()
    assert home.run("journal", "drain", "--json").json["caught_up"] == 3
    assert home.run("journal", "check").code == 0
    with opened(settings.load()) as writer, writer.journal.writing() as connection:
        connection.execute(sa.update(STREAMS).where(STREAMS.c.stream_id == "A1").values(version=7))
    found = home.run("journal", "check")
    assert found.code == 1
    assert "DIFFERS A1, version: expected 2, found 7" in found.text
    assert home.run("journal", "check", "--json").json["kinds"][0]["differing"] == 1
    assert home.run("journal", "rebuild", "--json").json["kinds"][0]["changed"] == 1
    assert home.run("journal", "check").code == 0


def test_event_that_breaks_its_contract_is_said_by_the_exit_code(home: Terminal) -> None:
    bad = NewEvent(
        event_id="bad",
        event_type="FundsDeposited",
        schema_version=1,
        event_time_us=0,
        columns={},
        payload=b"{}",
    )
    with opened(settings.load()) as writer:
        writer.journal.append(
            "A1", expected_version=0, events=[bad], state=b"{}", state_format="account/2"
        )
    done = home.run("journal", "drain", "--json")
    assert (done.code, done.json["quarantined"]) == (1, 1)


def test_lost_journal_is_told_by_doctor_with_the_remedy(home: Terminal) -> None:
    deposit(5)
    home.run("journal", "drain")
    file = Home.of(settings.load()).journal_file
    for path in file.parent.iterdir():
        path.unlink()
    told = "journal none, and the lake has 2 events of one: run `ledgerlake journal rebuild`"
    assert home.run("journal", "status").text == told
    assert "journal: there is none, and the lake has 2 events of one" in home.run("doctor").text
    refused = home.run("journal", "drain")
    assert refused.code == 2 and "journal_must_be_rebuilt_first" in refused.text
    assert "ledgerlake journal rebuild" in home.run("doctor").text
    assert home.run("journal", "rebuild", "--json").json["kinds"][0]["restored"] == 2
    assert home.run("journal", "check").code == 0
    assert "all 2 events are in the lake" in home.run("doctor").text


def test_database_that_does_not_answer_is_said_with_its_name(home: Terminal) -> None:
    home.set("LEDGERLAKE_JOURNAL__URL", "postgresql://nobody:secret@localhost:1/none")
    found = home.run("journal", "status")
    assert found.code == 1 and "journal_must_answer" in found.text
    assert "nobody:***@localhost:1" in found.text and "secret" not in found.text
    assert "journal" in home.run("doctor").text


def test_journal_lies_where_the_settings_say(home: Terminal) -> None:
    elsewhere = Path(home.folder / "elsewhere.sqlite")
    home.set("LEDGERLAKE_JOURNAL__URL", f"sqlite:///{elsewhere}")
    deposit(5)
    assert elsewhere.is_file()
    assert home.run("journal", "status", "--json").json["events"] == 2
    home.set("LEDGERLAKE_JOURNAL__URL", "mysql://there")
    assert "journal.url" in home.run("journal", "status").text


@pytest.mark.parametrize(
    "url",
    [
        "postgres://ledger:se/c@ret@db/ledger",
        "postgresql://ledger:secret@db:port/ledger",
        "postgresql:/ledger:secret@db",
        "ledger:secret@db/ledger",
        "mysql://there?password=secret",
        "postgresql://localhost:1/none?connect_timeout=1&password=secret",
    ],
)
def test_no_password_of_a_journal_is_shown(home: Terminal, url: str) -> None:
    home.set("LEDGERLAKE_JOURNAL__URL", url)
    for command in (("journal", "status"), ("status",), ("doctor",)):
        said = home.run(*command)
        assert "cret" not in said.text + said.err, command
        assert "Traceback" not in said.err
    assert "***" in home.run("journal", "status").text
    home.set("LEDGERLAKE_JOURNAL__URI", url)
    unknown = home.run("status")
    assert "LEDGERLAKE_JOURNAL__URI" in unknown.text and "cret" not in unknown.text
