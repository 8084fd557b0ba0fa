"""Streams by the beginning of their ids, and the events of one, on both databases."""

import pytest

from ingestion import contracts
from ingestion.journal import Journal, JournalEvent, NewEvent, drain, listing, prune
from ingestion.lake import Lake
from tests.journal.conftest import NOW
from tests.journal.counter import CODEC, add, handler

NAMES = ("saga/a", "saga/b", "SAGA/c", "sagab", "saga_", "account", "saga/Z", "saga/é")
OURS = {"saga/a", "saga/b", "saga/Z", "saga/é"}


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
            name, expected_version=version, events=[event], state=b"x", state_format="counter/1"
        )
    return journal


def test_streams_are_found_by_the_beginning_of_their_ids(
    filled: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    for page in (1, 2, 3, 5_000):
        monkeypatch.setattr(listing, "_PAGE", page)
        found = [one.stream_id for one in listing.streams(filled, "saga/")]
        assert set(found) == OURS and len(found) == len(OURS), page


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
