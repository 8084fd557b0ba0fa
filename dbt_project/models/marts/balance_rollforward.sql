-- One row per posting period and currency: opening, movements by class, closing.
{{ config(materialized='view', meta={'definition': 'view'}) }}

with control_events as (
    select * from {{ ref('stg_control__events').include(database=false) }}
),

calendars as (
    {{ calendar_versions('control_events') | indent(4) }}
),

postings as (
    select
        posting_period,
        currency,
        {{ total('amount', only_if="charge_class = 'original'") }} as original_movement,
        {{ total('amount', only_if="charge_class = 'correction'") }}
            as correction_movement,
        {{ total('event_count') }} as event_count,
        max(last_commit_seq) as last_commit_seq
    from {{ ref('int_accounts__postings').include(database=false) }}
    group by posting_period, currency
),

periods as (
    select distinct posting_period as period_id from postings
),

dates as (
    {{ period_dates('periods', 'calendars') | indent(4) }}
),

rolled as (
    select
        postings.*,
        dates.first_date,
        sum(postings.original_movement + postings.correction_movement) over (
            partition by postings.currency
            order by dates.first_date, postings.posting_period
        ) as closing_balance
    from postings
    left join dates
        on postings.posting_period = dates.period_id
),

balance_rollforward as (
    select
        posting_period,
        first_date,
        currency,
        cast(
            closing_balance - original_movement - correction_movement as decimal(38, 4)
        ) as opening_balance,
        original_movement,
        correction_movement,
        cast(closing_balance as decimal(38, 4)) as closing_balance,
        event_count,
        last_commit_seq
    from rolled
)

select * from balance_rollforward
