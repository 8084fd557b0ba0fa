-- One row per closed period, ledger and currency, and one that counts the closes.
with state_events as (
    select
        payload ->> '$.period_id' as period_id, event_type, payload
    from staging.stg_control__events
    where event_type in ('PeriodClosed', 'PeriodReopened', 'PeriodSoftClosed')
    qualify row_number() over (
        partition by payload ->> '$.period_id' order by row_index desc
    ) = 1
),

closed as (
    select
        period_id,
        cast(payload ->> '$.closed_edition' as integer) as closed_edition,
        payload
    from state_events
    where event_type = 'PeriodClosed' and period_id <> $period_id
),

controls as (
    select
        period_id, closed_edition,
        unnest(from_json(payload -> '$.controls', '["JSON"]')) as control
    from closed
),

figures as (
    select
        period_id, closed_edition,
        unnest(from_json(
            cast(control ->> '$.observed' as json),
            '[{"ledger": "VARCHAR", "currency": "VARCHAR",
              "found_amount": "VARCHAR", "found_count": "VARCHAR"}]'
        )) as figure
    from controls
    where (control ->> '$.name') = $frozen
),

stated as (
    select
        period_id, closed_edition, figure.ledger, figure.currency,
        cast(figure.found_amount as decimal(38, 4)) as closed_amount,
        cast(figure.found_count as bigint) as closed_count
    from figures
    where figure.currency <> '(none)'
),

current_figures as (
    select
        posting_period as period_id, 'sales' as ledger, currency,
        cast(sum(amount) as decimal(38, 4)) as amount,
        cast(sum(event_count) as bigint) as event_count
    from main.period_sales
    where posting_period in (select period_id from closed)
    group by posting_period, currency
    union all
    select
        posting_period, 'accounts', currency,
        cast(sum(original_movement + correction_movement) as decimal(38, 4)),
        cast(sum(event_count) as bigint)
    from main.balance_rollforward
    where posting_period in (select period_id from closed) and currency <> '(none)'
    group by posting_period, currency
),

compared as (
    select
        period_id,
        ledger,
        currency,
        stated.closed_edition,
        stated.closed_amount,
        -- A figure that is gone is 0, not unknown.
        coalesce(c.amount, cast(0 as decimal(38, 4))) as amount,
        stated.closed_count,
        coalesce(c.event_count, 0) as event_count
    from stated
    full join current_figures as c using (period_id, ledger, currency)
),

-- A close that states no figures at all is one nothing can be compared with.
unstated as (
    select period_id from closed
    where period_id not in (
        select period_id from controls where (control ->> '$.name') = $frozen
    )
)

select
    '(all)' as period_id, '(all)' as ledger, '(all)' as currency, 0 as closed_edition,
    cast(0 as decimal(38, 4)) as closed_amount, cast(0 as decimal(38, 4)) as amount,
    (select count(*) from closed) as closed_count,
    (
        select count(*) from main.accounting_periods
        -- Those before the first close are closed too, but state nothing.
        where state = 'Closed' and closed_edition > 0 and period_id <> $period_id
    ) as event_count
union all
select * from compared
union all
select
    period_id, '(all)', '(unstated)', 0,
    null, cast(0 as decimal(38, 4)), null, 0
from unstated
where period_id not in (select period_id from compared)
order by period_id, ledger, currency
