{#
    The tail's events and decisions booked as the next build would book them: same macros, and
    the rules known from the edition's control events and the tail's.

    `is_of_family` tells an exception's family by its event_type.
#}
{% macro tail_deltas(keys, measures, family, is_of_family) -%}
    {% set found_events = source('tail', 'tail_found_' ~ family).include(database=false) -%}
    {% set booked_events = source('tail', 'tail_booked_' ~ family).include(database=false) -%}
    {% set booked_deltas = source('tail', 'tail_deltas_' ~ family).include(database=false) -%}
    {% set newest = read_as_newest(family) -%}
    {# Not all columns: of a materialized relation DuckDB reads all it names. #}
    {% set columns = ['commit_seq', 'row_index', 'event_type', 'event_time', 'source', 'amount',
        'quantity', 'store_id'] -%}
    {% if newest %}{% do columns.append('schema_version') %}{% endif -%}
    {% for key in keys if key not in columns %}{% do columns.append(key) %}{% endfor -%}
    {% set rules = {
        'stores': 'store_versions',
        'policies': 'policy_versions',
        'calendars': 'calendar_versions',
        'periods': 'period_versions',
        'locks': 'lock_exceptions',
        'general': true,
        'by_source': true,
        'caps': '(select caps from amount_caps)',
    } -%}
    -- Each relation of the tail is read once, the commits first: of every commit in the list all
    -- segments are there. A segment that none names is no part of the lake.
    with tail_commits as materialized (
        select commit_seq, ingest_time, segments, is_booked
        from {{ source('tail', 'tail_commits').include(database=false) }}
    ),

    committed_segments as materialized (
        select unnest(segments) as segment from tail_commits
    ),

    tail_control as materialized (
        select commit_seq, ingest_time, row_index, event_type, store_id, payload
        from {{ source('tail', 'tail_found_control').include(database=false) }}
        where segment is null or segment in (select segment from committed_segments)
        union all
        select commit_seq, ingest_time, row_index, event_type, store_id, payload
        from {{ source('tail', 'tail_booked_control').include(database=false) }}
    ),

    control_events as materialized (
        select
            commit_seq, ingest_time, row_index, event_type, store_id, payload
        from {{ ref('stg_control__events').include(database=false) }}
        where event_type <> 'StoreDayUploaded'
        union all
        select
            commit_seq, ingest_time, row_index, event_type, store_id, payload
        from tail_control
        where event_type <> 'StoreDayUploaded'
    ),

    store_versions as (
        {{ store_versions('control_events') | indent(8) }}
    ),

    policy_versions as (
        {{ policy_versions('control_events') | indent(8) }}
    ),

    calendar_versions as (
        {{ calendar_versions('control_events') | indent(8) }}
    ),

    period_versions as (
        {{ period_versions('control_events', 'calendar_versions') | indent(8) }}
    ),

    lock_exceptions as (
        {{ lock_exceptions('control_events') | indent(8) }}
    ),

    amount_caps as (
        select list(amount_cap) as caps
        from (
            select amount_cap from policy_versions
            union all
            select amount_cap from lock_exceptions
        )
        where amount_cap is not null
    ),

    decisions as materialized (
        {{ decisions('tail_control') | indent(8) }}
        and commit_seq in (select commit_seq from tail_commits where not is_booked)
    ),

    tail_events as materialized (
        select {{ columns | join(', ') }}
        from {{ found_events }}
        where segment is null or segment in (select segment from committed_segments)
    ),

    {% if newest and newest.openings -%}
    known_openings as (
        select account_id, currency, row_index, commit_seq
        from {{ newest.openings.include(database=false) }}
        union all
        select account_id, currency, row_index, commit_seq
        from tail_events
        where {{ is_opening() }}
        union all
        select account_id, currency, row_index, commit_seq
        from {{ booked_events }}
        where {{ is_opening() }}
    ),
    {% do newest.update({'openings': 'known_openings'}) -%}
    {%- endif %}

    {% if newest -%}
    newest_tail_events as materialized (
        {{ newest_events('tail_events', newest) | indent(8) }}
    ),
    {%- endif %}
    {% set told_events = 'newest_tail_events' if newest else 'tail_events' -%}

    -- Events of booked commits are not booked again, but may be decided now.
    decided_booked_events as materialized (
        select {{ columns | join(', ') }}
        from {{ booked_events }}
        where row_index in (select row_index from decisions)
    ),

    decided_tail_events as (
        select * from {{ told_events }}
        where row_index in (select row_index from decisions)
        union all
        {% if newest -%}
        {{ newest_events('decided_booked_events', newest) | indent(8) }}
        {%- else -%}
        select * from decided_booked_events
        {%- endif %}
    ),

    decided_events as (
        {% set wanted = (keys + ['row_index', 'event_type', 'business_date', 'period_id',
            'lateness_days', 'amount', 'quantity']) | join(', ') -%}
        select {{ wanted }}
        from {{ ref('late_event_exceptions').include(database=false) }}
        where
            {{ is_of_family }}
            and row_index in (select row_index from decisions)
        union all
        select {{ wanted }}
        from (
            {{ routed_events(
                events='decided_tail_events',
                commits='tail_commits',
                rules=rules,
                utc_days=days_around('decided_tail_events'),
                named=columns,
            ) | indent(12) }}
        )
    )

    select *
    from (
        {{ routed_deltas(
            keys=keys,
            measures=measures,
            events=told_events,
            commits='tail_commits',
            rules=rules,
            utc_days=days_around('tail_events'),
        ) | indent(8) }}
    )
    union all by name
    select *
    from (
        {{ decided_deltas(keys, measures, 'decisions', 'decided_events') | indent(8) }}
    )
    union all by name
    select * from {{ booked_deltas }}
{%- endmacro %}
