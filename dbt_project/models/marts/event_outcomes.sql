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
    from {{ ref('late_event_exceptions') }}
    where commit_seq > {{ booked }}
    group by commit_seq, source, event_type
),

accepted as (
    select
        outcomes.* exclude (event_count),
        outcomes.event_count,
        coalesce(exceptions.event_count, 0) as exception_count
    from outcomes
    left join exceptions using (commit_seq, source, event_type)
    where outcomes.outcome = 'accepted'
),

-- Control events state facts about stores and policies: they have no day to be late for.
routed as (
    select
        * exclude (event_count, exception_count),
        case
            when event_type in ('StoreRegistered', 'StoreDayUploaded', 'LatenessPolicySet')
                then 'not_routed'
            else 'in_window'
        end as route,
        event_count - exception_count as event_count
    from accepted
    union all by name
    select * exclude (event_count, exception_count), 'exception' as route,
        exception_count as event_count
    from accepted
    union all by name
    select *, 'not_routed' as route
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
    where event_count <> 0
)

select * from event_outcomes
order by commit_seq, source, event_type, outcome, route, reason
