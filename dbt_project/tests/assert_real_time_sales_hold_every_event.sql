-- Rows come back when an hour of real_time_sales, or a day of lateness, is not the sum of all
-- events the lake learned of in it.
{{ config(tags=['full']) }}

with arrivals as (
    select
        date_trunc('hour', ingest_time) as ingest_hour,
        store_id,
        currency,
        sum(amount) as amount,
        sum(event_count) as event_count
    from {{ ref('int_sales__deltas') }}
    where route in ('in_window', 'exception')
    group by all
),

by_hour as (
    select
        ingest_hour,
        store_id,
        currency,
        sum(amount) as amount,
        sum(event_count) as event_count
    from {{ ref('real_time_sales') }}
    group by all
),

wrong_hours as (
    select 'real_time_sales' as mart, store_id, currency, ingest_hour as arrived
    from arrivals
    full join by_hour using (ingest_hour, store_id, currency)
    where
        arrivals.amount is distinct from by_hour.amount
        or arrivals.event_count is distinct from by_hour.event_count
),

arrival_days as (
    select
        cast(ingest_hour as date) as ingest_date,
        store_id,
        currency,
        sum(amount) as amount,
        sum(event_count) as event_count
    from arrivals
    group by all
),

by_day as (
    select
        ingest_date,
        store_id,
        currency,
        sum(amount) as amount,
        sum(event_count) as event_count
    from {{ ref('lateness') }}
    group by all
),

wrong_days as (
    select 'lateness' as mart, store_id, currency, ingest_date as arrived
    from arrival_days
    full join by_day using (ingest_date, store_id, currency)
    where
        arrival_days.amount is distinct from by_day.amount
        or arrival_days.event_count is distinct from by_day.event_count
)

select * from wrong_hours
union all
select * from wrong_days
