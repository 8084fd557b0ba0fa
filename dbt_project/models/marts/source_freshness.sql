-- One row per source: what it has sent and how fresh it is.
{% set merge = merge_expressions(
    add=['event_count', 'duplicate_count', 'quarantined_count'],
    later=['last_event_time'],
    replace=['last_commit_seq', 'last_ingest_time'],
) %}
{{ config(
    materialized='incremental',
    incremental_strategy='merge',
    unique_key='source',
    merge_update_columns=merge.keys() | list,
    merge_update_set_expressions=merge,
    on_schema_change='fail',
    meta={'publish': {'kind': 'whole', 'partition': none, 'watermark': 'last_commit_seq'}},
) }}
{% set booked = booked_until('last_commit_seq') %}

with event_times as (
    {{ new_event_times(after=booked) | indent(4) }}
),

outcomes as (
    select
        source,
        sum(event_count) filter (where outcome = 'accepted') as accepted,
        sum(event_count) filter (where outcome = 'duplicate') as duplicates,
        sum(event_count) filter (where outcome = 'quarantined') as quarantined,
        max(commit_seq) as last_commit_seq,
        max(ingest_time) as last_ingest_time
    from {{ ref('stg_lake__outcomes') }}
    where commit_seq > {{ booked }}
    group by source
),

source_freshness as (
    select
        outcomes.source,
        event_times.last_event_time,
        outcomes.last_ingest_time,
        outcomes.last_commit_seq,
        cast(coalesce(outcomes.accepted, 0) as bigint) as event_count,
        cast(coalesce(outcomes.duplicates, 0) as bigint) as duplicate_count,
        cast(coalesce(outcomes.quarantined, 0) as bigint) as quarantined_count
    from outcomes
    left join event_times using (source)
)

select * from source_freshness
order by source
