-- One row per cell of daily_sales from valid_from to valid_as_of, as known at known_as_of.
{{ config(
    materialized='table_function',
    parameters=['valid_as_of', 'known_as_of', 'valid_from := null'],
    meta={'definition': 'table_macro'},
) }}

select
    versions.store_id,
    versions.category,
    versions.channel,
    versions.currency,
    versions.business_date,
    {{ total('versions.delta_amount') }} as amount,
    {{ total('versions.delta_quantity') }} as quantity,
    {{ total('versions.delta_event_count') }} as event_count,
    {{ total('versions.delta_amount', only_if='not versions.is_correction') }}
        as reported_amount,
    {{ total('versions.delta_amount', only_if='versions.is_correction') }}
        as correction_amount,
    count(*) filter (where versions.is_correction) as correction_count,
    max(versions.commit_seq) as last_commit_seq,
    max(versions.known_from) as known_from
from {{ ref('int_sales__versions').include(database=false) }} as versions
where
    versions.business_date <= valid_as_of
    and versions.known_from <= known_as_of
    and (valid_from is null or versions.business_date >= valid_from)
    -- The same of the partition: other months' files are not even opened.
    and versions.business_month <= valid_as_of
    and (
        valid_from is null
        or versions.business_month
        >= cast(date_trunc('month', cast(valid_from as date)) as date)
    )
group by
    versions.store_id,
    versions.category,
    versions.channel,
    versions.currency,
    versions.business_date
