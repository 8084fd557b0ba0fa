"""Appending to the journal: versions, ids, keys and positions, on SQLite and PostgreSQL."""

import pytest
import sqlalchemy as sa

from ingestion.journal import (
    Append,
    EventIdTaken,
    Journal,
    NewEvent,
    Received,
    VersionConflict,
    listing,
    tables,
)
from ledger.errors import IncorrectInput
from tests.journal.counter import CODEC, Added


def event(number: str) -> NewEvent:
    return CODEC.to_new_event(Added("a", 1), event_id=number)


def received(key: str, body: str = "b", answer: bytes = b"done") -> Received:
    return Received(key=key, body_sha256=body, answer=answer)


def one(stream: str, expected: int, *ids: str, command: Received | None = None) -> Append:
    return Append(
        stream_id=stream,
        expected_version=expected,
        events=[event(number) for number in ids],
        state=f"{stream} after {ids}".encode(),
        state_format="counter/1",
        command=command,
    )


def put(journal: Journal, given: Append) -> object:
    (outcome,) = journal.append_many([given])
    return outcome


def test_event_state_and_answer_come_together(journal: Journal) -> None:
    done = journal.append(
        "a",
        expected_version=0,
        events=[event("e1"), event("e2")],
        state=b"two",
        state_format="counter/1",
        command=received("k"),
    )
    assert (done.version, done.first_position, done.answer) == (2, 0, b"done")
    state = journal.load("a")
    assert state and (state.version, state.state, state.state_format) == (2, b"two", "counter/1")
    assert [(e.position, e.stream_version) for e in journal.pending(0, 9)] == [(0, 1), (1, 2)]
    assert journal.pending(0, 9)[0].event == event("e1")
    assert journal.load("b") is None


def test_writer_that_read_an_older_version_is_refused_and_leaves_no_trace(journal: Journal) -> None:
    put(journal, one("a", 0, "e1"))
    refused = put(journal, one("a", 0, "e2", command=received("k")))
    assert isinstance(refused, VersionConflict) and refused.found == "version 1"
    assert journal.next_position() == 1
    assert journal.status().commands == 0


def test_event_id_comes_once_even_in_another_stream(journal: Journal) -> None:
    put(journal, one("a", 0, "e1"))
    assert isinstance(put(journal, one("b", 0, "e1")), EventIdTaken)
    assert isinstance(put(journal, one("b", 0, "e2", "e2")), EventIdTaken)
    assert journal.load("b") is None


def test_command_that_comes_again_gets_its_first_answer(journal: Journal) -> None:
    put(journal, one("a", 0, "e1", command=received("k", answer=b"first")))
    again = put(journal, one("a", 7, "e9", command=received("k", answer=b"second")))
    assert vars(again)["answer"] == b"first" and vars(again)["repeated"]
    assert journal.next_position() == 1


def test_key_with_another_body_is_refused(journal: Journal) -> None:
    put(journal, one("a", 0, "e1", command=received("k", body="b")))
    refused = put(journal, one("a", 1, "e2", command=received("k", body="other")))
    assert isinstance(refused, IncorrectInput)
    assert refused.rule == "idempotency_key_must_not_be_reused"


def test_answer_without_events_is_kept_and_takes_no_position(journal: Journal) -> None:
    put(journal, one("a", 0, command=received("k", answer=b"no")))
    assert journal.load("a") is None and journal.next_position() == 0
    assert vars(put(journal, one("a", 0, "e1", command=received("k"))))["answer"] == b"no"


def test_in_a_group_each_append_fails_alone_and_positions_have_no_gap(journal: Journal) -> None:
    outcomes = journal.append_many(
        [
            one("a", 0, "e1", command=received("k1")),
            one("b", 3, "e2"),
            one("a", 1, "e3"),
            one("d", 0, "e1"),
            one("c", 0, "e4"),
            one("a", 0, "e5", command=received("k1")),
        ]
    )
    kinds = [type(outcome).__name__ for outcome in outcomes]
    assert kinds == ["Appended", "VersionConflict", "Appended", "EventIdTaken"] + ["Appended"] * 2
    found = [(e.position, e.stream_id, e.stream_version) for e in journal.pending(0, 9)]
    assert found == [(0, "a", 1), (1, "a", 2), (2, "c", 1)]


def test_what_builds_on_an_append_that_came_to_nothing_is_a_conflict(journal: Journal) -> None:
    """Even where the stream has the expected version: another writer brought it there."""
    put(journal, one("a", 0, "e1", command=received("k1")))
    put(journal, one("a", 1, "other writer"))
    outcomes = journal.append_many(
        [one("a", 1, "e1", command=received("k1")), one("a", 2, "e3"), one("b", 0, "e4")]
    )
    kinds = [type(outcome).__name__ for outcome in outcomes]
    assert kinds == ["Appended", "VersionConflict", "Appended"]
    assert vars(outcomes[0])["repeated"]


@pytest.mark.parametrize(
    ("column", "value"),
    [("amount", 1.5), ("amount", "1"), ("account_id", 7), ("colour", "red"), ("amount", True)],
)
def test_column_the_lake_cannot_keep_is_refused(
    journal: Journal, column: str, value: object
) -> None:
    bad = NewEvent(**{**vars(event("e1")), "columns": {column: value}})
    given = Append(**{**vars(one("a", 0)), "events": [bad]})
    with pytest.raises(IncorrectInput, match=column):
        journal.append_many([given])
    assert journal.next_position() == 0


def test_a_journal_of_format_1_is_brought_up_to_date_and_all_its_streams_are_looked_at(
    journal: Journal,
) -> None:
    put(journal, one("a", 0, "e1"))
    with journal.writing() as connection:
        tables.DUE.drop(connection)
        connection.exec_driver_sql("alter table journal_streams drop column due_us")
        connection.execute(sa.update(tables.ABOUT).values(value="1"))
    url = journal._engine.url.render_as_string(hide_password=False)
    for _ in range(2):
        again = Journal.open(url, now=lambda: 0)
        assert [found.due_us for found in listing.open_streams(again, "a")] == [0]
        again.close()
    put(journal, one("a", 1, "e2"))
    assert list(listing.open_streams(journal, "a")) == [], "its next event says that it is not open"


def test_a_journal_of_another_format_is_refused(journal: Journal) -> None:
    with journal.writing() as connection:
        connection.execute(sa.update(tables.ABOUT).values(value="3"))
    with pytest.raises(IncorrectInput, match="expected format 2, found 3"):
        Journal.open(journal._engine.url.render_as_string(hide_password=False), now=lambda: 0)


def test_url_that_names_no_database_is_refused() -> None:
    for text in ("mysql://x/y", "nonsense"):
        with pytest.raises(IncorrectInput, match=r"journal\.url"):
            Journal.open(text, now=lambda: 0)
