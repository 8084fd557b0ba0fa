-- One row per event that arrived after its day's final cut-off and waits for a decision.
{{ config(
    materialized='incremental',
    incremental_strategy='append',
    unique_key='row_index',
    on_schema_change='fail',
    meta={'publish': {'kind': 'append', 'partition': none, 'watermark': 'commit_seq'}},
) }}
{% set booked = booked_until() %}
{% set families = {
    'sales': ref('int_sales__deltas'), 'accounts': ref('int_accounts__deltas')
} %}
{# Only segments whose sums say that they hold an exception are opened again. -#}
{% set late = {} -%}
{% for family, deltas in families.items() -%}
{% set commits = commits_with_exceptions(deltas, after=booked) -%}
{% set segments = new_segments(family, after=booked, only_commits=commits) -%}
{% if segments.paths or (not late and loop.last) -%}
{% do late.update({family: segments}) -%}
{% endif -%}
{% endfor -%}

with commits as (
    select commit_seq, ingest_time
    from {{ ref('stg_lake__commits') }}
    where commit_seq > {{ booked }}
),

{% for family, segments in late.items() -%}
{{ family }}_events as (
    select * from {{ read_segments(segments.paths) }}
),

routed_{{ family }} as (
    {{ routed_events(
        events=family ~ '_events',
        commits='commits',
        stores=ref('int_stores__versions'),
        policies=ref('int_policies__versions'),
        first_us=segments.first_us,
        last_us=segments.last_us,
    ) | indent(4) }}
),

{% endfor -%}
routed as (
    {% for family in late -%}
    select * from routed_{{ family }}
    {% if not loop.last %}union all
    {% endif -%}
    {% endfor %}
),

late_event_exceptions as (
    select
        event_id,
        event_type,
        commit_seq,
        row_index,
        ingest_time,
        event_time,
        business_date,
        store_id,
        account_id,
        category,
        channel,
        currency,
        amount,
        quantity,
        lateness_days,
        route,
        'pending' as status,
        source,
        source_partition,
        source_offset
    from routed
    where route = 'exception'
)

select * from late_event_exceptions
order by row_index
