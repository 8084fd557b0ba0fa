{#
    The one window of every incremental model: commits after the last one the model has booked.

    A model books each commit whole, in one transaction, and every commit that concerns it
    leaves at least one row; so the highest commit number in the model itself is its watermark,
    and nothing else has to be kept. Cost follows the new commits.

    Example: int_sales__deltas holds commits 1, 2 and 5 (3 and 4 brought no sales). The next
    run books every commit from 6 to the knowledge cut.
#}
{% macro last_booked_commit(relation, column='commit_seq') %}
    {% set result = run_query('select coalesce(max(' ~ column ~ '), -1) from ' ~ relation) %}
    {{ return(result.columns[0].values()[0] | int) }}
{% endmacro %}


{# The watermark of the model being built; -1 when it is built from nothing. #}
{% macro booked_until(column='commit_seq') %}
    {% if not (execute and is_incremental()) %}{{ return(-1) }}{% endif %}
    {{ return(last_booked_commit(this, column)) }}
{% endmacro %}


{#
    Files of the commit log after commit `after`, up to the knowledge cut. Names sort by commit
    number, so older files are listed but never opened.
#}
{% macro new_commit_files(after) %}
    {% if not execute %}{{ return([]) }}{% endif %}
    {% set cut = var('known_as_of_commit') %}
    {% set log = lake_folder() ~ '/_delta_log/' %}
    {% set log_files %}
        select file
        from glob({{ sql_text(log ~ '*.json') }})
        where
            file > {{ sql_text(log ~ '%020d.json' % after) }}
            {% if cut is not none -%}
            and file <= {{ sql_text(log ~ '%020d.json' % (cut | int)) }}
            {% endif -%}
            and regexp_full_match(parse_filename(file), '[0-9]{20}\.json')
        order by file
    {% endset %}
    {{ return(run_query(log_files).columns[0].values() | list) }}
{% endmacro %}


{#
    Segments of one family in the commits after `after`:
    {'paths': [...], 'first_us': ..., 'last_us': ...} with the range of their event times.
#}
{% macro new_segments(family, after, only_commits=none) %}
    {% set segments = ref('stg_lake__segments') %}
    {% if not execute or load_relation(segments) is none %}
        {{ return({'paths': [], 'first_us': 0, 'last_us': 0}) }}
    {% endif %}
    {% set query %}
        select path, min_event_time_us, max_event_time_us
        from {{ segments }}
        where family = '{{ family }}' and commit_seq > {{ after }}
        {% if only_commits %}and commit_seq in ({{ only_commits }}){% endif %}
        order by commit_seq
    {% endset %}
    {% set found = run_query(query) %}
    {{ return({
        'paths': found.columns[0].values() | list,
        'first_us': found.columns[1].values() | min | default(0) | int,
        'last_us': found.columns[2].values() | max | default(0) | int,
    }) }}
{% endmacro %}


{# The commits after `after` that brought an exception, as an SQL list; -1 if none did. #}
{% macro commits_with_exceptions(deltas, after) %}
    {% if not execute or load_relation(deltas) is none %}{{ return('-1') }}{% endif %}
    {% set found = run_query(
        'select distinct commit_seq from ' ~ deltas
        ~ " where route = 'exception' and commit_seq > " ~ after
    ) %}
    {{ return(found.columns[0].values() | join(', ') or '-1') }}
{% endmacro %}


{# The commits after `after` that accepted an event of this type, as an SQL list; -1 if none did. #}
{% macro commits_that_brought(event_type, after) %}
    {% set outcomes = ref('stg_lake__outcomes') %}
    {% if not execute or load_relation(outcomes) is none %}{{ return('-1') }}{% endif %}
    {% set found = run_query(
        'select distinct commit_seq from ' ~ outcomes ~ ' where commit_seq > ' ~ after
        ~ " and outcome = 'accepted' and event_type = '" ~ event_type ~ "'"
    ) %}
    {{ return(found.columns[0].values() | join(', ') or '-1') }}
{% endmacro %}


{#
    Segments of one family that hold the events which decisions after commit `after` are about,
    as new_segments gives them.
#}
{% macro decided_segments(family, after) %}
    {% set control = ref('stg_control__events') %}
    {% set segments = ref('stg_lake__segments') %}
    {% if not execute or load_relation(segments) is none %}
        {{ return({'paths': [], 'first_us': 0, 'last_us': 0}) }}
    {% endif %}
    {% set query %}
        with decisions as (
            select distinct cast(payload ->> '$.row_index' as bigint) as row_index
            from {{ control }}
            where event_type = 'LateEventDecided' and commit_seq > {{ after }}
        )

        select distinct path, min_event_time_us, max_event_time_us
        from decisions
        asof join {{ segments }} as segments
            on decisions.row_index >= segments.first_row_index
        where family = '{{ family }}'
        order by path
    {% endset %}
    {% set found = run_query(query) %}
    {{ return({
        'paths': found.columns[0].values() | list,
        'first_us': found.columns[1].values() | min | default(0) | int,
        'last_us': found.columns[2].values() | max | default(0) | int,
    }) }}
{% endmacro %}
