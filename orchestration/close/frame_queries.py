"""The queries behind the control frames, one per frame, and the sums several of them stand on.

Holds SQL over a built warehouse, for one period; rows are sorted, so that samples and digests are
the same. Money stays decimal. Does not judge: `expectations` does, and says what columns mean.
Called by `orchestration.close.frames`.
"""

from ledger.currency import MINOR_DIGITS

HISTORY_DAYS = 56
"""Eight weeks: what a store is compared with. Eight same weekdays without a gap make chance of a
wrong warning small (3% a day at worst, for a store open 8 weekdays of 9); a longer history would let
a season stand in the way."""

FROZEN = "period_books_amounts_are_those_of_the_deltas"
"""Control whose result states what froze: `expectations.control_totals.FROZEN`."""


def _to_the_cent(amount: str, currency: str) -> str:
    """SQL that rounds an amount to the minor unit of its currency; none known: as it is."""
    by_digits: dict[int | None, list[str]] = {}
    for code, digits in MINOR_DIGITS.items():
        by_digits.setdefault(digits, []).append(f"'{code}'")
    cases = " ".join(
        f"when {currency} in ({', '.join(codes)}) then round({amount}, {digits})"
        for digits, codes in by_digits.items()
        if digits is not None
    )
    return f"cast(case {cases} else {amount} end as decimal(38, 4))"


# Arrivals: every event once, by its day, whatever became of it. Rows of decisions are left out.
SUMS: dict[str, str] = {
    "gate_sales_days": """
        create or replace temp table gate_sales_days as
        select store_id, business_date, cast(sum(event_count) as bigint) as event_count
        from intermediate.int_sales__deltas
        where
            route in ('in_window', 'exception')
            and business_date >= $history_from and business_date < $end_date
        group by store_id, business_date
    """,
    "gate_arrivals": """
        create or replace temp table gate_arrivals as
        select
            'sales' as ledger, store_id, currency, business_date, route,
            cast(sum(amount) as decimal(38, 4)) as amount,
            cast(sum(event_count) as bigint) as event_count
        from intermediate.int_sales__deltas
        where
            route in ('in_window', 'exception')
            and business_date >= $first_date and business_date < $end_date
        group by store_id, currency, business_date, route
        union all
        select
            'accounts' as ledger, '(all)' as store_id, currency, business_date, route,
            cast(sum(amount) as decimal(38, 4)) as amount,
            cast(sum(event_count) as bigint) as event_count
        from intermediate.int_accounts__deltas
        where
            route in ('in_window', 'exception')
            and business_date >= $first_date and business_date < $end_date
        group by currency, business_date, route
    """,
    # A store corrects a total by sending another; the last one counts.
    "gate_uploads": """
        create or replace temp table gate_uploads as
        select
            store_id,
            currency,
            cast(payload ->> '$.business_date' as date) as business_date,
            cast(amount as decimal(38, 4)) as amount,
            cast(quantity as bigint) as event_count
        from staging.stg_control__events
        where
            event_type = 'StoreDayUploaded'
            and cast(payload ->> '$.business_date' as date) >= $history_from
            and cast(payload ->> '$.business_date' as date) < $end_date
        qualify row_number() over (
            partition by store_id, currency, payload ->> '$.business_date'
            order by row_index desc
        ) = 1
    """,
}

