{#
    Where figures go, by what was known at their own commit.

    `placed` has a business_day and a zone_no beside its commit_seq; its rows come back as CTE
    `routed` with business_date, period_id, ingest_time, exception_reason (null: in the window),
    is_correction and lateness_days. All instants are whole microseconds.

    until the initial cut-off   the day is still being filled: reported
    until the final cut-off     late inside the allowed window: a correction
    after it                    an exception: kept for people, in no figure until they decide

    Example: grace 6 hours, window 5 days, day D ends at midnight. Learned on D+1 at 06:00:
    reported, 0 days late. One microsecond later: a correction, 1 day late. After D+6 06:00:
    an exception, 6 days late.
#}
{% macro routing(placed, rules) -%}
    {{ routing_by_period(placed, rules) if rules.general else routing_by_day(placed) }}
{%- endmacro %}


{% macro routing_by_day(placed) -%}
    {%- set initial_cut_off_us = '(days.next_start_us + rules.initial_grace_us)' -%}
    routed as (
        select
            placed.*,
            days.business_date,
            days.period_id,
            rules.ingest_time,
            case
                when rules.ingest_us > {{ initial_cut_off_us }} + rules.max_delay_us
                    then 'too_late'
            end as exception_reason,
            {{ lateness_columns('rules.ingest_us', initial_cut_off_us) | indent(12) }}
        from {{ placed }} as placed
        inner join rules
            on placed.commit_seq = rules.commit_seq
        inner join days
            on
                placed.zone_no = days.zone_no
                and placed.business_day = days.business_day
    )
{%- endmacro %}


{# The pure twin is ledger/routing.py. Needs source and exceeded_cap in `placed`. #}
{% macro routing_by_period(placed, rules) -%}
    -- Materialized: else DuckDB may join all commits' rules with all days of their calendar first,
    -- 33 million rows for 3,000 small commits.
    placed_with_rules as materialized (
        select
            placed.*,
            rules.ingest_time,
            rules.ingest_us,
            rules.calendar_version,
            rules.locked_before
        from {{ placed }} as placed
        inner join rules
            on placed.commit_seq = rules.commit_seq
    ),

    dated as materialized (
        select
            placed.* exclude (calendar_version, locked_before),
            days.business_date,
            days.period_id,
            days.next_start_us,
            coalesce(periods.state, case
                when days.period_end <= placed.locked_before then 'Closed' else 'Open'
            end) as state,
            coalesce(periods.sealed, false) as sealed
        from placed_with_rules as placed
        inner join days
            on
                placed.zone_no = days.zone_no
                and placed.business_day = days.business_day
                and placed.calendar_version = days.calendar_version
        left join known_periods as periods
            on
                days.period_id = periods.period_id
                and placed.commit_seq >= periods.commit_from
                and placed.commit_seq < coalesce(periods.commit_to, 9223372036854775807)
    ),

    cases as (
        select distinct commit_seq, source, business_date, period_id
        from dated
    ),

    -- The most specific policy, then the latest effective_from.
    chosen_policies as (
        select
            cases.commit_seq,
            cases.source,
            cases.business_date,
            cases.period_id,
            arg_max(
                policies,
                (
                    cast(policies.source is not null as integer) * 2
                    + cast(policies.period_id is not null as integer),
                    coalesce(policies.effective_from, date '0001-01-01')
                )
            ) as policy
        from cases
        inner join known_policies as policies
            on
                cases.commit_seq >= policies.commit_from
                and cases.commit_seq < coalesce(policies.commit_to, 9223372036854775807)
                and (policies.source is null or policies.source = cases.source)
                and (policies.period_id is null or policies.period_id = cases.period_id)
                and (
                    policies.effective_from is null
                    or policies.effective_from <= cases.business_date
                )
        group by all
    ),

    ruled as (
        select
            dated.*,
            dated.next_start_us
            + coalesce(chosen.policy.initial_grace_hours, 6) * 3600000000
                as initial_cut_off_us,
            coalesce(chosen.policy.max_delay_days, 5) * 86400000000 as max_delay_us,
            chosen.policy.amount_cap as amount_cap,
            coalesce(
                list_contains(chosen.policy.soft_close_sources, dated.source), false
            ) as may_book_soft_closed,
            exists (
                select 1
                from known_locks as locks
                where
                    locks.period_id = dated.period_id
                    and dated.commit_seq >= locks.commit_from
                    and dated.commit_seq < coalesce(locks.commit_to, 9223372036854775807)
                    and dated.ingest_us < locks.expires_at_us
                    and (locks.source is null or locks.source = dated.source)
                    and (locks.store_id is null or locks.store_id = dated.store_id)
                    and (
                        locks.amount_cap is null
                        or dated.exceeded_cap is null
                        or dated.exceeded_cap < locks.amount_cap
                    )
            ) as is_covered
        from dated
        left join chosen_policies as chosen
            on
                dated.commit_seq = chosen.commit_seq
                and dated.source is not distinct from chosen.source
                and dated.business_date = chosen.business_date
                and dated.period_id = chosen.period_id
    ),

    routed as (
        select
            * exclude (next_start_us),
            case
                when state = 'Closed' then 'period_closed'
                when state = 'SoftClosed' and sealed then 'period_soft_closed'
                when is_covered then null
                when state = 'Reopened' then 'period_reopened'
                when state = 'SoftClosed' and not may_book_soft_closed
                    then 'period_soft_closed'
                when ingest_us > initial_cut_off_us + max_delay_us then 'too_late'
                when exceeded_cap >= amount_cap then 'over_amount_cap'
            end as exception_reason,
            {{ lateness_columns('ingest_us', 'initial_cut_off_us') | indent(12) }}
        from ruled
    )
{%- endmacro %}


{% macro lateness_columns(ingest_us, initial_cut_off_us) -%}
    {{ ingest_us }} > {{ initial_cut_off_us }} as is_correction,
    cast(
        (greatest({{ ingest_us }} - {{ initial_cut_off_us }}, 0) + 86399999999)
        // 86400000000 as integer
    ) as lateness_days
{%- endmacro %}


{# The tables every booking looks things up in: zones, days, and the rules of each commit. #}
{% macro booking_rules(rules, commits, utc_days) -%}
known_stores as materialized (
        select store_id, time_zone, day_cut_off_minutes, commit_from, commit_to
        from {{ rules.stores }}
    ),

    zones as (
        {{ zones('known_stores') | indent(8) }}
    ),

    store_zones as (
        {{ store_zones('known_stores', 'zones') | indent(8) }}
    ),

    business_day_starts as (
        {{ business_day_starts('zones', utc_days) | indent(8) }}
    ),

    zone_days as (
        {{ zone_days('business_day_starts') | indent(8) }}
    ),

    {{ period_rules(rules, commits) if rules.general else day_rules(rules, commits) }}
{%- endmacro %}


{#
    One row per commit: when it became known, and the lateness policy known at it.
    Without a policy: 6 hours of grace, 5 days of window, as `ledgerlake init` proposes.
#}
{% macro day_rules(rules, commits) -%}
days as (
        select
            zone_no,
            business_day,
            next_start_us,
            date '1970-01-01' + cast(business_day as integer) as business_date,
            {{ month_id('business_date') }} as period_id
        from business_day_starts
    ),

    rules as (
        select
            commits.commit_seq,
            commits.ingest_time,
            epoch_us(commits.ingest_time) as ingest_us,
            coalesce(policies.initial_grace_hours, 6) * 3600000000 as initial_grace_us,
            coalesce(policies.max_delay_days, 5) * 86400000000 as max_delay_us
        from {{ commits }} as commits
        left join {{ rules.policies }} as policies
            on
                commits.commit_seq >= policies.commit_from
                and commits.commit_seq < coalesce(policies.commit_to, 9223372036854775807)
    )
{%- endmacro %}


{# As day_rules, with calendar, states and lock exceptions; calendar_version 0 is months. #}
{% macro period_rules(rules, commits) -%}
known_calendars as materialized (
        select * from {{ rules.calendars }}
    ),

    known_periods as materialized (
        select period_id, state, sealed, first_date, commit_from, commit_to
        from {{ rules.periods }}
    ),

    known_policies as materialized (
        select * from {{ rules.policies }}
    ),

    known_locks as materialized (
        select * from {{ rules.locks }}
    ),

    rules as materialized (
        select
            commits.commit_seq,
            commits.ingest_time,
            epoch_us(commits.ingest_time) as ingest_us,
            coalesce(max(calendars.calendar_version), 0) as calendar_version,
            -- Periods before the first ever closed are locked with it.
            min(closes.first_date) as locked_before
        from {{ commits }} as commits
        left join (
            select distinct calendar_version, commit_from, commit_to from known_calendars
        ) as calendars
            on
                commits.commit_seq >= calendars.commit_from
                and commits.commit_seq < coalesce(calendars.commit_to, 9223372036854775807)
        left join (
            select first_date, commit_from from known_periods where state = 'Closed'
        ) as closes
            on commits.commit_seq >= closes.commit_from
        group by commits.commit_seq, commits.ingest_time
    ),

    days as materialized (
        select
            starts.zone_no,
            starts.business_day,
            starts.next_start_us,
            dates.business_date,
            dates.calendar_version,
            dates.period_id,
            dates.period_end
        from business_day_starts as starts
        inner join (
            {{ period_days('known_calendars', 'business_day_starts') | indent(12) }}
        ) as dates
            on starts.business_day = dates.business_day
    )
{%- endmacro %}


{#
    One row per calendar version and business day: its period. Outside a calendar's own periods,
    calendar months go on, cut where it begins and ends.
#}
{% macro period_days(calendars, business_day_starts) -%}
    with dates as (
        select distinct
            business_day,
            date '1970-01-01' + cast(business_day as integer) as business_date,
            cast(date_trunc('month', business_date) as date) as month_first,
            cast(month_first + interval 1 month as date) as month_end
        from {{ business_day_starts }}
    ),

    versions as (
        select distinct calendar_version, calendar_first_date, calendar_end_date
        from {{ calendars }}
        union all
        select 0 as calendar_version, null, null
    )

    select
        dates.business_day,
        dates.business_date,
        versions.calendar_version,
        coalesce(calendars.period_id, {{ month_id('dates.business_date') }} || case
            when
                versions.calendar_first_date > dates.month_first
                and versions.calendar_first_date < dates.month_end then '-before'
            when
                versions.calendar_end_date > dates.month_first
                and versions.calendar_end_date < dates.month_end then '-after'
            else ''
        end) as period_id,
        coalesce(calendars.end_date, case
            when
                versions.calendar_first_date > dates.month_first
                and versions.calendar_first_date < dates.month_end
                then versions.calendar_first_date
            else dates.month_end
        end) as period_end
    from dates
    cross join versions
    left join {{ calendars }} as calendars
        on
            versions.calendar_version = calendars.calendar_version
            and dates.business_date >= calendars.first_date
            and dates.business_date < calendars.end_date
{%- endmacro %}


{# The calendar month of a date, as 2011-03. #}
{% macro month_id(date) -%}
    left(cast({{ date }} as varchar), 7)
{%- endmacro %}
