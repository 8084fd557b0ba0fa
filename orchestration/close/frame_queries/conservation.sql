-- One row per scope and family: what arrived, and where it is.
with exceptions as (
    select
        if(event_type in ('SaleRecorded', 'SaleRefunded'), 'sales', 'accounts') as family,
        business_date >= $first_date and business_date < $end_date as in_period,
        status,
        count(*) as event_count
    from main.late_event_exceptions
    group by all
),

commits as (
    select
        ingest_time >= cast($first_date as date) and ingest_time < cast($end_date as date)
            as in_period,
        received_count, accepted_count, duplicate_count, quarantined_count
    from staging.stg_lake__commits
),

outcomes as (
    select
        ingest_time >= cast($first_date as date) and ingest_time < cast($end_date as date)
            as in_period,
        route,
        event_count
    from main.event_outcomes
    where outcome = 'accepted'
),

received as (
    select
        'lake' as scope, '(all)' as family,
        sum(received_count) as received_count,
        sum(accepted_count + duplicate_count + quarantined_count) as outcome_count,
        sum(quarantined_count) as quarantined_count,
        (select max(tree_size) from staging.stg_lake__commits) as accepted_count,
        (select sum(event_count) from outcomes where route <> 'exception') as in_window_count
    from commits
    union all
    select
        'period', families.family, 0, 0, 0,
        (select sum(event_count) from gate_lake where ledger = families.family),
        (
            select sum(event_count) from gate_arrivals
            where ledger = families.family and route = 'in_window'
        )
    from (values ('accounts'), ('sales')) as families (family)
    union all
    select
        'arrivals', '(all)',
        sum(received_count),
        sum(accepted_count + duplicate_count + quarantined_count),
        sum(quarantined_count),
        sum(accepted_count),
        (select sum(event_count) from outcomes where in_period)
    from commits
    where in_period
),

by_status as (
    select
        received.scope, received.family,
        coalesce(sum(e.event_count) filter (where e.status = 'pending'), 0) as pending_count,
        coalesce(sum(e.event_count) filter (where e.status = 'next_period'), 0)
            as next_period_count,
        coalesce(sum(e.event_count) filter (where e.status = 'restated'), 0)
            as restated_count,
        coalesce(sum(e.event_count) filter (where e.status = 'rejected'), 0)
            as rejected_count
    from received
    left join exceptions as e
        on
            received.scope = 'lake'
            or (received.scope = 'period' and e.in_period and received.family = e.family)
    group by received.scope, received.family
)

select
    scope,
    family,
    cast(coalesce(received_count, 0) as bigint) as received_count,
    cast(coalesce(outcome_count, 0) as bigint) as outcome_count,
    cast(coalesce(quarantined_count, 0) as bigint) as quarantined_count,
    cast(coalesce(accepted_count, 0) as bigint) as accepted_count,
    cast(
        coalesce(in_window_count, 0)
        + pending_count + next_period_count + restated_count + rejected_count
        as bigint
    ) as routed_count,
    cast(coalesce(in_window_count, 0) as bigint) as in_window_count,
    cast(pending_count as bigint) as pending_count,
    cast(next_period_count as bigint) as next_period_count,
    cast(restated_count as bigint) as restated_count,
    cast(rejected_count as bigint) as rejected_count
from received
inner join by_status using (scope, family)
order by scope, family
