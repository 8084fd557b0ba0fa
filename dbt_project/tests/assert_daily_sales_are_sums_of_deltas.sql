-- Rows come back when a cell of daily_sales is not the sum of what commits added to it, or a
-- delta has no cell. Merging what is new must give what summing everything gives.
with changed_cells as (
    select store_id, category, channel, currency, business_date
    from {{ ref('int_sales__deltas') }}
    where route <> 'exception' and commit_seq >= {{ var('laws_from_commit') }}
    group by all
),

deltas as (
    select *
    from {{ ref('int_sales__deltas') }}
    semi join changed_cells
        using (store_id, category, channel, currency, business_date)
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
),

merged_only as (
    select * from merged
    except all
    select * from summed
),

summed_only as (
    select * from summed
    except all
    select * from merged
)

select 'merged' as found_in, merged_only.* from merged_only
union all
select 'summed' as found_in, summed_only.* from summed_only
