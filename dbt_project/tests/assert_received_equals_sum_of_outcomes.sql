-- Rows come back when what a commit received is not what became accepted, duplicate or
-- quarantined rows: something received was dropped or counted twice.
with commits as (
    select commit_seq, received_count
    from {{ ref('stg_lake__commits') }}
    where commit_seq >= {{ var('laws_from_commit') }}
),

outcomes as (
    select commit_seq, sum(event_count) as outcome_count
    from {{ ref('event_outcomes') }}
    where commit_seq >= {{ var('laws_from_commit') }}
    group by commit_seq
)

select commits.commit_seq, commits.received_count, outcomes.outcome_count
from commits
left join outcomes using (commit_seq)
where commits.received_count <> coalesce(outcomes.outcome_count, 0)
