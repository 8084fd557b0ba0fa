{# What a commit says about itself; docs/lake-format.md is the description. #}
{% macro commit_info_shape() -%}
    {
        "commitInfo": {
            "lake": {
                "seq": "BIGINT",
                "previous_sha256": "VARCHAR",
                "commit_id": "VARCHAR",
                "ingest_time_us": "BIGINT",
                "historical_import": "BOOLEAN",
                "tree_size": "BIGINT",
                "tree_root": "VARCHAR",
                "segments": [{
                    "family": "VARCHAR",
                    "path": "VARCHAR",
                    "sha256": "VARCHAR",
                    "rows": "BIGINT",
                    "first_row_index": "BIGINT",
                    "min_event_time_us": "BIGINT",
                    "max_event_time_us": "BIGINT"
                }],
                "counts": {
                    "received": "BIGINT",
                    "accepted": "BIGINT",
                    "duplicate": "BIGINT",
                    "quarantined": "BIGINT"
                },
                "outcomes": [{
                    "source": "VARCHAR",
                    "event_type": "VARCHAR",
                    "outcome": "VARCHAR",
                    "reason": "VARCHAR",
                    "rows": "BIGINT"
                }]
            }
        }
    }
{%- endmacro %}


{#
    The commit infos in these commit files, one row each, as struct `lake`.

    Read as objects, then shaped: reading 2,000 small files straight into columns takes 1.05 s
    in DuckDB 1.5.5, this takes 0.13 s.
#}
{% macro read_commit_files(files) -%}
    {% set lake = "from_json_strict(json, '" ~ commit_info_shape() ~ "').commitinfo.lake" -%}
    {% if files -%}
        select {{ lake }} as lake
        from read_json_objects({{ sql_text_list(files) }}, format = 'newline_delimited')
        where json_exists(json, '$.commitInfo')
    {%- else -%}
        select {{ lake }} as lake
        from (select cast(null as json) as json)
        where false
    {%- endif %}
{%- endmacro %}


{#
    The events of these segments, as the lake stores them. No segments: no rows, same columns.

    With `read_as_newest`, as `read_as_newest(family)` gives it, events of old versions are read
    as their newest contract has them. Asking first costs a look at the columns named in
    `needed`, and spares everyone else the join.
#}
{% macro read_segments(paths, read_as_newest=none) -%}
    {% if paths -%}
        {% set folder = lake_folder() ~ '/' -%}
        {% set files = [] -%}
        {% for path in paths %}{% do files.append(folder ~ path) %}{% endfor -%}
        {% set stored = 'read_parquet(' ~ sql_text_list(files) ~ ', hive_partitioning = false)' -%}
        {% if read_as_newest and needs_reading_as_newest(stored, read_as_newest) -%}
        ({{ newest_events(stored, read_as_newest) }})
        {%- else -%}
        {{ stored }}
        {%- endif %}
    {%- else -%}
        ({{ no_events() }})
    {%- endif %}
{%- endmacro %}


{#
    What reading a family's events as the newest takes: the columns to fill (`upcasts.sql`), and
    what they are looked up in. none: no contract of the family needs it.
#}
{% macro read_as_newest(family) %}
    {% set columns = column_upcasts(family) %}
    {% set openings = ref('int_accounts__openings') if family == 'accounts' else none %}
    {{ return({'columns': columns, 'openings': openings} if columns else none) }}
{% endmacro %}


{% macro needs_reading_as_newest(stored, how) %}
    {% set query %}
        select count(*)
        from (
            select 1 from {{ stored }} as events
            where {{ how.columns.values() | map(attribute='needed') | join(' or ') }}
            limit 1
        )
    {% endset %}
    {{ return(execute and run_query(query).columns[0].values()[0] > 0) }}
{% endmacro %}


{# All columns of `events`, those that old versions left empty filled as the newest would. #}
{% macro newest_events(events, how) -%}
    select
        events.* replace (
            {% for name, column in how.columns.items() -%}
            {{ column.expression }} as {{ name }}{{ ',' if not loop.last }}
            {% endfor %}
        )
    from {{ events }} as events
    {% if how.openings -%}
    left join ({{ account_currencies(how.openings) }}) as lookups
        on
            -- Only rows that need it have a key: the others never enter the join.
            case
                when {{ how.columns.values() | map(attribute='needed') | join(' or ') }}
                    then events.account_id
            end = lookups.opened_account_id
            and events.commit_seq >= lookups.commit_from
    {%- endif %}
{%- endmacro %}


{# An event that says which currency an account is kept in. #}
{% macro is_opening() -%}
    event_type = 'AccountOpened' and account_id is not null and currency is not null
{%- endmacro %}


{# Events with the fields of their payload that `upcast_fields` reads, as received. #}
{% macro events_with_told_fields(events) -%}
    select
        events.*,
        {% for name, told in told_fields().items() -%}
        {{ told }} as {{ name }}{{ ',' if not loop.last }}
        {% endfor %}
    from {{ events }} as events
{%- endmacro %}


{# The currency that each account's first opening names, from the commit on that brought it. #}
{% macro account_currencies(openings) -%}
    select
        account_id as opened_account_id,
        arg_min(currency, row_index) as account_currency,
        min(commit_seq) as commit_from
    from {{ openings }}
    group by account_id
{%- endmacro %}


{% macro no_events() -%}
    select
    {%- for column, type in event_columns().items() %}
        cast(null as {{ type }}) as {{ column }}{{ ',' if not loop.last }}
    {%- endfor %}
    where false
{%- endmacro %}


{# Columns of a segment and their types in DuckDB, in order. #}
{% macro event_columns() %}
    {{ return({
        'tenant_id': 'varchar',
        'commit_seq': 'bigint',
        'ingest_time': 'timestamptz',
        'row_index': 'bigint',
        'event_id': 'varchar',
        'event_type': 'varchar',
        'schema_version': 'integer',
        'stream_id': 'varchar',
        'stream_version': 'bigint',
        'event_time': 'timestamptz',
        'source': 'varchar',
        'source_partition': 'varchar',
        'source_offset': 'bigint',
        'correlation_id': 'varchar',
        'causation_id': 'varchar',
        'store_id': 'varchar',
        'account_id': 'varchar',
        'category': 'varchar',
        'channel': 'varchar',
        'currency': 'varchar',
        'amount': 'decimal(18, 4)',
        'quantity': 'decimal(18, 4)',
        'payload': 'varchar',
    }) }}
{% endmacro %}
