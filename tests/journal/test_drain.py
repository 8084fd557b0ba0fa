"""The journal into the lake: every event once, in order, or in quarantine with its reason."""

from pathlib import Path

import pytest

from ingestion import contracts
from ingestion.journal import Drained, Journal, NewEvent, drain, prune
from ingestion.lake import Lake
from ledger.errors import IncorrectInput
from tests.journal.conftest import NOW
from tests.journal.counter import CODEC, Added, add, handler


def drained(journal: Journal, lake: Lake, *, batch_events: int = 2) -> Drained:
    return drain(
        journal,
        lake,
        registry=contracts.load(),
        latest_event_us=NOW,
        batch_events=batch_events,
    )


def test_events_come_into_the_lake_once_with_the_position_as_offset(
    journal: Journal, lake: Lake
) -> None:
    run = handler(journal)
    for number in range(5):
        run.handle(add("ab"[number % 2], 1, f"k{number}"))
    done = drained(journal, lake)
    assert (done.events, done.accepted, done.quarantined) == (5, 5, 0)
    assert (done.first_commit, done.last_commit, done.drained_to) == (1, 3, 5)
    assert drained(journal, lake) == Drained(drained_to=5)
    assert lake.next_offset("journal", "0") == 5 and lake.head.tree_size == 5
    assert journal.status().undrained == 0


def test_event_that_breaks_its_contract_is_quarantined_and_counted(
    journal: Journal, lake: Lake
) -> None:
    good = CODEC.to_new_event(Added("a", 1), event_id="good")
    bad = NewEvent(**{**vars(good), "event_id": "bad", "columns": {"account_id": "a"}})
    for number, event in enumerate((bad, good)):
        journal.append(
            "a", expected_version=number, events=[event], state=b"", state_format="counter/1"
        )
    done = drained(journal, lake)
    assert (done.accepted, done.quarantined) == (1, 1)


def test_events_leave_the_journal_once_they_are_old_and_in_the_lake(
    url: str, lake: Lake, tmp_path: Path
) -> None:
    """Recorded at 1, 2, 3, 2 (by a clock that is behind), 5; the last is not drained."""
    times = iter((1, 2, 3, 2, 5, 6))
    journal = Journal.open(url, now=lambda: next(times))
    run = handler(journal)
    for number in range(4):
        run.handle(add("a", 1, f"k{number}"))
    drained(journal, lake)
    copy = Lake.create(tmp_path / "copy", tmp_path / "copy-index", now=lambda: NOW)
    run.handle(add("a", 1, "k4"))

    def left(before_us: int) -> list[int]:
        prune(journal, lake, before_us=before_us, at_once=4)
        return [one.position for one in journal.pending(0, 99)]

    assert left(1) == [0, 1, 2, 3, 4]
    assert left(3) == [2, 3, 4]
    assert left(99) == [4], "not in the lake yet"
    assert (journal.status().events, journal.status().kept) == (5, 1)
    assert run.handle(add("a", 1, "k0")).repeated, "answers stay"
    assert drained(journal, lake).events == 1
    with pytest.raises(IncorrectInput, match="an old copy"):
        journal.bind(lake.head.lake_id, copy.next_offset("journal", "0"))
    copy.close()
    journal.close()


def test_journal_of_another_lake_is_refused(journal: Journal, lake: Lake, tmp_path: Path) -> None:
    handler(journal).handle(add("a", 1, "k"))
    drained(journal, lake)
    other = Lake.create(tmp_path / "other", tmp_path / "other-index")
    with pytest.raises(IncorrectInput, match="that of lake"):
        drained(journal, other)


def test_new_journal_goes_on_where_the_lake_stands_and_an_old_copy_is_refused(
    journal: Journal, lake: Lake, tmp_path: Path
) -> None:
    handler(journal).handle(add("a", 1, "k"))
    drained(journal, lake)
    new = Journal.open(f"sqlite:///{tmp_path}/new.sqlite", now=lambda: NOW)
    new.bind(lake.head.lake_id, lake.next_offset("journal", "0"))
    handler(new).handle(add("b", 1, "k"))
    assert [one.position for one in new.pending(0, 9)] == [1]
    old = Journal.open(f"sqlite:///{tmp_path}/old.sqlite", now=lambda: NOW)
    handler(old).handle(add("b", 1, "k"))
    with pytest.raises(IncorrectInput, match="journal rebuild"):
        drained(old, lake)
