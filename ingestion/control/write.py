"""Writing control events: ids, versions and offsets given, all of them committed or none.

Holds `append_control`. Does not check rules (the gate inside the lake does). Called by the command
line and the close.
"""

from collections import Counter
from collections.abc import Sequence

from ingestion.control import rows
from ingestion.lake import Batch, CommitResult, Lake, OffsetRange
from ledger import control_events as ev
from ledger.books import Books


def append_control(
    lake: Lake,
    events: Sequence[ev.ControlEvent],
    *,
    now_us: int,
    ingest_time_us: int | None = None,
) -> CommitResult:
    """Commit these facts together; IncorrectInput is named as the rule they break.

    Doing it again is safe: facts the lake has already are counted as duplicates, and when all are,
    nothing is committed (`seq` None). What happened meanwhile is looked at in the same step.
    """

    def made() -> Batch:
        books = lake.books()
        new = [event for event in events if not is_recorded(books, event)]
        return _batch(books, new, lake.next_offset(ev.SOURCE, ev.PARTITION), now_us)

    return lake.append_made(made, given=len(events), ingest_time_us=ingest_time_us)


def is_recorded(books: Books, event: ev.ControlEvent) -> bool:
    """Do the books hold this very fact? What may come again: is it its stream's newest?"""
    if event.natural_id is not None:
        return books.event_ids.get(_event_id(event, 0)) == ev.payload_sha256(event)
    newest = books.newest_of_stream.get(event.stream_id)
    return newest is not None and newest.event == event


def _batch(books: Books, new: Sequence[ev.ControlEvent], offset: int, at_us: int) -> Batch:
    versions = Counter(dict(books.stream_versions))

    def next_version(event: ev.ControlEvent) -> int:
        versions[event.stream_id] += 1
        return versions[event.stream_id]

    frame = rows.as_events(
        new, event_id=_event_id, stream_version=next_version, first_offset=offset, at_us=at_us
    )
    offsets = {(ev.SOURCE, ev.PARTITION): OffsetRange(offset, offset + len(new))}
    return Batch(events=frame, offsets=offsets if new else {})


def _event_id(event: ev.ControlEvent, stream_version: int) -> str:
    """The name of a fact that can come once, the place in its stream of one that may come again."""
    if event.natural_id is not None:
        return f"{event.event_type}/{event.natural_id}"
    return f"{event.event_type}/{event.stream_id}/{stream_version}"
