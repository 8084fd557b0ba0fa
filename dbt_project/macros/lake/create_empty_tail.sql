{#
    Empty stand-ins for the relations of source `tail`, so that live views can be made and read
    in the warehouse too. In the published file they read the lake.
#}
{% macro create_empty_tail() %}
    {% if not execute %}{{ return('') }}{% endif %}
    create schema if not exists live;
    create table if not exists live.tail_commits as
    select cast(null as bigint) as commit_seq, cast(null as timestamptz) as ingest_time
    where false;
    {% for family in ('sales', 'accounts', 'control') %}
    create table if not exists live.tail_{{ family }} as {{ no_events() }};
    {% endfor %}
{% endmacro %}
