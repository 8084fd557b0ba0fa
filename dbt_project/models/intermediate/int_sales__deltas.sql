-- One row per store, category, channel, currency, business date and commit.
{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
) }}

with int_sales__deltas as (
    {{ new_deltas('sales', sales_keys(), sales_measures()) | indent(4) }}
)

select * from int_sales__deltas
