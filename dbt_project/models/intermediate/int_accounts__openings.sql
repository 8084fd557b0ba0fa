-- One row per opening of an account that names a currency.
{{ config(
    materialized='incremental',
    incremental_strategy='append',
    unique_key='row_index',
    on_schema_change='fail',
    meta={'publish': {'kind': 'append', 'partition': none, 'watermark': 'commit_seq'}},
) }}
{% set booked = booked_until() %}
{% set commits = commits_that_brought('AccountOpened', after=booked) %}
{% set segments = new_segments('accounts', after=booked, only_commits=commits) %}

with events as (
    select * from {{ read_segments(segments.paths) }}
    where commit_seq > {{ booked }}
),

int_accounts__openings as (
    select
        account_id,
        currency,
        commit_seq,
        row_index
    from events
    where {{ is_opening() }}
)

select * from int_accounts__openings
