-- Rows come back when what all periods have booked of a store's sales is not what its days add
-- up to: the books and the daily figures would tell different stories.
with changed as (
    select store_id, category, channel, currency
    from {{ ref('int_sales__deltas') }}
    where
        posting_period is not null
        and commit_seq >= {{ var('laws_from_commit') }}
    group by all
),

by_period as (
    select
        store_id,
        category,
        channel,
        currency,
        sum(amount) as amount,
        sum(quantity) as quantity,
        sum(event_count) as event_count
    from {{ ref('period_sales') }}
    semi join changed using (store_id, category, channel, currency)
    group by all
),

by_day as (
    select
        store_id,
        category,
        channel,
        currency,
        sum(amount) as amount,
        sum(quantity) as quantity,
        sum(event_count) as event_count
    from {{ ref('daily_sales') }}
    semi join changed using (store_id, category, channel, currency)
    group by all
)

select
    store_id,
    category,
    channel,
    currency,
    by_period.amount as period_amount,
    by_day.amount as day_amount,
    by_period.quantity as period_quantity,
    by_day.quantity as day_quantity,
    by_period.event_count as period_event_count,
    by_day.event_count as day_event_count
from by_period
full join by_day using (store_id, category, channel, currency)
where
    by_period.amount is distinct from by_day.amount
    or by_period.quantity is distinct from by_day.quantity
    or by_period.event_count is distinct from by_day.event_count
