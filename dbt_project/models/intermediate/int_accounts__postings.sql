-- One row per posting period, charge class and currency: what was booked on accounts.
{% set merge = merge_expressions(
    add=['amount', 'event_count'], replace=['last_commit_seq', 'known_from']
) %}
{{ config(
    materialized='incremental',
    incremental_strategy='merge',
    unique_key=['posting_period', 'charge_class', 'currency'],
    merge_update_columns=merge.keys() | list,
    merge_update_set_expressions=merge,
    on_schema_change='fail',
    meta={'publish': {'kind': 'whole', 'partition': none, 'watermark': 'last_commit_seq'}},
) }}

with postings as (
    {{ new_postings(ref('int_accounts__deltas')) | indent(4) }}
),

int_accounts__postings as (
    select
        posting_period,
        charge_class,
        currency,
        {{ total('amount') }} as amount,
        {{ total('event_count') }} as event_count,
        max(commit_seq) as last_commit_seq,
        max(ingest_time) as known_from
    from postings
    where currency <> '(none)'
    group by posting_period, charge_class, currency
)

select * from int_accounts__postings
