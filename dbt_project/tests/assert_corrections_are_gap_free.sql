-- Rows come back when numbers of the correction feed leave a gap, repeat, or do not follow
-- the commits: a reader who stopped at number n could not tell what comes next.
with feed as (
    select correction_seq, commit_seq
    from {{ ref('sales_corrections') }}
    where commit_seq >= {{ var('laws_from_commit') }}
),

last_before as (
    select coalesce(max(correction_seq), 0) as correction_seq
    from {{ ref('sales_corrections') }}
    where commit_seq < {{ var('laws_from_commit') }}
),

neighbours as (
    select
        feed.correction_seq,
        feed.commit_seq,
        lag(feed.correction_seq, 1, last_before.correction_seq) over (
            order by feed.correction_seq
        ) as seq_before,
        lag(feed.commit_seq, 1, 0) over (
            order by feed.correction_seq
        ) as commit_before
    from feed
    cross join last_before
)

select *
from neighbours
where correction_seq <> seq_before + 1 or commit_seq < commit_before
