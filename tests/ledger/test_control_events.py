"""Control events as text: one form each, the same as their contracts say."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, get_type_hints

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.canonical import EVENT_SCHEMA
from ingestion import contracts
from ingestion.control import rows
from ledger import control_events as ev
from ledger.errors import IncorrectInput

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=8)
MONEY = st.decimals(0, 10**9, places=2)
DAYS = st.dates(date(2000, 1, 1), date(2030, 1, 1))
PERIODS = st.builds(ev.PeriodDates, period_id=TEXT, first_date=DAYS, end_date=DAYS)
CONTROLS = st.dictionaries(TEXT, TEXT, max_size=2)
SAMPLES: dict[object, st.SearchStrategy[Any]] = {
    str: TEXT,
    str | None: st.none() | TEXT,
    int: st.integers(1, 3000),
    bool: st.booleans(),
    Decimal | None: st.none() | MONEY,
    date | None: st.none() | DAYS,
    tuple[str, ...]: st.lists(TEXT, max_size=3).map(tuple),
    tuple[ev.PeriodDates, ...]: st.lists(PERIODS, max_size=3).map(tuple),
    tuple[Mapping[str, Any], ...]: st.lists(CONTROLS, max_size=2).map(tuple),
}


def hints(kind: type[ev.ControlEvent]) -> dict[str, Any]:
    known = get_type_hints(kind)
    return {one.name: known[one.name] for one in fields(kind)}


def examples(kind: type[ev.ControlEvent]) -> st.SearchStrategy[ev.ControlEvent]:
    return st.builds(kind, **{name: SAMPLES[hint] for name, hint in hints(kind).items()})


@pytest.mark.parametrize("name", sorted(ev.EVENT_TYPES))
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_an_event_is_read_back_from_its_text_and_obeys_its_contract(
    name: str, data: st.DataObject
) -> None:
    event = data.draw(examples(ev.EVENT_TYPES[name]))
    text = event.payload_text()
    assert ev.parse(name, event.schema_version, text) == event
    assert json.loads(text) == event.payload()
    frame = rows.as_events(
        [event],
        event_id=lambda _event, _version: "id",
        stream_version=lambda _event: 1,
        first_offset=0,
        at_us=0,
    )
    assert frame.schema == EVENT_SCHEMA
    unnamed = frame.with_columns(stream_id=pl.lit(None, dtype=pl.String))
    latest = pl.lit(datetime(2026, 1, 1, tzinfo=UTC))
    checked = contracts.check(unnamed, contracts.load(), latest_event_time=latest)
    assert checked.rejects.is_empty(), checked.rejects["detail"].to_list()
    if len(event.stream_id) <= contracts.checks.KEY_BYTES_MAX // 4:
        assert checked.accepted["stream_id"].to_list() == [event.stream_id]


@pytest.mark.parametrize("name", sorted(ev.EVENT_TYPES))
def test_a_contract_names_the_fields_of_its_event(name: str) -> None:
    kind = ev.EVENT_TYPES[name]
    contract = contracts.load().get(name, kind.schema_version)
    assert contract is not None and contract.family == "control"
    assert set(contract.payload) == set(hints(kind))
    for field, spec in contract.payload.items():
        assert spec.required == ("None" not in str(hints(kind)[field])), field


def test_a_policy_of_the_settings_holds_for_all_sources() -> None:
    read = ev.parse("LatenessPolicySet", 1, '{"max_delay_days":"5","initial_grace_hours":6,"x":1}')
    assert read == ev.LatenessPolicySet(max_delay_days=5, initial_grace_hours=6)


GOOD = {"period_id": "2011-03", "reason": "clock", "sealed": False}
SPAN = {"end_date": "2011-04-01", "first_date": "2011-03-01", "period_id": "2011-03"}
CALENDAR = {"calendar_version": 1, "kind": "table", "periods": [SPAN]}
LOCK = ev.LockExceptionGranted(
    lock_exception_id="l",
    period_id="2011-03",
    source=None,
    store_id=None,
    amount_cap=Decimal("1.50"),
    expires_at_us=1,
    reason="r",
    request_id="q",
).payload()


FIELDS = "PeriodSoftClosed: expected the fields ['period_id', 'reason', 'sealed'], found "
CANONICAL = "PeriodSoftClosed: expected its one canonical form "
VERSION = "expected a reserved type and its version, found version"
PERIODS_FIELD = "CalendarDefined field periods: expected"
CAP = "LockExceptionGranted field amount_cap: expected decimal text"
LONG = "x" * 300


@pytest.mark.parametrize(
    ("event_type", "version", "payload", "text"),
    [
        ("PeriodSoftClosed", 2, GOOD, f"PeriodSoftClosed: {VERSION} 2."),
        ("SaleRecorded", 1, GOOD, f"SaleRecorded: {VERSION} 1."),
        ("LatenessPolicySet", 3, GOOD, f"LatenessPolicySet: {VERSION} 3."),
        ("PeriodSoftClosed", 1, [], "PeriodSoftClosed: expected a JSON object, found []."),
        (
            "PeriodSoftClosed",
            1,
            json.dumps([LONG]),
            f'PeriodSoftClosed: expected a JSON object, found ["{LONG[:198]}.',
        ),
        (
            "PeriodSoftClosed",
            1,
            {**GOOD, "more": 1},
            f"{FIELDS}['more', 'period_id', 'reason', 'sealed'].",
        ),
        (
            "PeriodSoftClosed",
            1,
            {"period_id": "2011-03", "sealed": False},
            f"{FIELDS}['period_id', 'sealed'].",
        ),
        (
            "PeriodSoftClosed",
            1,
            {**GOOD, "sealed": 0},
            "PeriodSoftClosed field sealed: expected true or false, found 0.",
        ),
        (
            "PeriodSoftClosed",
            1,
            {**GOOD, "reason": None},
            "PeriodSoftClosed field reason: expected text, found None.",
        ),
        (
            "PeriodSoftClosed",
            1,
            {**GOOD, "reason": [LONG]},
            f"PeriodSoftClosed field reason: expected text, found ['{LONG[:198]}.",
        ),
        (
            "PeriodSoftClosed",
            1,
            json.dumps(GOOD),
            f"{CANONICAL}{ev.canonical_json(GOOD)}, found {json.dumps(GOOD)}.",
        ),
        (
            "PeriodSoftClosed",
            1,
            json.dumps({**GOOD, "period_id": LONG}),
            f'{CANONICAL}{{"period_id":"{LONG[:186]}, found {{"period_id": "{LONG[:185]}.',
        ),
        (
            "CalendarDefined",
            1,
            {**CALENDAR, "calendar_version": True},
            "CalendarDefined field calendar_version: expected a whole number, found True.",
        ),
        (
            "CalendarDefined",
            1,
            {**CALENDAR, "periods": {}},
            f"{PERIODS_FIELD} a list, found {{}}.",
        ),
        (
            "CalendarDefined",
            1,
            {**CALENDAR, "periods": [{}]},
            f"{PERIODS_FIELD} period_id, first_date and end_date, found [{{}}].",
        ),
        (
            "CalendarDefined",
            1,
            {**CALENDAR, "periods": [1]},
            f"{PERIODS_FIELD} a period with its dates, found [1].",
        ),
        (
            "CalendarDefined",
            1,
            {**CALENDAR, "periods": [{**SPAN, "period_id": 1}]},
            f"{PERIODS_FIELD} text, found {[{**SPAN, 'period_id': 1}]}.",
        ),
        (
            "CalendarDefined",
            1,
            {**CALENDAR, "periods": [{**SPAN, "first_date": 1}]},
            f"{PERIODS_FIELD} an ISO date, found {[{**SPAN, 'first_date': 1}]}.",
        ),
        (
            "CalendarDefined",
            1,
            {**CALENDAR, "periods": [{**SPAN, "end_date": "1 May"}]},
            f"{PERIODS_FIELD} a date as 2026-01-31, found {[{**SPAN, 'end_date': '1 May'}]}.",
        ),
        ("LockExceptionGranted", 1, {**LOCK, "amount_cap": 1}, f"{CAP}, found 1."),
        (
            "LockExceptionGranted",
            1,
            {**LOCK, "amount_cap": "much"},
            f"{CAP} with at most 4 decimals, found 'much'.",
        ),
        (
            "LockExceptionGranted",
            1,
            {**LOCK, "amount_cap": "1.50000"},
            f"{CAP} with at most 4 decimals, found '1.50000'.",
        ),
        (
            "LatenessPolicySet",
            1,
            {"max_delay_days": 1},
            "LatenessPolicySet: expected the fields ['initial_grace_hours', 'max_delay_days'],"
            " found ['max_delay_days'].",
        ),
    ],
)
def test_another_payload_is_refused(
    event_type: str, version: int, payload: object, text: str
) -> None:
    said = payload if isinstance(payload, str) else ev.canonical_json(payload)
    with pytest.raises(IncorrectInput) as error:
        ev.parse(event_type, version, said)
    assert error.value.rule == "payload_must_obey_its_contract"
    assert str(error.value) == text


@pytest.mark.parametrize(
    ("event_type", "payload", "text"),
    [
        ("PeriodSoftClosed", "{", "PeriodSoftClosed: expected a JSON object, found Expecting "),
        (
            "CalendarDefined",
            ev.canonical_json({**CALENDAR, "periods": [{**SPAN, "end_date": "2011-02-30"}]}),
            f"{PERIODS_FIELD} day ",
        ),
    ],
)
def test_what_python_cannot_read_is_told_in_its_words(
    event_type: str, payload: str, text: str
) -> None:
    with pytest.raises(IncorrectInput) as error:
        ev.parse(event_type, 1, payload)
    assert str(error.value).startswith(text)


def test_a_control_event_has_one_text_and_a_hash_of_it() -> None:
    """Of these very bytes: they are in the lake, and others compare them."""
    event = ev.LockExceptionGranted(
        lock_exception_id="ä/1",
        period_id="2011-03",
        source=None,
        store_id="s",
        amount_cap=Decimal("1E+3"),
        expires_at_us=1,
        reason="spät",
        request_id="q",
    )
    text = (
        '{"amount_cap":"1000","expires_at_us":1,"lock_exception_id":"ä/1","period_id":"2011-03",'
        '"reason":"spät","request_id":"q","source":null,"store_id":"s"}'
    )
    assert event.payload_text() == text
    assert ev.payload_sha256(event) == hashlib.sha256(text.encode()).hexdigest()
    assert (event.stream_id, event.natural_id) == ("lock/ä/1", "ä/1")
    with pytest.raises(ValueError, match="Out of range"):
        ev.canonical_json(float("nan"))


def test_good_payloads_are_read() -> None:
    for kind, payload in (
        ("PeriodSoftClosed", GOOD),
        ("CalendarDefined", CALENDAR),
        ("LockExceptionGranted", LOCK),
    ):
        assert ev.parse(kind, 1, ev.canonical_json(payload)).payload() == payload
