"""What the books say after events, and that what they said before stays as it was."""

from datetime import date

import pytest

from ledger import control_events as ev
from ledger.books import EMPTY, Recorded, StoreRegistered, Versioned, evolve, evolve_all
from ledger.business_days import UTC_DAYS, StoreDays
from ledger.calendar import MONTHS
from ledger.errors import IncorrectInput
from ledger.periods import OPEN
from tests.control.office import person
from tests.ledger.paper_office import PaperOffice

MARCH = "2011-03"
SOFT = ev.PeriodSoftClosed(period_id=MARCH, sealed=False, reason="")


def recorded(event: ev.ControlEvent, commit: int, version: int | None, id_: str = "e") -> Recorded:
    return Recorded(
        event=event,
        event_id=id_,
        commit_seq=commit,
        ingest_time_us=10 * commit,
        row_index=100 * commit,
        stream_version=version,
    )


def test_nothing_happened_is_open_months_without_people() -> None:
    assert (EMPTY.commit_seq, EMPTY.calendar) == (-1, MONTHS)
    assert EMPTY.state(MARCH) == OPEN
    assert EMPTY.calendar_at(-9) == MONTHS
    with pytest.raises(IncorrectInput):
        EMPTY.state("march")


def test_each_event_is_known_by_its_id_its_stream_and_the_place_in_it() -> None:
    first, second = recorded(SOFT, 3, 1), recorded(SOFT, 5, 4, "f")
    unnumbered = recorded(SOFT, 6, None, "g")
    once = evolve(EMPTY, first)
    after = evolve_all(once, (second, unnumbered))
    stream = SOFT.stream_id
    assert after.event_ids == dict.fromkeys("efg", ev.payload_sha256(SOFT))
    assert after.newest_of_stream == {stream: unnumbered}
    assert (once.stream_versions, after.stream_versions) == ({stream: 1}, {stream: 5})
    assert evolve(EMPTY, recorded(SOFT, 3, None)).stream_versions == {stream: 1}
    assert evolve(after, recorded(SOFT, 7, 2, "h")).stream_versions == {stream: 6}
    assert (EMPTY.event_ids, once.commit_seq, after.commit_seq) == ({}, 3, 6)
    assert [one.commit_seq for one in once.history(MARCH)] == [3], "as it was"
    assert [one.commit_seq for one in after.history(MARCH)] == [3, 5, 6]
    assert after.history(MARCH)[0] == Versioned(
        commit_seq=3,
        ingest_time_us=30,
        state=once.state(MARCH),
        event_type="PeriodSoftClosed",
    )


def test_a_person_is_known_from_the_commit_that_added_them_to_the_one_that_removed_them() -> None:
    added = recorded(person("rita", "requester"), 3, 1)
    [one] = evolve(EMPTY, added).people_ever
    assert (one.person, one.roles, one.verifier_key) == (
        "rita",
        ("requester",),
        added.event.payload()["verifier_key"],
    )
    assert (one.added_commit, one.added_us, one.removed_commit) == (3, 30, None)
    assert one.active
    gone = recorded(ev.PersonRemoved(person="rita", request_id="r"), 4, 2, "f")
    books = evolve_all(EMPTY, (added, gone))
    assert (books.people["rita"].removed_commit, books.people["rita"].active) == (4, False)
    assert books.people_ever == (one,)


def test_a_store_keeps_its_days_from_the_commit_that_registered_them() -> None:
    taipei, azores = StoreDays("Asia/Taipei", "00:00"), StoreDays("Atlantic/Azores", "04:30")
    registered = (
        StoreRegistered(store_id="s", days=taipei, commit_seq=3),
        StoreRegistered(store_id="other", days=azores, commit_seq=4),
        StoreRegistered(store_id="s", days=azores, commit_seq=5),
    )
    books = evolve_all(EMPTY, registered)
    known = [books.days_at("s", commit) for commit in (2, 3, 4, 5, 6)]
    assert known == [UTC_DAYS, taipei, taipei, azores, azores]
    assert books.days_at(None, 9) == books.days_at("unknown", 9) == UTC_DAYS
    assert books.commit_seq == 5
    assert len(books.stores["s"]) == 2


def test_a_calendar_holds_from_its_own_commit_on() -> None:
    april = ev.PeriodDates(period_id="A", first_date=date(2011, 4, 1), end_date=date(2011, 4, 9))
    defined = ev.CalendarDefined(calendar_version=1, kind="table", periods=(april,))
    books = evolve(EMPTY, recorded(defined, 4, 1))
    assert [books.calendar_at(commit).version for commit in (3, 4, 5)] == [0, 1, 1]
    assert (books.calendar.kind, books.calendar.get("A").end_date) == ("table", date(2011, 4, 9))


def test_a_request_is_kept_as_it_was_made_and_answered() -> None:
    made = PaperOffice().open_for_business()
    asked = made.ask("rita", "reopen_period", period_id=MARCH)
    one = made.books.requests[asked.request_id]
    assert (one.requester, one.reason, one.state) == ("rita", "because", "open")
    assert (one.requested_commit, one.requested_at_us) == (made.commit, made.clock.now_us)
    assert (one.statements, one.answered_by, one.used_commit) == ((asked.statement,), None, None)
    declined = made.declined("adam", asked)
    made.record(declined)
    one = made.books.requests[asked.request_id]
    assert (one.state, one.answered_by, one.answered_reason) == ("declined", "adam", "because")
    assert (one.answered_commit, one.answered_at_us) == (made.commit, made.clock.now_us)
    assert one.statements == (asked.statement, declined.statement)
    assert one.answered_subject == {"period_id": MARCH}
