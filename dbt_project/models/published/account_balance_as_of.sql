-- One row per currency of one account: its balance on valid_as_of, as known at known_as_of.
{{ config(
    materialized='table_function',
    parameters=['of_account', 'valid_as_of', 'known_as_of'],
    meta={'definition': 'table_macro'},
) }}

select
    versions.account_id,
    versions.currency,
    {{ total('versions.delta_amount') }} as balance,
    {{ total('versions.delta_event_count') }} as event_count,
    max(versions.business_date) as last_business_date,
    max(versions.commit_seq) as last_commit_seq,
    max(versions.known_from) as known_from
from {{ ref('account_balance_versions').include(database=false) }} as versions
where
    -- The bucket opens one published file out of 64.
    versions.account_bucket = {{ account_bucket('of_account') }}
    and versions.account_id = of_account
    and versions.business_date <= valid_as_of
    and versions.known_from <= known_as_of
group by versions.account_id, versions.currency