COMPLETENESS = """
with stores as (
    select store_id from gate_stores
    union
    select store_id from gate_sales_days
),

known_stores as (
    select store_id from stores
    union all
    select '(none)' where not exists (select 1 from stores)
),

days as (
    select cast(unnest(range($first_date, $end_date, interval 1 day)) as date) as business_date
),

uploads as (
    select store_id, business_date, cast(sum(event_count) as bigint) as uploaded_count
    from gate_uploads
    group by store_id, business_date
),

first_uploads as (
    select store_id, min(business_date) as first_upload from uploads group by store_id
),

-- Days that follow eight trading days of the same weekday, week after week.
expected as (
    select
        gate_sales_days.store_id,
        gate_sales_days.business_date + 7 * weeks.number as business_date
    from gate_sales_days
    cross join (select cast(unnest(range(1, 9)) as integer) as number) as weeks
    where gate_sales_days.event_count > 0
    group by all
    having count(*) = 8
),

store_days as (
    select
        known_stores.store_id,
        days.business_date,
        coalesce(days.business_date >= first_uploads.first_upload, false) as sends_day_totals,
        expected.store_id is not null as is_expected,
        uploads.uploaded_count,
        coalesce(gate_sales_days.event_count, 0) as event_count
    from known_stores
    cross join days
    left join first_uploads using (store_id)
    left join uploads using (store_id, business_date)
    left join expected using (store_id, business_date)
    left join gate_sales_days using (store_id, business_date)
)

select
    store_id,
    cast(business_date as varchar) as business_date,
    sends_day_totals,
    is_expected,
    uploaded_count,
    event_count,
    case
        when
            sends_day_totals and uploaded_count is null and (event_count > 0 or is_expected)
            then 'upload_missing'
        when uploaded_count > 0 and event_count = 0 then 'events_missing'
        when event_count > 0 then 'arrived'
        when is_expected and uploaded_count is null then 'silent'
        else 'closed'
    end as state
from store_days
order by store_id, business_date
"""

CONTROL_TOTALS = f"""
with arrivals as (
    select
        ledger, store_id, currency, business_date,
        sum(amount) as amount, sum(event_count) as event_count
    from gate_arrivals
    group by all
),

booked as (
    select
        store_id, currency, business_date,
        sum(amount) as amount, sum(event_count) as event_count
    from intermediate.int_sales__deltas
    where
        route in ('in_window', 'next_period', 'restated')
        and business_date >= $first_date and business_date < $end_date
    group by all
),

daily as (
    select
        store_id, currency, business_date,
        sum(amount) as amount, sum(event_count) as event_count
    from main.daily_sales
    where business_date >= $first_date and business_date < $end_date
    group by all
),

posted as (
    select
        currency, concat_ws('|', store_id, category, channel) as cell,
        sum(amount) as amount, sum(event_count) as event_count
    from intermediate.int_sales__deltas
    where posting_period = $period_id
    group by all
),

period as (
    select
        currency, concat_ws('|', store_id, category, channel) as cell,
        sum(amount) as amount, sum(event_count) as event_count
    from main.period_sales
    where posting_period = $period_id
    group by all
),

moved as (
    select currency, sum(amount) as amount, sum(event_count) as event_count
    from intermediate.int_accounts__deltas
    where posting_period = $period_id and currency <> '(none)'
    group by currency
),

rolled as (
    select
        currency,
        sum(original_movement + correction_movement) as amount,
        sum(event_count) as event_count
    from main.balance_rollforward
    where posting_period = $period_id and currency <> '(none)'
    group by currency
),

-- Both sides of every comparison, one row per finest key.
pairs as (
    select
        'lake_and_deltas' as comparison, ledger, store_id, currency,
        cast(business_date as varchar) as part,
        gate_lake.amount as expected, gate_lake.event_count as expected_events,
        arrivals.amount as found, arrivals.event_count as found_events
    from gate_lake
    full join arrivals using (ledger, store_id, currency, business_date)
    union all
    select
        'deltas_and_daily_sales', 'sales', store_id, currency,
        cast(business_date as varchar),
        booked.amount, booked.event_count, daily.amount, daily.event_count
    from booked
    full join daily using (store_id, currency, business_date)
    union all
    select
        'deltas_and_period_books', 'sales', '(all)', currency, cell,
        posted.amount, posted.event_count, period.amount, period.event_count
    from posted
    full join period using (currency, cell)
    union all
    select
        'deltas_and_period_books', 'accounts', '(all)', currency, 'accounts',
        moved.amount, moved.event_count, rolled.amount, rolled.event_count
    from moved
    full join rolled using (currency)
    union all
    select
        'uploads_and_lake', 'sales', store_id, currency,
        cast(business_date as varchar),
        {_to_the_cent("gate_uploads.amount", "currency")}, gate_uploads.event_count,
        {_to_the_cent("gate_lake.amount", "currency")}, gate_lake.event_count
    from gate_uploads
    left join gate_lake using (store_id, currency, business_date)
    where
        gate_uploads.business_date >= $first_date
        and coalesce(gate_lake.ledger, 'sales') = 'sales'
),

compared as (
    select
        comparison, ledger, store_id, currency, part,
        coalesce(expected, 0) as expected, coalesce(expected_events, 0) as expected_events,
        coalesce(found, 0) as found, coalesce(found_events, 0) as found_events,
        coalesce(expected, 0) <> coalesce(found, 0)
        or coalesce(expected_events, 0) <> coalesce(found_events, 0) as differs
    from pairs
),

-- A period without a single event: nothing equals nothing, and is said.
nothing as (
    select unnest([
        'lake_and_deltas', 'deltas_and_daily_sales', 'deltas_and_period_books'
    ]) as comparison
),

totals as (
    select
        comparison, ledger, store_id, currency,
        cast(sum(expected) as decimal(38, 4)) as expected_amount,
        cast(sum(found) as decimal(38, 4)) as found_amount,
        cast(sum(expected_events) as bigint) as expected_count,
        cast(sum(found_events) as bigint) as found_count,
        cast(count(*) filter (where differs) as bigint) as differing_days,
        min(part) filter (where differs) as first_differing_day
    from compared
    group by comparison, ledger, store_id, currency
)

select * from totals
union all
select
    comparison, 'sales', '(all)', '(none)',
    cast(0 as decimal(38, 4)), cast(0 as decimal(38, 4)), 0, 0, 0, null
from nothing
where comparison not in (select comparison from totals)
order by comparison, ledger, store_id, currency
"""

