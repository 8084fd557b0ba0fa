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
        cast(null as varchar[]) as segments,
        cast(null as boolean) as is_booked
    where false;
    -- Warehouses made before the columns.
    alter table live.tail_commits add column if not exists segments varchar[];
    alter table live.tail_commits add column if not exists is_booked boolean;
    {% for family in ('sales', 'accounts', 'control') %}
    create table if not exists live.tail_found_{{ family }} as
    select *, cast(null as varchar) as segment from ({{ no_events() }});
    create table if not exists live.tail_booked_{{ family }} as {{ no_events() }};
    {% endfor %}
    create table if not exists live.tail_deltas_sales as
    {{ no_deltas(sales_keys(), sales_measures()) }};
    create table if not exists live.tail_deltas_accounts as
    {{ no_deltas(account_keys(), account_measures()) }};
{% endmacro %}
