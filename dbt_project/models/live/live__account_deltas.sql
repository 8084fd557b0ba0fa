-- One row per account, currency, store, business date and commit behind the edition.
{{ config(materialized='view', alias='account_deltas', meta={'definition': 'view'}) }}

{{ tail_deltas(
    keys=account_keys(),
    measures=account_measures(),
    family='accounts',
    is_of_family="event_type not in ('SaleRecorded', 'SaleRefunded')",
) }}
