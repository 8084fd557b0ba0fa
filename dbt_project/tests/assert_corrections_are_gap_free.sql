-- Rows come back when numbers of the correction feed leave a gap, repeat, or do not follow
-- the commits: a reader who stopped at number n could not tell what comes next.
with feed as (
    select correction_seq, commit_seq from {{ ref('sales_corrections') }}
),

neighbours as (
    select
        correction_seq,
        commit_seq,
        lag(correction_seq, 1, 0) over (order by correction_seq) as seq_before,
        lag(commit_seq, 1, 0) over (order by correction_seq) as commit_before
    from feed
)

select *
from neighbours
where correction_seq <> seq_before + 1 or commit_seq < commit_before
