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
    {% set columns = ['commit_seq', 'ingest_time', 'row_index', 'event_type', 'event_time', 'source',
        'amount', 'quantity', 'store_id'] -%}
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
    {% set control_columns = 'commit_seq, ingest_time, row_index, event_type, store_id, payload' -%}
    -- Each relation of the tail is read once, the commits first (see the end): of every commit in
    -- the list all segments are there. A segment that none names is no part of the lake.
    with committed_segments as materialized (
        select unnest(segments) as segment
        from {{ source('tail', 'tail_commits').include(database=false) }}
        where not is_booked
    ),

    found_control as materialized (
        select {{ control_columns }}
        from {{ source('tail', 'tail_found_control').include(database=false) }}
        where segment is null or segment in (select segment from committed_segments)
    ),

    control_events as materialized (
        select {{ control_columns }}
        from {{ ref('stg_control__events').include(database=false) }}
        where event_type <> 'StoreDayUploaded'
        union all
        select {{ control_columns }}
        from {{ source('tail', 'tail_booked_control').include(database=false) }}
        where event_type <> 'StoreDayUploaded'
        union all
        select {{ control_columns }}
        from found_control
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
        {{ decisions('found_control') | indent(8) }}
    ),

    tail_events as (
        select {{ columns | join(', ') }}, false as is_booked
        from {{ found_events }}
        where segment is null or segment in (select segment from committed_segments)
    ),

    -- Events of booked commits are not booked again, but may be decided now.
    given_events as (
        select * from tail_events
        union all
        select {{ columns | join(', ') }}, true as is_booked
        from {{ booked_events }}
        where row_index in (select row_index from decisions)
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

    told_events as materialized (
        select
            *,
            case
                when row_index in (select row_index from decisions) then row_index
            end as decided_row_index
        from (
            {% if newest -%}
            {{ newest_events('given_events', newest) | indent(12) }}
            {%- else -%}
            select * from given_events
            {%- endif %}
        )
    ),

    told_commits as (
        select distinct commit_seq, ingest_time from told_events
    ),

    {{ routed_sums(
        keys=keys,
        measures=measures,
        events='told_events',
        commits='told_commits',
        rules=rules,
        utc_days=days_around('told_events'),
        also=['decided_row_index', 'is_booked'],
    ) | indent(4) }},

    {{ keyed_sums(keys, measures, only='not is_booked') | indent(4) }},

    -- Each is of one event, for sums are kept apart by it.
    decided_sums as (
        {% set wanted = (keys + ['business_date', 'period_id', 'lateness_days']) | join(', ') -%}
        select
            decided_row_index as row_index,
            {{ wanted }},
            {{ measures | join(', ') }}
        from routed
        where decided_row_index is not null
        union all
        select
            row_index,
            {{ wanted }},
            {% for name, expression in measures.items() -%}
            {{ expression }} as {{ name }}{{ ',' if not loop.last }}
            {% endfor %}
        from {{ ref('late_event_exceptions').include(database=false) }}
        where
            {{ is_of_family }}
            and row_index in (select row_index from decisions)
        group by all
    )

    -- DuckDB lists files where a relation is first read: here the commits, before any segment.
    select deltas.* from (select count(*) as commits from committed_segments) as listed
    cross join {{ booked_deltas }} as deltas
    union all by name
    select * from (
        {{ keyed_deltas(keys, measures, rules) | indent(8) }}
    )
    union all by name
    select * from (
        {{ decided_deltas(keys, summed_again(measures), 'decisions', 'decided_sums') | indent(8) }}
    )
{%- endmacro %}


{# Measures of what is summed already. #}
{% macro summed_again(measures) %}
    {% set again = {} %}
    {% for name in measures %}{% do again.update({name: 'sum(' ~ name ~ ')'}) %}{% endfor %}
    {{ return(again) }}
{% endmacro %}
