-- Rows come back when the events a commit accepted are not each in exactly one outcome: booked
-- in their window, a control event, or listed as next_period, restated, rejected or pending.
with touched as (
    select commit_seq
    from {{ ref('late_event_exceptions') }}
    where last_commit_seq >= {{ var('laws_from_commit') }}
    group by commit_seq
),

commits as (
    select commit_seq, accepted_count
    from {{ ref('stg_lake__commits') }}
    where
        commit_seq >= {{ var('laws_from_commit') }}
        or commit_seq in (select commit_seq from touched)
),

deltas as (
    select commit_seq, event_count
    from {{ ref('int_sales__deltas') }}
    semi join commits using (commit_seq)
    where route = 'in_window'
    union all
    select commit_seq, event_count
    from {{ ref('int_accounts__deltas') }}
    semi join commits using (commit_seq)
    where route = 'in_window'
),

in_window as (
    select commit_seq, sum(event_count) as event_count
    from deltas
    group by commit_seq
),

control as (
    select commit_seq, count(*) as event_count
    from {{ ref('stg_control__events') }}
    semi join commits using (commit_seq)
    group by commit_seq
),

listed as (
    select
        commit_seq,
        count(*) filter (
            where status in ('next_period', 'restated') and posting_period is not null
        ) as posted_count,
        count(*) filter (
            where status in ('rejected', 'pending') and posting_period is null
        ) as unposted_count,
        count(*) as row_count,
        count(distinct row_index) as event_count
    from {{ ref('late_event_exceptions') }}
    semi join commits using (commit_seq)
    group by commit_seq
)

select
    commits.commit_seq,
    commits.accepted_count,
    control.event_count as control_count,
    in_window.event_count as in_window_count,
    listed.posted_count,
    listed.unposted_count,
    listed.row_count,
    listed.event_count as listed_event_count
from commits
left join in_window using (commit_seq)
left join control using (commit_seq)
left join listed using (commit_seq)
where
    commits.accepted_count is distinct from
    coalesce(in_window.event_count, 0)
    + coalesce(control.event_count, 0)
    + coalesce(listed.posted_count, 0)
    + coalesce(listed.unposted_count, 0)
    or listed.row_count <> listed.event_count
    or listed.row_count <> listed.posted_count + listed.unposted_count
