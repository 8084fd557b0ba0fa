{#
    New deltas that a period books, with their charge class: `correction` if the period they
    belong to had been closed when they were booked, `original` else. A correction is always a
    row of its own beside the originals, in the period that books it.
#}
{% macro new_postings(deltas) -%}
    {% set booked = booked_until('last_commit_seq') -%}
    {% if known_rules().general or not execute -%}
    select
        deltas.*,
        case
            when deltas.posting_period <> deltas.charge_period then 'correction'
            when periods.closed_edition > 0 then 'correction'
            else 'original'
        end as charge_class
    from {{ deltas }} as deltas
    left join {{ ref('int_periods__versions') }} as periods
        on
            deltas.posting_period = periods.period_id
            and deltas.commit_seq >= periods.commit_from
            and deltas.commit_seq < coalesce(periods.commit_to, 9223372036854775807)
    where deltas.posting_period is not null and deltas.commit_seq > {{ booked }}
    {%- else -%}
    select *, 'original' as charge_class
    from {{ deltas }}
    where posting_period is not null and commit_seq > {{ booked }}
    {%- endif %}
{%- endmacro %}


{#
    First and end date of each of these periods, as the newest calendar that has it says; else
    those of its calendar month.
#}
{% macro period_dates(ids, calendars) -%}
    with newest as (
        select period_id, first_date, end_date
        from {{ calendars }}
        qualify row_number() over (
            partition by period_id order by calendar_version desc
        ) = 1
    ),

    bounds as (
        select
            max_by(calendar_first_date, calendar_version) as calendar_first_date,
            max_by(calendar_end_date, calendar_version) as calendar_end_date
        from {{ calendars }}
    ),

    months as (
        select
            ids.period_id,
            try_cast(left(ids.period_id, 7) || '-01' as date) as month_first
        from {{ ids }} as ids
    )

    select
        months.period_id,
        coalesce(newest.first_date, case
            when months.period_id like '%-after' then bounds.calendar_end_date
            else months.month_first
        end) as first_date,
        coalesce(newest.end_date, case
            when months.period_id like '%-before' then bounds.calendar_first_date
            else cast(months.month_first + interval 1 month as date)
        end) as end_date
    from months
    cross join bounds
    left join newest
        on months.period_id = newest.period_id
{%- endmacro %}
