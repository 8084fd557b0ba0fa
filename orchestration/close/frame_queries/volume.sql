-- One row per store: its week against the eight weeks before.
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
