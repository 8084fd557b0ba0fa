-- Rows come back when the events listed as exceptions are not the ones whose sums were routed
-- as exceptions: figures and the list for people would tell different stories.
with listed as (
    select
        commit_seq,
        business_date,
        coalesce(store_id, '(none)') as store_id,
        coalesce(account_id, '(none)') as account_id,
        coalesce(currency, '(none)') as currency,
        lateness_days,
        sum(
            case
                when event_type in ({{ counts_down() }}) then -amount
                else coalesce(amount, 0)
            end
        ) as amount,
        count(*) as event_count
    from {{ ref('late_event_exceptions') }}
    where commit_seq >= {{ var('laws_from_commit') }}
    group by all
),

sums as (
    select
        commit_seq,
        business_date,
        store_id,
        '(none)' as account_id,
        currency,
        lateness_days,
        amount,
        event_count
    from {{ ref('int_sales__deltas') }}
    where route = 'exception' and commit_seq >= {{ var('laws_from_commit') }}
    union all
    select
        commit_seq,
        business_date,
        store_id,
        account_id,
        currency,
        lateness_days,
        amount,
        event_count
    from {{ ref('int_accounts__deltas') }}
    where route = 'exception' and commit_seq >= {{ var('laws_from_commit') }}
),

booked as (
    select
        commit_seq,
        business_date,
        store_id,
        account_id,
        currency,
        lateness_days,
        sum(amount) as amount,
        sum(event_count) as event_count
    from sums
    group by all
)

select *
from listed
full join booked
    using (commit_seq, business_date, store_id, account_id, currency, lateness_days)
where
    listed.amount is distinct from booked.amount
    or listed.event_count is distinct from booked.event_count
