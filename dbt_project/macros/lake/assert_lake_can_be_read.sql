{#
    Stops a run that could only end badly, before its first model: no lake in the home, or a
    knowledge cut that lies behind what the warehouse has already booked (deltas are
    append-only; a build cannot forget a commit, only a full refresh can).
#}
{% macro assert_lake_can_be_read() %}
    {% if not execute %}{{ return('') }}{% endif %}
    {% set first_commit = lake_folder() ~ '/_delta_log/' ~ '%020d.json' % 0 %}
    {% set found = run_query('select count(*) from glob(' ~ sql_text(first_commit) ~ ')') %}
    {% if found.columns[0].values()[0] == 0 %}
        {{ exceptions.raise_compiler_error(
            'There is no lake in ' ~ lake_folder() ~ ': expected its first commit '
            ~ first_commit ~ '. Run `ledgerlake init`, or set LEDGERLAKE_HOME to the home '
            ~ 'that holds the lake, then build again.'
        ) }}
    {% endif %}
    {% set cut = var('known_as_of_commit') %}
    {% set commits = load_relation(api.Relation.create(
        database=target.database, schema='staging', identifier='stg_lake__commits'
    )) %}
    {% if cut is not none and commits is not none and not flags.FULL_REFRESH %}
        {% set booked = last_booked_commit(commits) %}
        {% if cut | int < booked %}
            {{ exceptions.raise_compiler_error(
                'known_as_of_commit ' ~ cut ~ ' lies behind commit ' ~ booked ~ ', which this '
                ~ 'warehouse has already booked. Add --full-refresh to build as known at '
                ~ 'commit ' ~ cut ~ '.'
            ) }}
        {% endif %}
    {% endif %}
    {{ return('') }}
{% endmacro %}
