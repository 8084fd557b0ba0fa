-- One row per event routed to people, with what became of it.
{% set decided_columns = [
    'status', 'posting_period', 'decided_at', 'decided_commit', 'requester', 'approver',
    'decision_reason', 'request_id', 'last_commit_seq'
] %}
{{ config(
    materialized='incremental',
    incremental_strategy='merge',
    unique_key='row_index',
    merge_update_columns=decided_columns,
    merge_update_set_expressions=merge_expressions(replace=decided_columns),
    on_schema_change='fail',
    meta={'publish': {
        'kind': 'partitioned', 'partition': 'business_month', 'watermark': 'last_commit_seq'
    }},
) }}
{% set booked = booked_until('last_commit_seq') %}

with new_decisions as (
    select row_index
    from {{ ref('int_exceptions__decisions') }}
    where commit_seq > {{ booked }}
),

events as (
    select *
    from {{ ref('int_exceptions__events') }}
    where commit_seq > {{ booked }}
    union all
    select *
    from {{ ref('int_exceptions__events') }}
    where
        commit_seq <= {{ booked }}
        and row_index in (select row_index from new_decisions)
),

last_decisions as (
    select *
    from {{ ref('int_exceptions__decisions') }}
    qualify row_number() over (
        partition by row_index order by decision_row_index desc
    ) = 1
),

late_event_exceptions as (
    select
        events.event_id,
        events.event_type,
        events.commit_seq,
        events.row_index,
        events.ingest_time,
        events.event_time,
        events.business_date,
        cast(date_trunc('month', events.business_date) as date) as business_month,
        events.period_id,
        events.store_id,
        events.account_id,
        events.category,
        events.channel,
        events.currency,
        events.amount,
        events.quantity,
        events.lateness_days,
        'exception' as route,
        events.exception_reason,
        coalesce(decisions.decision, 'pending') as status,
        decisions.posting_period,
        decisions.ingest_time as decided_at,
        decisions.commit_seq as decided_commit,
        decisions.requester,
        decisions.approver,
        decisions.decision_reason,
        decisions.request_id,
        greatest(events.commit_seq, coalesce(decisions.commit_seq, -1))
            as last_commit_seq,
        events.payment_reference,
        events.payer_name,
        events.payer_account,
        events.source,
        events.source_partition,
        events.source_offset
    from events
    left join last_decisions as decisions
        on events.row_index = decisions.row_index
)

select * from late_event_exceptions
order by row_index
