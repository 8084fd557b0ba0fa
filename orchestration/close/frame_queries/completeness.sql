-- One row per store known at the cut and business date of the period.
with stores as (
    select store_id from gate_stores
    union
    select store_id from gate_sales_days
),

known_stores as (
    select store_id from stores
    union all
    select '(none)' where not exists (select 1 from stores)
),

days as (
    select cast(unnest(range($first_date, $end_date, interval 1 day)) as date) as business_date
),

uploads as (
    select store_id, business_date, cast(sum(event_count) as bigint) as uploaded_count
    from gate_uploads
    group by store_id, business_date
),

first_uploads as (
    select store_id, min(business_date) as first_upload from uploads group by store_id
),

-- Days that follow eight trading days of the same weekday, week after week.
expected as (
    select
        gate_sales_days.store_id,
        gate_sales_days.business_date + 7 * weeks.number as business_date
    from gate_sales_days
    cross join (select cast(unnest(range(1, 9)) as integer) as number) as weeks
    where gate_sales_days.event_count > 0
    group by all
    having count(*) = 8
),

store_days as (
    select
        known_stores.store_id,
        days.business_date,
        coalesce(days.business_date >= first_uploads.first_upload, false) as sends_day_totals,
        expected.store_id is not null as is_expected,
        uploads.uploaded_count,
        coalesce(gate_sales_days.event_count, 0) as event_count
    from known_stores
    cross join days
    left join first_uploads using (store_id)
    left join uploads using (store_id, business_date)
    left join expected using (store_id, business_date)
    left join gate_sales_days using (store_id, business_date)
)

select
    store_id,
    cast(business_date as varchar) as business_date,
    sends_day_totals,
    is_expected,
    uploaded_count,
    event_count,
    case
        when
            sends_day_totals and uploaded_count is null and (event_count > 0 or is_expected)
            then 'upload_missing'
        when uploaded_count > 0 and event_count = 0 then 'events_missing'
        when event_count > 0 then 'arrived'
        when is_expected and uploaded_count is null then 'silent'
        else 'closed'
    end as state
from store_days
order by store_id, business_date
