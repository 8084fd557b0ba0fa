-- One row per segment: the file that holds the events of one family in one commit.
{{ config(materialized='view') }}

with commits as (
    select commit_seq, ingest_time, segments from {{ ref('stg_lake__commits') }}
),

unnested as (
    select commit_seq, ingest_time, unnest(segments) as segment from commits
),

stg_lake__segments as (
    select
        commit_seq,
        ingest_time,
        segment.family,
        segment.path,
        segment.sha256,
        segment.rows as row_count,
        segment.first_row_index,
        segment.min_event_time_us,
        segment.max_event_time_us
    from unnested
)

select * from stg_lake__segments
