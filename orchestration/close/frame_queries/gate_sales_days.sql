-- One row per store and business date: sales events, once each, by their day, whatever became
-- of them. Rows of decisions are left out.
create or replace temp table gate_sales_days as
select store_id, business_date, cast(sum(event_count) as bigint) as event_count
from intermediate.int_sales__deltas
where
    route in ('in_window', 'exception')
    and business_date >= $history_from and business_date < $end_date
group by store_id, business_date
