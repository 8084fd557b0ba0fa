-- Rows come back when a cell of daily_sales is not the sum of what commits added to it, or a
-- delta has no cell. Merging what is new must give what summing everything gives.
with changed_cells as (
    select store_id, category, channel, currency, business_date
    from {{ ref('int_sales__deltas') }}
    where route = 'in_window' and commit_seq >= {{ var('laws_from_commit') }}
    group by all
),

deltas as (
    select *
    from {{ ref('int_sales__deltas') }}
    {% if var('laws_from_commit') > 0 -%}
    semi join changed_cells
        using (store_id, category, channel, currency, business_date)
    {% endif -%}
    where route = 'in_window'
),

summed as (
    {{ daily_sales_cells('deltas') | indent(4) }}
),

merged as (
    select *
    from {{ ref('daily_sales') }}
    where last_commit_seq >= {{ var('laws_from_commit') }}
),

differing as (
    (select 'merged' as found_in, * from merged except all select 'merged', * from summed)
    union all
    (select 'summed', * from summed except all select 'summed', * from merged)
)

select * from differing
