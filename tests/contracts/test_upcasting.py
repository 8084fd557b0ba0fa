"""Old events read as the newest: the same values in Python and in DuckDB, from the same steps."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import duckdb
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingestion import contracts
from ingestion.contracts import registry
from ingestion.contracts.registry import Registry
from ingestion.contracts.upcast_sql import column_upcasts, payload_fields, told_fields
from ingestion.contracts.upcasting import Upcasted, field_text, upcast
from ledger.errors import IncorrectInput
from tests.contracts.made import COLUMNS, made, text

ALL_STEPS = made(
    text(1),
    text(2, body=f"{COLUMNS}\n[payload]\na = {{ kind = 'text' }}\nb = {{ kind = 'integer' }}"),
    text(
        3,
        body=f"""{COLUMNS}
[payload]
a = {{ kind = 'text' }}
c = {{ kind = 'integer' }}
kind = {{ kind = 'text' }}
[[upcast]]
rename = "payload.b"
to = "payload.c"
[[upcast]]
add = "channel"
value = "till"
[[upcast]]
add = "payload.kind"
value = "it's"
""",
    ),
    text(
        4,
        body=f"""{COLUMNS}
[payload]
c = {{ kind = 'text' }}
d = {{ kind = 'text' }}
e = {{ kind = 'text' }}
b = {{ kind = 'text' }}
[[upcast]]
split = "payload.a"
at = "é-"
into = ["payload.d", "payload.e"]
[[upcast]]
drop = "payload.kind"
[[upcast]]
add = "currency"
lookup = "account_currency"
otherwise = "XXX"
""",
    ),
    text(
        5,
        body=f"""{COLUMNS}
[payload]
a = {{ kind = 'text' }}
c = {{ kind = 'text' }}
d = {{ kind = 'text' }}
f = {{ kind = 'text' }}
[[upcast]]
rename = "payload.e"
to = "payload.a"
[[upcast]]
split = "payload.d"
at = " "
into = ["payload.d", "payload.f"]
""",
    ),
)
"""Every step, names used again, what one step made taken by the next, versions without steps."""

SPLIT = ["", " / ", "Anna / SE1", "a / b / c", "é-", "Anna é-SE1", "é-é-", "👩‍🚀é-x", "two words"]
TEXTS = st.sampled_from(SPLIT) | st.text(alphabet="aé- /'\"\\\x00", max_size=8)
OTHERS: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.lists(TEXTS, max_size=2),
    st.dictionaries(TEXTS, TEXTS, max_size=2),
    st.text(max_size=6).filter(lambda one: one.isprintable()),
)
NO_OBJECTS = st.sampled_from(["{}", "[]", "null", "", "no JSON", '"a"', "{", '{"a": 1} x'])
CODES = st.sampled_from([None, "EUR", "JPY"])


STORED = {
    "schema_version": pl.Int32,
    **dict.fromkeys(("payload", "currency", "channel", "account_currency"), pl.String),
}


def payloads(names: str) -> st.SearchStrategy[str]:
    """JSON objects with some of these fields, mostly texts that split; now and then none at all."""
    fields = dict.fromkeys(names.split(), TEXTS | TEXTS | OTHERS)
    objects = st.fixed_dictionaries({}, optional=fields)
    return st.one_of(objects.map(json.dumps), objects.map(_as_received), NO_OBJECTS)


def _as_received(fields: dict[str, Any]) -> str:
    return json.dumps(fields, ensure_ascii=False)


def events_of(versions: int, names: str) -> st.SearchStrategy[list[tuple[Any, ...]]]:
    """(version, payload, currency, channel, currency of the account's opening) of many events."""
    event = st.tuples(st.integers(1, versions), payloads(names), CODES, CODES, CODES)
    return st.lists(event, min_size=15, max_size=30)


def in_sql(known: Registry, event_type: str, events: list[tuple[Any, ...]]) -> list[Any]:
    """(currency, channel, field, field, ...) of each event, computed in one query."""
    columns = {"currency": "events.currency", "channel": "events.channel"}
    columns |= {one.column: one.expression for one in column_upcasts(known, "accounts")}
    told = ", ".join(f"{sql} as told_{n}" for n, sql in told_fields(known, event_type).items())
    fields = payload_fields(known, event_type).values()
    chosen = ", ".join([columns["currency"], columns["channel"], *fields])
    stored = pl.DataFrame(events, schema=STORED, orient="row").with_row_index("number")
    with duckdb.connect() as connection:
        connection.register("stored", stored.with_columns(event_type=pl.lit(event_type)))
        return connection.execute(
            f"select {chosen} from (select *, {told} from stored as events) as events inner join"
            " (select number, account_currency from stored) as lookups using (number)"
            " order by number"
        ).fetchall()


def in_python(known: Registry, event_type: str, events: list[tuple[Any, ...]]) -> list[Any]:
    fields = known.newest(event_type).payload
    return [
        (
            one.columns["currency"],
            one.columns["channel"],
            *(field_text(one.payload.get(name)) for name in fields),
        )
        for one in _walked(known, event_type, events)
    ]


def _walked(known: Registry, event_type: str, events: list[tuple[Any, ...]]) -> Iterator[Upcasted]:
    for version, payload, currency, channel, account_currency in events:
        yield upcast(
            known,
            event_type=event_type,
            schema_version=version,
            columns={"currency": currency, "channel": channel},
            payload=payload,
            lookups={"account_currency": account_currency},
        )


many = settings(
    max_examples=15,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.large_base_example],
)


