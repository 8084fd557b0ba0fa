-- One row per commit, source, event type, outcome, route and reason.
{{ config(
    materialized='incremental',
    incremental_strategy='append',
    unique_key=[
        'commit_seq', 'source', 'event_type', 'outcome', 'route', 'reason'
    ],
    on_schema_change='fail',
    meta={'publish': {'kind': 'append', 'partition': none, 'watermark': 'commit_seq'}},
) }}
{% set booked = booked_until() %}

with outcomes as (
    select * from {{ ref('stg_lake__outcomes') }}
    where commit_seq > {{ booked }}
),

exceptions as (
    select commit_seq, source, event_type, count(*) as event_count
    from {{ ref('int_exceptions__events') }}
    where commit_seq > {{ booked }}
    group by commit_seq, source, event_type
),

accepted as (
    select
        outcomes.commit_seq,
        outcomes.ingest_time,
        outcomes.source,
        outcomes.event_type,
        outcomes.event_count - coalesce(exceptions.event_count, 0) as in_time_count,
        exceptions.event_count as exception_count
    from outcomes
    left join exceptions using (commit_seq, source, event_type)
    where outcomes.outcome = 'accepted'
),

-- Control events state facts about stores and policies: they have no day to be late for.
routed as (
    select
        commit_seq,
        ingest_time,
        source,
        event_type,
        'accepted' as outcome,
        case
            when event_type in ({{ routed_event_types() }}) then 'in_window'
            else 'not_routed'
        end as route,
        cast(null as varchar) as reason,
        in_time_count as event_count
    from accepted
    union all
    select
        commit_seq,
        ingest_time,
        source,
        event_type,
        'accepted' as outcome,
        'exception' as route,
        cast(null as varchar) as reason,
        exception_count as event_count
    from accepted
    union all
    select
        commit_seq,
        ingest_time,
        source,
        event_type,
        outcome,
        'not_routed' as route,
        reason,
        event_count
    from outcomes
    where outcome <> 'accepted'
),

event_outcomes as (
    select
        commit_seq,
        ingest_time,
        source,
        event_type,
        outcome,
        route,
        reason,
        event_count
    from routed
    where event_count > 0
)

select * from event_outcomes
order by commit_seq, source, event_type, outcome, route, reason
