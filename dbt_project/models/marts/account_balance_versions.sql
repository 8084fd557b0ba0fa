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

with balances as (
    select account_id, currency, account_bucket, balance, last_commit_seq
    from {{ ref('account_balances') }}
),

-- Never past what the balances hold: versions are counted back from there.
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
        route <> 'exception'
        and currency <> '(none)'
        and commit_seq > {{ booked_until() }}
        and commit_seq <= (select max(last_commit_seq) from balances)
    group by account_id, currency, business_date, commit_seq, ingest_time
),

-- What this movement and later ones added.
since as (
    select
        *,
        sum(delta_amount) over (
            partition by account_id, currency
            order by commit_seq desc, business_date desc
        ) as amount_since
    from movements
),

account_balance_versions as (
    select
        since.account_id,
        since.currency,
        balances.account_bucket,
        since.business_date,
        since.commit_seq,
        since.known_from,
        since.is_correction,
        since.delta_amount,
        since.delta_event_count,
        -- The balance as it stands now, less what came after this movement.
        cast(
            balances.balance - since.amount_since + since.delta_amount
            as decimal(38, 4)
        ) as balance
    from since
    inner join balances using (account_id, currency)
)

select * from account_balance_versions
order by commit_seq, account_id, currency, business_date
