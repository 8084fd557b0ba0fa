-- One row per event routed to people: too late, over a cap, or for a period that is locked.
{{ config(
    materialized='incremental',
    incremental_strategy='append',
    unique_key='row_index',
    on_schema_change='fail',
) }}

with exceptions as (
    {{ new_exceptions() | indent(4) }}
),

told as (
    {{ events_with_told_fields('exceptions') | indent(4) }}
),

int_exceptions__events as (
    select
        event_id,
        event_type,
        commit_seq,
        row_index,
        ingest_time,
        event_time,
        business_date,
        period_id,
        store_id,
        account_id,
        category,
        channel,
        currency,
        amount,
        quantity,
        lateness_days,
        exception_reason,
        {{ upcast_fields()['payment_reference'] }} as payment_reference,
        {{ upcast_fields()['payer_name'] }} as payer_name,
        {{ upcast_fields()['payer_account'] }} as payer_account,
        source,
        source_partition,
        source_offset
    from told as events
)

select * from int_exceptions__events
order by row_index
