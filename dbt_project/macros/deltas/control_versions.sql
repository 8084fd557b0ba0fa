{#
    Half-open commit intervals: which registration of a store, which policy, calendar, state of
    a period or lock exception was known at a commit. The last event of a commit wins, and
    already holds for that same commit.
#}
{% macro last_of_commit_then_interval(key) -%}
    qualify row_number() over (
        partition by {{ key }}commit_seq order by row_index desc
    ) = 1
{%- endmacro %}


{# One row per store and registration: the zone and cut-off known from commit to commit. #}
{% macro store_versions(control_events) -%}
    with registrations as (
        select
            store_id,
            commit_seq,
            payload ->> '$.time_zone' as time_zone,
            payload ->> '$.day_cut_off' as day_cut_off
        from {{ control_events }}
        where event_type = 'StoreRegistered'
        {{ last_of_commit_then_interval('store_id, ') }}
    )

    select
        store_id,
        time_zone,
        cast(left(day_cut_off, 2) as integer) * 60
        + cast(right(day_cut_off, 2) as integer) as day_cut_off_minutes,
        commit_seq as commit_from,
        lead(commit_seq) over (
            partition by store_id order by commit_seq
        ) as commit_to
    from registrations
{%- endmacro %}


{#
    One row per lateness policy: the windows known from commit to commit, for a scope. A policy
    takes the place of an earlier one of the same source, period and effective_from.
#}
{% macro policy_versions(control_events) -%}
    with policies as (
        select
            commit_seq,
            cast(payload ->> '$.max_delay_days' as integer) as max_delay_days,
            cast(payload ->> '$.initial_grace_hours' as integer) as initial_grace_hours,
            payload ->> '$.source' as source,
            payload ->> '$.period_id' as period_id,
            cast(payload ->> '$.effective_from' as date) as effective_from,
            coalesce(
                from_json(payload -> '$.soft_close_sources', '["VARCHAR"]'), []
            ) as soft_close_sources,
            cast(payload ->> '$.amount_cap' as decimal(18, 4)) as amount_cap
        from {{ control_events }}
        where event_type = 'LatenessPolicySet'
        {{ last_of_commit_then_interval('source, period_id, effective_from, ') }}
    )

    select
        max_delay_days,
        initial_grace_hours,
        source,
        period_id,
        effective_from,
        soft_close_sources,
        amount_cap,
        commit_seq as commit_from,
        lead(commit_seq) over (
            partition by source, period_id, effective_from order by commit_seq
        ) as commit_to
    from policies
{%- endmacro %}


{#
    One row per period of each calendar that was defined, with the commits that know it. Where
    none is defined, and outside of it, calendar months go on.
#}
{% macro calendar_versions(control_events) -%}
    with calendars as (
        select
            commit_seq,
            cast(payload ->> '$.calendar_version' as integer) as calendar_version,
            payload ->> '$.kind' as calendar_kind,
            from_json(
                payload -> '$.periods',
                '[{"period_id":"VARCHAR","first_date":"DATE","end_date":"DATE"}]'
            ) as periods
        from {{ control_events }}
        where event_type = 'CalendarDefined'
        {{ last_of_commit_then_interval('') }}
    ),

    known_calendars as (
        select
            *,
            lead(commit_seq) over (order by commit_seq) as commit_to
        from calendars
    ),

    unnested as (
        select
            calendar_version,
            calendar_kind,
            commit_seq,
            commit_to,
            unnest(periods) as period
        from known_calendars
    )

    select
        calendar_version,
        calendar_kind,
        period.period_id,
        period.first_date,
        period.end_date,
        min(period.first_date) over (partition by calendar_version) as calendar_first_date,
        max(period.end_date) over (partition by calendar_version) as calendar_end_date,
        commit_seq as commit_from,
        commit_to
    from unnested
{%- endmacro %}


{#
    One row per period and change of its state: the state known from commit to commit. A period
    without a row is Open, unless it lies before one that was ever closed.
    `calendars` is shaped like int_calendar__periods.
#}
{% macro period_versions(control_events, calendars) -%}
    with changes as (
        select
            commit_seq,
            ingest_time,
            row_index,
            payload ->> '$.period_id' as period_id,
            case event_type
                when 'PeriodSoftClosed' then 'SoftClosed'
                when 'PeriodClosed' then 'Closed'
                else 'Reopened'
            end as state,
            coalesce(cast(payload ->> '$.sealed' as boolean), false) as sealed,
            cast(payload ->> '$.closed_edition' as integer) as closed_edition,
            cast(payload ->> '$.published_edition' as bigint) as published_edition,
            cast(payload ->> '$.cut_off_commit' as bigint) as cut_off_commit,
            payload ->> '$.certificate_sha256' as certificate_sha256,
            payload ->> '$.reason' as reason,
            payload ->> '$.request_id' as request_id
        from {{ control_events }}
        where event_type in ('PeriodSoftClosed', 'PeriodClosed', 'PeriodReopened')
    ),

    -- What the newest close said stays known through reopening and the next soft close.
    closes_kept as (
        select
            commit_seq,
            ingest_time,
            row_index,
            period_id,
            state,
            sealed,
            coalesce(last_value(closed_edition ignore nulls) over so_far, 0)
                as closed_edition,
            last_value(published_edition ignore nulls) over so_far as published_edition,
            last_value(cut_off_commit ignore nulls) over so_far as cut_off_commit,
            last_value(certificate_sha256 ignore nulls) over so_far as certificate_sha256,
            reason,
            request_id
        from changes
        window so_far as (
            partition by period_id order by row_index
            rows between unbounded preceding and current row
        )
    ),

    last_of_commits as (
        select * from closes_kept
        {{ last_of_commit_then_interval('period_id, ') }}
    ),

    month_dates as (
        select
            *,
            try_cast(left(period_id, 7) || '-01' as date) as month_first
        from last_of_commits
    )

    select
        month_dates.period_id,
        month_dates.state,
        month_dates.sealed,
        month_dates.closed_edition,
        month_dates.published_edition,
        month_dates.cut_off_commit,
        month_dates.certificate_sha256,
        month_dates.reason,
        month_dates.request_id,
        coalesce(
            calendars.first_date,
            case
                when month_dates.period_id like '%-after' then known.calendar_end_date
                else month_dates.month_first
            end
        ) as first_date,
        month_dates.ingest_time as known_from,
        month_dates.commit_seq as commit_from,
        lead(month_dates.commit_seq) over (
            partition by month_dates.period_id order by month_dates.commit_seq
        ) as commit_to
    from month_dates
    left join (
        select distinct calendar_version, calendar_end_date, commit_from, commit_to
        from {{ calendars }}
    ) as known
        on {{ half_open('month_dates.commit_seq', 'known.commit_from', 'known.commit_to') }}
    left join {{ calendars }} as calendars
        on
            known.calendar_version = calendars.calendar_version
            and month_dates.period_id = calendars.period_id
{%- endmacro %}


{# One row per lock exception: what it lets through, and the commits in which it holds. #}
{% macro lock_exceptions(control_events) -%}
    with grants as (
        select
            payload ->> '$.lock_exception_id' as lock_exception_id,
            payload ->> '$.period_id' as period_id,
            payload ->> '$.source' as source,
            payload ->> '$.store_id' as store_id,
            cast(payload ->> '$.amount_cap' as decimal(18, 4)) as amount_cap,
            cast(payload ->> '$.expires_at_us' as bigint) as expires_at_us,
            payload ->> '$.reason' as reason,
            payload ->> '$.request_id' as request_id,
            commit_seq as commit_from
        from {{ control_events }}
        where event_type = 'LockExceptionGranted'
    ),

    revocations as (
        select
            payload ->> '$.lock_exception_id' as lock_exception_id,
            min(commit_seq) as commit_to
        from {{ control_events }}
        where event_type = 'LockExceptionRevoked'
        group by lock_exception_id
    )

    select
        lock_exception_id,
        period_id,
        source,
        store_id,
        amount_cap,
        expires_at_us,
        reason,
        request_id,
        commit_from,
        commit_to
    from grants
    left join revocations using (lock_exception_id)
{%- endmacro %}
