-- One row per period and change of its state, valid for a half-open interval of commits.
{{ config(materialized='view') }}

with int_periods__versions as (
    {{ period_versions(ref('stg_control__events'), ref('int_calendar__periods'))
        | indent(4) }}
)

select * from int_periods__versions
