"""States and the lake: events that came past the journal are folded once, states made from the lake
are those that were live, and a state that is not right is named.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestion import contracts
from ingestion.journal import (
    Accepted,
    Checked,
    Journal,
    Rejected,
    catch_up,
    check,
    drain,
    prune,
    rebuild,
)
from ingestion.journal.tables import EVENTS, STREAMS
from ingestion.lake import Lake
from ledger.errors import IncorrectInput
from tests.events import batch, deposits
from tests.journal.conftest import NOW
from tests.journal.counter import CODEC, add, handler, values


def drained(journal: Journal, lake: Lake) -> None:
    drain(journal, lake, registry=contracts.load(), latest_event_us=NOW)


def posted(lake: Lake, *amounts: tuple[str, int]) -> None:
    """Deposits of another source, in one commit."""
    first = lake.next_offset("bank", "p0")
    streams = pl.Series([stream for stream, _ in amounts])
    frame = deposits(first, len(amounts)).with_columns(
        stream_id=streams,
        account_id=streams,
        amount=pl.Series([amount for _, amount in amounts]).cast(pl.Decimal(18, 4)),
    )
    lake.append(batch(frame))


def caught_up(journal: Journal, lake: Lake, *, chunk_events: int = 2) -> int:
    return catch_up(journal, lake, CODEC, chunk_events=chunk_events).events


def checked(journal: Journal, lake: Lake) -> Checked:
    return check(journal, lake, CODEC)


def test_events_past_the_journal_change_the_state_once(journal: Journal, lake: Lake) -> None:
    run = handler(journal)
    run.handle(add("a", 5, "k1"))
    posted(lake, ("a", 10), ("b", 1), ("a", 20), ("c", 2), ("a", 1))
    assert caught_up(journal, lake) == 5
    assert caught_up(journal, lake) == 0
    assert values(journal, ["a", "b", "c"]) == {"a": 36, "b": 1, "c": 2}
    assert run.handle(add("a", -36, "k2")).version == 5, "each took a version of the stream"
    assert isinstance(run.handle(add("b", -2, "k3")), Rejected)
    drained(journal, lake)
    assert caught_up(journal, lake) == 0, "our own events are not taken back"
    assert checked(journal, lake).differing == 0


def test_who_decided_before_the_bulk_came_decides_anew(journal: Journal, lake: Lake) -> None:
    handler(journal).handle(add("a", 5, "k1"))
    state = journal.load("a")
    assert state
    posted(lake, ("a", 10))
    caught_up(journal, lake)
    with pytest.raises(IncorrectInput, match="version 2"):
        journal.append(
            "a", expected_version=state.version, events=[], state=b"", state_format="counter/1"
        )


ACTS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.sampled_from("ab"), st.integers(-3, 9)),
        st.tuples(st.just("post"), st.sampled_from("abc"), st.integers(1, 9)),
        st.tuples(st.sampled_from(["drain", "catch_up", "prune"])),
    ),
    max_size=12,
)


@settings(max_examples=8, deadline=None)
@given(acts=ACTS)
def test_states_folded_from_the_lake_are_the_live_ones_in_any_order_of_events(
    acts: list[tuple[object, ...]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("acts")
    lake = Lake.create(folder / "lake", folder / "index", now=lambda: NOW)
    journal = Journal.open(f"sqlite:///{folder}/journal.sqlite", now=lambda: NOW)
    run = handler(journal)
    simple: dict[str, Callable[[], object]] = {
        "drain": lambda: drained(journal, lake),
        "catch_up": lambda: caught_up(journal, lake),
        "prune": lambda: prune(journal, lake, before_us=NOW + 1, at_once=1),
    }
    for number, (kind, *details) in enumerate(acts):
        if kind == "add":
            run.handle(add(str(details[0]), int(str(details[1])), f"k{number}"))
        elif kind == "post":
            posted(lake, (str(details[0]), int(str(details[1]))))
        else:
            simple[str(kind)]()
    assert checked(journal, lake).differences == []
    caught_up(journal, lake)
    before = {one: journal.load(one) for one in "abc"}
    assert [one.changed for one in rebuild(journal, lake, [CODEC])] == [0]
    drained(journal, lake)
    kept = [e.event.event_id for e in journal.pending(0, 99)]
    assert len(kept) == journal.status().kept
    lost = Journal.open(f"sqlite:///{folder}/new.sqlite", now=lambda: NOW)
    rebuild(lost, lake, [CODEC])
    assert {one: lost.load(one) for one in "abc"} == before
    found = [e.event.event_id for e in lost.pending(0, 99)]
    assert len(found) == lost.next_position() and found[len(found) - len(kept) :] == kept
    for one in (journal, lost):
        one.close()
    lake.close()


def spoil(journal: Journal, change: sa.Executable) -> None:
    with journal.writing() as connection:
        connection.execute(change)


def test_check_names_the_stream_that_differs_and_rebuild_mends_it(
    journal: Journal, lake: Lake
) -> None:
    run = handler(journal)
    for stream in "abcd":
        run.handle(add(stream, 5, f"k-{stream}"))
    posted(lake, ("e", 1))
    drained(journal, lake)
    caught_up(journal, lake)
    run.handle(add("a", 1, "pending"))
    spoil(journal, sa.update(STREAMS).where(STREAMS.c.stream_id == "a").values(version=9))
    spoil(journal, sa.update(STREAMS).where(STREAMS.c.stream_id == "b").values(state=b"{}"))
    spoil(journal, sa.delete(STREAMS).where(STREAMS.c.stream_id == "c"))
    spoil(
        journal,
        sa.insert(STREAMS).values(stream_id="x", version=1, state=b"?", state_format="counter/1"),
    )
    spoil(journal, sa.update(STREAMS).where(STREAMS.c.stream_id == "d").values(version=0))
    spoil(journal, sa.update(STREAMS).where(STREAMS.c.stream_id == "e").values(due_us=7))
    found = checked(journal, lake)
    told = {(one.stream_id, one.what): (one.expected, one.found) for one in found.differences}
    assert found.differing == 6
    assert told["a", "version"] == ("2", "9")
    assert told["b", "state"] == ('{"id": "b", "value": 5}', "{}")
    assert told["e", "due"] == ("None", "7")
    assert told["c", "stream"] == ("a state", "none")
    assert told["x", "stream"] == ("no such stream", "a state")
    (done,) = rebuild(journal, lake, [CODEC])
    assert (done.streams, done.changed, done.removed) == (5, 5, 1)
    assert checked(journal, lake).differing == 0
    assert values(journal, list("abcdex")) == {"a": 6, "b": 5, "c": 5, "d": 5, "e": 1}


def test_event_the_lake_does_not_have_is_found_by_the_gap(journal: Journal, lake: Lake) -> None:
    run = handler(journal)
    for number in range(3):
        run.handle(add("a", 1, f"k{number}"))
    spoil(journal, sa.update(EVENTS).where(EVENTS.c.position == 1).values(columns="{}"))
    drained(journal, lake)
    (first, *_) = checked(journal, lake).differences
    assert (first.stream_id, first.what) == ("a", "order")
    assert first.found == "version 3 follows version 1"


def test_lost_journal_is_refused_until_it_is_rebuilt_and_then_goes_on(
    journal: Journal, lake: Lake, tmp_path: Path
) -> None:
    handler(journal).handle(add("a", 5, "k1"))
    drained(journal, lake)
    new = Journal.open(f"sqlite:///{tmp_path}/new.sqlite", now=lambda: NOW)
    with pytest.raises(IncorrectInput, match="journal rebuild"):
        caught_up(new, lake)
    rebuild(new, lake, [CODEC])
    assert caught_up(new, lake) == 0
    assert handler(new).handle(add("a", 1, "k2")).version == 2
    drained(new, lake)
    assert checked(new, lake).differing == 0
    new.close()


def test_commands_are_answered_as_before_by_a_journal_made_again_from_the_lake(
    journal: Journal, lake: Lake, tmp_path: Path
) -> None:
    long = "k" * 448
    sent = [add("a", 5, "k1"), add("b", 1, "k2"), add("a", -2, "k 3"), add("a", 1, long)]
    answers = [handler(journal).handle(one) for one in sent]
    refused = add("b", -9, "no")
    assert isinstance(handler(journal).handle(refused), Rejected)
    drain(journal, lake, registry=contracts.load(), latest_event_us=NOW, batch_events=1)
    new = Journal.open(f"sqlite:///{tmp_path}/new.sqlite", now=lambda: NOW)
    rebuild(new, lake, [CODEC])
    for request, answer in zip(sent[:3], answers, strict=False):
        assert isinstance(answer, Accepted)
        assert handler(new).handle(request) == replace(answer, repeated=True)
    with pytest.raises(IncorrectInput, match="another body"):
        handler(new).handle(add("a", 6, "k1"))
    with pytest.raises(IncorrectInput, match="recorded before"):
        handler(new).handle(sent[3])  # its key left no room for the body's hash
    assert handler(new).handle(refused) == replace(handler(new).handle(refused), repeated=False), (
        "a rejection is in no lake: it is decided anew"
    )
    assert values(new, ["a", "b"]) == {"a": 4, "b": 1}
    new.close()


def test_a_rebuild_killed_after_the_events_came_back_still_knows_the_answers(
    journal: Journal, lake: Lake, tmp_path: Path
) -> None:
    handler(journal).handle(add("a", 5, "k1"))
    drained(journal, lake)
    new = Journal.open(f"sqlite:///{tmp_path}/new.sqlite", now=lambda: NOW)
    new.step = dying
    with pytest.raises(KeyboardInterrupt):
        rebuild(new, lake, [CODEC])
    new.step = lambda _name: None
    rebuild(new, lake, [CODEC])
    assert handler(new).handle(add("a", 5, "k1")).repeated
    new.close()


def dying(_step: str) -> None:
    raise KeyboardInterrupt
