{#
    Half-open commit intervals: which registration of a store, which policy, was known at a
    commit. The last event of a commit wins, and already holds for that same commit.
#}
{% macro last_of_commit_then_interval(key) -%}
    qualify row_number() over (
        partition by {{ key }}commit_seq order by row_index desc
    ) = 1
{%- endmacro %}


{# One row per store and registration: the zone and cut-off known from commit to commit. #}
{% macro store_versions(control_events) -%}
    with registrations as (
        select
            store_id,
            commit_seq,
            payload ->> '$.time_zone' as time_zone,
            payload ->> '$.day_cut_off' as day_cut_off
        from {{ control_events }}
        where event_type = 'StoreRegistered'
        {{ last_of_commit_then_interval('store_id, ') }}
    )

    select
        store_id,
        time_zone,
        cast(left(day_cut_off, 2) as integer) * 60
        + cast(right(day_cut_off, 2) as integer) as day_cut_off_minutes,
        commit_seq as commit_from,
        lead(commit_seq) over (
            partition by store_id order by commit_seq
        ) as commit_to
    from registrations
{%- endmacro %}


{# One row per lateness policy: the windows known from commit to commit. #}
{% macro policy_versions(control_events) -%}
    with policies as (
        select
            commit_seq,
            cast(payload ->> '$.max_delay_days' as integer) as max_delay_days,
            cast(payload ->> '$.initial_grace_hours' as integer) as initial_grace_hours
        from {{ control_events }}
        where event_type = 'LatenessPolicySet'
        {{ last_of_commit_then_interval('') }}
    )

    select
        max_delay_days,
        initial_grace_hours,
        commit_seq as commit_from,
        lead(commit_seq) over (order by commit_seq) as commit_to
    from policies
{%- endmacro %}
