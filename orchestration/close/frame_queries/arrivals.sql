-- One row per store, business date and hour of arrival after the end of that day (UTC).
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
