"""What must hold of any warehouse at any time: SQL that finds the rows which break a law.

Independent of dbt's own tests: written over deltas, versions and the commit log alone.
Called by the tests of random histories.
"""

from typing import Final

CELL = "store_id, category, channel, currency, business_date"

ARRIVED = "route in ('in_window', 'exception')"
"""Deltas of events; the others are of decisions about events that had arrived before."""

CHANGES = f"""
    select {CELL}, commit_seq, ingest_time, bool_or(is_correction) as is_correction,
        sum(amount) as amount, sum(quantity) as quantity, sum(event_count) as event_count
    from intermediate.int_sales__deltas where route <> 'exception' group by all
"""
"""What each commit changed in each cell."""

LAWS: Final[dict[str, str]] = {
    "reported plus corrections is current, for every cell at every knowledge time": f"""
        with moments as (select commit_seq as known_at from staging.stg_lake__commits),
        changes as ({CHANGES}),
        as_known as (
            select known_at, {CELL},
                sum(amount) as amount, sum(quantity) as quantity, sum(event_count) as event_count,
                coalesce(sum(amount) filter (not is_correction), 0) as reported,
                coalesce(sum(quantity) filter (not is_correction), 0) as reported_quantity,
                coalesce(sum(event_count) filter (not is_correction), 0) as reported_count
            from changes inner join moments on commit_seq <= known_at group by all
        ),
        corrected as (
            select known_at, {CELL}, sum(amount_delta) as amount_delta,
                sum(quantity_delta) as quantity_delta, sum(event_count_delta) as count_delta
            from sales_corrections inner join moments on commit_seq <= known_at group by all
        ),
        versions as (
            select known_at, {CELL}, arg_max(amount, commit_seq) as amount,
                arg_max(quantity, commit_seq) as quantity,
                arg_max(event_count, commit_seq) as event_count
            from daily_sales_versions inner join moments on commit_seq <= known_at group by all
        )
        select * from as_known
        full join versions using (known_at, {CELL})
        left join corrected using (known_at, {CELL})
        where (as_known.amount, as_known.quantity, as_known.event_count)
            is distinct from (versions.amount, versions.quantity, versions.event_count)
            or versions.amount <> reported + coalesce(amount_delta, 0)
            or versions.quantity <> reported_quantity + coalesce(quantity_delta, 0)
            or versions.event_count <> reported_count + coalesce(count_delta, 0)
    """,
    "deltas sum to daily sales": f"""
        with changes as ({CHANGES}),
        summed as (
            select {CELL}, sum(amount) as amount, sum(quantity) as quantity,
                sum(event_count) as event_count,
                coalesce(sum(amount) filter (not is_correction), 0) as reported_amount,
                coalesce(sum(quantity) filter (not is_correction), 0) as reported_quantity,
                coalesce(sum(event_count) filter (not is_correction), 0) as reported_event_count,
                coalesce(sum(amount) filter (is_correction), 0) as correction_amount,
                count(*) filter (is_correction) as correction_count,
                bool_or(is_correction) as is_adjusted, min(ingest_time) as first_known_from,
                max(commit_seq) as last_commit_seq, max(ingest_time) as known_from
            from changes group by all
        ),
        kept as (
            select {CELL}, amount, quantity, event_count, reported_amount, reported_quantity,
                reported_event_count, correction_amount, correction_count, is_adjusted,
                first_known_from, last_commit_seq, known_from
            from daily_sales
        )
        (select * from summed except all select * from kept)
        union all
        (select * from kept except all select * from summed)
    """,
    "accepted events are the sum of their routes": f"""
        with routed as (
            select commit_seq, sum(event_count) as event_count
            from (
                select commit_seq, event_count from intermediate.int_sales__deltas
                where {ARRIVED}
                union all select commit_seq, event_count from intermediate.int_accounts__deltas
                where {ARRIVED}
                union all select commit_seq, 1 from staging.stg_control__events
            ) group by commit_seq
        ),
        outcomes as (
            select commit_seq, sum(event_count) as event_count
            from event_outcomes where outcome = 'accepted' group by commit_seq
        )
        select * from staging.stg_lake__commits as commits
        left join routed using (commit_seq) left join outcomes using (commit_seq)
        where accepted_count <> coalesce(routed.event_count, 0)
            or accepted_count <> coalesce(outcomes.event_count, 0)
    """,
    "received rows are the sum of their outcomes": """
        with outcomes as (
            select commit_seq, sum(event_count) as event_count
            from event_outcomes group by commit_seq
        )
        select * from staging.stg_lake__commits left join outcomes using (commit_seq)
        where received_count <> coalesce(event_count, 0)
            or received_count <> accepted_count + duplicate_count + quarantined_count
    """,
    "events set aside are listed one by one, and in no figure": """
        with listed as (
            select commit_seq, business_date, lateness_days, count(*) as event_count
            from late_event_exceptions group by all
        ),
        summed as (
            select commit_seq, business_date, lateness_days, sum(event_count) as event_count
            from (
                select commit_seq, business_date, lateness_days, event_count, route
                from intermediate.int_sales__deltas
                union all
                select commit_seq, business_date, lateness_days, event_count, route
                from intermediate.int_accounts__deltas
            ) where route = 'exception' group by all
        )
        select * from listed full join summed using (commit_seq, business_date, lateness_days)
        where listed.event_count is distinct from summed.event_count
    """,
    "opening balance plus movement is closing balance": """
        with movements as (
            select account_id, currency, business_date, commit_seq, sum(amount) as amount
            from intermediate.int_accounts__deltas
            where route <> 'exception' and currency <> '(none)' group by all
        ),
        versions as (
            select *, lag(balance, 1, 0) over (
                partition by account_id, currency order by commit_seq, business_date
            ) as opening
            from account_balance_versions
        )
        select * from versions
        full join movements using (account_id, currency, business_date, commit_seq)
        where delta_amount is distinct from movements.amount
            or balance is distinct from opening + movements.amount
    """,
    "balances are the last closing balance": """
        with closing as (
            select account_id, currency, sum(delta_amount) as movements,
                arg_max(balance, (commit_seq, business_date)) as balance,
                sum(delta_event_count) as event_count
            from account_balance_versions group by all
        )
        select * from closing
        full join account_balances as kept using (account_id, currency)
        where closing.balance is distinct from kept.balance
            or movements is distinct from kept.balance
            or closing.event_count is distinct from kept.event_count
    """,
    "corrections are numbered without gaps in the order they became known": """
        select * from (
            select *, row_number() over (order by commit_seq, correction_seq) as expected
            from sales_corrections
        ) where correction_seq <> expected or amount_after <> amount_before + amount_delta
    """,
    "a version is known until the next one of its cell": f"""
        select * from (
            select *, lead(known_from) over (partition by {CELL} order by commit_seq) as next_from
            from daily_sales_versions
        ) where known_to is distinct from next_from or known_to <= known_from
    """,
    "every accepted sale is in real-time sales and in lateness": f"""
        select 1 where
            (select (coalesce(sum(event_count), 0), coalesce(sum(amount), 0))
                from intermediate.int_sales__deltas where {ARRIVED})
            <> (select (coalesce(sum(event_count), 0), coalesce(sum(amount), 0))
                from real_time_sales)
            or (select coalesce(sum(event_count), 0) from real_time_sales)
            <> (select coalesce(sum(event_count), 0) from lateness)
            or (select coalesce(sum(exception_count), 0) from real_time_sales)
            <> (select coalesce(sum(exception_count), 0) from lateness)
    """,
}
