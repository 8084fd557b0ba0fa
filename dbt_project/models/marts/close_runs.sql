-- One row per attempt to close a period: from its seal to what ended it.
{{ config(materialized='view', meta={'definition': 'view'}) }}

with events as (
    select
        commit_seq,
        ingest_time,
        row_index,
        event_type,
        payload,
        payload ->> '$.period_id' as period_id,
        event_type = 'PeriodSoftClosed' and (payload ->> '$.sealed') = 'true' as is_seal
    from {{ ref('stg_control__events').include(database=false) }}
    where event_type in ('PeriodSoftClosed', 'CloseFailed', 'PeriodClosed')
),

numbered as (
    select
        *,
        count(*) filter (where is_seal) over (
            partition by period_id order by row_index
        ) as attempt
    from events
),

attempts as (
    select
        period_id,
        attempt,
        min(ingest_time) filter (where is_seal) as started,
        min(commit_seq) filter (where is_seal) as started_commit,
        max_by(payload, row_index) filter (where event_type <> 'PeriodSoftClosed')
            as end_payload,
        max_by(event_type, row_index) filter (where event_type <> 'PeriodSoftClosed')
            as end_type,
        max(ingest_time) filter (where not is_seal) as ended,
        max(commit_seq) filter (where not is_seal) as ended_commit
    from numbered
    group by period_id, attempt
),

close_runs as (
    select
        end_payload ->> '$.run_id' as run_id,
        period_id,
        cast(attempt as integer) as attempt,
        started,
        ended,
        case
            when end_type = 'PeriodClosed' then 'closed'
            when end_type = 'CloseFailed' then 'failed'
            when ended is not null then 'released'
            else 'running'
        end as outcome,
        end_payload ->> '$.step' as step,
        end_payload ->> '$.reason' as reason,
        end_payload ->> '$.evidence_sha256' as evidence_sha256,
        cast(end_payload ->> '$.closed_edition' as integer) as closed_edition,
        end_payload ->> '$.certificate_sha256' as certificate_sha256,
        started_commit,
        ended_commit
    from attempts
    where started is not null or end_type is not null
)

select * from close_runs
