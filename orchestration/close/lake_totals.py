"""Control totals straight from the lake's segments: by ledger, store, currency and business date.

Never goes through the deltas: days are placed by the zones' own rules in Python, amounts summed
from Parquet. Reads only segments whose event times touch the period. Does not compare.
Called by `orchestration.close.frames`.
"""

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import duckdb

from ingestion import contracts
from ingestion.contracts.upcast_sql import column_upcasts
from ledger.business_days import DAY, DAY_US, StoreDays
from ledger.signs import COUNTS_DOWN
from orchestration.publish.export import file_list

# Zone 0 is UTC: stores nobody registered and account events without a store.
ZONES = """
create or replace temp table gate_stores as
with zones as (
    select
        time_zone,
        day_cut_off_minutes,
        row_number() over (order by time_zone, day_cut_off_minutes) as zone_no
    from intermediate.int_stores__versions
    group by time_zone, day_cut_off_minutes
)

select store_id, time_zone, day_cut_off_minutes, zone_no, commit_from,
    coalesce(commit_to, 9223372036854775807) as commit_to
from intermediate.int_stores__versions
inner join zones using (time_zone, day_cut_off_minutes)
"""

ZONE_DAYS = """
create or replace temp table gate_zone_days as
select
    unnest($zone_no::bigint[]) as zone_no,
    unnest($utc_day::bigint[]) as utc_day,
    unnest($business_date::date[]) as business_date,
    unnest($start_us::bigint[]) as start_us,
    unnest($next_us::bigint[]) as next_us
"""

# What events of old versions look up: the currency of their account's first opening.
OPENINGS = """
create or replace temp table gate_openings as
select
    account_id as opened_account_id,
    arg_min(currency, row_index) as account_currency,
    min(commit_seq) as commit_from
from intermediate.int_accounts__openings
group by account_id
"""

SEGMENTS = """
select family, path
from staging.stg_lake__segments
where
    family in ('sales', 'accounts')
    and max_event_time_us >= $first_us
    and min_event_time_us < $end_us
order by commit_seq
"""

TOTALS = """
insert into gate_lake
with events as (
    select
        events.store_id,
        {currency} as currency,
        events.commit_seq,
        epoch_us(event_time) as event_us,
        if(event_type in {counts_down}, -amount, amount) as amount
    from read_parquet({files}, hive_partitioning = false) as events
    left join gate_openings as lookups
        on
            case when {needed} then events.account_id end = lookups.opened_account_id
            and events.commit_seq >= lookups.commit_from
    where event_time >= make_timestamptz($first_us) and event_time < make_timestamptz($end_us)
),

zoned as (
    select events.*, coalesce(gate_stores.zone_no, 0) as zone_no
    from events
    left join gate_stores
        on
            events.store_id = gate_stores.store_id
            and events.commit_seq >= gate_stores.commit_from
            and events.commit_seq < gate_stores.commit_to
)

select
    '{family}' as ledger,
    {store} as store_id,
    coalesce(zoned.currency, '(none)') as currency,
    days.business_date,
    cast(coalesce(sum(zoned.amount), 0) as decimal(38, 4)) as amount,
    count(*) as event_count
from zoned
inner join gate_zone_days as days
    on
        zoned.zone_no = days.zone_no
        and zoned.event_us // 86400000000 = days.utc_day
        and zoned.event_us >= days.start_us
        and zoned.event_us < days.next_us
group by all
"""

NO_TOTALS = """
create or replace temp table gate_lake (
    ledger varchar, store_id varchar, currency varchar, business_date date,
    amount decimal(38, 4), event_count bigint
)
"""

_STORES = {"sales": "coalesce(zoned.store_id, '(none)')", "accounts": "'(all)'"}


def sum_lake(
    connection: duckdb.DuckDBPyConnection, lake: Path, first_date: date, end_date: date
) -> None:
    """Fill temporary table `gate_lake` for business dates in [first_date, end_date)."""
    connection.execute(ZONES)
    zones = connection.execute(
        "select distinct zone_no, time_zone, day_cut_off_minutes from gate_stores order by all"
    ).fetchall()
    days = zone_days([(0, "UTC", 0), *zones], first_date, end_date)
    connection.execute(ZONE_DAYS, days)
    bounds = {"first_us": min(days["start_us"]), "end_us": max(days["next_us"])}
    segments = connection.execute(SEGMENTS, bounds).fetchall()
    connection.execute(NO_TOTALS)
    connection.execute(OPENINGS)
    for family, store in _STORES.items():
        paths = [lake / path for of, path in segments if of == family]
        if paths:
            currency, needed = _currency(family)
            query = TOTALS.format(
                files=file_list(paths),
                family=family,
                store=store,
                currency=currency,
                needed=needed,
                counts_down=COUNTS_DOWN,
            )
            connection.execute(query, bounds)


def _currency(family: str) -> tuple[str, str]:
    """SQL of an event's currency under its newest contract, and of whether that takes a look-up."""
    for one in column_upcasts(contracts.load(), family):
        if one.column == "currency":
            return one.expression, one.needed
    return "events.currency", "false"


def zone_days(
    zones: Sequence[tuple[int, str, int]], first_date: date, end_date: date
) -> dict[str, list[int] | list[date]]:
    """Columns of `gate_zone_days`: per zone and business date, one row per UTC day it touches.

    `zones` are (number, time zone, minutes from midnight to the day cut-off).
    """
    rows = [
        (zone_no, utc_day, day, start, stop)
        for zone_no, zone, minutes in zones
        for keeps in [StoreDays(zone, f"{minutes // 60:02d}:{minutes % 60:02d}")]
        for day in _days(first_date, end_date)
        for start, stop in [(keeps.start_us(day), keeps.start_us(day + DAY))]
        for utc_day in range(start // DAY_US, (stop - 1) // DAY_US + 1)
    ]
    names = ("zone_no", "utc_day", "business_date", "start_us", "next_us")
    return dict(zip(names, (list(column) for column in zip(*rows, strict=True)), strict=True))


def _days(first_date: date, end_date: date) -> list[date]:
    return [first_date + number * DAY for number in range((end_date - first_date).days)]
