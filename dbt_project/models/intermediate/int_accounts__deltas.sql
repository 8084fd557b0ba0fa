-- One row per account, currency, store, business date and commit.
{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
) }}

with int_accounts__deltas as (
    {{ new_deltas('accounts', account_keys(), account_measures()) | indent(4) }}
)

select * from int_accounts__deltas
