-- Rows come back when a cell of daily_sales is not the sum of what commits added to it, or a
-- delta has no cell. Merging what is new must give what summing everything gives.
{% set all_of_history = var('laws_from_commit') | int == 0 %}
with
{% if not all_of_history -%}
changed_cells as (
    select store_id, category, channel, currency, business_date
    from {{ ref('int_sales__deltas') }}
    where route <> 'exception' and commit_seq >= {{ var('laws_from_commit') }}
    group by all
),

{% endif -%}
deltas as (
    select *
    from {{ ref('int_sales__deltas') }}
    {% if not all_of_history -%}
    semi join changed_cells
        using (store_id, category, channel, currency, business_date)
    {% endif -%}
),

changes as (
    {{ cell_changes('deltas') | indent(4) }}
),

summed as (
    {{ daily_sales_cells('changes') | indent(4) }}
),

merged as (
    select *
    from {{ ref('daily_sales') }}
    where last_commit_seq >= {{ var('laws_from_commit') }}
)

{{ rows_that_differ('merged', 'summed', 'merged', 'summed') }}
