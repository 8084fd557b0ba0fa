-- One row per store, category, channel, currency, business date and commit behind the edition.
{{ config(materialized='view', alias='sales_deltas', meta={'definition': 'view'}) }}

{{ tail_deltas(
    keys=sales_keys(),
    measures=sales_measures(),
    family='sales',
    is_of_family="event_type in ('SaleRecorded', 'SaleRefunded')",
) }}
