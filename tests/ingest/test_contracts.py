"""Every rule of a contract, seen on a row that breaks it beside one that does not."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from ingestion import contracts
from ingestion.contracts.checks import KEY_BYTES_MAX
from ledger import currency
from tests.ingest.given import (
    GOOD_ROW,
    NOW_US,
    TILL_CSV,
    batch_of,
    csv_text,
    intake,
    reason_of,
    write,
)

LONG = "x" * (KEY_BYTES_MAX + 1)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("2,2025-06-01T10:00:00Z,s1,EUR,-0.01", "amount_must_not_be_negative"),
        ("2,2025-06-01T10:00:00Z,s1,EUR,NaN", "amount_must_be_finite"),
        ("2,2025-06-01T10:00:00Z,s1,EUR,inf", "amount_must_be_finite"),
        ("2,2025-06-01T10:00:00Z,s1,EUR,1.23456", "amount_must_have_at_most_4_decimals"),
        ("2,2025-06-01T10:00:00Z,s1,EUR,100000000000000", "amount_must_be_within_range"),
        ("2,2025-06-01T10:00:00Z,s1,EUR,twelve", "amount_must_be_a_number"),
        ("2,2025-06-01T10:00:00Z,s1,EUR,", "amount_must_be_given"),
        ("2,2025-06-01T10:00:00Z,s1,eur,1", "currency_must_be_iso_4217"),
        ("2,2025-06-01T10:00:00Z,s1,ZZZ,1", "currency_must_be_iso_4217"),
        ("2,2025-06-01T10:00:00Z,s1,,1", "currency_must_be_given"),
        ("2,2025-06-01T10:00:00Z,,EUR,1", "store_id_must_be_given"),
        ("2,2025-06-01T10:00:00,s1,EUR,1", "event_time_must_have_a_time_zone"),
        ("2,yesterday,s1,EUR,1", "event_time_must_be_a_time"),
        ("2,,s1,EUR,1", "event_time_must_be_given"),
        ("2,2026-01-01T00:10:01Z,s1,EUR,1", "event_time_must_not_be_in_the_future"),
        (",2025-06-01T10:00:00Z,s1,EUR,1", "event_id_must_be_given"),
        (f"2,2025-06-01T10:00:00Z,{LONG},EUR,1", "store_id_must_be_short"),
    ],
)
def test_a_row_that_breaks_a_rule_is_quarantined_under_its_name(
    tmp_path: Path, row: str, reason: str
) -> None:
    found, detail = reason_of(tmp_path, row)
    assert found == reason
    assert detail.startswith("expected ")
    assert ", found " in detail


def test_the_detail_says_what_was_expected_and_found(tmp_path: Path) -> None:
    _, detail = reason_of(tmp_path, "2,2025-06-01T10:00:00Z,s1,EUR,-5")
    assert detail == "expected 0 or more, found -5.0000"
    _, detail = reason_of(tmp_path, "2,2025-06-01T10:00:00Z,s1,EUR,1.23456")
    assert detail == "expected at most 4 decimals, found 1.23456"


def test_the_clock_of_a_source_may_be_a_little_ahead(tmp_path: Path) -> None:
    ahead = "2,2026-01-01T00:10:00Z,s1,EUR,1"
    batch = batch_of(write(tmp_path / "f.csv", csv_text(GOOD_ROW, ahead)))
    assert batch.events.height == 2
    earlier = batch_of(write(tmp_path / "g.csv", csv_text(GOOD_ROW, ahead)), now_us=NOW_US - 1)
    assert earlier.quarantine["reason"].to_list() == ["event_time_must_not_be_in_the_future"]


def test_the_first_broken_rule_of_a_row_is_its_reason(tmp_path: Path) -> None:
    reason, _ = reason_of(tmp_path, ",yesterday,,zzz,NaN")
    assert reason == "currency_must_be_iso_4217"


def test_unknown_types_and_versions_are_quarantined(tmp_path: Path) -> None:
    text = TILL_CSV.replace(
        'type = "SaleRecorded"', 'type = { column = "type" }\nversion = { column = "version" }'
    )
    rows = [
        f"{n},2025-06-01T10:00:00Z,s1,EUR,1,{kind},{version}"
        for n, (kind, version) in enumerate(
            [
                ("SaleRecorded", "1"),
                ("SaleRecorded", "2"),
                ("SaleMade", "1"),
                ("", "1"),
                ("SaleRecorded", ""),
                ("SaleRecorded", "one"),
                ("SaleRecorded", "99999999999"),
            ]
        )
    ]
    header = "id,at,store,currency,amount,type,version"
    batch = batch_of(write(tmp_path / "f.csv", csv_text(*rows, header=header)), text)
    assert batch.events["event_id"].to_list() == ["till-0"]
    assert batch.quarantine["reason"].to_list() == [
        "schema_version_must_be_known",
        "event_type_must_be_known",
        "event_type_must_be_known",
        "schema_version_must_be_known",
        "schema_version_must_be_known",
        "schema_version_must_be_known",
    ]
    # The commit counts outcomes by type, so a type nobody knows must not become a name there.
    assert batch.quarantine["event_type"].to_list()[:2] == ["SaleRecorded", None]
    assert b"SaleMade" in batch.quarantine["raw"][1]
    assert "SaleRecorded" in batch.quarantine["detail"][1]


def _event(kind: str, **values: object) -> pl.DataFrame:
    """One row as a mapping gives it, with every column."""
    texts = ("correlation_id", "causation_id", "store_id", "account_id", "category", "channel")
    row = {
        "event_type": kind,
        "schema_version": 1,
        "event_id": "e1",
        "stream_id": None,
        "stream_version": None,
        "event_time": datetime(2025, 1, 1, tzinfo=UTC),
        **dict.fromkeys((*texts, "currency")),
        "amount": None,
        "quantity": None,
        "payload": "{}",
        **values,
    }
    schema = {
        **dict.fromkeys(row, pl.String),
        "schema_version": pl.Int32,
        "stream_version": pl.Int64,
        "event_time": pl.Datetime("us", "UTC"),
        "amount": pl.Decimal(18, 4),
        "quantity": pl.Decimal(18, 4),
    }
    return pl.DataFrame([row], schema=schema)


def _reason(kind: str, **values: object) -> str | None:
    latest = pl.lit(datetime(2026, 1, 1, tzinfo=UTC))
    checked = contracts.check(_event(kind, **values), contracts.load(), latest_event_time=latest)
    return checked.rejects["reason"][0] if checked.rejects.height else None


D = Decimal
MOVEMENT = {"account_id": "a1", "currency": "EUR"}
HELD = '{"hold_id":"h1","amount":"1.00"}'
PAID = '{"hold_id":"h1","released":"0.00"}'
ZONE = json.dumps({"store_id": "s1", "time_zone": "Europe/London", "day_cut_off": "04:00"})
DAY = json.dumps(
    {
        "store_id": "s1",
        "business_date": "2025-01-01",
        "event_count": 3,
        "amount": "12.50",
        "currency": "EUR",
    }
)
UPLOAD = {"store_id": "s1", "currency": "EUR", "amount": D("12.5"), "quantity": D(3)}


@pytest.mark.parametrize(
    ("kind", "values", "reason"),
    [
        ("SaleRecorded", {"store_id": "s", "currency": "EUR", "amount": D(0)}, None),
        (
            "SaleRecorded",
            {"store_id": "s", "currency": "EUR", "amount": D(1), "quantity": D(-1)},
            "quantity_must_not_be_negative",
        ),
        (
            "SaleRefunded",
            {"store_id": "s", "currency": "EUR", "amount": D(1), "quantity": D(-1)},
            None,
        ),
        (
            "SaleRefunded",
            {"store_id": "s", "currency": "EUR", "amount": D(-1)},
            "amount_must_not_be_negative",
        ),
        ("AccountOpened", {"account_id": "a1"}, None),
        ("AccountOpened", {**MOVEMENT, "amount": D(1)}, "amount_must_not_be_given"),
        ("AccountClosed", {}, "account_id_must_be_given"),
        ("AccountClosed", {"account_id": "a1"}, None),
        ("FundsDeposited", {**MOVEMENT, "amount": D(1)}, None),
        ("FundsDeposited", {**MOVEMENT, "amount": D(-1)}, "amount_must_not_be_negative"),
        ("FundsDeposited", {**MOVEMENT}, "amount_must_be_given"),
        ("FundsDeposited", {"account_id": "a1", "amount": D(1)}, None),
        (
            "FundsDeposited",
            {"account_id": "a1", "amount": D(1), "schema_version": 2},
            "currency_must_be_given",
        ),
        ("FundsDeposited", {**MOVEMENT, "amount": D(1), "schema_version": 3}, None),
        ("FundsWithdrawn", {"account_id": "a1", "amount": D(1)}, "currency_must_be_given"),
        ("FundsWithdrawn", {**MOVEMENT, "amount": D(-1)}, "amount_must_not_be_negative"),
        ("FundsCaptured", {**MOVEMENT, "amount": D(1), "payload": PAID}, None),
        ("FundsCaptured", {**MOVEMENT, "amount": D(-1)}, "amount_must_not_be_negative"),
        (
            "FundsCaptured",
            {**MOVEMENT, "amount": D(1), "payload": HELD},
            "payload_released_must_be_given",
        ),
        ("FundsRefunded", {**MOVEMENT, "amount": D(1), "payload": HELD}, None),
        ("FundsRefunded", {**MOVEMENT, "amount": D(1)}, "payload_hold_id_must_be_given"),
        ("FundsReserved", {**MOVEMENT, "payload": HELD}, None),
        ("FundsReserved", {**MOVEMENT, "amount": D(1)}, "amount_must_not_be_given"),
        ("FundsReleased", {**MOVEMENT, "payload": HELD}, None),
        ("FundsReleased", {**MOVEMENT, "payload": PAID}, "payload_amount_must_be_given"),
        ("AccountOpened", {"account_id": "a2", "payload": '{"overdraft_limit":"5.00"}'}, None),
        (
            "AccountOpened",
            {"account_id": "a2", "payload": '{"overdraft_limit":"some"}'},
            "payload_overdraft_limit_must_be_a_number",
        ),
        ("InterestAccrued", {**MOVEMENT, "amount": D(-1)}, None),
        ("CorrectionApplied", {**MOVEMENT, "amount": D("-0.0001")}, None),
        (
            "CorrectionApplied",
            {"currency": "EUR", "amount": D(1), "stream_id": "x"},
            "account_id_must_be_given",
        ),
        ("StoreRegistered", {"store_id": "s1", "payload": ZONE}, None),
        (
            "StoreRegistered",
            {"store_id": "s2", "payload": ZONE},
            "payload_store_id_must_equal_store_id",
        ),
        ("StoreRegistered", {"store_id": "s1"}, "payload_store_id_must_be_given"),
        (
            "StoreRegistered",
            {"store_id": "s1", "payload": ZONE.replace("London", "Londn")},
            "payload_time_zone_must_be_an_iana_time_zone",
        ),
        (
            "StoreRegistered",
            {"store_id": "s1", "payload": ZONE.replace("04:00", "24:00")},
            "payload_day_cut_off_must_be_a_time_of_day",
        ),
        ("StoreDayUploaded", {**UPLOAD, "payload": DAY}, None),
        (
            "StoreDayUploaded",
            {**UPLOAD, "quantity": D("2.5"), "payload": DAY},
            "quantity_must_be_whole",
        ),
        (
            "StoreDayUploaded",
            {**UPLOAD, "payload": DAY.replace("01-01", "02-30")},
            "payload_business_date_must_be_a_date",
        ),
        (
            "StoreDayUploaded",
            {**UPLOAD, "payload": DAY.replace("3,", "3.5,")},
            "payload_event_count_must_be_an_integer",
        ),
        (
            "StoreDayUploaded",
            {**UPLOAD, "payload": DAY.replace('"12.50"', '"much"')},
            "payload_amount_must_be_a_number",
        ),
        ("LatenessPolicySet", {"payload": '{"max_delay_days":5,"initial_grace_hours":6}'}, None),
        (
            "LatenessPolicySet",
            {"payload": '{"max_delay_days":-1,"initial_grace_hours":6}'},
            "payload_max_delay_days_must_be_within_range",
        ),
        (
            "LatenessPolicySet",
            {"payload": '{"max_delay_days":5}'},
            "payload_initial_grace_hours_must_be_given",
        ),
        ("AccountOpened", {"account_id": "", "stream_id": "x"}, "account_id_must_not_be_empty"),
        ("AccountOpened", {"account_id": "a", "category": LONG}, "category_must_be_short"),
    ],
)
def test_each_contract_holds_its_columns_and_payload(
    kind: str, values: dict[str, object], reason: str | None
) -> None:
    assert _reason(kind, **values) == reason


def test_accepted_rows_carry_their_family_and_stream() -> None:
    latest = pl.lit(datetime(2026, 1, 1, tzinfo=UTC))
    rows = pl.concat(
        [
            _event("SaleRecorded", store_id="s1", currency="EUR", amount=D(1)),
            _event("FundsDeposited", **MOVEMENT, amount=D(1)),
            _event("FundsDeposited", **MOVEMENT, amount=D(1), stream_id="own"),
            _event("StoreRegistered", store_id="s1", payload=ZONE),
            _event("LatenessPolicySet", payload='{"max_delay_days":5,"initial_grace_hours":6}'),
        ]
    )
    good = contracts.check(rows, contracts.load(), latest_event_time=latest).accepted
    families = ["sales", "accounts", "accounts", "control", "control"]
    assert good["family"].to_list() == families
    assert good["stream_id"].to_list() == ["s1", "a1", "own", "s1", "lateness-policy"]


def test_a_time_before_year_one_cannot_be_kept() -> None:
    before = pl.Series([-(62_135_596_800_000_000 + 1)]).cast(pl.Datetime("us", "UTC"))
    rows = _event("AccountOpened", account_id="a").with_columns(event_time=before)
    latest = pl.lit(datetime(2026, 1, 1, tzinfo=UTC))
    checked = contracts.check(rows, contracts.load(), latest_event_time=latest)
    assert checked.rejects["reason"].to_list() == ["event_time_must_be_in_a_four_digit_year"]


def test_contract_files_are_named_after_their_type_and_version() -> None:
    folder = Path(contracts.__file__).parent
    names = {f"{one.event_type}.v{one.schema_version}.toml" for one in contracts.load()}
    assert names == {file.name for file in folder.glob("*.toml")}
    assert len(names) >= 27


def test_contracts_demand_columns_that_events_have() -> None:
    columns = set(_event("AccountOpened").columns)
    for contract in contracts.load():
        assert set(contract.columns) <= columns
        assert {f.column for f in contract.payload.values() if f.column} <= columns
        assert contract.family in ("sales", "accounts", "control")


def test_currency_codes_are_those_of_iso_4217() -> None:
    digits = currency.MINOR_DIGITS
    assert {"EUR", "USD", "XXX", "XTS", "XCG", "ZWG", "SLE", "VED"} <= currency.CODES
    assert (digits["JPY"], digits["EUR"], digits["KWD"], digits["CLF"]) == (0, 2, 3, 4)
    assert digits["XXX"] is None
    assert digits["DEM"] is None
    assert all(len(code) == 3 and code.isupper() and code.isascii() for code in currency.CODES)


def test_a_clean_chunk_of_two_types_loses_no_row(tmp_path: Path) -> None:
    kind = "case when amount like '-%' then 'SaleRefunded' else 'SaleRecorded' end"
    text = TILL_CSV.replace('type = "SaleRecorded"', f'type = {{ expression = "{kind}" }}')
    text = text.replace(
        'amount = { column = "amount" }', "amount = { expression = \"replace(amount, '-', '')\" }"
    )
    back = GOOD_ROW.replace("1,2025", "2,2025").replace("12.34", "-5")
    batch = batch_of(write(tmp_path / "f.csv", csv_text(GOOD_ROW, back)), text)
    assert batch.events["event_type"].to_list() == ["SaleRecorded", "SaleRefunded"]
    assert batch.events["amount"].to_list() == [D("12.34"), D(5)]


def test_the_clock_is_an_argument(tmp_path: Path) -> None:
    path = write(tmp_path / "f.csv", csv_text(GOOD_ROW))
    long_ago = NOW_US - int(timedelta(days=3650) / timedelta(microseconds=1))
    assert batch_of(path, now_us=long_ago).quarantine.height == 1
    assert intake().future_skew_us == 600_000_000
