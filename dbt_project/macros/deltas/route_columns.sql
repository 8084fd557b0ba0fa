{#
    How a figure that became known at `ingest_us` is booked on the business day that ended at
    `day_end_us`. All instants are whole microseconds.

    until initial cut-off   the day is still being filled: reported
    until final cut-off     late inside the allowed window: a correction
    after it                an exception: kept for people, in no figure until they decide
#}
{% macro route_columns(ingest_us, day_end_us, initial_grace_hours, max_delay_days) -%}
    {% set initial -%}
        ({{ day_end_us }} + {{ initial_grace_hours }} * 3600000000)
    {%- endset -%}
    case
        when {{ ingest_us }} <= {{ initial }} + {{ max_delay_days }} * 86400000000
            then 'in_window'
        else 'exception'
    end as route,
    {{ ingest_us }} > {{ initial }} as is_correction,
    cast(
        (greatest({{ ingest_us }} - {{ initial }}, 0) + 86399999999) // 86400000000 as integer
    ) as lateness_days
{%- endmacro %}
