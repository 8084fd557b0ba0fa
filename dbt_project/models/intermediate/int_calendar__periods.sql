-- One row per calendar version and period of it, valid for a half-open interval of commits.
{{ config(materialized='view') }}

with int_calendar__periods as (
    {{ calendar_versions(ref('stg_control__events')) | indent(4) }}
)

select * from int_calendar__periods
