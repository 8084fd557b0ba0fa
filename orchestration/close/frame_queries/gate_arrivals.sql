-- One row per ledger, store, currency, business date and route on arrival.
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
