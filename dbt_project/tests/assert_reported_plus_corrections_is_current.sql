-- Rows come back when the reported figure of a cell and the corrections fed since do not add
-- up to the current one: someone who applied the feed would hold another figure.
with cells as (
    select *
    from {{ ref('daily_sales') }}
    where last_commit_seq >= {{ var('laws_from_commit') }}
),

fed as (
    select
        corrections.store_id,
        corrections.category,
        corrections.channel,
        corrections.currency,
        corrections.business_date,
        sum(corrections.amount_delta) as amount,
        sum(corrections.quantity_delta) as quantity,
        sum(corrections.event_count_delta) as event_count,
        count(*) as correction_count
    from {{ ref('sales_corrections') }} as corrections
    {% if var('laws_from_commit') | int > 0 -%}
    semi join cells using (store_id, category, channel, currency, business_date)
    {% endif -%}
    group by all
)

select
    cells.*,
    fed.amount as fed_amount,
    fed.quantity as fed_quantity,
    fed.event_count as fed_event_count
from cells
left join fed using (store_id, category, channel, currency, business_date)
where
    cells.reported_amount + coalesce(fed.amount, 0) <> cells.amount
    or cells.reported_quantity + coalesce(fed.quantity, 0) <> cells.quantity
    or cells.reported_event_count + coalesce(fed.event_count, 0) <> cells.event_count
    or cells.correction_amount <> coalesce(fed.amount, 0)
    or cells.correction_count <> coalesce(fed.correction_count, 0)
    or cells.is_adjusted <> (coalesce(fed.correction_count, 0) > 0)
