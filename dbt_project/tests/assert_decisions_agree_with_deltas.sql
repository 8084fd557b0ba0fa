-- Rows come back when a decision about a late event did not book exactly what was decided, in
-- the posting period that was decided, did not take back exactly what the decision before had
-- booked, or the event is listed with another decision than its last: people would be told one
-- thing and the figures say another.
with decisions as (
    select *
    from {{ ref('int_exceptions__decisions') }}
    where commit_seq >= {{ var('laws_from_commit') }}
),

-- Rejected and pending are in no posting.
postings as (
    select
        row_index,
        commit_seq,
        decision as route,
        posting_period,
        false as is_reversal
    from decisions
    where decision in ('next_period', 'restated')
    union all
    select
        row_index,
        commit_seq,
        previous_decision as route,
        previous_posting_period as posting_period,
        true as is_reversal
    from decisions
    where previous_decision in ('next_period', 'restated')
),

late_events as (
    select
        *,
        event_type in ('SaleRecorded', 'SaleRefunded') as is_sale
    from {{ ref('int_exceptions__events') }}
    semi join decisions using (row_index)
),

decided as (
    select
        postings.commit_seq,
        postings.route,
        postings.posting_period,
        postings.is_reversal,
        late_events.period_id as charge_period,
        late_events.business_date,
        coalesce(late_events.store_id, '(none)') as store_id,
        case when is_sale then '(none)' else coalesce(account_id, '(none)') end
            as account_id,
        case when is_sale then coalesce(category, '(none)') else '(none)' end
            as category,
        case when is_sale then coalesce(channel, '(none)') else '(none)' end
            as channel,
        coalesce(late_events.currency, '(none)') as currency,
        sum(
            coalesce(late_events.amount, 0)
            * case
                when event_type in ({{ counts_down() }}) then -1 else 1
            end
            * case when postings.is_reversal then -1 else 1 end
        ) as amount,
        sum(case when postings.is_reversal then -1 else 1 end) as event_count
    from postings
    inner join late_events using (row_index)
    group by all
),

deltas as (
    select
        commit_seq,
        route,
        posting_period,
        is_reversal,
        charge_period,
        business_date,
        store_id,
        '(none)' as account_id,
        category,
        channel,
        currency,
        amount,
        event_count
    from {{ ref('int_sales__deltas') }}
    where
        route in ('next_period', 'restated')
        and commit_seq >= {{ var('laws_from_commit') }}
    union all
    select
        commit_seq,
        route,
        posting_period,
        is_reversal,
        charge_period,
        business_date,
        store_id,
        account_id,
        '(none)' as category,
        '(none)' as channel,
        currency,
        amount,
        event_count
    from {{ ref('int_accounts__deltas') }}
    where
        route in ('next_period', 'restated')
        and commit_seq >= {{ var('laws_from_commit') }}
),

booked as (
    select
        * exclude (amount, event_count),
        sum(amount) as amount,
        sum(event_count) as event_count
    from deltas
    group by all
),

wrongly_booked as (
    select
        'deltas' as found_in,
        commit_seq,
        route,
        posting_period,
        decided.amount as decided_amount,
        booked.amount as booked_amount,
        cast(null as varchar) as event_id
    from decided
    full join booked
        using (
            commit_seq, route, posting_period, is_reversal, charge_period,
            business_date, store_id, account_id, category, channel, currency
        )
    where
        decided.amount is distinct from booked.amount
        or decided.event_count is distinct from booked.event_count
),

last_decisions as (
    select *
    from decisions
    qualify row_number() over (
        partition by row_index order by decision_row_index desc
    ) = 1
),

listed as (
    select *
    from {{ ref('late_event_exceptions') }}
    where last_commit_seq >= {{ var('laws_from_commit') }}
),

wrongly_listed as (
    select
        'late_event_exceptions' as found_in,
        coalesce(last_decisions.commit_seq, listed.commit_seq) as commit_seq,
        listed.status as route,
        listed.posting_period,
        cast(null as decimal(38, 4)) as decided_amount,
        cast(null as decimal(38, 4)) as booked_amount,
        coalesce(listed.event_id, last_decisions.event_id) as event_id
    from listed
    full join last_decisions using (row_index)
    where
        listed.status is distinct from coalesce(last_decisions.decision, 'pending')
        or listed.posting_period is distinct from last_decisions.posting_period
        or listed.decided_commit is distinct from last_decisions.commit_seq
)

select * from wrongly_booked
union all
select * from wrongly_listed
