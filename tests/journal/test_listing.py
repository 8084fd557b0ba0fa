"""Streams by the beginning of their ids, and the events of one, on both databases."""

import pytest

from ingestion.journal import Journal, NewEvent, listing
from tests.journal.conftest import NOW

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


def test_the_events_of_a_stream_come_in_order(filled: Journal) -> None:
    assert [one.stream_version for one in listing.events(filled, "saga/b")] == [1, 2]
    assert listing.events(filled, "nobody") == []
