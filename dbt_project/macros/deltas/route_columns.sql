{#
    How a figure is booked that the lake learned at rules.ingest_us, on the business day that
    ended at business_day_starts.next_start_us. All instants are whole microseconds.

    until the initial cut-off   the day is still being filled: reported
    until the final cut-off     late inside the allowed window: a correction
    after it                    an exception: kept for people, in no figure until they decide

    Example: grace 6 hours, window 5 days, day D ends at midnight. Learned on D+1 at 06:00:
    reported, 0 days late. One microsecond later: a correction, 1 day late. After D+6 06:00:
    an exception, 6 days late.
#}
{% macro route_columns() -%}
    {%- set initial_cut_off_us -%}
        (business_day_starts.next_start_us + rules.initial_grace_us)
    {%- endset -%}
    case
        when rules.ingest_us <= {{ initial_cut_off_us }} + rules.max_delay_us then 'in_window'
        else 'exception'
    end as route,
    rules.ingest_us > {{ initial_cut_off_us }} as is_correction,
    cast(
        (greatest(rules.ingest_us - {{ initial_cut_off_us }}, 0) + 86399999999)
        // 86400000000 as integer
    ) as lateness_days
{%- endmacro %}


{#
    One row per commit: when it became known, and the lateness policy known at it.
    Without a policy: 6 hours of grace, 5 days of window, as `ledgerlake init` proposes.
#}
{% macro commit_rules(commits, policies) -%}
    select
        commits.commit_seq,
        commits.ingest_time,
        epoch_us(commits.ingest_time) as ingest_us,
        coalesce(policies.initial_grace_hours, 6) * 3600000000 as initial_grace_us,
        coalesce(policies.max_delay_days, 5) * 86400000000 as max_delay_us
    from {{ commits }} as commits
    left join {{ policies }} as policies
        on
            commits.commit_seq >= policies.commit_from
            and commits.commit_seq < coalesce(policies.commit_to, 9223372036854775807)
{%- endmacro %}
