-- One row per account, currency, business date and commit that moved it.
{{ config(
    materialized='incremental',
    incremental_strategy='append',
    unique_key=['account_id', 'currency', 'business_date', 'commit_seq'],
    on_schema_change='fail',
    meta={'publish': {
        'kind': 'append', 'partition': 'account_bucket', 'watermark': 'commit_seq'
    }},
) }}
{% set booked = booked_until() %}

with balances as (
    select account_id, currency, account_bucket, balance, last_commit_seq
    from {{ ref('account_balances') }}
),

-- Never past what the balances hold: they are where the running balances start from.
movements as (
    select
        account_id,
        currency,
        business_date,
        commit_seq,
        ingest_time as known_from,
        bool_or(is_correction) as is_correction,
        {{ total('amount') }} as delta_amount,
        {{ total('event_count') }} as delta_event_count
    from {{ ref('int_accounts__deltas') }}
    where
        route = 'in_window'
        and currency <> '(none)'
        and commit_seq > {{ booked }}
        and commit_seq <= (select max(last_commit_seq) from balances)
    group by account_id, currency, business_date, commit_seq, ingest_time
),

running as (
    select
        *,
        sum(delta_amount) over (
            partition by account_id, currency order by commit_seq, business_date
        ) as amount_so_far,
        sum(delta_amount) over (partition by account_id, currency) as amount_added
    from movements
),

account_balance_versions as (
    select
        running.account_id,
        running.currency,
        balances.account_bucket,
        running.business_date,
        running.commit_seq,
        running.known_from,
        running.is_correction,
        running.delta_amount,
        running.delta_event_count,
        -- The balance before this run is the one that stands now, less all this run added.
        cast(
            balances.balance - running.amount_added + running.amount_so_far
            as decimal(38, 4)
        ) as balance
    from running
    inner join balances using (account_id, currency)
)

select * from account_balance_versions
order by commit_seq, account_id, currency, business_date
