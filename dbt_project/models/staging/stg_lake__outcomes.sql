-- One row per commit, source, event type, outcome and reason.
{{ config(materialized='view') }}

with commits as (
    select commit_seq, ingest_time, outcomes from {{ ref('stg_lake__commits') }}
),

unnested as (
    select commit_seq, ingest_time, unnest(outcomes) as outcome from commits
),

stg_lake__outcomes as (
    select
        commit_seq,
        ingest_time,
        outcome.source,
        outcome.event_type,
        outcome.outcome,
        outcome.reason,
        outcome.rows as event_count
    from unnested
)

select * from stg_lake__outcomes
