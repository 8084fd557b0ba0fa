-- One row per lateness policy, valid for a half-open interval of commits.
{{ config(materialized='view') }}

with int_policies__versions as (
    {{ policy_versions(ref('stg_control__events')) | indent(4) }}
)

select * from int_policies__versions
