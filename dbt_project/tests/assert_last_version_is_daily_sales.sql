-- Rows come back when the last version of a cell is not the cell itself.
with cells as (
    select *
    from {{ ref('daily_sales') }}
    where last_commit_seq >= {{ var('laws_from_commit') }}
),

versions as (
    select *
    from {{ ref('int_sales__versions') }}
    where commit_seq >= {{ var('laws_from_commit') }}
)

select
    cells.*,
    versions.amount as version_amount,
    versions.quantity as version_quantity,
    versions.event_count as version_event_count
from cells
left join versions
    on
        cells.store_id = versions.store_id
        and cells.category = versions.category
        and cells.channel = versions.channel
        and cells.currency = versions.currency
        and cells.business_date = versions.business_date
        and cells.last_commit_seq = versions.commit_seq
where
    cells.amount is distinct from versions.amount
    or cells.quantity is distinct from versions.quantity
    or cells.event_count is distinct from versions.event_count
    or cells.known_from is distinct from versions.known_from
