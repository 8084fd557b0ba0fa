-- One row per store, currency and business date: what the store says of its own day.
create or replace temp table gate_uploads as
select
    store_id,
    currency,
    cast(payload ->> '$.business_date' as date) as business_date,
    cast(amount as decimal(38, 4)) as amount,
    cast(quantity as bigint) as event_count
from staging.stg_control__events
where
    event_type = 'StoreDayUploaded'
    and cast(payload ->> '$.business_date' as date) >= $history_from
    and cast(payload ->> '$.business_date' as date) < $end_date
qualify row_number() over (
    partition by store_id, currency, payload ->> '$.business_date'
    order by row_index desc
) = 1
