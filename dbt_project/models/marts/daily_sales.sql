-- One row per store, category, channel, currency and business date.
{% set key = sales_keys() + ['business_date'] %}
{% set sums = ['amount', 'quantity', 'event_count'] %}
{% set additive = ['amount', 'quantity', 'event_count', 'reported_amount',
    'reported_quantity', 'reported_event_count', 'correction_amount', 'correction_count'] %}
{% set expressions = {
    'is_adjusted': 'DBT_INTERNAL_DEST.is_adjusted or DBT_INTERNAL_SOURCE.is_adjusted',
    'last_commit_seq': 'DBT_INTERNAL_SOURCE.last_commit_seq',
    'known_from': 'DBT_INTERNAL_SOURCE.known_from',
} %}
{% for column in additive %}
    {% do expressions.update({
        column: 'DBT_INTERNAL_DEST.' ~ column ~ ' + DBT_INTERNAL_SOURCE.' ~ column
    }) %}
{% endfor %}
{{ config(
    materialized='incremental',
    incremental_strategy='merge',
    unique_key=key,
    merge_update_columns=expressions.keys() | list,
    merge_update_set_expressions=expressions,
    on_schema_change='fail',
    meta={'publish': {
        'kind': 'partitioned', 'partition': 'business_month', 'watermark': 'last_commit_seq'
    }},
) }}

with deltas as (
    select *
    from {{ ref('int_sales__deltas') }}
    where
        route = 'in_window'
        and commit_seq > {{ booked_until('last_commit_seq') }}
),

daily_sales as (
    select
        store_id,
        category,
        channel,
        currency,
        business_date,
        cast(date_trunc('month', business_date) as date) as business_month,
        cast(sum(amount) as decimal(38, 4)) as amount,
        cast(sum(quantity) as decimal(38, 4)) as quantity,
        cast(sum(event_count) as bigint) as event_count,
        cast(coalesce(sum(amount) filter (where not is_correction), 0) as decimal(38, 4))
            as reported_amount,
        cast(coalesce(sum(quantity) filter (where not is_correction), 0) as decimal(38, 4))
            as reported_quantity,
        cast(coalesce(sum(event_count) filter (where not is_correction), 0) as bigint)
            as reported_event_count,
        cast(coalesce(sum(amount) filter (where is_correction), 0) as decimal(38, 4))
            as correction_amount,
        count(*) filter (where is_correction) as correction_count,
        bool_or(is_correction) as is_adjusted,
        min(ingest_time) as first_known_from,
        max(commit_seq) as last_commit_seq,
        max(ingest_time) as known_from
    from deltas
    group by store_id, category, channel, currency, business_date
)

select * from daily_sales
order by business_date, store_id, category, channel, currency