ROLL_FORWARD = """
with before as (
    -- A period without movements has no row: the one before it counts.
    select currency, arg_max(closing_balance, first_date) as closing
    from main.balance_rollforward
    where first_date < $first_date and currency <> '(none)'
    group by currency
),

rolled as (
    select
        currency,
        sum(opening_balance) as opening,
        sum(original_movement + correction_movement) as movements,
        sum(closing_balance) as closing
    from main.balance_rollforward
    where posting_period = $period_id and currency <> '(none)'
    group by currency
),

moved as (
    select currency, sum(amount) as amount
    from intermediate.int_accounts__deltas
    where posting_period = $period_id and currency <> '(none)'
    group by currency
),

accounts as (
    select
        currency,
        coalesce(before.closing, 0) as closing_before,
        -- Without movements there is no row, and the balance is carried on.
        coalesce(rolled.opening, before.closing, 0) as opening,
        coalesce(rolled.movements, 0) as movements,
        coalesce(rolled.closing, before.closing, 0) as closing,
        coalesce(moved.amount, 0) as delta_movements
    from rolled
    full join before using (currency)
    full join moved using (currency)
),

days as (
    select
        currency,
        sum(reported_amount) as reported,
        sum(amount) as amount
    from main.daily_sales
    where business_date >= $first_date and business_date < $end_date
    group by currency
),

corrections as (
    select currency, sum(amount_delta) as amount
    from main.sales_corrections
    where business_date >= $first_date and business_date < $end_date
    group by currency
),

corrected as (
    select currency, sum(amount) as amount
    from intermediate.int_sales__deltas
    where
        is_correction
        and route in ('in_window', 'next_period', 'restated')
        and business_date >= $first_date and business_date < $end_date
    group by currency
),

sales as (
    select
        currency,
        coalesce(days.reported, 0) as reported,
        coalesce(corrections.amount, 0) as movements,
        coalesce(days.amount, 0) as closing,
        coalesce(corrected.amount, 0) as delta_movements
    from days
    full join corrections using (currency)
    full join corrected using (currency)
),

roll_forward as (
    select
        'accounts' as ledger, currency, closing_before, opening, movements,
        opening + movements as rolled, closing, delta_movements
    from accounts
    union all
    select
        'sales', currency, reported, reported, movements,
        reported + movements, closing, delta_movements
    from sales
)

select
    ledger,
    currency,
    cast(closing_before as decimal(38, 4)) as closing_before,
    cast(opening as decimal(38, 4)) as opening,
    cast(movements as decimal(38, 4)) as movements,
    cast(rolled as decimal(38, 4)) as rolled,
    cast(closing as decimal(38, 4)) as closing,
    cast(delta_movements as decimal(38, 4)) as delta_movements
from roll_forward
union all
select
    ledger, '(none)', cast(0 as decimal(38, 4)), cast(0 as decimal(38, 4)),
    cast(0 as decimal(38, 4)), cast(0 as decimal(38, 4)), cast(0 as decimal(38, 4)),
    cast(0 as decimal(38, 4))
from (values ('accounts'), ('sales')) as ledgers (ledger)
where ledger not in (select ledger from roll_forward)
order by ledger, currency
"""

