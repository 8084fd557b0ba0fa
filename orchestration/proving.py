"""Making the proof of a store's sales of one day, as known at a moment, out of the lake.

Holds which events the figure is the sum of: those routed `in_window` at their own commit, and late
ones decided to count by then. The document and its check are `audit.figure_proof`'s.
Called by `ledgerlake prove`.
"""

import base64
import re
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl

from audit.anchor import head_at, sign_head
from audit.canonical import CANONICAL_SCHEMA
from audit.figure_proof import BOOKED, COLUMNS, DECIDED, SIGNS, FigureProof, cells_of, event_values
from ingestion.control.books import control_segments, load_books
from ingestion.control.rows import STORE_REGISTERED, arrivals
from ingestion.lake import Lake
from ingestion.lake.commit import Segment
from ingestion.lake.log import CommitLog
from ingestion.lake.proofs import LakeTree
from ingestion.lake.store import LocalStore
from ledger.books import Books
from ledger.errors import IncorrectInput
from orchestration.home import Home
from orchestration.keys import lake_signer
from orchestration.publish.edition import replace_durably

ROUTED_BY = (
    *("family", "event_id", "row_index", "commit_seq", "event_time", "ingest_time"),
    *("source", "store_id", "amount"),
)
"""What `arrivals` reads of an event."""


@dataclass(frozen=True, kw_only=True)
class Question:
    """Sales of a store on a business day, as known at an instant (microseconds UTC)."""

    store_id: str
    day: date
    known_as_of_us: int


def prove_sales(home: Home, asked: Question, *, now_us: int) -> FigureProof:
    """The proof, to the lake's head. IncorrectInput if no event is in the figure."""
    Lake.open(home.lake, home.index).close()  # brings the index to the head
    tree = LakeTree(home.lake, home.index)
    log = CommitLog(LocalStore(home.lake))
    segments, commit_seq = _known_segments(log, asked.known_as_of_us)
    books = load_books(home.lake, until_commit=commit_seq)
    sales = _sales(tree, segments, books, asked)
    if sales.is_empty():
        raise IncorrectInput(
            "figure_must_have_events",
            thing=f"sales of store {asked.store_id} on {asked.day}",
            expected="at least one event in the figure by then",
            found="none",
            remedy="`ledgerlake asof sales` shows what a store had, and its name as it is written.",
        )
    control = _control(tree, home, commit_seq, asked, sales)
    rows = pl.concat([sales, control]).sort("row_index")
    head = head_at(home.lake, tree.head.seq)
    values = event_values(rows)
    named = (dict(zip(COLUMNS, one, strict=True)) for one in values)
    return FigureProof(
        lake_id=head.lake_id,
        store_id=asked.store_id,
        business_date=asked.day.isoformat(),
        known_as_of_us=asked.known_as_of_us,
        cells=cells_of(one for one in named if one["family"] == "sales"),
        events=values,
        checkpoint=sign_head(head, lake_signer(home, head.lake_id, now_us=now_us)),
        nodes=base64.b64encode(tree.nodes(rows["row_index"].to_numpy().astype(np.int64))).decode(
            "ascii"
        ),
    )


def write_proof(
    home: Home, asked: Question, *, to: Path | None, now_us: int
) -> tuple[Path, FigureProof]:
    """Make the proof and write it to `to`, or to a file named after the question."""
    proof = prove_sales(home, asked, now_us=now_us)
    name = re.sub(r"[^A-Za-z0-9._-]", "_", asked.store_id)
    path = to or Path(f"{name}.{asked.day}.proof.json")
    replace_durably(path, proof.to_bytes())
    return path, proof


def _known_segments(log: CommitLog, known_as_of_us: int) -> tuple[list[Segment], int]:
    """Sales segments of the commits known by then, and the number of the last one."""
    found: list[Segment] = []
    last = -1
    for logged in log.after(-1):
        if logged.commit.ingest_time_us > known_as_of_us:
            break
        found += [one for one in logged.commit.segments if one.family == "sales"]
        last = logged.commit.seq
    return found, last


def _sales(tree: LakeTree, segments: list[Segment], books: Books, asked: Question) -> pl.DataFrame:
    """The events of the figure."""
    known = [one.days for one in books.stores.get(asked.store_id, ())]
    known.append(books.days_at(None, -1))
    first_us = min(one.start_us(asked.day) for one in known)
    end_us = max(one.start_us(asked.day + timedelta(days=1)) for one in known)
    at_us = pl.col("event_time").to_physical()
    parts = [
        tree.read(one.path).filter(
            pl.col("store_id") == asked.store_id,
            pl.col("event_type").is_in(list(SIGNS)),
            at_us >= first_us,
            at_us < end_us,
        )
        for one in segments
        if one.min_event_time_us < end_us and one.max_event_time_us >= first_us
    ]
    rows = pl.concat([pl.DataFrame(schema=CANONICAL_SCHEMA), *parts])
    groups = rows.select(ROUTED_BY).partition_by("commit_seq", "source")
    counted = [one for group in groups for one in _counted(group, books, asked.day)]
    return rows.filter(pl.col("row_index").is_in(counted))


def _counted(group: pl.DataFrame, books: Books, day: date) -> list[int]:
    """Rows of one commit and source that count for the store's day."""
    commit_seq, store_id = group["commit_seq"][0], group["store_id"][0]
    days = books.days_at(store_id, commit_seq)
    at_us = pl.col("event_time").to_physical()
    end_us = days.start_us(day + timedelta(days=1))
    of_day = group.filter(at_us >= days.start_us(day), at_us < end_us)
    by_size = of_day.sort(pl.col("amount").abs(), nulls_last=False)
    # Of one commit, source, store and day, routing looks at the amount alone, and only at whether
    # it is too large: when the largest is in the window, so are all.
    if by_size.is_empty() or _in_window(by_size[-1:], books):
        return by_size["row_index"].to_list()
    return [
        one.row_index
        for one in arrivals(of_day).values()
        if books.route(one).route == "in_window" or _decided_to_count(books, one.event_id)
    ]


def _in_window(row: pl.DataFrame, books: Books) -> bool:
    return all(books.route(one).route == "in_window" for one in arrivals(row).values())


def _decided_to_count(books: Books, event_id: str) -> bool:
    decided = books.decisions.get(event_id)
    return decided is not None and decided.decision in BOOKED


def _control(
    tree: LakeTree, home: Home, commit_seq: int, asked: Question, sales: pl.DataFrame
) -> pl.DataFrame:
    """Registrations of the store, and what was decided about events of the figure."""
    streams = [f"exception/{one}" for one in sales["event_id"]]
    paths = control_segments(LocalStore(home.lake), until_commit=commit_seq)
    return pl.concat(
        [sales.clear(), *(_of_figure(tree.read(path), asked, streams) for path in paths)]
    )


def _of_figure(rows: pl.DataFrame, asked: Question, streams: list[str]) -> pl.DataFrame:
    kind = pl.col("event_type")
    return rows.filter(
        ((kind == STORE_REGISTERED) & (pl.col("store_id") == asked.store_id))
        | ((kind == DECIDED) & pl.col("stream_id").is_in(streams))
    )