@many
@given(events=events_of(5, "a b c d e f kind"))
def test_sql_and_python_read_any_event_of_any_version_alike(events: list[tuple[Any, ...]]) -> None:
    assert in_sql(ALL_STEPS, "Made", events) == in_python(ALL_STEPS, "Made", events)


@many
@given(events=events_of(3, "reference payer payment_reference payer_name payer_account"))
def test_sql_and_python_read_deposits_of_every_version_alike(events: list[tuple[Any, ...]]) -> None:
    known = contracts.load()
    assert in_sql(known, "FundsDeposited", events) == in_python(known, "FundsDeposited", events)


def deposit(version: int, payload: dict[str, Any], currency: str | None, known: str | None) -> Any:
    read = upcast(
        contracts.load(),
        event_type="FundsDeposited",
        schema_version=version,
        columns={"currency": currency, "amount": 5},
        payload=json.dumps(payload),
        lookups={"account_currency": known},
    )
    assert read.schema_version == 3
    return read.columns["currency"], read.payload


def test_a_first_deposit_is_read_in_the_currency_of_its_account() -> None:
    assert deposit(1, {}, None, "SEK") == ("SEK", {})
    assert deposit(1, {}, None, None) == ("XXX", {})
    assert deposit(1, {}, "EUR", "SEK") == ("EUR", {})


def test_a_second_deposit_has_its_reference_renamed_and_its_payer_split() -> None:
    told = {"reference": "rent", "payer": "Anna Ek / SE45 / x", "till": 7}
    wanted = {"payment_reference": "rent", "payer_name": "Anna Ek", "payer_account": "SE45 / x"}
    assert deposit(2, told, "EUR", None) == ("EUR", {**wanted, "till": 7})
    assert deposit(2, {"payer": "Anna Ek"}, "EUR", None) == ("EUR", {"payer_name": "Anna Ek"})


def test_a_third_deposit_is_left_as_it_is() -> None:
    told = {"payment_reference": "rent", "reference": "kept"}
    assert deposit(3, told, "EUR", "SEK") == ("EUR", told)


def test_an_event_of_an_unknown_version_is_refused() -> None:
    with pytest.raises(IncorrectInput, match="expected version 1 or 2 or 3, found 4"):
        deposit(4, {}, None, None)


def test_an_old_policy_is_read_as_the_books_read_it() -> None:
    """The books have their own reader of version 1, for `ledger` knows no contract files."""
    from ledger import control_events as ev  # noqa: PLC0415 only this test compares the two

    payload = '{"max_delay_days": 5, "initial_grace_hours": 6}'
    read = upcast(
        contracts.load(),
        event_type="LatenessPolicySet",
        schema_version=1,
        columns={},
        payload=payload,
        lookups={},
    )
    books = ev.parse("LatenessPolicySet", 1, payload)
    assert isinstance(books, ev.LatenessPolicySet)
    assert ev.LatenessPolicySet(**{**read.payload, "soft_close_sources": ()}) == books
    assert read.payload["soft_close_sources"] == list(books.soft_close_sources)


@pytest.mark.parametrize(
    ("steps", "found"),
    [
        ('[[upcast]]\nturn = "payload.a"', "the keys turn"),
        ('[[upcast]]\nadd = "currency"', "the keys add"),
        ('[[upcast]]\nadd = "currency"\nlookup = "weather"\notherwise = "X"', "'weather'"),
        ('[[upcast]]\nadd = "amount"\nvalue = "1"', "'amount'"),
        ('[[upcast]]\nadd = "payload.z"\nvalue = "1"', "'payload.z'"),
        ('[[upcast]]\nrename = "a"\nto = "payload.a"', "'a'"),
        ('[[upcast]]\nrename = "payload.b"\nto = "payload.money"', "payload.money, decimal"),
        ('[[upcast]]\nsplit = "payload.b"\nat = ""\ninto = ["payload.a", "payload.a"]', "''"),
        ('[[upcast]]\nsplit = "payload.b"\nat = "-"\ninto = ["payload.a"]', "['payload.a']"),
    ],
)
def test_a_step_that_is_not_of_the_closed_set_is_refused(steps: str, found: str) -> None:
    fields = "[payload]\na = { kind = 'text' }\nmoney = { kind = 'decimal' }\n"
    with pytest.raises(IncorrectInput) as refused:
        registry.parse(text(2, body=f"{COLUMNS}{fields}{steps}"), thing="Made.v2.toml")
    assert (refused.value.rule, refused.value.found) == ("upcast_must_be_of_known_steps", found)


def test_a_store_has_no_currency_to_look_up() -> None:
    step = '[[upcast]]\nadd = "currency"\nlookup = "account_currency"\notherwise = "XXX"'
    told = text(2, body=f"{COLUMNS}{step}")
    assert registry.parse(told).upcast
    with pytest.raises(IncorrectInput, match="but in family accounts, found sales"):
        registry.parse(told.replace('"accounts"', '"sales"'))


def test_the_first_version_has_nothing_to_be_read_from() -> None:
    with pytest.raises(IncorrectInput, match="no upcast in the first version"):
        registry.parse(text(1, body=COLUMNS + '[[upcast]]\nadd = "currency"\nvalue = "EUR"'))


def test_upcasting_leaves_the_event_it_is_given_alone() -> None:
    columns = {"currency": None}
    upcast(
        contracts.load(),
        event_type="FundsDeposited",
        schema_version=1,
        columns=columns,
        payload="{}",
        lookups={},
    )
    assert columns == {"currency": None}
    assert replace(contracts.load().newest("FundsDeposited"), upcast=()).schema_version == 3
