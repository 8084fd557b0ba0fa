-- Rows come back when a commit number is missing, or time does not go forward with it.
with commits as (
    select commit_seq, ingest_time from {{ ref('stg_lake__commits') }}
),

neighbours as (
    select
        commit_seq,
        ingest_time,
        lag(commit_seq, 1, -1) over (order by commit_seq) as commit_before,
        lag(ingest_time) over (order by commit_seq) as time_before
    from commits
)

select commit_seq, commit_before, ingest_time, time_before
from neighbours
where
    commit_seq <> commit_before + 1
    -- Commit 0 makes the lake and brings nothing: the first import may be older than it.
    or (commit_before > 0 and ingest_time <= time_before)
