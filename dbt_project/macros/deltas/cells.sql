{#
    What these deltas change in figures: one row per cell and commit, exceptions left out. If a
    part of a commit's change of a cell is a correction, the change is one.

    `general` false: the lake has no rule that gives a cell two rows in one commit.
#}
{% macro cell_changes(deltas, general=true) -%}
    {% if general -%}
    select
        store_id,
        category,
        channel,
        currency,
        business_date,
        commit_seq,
        ingest_time,
        bool_or(is_correction) as is_correction,
        max(lateness_days) as lateness_days,
        case
            when bool_or(is_reversal) then 'decision_changed'
            when bool_or(route = 'restated') then 'restatement'
            when bool_or(posting_period <> charge_period) then 'prior_period_adjustment'
            when bool_or(is_correction) then 'late_arrival'
        end as reason,
        {{ total('amount') }} as amount,
        {{ total('quantity') }} as quantity,
        {{ total('event_count') }} as event_count
    from {{ deltas }}
    where route <> 'exception'
    group by
        store_id, category, channel, currency, business_date, commit_seq, ingest_time
    {%- else -%}
    select
        store_id,
        category,
        channel,
        currency,
        business_date,
        commit_seq,
        ingest_time,
        is_correction,
        lateness_days,
        case when is_correction then 'late_arrival' end as reason,
        amount,
        quantity,
        event_count
    from {{ deltas }}
    where route = 'in_window'
    {%- endif %}
{%- endmacro %}


{# Cells of daily_sales from these changes: as known now, as reported, corrections. #}
{% macro daily_sales_cells(changes) -%}
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
        from {{ changes }}
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
    -- Decisions bring no event: what they post arrived before.
    where route in ('in_window', 'exception')
    group by store_id, category, channel, currency, ingest_hour, ingest_month
{%- endmacro %}


{# Balances from these deltas, exceptions left out. Opening and closing name no currency: no balance. #}
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
    where route <> 'exception' and currency <> '(none)'
    group by account_id, currency
{%- endmacro %}


{# Cells of period_sales from these postings: the books, by the period that booked them. #}
{% macro period_sales_cells(postings) -%}
    select
        posting_period,
        charge_period,
        charge_class,
        store_id,
        category,
        channel,
        currency,
        {{ total('amount') }} as amount,
        {{ total('quantity') }} as quantity,
        {{ total('event_count') }} as event_count,
        posting_period <> charge_period as is_prior_period_adjustment,
        max(commit_seq) as last_commit_seq,
        max(ingest_time) as known_from
    from {{ postings }}
    group by
        posting_period, charge_period, charge_class, store_id, category, channel, currency
{%- endmacro %}
