-- One row per event that arrived after its day's final cut-off and waits for a decision.
{{ config(
    materialized='incremental',
    incremental_strategy='append',
    unique_key='row_index',
    on_schema_change='fail',
    meta={'publish': {'kind': 'append', 'partition': none, 'watermark': 'commit_seq'}},
) }}

with exceptions as (
    {{ new_exceptions() | indent(4) }}
),

late_event_exceptions as (
    select
        event_id,
        event_type,
        commit_seq,
        row_index,
        ingest_time,
        event_time,
        business_date,
        store_id,
        account_id,
        category,
        channel,
        currency,
        amount,
        quantity,
        lateness_days,
        route,
        'pending' as status,
        source,
        source_partition,
        source_offset
    from exceptions
)

select * from late_event_exceptions
order by row_index
