-- One row per decision about an exception: what, who, when and why.
{{ config(
    materialized='incremental',
    incremental_strategy='append',
    unique_key='decision_row_index',
    on_schema_change='fail',
) }}

with decided as (
    {{ decisions(ref('stg_control__events'), after=booked_until()) | indent(4) }}
),

statements as (
    select
        event_type,
        payload ->> '$.request_id' as request_id,
        {{ statement_value('person') }} as person,
        {{ statement_value('reason') }} as reason
    from {{ ref('stg_control__events') }}
    where event_type in ('ActionRequested', 'ActionApproved')
),

int_exceptions__decisions as (
    select
        decided.commit_seq,
        decided.ingest_time,
        decided.decision_row_index,
        decided.event_id,
        decided.row_index,
        decided.decision,
        decided.posting_period,
        decided.previous_decision,
        decided.previous_posting_period,
        decided.request_id,
        requests.person as requester,
        approvals.person as approver,
        requests.reason as decision_reason
    from decided
    left join statements as requests
        on
            decided.request_id = requests.request_id
            and requests.event_type = 'ActionRequested'
    left join statements as approvals
        on
            decided.request_id = approvals.request_id
            and approvals.event_type = 'ActionApproved'
)

select * from int_exceptions__decisions
order by decision_row_index
