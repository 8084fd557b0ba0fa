-- One row per source and per store that sent in the period or the eight weeks before.
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
