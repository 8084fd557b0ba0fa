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
{% set booked = booked_until() %}

with cells as (
    select {{ cell }}, amount, quantity, event_count, last_commit_seq
    from {{ ref('daily_sales') }}
),

-- Never past what the cells hold: they are where the running totals start from.
deltas as (
    select *
    from {{ ref('int_sales__deltas') }}
    where
        route = 'in_window'
        and commit_seq > {{ booked }}
        and commit_seq <= (select max(last_commit_seq) from cells)
),

running as (
    select
        *,
        sum(amount) over by_commit as amount_so_far,
        sum(quantity) over by_commit as quantity_so_far,
        sum(event_count) over by_commit as event_count_so_far
    from deltas
    window by_commit as (partition by {{ cell }} order by commit_seq)
),

{% if booked >= 0 -%}
new_totals as (
    select
        {{ cell }},
        sum(amount) as amount,
        sum(quantity) as quantity,
        sum(event_count) as event_count
    from deltas
    group by {{ cell }}
),

-- Before this run: the cell as it stands now, less all that this run has added to it.
before as (
    select
        {{ cell }},
        cells.amount - new_totals.amount as amount,
        cells.quantity - new_totals.quantity as quantity,
        cells.event_count - new_totals.event_count as event_count
    from new_totals
    inner join cells using ({{ cell }})
),

{% endif -%}
int_sales__versions as (
    select
        running.store_id,
        running.category,
        running.channel,
        running.currency,
        running.business_date,
        cast(date_trunc('month', running.business_date) as date) as business_month,
        running.commit_seq,
        running.ingest_time as known_from,
        running.is_correction,
        running.lateness_days,
        running.amount as delta_amount,
        running.quantity as delta_quantity,
        running.event_count as delta_event_count,
        {% for name in ('amount', 'quantity', 'event_count') -%}
        cast(
            running.{{ name }}_so_far{% if booked >= 0 %} + before.{{ name }}{% endif %}
            as {{ 'bigint' if name == 'event_count' else 'decimal(38, 4)' }}
        ) as {{ name }}{{ ',' if not loop.last }}
        {% endfor %}
    from running
    {% if booked >= 0 -%}
    inner join before using ({{ cell }})
    {%- endif %}
)

select * from int_sales__versions
order by commit_seq, business_date, store_id, category, channel, currency
