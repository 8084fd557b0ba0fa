-- Rows come back when the events a segment holds are not those its deltas have booked by
-- route, or the routes in event_outcomes are others: an event got lost on its way.
with segments as (
    select commit_seq, family as events_of, row_count
    from {{ ref('stg_lake__segments') }}
    where
        family in ('sales', 'accounts')
        and commit_seq >= {{ var('laws_from_commit') }}
),

deltas as (
    select commit_seq, 'sales' as events_of, route, event_count
    from {{ ref('int_sales__deltas') }}
    where commit_seq >= {{ var('laws_from_commit') }}
    union all
    select commit_seq, 'accounts' as events_of, route, event_count
    from {{ ref('int_accounts__deltas') }}
    where commit_seq >= {{ var('laws_from_commit') }}
),

booked as (
    select
        commit_seq,
        events_of,
        sum(case when route = 'in_window' then event_count end) as in_window_count,
        sum(case when route = 'exception' then event_count end) as exception_count
    from deltas
    where route in ('in_window', 'exception')
    group by commit_seq, events_of
),

outcomes as (
    select
        commit_seq,
        case
            when event_type in ('SaleRecorded', 'SaleRefunded') then 'sales'
            else 'accounts'
        end as events_of,
        sum(case when route = 'in_window' then event_count end) as in_window_count,
        sum(case when route = 'exception' then event_count end) as exception_count
    from {{ ref('event_outcomes') }}
    where
        outcome = 'accepted'
        and route <> 'not_routed'
        and commit_seq >= {{ var('laws_from_commit') }}
    group by commit_seq, events_of
)

select
    commit_seq,
    events_of,
    segments.row_count,
    booked.in_window_count,
    booked.exception_count,
    outcomes.in_window_count as outcome_in_window_count,
    outcomes.exception_count as outcome_exception_count
from segments
full join booked using (commit_seq, events_of)
full join outcomes using (commit_seq, events_of)
where
    segments.row_count is distinct from
    coalesce(booked.in_window_count, 0) + coalesce(booked.exception_count, 0)
    or booked.in_window_count is distinct from outcomes.in_window_count
    or booked.exception_count is distinct from outcomes.exception_count
