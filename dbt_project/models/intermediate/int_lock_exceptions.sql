-- One row per lock exception, valid for a half-open interval of commits.
{{ config(materialized='view') }}

with int_lock_exceptions as (
    {{ lock_exceptions(ref('stg_control__events')) | indent(4) }}
)

select * from int_lock_exceptions
