"""A proof holds refunds against sales, a store's own days, and late events once they count."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal

import polars as pl
import pytest

from audit.canonical import EVENT_SCHEMA
from audit.figure_proof import FigureProof
from audit.trusted_keys import read_keys
from audit.verify_proof import verify_proof
from ingestion.lake import Lake
from ledger.errors import IncorrectInput
from orchestration.home import Home
from orchestration.proving import Question, prove_sales
from tests.desk.conftest import Desk
from tests.events import batch, sales

NEW_YEAR = date(2026, 1, 1)


def _now_us() -> int:
    return int(datetime.now(UTC).timestamp() * 1_000_000)


def _prove(desk: Desk, store: str, day: date = NEW_YEAR) -> FigureProof:
    """The proof as known now, checked as a stranger would."""
    now_us = _now_us()
    made = prove_sales(
        desk.home, Question(store_id=store, day=day, known_as_of_us=now_us), now_us=now_us
    )
    line = desk.done("keys", "show", "--json").json["keys"][0]["line"]
    return verify_proof(made.to_bytes(), read_keys([line]))


def _ids(proof: FigureProof) -> set[str]:
    at, family = proof.columns.index("event_id"), proof.columns.index("family")
    return {one[at] for one in proof.events if one[family] == "sales"}


def test_a_late_event_is_in_the_proof_from_its_decision_until_it_is_undone(desk: Desk) -> None:
    late = next(iter(sorted(desk.exceptions())))
    store = str(desk.exceptions()[late]["store_id"])
    assert late not in _ids(_prove(desk, store))
    desk.approve(desk.decide("next_period", "--event", late))
    proof = _prove(desk, store)
    assert late in _ids(proof)
    kinds = {one[proof.columns.index("event_type")] for one in proof.events}
    assert "LateEventDecided" in kinds
    desk.approve(desk.decide("rejected", "--event", late))
    assert late not in _ids(_prove(desk, store))


def test_a_decision_left_out_or_put_in_is_found(desk: Desk) -> None:
    late, other = sorted(desk.exceptions())[:2]
    store = str(desk.exceptions()[late]["store_id"])
    desk.approve(desk.decide("next_period", "--event", late))
    desk.approve(desk.decide("rejected", "--event", other))
    proof = _prove(desk, store)
    decided = [one for one in proof.events if one[proof.columns.index("family")] == "control"]
    assert len(decided) == 1, "decisions about other events are not this figure's"


def _append(home: Home, events: pl.DataFrame) -> None:
    lake = Lake.open(home.lake, home.index)
    lake.append(batch(events))
    lake.close()


def test_refunds_count_against_sales_and_nothing_is_no_zero(desk: Desk) -> None:
    at = datetime.now(UTC).replace(microsecond=0)
    events = sales(1_000, 4, source="shop").with_columns(
        store_id=pl.lit("Köln"),
        category=pl.lit("tea"),
        event_time=pl.lit(at).cast(pl.Datetime("us", "UTC")),
        amount=pl.Series([Decimal(10), Decimal(4), Decimal(3), Decimal("0.5")]).cast(
            pl.Decimal(18, 4)
        ),
        quantity=pl.lit(None).cast(pl.Decimal(18, 4)),
        event_type=pl.Series(["SaleRecorded", "SaleRefunded", "SaleRecorded", "SaleRefunded"]),
        source_offset=pl.int_range(0, 4, dtype=pl.Int64),
    )
    _append(desk.home, events.select(EVENT_SCHEMA.names()))
    (cell,) = _prove(desk, "Köln", at.date()).cells
    assert (cell.amount, cell.quantity, cell.event_count) == ("8.5000", None, 4)


def test_a_days_events_follow_the_stores_own_clock(desk: Desk) -> None:
    registered = pl.DataFrame(
        [
            dict.fromkeys(EVENT_SCHEMA.names())
            | {
                "family": "control",
                "event_id": "register-Tokyo",
                "event_type": "StoreRegistered",
                "schema_version": 1,
                "stream_id": "Tokyo",
                "store_id": "Tokyo",
                "event_time": datetime(2026, 1, 1, tzinfo=UTC),
                "source": "head office",
                "source_partition": "p0",
                "source_offset": 0,
                "payload": json.dumps(
                    {"store_id": "Tokyo", "time_zone": "Asia/Tokyo", "day_cut_off": "04:00"}
                ),
            }
        ],
        schema=EVENT_SCHEMA,
    )
    _append(desk.home, registered)
    now = datetime.now(UTC)
    today = (now.astimezone(UTC)).date()
    # 19:00 UTC is 04:00 in Tokyo: the day before ends there.
    start = datetime.combine(today, datetime.min.time(), UTC)
    hours = [-6, -5, -4]
    events = sales(2_000, 3, source="shop").with_columns(
        store_id=pl.lit("Tokyo"),
        event_time=pl.Series(
            [start.timestamp() * 1_000_000 + hour * 3_600_000_000 for hour in hours]
        )
        .cast(pl.Int64)
        .cast(pl.Datetime("us", "UTC")),
        source_offset=pl.int_range(0, 3, dtype=pl.Int64),
    )
    _append(desk.home, events.select(EVENT_SCHEMA.names()))
    proof = _prove(desk, "Tokyo", today)
    assert sum(cell.event_count for cell in proof.cells) == 2
    with pytest.raises(IncorrectInput):
        _prove(desk, "Tokyo", date(2020, 1, 1))
