-- One row per change of a sales figure after its initial cut-off, numbered without gaps.
{{ config(
    materialized='incremental',
    incremental_strategy='append',
    unique_key='correction_seq',
    on_schema_change='fail',
    meta={'publish': {'kind': 'append', 'partition': none, 'watermark': 'commit_seq'}},
) }}
{% set fed = [booked_until('correction_seq'), 0] | max %}

with corrections as (
    select *
    from {{ ref('int_sales__versions') }}
    where is_correction and commit_seq > {{ booked_until() }}
),

sales_corrections as (
    select
        cast(
            {{ fed }} + row_number() over (
                order by
                    commit_seq, business_date, store_id, category, channel, currency
            ) as bigint
        ) as correction_seq,
        commit_seq,
        known_from,
        store_id,
        category,
        channel,
        currency,
        business_date,
        cast(amount - delta_amount as decimal(38, 4)) as amount_before,
        delta_amount as amount_delta,
        amount as amount_after,
        cast(quantity - delta_quantity as decimal(38, 4)) as quantity_before,
        delta_quantity as quantity_delta,
        quantity as quantity_after,
        event_count - delta_event_count as event_count_before,
        delta_event_count as event_count_delta,
        event_count as event_count_after,
        lateness_days,
        reason
    from corrections
)

select * from sales_corrections
order by correction_seq
