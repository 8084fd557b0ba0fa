-- One row per store and registration, valid for a half-open interval of commits.
{{ config(materialized='view') }}

with int_stores__versions as (
    {{ store_versions(ref('stg_control__events')) | indent(4) }}
)

select * from int_stores__versions
