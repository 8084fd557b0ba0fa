-- Rows come back when a period's opening balance and movements do not lead to its closing
-- balance, a period does not open with what the one before closed with, or the last closing
-- balance is not what all accounts hold.
with periods as (
    select
        currency,
        posting_period,
        opening_balance,
        original_movement,
        correction_movement,
        closing_balance,
        lag(closing_balance, 1, 0) over by_date as closing_before,
        lead(posting_period) over by_date is null as is_last
    from {{ ref('balance_rollforward') }}
    window by_date as (partition by currency order by first_date, posting_period)
),

held as (
    select currency, sum(balance) as balance
    from {{ ref('account_balances') }}
    group by currency
)

select
    currency,
    posting_period,
    opening_balance,
    original_movement,
    correction_movement,
    closing_balance,
    closing_before,
    held.balance as held_balance
from periods
full join held using (currency)
where
    opening_balance + original_movement + correction_movement is distinct from
    closing_balance
    or opening_balance is distinct from closing_before
    or (coalesce(is_last, true) and closing_balance is distinct from held.balance)