CONSERVATION = """
with exceptions as (
    select
        if(event_type in ('SaleRecorded', 'SaleRefunded'), 'sales', 'accounts') as family,
        business_date >= $first_date and business_date < $end_date as in_period,
        status,
        count(*) as event_count
    from main.late_event_exceptions
    group by all
),

commits as (
    select
        ingest_time >= cast($first_date as date) and ingest_time < cast($end_date as date)
            as in_period,
        received_count, accepted_count, duplicate_count, quarantined_count
    from staging.stg_lake__commits
),

outcomes as (
    select
        ingest_time >= cast($first_date as date) and ingest_time < cast($end_date as date)
            as in_period,
        route,
        event_count
    from main.event_outcomes
    where outcome = 'accepted'
),

received as (
    select
        'lake' as scope, '(all)' as family,
        sum(received_count) as received_count,
        sum(accepted_count + duplicate_count + quarantined_count) as outcome_count,
        sum(quarantined_count) as quarantined_count,
        (select max(tree_size) from staging.stg_lake__commits) as accepted_count,
        (select sum(event_count) from outcomes where route <> 'exception') as in_window_count
    from commits
    union all
    select
        'period', families.family, 0, 0, 0,
        (select sum(event_count) from gate_lake where ledger = families.family),
        (
            select sum(event_count) from gate_arrivals
            where ledger = families.family and route = 'in_window'
        )
    from (values ('accounts'), ('sales')) as families (family)
    union all
    select
        'arrivals', '(all)',
        sum(received_count),
        sum(accepted_count + duplicate_count + quarantined_count),
        sum(quarantined_count),
        sum(accepted_count),
        (select sum(event_count) from outcomes where in_period)
    from commits
    where in_period
),

by_status as (
    select
        received.scope, received.family,
        coalesce(sum(e.event_count) filter (where e.status = 'pending'), 0) as pending_count,
        coalesce(sum(e.event_count) filter (where e.status = 'next_period'), 0)
            as next_period_count,
        coalesce(sum(e.event_count) filter (where e.status = 'restated'), 0)
            as restated_count,
        coalesce(sum(e.event_count) filter (where e.status = 'rejected'), 0)
            as rejected_count
    from received
    left join exceptions as e
        on
            received.scope = 'lake'
            or (received.scope = 'period' and e.in_period and received.family = e.family)
    group by received.scope, received.family
)

select
    scope,
    family,
    cast(coalesce(received_count, 0) as bigint) as received_count,
    cast(coalesce(outcome_count, 0) as bigint) as outcome_count,
    cast(coalesce(quarantined_count, 0) as bigint) as quarantined_count,
    cast(coalesce(accepted_count, 0) as bigint) as accepted_count,
    cast(
        coalesce(in_window_count, 0)
        + pending_count + next_period_count + restated_count + rejected_count
        as bigint
    ) as routed_count,
    cast(coalesce(in_window_count, 0) as bigint) as in_window_count,
    cast(pending_count as bigint) as pending_count,
    cast(next_period_count as bigint) as next_period_count,
    cast(restated_count as bigint) as restated_count,
    cast(rejected_count as bigint) as rejected_count
from received
inner join by_status using (scope, family)
order by scope, family
"""

