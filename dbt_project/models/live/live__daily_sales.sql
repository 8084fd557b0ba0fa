-- One row per cell of daily_sales, with every commit of the lake.
{{ config(materialized='view', alias='daily_sales', meta={'definition': 'view'}) }}

with tail as (
    {{ cell_changes(ref('live__sales_deltas').include(database=false)) | indent(4) }}
),

parts as (
    select * from {{ ref('daily_sales').include(database=false) }}
    union all by name
    ({{ daily_sales_cells('tail') | indent(4) }})
),

live_daily_sales as (
    select
        store_id,
        category,
        channel,
        currency,
        business_date,
        business_month,
        {{ total('amount') }} as amount,
        {{ total('quantity') }} as quantity,
        {{ total('event_count') }} as event_count,
        {{ total('reported_amount') }} as reported_amount,
        {{ total('reported_quantity') }} as reported_quantity,
        {{ total('reported_event_count') }} as reported_event_count,
        {{ total('correction_amount') }} as correction_amount,
        {{ total('correction_count') }} as correction_count,
        bool_or(is_adjusted) as is_adjusted,
        min(first_known_from) as first_known_from,
        max(last_commit_seq) as last_commit_seq,
        max(known_from) as known_from
    from parts
    group by
        store_id, category, channel, currency, business_date, business_month
)

select * from live_daily_sales
