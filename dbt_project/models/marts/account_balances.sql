-- One row per account and currency.
{% set merge = merge_expressions(
    add=['balance', 'event_count'],
    later=['last_business_date'],
    replace=['last_commit_seq', 'known_from'],
) %}
{{ config(
    materialized='incremental',
    incremental_strategy='merge',
    unique_key=['account_id', 'currency'],
    merge_update_columns=merge.keys() | list,
    merge_update_set_expressions=merge,
    on_schema_change='fail',
    meta={'publish': {
        'kind': 'partitioned', 'partition': 'account_bucket', 'watermark': 'last_commit_seq'
    }},
) }}

with deltas as (
    select *
    from {{ ref('int_accounts__deltas') }}
    where commit_seq > {{ booked_until('last_commit_seq') }}
),

account_balances as (
    {{ account_balance_cells('deltas') | indent(4) }}
)

select * from account_balances
order by account_id, currency
