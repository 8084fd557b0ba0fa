-- One row per cell of daily_sales and commit that changed it, with the time it was current.
{{ config(materialized='view', meta={'definition': 'view'}) }}

with versions as (
    select * from {{ ref('int_sales__versions').include(database=false) }}
),

daily_sales_versions as (
    select
        store_id,
        category,
        channel,
        currency,
        business_date,
        business_month,
        commit_seq,
        known_from,
        lead(known_from) over (
            partition by
                store_id, category, channel, currency, business_date, business_month
            order by commit_seq
        ) as known_to,
        is_correction,
        lateness_days,
        delta_amount,
        delta_quantity,
        delta_event_count,
        amount,
        quantity,
        event_count
    from versions
)

select * from daily_sales_versions
