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

with events as (
    {% for family in ('sales', 'accounts', 'control') -%}
    select source, event_time
    from {{ read_segments(new_segments(family, after=booked).paths) }}
    {% if not loop.last %}union all
    {% endif -%}
    {% endfor %}
),

event_times as (
    select source, max(event_time) as last_event_time
    from events
    group by source
),

outcomes as (
    select
        source,
        coalesce(sum(event_count) filter (where outcome = 'accepted'), 0) as event_count,
        coalesce(sum(event_count) filter (where outcome = 'duplicate'), 0)
            as duplicate_count,
        coalesce(sum(event_count) filter (where outcome = 'quarantined'), 0)
            as quarantined_count,
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
        cast(outcomes.event_count as bigint) as event_count,
        cast(outcomes.duplicate_count as bigint) as duplicate_count,
        cast(outcomes.quarantined_count as bigint) as quarantined_count
    from outcomes
    left join event_times using (source)
)

select * from source_freshness
order by source
