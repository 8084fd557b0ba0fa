{#
    What commits have brought since a model was last built. Each macro asks the commit log for
    the segments, reads only those, and books them as `routed_deltas`, `routed_events` and `decided_deltas` do.
#}

{#
    The sums of a family's new events and new decisions, by figure, business date and commit.
#}
{% macro new_deltas(family, keys, measures) -%}
    {% set commits = ref('stg_lake__commits') -%}
    {% set booked = booked_until() -%}
    {% set rules = built_rules() -%}
    {% set segments = new_segments(family, after=booked) -%}
    {% set decided = decided_segments(family, after=booked) -%}
    {% set newest = read_as_newest(family) -%}
    {% if segments.paths -%}
    with events as (
        select * from {{ read_segments(segments.paths, newest) }}
        where commit_seq > {{ booked }}
    ),

    commits as (
        select commit_seq, ingest_time from {{ commits }}
        where commit_seq > {{ booked }}
    )

    select * from (
        {{ routed_deltas(
            keys=keys,
            measures=measures,
            events='events',
            commits='commits',
            rules=rules,
            utc_days=days_between(segments.first_us, segments.last_us),
        ) | indent(8) }}
    )
    {%- else -%}
    {{ no_deltas(keys, measures) }}
    {%- endif %}
    {%- if decided.paths %}
    union all by name
    select * from (
        {{ new_decided_deltas(keys, measures, rules, decided, booked, newest) | indent(8) }}
    )
    {%- endif %}
{%- endmacro %}


{# What new decisions book, in the figures of the events they are about. #}
{% macro new_decided_deltas(keys, measures, rules, segments, booked, newest) -%}
    with decisions as (
        {{ decisions(ref('stg_control__events'), after=booked) | indent(8) }}
    ),

    events as (
        select * from {{ read_segments(segments.paths, newest) }}
        where row_index in (select row_index from decisions)
    ),

    commits as (
        select commit_seq, ingest_time from {{ ref('stg_lake__commits') }}
        where commit_seq in (select commit_seq from events)
    ),

    decided_events as (
        {{ routed_events(
            events='events',
            commits='commits',
            rules=rules,
            utc_days=days_between(segments.first_us, segments.last_us),
        ) | indent(8) }}
    )

    {{ decided_deltas(keys, measures, 'decisions', 'decided_events') | indent(4) }}
{%- endmacro %}


{#
    The new events that go to people, one row each. Only segments whose sums say that they hold
    such events are opened again.
#}
{% macro new_exceptions() -%}
    {% set commits = ref('stg_lake__commits') -%}
    {% set rules = built_rules() -%}
    {% set deltas = {
        'sales': ref('int_sales__deltas'), 'accounts': ref('int_accounts__deltas')
    } -%}
    {% set newest = {
        'sales': read_as_newest('sales'), 'accounts': read_as_newest('accounts')
    } -%}
    {% set booked = booked_until() -%}
    {% set late = {} -%}
    {% for family in deltas -%}
        {% set late_commits = commits_with_exceptions(deltas[family], after=booked) -%}
        {% set segments = new_segments(family, after=booked, only_commits=late_commits) -%}
        {% if segments.paths or (loop.last and not late) -%}
            {% do late.update({family: segments}) -%}
        {% endif -%}
    {% endfor -%}
    with commits as (
        select commit_seq, ingest_time from {{ commits }}
        where commit_seq > {{ booked }}
    )

    {% for family, segments in late.items() -%}
    , {{ family }}_events as (
        select * from {{ read_segments(segments.paths, newest[family]) }}
    )

    , {{ family }}_routed as (
        {{ routed_events(
            events=family ~ '_events',
            commits='commits',
            rules=rules,
            utc_days=days_between(segments.first_us, segments.last_us),
        ) | indent(8) }}
    )

    {% endfor -%}
    {% for family in late -%}
    select * from {{ family }}_routed where exception_reason is not null
    {{ 'union all' if not loop.last }}
    {% endfor %}
{%- endmacro %}


{# The latest event time each source has sent in new commits, over all families. #}
{% macro new_event_times(after) -%}
    select source, max(event_time) as last_event_time
    from (
        {% for family in ('sales', 'accounts', 'control') -%}
        select source, event_time
        from {{ read_segments(new_segments(family, after=after).paths) }}
        {{ 'union all' if not loop.last }}
        {% endfor %}
    )
    group by source
{%- endmacro %}
