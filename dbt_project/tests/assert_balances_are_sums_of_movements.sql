-- Rows come back when a balance is not the sum of its movements, its versions do not add up
-- to it, or the last version does not hold it.
{{ config(tags=['full']) }}

with movements as (
    select account_id, currency, sum(amount) as balance, sum(event_count) as event_count
    from {{ ref('int_accounts__deltas') }}
    where route <> 'exception' and currency <> '(none)'
    group by account_id, currency
),

versions as (
    select
        account_id,
        currency,
        sum(delta_amount) as balance,
        arg_max(balance, (commit_seq, business_date)) as last_balance
    from {{ ref('account_balance_versions') }}
    group by account_id, currency
)

select *
from {{ ref('account_balances') }} as balances
full join movements using (account_id, currency)
full join versions using (account_id, currency)
where
    balances.balance is distinct from movements.balance
    or balances.event_count is distinct from movements.event_count
    or balances.balance is distinct from versions.balance
    or balances.balance is distinct from versions.last_balance
