{#
    The tail's events booked as the next build would book them: same macro, and the zones and
    policies known from the edition's control events and the tail's.
#}
{% macro tail_deltas(keys, measures, events) -%}
    with control_events as (
        select commit_seq, row_index, event_type, store_id, payload from {{ ref('stg_control__events').include(database=false) }}
        union all
        select commit_seq, row_index, event_type, store_id, payload from {{ source('tail', 'tail_control').include(database=false) }}
    ),

    store_versions as (
        {{ store_versions('control_events') | indent(8) }}
    ),

    policy_versions as (
        {{ policy_versions('control_events') | indent(8) }}
    ),

    -- Read once: the tail may be thousands of small files.
    tail_events as materialized (
        select {{ (keys + ['commit_seq', 'event_type', 'event_time', 'amount', 'quantity'])
            | join(', ') }}
        from {{ events }}
    ),

    tail_commits as (
        select commit_seq, ingest_time
        from {{ source('tail', 'tail_commits').include(database=false) }}
    )

    select *
    from (
        {{ routed_deltas(
            keys=keys,
            measures=measures,
            events='tail_events',
            commits='tail_commits',
            stores='store_versions',
            policies='policy_versions',
            first_us='select min(epoch_us(event_time)) from tail_events',
            last_us='select max(epoch_us(event_time)) from tail_events',
        ) | indent(8) }}
    )
{%- endmacro %}
