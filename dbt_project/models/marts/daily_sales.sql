-- One row per store, category, channel, currency and business date.
{% set merge = merge_expressions(
    add=[
        'amount', 'quantity', 'event_count', 'reported_amount', 'reported_quantity',
        'reported_event_count', 'correction_amount', 'correction_count'
    ],
    add_or=['is_adjusted'],
    replace=['last_commit_seq', 'known_from'],
) %}
{{ config(
    materialized='incremental',
    incremental_strategy='merge',
    unique_key=sales_keys() + ['business_date'],
    merge_update_columns=merge.keys() | list,
    merge_update_set_expressions=merge,
    on_schema_change='fail',
    meta={'publish': {
        'kind': 'partitioned', 'partition': 'business_month', 'watermark': 'last_commit_seq'
    }},
) }}

with deltas as (
    select *
    from {{ ref('int_sales__deltas') }}
    where commit_seq > {{ booked_until('last_commit_seq') }}
),

changes as (
    {{ cell_changes('deltas', general=known_rules().general) | indent(4) }}
),

daily_sales as (
    {{ daily_sales_cells('changes') | indent(4) }}
)

select * from daily_sales
-- Days that change together lie together, so a merge scans few row groups.
order by business_date