EXCEPTIONS = """
with exceptions as (
    select
        status || if(business_date >= $first_date, ', period', ', earlier') as "group",
        store_id, amount, event_id, row_index
    from main.late_event_exceptions
    where business_date < $end_date
),

by_store as (
    select
        "group",
        coalesce(store_id, '(none)') as store_id,
        count(*) as event_count,
        cast(coalesce(sum(amount), 0) as decimal(38, 4)) as amount,
        arg_min(event_id, row_index) as first_event_id
    from exceptions
    group by all
),

groups as (
    select status || ', ' || place as "group"
    from (values ('pending'), ('next_period'), ('restated'), ('rejected')) as s (status)
    cross join (values ('period'), ('earlier')) as p (place)
)

select * from by_store
union all
select "group", '(all)', 0, cast(0 as decimal(38, 4)), null
from groups
where "group" not in (select "group" from by_store)
order by "group", store_id
"""

FRESHNESS = """
with sources as (
    select source as name, max(ingest_time) as last_arrival
    from main.event_outcomes
    where outcome = 'accepted' and route <> 'not_routed'
    group by source
    having max(ingest_time) >= cast($history_from as date)
),

gaps as (
    select
        store_id,
        business_date,
        date_diff('day', lag(business_date) over (
            partition by store_id order by business_date
        ), business_date) - 1 as gap_days
    from gate_sales_days
    where event_count > 0
),

stores as (
    select
        store_id as name,
        max(business_date) as last_day,
        -- Of a store seen a few times nobody knows what is usual.
        if(
            count(*) >= 8, max(gap_days),
            date_diff('day', $history_from::date, $end_date::date)
        ) as usual_days
    from gaps
    group by store_id
),

freshness as (
    select
        'source' as kind, name,
        cast(cast(last_arrival as date) as varchar) as last_heard,
        if(last_arrival >= cast($end_date as date), 'heard', 'stale') as state,
        0 as silent_days, 0 as usual_days
    from sources
    union all
    select
        'store', name, cast(last_day as varchar), 'heard',
        date_diff('day', last_day, $end_date::date) - 1,
        usual_days
    from stores
)

select kind, name, last_heard, state, silent_days, usual_days from freshness
union all
select kind, '(none)', '(none)', 'heard', 0, 0
from (values ('source'), ('store')) as kinds (kind)
where kind not in (select kind from freshness)
order by kind, name
"""

VOLUME = """
with weeks as (
    select
        store_id,
        -- 0 is the period, 1 to 8 the weeks before it, the nearest first.
        if(
            business_date >= $volume_from, 0,
            (date_diff('day', business_date, $volume_from::date) - 1) // 7 + 1
        ) as week,
        event_count
    from gate_sales_days
),

stores as (
    select store_id from gate_sales_days group by store_id
),

by_week as (
    select
        stores.store_id, numbers.week, coalesce(sum(weeks.event_count), 0) as event_count
    from stores
    cross join (select unnest(range(0, 9)) as week) as numbers
    left join weeks
        on stores.store_id = weeks.store_id and numbers.week = weeks.week
    group by all
),

compared as (
    select
        store_id,
        cast(
            max(event_count) filter (where week = 0) * 7
            / date_diff('day', $volume_from::date, $end_date::date) as decimal(18, 1)
        ) as week_events,
        cast(min(event_count) filter (where week > 0) as bigint) as lowest_week,
        cast(max(event_count) filter (where week > 0) as bigint) as highest_week,
        sum(event_count) filter (where week > 0) as history_events
    from by_week
    group by store_id
),

limited as (
    select
        *,
        cast(lowest_week * 0.5 as decimal(18, 1)) as low_limit,
        cast(highest_week * 2 as decimal(18, 1)) as high_limit
    from compared
),

volume as (
    select
        store_id, week_events, lowest_week, highest_week, low_limit, high_limit,
        case
            when history_events < 100 then 'new'
            when week_events < low_limit then 'low'
            when week_events > high_limit then 'high'
            else 'usual'
        end as state
    from limited
)

select * from volume
union all
select '(none)', cast(0 as decimal(18, 1)), 0, 0, cast(0 as decimal(18, 1)),
    cast(0 as decimal(18, 1)), 'new'
where not exists (select 1 from volume)
order by store_id
"""

