-- Rows come back when what was booked of a period's sales, in whatever period, is not what the
-- days of the period add up to: books and daily figures would tell different stories.
with calendars as (
    select count(*) > 0 as is_defined from {{ ref('int_calendar__periods') }}
),

-- Where a calendar was ever defined, a month may lie in several periods, and a day have been
-- charged to two: then all of them together are compared.
months as (
    select cast(date_trunc('month', business_date) as date) as business_month
    from {{ ref('int_sales__deltas') }}
    where
        posting_period is not null
        and commit_seq >= {{ var('laws_from_commit') }}
    union
    select business_month
    from {{ ref('daily_sales') }}
    where (select is_defined from calendars)
),

by_day as (
    select
        case when is_defined then '(all)' else {{ month_id('business_month') }} end
            as charge_period,
        store_id,
        category,
        channel,
        currency,
        sum(amount) as amount,
        sum(quantity) as quantity,
        sum(event_count) as event_count
    from {{ ref('daily_sales') }}
    semi join months using (business_month)
    cross join calendars
    group by all
),

by_period as (
    select
        case when is_defined then '(all)' else charge_period end as charge_period,
        store_id,
        category,
        channel,
        currency,
        sum(amount) as amount,
        sum(quantity) as quantity,
        sum(event_count) as event_count
    from {{ ref('period_sales') }}
    cross join calendars
    where
        is_defined
        or charge_period in (select {{ month_id('business_month') }} from months)
    group by all
)

select
    charge_period,
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
full join by_day using (charge_period, store_id, category, channel, currency)
where
    by_period.amount is distinct from by_day.amount
    or by_period.quantity is distinct from by_day.quantity
    or by_period.event_count is distinct from by_day.event_count
