-- One row per account and ended period it has events in: the account at the period's end.
{{ config(materialized='table') }}
{% set until_commits %}(select max(commit_seq) from {{ ref('stg_lake__commits') }}){% endset %}
{% set segments = new_segments('accounts', after=-1) %}

with events as (
    select
        account_id,
        commit_seq,
        stream_version,
        event_type,
        currency,
        amount,
        cast(event_time as date) as event_date,
        epoch_us(event_time) as event_us,
        case
            when event_type in (
                'AccountOpened', 'FundsReserved', 'FundsReleased', 'FundsCaptured',
                'FundsRefunded'
            ) and json_valid(payload) then payload
        end as payload
    from {{ read_segments(segments.paths, read_as_newest('accounts')) }}
    where account_id is not null
),

calendar as (
    select * from {{ ref('int_calendar__periods') }}
    where commit_to is null
),

dates as (
    select
        event_date,
        cast(date_trunc('month', event_date) as date) as month_first,
        cast(date_trunc('month', event_date) + interval 1 month as date) as month_end
    from events
    group by event_date
),

bounds as (
    select min(first_date) as first_date, max(end_date) as end_date from calendar
),

-- Outside of the calendar, months go on, cut where it begins and ends.
periods as (
    select
        dates.event_date,
        coalesce(
            calendar.period_id,
            strftime(dates.month_first, '%Y-%m')
            || case
                when
                    bounds.first_date > dates.event_date
                    and bounds.first_date < dates.month_end
                    then '-before'
                when
                    bounds.end_date > dates.month_first
                    and bounds.end_date <= dates.event_date
                    then '-after'
                else ''
            end
        ) as period_id,
        coalesce(
            calendar.end_date,
            case
                when bounds.first_date > dates.event_date
                    then least(bounds.first_date, dates.month_end)
                else dates.month_end
            end
        ) as end_date
    from dates
    cross join bounds
    left join calendar
        on
            dates.event_date >= calendar.first_date
            and dates.event_date < calendar.end_date
),

placed as (
    select
        events.*,
        periods.period_id,
        epoch_us(cast(periods.end_date as timestamp)) as at_us
    from events
    inner join periods
        on events.event_date = periods.event_date
),

moved as (
    select
        account_id,
        period_id,
        at_us,
        count(*) as new_events,
        max(commit_seq) as last_commit_seq,
        max(stream_version) as last_version,
        min(event_us) filter (where event_type = 'AccountClosed') as closed_us,
        -- As ledger.accounts.evolve ranks openings: the first counts.
        min({
            'opened_us': event_us,
            'currency': coalesce(currency, ''),
            'overdraft_limit': {{ payload_decimal('overdraft_limit') }}
        }) filter (where event_type = 'AccountOpened') as opening
    from placed
    group by account_id, period_id, at_us
),

so_far as (
    select
        account_id,
        period_id,
        at_us,
        sum(new_events) over up_to as event_count,
        max(last_commit_seq) over up_to as last_commit_seq,
        max(last_version) over up_to as last_version,
        min(closed_us) over up_to as closed_us,
        min(opening) over up_to as opening
    from moved
    window up_to as (
        partition by account_id order by at_us
        rows between unbounded preceding and current row
    )
),

-- What each event adds to each part of the state.
additions as (
    select
        account_id,
        at_us,
        'balance' as part,
        coalesce(currency, 'XXX') as part_key,
        case
            when event_type in ({{ counts_down() }}) then -amount
            else coalesce(amount, 0)
        end as added
    from placed
    where event_type not in ('AccountOpened', 'AccountClosed')
    union all
    select
        account_id,
        at_us,
        'hold' as part,
        payload ->> '$.hold_id' as part_key,
        case event_type
            when 'FundsReserved' then {{ payload_decimal('amount') }}
            when 'FundsReleased' then -{{ payload_decimal('amount') }}
            else -amount - {{ payload_decimal('released') }}
        end as added
    from placed
    where event_type in ('FundsReserved', 'FundsReleased', 'FundsCaptured')
    union all
    select
        account_id,
        at_us,
        'refundable' as part,
        payload ->> '$.hold_id' as part_key,
        case event_type when 'FundsCaptured' then amount else -amount end as added
    from placed
    where event_type in ('FundsCaptured', 'FundsRefunded')
),

added as (
    select account_id, at_us, part, part_key, sum(added) as added
    from additions
    group by account_id, at_us, part, part_key
),

amounts as (
    select
        account_id,
        at_us as from_us,
        part,
        part_key,
        cast(sum(added) over by_end as decimal(38, 4)) as amount,
        lead(at_us, 1, 9223372036854775807) over by_end as until_us
    from added
    window by_end as (partition by account_id, part, part_key order by at_us)
),

parts as (
    select
        so_far.account_id,
        so_far.at_us,
        map_from_entries(list((part_key, amount) order by part_key) filter (
            where part = 'balance'
        )) as balances,
        map_from_entries(list((part_key, amount) order by part_key) filter (
            where part = 'hold'
        )) as holds,
        map_from_entries(list((part_key, amount) order by part_key) filter (
            where part = 'refundable'
        )) as refundable,
        string_agg(
            part || ' ' || lower(hex(encode(part_key))) || ' ' || amount || chr(10), ''
            order by part, lower(hex(encode(part_key)))
        ) as part_lines
    from so_far
    inner join amounts
        on
            so_far.account_id = amounts.account_id
            and so_far.at_us >= amounts.from_us
            and so_far.at_us < amounts.until_us
    -- A balance of zero says which currency the account is kept in; the rest is settled.
    where part = 'balance' or amount <> 0
    group by so_far.account_id, so_far.at_us
),

account_snapshots as (
    select
        so_far.account_id,
        {{ account_bucket('so_far.account_id') }} as account_bucket,
        so_far.period_id,
        so_far.at_us,
        {{ until_commits }} as until_commit,
        so_far.last_commit_seq,
        so_far.last_version,
        'account/1' as state_format,
        cast(so_far.event_count as bigint) as event_count,
        so_far.opening.opened_us,
        nullif(so_far.opening.currency, '') as currency,
        so_far.opening.overdraft_limit,
        so_far.closed_us,
        parts.balances,
        parts.holds,
        parts.refundable,
        -- The lines ledger.accounts.state writes down.
        sha256(
            'account/1' || chr(10)
            || 'account ' || lower(hex(encode(so_far.account_id))) || chr(10)
            || coalesce(
                'opened ' || so_far.opening.opened_us || ' '
                || coalesce(nullif(so_far.opening.currency, ''), '-') || ' '
                || so_far.opening.overdraft_limit || chr(10),
                ''
            )
            || coalesce('closed ' || so_far.closed_us || chr(10), '')
            || coalesce(parts.part_lines, '')
            || 'events ' || so_far.event_count
        ) as digest
    from so_far
    left join parts
        on so_far.account_id = parts.account_id and so_far.at_us = parts.at_us
    where so_far.at_us <= (
        select max(epoch_us(ingest_time)) from {{ ref('stg_lake__commits') }}
    )
)

select * from account_snapshots
order by account_id, at_us
