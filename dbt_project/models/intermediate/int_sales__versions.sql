-- One row per cell of daily_sales and commit that changed it.
{{ config(
    materialized='incremental',
    incremental_strategy='append',
    unique_key=sales_keys() + ['business_date', 'commit_seq'],
    on_schema_change='fail',
    meta={'publish': {
        'kind': 'append', 'partition': 'business_month', 'watermark': 'commit_seq'
    }},
) }}
{% set cell = 'store_id, category, channel, currency, business_date' %}

with cells as (
    select {{ cell }}, amount, quantity, event_count, last_commit_seq
    from {{ ref('daily_sales') }}
),

-- Never past what the cells hold: the totals are counted back from there.
deltas as (
    select *
    from {{ ref('int_sales__deltas') }}
    where
        commit_seq > {{ booked_until() }}
        and commit_seq <= (select max(last_commit_seq) from cells)
),

changes as (
    {{ cell_changes('deltas', general=known_rules().general) | indent(4) }}
),

-- What this commit and later ones added.
since as (
    select
        *,
        sum(amount) over from_the_end as amount_since,
        sum(quantity) over from_the_end as quantity_since,
        sum(event_count) over from_the_end as event_count_since
    from changes
    window from_the_end as (partition by {{ cell }} order by commit_seq desc)
),

int_sales__versions as (
    select
        since.store_id,
        since.category,
        since.channel,
        since.currency,
        since.business_date,
        cast(date_trunc('month', since.business_date) as date) as business_month,
        since.commit_seq,
        since.ingest_time as known_from,
        since.is_correction,
        since.lateness_days,
        since.reason,
        since.amount as delta_amount,
        since.quantity as delta_quantity,
        since.event_count as delta_event_count,
        -- The cell as it stands now, less what came after this commit.
        cast(cells.amount - since.amount_since + since.amount as decimal(38, 4))
            as amount,
        cast(cells.quantity - since.quantity_since + since.quantity as decimal(38, 4))
            as quantity,
        cast(
            cells.event_count - since.event_count_since + since.event_count as bigint
        ) as event_count
    from since
    inner join cells using ({{ cell }})
)

select * from int_sales__versions
order by commit_seq, business_date, store_id, category, channel, currency
