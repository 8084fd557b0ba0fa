{# The tenant's lake, relative to where dbt runs: <home>/lake/<tenant>. #}
{% macro lake_folder() -%}
    {{ env_var('LEDGERLAKE_HOME', 'data') }}/lake/{{ var('tenant') }}
{%- endmacro %}


{# A text as an SQL literal. #}
{% macro sql_text(value) -%}
    '{{ value | string | replace("'", "''") }}'
{%- endmacro %}


{# A list of texts as an SQL list literal. #}
{% macro sql_text_list(values) -%}
    [{% for value in values %}{{ sql_text(value) }}{{ ', ' if not loop.last }}{% endfor %}]
{%- endmacro %}
