-- Rows come back when a correction does not start from the figure as it was just before, or
-- its delta does not lead from before to after.
with versions as (
    select *
    from {{ ref('int_sales__versions') }}
    where is_correction and commit_seq >= {{ var('laws_from_commit') }}
),

feed as (
    select *
    from {{ ref('sales_corrections') }}
    where commit_seq >= {{ var('laws_from_commit') }}
)

select
    commit_seq,
    store_id,
    category,
    channel,
    currency,
    business_date,
    feed.amount_before,
    feed.amount_delta,
    feed.amount_after,
    versions.amount
from feed
full join versions
    using (commit_seq, store_id, category, channel, currency, business_date)
where
    feed.amount_before + feed.amount_delta is distinct from feed.amount_after
    or feed.quantity_before + feed.quantity_delta is distinct from feed.quantity_after
    or feed.event_count_before + feed.event_count_delta is distinct from
    feed.event_count_after
    or feed.amount_after is distinct from versions.amount
    or feed.quantity_after is distinct from versions.quantity
    or feed.event_count_after is distinct from versions.event_count
