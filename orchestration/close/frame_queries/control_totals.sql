-- One row per comparison, ledger, store and currency: both sides of it.
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
        gate_to_the_cent(gate_uploads.amount, currency), gate_uploads.event_count,
        gate_to_the_cent(gate_lake.amount, currency), gate_lake.event_count
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