EARLIER_CLOSES = f"""
with state_events as (
    select
        payload ->> '$.period_id' as period_id, event_type, payload
    from staging.stg_control__events
    where event_type in ('PeriodClosed', 'PeriodReopened', 'PeriodSoftClosed')
    qualify row_number() over (
        partition by payload ->> '$.period_id' order by row_index desc
    ) = 1
),

closed as (
    select
        period_id,
        cast(payload ->> '$.closed_edition' as integer) as closed_edition,
        payload
    from state_events
    where event_type = 'PeriodClosed' and period_id <> $period_id
),

controls as (
    select
        period_id, closed_edition,
        unnest(from_json(payload -> '$.controls', '["JSON"]')) as control
    from closed
),

figures as (
    select
        period_id, closed_edition,
        unnest(from_json(
            cast(control ->> '$.observed' as json),
            '[{{"ledger": "VARCHAR", "currency": "VARCHAR",
              "found_amount": "VARCHAR", "found_count": "VARCHAR"}}]'
        )) as figure
    from controls
    where (control ->> '$.name') = '{FROZEN}'
),

stated as (
    select
        period_id, closed_edition, figure.ledger, figure.currency,
        cast(figure.found_amount as decimal(38, 4)) as closed_amount,
        cast(figure.found_count as bigint) as closed_count
    from figures
    where figure.currency <> '(none)'
),

current_figures as (
    select
        posting_period as period_id, 'sales' as ledger, currency,
        cast(sum(amount) as decimal(38, 4)) as amount,
        cast(sum(event_count) as bigint) as event_count
    from main.period_sales
    where posting_period in (select period_id from closed)
    group by posting_period, currency
    union all
    select
        posting_period, 'accounts', currency,
        cast(sum(original_movement + correction_movement) as decimal(38, 4)),
        cast(sum(event_count) as bigint)
    from main.balance_rollforward
    where posting_period in (select period_id from closed) and currency <> '(none)'
    group by posting_period, currency
),

compared as (
    select
        period_id,
        ledger,
        currency,
        stated.closed_edition,
        stated.closed_amount,
        -- A figure that is gone is 0, not unknown.
        coalesce(c.amount, cast(0 as decimal(38, 4))) as amount,
        stated.closed_count,
        coalesce(c.event_count, 0) as event_count
    from stated
    full join current_figures as c using (period_id, ledger, currency)
),

-- A close that states no figures at all is one nothing can be compared with.
unstated as (
    select period_id from closed
    where period_id not in (
        select period_id from controls where (control ->> '$.name') = '{FROZEN}'
    )
)

select
    '(all)' as period_id, '(all)' as ledger, '(all)' as currency, 0 as closed_edition,
    cast(0 as decimal(38, 4)) as closed_amount, cast(0 as decimal(38, 4)) as amount,
    (select count(*) from closed) as closed_count,
    (
        select count(*) from main.accounting_periods
        -- Those before the first close are closed too, but state nothing.
        where state = 'Closed' and closed_edition > 0 and period_id <> $period_id
    ) as event_count
union all
select * from compared
union all
select
    period_id, '(all)', '(unstated)', 0,
    null, cast(0 as decimal(38, 4)), null, 0
from unstated
where period_id not in (select period_id from compared)
order by period_id, ledger, currency
"""

ARRIVALS = """
select
    store_id,
    business_date,
    cast(
        floor((epoch(ingest_time) - (epoch(business_date) + 86400)) / 3600) as bigint
    ) as age_hours,
    cast(sum(event_count) as bigint) as event_count,
    cast(sum(amount) as double) as amount
from intermediate.int_sales__deltas
where
    route in ('in_window', 'exception')
    and business_date >= $arrivals_from and business_date < $arrivals_until
group by all
order by store_id, business_date, age_hours
"""

FRAMES: dict[str, str] = {
    "completeness": COMPLETENESS,
    "control_totals": CONTROL_TOTALS,
    "roll_forward": ROLL_FORWARD,
    "conservation": CONSERVATION,
    "exceptions": EXCEPTIONS,
    "freshness": FRESHNESS,
    "volume": VOLUME,
    "earlier_closes": EARLIER_CLOSES,
}
