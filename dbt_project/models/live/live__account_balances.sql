-- One row per account and currency, with every commit of the lake.
{{ config(materialized='view', alias='account_balances', meta={'definition': 'view'}) }}

with tail as (
    select * from {{ ref('live__account_deltas').include(database=false) }}
),

parts as (
    select * from {{ ref('account_balances').include(database=false) }}
    union all by name
    ({{ account_balance_cells('tail') | indent(4) }})
),

live_account_balances as (
    select
        account_id,
        currency,
        account_bucket,
        {{ total('balance') }} as balance,
        {{ total('event_count') }} as event_count,
        max(last_business_date) as last_business_date,
        max(last_commit_seq) as last_commit_seq,
        max(known_from) as known_from
    from parts
    group by account_id, currency, account_bucket
)

select * from live_account_balances
