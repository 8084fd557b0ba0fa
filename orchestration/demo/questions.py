"""What the demo's report asks the published edition, as SQL over `current.duckdb`.

Holds queries only. Called by `orchestration.demo.report`.
"""

ARRIVALS = """
    select
        sum(event_count) as received,
        sum(event_count) filter (where outcome = 'accepted') as accepted,
        sum(event_count) filter (where route = 'in_window') as booked,
        sum(event_count) filter (where route = 'exception') as exceptions,
        sum(event_count) filter (where outcome = 'duplicate') as duplicate,
        sum(event_count) filter (where outcome = 'quarantined') as quarantined
    from event_outcomes
    where event_type in ('SaleRecorded', 'SaleRefunded')
"""

DECIDED = """
    select status, count(*) as events
    from late_event_exceptions
    group by status
"""

CORRECTED = """
    select
        coalesce(sum(event_count_delta) filter (decided_at is null), 0) as late_events,
        count(*) as corrections
    from sales_corrections
    left join (select distinct decided_at from late_event_exceptions) on decided_at = known_from
"""
"""Events booked after their day was reported and without a decision; all corrections."""

LARGEST_CORRECTIONS = """
    select
        store_id as store,
        business_date,
        known_from,
        max(lateness_days) as days_late,
        if(any_value(decided_at) is null, 'late arrival', 'decided') as because,
        sum(event_count_delta) as events,
        sum(amount_before) as before,
        sum(amount_delta) as delta,
        sum(amount_after) as after
    from sales_corrections
    left join (select distinct decided_at from late_event_exceptions) on decided_at = known_from
    group by store_id, business_date, known_from
    order by abs(sum(amount_delta)) desc, store_id, business_date, known_from
    limit 5
"""

MOMENTS_OF_A_DAY = """
    select
        known_from,
        case
            when any_value(decided_at) is not null then 'decided by two people'
            when bool_and(is_correction) then 'late arrival'
            else 'first reported'
        end as because
    from daily_sales_versions
    left join (select distinct decided_at from late_event_exceptions) on decided_at = known_from
    where business_date = $day
    group by known_from
    order by known_from
"""
"""When the figure of a day changed."""

MOST_CORRECTED_DAY = """
    select business_date
    from sales_corrections
    group by business_date
    order by count(distinct known_from) desc, sum(abs(amount_delta)) desc, business_date
    limit 1
"""

DAY_AS_OF = """
    select coalesce(sum(delta_amount), 0), coalesce(sum(delta_event_count), 0)
    from daily_sales_versions
    where business_date = $day and known_from <= $known_as_of
"""

BROKEN_CELLS = """
    select count(*)
    from daily_sales
    full join (
        select
            store_id, category, channel, currency, business_date,
            sum(amount_delta) as corrected
        from sales_corrections
        group by all
    ) as corrections using (store_id, category, channel, currency, business_date)
    where reported_amount + coalesce(corrected, 0) is distinct from amount
"""
"""Cells whose reported figure and corrections do not add up to the current figure."""

CELLS = "select count(*) from daily_sales"

EXCEPTIONS = """
    select
        store_id as store,
        business_date,
        max(lateness_days) as days_late,
        count(*) as events,
        sum(if(event_type = 'SaleRefunded', -amount, amount)) as amount,
        status,
        posting_period as booked_in,
        requester as asked_by,
        approver as approved_by
    from late_event_exceptions
    group by store_id, business_date, status, posting_period, requester, approver
    order by
        status = 'next_period',
        abs(sum(if(event_type = 'SaleRefunded', -amount, amount))) desc, store, business_date
    limit 7
"""
"""Those that went another way than most first."""

RESTATED = """
    select period_id
    from accounting_periods
    where closed_edition > 1
    order by period_id desc
    limit 1
"""
