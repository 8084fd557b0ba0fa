-- One row per accounting period that is in the calendar, has a state or has bookings.
{{ config(materialized='view', meta={'definition': 'view'}) }}

with control_events as (
    select * from {{ ref('stg_control__events').include(database=false) }}
),

calendars as (
    {{ calendar_versions('control_events') | indent(4) }}
),

versions as (
    {{ period_versions('control_events', 'calendars') | indent(4) }}
),

states as (
    select * from versions
    where commit_to is null
),

first_closed as (
    select min(first_date) as first_date from versions
    where state = 'Closed'
),

ids as (
    select period_id from calendars
    where commit_to is null
    union
    select period_id from states
    union
    select charge_period from {{ ref('period_sales').include(database=false) }}
    union
    select posting_period from {{ ref('period_sales').include(database=false) }}
    union
    select posting_period
    from {{ ref('int_accounts__postings').include(database=false) }}
    union
    select period_id from {{ ref('late_event_exceptions').include(database=false) }}
),

dates as (
    {{ period_dates('ids', 'calendars') | indent(4) }}
),

accounting_periods as (
    select
        dates.period_id,
        dates.first_date,
        dates.end_date,
        coalesce(states.state, case
            when dates.end_date <= first_closed.first_date then 'Closed' else 'Open'
        end) as state,
        coalesce(states.sealed, false) as sealed,
        states.cut_off_commit,
        coalesce(states.closed_edition, 0) as closed_edition,
        states.published_edition,
        states.certificate_sha256,
        states.known_from as state_known_from,
        states.commit_from as state_commit,
        case when states.state = 'Reopened' then states.reason end as reopen_reason
    from dates
    cross join first_closed
    left join states
        on dates.period_id = states.period_id
)

select * from accounting_periods
