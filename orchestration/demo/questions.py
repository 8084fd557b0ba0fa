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

CORRECTED = "select coalesce(sum(event_count_delta), 0), count(*) from sales_corrections"

LARGEST_CORRECTIONS = """
    select
        store_id as store,
        business_date,
        known_from,
        max(lateness_days) as days_late,
        sum(event_count_delta) as events,
        sum(amount_before) as before,
        sum(amount_delta) as delta,
        sum(amount_after) as after
    from sales_corrections
    group by store_id, business_date, known_from
    order by abs(sum(amount_delta)) desc, store_id, business_date, known_from
    limit 5
"""

MOMENTS_OF_A_DAY = """
    select known_from, bool_and(is_correction) as is_correction
    from daily_sales_versions
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
        sum(if(event_type = 'SaleRefunded', -amount, amount)) as amount
    from late_event_exceptions
    group by store_id, business_date
    order by abs(sum(if(event_type = 'SaleRefunded', -amount, amount))) desc, store, business_date
    limit 3
"""
