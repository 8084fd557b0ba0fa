-- One row per status, place (period or earlier) and store.
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
