-- One row per correction of a sales figure that became known in [known_from, known_to).
{{ config(
    materialized='table_function',
    parameters=['known_from', 'known_to'],
    meta={'definition': 'table_macro'},
) }}

{# Columns are qualified throughout: a bare known_from would be the parameter. -#}
select
    feed.correction_seq,
    feed.commit_seq,
    feed.known_from,
    feed.store_id,
    feed.category,
    feed.channel,
    feed.currency,
    feed.business_date,
    feed.amount_before,
    feed.amount_delta,
    feed.amount_after,
    feed.quantity_before,
    feed.quantity_delta,
    feed.quantity_after,
    feed.event_count_before,
    feed.event_count_delta,
    feed.event_count_after,
    feed.lateness_days,
    feed.reason
from {{ ref('sales_corrections').include(database=false) }} as feed
where {{ half_open('feed.known_from', 'known_from', 'known_to') }}
