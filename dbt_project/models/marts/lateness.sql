-- One row per store, currency, UTC day of arrival and whole days of lateness.
{% set merge = merge_expressions(
    add=['event_count', 'exception_count', 'amount'], replace=['last_commit_seq']
) %}
{{ config(
    materialized='incremental',
    incremental_strategy='merge',
    unique_key=['store_id', 'currency', 'ingest_date', 'lateness_days'],
    merge_update_columns=merge.keys() | list,
    merge_update_set_expressions=merge,
    on_schema_change='fail',
    meta={'publish': {
        'kind': 'partitioned', 'partition': 'ingest_month', 'watermark': 'last_commit_seq'
    }},
) }}

with deltas as (
    select *, cast(ingest_time as date) as ingest_date
    from {{ ref('int_sales__deltas') }}
    where
        route in ('in_window', 'exception')
        and commit_seq > {{ booked_until('last_commit_seq') }}
),

lateness as (
    select
        store_id,
        currency,
        ingest_date,
        cast(date_trunc('month', ingest_date) as date) as ingest_month,
        lateness_days,
        {{ total('event_count') }} as event_count,
        {{ total('event_count', only_if="route = 'exception'") }} as exception_count,
        {{ total('amount') }} as amount,
        max(commit_seq) as last_commit_seq
    from deltas
    group by store_id, currency, ingest_date, lateness_days
)

select * from lateness
order by ingest_date, store_id, currency, lateness_days
