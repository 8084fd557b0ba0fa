{# What a commit says about itself; docs/lake-format.md is the description. #}
{% macro commit_info_type() -%}
    struct(
        lake struct(
            seq bigint,
            previous_sha256 varchar,
            commit_id varchar,
            ingest_time_us bigint,
            historical_import boolean,
            tree_size bigint,
            tree_root varchar,
            segments struct(
                family varchar,
                path varchar,
                sha256 varchar,
                "rows" bigint,
                first_row_index bigint,
                min_event_time_us bigint,
                max_event_time_us bigint
            )[],
            counts struct(
                received bigint, accepted bigint, duplicate bigint, quarantined bigint
            ),
            outcomes struct(
                source varchar,
                event_type varchar,
                outcome varchar,
                reason varchar,
                "rows" bigint
            )[]
        )
    )
{%- endmacro %}


{# The actions of these commit files, one row each; only commitInfo is read. #}
{% macro read_commit_files(files) -%}
    {% if files -%}
        read_json(
            {{ sql_text_list(files) }},
            format = 'newline_delimited',
            columns = {commitInfo: '{{ commit_info_type() | replace("\n", " ") }}'}
        )
    {%- else -%}
        (select cast(null as {{ commit_info_type() }}) as commitinfo where false)
    {%- endif %}
{%- endmacro %}


{# The events of these segments, as the lake stores them. No segments: no rows, same columns. #}
{% macro read_segments(paths) -%}
    {% if paths -%}
        {% set folder = lake_folder() ~ '/' -%}
        {% set files = [] -%}
        {% for path in paths %}{% do files.append(folder ~ path) %}{% endfor -%}
        read_parquet({{ sql_text_list(files) }}, hive_partitioning = false)
    {%- else -%}
        ({{ no_events() }})
    {%- endif %}
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
