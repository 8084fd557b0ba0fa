-- One row per control event: a fact about a store, a rule, a person, a period, a decision.
{{ config(
    materialized='incremental',
    incremental_strategy='append',
    unique_key='row_index',
    on_schema_change='fail',
    meta={'publish': {'kind': 'append', 'partition': none, 'watermark': 'commit_seq'}},
) }}
{% set booked = booked_until() %}
{% set segments = new_segments('control', after=booked) %}

with events as (
    select * from {{ read_segments(segments.paths) }}
    where commit_seq > {{ booked }}
),

stg_control__events as (
    select
        commit_seq,
        ingest_time,
        row_index,
        event_id,
        event_type,
        event_time,
        source,
        store_id,
        currency,
        amount,
        quantity,
        payload
    from events
)

select * from stg_control__events
