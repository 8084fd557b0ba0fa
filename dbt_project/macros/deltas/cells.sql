{# Cells of daily_sales from these in-window deltas: as known now, as reported, corrections. #}
{% macro daily_sales_cells(deltas) -%}
    select
        store_id,
        category,
        channel,
        currency,
        business_date,
        cast(date_trunc('month', business_date) as date) as business_month,
        amount,
        quantity,
        event_count,
        cast(amount - correction_amount as decimal(38, 4)) as reported_amount,
        cast(quantity - correction_quantity as decimal(38, 4)) as reported_quantity,
        event_count - correction_event_count as reported_event_count,
        correction_amount,
        correction_count,
        correction_count > 0 as is_adjusted,
        first_known_from,
        last_commit_seq,
        known_from
    from (
        select
            store_id,
            category,
            channel,
            currency,
            business_date,
            {{ total('amount') }} as amount,
            {{ total('quantity') }} as quantity,
            {{ total('event_count') }} as event_count,
            {{ total('amount', only_if='is_correction') }} as correction_amount,
            {{ total('quantity', only_if='is_correction') }} as correction_quantity,
            {{ total('event_count', only_if='is_correction') }}
                as correction_event_count,
            count(*) filter (where is_correction) as correction_count,
            min(ingest_time) as first_known_from,
            max(commit_seq) as last_commit_seq,
            max(ingest_time) as known_from
        from {{ deltas }}
        group by store_id, category, channel, currency, business_date
    )
{%- endmacro %}


{# Cells of real_time_sales from these deltas: everything accepted, late or not. #}
{% macro real_time_sales_cells(deltas) -%}
    select
        store_id,
        category,
        channel,
        currency,
        -- Whole microseconds, for live views are read in sessions of every time zone.
        make_timestamptz(epoch_us(ingest_time) // 3600000000 * 3600000000)
            as ingest_hour,
        cast(date_trunc(
            'month',
            date '1970-01-01' + cast(epoch_us(ingest_time) // 86400000000 as integer)
        ) as date) as ingest_month,
        {{ total('amount') }} as amount,
        {{ total('quantity') }} as quantity,
        {{ total('event_count') }} as event_count,
        {{ total('amount', only_if="route = 'exception'") }} as exception_amount,
        {{ total('event_count', only_if="route = 'exception'") }} as exception_count,
        max(commit_seq) as last_commit_seq,
        max(ingest_time) as known_from
    from {{ deltas }}
    group by store_id, category, channel, currency, ingest_hour, ingest_month
{%- endmacro %}


{# Balances from these in-window deltas. Opening and closing name no currency: no balance. #}
{% macro account_balance_cells(deltas) -%}
    select
        account_id,
        currency,
        {{ account_bucket('account_id') }} as account_bucket,
        {{ total('amount') }} as balance,
        {{ total('event_count') }} as event_count,
        max(business_date) as last_business_date,
        max(commit_seq) as last_commit_seq,
        max(ingest_time) as known_from
    from {{ deltas }}
    where currency <> '(none)'
    group by account_id, currency
{%- endmacro %}
