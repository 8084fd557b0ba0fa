{#
    Books what is new in one statement and one transaction.

    dbt-duckdb fills a temporary table first and asks the catalogue about it three times over;
    for 10,000 events that is more than half of a model's time. The first build and a full
    refresh go the usual way. Otherwise the rows a model selects are appended, or merged by its
    unique_key, straight into its table. A column the model no longer selects is an error; one
    it selects anew waits for a full refresh, which makes the table again.
#}
{% materialization incremental, adapter='duckdb' %}
    {% set existing = load_cached_relation(this) %}
    {% if existing is none or not existing.is_table or should_full_refresh() %}
        {{ return(dbt.materialization_incremental_duckdb()) }}
    {% endif %}
    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}
    {% call statement('main') %}
        {{ booking_statement(existing, sql) }}
    {% endcall %}
    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {{ adapter.commit() }}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return({'relations': [existing]}) }}
{% endmaterialization %}


{% macro booking_statement(target, sql) %}
    {% set names = get_quoted_csv(kept_columns(target)) %}
    {% set new_rows = 'select ' ~ names ~ ' from (' ~ sql ~ ') as new_rows' %}
    {% if config.get('incremental_strategy') == 'append' %}
        insert into {{ target }} ({{ names }}) {{ new_rows }}
    {% elif config.get('incremental_strategy') == 'merge' %}
        {{ duckdb__get_merge_sql(target, '(' ~ new_rows ~ ')', config.get('unique_key'), []) }}
    {% else %}
        {{ exceptions.raise_compiler_error(
            'incremental_strategy of ' ~ model.name ~ ' must be append or merge, found '
            ~ config.get('incremental_strategy')
        ) }}
    {% endif %}
{% endmacro %}


{# Names of the table's columns: from its contract, else from the catalogue. #}
{% macro kept_columns(target) %}
    {% if config.get('contract').enforced %}
        {{ return(model.columns.values() | map(attribute='name') | list) }}
    {% endif %}
    {{ return(adapter.get_columns_in_relation(target) | map(attribute='name') | list) }}
{% endmacro %}
