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
    select
        events.*,
        {% for name, told in told_fields().items() -%}
        {{ told }} as {{ name }}{{ ',' if not loop.last }}
        {% endfor %}
    from exceptions as events
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
        {% for name in ('payment_reference', 'payer_name', 'payer_account') -%}
        {{ upcast_fields()[name] }} as {{ name }},
        {% endfor -%}
        source,
        source_partition,
        source_offset
    from told as events
)

select * from int_exceptions__events
order by row_index
