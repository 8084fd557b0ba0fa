-- Rows come back when a version of a figure is not the sum of everything its cell had
-- learned by then. Reads all versions, so it runs in full builds only.
{{ config(tags=['full']) }}

with running as (
    select
        *,
        sum(delta_amount) over by_commit as amount_so_far,
        sum(delta_quantity) over by_commit as quantity_so_far,
        sum(delta_event_count) over by_commit as event_count_so_far
    from {{ ref('int_sales__versions') }}
    window by_commit as (
        partition by store_id, category, channel, currency, business_date
        order by commit_seq
    )
)

select *
from running
where
    amount <> amount_so_far
    or quantity <> quantity_so_far
    or event_count <> event_count_so_far
