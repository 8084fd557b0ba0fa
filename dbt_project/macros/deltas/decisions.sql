{#
    Decisions about exceptions, and what they book: an event posted anew at the commit of its
    decision, and the posting before it taken back. Chained decisions add up to the last one.
#}

{# One row per decision after commit `after`: what it says, and what it takes the place of. #}
{% macro decisions(control_events, after=-1) -%}
    select
        commit_seq,
        ingest_time,
        row_index as decision_row_index,
        payload ->> '$.event_id' as event_id,
        cast(payload ->> '$.row_index' as bigint) as row_index,
        payload ->> '$.decision' as decision,
        payload ->> '$.posting_period' as posting_period,
        payload ->> '$.previous_decision' as previous_decision,
        payload ->> '$.previous_posting_period' as previous_posting_period,
        payload ->> '$.request_id' as request_id
    from {{ control_events }}
    where event_type = 'LateEventDecided' and commit_seq > {{ after }}
{%- endmacro %}


{#
    Deltas of decisions. `decided_events` has one row per event with its business_date, period_id
    and lateness_days as routed at its own commit. `rejected` and `pending` book nothing.
#}
{% macro decided_deltas(keys, measures, decisions, decided_events) -%}
    select
        {% for key in keys -%}
        coalesce(events.{{ key }}, '(none)') as {{ key }},
        {% endfor -%}
        events.business_date,
        postings.commit_seq,
        postings.ingest_time,
        postings.route,
        events.period_id as charge_period,
        postings.posting_period,
        true as is_correction,
        postings.is_reversal,
        events.lateness_days,
        {% for name, expression in measures.items() -%}
        cast(
            coalesce({{ expression }}, 0)
            * any_value(case when postings.is_reversal then -1 else 1 end)
            as {{ figure_type(name) }}
        ) as {{ name }}{{ ',' if not loop.last }}
        {% endfor %}
    from (
        select
            row_index,
            commit_seq,
            ingest_time,
            decision as route,
            posting_period,
            false as is_reversal
        from {{ decisions }}
        union all
        select
            row_index,
            commit_seq,
            ingest_time,
            previous_decision as route,
            previous_posting_period as posting_period,
            true as is_reversal
        from {{ decisions }}
    ) as postings
    inner join {{ decided_events }} as events
        on postings.row_index = events.row_index
    where postings.route in ('next_period', 'restated')
    group by all
{%- endmacro %}


{# A value of the signed statement in a control event: its second line is JSON. #}
{% macro statement_value(name) -%}
    split_part(payload ->> '$.statement', chr(10), 2) ->> '$.{{ name }}'
{%- endmacro %}
