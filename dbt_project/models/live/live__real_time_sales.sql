-- One row per cell of real_time_sales, with every commit of the lake.
{{ config(materialized='view', alias='real_time_sales', meta={'definition': 'view'}) }}

with tail as (
    select * from {{ ref('live__sales_deltas').include(database=false) }}
),

parts as (
    select * from {{ ref('real_time_sales').include(database=false) }}
    union all by name
    ({{ real_time_sales_cells('tail') | indent(4) }})
),

live_real_time_sales as (
    select
        store_id,
        category,
        channel,
        currency,
        ingest_hour,
        ingest_month,
        {{ total('amount') }} as amount,
        {{ total('quantity') }} as quantity,
        {{ total('event_count') }} as event_count,
        {{ total('exception_amount') }} as exception_amount,
        {{ total('exception_count') }} as exception_count,
        max(last_commit_seq) as last_commit_seq,
        max(known_from) as known_from
    from parts
    group by store_id, category, channel, currency, ingest_hour, ingest_month
)

select * from live_real_time_sales
