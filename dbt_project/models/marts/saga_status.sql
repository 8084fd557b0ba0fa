-- One row per saga: how it stands as of the build, and how it came to be so.
{{ config(materialized='view', meta={'definition': 'view'}) }}

with told as (
    select
        commit_seq,
        ingest_time,
        row_index,
        event_type,
        event_time,
        payload,
        payload ->> '$.saga_id' as saga_id,
        payload ->> '$.saga' as saga,
        payload ->> '$.step' as step,
        payload ->> '$.reason' as reason
    from {{ ref('stg_control__events').include(database=false) }}
),

-- Each kind of saga begins with an event of a type of its own, which names the kind.
events as (
    select *
    from told
    where
        event_type in (
            'SagaStepSucceeded', 'SagaStepFailed', 'SagaTurnedBack',
            'SagaWaitsForPerson', 'SagaDecidedByPerson', 'SagaEnded'
        )
        or (saga is not null and saga_id is not null)
),

summed as (
    select
        saga_id,
        min(payload) filter (where saga is not null) as begin_payload,
        min(event_time) filter (where saga is not null) as begun,
        max_by(event_type, row_index) filter (where event_type <> 'SagaStepFailed')
            as last_type,
        max_by(payload, row_index) as last_payload,
        bool_or(event_type = 'SagaTurnedBack') as is_turned_back,
        -- Of steps that failed, the reason may be a passing one.
        max_by(reason, row_index) filter (where event_type <> 'SagaStepFailed')
            as reason,
        max_by(step, row_index) as last_step,
        count(*) filter (where event_type = 'SagaStepSucceeded') as steps_done,
        count(*) filter (where event_type = 'SagaStepFailed') as failed_tries,
        max(event_time) filter (where event_type = 'SagaEnded') as ended,
        max(commit_seq) as last_commit_seq,
        max(ingest_time) as known_from
    from events
    group by saga_id
),

saga_status as (
    select
        saga_id,
        begin_payload ->> '$.saga' as saga,
        case
            when last_type = 'SagaEnded' then last_payload ->> '$.outcome'
            when last_type = 'SagaWaitsForPerson' then 'waiting'
            when is_turned_back then 'undoing'
            else 'running'
        end as status,
        begin_payload ->> '$.account_id' as account_id,
        begin_payload ->> '$.currency' as currency,
        cast(begin_payload ->> '$.amount' as decimal(18, 4)) as amount,
        begun,
        ended,
        last_step,
        reason,
        cast(steps_done as bigint) as steps_done,
        cast(failed_tries as bigint) as failed_tries,
        last_commit_seq,
        known_from
    from summed
)

select * from saga_status
