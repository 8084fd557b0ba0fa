-- One row per account, currency, store, business date and commit.
{{ config(materialized='incremental', incremental_strategy='append') }}
{% set booked = booked_until() %}
{% set segments = new_segments('accounts', after=booked) %}

with events as (
    select * from {{ read_segments(segments.paths) }}
    where commit_seq > {{ booked }}
),

commits as (
    select commit_seq, ingest_time
    from {{ ref('stg_lake__commits') }}
    where commit_seq > {{ booked }}
),

int_accounts__deltas as (
    {{ routed_deltas(
        keys=account_keys(),
        measures=account_measures(),
        events='events' if segments.paths else none,
        commits='commits',
        stores=ref('int_stores__versions'),
        policies=ref('int_policies__versions'),
        first_us=segments.first_us,
        last_us=segments.last_us,
    ) | indent(4) }}
)

select * from int_accounts__deltas
