-- One row per posting period, charge period, charge class, store, category, channel, currency.
{% set merge = merge_expressions(
    add=['amount', 'quantity', 'event_count'], replace=['last_commit_seq', 'known_from']
) %}
{{ config(
    materialized='incremental',
    incremental_strategy='merge',
    unique_key=['posting_period', 'charge_period', 'charge_class'] + sales_keys(),
    merge_update_columns=merge.keys() | list,
    merge_update_set_expressions=merge,
    on_schema_change='fail',
    meta={'publish': {
        'kind': 'partitioned', 'partition': 'posting_period', 'watermark': 'last_commit_seq'
    }},
) }}

with postings as (
    {{ new_postings(ref('int_sales__deltas')) | indent(4) }}
),

period_sales as (
    {{ period_sales_cells('postings') | indent(4) }}
)

select * from period_sales
order by posting_period, charge_period, charge_class
