{#
    Empty stand-ins for the relations of source `tail`, so that live views can be made and read
    in the warehouse too. In the published file they read the lake.
#}
{% macro create_empty_tail() %}
    {% if not execute %}{{ return('') }}{% endif %}
    create schema if not exists live;
    create table if not exists live.tail_commits as
    select
        cast(null as bigint) as commit_seq,
        cast(null as timestamptz) as ingest_time,
        cast(null as varchar[]) as segments
    where false;
    -- Warehouses made before the column.
    alter table live.tail_commits add column if not exists segments varchar[];
    {% for family in ('sales', 'accounts', 'control') %}
    create table if not exists live.tail_found_{{ family }} as
    select *, cast(null as varchar) as segment from ({{ no_events() }});
    {% endfor %}
{% endmacro %}
