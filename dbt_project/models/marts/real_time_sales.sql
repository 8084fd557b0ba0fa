-- One row per store, category, channel, currency and hour in which the lake learned of it.
{% set merge = merge_expressions(
    add=['amount', 'quantity', 'event_count', 'exception_amount', 'exception_count'],
    replace=['last_commit_seq', 'known_from'],
) %}
{{ config(
    materialized='incremental',
    incremental_strategy='merge',
    unique_key=sales_keys() + ['ingest_hour'],
    merge_update_columns=merge.keys() | list,
    merge_update_set_expressions=merge,
    on_schema_change='fail',
    meta={'publish': {
        'kind': 'partitioned', 'partition': 'ingest_month', 'watermark': 'last_commit_seq'
    }},
) }}

with deltas as (
    select *
    from {{ ref('int_sales__deltas') }}
    where commit_seq > {{ booked_until('last_commit_seq') }}
),

real_time_sales as (
    {{ real_time_sales_cells('deltas') | indent(4) }}
)

select * from real_time_sales
order by ingest_hour, store_id, category, channel, currency
