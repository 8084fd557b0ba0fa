-- One row per ledger and currency: opening, movements, closing.
with before as (
    -- A period without movements has no row: the one before it counts.
    select currency, arg_max(closing_balance, first_date) as closing
    from main.balance_rollforward
    where first_date < $first_date and currency <> '(none)'
    group by currency
),

rolled as (
    select
        currency,
        sum(opening_balance) as opening,
        sum(original_movement + correction_movement) as movements,
        sum(closing_balance) as closing
    from main.balance_rollforward
    where posting_period = $period_id and currency <> '(none)'
    group by currency
),

moved as (
    select currency, sum(amount) as amount
    from intermediate.int_accounts__deltas
    where posting_period = $period_id and currency <> '(none)'
    group by currency
),

accounts as (
    select
        currency,
        coalesce(before.closing, 0) as closing_before,
        -- Without movements there is no row, and the balance is carried on.
        coalesce(rolled.opening, before.closing, 0) as opening,
        coalesce(rolled.movements, 0) as movements,
        coalesce(rolled.closing, before.closing, 0) as closing,
        coalesce(moved.amount, 0) as delta_movements
    from rolled
    full join before using (currency)
    full join moved using (currency)
),

days as (
    select
        currency,
        sum(reported_amount) as reported,
        sum(amount) as amount
    from main.daily_sales
    where business_date >= $first_date and business_date < $end_date
    group by currency
),

corrections as (
    select currency, sum(amount_delta) as amount
    from main.sales_corrections
    where business_date >= $first_date and business_date < $end_date
    group by currency
),

corrected as (
    select currency, sum(amount) as amount
    from intermediate.int_sales__deltas
    where
        is_correction
        and route in ('in_window', 'next_period', 'restated')
        and business_date >= $first_date and business_date < $end_date
    group by currency
),

sales as (
    select
        currency,
        coalesce(days.reported, 0) as reported,
        coalesce(corrections.amount, 0) as movements,
        coalesce(days.amount, 0) as closing,
        coalesce(corrected.amount, 0) as delta_movements
    from days
    full join corrections using (currency)
    full join corrected using (currency)
),

roll_forward as (
    select
        'accounts' as ledger, currency, closing_before, opening, movements,
        opening + movements as rolled, closing, delta_movements
    from accounts
    union all
    select
        'sales', currency, reported, reported, movements,
        reported + movements, closing, delta_movements
    from sales
)

select
    ledger,
    currency,
    cast(closing_before as decimal(38, 4)) as closing_before,
    cast(opening as decimal(38, 4)) as opening,
    cast(movements as decimal(38, 4)) as movements,
    cast(rolled as decimal(38, 4)) as rolled,
    cast(closing as decimal(38, 4)) as closing,
    cast(delta_movements as decimal(38, 4)) as delta_movements
from roll_forward
union all
select
    ledger, '(none)', cast(0 as decimal(38, 4)), cast(0 as decimal(38, 4)),
    cast(0 as decimal(38, 4)), cast(0 as decimal(38, 4)), cast(0 as decimal(38, 4)),
    cast(0 as decimal(38, 4))
from (values ('accounts'), ('sales')) as ledgers (ledger)
where ledger not in (select ledger from roll_forward)
order by ledger, currency
