-- One row per run that asked the gate, and control of it.
{{ config(materialized='view', meta={'definition': 'view'}) }}

with runs as (
    select
        commit_seq,
        ingest_time,
        payload ->> '$.period_id' as period_id,
        payload ->> '$.run_id' as run_id,
        event_type = 'PeriodClosed' as is_closed,
        from_json(payload -> '$.controls', '["JSON"]') as controls
    from {{ ref('stg_control__events').include(database=false) }}
    where event_type in ('CloseFailed', 'PeriodClosed')
),

unnested as (
    select
        *,
        unnest(controls) as control,
        generate_subscripts(controls, 1) as control_no
    from runs
),

close_controls as (
    select
        run_id,
        period_id,
        cast(control_no as integer) as control_no,
        control ->> '$.suite' as suite,
        control ->> '$.name' as name, -- noqa: RF04
        control ->> '$.severity' as severity,
        cast(control ->> '$.success' as boolean) as success,
        control ->> '$.observed' as observed,
        control ->> '$.expected' as expected,
        control ->> '$.rows' as sample_rows,
        is_closed,
        ingest_time as known_from,
        commit_seq
    from unnested
)

select * from close_controls
