"""Streams by the beginning of their ids, and the events of one, on both databases."""

from pathlib import Path

import pytest
import sqlalchemy as sa

from ingestion import contracts
from ingestion.journal import Journal, JournalEvent, NewEvent, drain, listing, prune
from ingestion.journal.codec import ON_DEMAND
from ingestion.lake import Lake
from tests.journal.conftest import NOW
from tests.journal.counter import CODEC, add, handler

NAMES = ("saga/a", "saga/b", "SAGA/c", "sagab", "saga_", "account", "saga/Z", "saga/é")
OURS = {"saga/a", "saga/b", "saga/Z", "saga/é"}
DUE = {"saga/a": 30, "saga/Z": 10, "SAGA/c": 5, "account": 5, "saga/é": ON_DEMAND}


@pytest.fixture
def filled(journal: Journal) -> Journal:
    for name in (*NAMES, "saga/b"):
        before = journal.load(name)
        version = before.version if before else 0
        event = NewEvent(
            event_id=f"{name}-{version}",
            event_type="Counted",
            schema_version=1,
            event_time_us=NOW,
            columns={},
            payload=b"{}",
        )
        journal.append(
            name,
            expected_version=version,
            events=[event],
            state=b"x",
            state_format="counter/1",
            due_us=DUE.get(name),
        )
    return journal


def test_streams_are_found_by_the_beginning_of_their_ids(
    filled: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    for page in (1, 2, 3, 5_000):
        monkeypatch.setattr(listing, "_PAGE", page)
        found = [one.stream_id for one in listing.streams(filled, "saga/")]
        assert set(found) == OURS and len(found) == len(OURS), page


def test_streams_with_something_left_to_do_come_in_the_order_they_are_due(
    filled: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    for page in (1, 2, 3, 5_000):
        monkeypatch.setattr(listing, "_PAGE", page)
        found = [(one.stream_id, one.due_us) for one in listing.open_streams(filled, "saga/")]
        assert found == [("saga/Z", 10), ("saga/a", 30), ("saga/é", ON_DEMAND)], page
    counted = [listing.count_due(filled, "saga/", now_us=at) for at in (9, 10, 29, 30, NOW)]
    assert counted == [0, 1, 1, 2, 2]


def test_what_has_ended_is_not_looked_at(tmp_path: Path) -> None:
    """By the index that holds the open streams alone; a scan would read every state there is."""
    journal = Journal.open(f"sqlite:///{tmp_path}/journal.sqlite", now=lambda: NOW)
    asked: list[tuple[str, tuple[object, ...]]] = []
    sa.event.listen(
        journal._engine,
        "before_cursor_execute",
        lambda _connection, _cursor, text, values, *_: asked.append((text, values)),
    )
    list(listing.open_streams(journal, "saga/"))
    listing.count_due(journal, "saga/", now_us=NOW)
    queries = [one for one in asked if one[0].startswith("SELECT")]
    with journal.reading() as connection:
        plans = [
            [row[-1] for row in connection.exec_driver_sql(f"explain query plan {text}", values)]
            for text, values in queries
        ]
    assert len(plans) == 2
    for plan in plans:
        [step] = plan
        assert "INDEX journal_streams_due" in step, plan
    journal.close()


def test_what_changed_since_a_position_is_found(filled: Journal) -> None:
    assert listing.changed(filled, "saga/", since=0) == OURS
    assert listing.changed(filled, "saga/", since=len(NAMES)) == {"saga/b"}
    assert listing.changed(filled, "saga/", since=len(NAMES) + 1) == set()


def test_the_events_of_a_stream_come_in_order_wherever_they_lie(
    journal: Journal, lake: Lake
) -> None:
    def events(stream_id: str) -> list[JournalEvent]:
        return listing.events(journal, lake, stream_id, family=CODEC.family)

    run = handler(journal)
    for number in range(4):
        run.handle(add("ab"[number % 2], 1, f"k{number}"))
    before = events("a")
    assert [one.stream_version for one in before] == [1, 2]
    assert events("nobody") == []
    drain(journal, lake, registry=contracts.load(), latest_event_us=NOW, batch_events=1)
    assert prune(journal, lake, before_us=NOW + 1, at_once=2) == 4
    assert listing.changed(journal, "a", since=3) == {"a"}, "who knows what changed"
    assert listing.changed(journal, "a", since=4) == set()
    run.handle(add("a", 1, "k9"))
    assert events("a")[:2] == before
    assert [one.stream_version for one in events("a")] == [1, 2, 3]
